"""The figures of a study of showers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hepflow.plots.figure import Figure
from hepflow.plots.generated import Panel, generated_features
from hepflow.plots.label import Label
from hepflow.plots.training import flow_losses
from hepflow.studies.showers.record import Compared, ShowerRecord

NOTE = (
    "Points: real showers that were held out. Line and band: generated showers. Below: real over generated."
)


def figures(found: ShowerRecord, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the record holds the numbers for."""
    right = f"{found.name}, {found.voxels} voxels"
    for name, each, vertical in (
        ("mean_shower", found.profiles, "Mean energy [GeV]"),
        ("energies", found.energies, "Showers"),
        ("shapes", found.shapes, "Showers"),
    ):
        yield (
            name,
            generated_features(_panels(each), label=label, right=right, vertical=vertical, note=NOTE),
        )
    yield "losses", flow_losses(list(found.losses.values()), label=label, right=right)


def _panels(each: Sequence[Compared]) -> list[Panel]:
    return [
        Panel(
            one.quantity.axis,
            *map(np.asarray, (one.edges, one.generated, one.generated_error, one.real, one.real_error)),
        )
        for one in each
    ]
