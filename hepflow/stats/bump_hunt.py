"""The bump hunt: a spectrum in, significance, signal strength and limits out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError
from hepflow.regions import Windows
from hepflow.sample import FloatArray
from hepflow.smooth import DIJET, SQRT_S, Function, SmoothFit, fit_smooth, function_of
from hepflow.spectrum import Spectrum
from hepflow.stats.calculators import Calculator
from hepflow.stats.fit import expected_significance
from hepflow.stats.inference import infer
from hepflow.stats.model import BLINDED, Workspace, open_workspace, workspace
from hepflow.stats.profile import Profile
from hepflow.stats.signal import SignalTemplate, counting_signal, gaussian_signal
from hepflow.stats.smooth_model import SmoothModel


@dataclass(frozen=True, eq=False)
class BumpHunt:
    """The result of one bump hunt.

    Parameters
    ----------
    n_exp, n_exp_error
        Background expected in the signal region, with its full error. Of a user's workspace: in its most sensitive
        channel, as the best fit has it.
    mu_up_exp
        CLs upper limits expected without signal at -2, -1, 0, 1, 2 sigma; NaN where none was found.
    workspace
        The pyhf workspace that was fitted.
    blind
        True where the data of the signal region were not looked at: what hangs on them is None.
    n_obs
        Events observed there.
    z, p0, p0_error
        Local significance and p-value of the excess, with its statistical error where toys gave it; 0 and 0.5 for
        a deficit.
    mu_hat, mu_hat_error
        Best-fit signal strength and its error.
    mu_up_obs
        Observed CLs upper limit; None where none was found.
    z_expected
        Median significance of a signal of strength one; the data of the signal region have no part in it. None
        without a signal or a background to expect, and of a user's workspace.
    spectrum, signal, smooth
        What it was made of, and the dijet fit behind it; None where there was none.
    level
        Confidence level of the limits.
    calculator, calculator_reason
        "asymptotic" or "toys", and why.
    problems
        What could not be computed, and why.
    """

    n_exp: float
    n_exp_error: float
    mu_up_exp: tuple[float, ...]
    workspace: Workspace
    blind: bool = False
    n_obs: float | None = None
    z: float | None = None
    p0: float | None = None
    p0_error: float | None = None
    mu_hat: float | None = None
    mu_hat_error: float | None = None
    mu_up_obs: float | None = None
    z_expected: float | None = None
    spectrum: Spectrum | None = None
    signal: SignalTemplate | None = None
    smooth: SmoothFit | None = None
    level: float = 0.95
    calculator: str = "asymptotic"
    calculator_reason: str = ""
    problems: tuple[str, ...] = ()

    @property
    def pull(self) -> float | None:
        """Excess over its standard deviation, ``(n_obs - n_exp) / sqrt(n_exp + n_exp_error^2)``."""
        if self.n_obs is None:
            return None
        variance = self.n_exp + self.n_exp_error**2
        return float((self.n_obs - self.n_exp) / np.sqrt(variance)) if variance > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers under their keys of `results.json`."""
        names = ("n_obs", "n_exp", "n_exp_error", "pull", "z", "p0", "p0_error", "mu_hat", "mu_hat_error")
        others = ("mu_up_obs", "z_expected", "calculator", "calculator_reason")
        return {
            "blind": self.blind,
            **{name: getattr(self, name) for name in (*names, *others)},
            "mu_up_exp": [limit if np.isfinite(limit) else None for limit in self.mu_up_exp],
            "problems": list(self.problems),
        }

    def __str__(self) -> str:
        background = f"expected {_with_error(self.n_exp, self.n_exp_error)}"
        limit = f"{100 * self.level:g} % CLs upper limit"
        if self.mu_hat is None or self.mu_hat_error is None:
            aim = "" if self.z_expected is None else f", Z = {self.z_expected:.2f} at mu = 1"
            return f"blinded: {background}{aim}; {limit} {self.mu_up_exp[2]:.3g} expected"
        return (
            f"Z = {self.z:.2f} (p0 = {self.p0:.2g}), n_obs = {self.n_obs:g}, {background}; "
            f"mu = {_with_error(self.mu_hat, self.mu_hat_error)}; {limit} "
            f"{'not found' if self.mu_up_obs is None else format(self.mu_up_obs, '.3g')} "
            f"(expected {self.mu_up_exp[2]:.3g}); {self.calculator}: {self.calculator_reason}"
        )


