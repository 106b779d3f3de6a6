"""Correlations between the bins of an unfolded distribution."""

from __future__ import annotations

from itertools import pairwise

from hepflow.errors import ConfigError
from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.plots.matrix import draw_matrix
from hepflow.plots.style import styled
from hepflow.quantity import Quantity
from hepflow.sample import FloatArray


@styled
def bin_correlations(
    quantity: Quantity,
    edges: FloatArray,
    matrix: FloatArray,
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw correlations in percent; what rounds to zero is left empty.

    Parameters
    ----------
    quantity
        What is in the bins.
    edges
        Of the bins, shape ``(B + 1,)``.
    matrix
        Shape ``(B, B)``.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    bins = len(edges) - 1
    if matrix.shape != (bins, bins):
        raise ConfigError(f"correlations of shape {matrix.shape}; expected {(bins, bins)}")
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    title = f"Correlation of {quantity.name} [%]"
    return draw_matrix(matrix, names, title, label=label, right=right)
