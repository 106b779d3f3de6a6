"""Which calculator gives p-values and limits: asymptotic formulae, or toys where few events are expected."""

from __future__ import annotations

from typing import Literal

from hepflow.errors import ConfigError

Calculator = Literal["auto", "asymptotic", "toys"]
FEW = 20.0  # events; below, asymptotic limits are too strong by up to a quarter


def choose(calculator: Calculator, expected: float) -> tuple[str, str]:
    """Return "asymptotic" or "toys", and why, for the number of events that are expected.

    Raises
    ------
    ConfigError
        If the calculator is unknown.
    """
    if calculator == "auto":
        if expected < FEW:
            return "toys", f"{expected:.3g} events expected, fewer than {FEW:g}"
        return "asymptotic", f"{expected:.3g} events expected, {FEW:g} or more"
    if calculator not in ("asymptotic", "toys"):
        raise ConfigError(f'calculator {calculator!r}: expected "auto", "asymptotic" or "toys"')
    return calculator, "as asked for"
