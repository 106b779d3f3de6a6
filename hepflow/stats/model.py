"""A spectrum and a signal as a HistFactory workspace (pyhf schema 1.0.0), which the `pyhf` command opens too.

Channel "signal_region" has one bin per bin of the signal region. Where the sidebands join the fit, channel
"sidebands" has one bin per sideband, and the free factor "closure" scales the background of both channels.
Errors of the background that move bins together are `histosys`, those of single bins `shapesys` (a Poisson
constraint, right where few events made the template) or `staterror` (a Gaussian one, of a template with errors).
A variation of the signal is `histosys`, or `normsys` where it scales every bin alike, under its own name in both
channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.spectrum import Spectrum
from hepflow.stats.signal import SignalTemplate, counting_signal

Workspace = dict[str, Any]
IndexArray = NDArray[np.intp]

EMPTY = 1e-3
BLINDED = "bump_hunt_blinded"  # a measurement has no other place to say so
_NEGLIGIBLE = 0.01


def workspace(spectrum: Spectrum, signal: SignalTemplate | None = None) -> Workspace:
    """Return the pyhf workspace of a bump hunt.

    Parameters
    ----------
    spectrum
        Observed and expected events with their errors. Neighbouring bins are joined where the background has
        next to no event (below 0.001), as one observed event would else be infinitely significant; modes that
        shift every bin by less than a hundredth of its Poisson error, all bins together, are left out.
    signal
        Signal at ``mu = 1``; None counts events in the signal region (`counting_signal`). A variation that has
        the name of a mode of the spectrum is one nuisance parameter with it.

    Returns
    -------
    dict
        Channels, observations, and a measurement "bump_hunt" of ``mu`` whose bounds follow from the spectrum. Of a
        blinded spectrum the observations of the signal region are Asimov data, and the measurement is called
        "bump_hunt_blinded".

    Raises
    ------
    InputError
        If no background is expected where events are observed, or the signal has none in the signal region.
    ConfigError
        If the signal has another number of bins than the spectrum, or a nuisance "mu" or "closure".

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> spec = hf.stats.workspace(spectrum)
    >>> sorted(spec)
    ['channels', 'measurements', 'observations', 'version']
    >>> model, data = hf.stats.open_workspace(spec)
    >>> model.config.poi_name
    'mu'
    """
    signal = counting_signal(spectrum) if signal is None else signal
    if signal.counts.shape != spectrum.observed.shape:
        raise ConfigError(
            f"signal template {signal.name!r} has {len(signal.counts)} bins, the spectrum "
            f"{len(spectrum.observed)}: make it on spectrum.edges"
        )
    inside = np.flatnonzero(spectrum.in_signal)
    if taken := {"mu", "closure"} & signal.variations.keys():
        raise ConfigError(
            f"signal template {signal.name!r} has a nuisance {min(taken)!r}, which is a free factor of the "
            "workspace: name it otherwise"
        )
    if not np.any(signal.counts[inside] > 0):
        low, high = spectrum.windows.signal
        raise InputError(
            f"signal template {signal.name!r} has no event in the signal region {low:g}-{high:g} GeV; move "
            "the region or loosen the cut"
        )
    bins = channel_bins(spectrum)
    modes = _felt_modes(spectrum, np.concatenate([i for groups in bins.values() for i in groups]))
    return {
        "channels": [
            {"name": name, "samples": channel_samples(spectrum, signal, modes, name, groups)}
            for name, groups in bins.items()
        ],
        "observations": [
            {"name": name, "data": _sums(spectrum.observed, groups)} for name, groups in bins.items()
        ],
        "measurements": [
            {"name": BLINDED if spectrum.blind else "bump_hunt", "config": measurement(spectrum, signal)}
        ],
        "version": "1.0.0",
    }


def channel_bins(spectrum: Spectrum) -> dict[str, list[IndexArray]]:
    """Return which bins of a spectrum make each bin of each channel of its workspace.

    Raises
    ------
    InputError
        If no background is expected where events are observed.
    """
    inside = np.flatnonzero(spectrum.in_signal)
    bins = {"signal_region": _joined(spectrum, [np.array([i]) for i in inside], "signal region")}
    if spectrum.sidebands_in_fit:
        centres = spectrum.centres
        bands = [np.flatnonzero((centres >= a) & (centres < b)) for a, b in spectrum.windows.sidebands]
        bins["sidebands"] = _joined(spectrum, bands, "sidebands")
    return bins


def _joined(spectrum: Spectrum, groups: list[IndexArray], where: str) -> list[IndexArray]:
    """Join groups of bins to the next until they hold some background, the last ones to the one before."""
    joined: list[IndexArray] = []
    waiting = np.array([], dtype=np.intp)
    for group in groups:
        waiting = np.concatenate([waiting, group])
        if spectrum.expected[waiting].sum() > EMPTY:
            joined.append(waiting)
            waiting = np.array([], dtype=np.intp)
    if len(waiting) and joined:
        joined[-1] = np.concatenate([joined[-1], waiting])
    elif len(waiting):
        observed = spectrum.observed[waiting].sum()
        if observed > 0:
            raise InputError(
                f"no background is expected in the {where}, where {observed:g} events are observed: no "
                "significance can be given. Loosen the cut, or draw a larger template"
            )
        joined = [waiting]
    return joined


def _felt_modes(spectrum: Spectrum, bins: IndexArray) -> dict[str, FloatArray]:
    spread = np.sqrt(np.maximum(spectrum.expected[bins], 1.0))
    return {
        name: np.asarray(shift)
        for name, shift in spectrum.modes.items()
        if np.linalg.norm(np.asarray(shift)[bins] / spread) > _NEGLIGIBLE
    }


def channel_samples(
    spectrum: Spectrum,
    signal: SignalTemplate,
    modes: Mapping[str, FloatArray],
    channel: str,
    groups: list[IndexArray],
) -> list[dict[str, Any]]:
    """Return background and signal of a channel, whose bins are groups of those of the spectrum."""
    nominal = _sums(spectrum.expected, groups)
    background: list[dict[str, Any]] = []
    for name, shift in modes.items():
        up, down = np.add(nominal, _sums(shift, groups)), np.subtract(nominal, _sums(shift, groups))
        data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
        background.append({"name": name, "type": "histosys", "data": data})
    if spectrum.sidebands_in_fit:
        background.append({"name": "closure", "type": "normfactor", "data": None})
    kind = "staterror" if spectrum.constraint == "gaussian" else "shapesys"
    background += _statistical(f"background_{channel}", spectrum.statistical, groups, kind)
    events: list[dict[str, Any]] = [{"name": "mu", "type": "normfactor", "data": None}]
    events += [_variation(signal, nuisance, groups) for nuisance in signal.variations]
    events += _statistical(f"signal_{channel}", signal.statistical, groups)
    return [
        {"name": "background", "data": nominal, "modifiers": background},
        {"name": "signal", "data": _sums(signal.counts, groups), "modifiers": events},
    ]


def _variation(signal: SignalTemplate, nuisance: str, groups: list[IndexArray]) -> dict[str, Any]:
    up, down = signal.variations[nuisance]
    hi, lo = (float(np.sum(side) / np.sum(signal.counts)) for side in (up, down))
    alike = np.allclose([up, down], np.outer([hi, lo], signal.counts), rtol=1e-9, atol=0.0)
    if alike and min(hi, lo) > 0:
        return {"name": nuisance, "type": "normsys", "data": {"hi": hi, "lo": lo}}
    data = {"hi_data": _sums(up, groups), "lo_data": _sums(down, groups)}
    return {"name": nuisance, "type": "histosys", "data": data}


def _statistical(
    name: str, errors: FloatArray, groups: list[IndexArray], kind: str = "shapesys"
) -> list[dict[str, Any]]:
    summed = [float(np.sqrt(np.sum(errors[group] ** 2))) for group in groups]
    return [{"name": f"{name}_bins", "type": kind, "data": summed}] if any(summed) else []


def _sums(values: FloatArray, groups: list[IndexArray]) -> list[float]:
    return [float(np.sum(values[group])) for group in groups]


def measurement(spectrum: Spectrum, signal: SignalTemplate) -> dict[str, Any]:
    """Bound mu by ten deviations above the largest excess: pyhf's own (0, 10) clips without a word."""
    inside = spectrum.in_signal
    expected, error = spectrum.expected_in_signal()
    observed = float(spectrum.observed[inside].sum())
    spread = np.sqrt(max(expected, observed, 1.0) + error**2)
    highest = (abs(observed - expected) + 10.0 * spread) / signal.counts[inside].sum()
    highest = max(float(highest), 2.0)  # pyhf's Asimov data for q0, and its command line, want mu = 1 inside
    parameters = [{"name": "mu", "inits": [0.05 * highest], "bounds": [[0.0, highest]]}]
    if spectrum.sidebands_in_fit:
        factor = max(spectrum.sideband_factor()[0], 0.01)
        parameters.append({"name": "closure", "inits": [factor], "bounds": [[0.0, 100.0 * factor + 100.0]]})
    return {"poi": "mu", "parameters": parameters}
