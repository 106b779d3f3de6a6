"""A signal on a smooth background as a HistFactory workspace, which knows no functions but can shift bins.

Around its best fit a smooth function is linear in its parameters: the background of each bin moves along the modes of
the fit's covariance. HistFactory has no shift without a constraint, so each mode is a `histosys` of several standard
deviations, whose own constraint the data then hardly feel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hepflow.regions import Windows
from hepflow.sample import FloatArray
from hepflow.smooth import SmoothFit
from hepflow.spectrum import Spectrum
from hepflow.stats.model import Workspace, channel_samples, measurement
from hepflow.stats.signal import SignalTemplate

LOOSE = 10.0  # standard deviations of the fit in one of the constraint: it adds 1 % to what the data know


def linearised_workspace(
    smooth: SmoothFit,
    edges: ArrayLike,
    counts: ArrayLike,
    signal: SignalTemplate,
    exposure: FloatArray | None = None,
) -> Workspace:
    """Return the workspace of a signal on a smooth background that is fitted along with it.

    Parameters
    ----------
    smooth
        The fit of the function to the same bins, without signal.
    edges, counts
        Bin edges (B + 1,) in GeV and events per bin (B,), at least three bins.
    signal
        Signal at strength one in these bins.
    exposure
        Counts for an event of the function, shape ``(B,)``, as for `hepflow.smooth.fit_smooth`.

    Returns
    -------
    dict
        One channel "spectrum". Its limits are those of `SmoothModel` as far as the function is linear over the errors
        of its fit, and half a percent stronger for the constraints.
    """
    edges = np.asarray(edges, dtype=np.float64)
    low, high = float(edges[1]), float(edges[-2])
    windows = Windows((low, high), [(edges[0], low), (high, edges[-1])])  # for the bounds of mu alone
    scale = 1.0 if exposure is None else exposure
    modes = {f"{smooth.function.name}_{k}": LOOSE * scale * m for k, m in enumerate(smooth.modes(edges))}
    expected = scale * smooth.expected(edges)
    spectrum = Spectrum(edges, np.asarray(counts, dtype=np.float64), expected, windows, modes)
    groups = [np.array([i]) for i in range(len(edges) - 1)]
    return {
        "channels": [
            {"name": "spectrum", "samples": channel_samples(spectrum, signal, modes, "spectrum", groups)}
        ],
        "observations": [{"name": "spectrum", "data": spectrum.observed.tolist()}],
        "measurements": [{"name": "bump_hunt", "config": measurement(spectrum, signal)}],
        "version": "1.0.0",
    }
