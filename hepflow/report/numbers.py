"""Numbers as physicists write them, in Unicode: 152 ± 57, 2.7 σ, 3.1 × 10⁻³; an en dash where there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeGuard

from hepflow.text import SMALL, with_error

MISSING = "–"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(events: float | None) -> str:
    """Return a number of events: ``14,581``."""
    return f"{events:,.0f}" if _known(events) else MISSING


def plain(value: float | None, digits: int = 3) -> str:
    """Return a number to so many significant digits, without an exponent from 0.001 to a million."""
    if not _known(value):
        return MISSING
    if value != 0 and not SMALL <= abs(value) < 1e6:
        return _scientific(value, digits - 1)
    decimals = digits - 1 if value == 0 else max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def measured(value: float | None, error: float | None) -> str:
    """Return a value and its error, rounded to two digits of the error: ``0.79 ± 0.30``."""
    if not _known(value) or not _known(error) or error == 0:
        return plain(value)
    written = with_error(value, abs(error)).replace("+-", "±")
    return re.sub(r"e(-\d+)$", lambda found: f" × {_power(int(found[1]))}", written)


def p_value(p: float | None, error: float | None = None) -> str:
    """Return a p-value: 0.038, or 3.1 × 10⁻³; with its error, where toys gave one."""
    if not _known(p) or error:
        return measured(p, error)
    if p <= 0:
        return f"< {_power(-300)}"  # no double is smaller, and no test so sure
    return plain(p, 2) if p >= 0.01 else _scientific(p, 1)


def sigma(z: float | None) -> str:
    """Return a significance: ``2.7 σ``."""
    return f"{z:.1f}\u202fσ" if _known(z) else MISSING


def percent(share: float | None, digits: int = 3) -> str:
    """Return a share in percent, to so many digits: 0.001 is ``0.1%``."""
    return f"{100 * share:.{digits}g}%" if _known(share) else MISSING


def band(expected: Sequence[float | None]) -> str:
    """Return the median and the 68 % band of values at -2, -1, 0, 1, 2 sigma: ``0.58 (0.41 to 0.82)``."""
    low, median, high = expected[1:4]
    return f"{plain(median, 2)} ({plain(low, 2)} to {plain(high, 2)})" if _known(median) else MISSING


def window(edges: Sequence[float]) -> str:
    """Return a mass window: ``3300 to 3700 GeV``."""
    return f"{mass_range(edges)} GeV"


def mass_range(edges: Sequence[float]) -> str:
    """Return a mass window under a heading that has the unit: ``3300 to 3700``."""
    return f"{edges[0]:g} to {edges[1]:g}"


def between(low: float | None, high: float | None) -> str:
    """Return both ends of an interval: ``12.3 to 19.5``, and ``12.3 to –`` where it has no upper one."""
    return f"{plain(low)} to {plain(high)}" if _known(low) else MISSING


def duration(seconds: float) -> str:
    """Return a time: ``0.2 s``, ``42 s``, ``3 min 12 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _scientific(value: float, decimals: int) -> str:
    factor, power = f"{value:.{decimals}e}".split("e")
    return f"{factor} × {_power(int(power))}"


def _power(power: int) -> str:
    return "10" + str(power).translate(RAISED)
