"""Columns of one's own, and what of them no search can use: constant, or a function of the resonant variable."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from hepflow.errors import InputError
from hepflow.events import Events, FloatArray
from hepflow.sample import Sample

LEAST = 100  # events of which anything can be said
CLOSE = 1e-4  # mean squared step of ranks between neighbours in mass, over that of independent columns
TURNS = 300  # the same times N^2 of N events, for a function with a few turns
SPIKE = 0.01  # of all events on one value: a density learns no such step, and a cut may select it
FEW = 10  # events on one value, at least
STEPS = (
    "no density of a flow has such steps, and the classifier tells the template from data by them. Leave it out, "
    "use it in `selection`, or take a method without a density of features (cwola, salad)"
)


def check_continuous(sample: Sample) -> None:
    """Refuse features whose density no flow can learn as it stands.

    Raises
    ------
    InputError
        With each that is discrete, or the same in many events.
    """
    found = list(steps(sample))
    if found:
        raise InputError(f"{'; '.join(found)}: {STEPS}")


def check_columns(sample: Events, own: Collection[str], where: str) -> None:
    """Refuse own columns that tell nothing, or tell the resonant variable.

    Raises
    ------
    InputError
        If a column is the same in all events, or a function of the resonant variable as far as the events show.
    """
    for name in sample.names:
        if name not in own or len(sample) < 2:
            continue
        column = sample.feature(name)
        if column.min() == column.max():
            raise InputError(
                f"{where}: feature {name!r} is {column[0]:g} in all {len(sample):,} events: it tells nothing; leave "
                "it out"
            )
        if isinstance(sample, Sample) and follows(column, sample.mass):
            raise InputError(
                f"{where}: feature {name!r} is a function of the resonant variable {sample.resonance.name!r}, as far "
                f"as {len(sample):,} events show: a classifier that sees it would sculpt the spectrum. Leave it out"
            )


def follows(column: FloatArray, mass: FloatArray) -> bool:
    """Return whether a column is a function of the mass: of events next in mass, its ranks are next, too.

    The mean squared difference of neighbours over twice the variance (von Neumann) is about one for independent
    columns, and at most some ``1 / N^2`` for a function with few turns.
    """
    events = len(column)
    if events < LEAST or np.ptp(mass) == 0:
        return False
    ranks = np.unique(column, return_inverse=True)[1].astype(np.float64)
    ranks = ranks[np.argsort(mass, kind="stable")]
    variance = float(np.var(ranks))
    return variance > 0 and float(np.mean(np.diff(ranks) ** 2)) / (2 * variance) < max(
        CLOSE, TURNS / events**2
    )


def steps(sample: Sample) -> Iterator[str]:
    """Yield, for each feature that is no density, what is wrong with it: a few values, or many events on one."""
    for name, column in zip(sample.names, sample.features.T, strict=True):
        values, counts = np.unique(column, return_counts=True)
        largest = int(counts.max(initial=0))
        if largest < max(FEW, SPIKE * len(column)):
            continue
        if len(values) == 1:
            yield f"feature {name!r} is {values[0]:g} in all {len(column):,} events"
        elif len(values) <= max(FEW, SPIKE * len(column)):
            some = ", ".join(f"{value:g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
            yield f"feature {name!r} is discrete: {len(values)} values ({some}) in {len(column):,} events"
        else:
            at = values[int(counts.argmax())]
            yield f"feature {name!r} is exactly {at:g} in {largest / len(column):.1%} of {len(column):,} events"
