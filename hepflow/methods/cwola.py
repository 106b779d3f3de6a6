"""CWoLa hunting (arXiv:1902.02634): the signal region against the sidebands that lie next to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hepflow.errors import ConfigError
from hepflow.methods.background import Background
from hepflow.methods.folds import FOLDS, EventFolds, deal_data
from hepflow.methods.sidebands import check_effective_size, fit_sidebands
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S, SmoothFit


@dataclass
class Cwola:
    """Data beside the signal region as the template.

    Classification without labels (arXiv:1708.02949): of two mixtures of signal and background, the best classifier of
    one against the other is the best of signal against background, so long as the background looks the same in both.
    That is so if the features are independent of m_jj (sec. II of arXiv:1902.02634); where they are not, the
    classifier finds m_jj instead.

    Parameters
    ----------
    width
        How far the neighbouring sidebands reach from the signal region, GeV on each side, at most to the end of the
        sideband. By default half the signal region's width: wider ones hold more events, and features that differ
        more.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.

    Raises
    ------
    ConfigError
        If the width is not positive.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> background = hf.methods.Cwola(width=200).fit(data, windows, seed=1)
    >>> template = background.template  # events from 3100 to 3300 and from 3700 to 3900 GeV, weighted
    >>> bool(np.isclose(template.weight.sum(), background.expected[0]))
    True
    """

    width: float | None = None
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    def __post_init__(self) -> None:
        if self.width is not None and not self.width > 0:
            raise ConfigError(f"CWoLa: a neighbourhood of {self.width:g} GeV; expected a positive width")

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
        """Take the events next to the signal region, with masses drawn from the fit to the sidebands.

        Lower and upper neighbour add up to the same weight, as in the paper: a feature that changes in proportion to
        m_jj then has the same mean as in the signal region. Nothing is trained, and simulation is not used.

        Raises
        ------
        ConfigError
            If the weights of the data differ from event to event.
        InputError
            If a region lies outside the data, or the neighbours hold too few events.
        """
        windows.split(data)  # which says what is missing
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        beside = [
            np.flatnonzero((data.mass >= low) & (data.mass < high)) for low, high in self.neighbours(windows)
        ]
        rows = np.concatenate(beside)
        share = np.concatenate([np.full(len(side), 0.5 / max(len(side), 1)) for side in beside])
        random = np.random.default_rng(seed)

        def at(bands: tuple[Window, ...]) -> Sample:
            yields = np.array([smooth.yield_in(*band)[0] for band in bands])
            mass = _draw_masses(smooth, bands, yields, len(rows), random)
            return data.alike(mass, data.features[rows], share * yields.sum())

        template = at((windows.signal,))
        check_effective_size(template, "the sidebands next to the signal region")
        replica = np.zeros(len(rows), dtype=np.intp)
        fold_of = deal_data(data, windows, folds, seed)
        return Background(
            template=template,
            validation=at(windows.sidebands),
            smooth=smooth,
            windows=windows,
            replica=replica,
            validation_replica=replica,
            folds=EventFolds(folds, fold_of, fold_of[rows], fold_of[rows]),
        )

    def neighbours(self, windows: Windows) -> tuple[Window, Window]:
        """Return the sidebands' parts next to the signal region, below and above it, in GeV."""
        low, high = windows.signal
        width = 0.5 * (high - low) if self.width is None else self.width
        below = max(band for band in windows.sidebands if band[1] <= low)
        above = min(band for band in windows.sidebands if band[0] >= high)
        return (max(below[0], below[1] - width), below[1]), (above[0], min(above[1], above[0] + width))


def _draw_masses(
    smooth: SmoothFit,
    bands: tuple[Window, ...],
    yields: FloatArray,
    events: int,
    random: np.random.Generator,
) -> FloatArray:
    """Draw masses (events,) from the fitted density in several windows."""
    band_of = random.choice(len(bands), events, p=yields / yields.sum())
    mass = np.empty(events)
    for number, band in enumerate(bands):
        here = band_of == number
        mass[here] = smooth.draw_masses(*band, int(here.sum()), random)
    return mass
