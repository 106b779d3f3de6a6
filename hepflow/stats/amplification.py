"""Amplification: the limit on a signal against the number of generated background events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.progress import progress
from hepflow.replicas import Expected
from hepflow.sample import FloatArray
from hepflow.stats.limits import upper_limit
from hepflow.stats.model import Workspace
from hepflow.stats.opening import open_workspace
from hepflow.stats.profile import Profile

SMALLEST = 1e-3  # of the Poisson error: a shift that small decides nothing in any bin


@dataclass(frozen=True)
class LimitCurve:
    """Expected upper limits on the signal strength against the number of generated events.

    Parameters
    ----------
    generated
        Events, ``(K,)``.
    limits
        Median expected CLs limits, ``(K,)``; NaN where none was found.
    uncertainty
        Relative error of the background's yield that is assumed beside.
    training
        Whether the error of the training is among the errors, or only that of the generated number.
    """

    generated: tuple[int, ...]
    limits: tuple[float, ...]
    uncertainty: float
    training: bool

    @property
    def plateau(self) -> float:
        """The limit of the most events."""
        return self.limits[-1]


def limit_against_events(
    background: Expected,
    generated: int,
    signal: FloatArray,
    events: Sequence[int],
    *,
    uncertainty: float = 0.0,
    training: bool = True,
) -> LimitCurve:
    """Return the expected limit for each number of generated events.

    Parameters
    ----------
    background
        As it is expected, from `generated` events.
    generated
        How many events its statistical error is of.
    signal
        Events of a strength of one in each bin, shape ``(B,)``.
    events
        Numbers of generated events.
    uncertainty
        Relative error of the background's yield, which all bins share.
    training
        Whether what the training leaves is among the errors. Without it the limit falls for ever with the number of
        events, as if these were simulated.

    Raises
    ------
    ConfigError
        If shapes or numbers make no sense.
    InputError
        If no background is expected in a bin with signal.
    """
    if np.shape(signal) != background.events.shape:
        raise ConfigError(
            f"limits: a signal of shape {np.shape(signal)} on a background of {background.events.shape}"
        )
    if generated < 1 or not len(events) or min(events) < 1 or not uncertainty >= 0:
        raise ConfigError(
            f"limits: {generated} events behind the background, numbers {tuple(events)}, uncertainty "
            f"{uncertainty:g}; expected positive numbers, and an uncertainty of zero or more"
        )
    empty = int(np.sum((background.events <= 0) & (np.asarray(signal) > 0)))
    if empty:
        raise InputError(
            f"limits: {empty} bins with signal, but without background; make them wider, or generate more events"
        )
    limits = []
    for number in progress(list(events), "limits", "limit"):
        statistical = background.statistical * np.sqrt(generated / number)
        shifts = background.shifts if training else background.shifts[:0]
        spec = _workspace(background.events, shifts, statistical, np.asarray(signal), uncertainty)
        try:
            limits.append(float(upper_limit(Profile(*open_workspace(spec))).expected[2]))
        except FitError:
            limits.append(float("nan"))
    return LimitCurve(tuple(map(int, events)), tuple(limits), uncertainty, training)


def _workspace(
    events: FloatArray, shifts: FloatArray, statistical: FloatArray, signal: FloatArray, uncertainty: float
) -> Workspace:
    used = events > 0
    poisson = np.sqrt(events[used])
    modifiers: list[dict[str, Any]] = [
        {
            "name": f"training_{number}",
            "type": "histosys",
            "data": {"hi_data": list(events[used] + shift), "lo_data": list(events[used] - shift)},
        }
        for number, shift in enumerate(shifts[:, used])
        if np.any(np.abs(shift) > SMALLEST * poisson)
    ]
    if uncertainty:
        data = {"hi": 1 + uncertainty, "lo": 1 / (1 + uncertainty)}
        modifiers.append({"name": "background_yield", "type": "normsys", "data": data})
    modifiers.append({"name": "generated", "type": "staterror", "data": list(statistical[used])})
    samples = [
        {
            "name": "signal",
            "data": list(signal[used]),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "background", "data": list(events[used]), "modifiers": modifiers},
    ]
    return {
        "channels": [{"name": "spectrum", "samples": samples}],
        "observations": [{"name": "spectrum", "data": list(events[used])}],
        "measurements": [{"name": "limit", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
