"""Correlations of generated events less those of real ones, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hepflow.errors import ConfigError
from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.plots.matrix import draw_matrix
from hepflow.plots.style import styled
from hepflow.sample import FloatArray

STEP = 0.05  # of the end of the colours: differences of one percent are no alarm


@styled
def correlation_differences(
    generated: FloatArray,
    real: FloatArray,
    names: Sequence[str],
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw the difference of two matrices of correlations.

    Parameters
    ----------
    generated, real
        Correlations, shape ``(D, D)``.
    names
        Of the columns.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    shape = (len(names), len(names))
    if generated.shape != shape or real.shape != shape:
        raise ConfigError(
            f"correlations of {generated.shape} and {real.shape}; expected {shape} for {', '.join(names)}"
        )
    away = generated - real
    most = STEP * max(ceil(float(abs(away).max(initial=0.0)) / STEP), 1)
    title = "Correlation, generated less real [%]"
    return draw_matrix(away, names, title, label=label, right=right, most=most)
