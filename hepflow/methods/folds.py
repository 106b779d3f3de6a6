"""Folds: which events of an analysis stand together, so that no fold is judged by what was learned from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import Folds, deal
from hepflow.errors import ConfigError, InputError
from hepflow.regions import Windows
from hepflow.sample import Sample

FOLDS = 5
EXAMPLES = 4.0  # template events that a classifier learns from, for each of the data that it learns from


@dataclass(frozen=True, eq=False)
class Examples:
    """Template events that classifiers learn from and nothing else counts.

    Parameters
    ----------
    sample
        Events of the signal region.
    fold
        The fold whose data had no part in them, and whose classifier they teach; shape ``(N,)``.
    """

    sample: Sample
    fold: Folds


@dataclass(frozen=True, eq=False)
class EventFolds:
    """The fold of each event of data and template.

    Parameters
    ----------
    count
        How many folds there are.
    data
        Of all data, shape ``(N,)``; zero for events of no region.
    template, validation
        Of the template in the signal region and in the sidebands. Where template events are events of the data, they
        have the fold of these; where flows made them, that of the data that these flows did not see.
    """

    count: int
    data: Folds
    template: Folds
    validation: Folds

    def keeping(self, keep: NDArray[np.bool_]) -> Self:
        """Return the folds where the template in the signal region keeps a mask of its events."""
        return replace(self, template=self.template[keep])

    @classmethod
    def at_random(cls, count: int, data: Folds, template: int, validation: int, seed: int) -> Self:
        """Deal template events, `template` and `validation` many, that have nothing to do with the data."""
        return cls(count, data, deal(template, count, seed + 1), deal(validation, count, seed + 4))


def examples_of(expected: float, folds: int) -> int:
    """Return how many examples the classifier of a fold learns from, where so many events are expected in all."""
    return round(EXAMPLES * (1 - 1 / folds) * expected)


def deal_data(data: Sample, windows: Windows, folds: int, seed: int) -> Folds:
    """Deal the data into folds at random, signal region and sidebands each as evenly as can be; shape ``(N,)``.

    The same data, regions, number of folds and seed are always dealt alike.

    Raises
    ------
    ConfigError
        If there are fewer than two folds: events would be judged by what saw them.
    InputError
        If a region holds fewer events than there are folds.
    """
    if folds < 2:
        raise ConfigError(
            f"{folds} folds; expected at least 2: else events are scored by models that saw them"
        )
    fold_of = np.zeros(len(data), dtype=np.intp)
    regions = {"signal region": windows.in_signal(data.mass), "sidebands": windows.in_sidebands(data.mass)}
    for (name, inside), own_seed in zip(regions.items(), (seed, seed + 3), strict=True):
        events = int(inside.sum())
        if 0 < events < folds:
            raise too_few(name, events, folds)
        fold_of[inside] = deal(events, folds, own_seed)
    return fold_of


def too_few(region: str, events: int, folds: int) -> InputError:
    """Return what is wrong with a region whose events leave a fold without any."""
    return InputError(
        f"the {region}: {events} events cannot be dealt into {folds} folds, one of which would have none; set "
        "classifier.folds to fewer, or add data"
    )
