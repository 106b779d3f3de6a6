"""Columns of two precisions, between two samples and within one: named with both, and no others."""

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.precision import check_precision, precision, two_precisions

NAMES = ("x",)


def column(events=2000, seed=1, scale=1.0):
    return scale * np.random.default_rng(seed).gamma(2, 1, events)


def digits(values, count):
    return np.array([float(f"{value:.{count - 1}e}") for value in values])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (column(), "all digits"),
        (np.float32(column()), "all digits"),
        (column(scale=1e-5), "all digits"),
        (column(scale=1e5), "all digits"),
        (np.float32(column(scale=1e5)), "all digits"),
        (column().round(3), "3 decimals"),
        (np.float32(column().round(3)), "3 decimals"),
        (column(scale=100).round(1), "1 decimals"),
        (np.random.default_rng(1).poisson(200, 999).astype(float), "0 decimals"),
        (digits(column(scale=1e-4), 3), "3 digits"),
        (np.float16(column()), "11 bits"),
        (np.where(np.arange(2000) < 800, column().round(3), column()), "3 decimals in 40% of its rows"),
        (np.where(np.arange(2000) < 800, -999.0, column()), "all digits"),  # padded
        (np.where(np.arange(2000) < 1950, 0.0, column()), ""),
        (column(50), ""),
    ],
)
def test_the_precision_of_a_column(values, told):
    assert precision(np.asarray(values, dtype=np.float64)) == told


def test_a_column_of_two_precisions_is_named_with_both():
    full, rounded = column()[:, None], column(seed=2)[:, None].round(3)
    with pytest.raises(
        InputError,
        match=r"'x' has all digits in the data sample and 3 decimals in the simulation one: .* Round both alike",
    ):
        check_precision(full, rounded, NAMES, ("data", "simulation"))
    some = np.where(np.arange(2000)[:, None] < 1000, rounded, full)
    with pytest.raises(InputError, match="has 3 decimals in 50% of its rows in the second sample"):
        check_precision(full, some, NAMES)
    check_precision(full, column(seed=3)[:, None], NAMES)
    check_precision(rounded, column(seed=3)[:, None].round(3), NAMES)
    check_precision(np.float32(full), full, NAMES)  # no classifier of single precision sees that
    assert len(list(two_precisions(rounded, rounded.round(2), NAMES))) == 1


def test_decimals_and_digits_of_the_same_numbers_are_no_difference():
    low, high = digits(column(seed=1) % 8 + 1, 4)[:, None], digits(column(seed=2) * 5 + 1, 4)[:, None]
    check_precision(low, high, NAMES)