def bump_hunt(
    spectrum: Spectrum,
    signal: SignalTemplate | None = None,
    *,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
) -> BumpHunt:
    """Test the signal region of a spectrum for an excess, and set a limit on the signal strength.

    Parameters
    ----------
    spectrum
        Observed and expected events with their errors. Of a blinded one (`Spectrum.blinded`) the result holds
        what is expected and nothing else.
    signal
        Signal at strength one; None counts events in the signal region, the strength being their number.
    level
        Confidence level of the limits.
    calculator, toys, seed
        As for `hepflow.stats.inference.infer`: by default, toys where fewer than 20 events are expected.

    Raises
    ------
    InputError, ConfigError
        If spectrum and signal do not make a model: see `hepflow.stats.model.workspace`.
    FitError
        If a fit does not converge. Where no limit exists, `problems` says so.
    """
    template = counting_signal(spectrum) if signal is None else signal
    spec = workspace(spectrum, template)
    n_exp, n_exp_error = spectrum.expected_in_signal()
    profile = Profile(*open_workspace(spec))
    z_expected = None
    if signal is not None and n_exp > 0:  # on no background at all, any event is infinitely significant
        _, before = open_workspace(workspace(spectrum.blinded(), signal))
        z_expected = expected_significance(Profile(profile.model, before))
    return BumpHunt(
        n_exp,
        n_exp_error,
        workspace=spec,
        n_obs=None if spectrum.blind else float(np.sum(spectrum.observed[spectrum.in_signal])),
        z_expected=z_expected,
        spectrum=spectrum,
        signal=template,
        **_hunt(profile, n_exp, spectrum.blind, level, calculator, toys, seed),
    )


