"""The figures of an unfolding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hepflow.plots.artists import numbers
from hepflow.plots.bin_correlations import bin_correlations
from hepflow.plots.bottom_line import bottom_line
from hepflow.plots.event_weights import event_weights
from hepflow.plots.figure import Figure
from hepflow.plots.iterations import iterations
from hepflow.plots.label import Label
from hepflow.plots.posterior_coverage import posterior_coverage
from hepflow.plots.refolded import refolded
from hepflow.plots.unfolded import unfolded
from hepflow.studies.unfolding.record import ObservableRecord, UnfoldingRecord, Weights


def figures(found: UnfoldingRecord, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the record holds the numbers for."""
    right = f"{found.name}, {found.method}"
    for one in found.observables:
        yield from _of(one, found, label, right)
    lines = [(f"{one.quantity.name}, {line.model}", line) for one in found.observables for line in one.lines]
    if lines:
        names = [name for name, _ in lines]
        chi2 = (numbers(getattr(line, side) for _, line in lines) for side in ("before", "after"))
        yield "bottom_line", bottom_line(names, *chi2, label=label, right=right)
    if found.weights is not None:
        yield from _weights(found.weights, label, right)
    if found.coverage is not None:
        levels, inside, control = (
            np.asarray(one) for one in (found.coverage.levels, found.coverage.found, found.coverage.control)
        )
        yield (
            "coverage",
            posterior_coverage(levels, inside, control, found.coverage.names, label=label, right=right),
        )


def _of(
    one: ObservableRecord, found: UnfoldingRecord, label: Label | str, right: str
) -> Iterator[tuple[str, Figure]]:
    name, binned, edges = one.quantity.name, one.unfolded, np.asarray(one.unfolded.edges)
    reference = None
    if one.reference is not None and found.reference is not None:
        reference = (found.reference, np.asarray(one.reference.values), np.asarray(one.reference.error))
    yield (
        f"unfolded_{name}",
        unfolded(
            one.quantity,
            edges,
            np.asarray(binned.values),
            (np.asarray(binned.error), np.asarray(one.error)),
            np.asarray(binned.prior),
            reference=reference,
            label=label,
            right=right,
        ),
    )
    yield (
        f"correlations_{name}",
        bin_correlations(one.quantity, edges, one.correlation, label=label, right=right),
    )
    seen = one.seen
    if seen is not None and seen.refolded is not None:
        yield (
            f"refolded_{name}",
            refolded(
                f"Reconstructed {one.quantity.axis}",
                np.asarray(seen.edges),
                (np.asarray(seen.data), np.asarray(seen.data_error)),
                np.asarray(seen.refolded.found),
                np.asarray(seen.simulated),
                error=np.asarray(seen.refolded.error),
                unit=one.quantity.unit,
                label=label,
                right=right,
            ),
        )


def _weights(found: Weights, label: Label | str, right: str) -> Iterator[tuple[str, Figure]]:
    change = numbers(one.change for one in found.steps)
    spread = numbers(one.spread for one in found.steps)
    yield "iterations", iterations(change, spread, found.chosen, label=label, right=right)
    spectrum = (np.asarray(found.edges), np.asarray(found.counts))
    yield "weights", event_weights(*spectrum, found.share, label=label, right=right)
