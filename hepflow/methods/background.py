"""Background: what a method says of the Standard Model in the signal region, and in the sidebands to check itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import DensityRatio
from hepflow.methods.folds import FOLDS, EventFolds, Examples
from hepflow.regions import Window, Windows
from hepflow.sample import Sample
from hepflow.smooth import SmoothFit
from hepflow.training import Losses


@dataclass(frozen=True, eq=False)
class Background:
    """A background template with its expected yield.

    Parameters
    ----------
    template
        Weighted events that stand for the background in the signal region; the weights add up to its yield.
    validation
        The same for the sidebands, where data tell how well the template closes.
    smooth
        The sideband fit of m_jj behind yields and masses.
    windows
        The regions.
    replica, validation_replica
        Which of several independent trainings each template event comes from, shapes ``(N,)`` and ``(M,)``: their
        spread is the error that the training leaves.
    folds
        The fold of each event of data and template: it is scored by classifiers, and stands beside a template, that
        no event of its fold had a part in.
    losses
        How the networks behind it learned, one entry each.
    examples
        What the classifier of each fold learns from in place of the template; None where it learns from the template
        of the other folds.
    scoring
        Turns the analysis' classifier into this method's own of a fold, where it has one; None where it takes any as
        it is.
    """

    template: Sample
    validation: Sample
    smooth: SmoothFit
    windows: Windows
    replica: NDArray[np.intp]
    validation_replica: NDArray[np.intp]
    folds: EventFolds
    losses: tuple[Losses, ...] = ()
    examples: Examples | None = None
    scoring: Callable[[DensityRatio, int], DensityRatio] | None = None

    def without(self, window: Window) -> Background:
        """Return the same background with no template in a window ``[low, high)`` (GeV)."""
        keep = ~_within(self.template, window)
        examples = self.examples
        if examples is not None:
            kept = ~_within(examples.sample, window)
            examples = Examples(examples.sample.select(kept), examples.fold[kept])
        return replace(
            self,
            template=self.template.select(keep),
            replica=self.replica[keep],
            folds=self.folds.keeping(keep),
            examples=examples,
        )

    @property
    def expected(self) -> tuple[float, float]:
        """Events expected in the signal region, and the error of the sideband fit."""
        return self.smooth.yield_in(*self.windows.signal)


def _within(sample: Sample, window: Window) -> NDArray[np.bool_]:
    return (sample.mass >= window[0]) & (sample.mass < window[1])


def second(checkpoint: Path | None) -> Path | None:
    """Return where a method keeps its second training, beside the first."""
    if checkpoint is None:
        return None
    return checkpoint.with_name(f"{checkpoint.stem}-second{checkpoint.suffix}")


class Method(Protocol):
    """What every method of background estimation offers.

    Its dataclass takes the settings of its block in the configuration by their names, or has a class method ``of``
    that does. One that trains a density of the background has it as ``background_density``.
    """

    def fit(
        self,
        data: Sample,
        windows: Windows,
        *,
        simulation: Sample | None = None,
        folds: int = FOLDS,
        seed: int,
        checkpoint: Path | None = None,
    ) -> Background:
        """Learn the background from data (and simulation) without looking into the signal region.

        The data are dealt into `folds` (`deal_data`).

        With a `checkpoint`, trainings are kept in that file and beside it as they go on, and taken up from there.
        """
        ...