def hunt_spectrum(
    edges: ArrayLike,
    counts: ArrayLike,
    windows: Windows,
    background: str | ArrayLike = "dijet",
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
        Events per bin, shape ``(B,)``.
    windows
        Signal region and sidebands.
    background
        The name of a smooth function ("dijet", "ua2" or "modified-exponential"), which is fitted to the sidebands (a
        warning tells where it does not describe them). An array (B,) is a template, of which the sidebands in the
        fit measure the normalisation.
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
    """
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    _check_borders(edges, windows)
    signal = _gaussian_or(signal, edges, signal_mass, signal_width)
    hunt = partial(bump_hunt, signal=signal, level=level, calculator=calculator, toys=toys, seed=seed)
    if not isinstance(background, str):
        expected = np.asarray(background, dtype=np.float64)
        return hunt(Spectrum(edges, counts, expected, windows, sidebands_in_fit=True))
    function = function_of(background)
    spectrum, smooth = smooth_spectrum(
        edges, counts, windows, function=function, sqrt_s=sqrt_s, max_shape=max_shape
    )
    result = replace(hunt(spectrum), smooth=smooth)
    if fit_range == "sidebands":
        return result
    if fit_range != "all":
        raise ConfigError(f'fit_range {fit_range!r}: expected "sidebands" or "all"')
    template = counting_signal(spectrum) if signal is None else signal
    profile = Profile(SmoothModel(smooth, edges, template), counts)
    n_exp, n_exp_error = _background(profile, spectrum.in_signal)
    numbers = _hunt(profile, n_exp, False, level, calculator, toys, seed)
    return replace(result, n_exp=n_exp, n_exp_error=n_exp_error, **numbers)


def smooth_spectrum(
    edges: FloatArray,
    counts: FloatArray,
    windows: Windows,
    *,
    function: Function = DIJET,
    sqrt_s: float = SQRT_S,
    max_shape: int | None = None,
) -> tuple[Spectrum, SmoothFit]:
    """Return a spectrum whose background is a smooth function fitted to its sidebands, and that fit.

    The covariance of the fit becomes the modes of the spectrum. Parameters are those of `hunt_spectrum`.

    Warns
    -----
    UserWarning
        If the function does not describe the sidebands.
    """
    centres = 0.5 * (edges[1:] + edges[:-1])
    smooth = fit_smooth(
        edges, counts, windows.in_sidebands(centres), sqrt_s=sqrt_s, max_shape=max_shape, function=function
    )
    if not smooth.adequate:
        warnings.warn(
            f"the {function.name} function with {smooth.n_shape} shape parameters does not describe the "
            f"sidebands: chi2/ndf {smooth.chi2:.1f}/{smooth.ndf}, p = {smooth.p_value:.1g}. Narrow the sidebands, "
            "or start above the trigger's turn-on; the significance below is not to be trusted",
            stacklevel=3,
        )
    modes = {f"{function.name}_{i}": shift for i, shift in enumerate(smooth.modes(edges))}
    return Spectrum(edges, counts, smooth.expected(edges), windows, modes), smooth


def hunt_workspace(
    spec: Mapping[str, Any],
    *,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
) -> BumpHunt:
    """Run the same tests on a pyhf workspace (its first measurement).

    The signal strength is bounded below only by positive rates and not above, and pyhf's default bounds of
    other parameters are lifted. A workspace that was made of a blinded spectrum gives a blinded result.

    Raises
    ------
    InputError
        If pyhf cannot open the workspace.
    ConfigError
        If its signal is degenerate or zero.
    FitError
        If a fit does not converge or no limit exists.
    """
    model, data = open_workspace(spec)
    profile = Profile(model, data)
    blind = spec["measurements"][0]["name"] == BLINDED
    poi = profile.model.poi
    rates, jacobian = profile.model.rates(profile.model.at(0.0))
    felt = jacobian[:, poi] ** 2 / np.maximum(rates, 1.0)
    slices = model.config.channel_slices.values()
    region = np.zeros(len(rates), dtype=bool)
    region[max(slices, key=lambda bins: float(np.sum(felt[bins])))] = True
    expected, error = _background(profile, region)
    return BumpHunt(
        expected,
        error,
        workspace=dict(spec),
        n_obs=None if blind else float(np.sum(profile.data[: len(region)][region])),
        **_hunt(profile, expected, blind, level, calculator, toys, seed),
    )


def _background(profile: Profile, bins: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the background in some bins as the best fit has it, and its error."""
    x, poi = profile.free.x.copy(), profile.model.poi
    x[poi] = 0.0
    rates, jacobian = profile.model.rates(x)
    slope = np.delete(jacobian[bins].sum(axis=0), poi)
    matrix = np.delete(np.delete(profile.covariance, poi, axis=0), poi, axis=1)
    return float(rates[bins].sum()), float(np.sqrt(slope @ matrix @ slope))


def _hunt(
    profile: Profile,
    expected: float,
    blind: bool,
    level: float,
    calculator: Calculator,
    toys: int | None,
    seed: int,
) -> dict[str, Any]:
    found = infer(profile, expected, level=level, calculator=calculator, toys=toys, seed=seed, blind=blind)
    names = ("z", "p0", "p0_error", "mu_hat", "mu_hat_error", "calculator", "problems")
    observed = None if blind or found.limit is None else found.limit.observed
    return {
        **{name: getattr(found, name) for name in names},
        "calculator_reason": found.reason,
        "mu_up_obs": None if observed is None or not np.isfinite(observed) else observed,
        "mu_up_exp": (np.nan,) * 5 if found.limit is None else found.limit.expected,
        "level": level,
        "blind": blind,
    }


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


def _with_error(value: float, error: float) -> str:
    digits = 0 if error <= 0 else int(np.clip(1 - np.floor(np.log10(error)), 0, 12))
    return f"{value:.{digits}f} +- {error:.{digits}f}"
