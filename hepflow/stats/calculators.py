"""Which calculator gives p-values and limits: asymptotic formulae, or toys where few events are expected."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hepflow.errors import ConfigError
from hepflow.stats.profile import Profile

Calculator = Literal["auto", "asymptotic", "toys"]
FEW = 20.0  # events; below, asymptotic limits are too strong by up to a quarter
_NONE = 1e-9  # events of background that stand for none


def choose(calculator: Calculator, profile: Profile) -> tuple[str, str]:
    """Return "asymptotic" or "toys", and why, for the background events that a likelihood expects under its signal.

    Raises
    ------
    ConfigError
        If the calculator is unknown.
    FitError
        If the choice is "auto" and the fit to the data does not converge.
    """
    check_calculator(calculator)
    if calculator != "auto":
        return calculator, "as asked for"
    expected = events_under_signal(profile)
    said = f"{expected:.3g} events expected under the signal's shape"
    if expected < FEW:
        return "toys", f"{said}, fewer than {FEW:g}"
    return "asymptotic", f"{said}, {FEW:g} or more"


def check_calculator(calculator: str) -> None:
    """Raise ConfigError if the calculator is unknown."""
    if calculator not in ("auto", "asymptotic", "toys"):
        raise ConfigError(f'calculator {calculator!r}: expected "auto", "asymptotic" or "toys"')


def events_under_signal(profile: Profile) -> float:
    """Return how many background events a single bin would expect in which limits are as hard to approximate.

    With `s` and `b` signal and background of each bin, a signal strength `mu` is tested with the weighted count
    ``sum w n``, ``w = ln(1 + mu s / b)``. What makes asymptotic formulae fail is its skewness: that of a single count
    of ``(sum w^2 b)^3 / (sum w^3 b)^2`` events. It is `b` itself where all signal is in one bin, stays the same where
    bins of one ``s / b`` are joined, and is small as soon as the bins that matter expect few events. The background
    is that of the best fit, and the strength about that of a limit, ``2 / sqrt(sum s^2 / (b + 1))``.

    Raises
    ------
    FitError
        If the fit to the data does not converge.
    """
    x, poi = profile.free.x.copy(), profile.model.poi
    x[poi] = 0.0
    rates, jacobian = profile.model.rates(x)
    signal, background = np.abs(jacobian[:, poi]), np.maximum(rates, _NONE)
    scale = float(np.sum(signal**2 / (background + 1.0)))
    if scale == 0.0:
        return 0.0
    weights = np.log1p(2.0 / np.sqrt(scale) * signal / background)
    second, third = (float(np.sum(weights**power * background)) for power in (2, 3))
    return second**3 / third**2
