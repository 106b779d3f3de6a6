"""Densities side by side: one of each of several samples, such as the folds of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hepflow.flows.conditional import learn_apart
from hepflow.flows.density import Density
from hepflow.sample import Sample
from hepflow.weights import State, storable


def fit_apart(
    density: Density,
    samples: Sequence[Sample],
    seed: int,
    checkpoint: Path | None = None,
    *,
    bootstrap: bool = True,
) -> tuple[Density, ...]:
    """Train a density on each of several samples: what one learns, preprocessing too, is of its own sample alone.

    All their flows are trained side by side, in hardly more time than it takes to train as many on one sample.
    Arguments and errors are those of `Density.fit`. Without `bootstrap` each flow learns from its sample as it is.
    The samples are taken for shares of the same events: each density warns of masses beyond those of all.
    """
    learned = [density.untrained() for _ in samples]
    learn_apart(learned, [density.table(sample) for sample in samples], seed, checkpoint, bootstrap=bootstrap)
    densities = tuple(replace(density) for _ in samples)
    for one, own in zip(densities, learned, strict=True):
        one._learned = own
    return densities


@storable
@dataclass(frozen=True)
class FoldDensities:
    """The densities of an analysis, one for each fold, which it was not trained on.

    Parameters
    ----------
    each
        By the number of the fold.
    """

    each: tuple[Density, ...]

    def state(self) -> State:
        """Return all densities."""
        return State(parts={f"folds.{fold}": density for fold, density in enumerate(self.each)})

    @classmethod
    def from_state(cls, state: State) -> FoldDensities:
        """Make trained densities again."""
        return cls(state.sequence("folds", Density))
