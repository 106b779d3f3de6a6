"""The idealized anomaly detector (arXiv:2109.00546, sec. IV): true background as the template, where truth exists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.methods.background import Background
from hepflow.methods.folds import FOLDS, EventFolds, deal_data
from hepflow.methods.sidebands import fit_sidebands, follow
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.smooth import SQRT_S


@dataclass
class Idealized:
    """What no method of background estimation can beat but by chance: a template of true background events.

    Yields come from the sideband fit, as in every other method, so that only the template differs.

    Parameters
    ----------
    reference
        Background events that are not among the data, from the same source. None takes the data's own background by
        its labels: better than ideal, since both classes of the classifier then share their fluctuations.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> other = hf.Sample(2500 + random.exponential(600.0, 15_000), random.normal(size=(15_000, 1)), ("x",))
    >>> background = hf.methods.Idealized(reference=other).fit(data, windows, seed=1)
    >>> len(background.template) == int(windows.in_signal(other.mass).sum())
    True
    """

    reference: Sample | None = None
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

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
        """Take the background events, with weights that follow the fit to the sidebands; only the folds are random.

        Raises
        ------
        ConfigError
            If the weights of the data differ from event to event, or the reference has other features.
        InputError
            If the reference holds signal or, without one, the data have no labels; if a region holds no background,
            or too little.
        """
        windows.split(data)  # which says what is missing
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        rows: NDArray[np.intp] | None = None
        if self.reference is None:
            rows = _labelled_background(data)
            events = data.select(rows)
        else:
            events = _checked(self.reference, data)
        inside, outside = windows.in_signal(events.mass), windows.in_sidebands(events.mass)
        used = inside | outside
        followed = follow(
            events.select(used).without_truth(), smooth, windows, self.bin_width, "the true background"
        )
        template, validation = windows.split(followed)
        fold_of = deal_data(data, windows, folds, seed)
        dealt = (
            EventFolds.at_random(folds, fold_of, len(template), len(validation), seed)
            if rows is None
            else EventFolds(folds, fold_of, fold_of[rows[inside]], fold_of[rows[outside]])
        )
        return Background(
            template=template,
            validation=validation,
            smooth=smooth,
            windows=windows,
            replica=np.zeros(len(template), dtype=np.intp),
            validation_replica=np.zeros(len(validation), dtype=np.intp),
            folds=dealt,
        )


def _labelled_background(data: Sample) -> NDArray[np.intp]:
    """Return the rows of the data that are background by truth."""
    if data.label is None:
        raise InputError(
            "idealized: the data carry no truth labels; give a separate sample of background events as reference"
        )
    return np.flatnonzero(data.label == 0)


def _checked(reference: Sample, data: Sample) -> Sample:
    """Return a reference that fits the data."""
    if reference.names != data.names:
        raise ConfigError(
            f"idealized: the reference has the features {reference.names}, the data {data.names}; expected the same"
        )
    signal = 0 if reference.label is None else int(np.sum(reference.label == 1))
    if signal:
        raise InputError(
            f"idealized: {signal:,} of the {len(reference):,} reference events are signal by their labels; "
            "expected background alone"
        )
    return reference
