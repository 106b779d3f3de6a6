"""Generated showers as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.showers.published import PUBLISHED
from hepflow.text import aligned, number, with_error

if TYPE_CHECKING:
    from hepflow.studies.showers.record import ShowerRecord

FAILED = "FAILED CHECKS; the showers cannot stand for real ones as they are:"
OTHERS = "the rows below hepflow's are of other showers (data set 1 of the CaloChallenge), for the scale only"
SHOWN = 5  # observables


def text(found: ShowerRecord) -> str:
    """Return what tells the showers from real ones; what failed stands first and last."""
    failed = [FAILED, *(f"- {verdict.sentence}" for verdict in found.failed)] if found.failed else []
    far = sorted(found.judgement.separation, key=lambda one: one.value - one.same, reverse=True)[:SHOWN]
    lines = [
        f"{found.name}: {found.generated:,} showers in {found.output}, {found.voxels} voxels in "
        f"{len(found.layers)} layers, seed {found.seed}",
        f"learned from {found.trained:,} showers, held against {found.held_out:,} others",
        "",
        *aligned(table(found)),
        OTHERS,
        "",
        *aligned(
            [["mean energy", "generated / real"]]
            + [[one.where, with_error(one.ratio, one.error)] for one in found.means]
        ),
        "",
        *aligned(
            [["farthest observables", "separation power", "without a difference"]]
            + [[one.name, number(one.value), number(one.same)] for one in far]
        ),
    ]
    return "\n".join([*failed, *lines, *failed])


def table(found: ShowerRecord) -> list[list[str]]:
    """Return areas under the ROC curve of networks, beside what papers found of other showers."""
    told = {one.level: with_error(one.auc, one.auc_error) for one in found.judgement.told}
    own = "files" if found.source == "files" else f"simulated, {found.source}"
    rows = [["model", "showers", "AUC low", "AUC high"]]
    rows.append(["hepflow", own, told.get("low", "-"), told.get("high", "-")])
    rows += [[one.model, one.showers, f"{one.low:.3f}", f"{one.high:.3f}"] for one in PUBLISHED]
    return rows
