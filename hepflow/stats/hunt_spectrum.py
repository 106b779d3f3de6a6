"""The bump hunt in a bare spectrum: a smooth function or a template, and the regions."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.quantity import M_JJ
from hepflow.regions import Windows
from hepflow.sample import FloatArray
from hepflow.smooth import DIJET, SQRT_S, Function, SmoothFit, fit_smooth, function_of
from hepflow.spectrum import Spectrum
from hepflow.stats.bins import Bins
from hepflow.stats.bump_hunt import BumpHunt, bump_hunt, numbers_of, without_error
from hepflow.stats.calculators import Calculator
from hepflow.stats.profile import Profile
from hepflow.stats.signal import SignalTemplate, counting_signal, gaussian_signal
from hepflow.stats.smooth_model import SmoothModel
from hepflow.stats.spectra import as_bins

if TYPE_CHECKING:
    import hist


def hunt_spectrum(
    edges: ArrayLike | Bins | hist.Hist[Any],
    counts: ArrayLike | None = None,
    windows: Windows | None = None,
    background: str | ArrayLike | Bins | hist.Hist[Any] = "dijet",
    signal: SignalTemplate | None = None,
    *,
    signal_mass: float | None = None,
    signal_width: float | None = None,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
    sqrt_s: float = SQRT_S,
    max_shape: int | None = None,
    fit_range: str = "sidebands",
) -> BumpHunt:
    """Hunt in a bare spectrum: the background from its sidebands, the signal region in the fit.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV, with every border of `windows` among them.
    counts
        Events per bin, shape ``(B,)``. Left out, `edges` is a `hist.Hist`, or the `Bins` that `read_spectrum`
        returns; weighted ones are tested in their effective counts (see `Bins`). A signal is in these, too: one in
        the unit of the spectrum is ``signal.scaled(1 / bins.weight)``.
    windows
        Signal region and sidebands.
    background
        The name of a smooth function ("dijet", "ua2" or "modified-exponential"), which is fitted to the sidebands (a
        warning tells where it does not describe them). An array (B,) is a template, of which the sidebands in the
        fit measure the normalisation; `Bins` or a `hist.Hist` in the same bins is one whose statistical errors count.
    signal, level, calculator, toys, seed
        As for `bump_hunt`.
    signal_mass, signal_width
        Mean and standard deviation of a Gaussian signal of one event, GeV, in place of `signal`.
    sqrt_s, max_shape
        As for `hepflow.smooth.fit_smooth`.
    fit_range
        "sidebands": the function is fitted there, and its covariance constrains it in the signal region. "all": it is
        fitted to all bins together with the signal, which may reach into the sidebands; the workspace stays that of
        the former, since HistFactory has no smooth functions.

    Raises
    ------
    ConfigError, InputError, FitError
        As for `bump_hunt` and `fit_smooth`; ConfigError if a border of a region is not a bin edge.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2000, 3300), (3700, 5000)])
    >>> hunt = hf.stats.hunt_spectrum(edges, counts.round(), windows, signal_mass=3500, signal_width=100)
    >>> abs(hunt.mu_hat) < hunt.mu_hat_error  # nothing is there
    True
    >>> print(f"fewer than {hunt.mu_up_exp[2]:.0f} events expected")
    fewer than 33 events expected
    """
    if windows is None:
        raise ConfigError("hunt_spectrum needs windows=hepflow.Windows(signal, sidebands): the regions")
    exposure, resonance = None, M_JJ
    if counts is None:
        bins = as_bins(edges)
        (edges, counts), exposure, resonance = bins, bins.exposure, bins.resonance
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    _check_borders(edges, windows)
    signal = _gaussian_or(signal, edges, signal_mass, signal_width)
    if signal is not None and exposure is not None:
        signal = signal.scaled(exposure)
    hunt = partial(bump_hunt, signal=signal, level=level, calculator=calculator, toys=toys, seed=seed)
    if not isinstance(background, str):
        scale = 1.0 if exposure is None else exposure
        expected, errors = (scale * column for column in _template(background, edges))
        spectrum = Spectrum(
            edges, counts, expected, windows, {}, errors, sidebands_in_fit=True, exposure=exposure
        )
        return hunt(replace(spectrum, constraint="gaussian", resonance=resonance))
    function = function_of(background)
    spectrum, smooth = smooth_spectrum(
        edges, counts, windows, function=function, sqrt_s=sqrt_s, max_shape=max_shape, exposure=exposure
    )
    result = replace(hunt(replace(spectrum, resonance=resonance)), smooth=smooth)
    if fit_range == "sidebands":
        return result
    if fit_range != "all":
        raise ConfigError(f'fit_range {fit_range!r}: expected "sidebands" or "all"')
    template = counting_signal(spectrum) if signal is None else signal
    profile = Profile(SmoothModel(smooth, edges, template, exposure=exposure), counts)
    n_exp, n_exp_error = profile.background(spectrum.in_signal)
    numbers = numbers_of(profile, False, level, calculator, toys, seed)
    numbers["problems"] += without_error(n_exp_error)
    return replace(result, n_exp=n_exp, n_exp_error=n_exp_error, post_fit=True, **numbers)


def smooth_spectrum(
    edges: FloatArray,
    counts: FloatArray,
    windows: Windows,
    *,
    function: Function = DIJET,
    sqrt_s: float = SQRT_S,
    max_shape: int | None = None,
    exposure: FloatArray | None = None,
) -> tuple[Spectrum, SmoothFit]:
    """Return a spectrum whose background is a smooth function fitted to its sidebands, and that fit.

    The covariance of the fit becomes the modes of the spectrum. Parameters are those of `hunt_spectrum`, and
    `exposure` that of `hepflow.smooth.fit_smooth`.

    Warns
    -----
    UserWarning
        If the function does not describe the sidebands.
    """
    centres = 0.5 * (edges[1:] + edges[:-1])
    smooth = fit_smooth(
        edges,
        counts,
        windows.in_sidebands(centres),
        sqrt_s=sqrt_s,
        max_shape=max_shape,
        function=function,
        exposure=exposure,
    )
    if not smooth.adequate:
        warnings.warn(
            f"the {function.name} function with {smooth.n_shape} shape parameters does not describe the "
            f"sidebands: chi2/ndf {smooth.chi2:.1f}/{smooth.ndf}, p = {smooth.p_value:.1g}. Narrow the sidebands, "
            "or start above the trigger's turn-on; the significance below is not to be trusted",
            stacklevel=3,
        )
    scale = 1.0 if exposure is None else exposure
    modes = {f"{function.name}_{i}": scale * shift for i, shift in enumerate(smooth.modes(edges))}
    return Spectrum(edges, counts, scale * smooth.expected(edges), windows, modes, exposure=exposure), smooth


def _template(background: Any, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the events of a template in the bins of a spectrum and their errors, shapes ``(B,)``."""
    if not (isinstance(background, Bins) or hasattr(background, "axes")):
        expected = np.asarray(background, dtype=np.float64)
        return expected, np.zeros_like(expected)
    bins = as_bins(background)
    if len(bins.edges) != len(edges) or np.max(np.abs(bins.edges - edges)) > 1e-6 * edges[-1]:
        raise ConfigError(
            f"{bins.where} and the spectrum have different bins ({_binning(bins.edges)}, and {_binning(edges)}); "
            "give the template in the spectrum's"
        )
    return bins.values, bins.errors


def _binning(edges: FloatArray) -> str:
    return f"{len(edges) - 1} from {edges[0]:g} to {edges[-1]:g} GeV"


def _check_borders(edges: FloatArray, windows: Windows) -> None:
    for border in sorted({end for window in (windows.signal, *windows.sidebands) for end in window}):
        nearest = edges[np.argmin(np.abs(edges - border))]
        if abs(nearest - border) > 1e-6 * max(border, 1.0):
            raise ConfigError(
                f"{border:g} GeV ends a region but no bin (nearest edge: {nearest:g} GeV): move the region "
                "to an edge of the spectrum, or bin the spectrum anew"
            )


def _gaussian_or(
    signal: SignalTemplate | None, edges: FloatArray, mass: float | None, width: float | None
) -> SignalTemplate | None:
    if mass is None and width is None:
        return signal
    if signal is not None or mass is None or width is None:
        raise ConfigError("a Gaussian signal needs its mass and its width, and no other template beside them")
    return gaussian_signal(edges, mass, width)
