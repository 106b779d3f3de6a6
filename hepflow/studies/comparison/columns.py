"""Which numbers a table of methods shows, a column each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepflow.studies.comparison.record import Estimate
from hepflow.studies.comparison.summary import IDEALIZED, Summary


@dataclass(frozen=True)
class Column:
    """A column: its title, the quantity (see `MethodResult.quantities`), and whether relative to the idealized."""

    title: str
    quantity: str
    relative: bool = False

    def of(self, summary: Summary) -> Estimate | None:
        """Return the number of one method; None where it has none."""
        return (summary.relative if self.relative else summary.mean).get(self.quantity)

    def doubted(self, summary: Summary) -> bool:
        """Return whether the number rests on a fit behind a cut that failed a check."""
        what, _, cut = self.quantity.partition(" at ")
        return what in ("z", "pull") and float(cut) in summary.doubted


def columns(summaries: Sequence[Summary]) -> list[Column]:
    """Return the columns for the methods at one injection; those that no method has a number for are left out.

    Significance improvement where there is a signal to be learned, pulls where there is none; then significances and
    closure, and the improvement at the tightest cut relative to the idealized detector.
    """
    cuts = sorted(
        {name.split(" at ")[1] for one in summaries for name in one.mean if name.startswith("z at ")},
        key=float,
        reverse=True,
    )
    if any(one.injected for one in summaries):
        found = [*(Column(f"SIC {cut}", f"sic at {cut}") for cut in cuts)]
        found += [Column("max SIC", "max_sic"), Column("AUC", "auc")]
    else:
        found = [Column(f"pull {cut}", f"pull at {cut}") for cut in cuts]
    found += [Column(f"Z {cut}", f"z at {cut}") for cut in cuts]
    found.append(Column("closure SR", "closure SR"))
    if cuts and any(one.injected for one in summaries):
        found.append(Column(f"SIC {cuts[-1]} / {IDEALIZED}", f"sic at {cuts[-1]}", relative=True))
    return [column for column in found if any(column.of(one) is not None for one in summaries)]
