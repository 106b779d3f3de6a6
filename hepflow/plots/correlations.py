"""The correlation matrix of a fit, with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.plots.matrix import draw_matrix
from hepflow.plots.style import styled

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Correlations


@styled
def correlations(result: Correlations, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw correlation coefficients in percent; what rounds to zero is left empty.

    Parameters
    ----------
    result
        What `hepflow.stats.correlations` returned; its `threshold` leaves out what moves alone.
    label, right
        Text above the left and the right corner.
    """
    return draw_matrix(result.matrix, result.names, "Correlation [%]", label=label, right=right)
