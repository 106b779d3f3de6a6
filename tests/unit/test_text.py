"""Numbers and tables as plain text."""

import math

import pytest

from hepflow import text
from hepflow.printable import printable


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (14_561.8, 137.3, "14,562 +- 137"),
        (152.34, 57.1, "152 +- 57"),
        (128.9, 12.3, "129 +- 12"),
        (0.7854, 0.2955, "0.79 +- 0.30"),
        (0.123, 0.0998, "0.12 +- 0.10"),
        (0.0, 9.97, "0 +- 10"),
        (0.0228, 0.0015, "0.0228 +- 0.0015"),
        (1.15e-12, 1.2e-13, "(1.15 +- 0.12)e-12"),
        (0.0, 0.0002, "(0.0 +- 2.0)e-4"),
        (14_561.8, None, "14,562"),
        (-1234.5, 0.0, "-1,234"),
        (0.50179, None, "0.502"),
        (3.0, math.nan, "3"),
        (math.nan, 0.1, "-"),
        (math.inf, 0.1, "-"),
    ],
)
def test_a_number_and_its_error(value, error, written):
    assert text.with_error(value, error) == written


def test_numbers_and_bands():
    assert text.number(None) == text.number(math.nan) == "-"
    assert text.number(0.12345) == "0.123"
    assert text.number(2.0, ".2f") == "2.00"
    assert text.band((0.1, 0.2, 0.3, 0.4, 0.5)) == "0.3 (0.2-0.4)"


def test_columns_are_aligned():
    assert text.aligned([("cut", "Z"), ("inclusive", "1.25")]) == ["cut           Z", "inclusive  1.25"]


def test_control_characters_are_written_out():
    assert printable("a\tb\nc") == "a\tb\nc"
    assert printable("\x1b[31mred\x07\r\x9b\x7f") == r"\x1b[31mred\x07\r\x9b\x7f"
    assert printable("\u202egpj.exe \udcff \u2028") == r"\u202egpj.exe \udcff \u2028"
    assert printable("\u03bc \u202f 100 \xa0 \u00b1 \U0001d54a") == "\u03bc \u202f 100 \xa0 \u00b1 \U0001d54a"


def test_long_lines_are_cut_in_their_middle():
    cut = printable("a" * 60 + "b" * 60 + "\n" + "c" * 100, 100)
    assert cut == "a" * 50 + " ... (20 characters left out) ... " + "b" * 50 + "\n" + "c" * 100
