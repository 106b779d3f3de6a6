"""How far methods agree: the overlap of the events that they select, and the correlation of their scores."""

from __future__ import annotations

from collections.abc import Sequence

from hepflow.errors import ConfigError
from hepflow.plots.artists import percent
from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.plots.matrix import draw_matrix
from hepflow.plots.style import styled
from hepflow.studies.comparison.record import Comparison, Matrix
from hepflow.studies.comparison.summary import mean_agreement

TITLES = {"overlap": r"Overlap $|A \cap B|\,/\,|A \cup B|$ [%]", "correlation": "Rank correlation [%]"}


@styled
def agreement(
    matrices: Sequence[Matrix], comparison: Comparison, *, label: Label | str = "hepflow"
) -> Figure:
    """Draw the mean of matrices over the seeds, in percent, for the methods that are in all of them.

    Parameters
    ----------
    matrices
        Of one kind, injection and background efficiency, one a seed.
    comparison
        They are of, for titles and text.
    label
        Text above the left corner.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if not matrices:
        raise ConfigError("no matrix to draw: a comparison of one method agrees with nothing")
    first = matrices[0]
    names, values = mean_agreement(matrices)
    titles = {one.method: one.title for one in comparison.results}
    cut = first.background_efficiency
    right = f"{first.injected:,} injected" + (rf", $\epsilon_B$ = {percent(cut)}" if cut is not None else "")
    return draw_matrix(
        values,
        [titles.get(name, name) for name in names],
        TITLES[first.what],
        signed=first.what == "correlation",
        label=label,
        right=right,
    )
