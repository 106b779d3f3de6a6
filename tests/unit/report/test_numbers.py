"""Numbers as physicists write them: known answers, and that none is further off than its last digit."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow import results
from hepflow.report import numbers, texts

PLAIN = str.maketrans(
    {**{high: low for low, high in zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)}, ",": None}
)


def value_of(text):
    """Return the number that a text stands for, and the size of its last digit."""
    factor, _, power = text.translate(PLAIN).partition(" × 10")
    scale = 10.0 ** int(power or 0)
    return float(factor) * scale, 10.0 ** -len(factor.partition(".")[2]) * scale


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (152.34, 57.1, "152 ± 57"),
        (14_561.8, 137.3, "14,562 ± 137"),
        (0.7854, 0.2955, "0.79 ± 0.30"),
        (0.50179, 0.00168, "0.5018 ± 0.0017"),
        (-0.36, 0.17, "-0.36 ± 0.17"),
        (0.123, 0.0998, "0.12 ± 0.10"),
        (7.4e-15, 1.0e-15, "(7.4 ± 1.0) × 10⁻¹⁵"),
        (1.5, None, "1.50"),
        (1.5, 0.0, "1.50"),
        (None, 0.1, "–"),
        (math.nan, 0.1, "–"),
    ],
)
def test_a_value_and_its_error(value, error, text):
    assert numbers.measured(value, error) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0379, "0.038"),
        (0.5, "0.50"),
        (0.0031, "3.1 × 10⁻³"),
        (3.12e-13, "3.1 × 10⁻¹³"),
        (0.0, "< 10⁻³⁰⁰"),
        (None, "–"),
    ],
)
def test_p_values(p, text):
    assert numbers.p_value(p) == text


def test_other_numbers():
    assert numbers.sigma(2.7076) == "2.7\u202fσ"
    assert numbers.sigma(None) == numbers.count(None) == numbers.percent(None) == "–"
    assert numbers.count(14_581.0) == "14,581"
    assert numbers.percent(0.001) == "0.1%"
    assert numbers.window((3300.0, 3700.0)) == "3300 to 3700 GeV"
    assert numbers.mass_range((3300.0, 3700.0)) == "3300 to 3700"
    assert numbers.between(12.34, None) == "12.3 to –"
    assert numbers.between(None, None) == "–"
    assert numbers.band((0.163, 0.220, 0.308, 0.436, 0.595)) == "0.31 (0.22 to 0.44)"
    assert numbers.band((None,) * 5) == "–"
    assert [numbers.duration(s) for s in (0.215, 41.6, 192, 7500)] == [
        "0.2 s",
        "42 s",
        "3 min 12 s",
        "2 h 5 min",
    ]


@given(st.floats(1e-280, 1e12), st.sampled_from([-1, 1]), st.integers(2, 5))
def test_no_number_is_further_off_than_half_its_last_digit(size, sign, digits):
    written, last = value_of(numbers.plain(sign * size, digits))
    assert abs(written - sign * size) <= 0.5001 * last
    assert last <= 1.0001 * max(10.0 ** (math.floor(math.log10(size)) - digits + 2), 1e-300) or last == 1.0


@given(st.floats(1e-200, 1.0))
def test_p_values_to_two_digits(p):
    assert value_of(numbers.p_value(p))[0] == pytest.approx(p, rel=0.051)


@given(st.floats(-1e9, 1e9), st.floats(1e-12, 1e6))
def test_errors_keep_two_digits(value, error):
    text = numbers.measured(value, error).strip("()").replace(") × ", " × ")
    middle, _, power = text.partition(" × ")
    factor, written = middle.split(" ± ")
    scale = f" × {power}" if power else ""
    assert value_of(written + scale)[0] == pytest.approx(error, rel=0.051)
    found, last = value_of(factor + scale)
    assert abs(found - value) <= 0.5001 * last + 1e-9 * abs(value)


def test_efficiencies_that_differ_have_names_that_differ():
    one, other = (SimpleNamespace(background_efficiency=value) for value in (0.01, 0.0100000001))
    assert (texts.cut_name(one), texts.cut_name(other)) == ("1%", "1.00000001%")
    assert texts.cut_name(SimpleNamespace(background_efficiency=0.07)) == "7%"
    assert (results.cut_name(0.01), results.cut_name(0.0100000001)) == ("eps0.01", "eps0.0100000001")
    assert (results.cut_name(1e-5), results.cut_name(1)) == ("eps1e-05", "inclusive")
