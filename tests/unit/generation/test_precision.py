"""Columns that were rounded are told from those that were not."""

import numpy as np
import pytest

from hepflow.generation.precision import differently_rounded, rounded

X = np.random.default_rng(1).gamma(2.0, 40.0, 1000)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (X, ""),
        (X.astype(np.float32).astype(float), ""),
        (np.round(X, 3), "3 decimals"),
        (np.round(X), "whole numbers"),
        (np.array([float(f"{one:.4g}") for one in X * 1e-7]), "4 digits"),
    ],
)
def test_rounding_in_words(column, words):
    assert rounded(column) == words


def test_two_columns_of_one_precision_are_none_of_two():
    assert differently_rounded(np.round(X, 2), np.round(2 * X, 2)) is None
    assert differently_rounded(X, X.astype(np.float32).astype(float)) is None
    assert differently_rounded(np.round(X, 3), X) == ("3 decimals", "not rounded")
    assert differently_rounded(np.round(X, 3), np.round(X, 1)) == ("3 decimals", "1 decimal")
