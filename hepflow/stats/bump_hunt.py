"""The bump hunt: a spectrum in, significance, signal strength and limits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hepflow.errors import ConfigError
from hepflow.records import without_nan
from hepflow.smooth import SmoothFit
from hepflow.spectrum import Spectrum
from hepflow.stats.calculators import Calculator
from hepflow.stats.fit import expected_significance
from hepflow.stats.inference import infer
from hepflow.stats.model import Workspace, workspace
from hepflow.stats.opening import open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.signal import SignalTemplate, counting_signal, with_samples
from hepflow.text import with_error

if TYPE_CHECKING:
    from hepflow.selection import Cut


FIT = {False: "pre-fit", True: "post-fit"}


@dataclass(frozen=True, eq=False)
class BumpHunt:
    """The result of one bump hunt.

    Parameters
    ----------
    n_exp, n_exp_error
        Background expected in the signal region, with its full error: before the fit to the data there or, where
        `post_fit` is true, as the best fit has it. Of a user's workspace: in its most sensitive channel.
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
    post_fit
        Whether `n_exp` is that of the best fit.
    signal_unit
        What a signal strength of one stands for.
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
    post_fit: bool = False
    signal_unit: str = ""
    level: float = 0.95
    calculator: str = "asymptotic"
    calculator_reason: str = ""
    problems: tuple[str, ...] = ()

    @property
    def pull(self) -> float | None:
        """Excess over its standard deviation, ``(n_obs - n_exp) / sqrt(n_exp + n_exp_error^2)``, where finite."""
        variance = self.n_exp + self.n_exp_error**2
        if self.n_obs is None or not np.isfinite(variance):
            return None
        return float((self.n_obs - self.n_exp) / np.sqrt(variance)) if variance > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers under their keys of `results.json`; None where one is not finite."""
        names = ("n_obs", "n_exp", "n_exp_error", "pull", "z", "p0", "p0_error", "mu_hat", "mu_hat_error")
        others = ("mu_up_obs", "z_expected", "calculator", "calculator_reason", "post_fit", "signal_unit")
        return {
            "blind": self.blind,
            **{name: without_nan(getattr(self, name)) for name in (*names, *others)},
            "mu_up_exp": without_nan(self.mu_up_exp),
            "problems": list(self.problems),
        }

    def __str__(self) -> str:
        background = f"expected {with_error(self.n_exp, self.n_exp_error)} {FIT[self.post_fit]}"
        limit = f"{100 * self.level:g} % CLs upper limit"
        if self.mu_hat is None or self.mu_hat_error is None:
            aim = "" if self.z_expected is None else f", Z = {self.z_expected:.2f} at mu = 1"
            return f"blinded: {background}{aim}; {limit} {self.mu_up_exp[2]:.3g} expected{self._unit}"
        return (
            f"Z = {self.z:.2f} (p0 = {self.p0:.2g}), n_obs = {self.n_obs:g}, {background}; "
            f"mu = {with_error(self.mu_hat, self.mu_hat_error)}; {limit} "
            f"{'not found' if self.mu_up_obs is None else format(self.mu_up_obs, '.3g')} "
            f"(expected {self.mu_up_exp[2]:.3g}); {self.calculator}: {self.calculator_reason}{self._unit}"
        )

    @property
    def _unit(self) -> str:
        return f"; mu = 1: {self.signal_unit}" if self.signal_unit else ""


def bump_hunt(
    spectrum: Spectrum | Cut,
    signal: SignalTemplate | None = None,
    *,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
    limits: bool = True,
) -> BumpHunt:
    """Test the signal region of a spectrum for an excess, and set a limit on the signal strength.

    Parameters
    ----------
    spectrum
        Observed and expected events with their errors, or a cut, whose signal then is the default. Of a blinded one
        (`Spectrum.blinded`) the result holds what is expected and nothing else.
    signal
        Signal at strength one; None counts events in the signal region, the strength being their number.
    level
        Confidence level of the limits.
    calculator, toys, seed, limits
        As for `hepflow.stats.inference.infer`: by default, limits, too, and toys where fewer than 20
        background events are expected under the signal's shape.

    Raises
    ------
    InputError, ConfigError
        If spectrum and signal do not make a model: see `hepflow.stats.model.workspace`. A histogram, which holds no
        expectation, is for `hunt_spectrum`.
    FitError
        If a fit does not converge. Where no limit exists, `problems` says so.

    Examples
    --------
    130 events over a background of 100 that is known exactly, ``Z = sqrt(2 (130 ln 1.3 - 30))``:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> hunt = hf.stats.bump_hunt(spectrum)
    >>> print(f"Z = {hunt.z:.2f}, {hunt.mu_hat:.0f} +- {hunt.mu_hat_error:.0f} signal events")
    Z = 2.87, 30 +- 11 signal events
    >>> print(f"fewer than {hunt.mu_up_obs:.0f}, {hunt.mu_up_exp[2]:.0f} expected")
    fewer than 50, 21 expected
    """
    spectrum, signal = _of_cut(spectrum, signal)
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
        signal_unit=unit_of(signal),
        **numbers_of(profile, spectrum.blind, level, calculator, toys, seed, limits),
    )


def _of_cut(spectrum: Any, signal: SignalTemplate | None) -> tuple[Spectrum, SignalTemplate | None]:
    """Return what is given, or the spectrum of a cut and, where none is given, its signal with what varies it."""
    if isinstance(spectrum, Spectrum):
        return spectrum, signal
    if not isinstance(getattr(spectrum, "spectrum", None), Spectrum):
        raise ConfigError(
            f"bump_hunt of {type(spectrum).__name__}: expected a hepflow.Spectrum, which holds an expected "
            "background, or a cut. Of a histogram, hepflow.stats.hunt_spectrum(histogram, windows=...) fits one"
        )
    cut, edges = spectrum, spectrum.spectrum.edges
    if signal is None and cut.signal is not None and cut.signal_passes:
        signal = SignalTemplate.of(cut.signal, edges)
        for name, (up, down) in cut.variations.items():
            signal = with_samples(signal, edges, name, up, down)
    return cut.spectrum, signal


def unit_of(signal: SignalTemplate | None) -> str:
    """Return what a strength of one of a signal stands for, in words."""
    if signal is None:
        return "one signal event in the signal region"
    events = float(signal.counts.sum())
    return f"{signal.name}, {events:.4g} event{'s' * (round(events, 3) != 1)} in the spectrum"


def without_error(n_exp_error: float) -> tuple[str, ...]:
    """Return what to say of a background whose error is infinite, as `problems` hold it."""
    if np.isfinite(n_exp_error):
        return ()
    return (
        "the error of the expected background is infinite: the data do not determine it, apart from the signal; "
        "constrain what scales it, or add a control channel",
    )


def numbers_of(
    profile: Profile,
    blind: bool,
    level: float,
    calculator: Calculator,
    toys: int | None,
    seed: int,
    limits: bool = True,
) -> dict[str, Any]:
    """Return what a likelihood says of its signal, as fields of a `BumpHunt`."""
    found = infer(
        profile,
        level=level,
        calculator=calculator,
        toys=toys,
        seed=seed,
        limits=limits,
        blind=blind,
    )
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
