"""Channel weights: how the channels share an integrand, as given or learned on top of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hepflow.errors import ConfigError, InputError
from hepflow.events import FloatArray
from hepflow.flows.bijections import Bijection

Given = Literal["densities", "equal"] | Callable[[FloatArray], FloatArray]
FLOOR = -60.0  # of log densities as the network sees them
NOTHING = -1e30  # the log of no weight, in single precision


@dataclass(frozen=True, eq=False)
class Point:
    """What is known of points beside the integrand.

    Parameters
    ----------
    log_density
        Of each of the C channels' mappings, shape ``(N, C)``.
    log_given
        Logs of the given channel weights, which add up to one, ``(N, C)``.
    seen
        What a network of channel weights sees, ``(N, K)``.
    """

    log_density: FloatArray
    log_given: FloatArray
    seen: FloatArray


def describe(x: FloatArray, box: FloatArray, mappings: Sequence[Bijection], given: Given) -> Point:
    """Describe points (N, D): how each channel sees them, and the weights that it is given there.

    Raises
    ------
    ConfigError, InputError
        If the given weights have another shape, are negative or not finite, or are all zero at a point.
    """
    if len(mappings) == 1 and not callable(given):
        log_density = mappings[0].forward(x)[1][:, None]
        return Point(log_density, np.zeros_like(log_density), np.zeros((len(x), 0)))
    images = [mapping.forward(x) for mapping in mappings]
    log_density = np.stack([density for _, density in images], axis=1)
    if given == "densities":
        log_given = log_density - np.logaddexp.reduce(log_density, axis=1, keepdims=True)
    elif given == "equal":
        log_given = np.full(log_density.shape, -np.log(len(mappings)))
    elif callable(given):
        log_given = _checked(np.asarray(given(x), dtype=np.float64), x, len(mappings))
    else:
        raise ConfigError(
            f"channel weights {given!r}; expected 'densities', 'equal', or a function of points (N, D)"
        )
    low, high = box[:, 0], box[:, 1]
    volume = float(np.sum(np.log(high - low)))
    seen = [2 * (x - low) / (high - low) - 1]
    seen += [2 * u - 1 for u, _ in images]
    seen += [np.maximum(log_density + volume, FLOOR) / 4]
    return Point(log_density, log_given, np.concatenate(seen, axis=1))


def _checked(weights: FloatArray, x: FloatArray, channels: int) -> FloatArray:
    if weights.shape != (len(x), channels):
        raise ConfigError(
            f"channel weights of shape {weights.shape}; expected ({len(x)}, {channels}), one a channel"
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("channel weights: some are negative or not finite; expected weights of at least 0")
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, np.log(weights / total), -np.inf)


class WeightNetwork(torch.nn.Module):
    """A small network on top of given channel weights: it begins with these, and the sum stays one.

    Parameters
    ----------
    seen, channels
        What it sees of a point, and the number of channels.
    hidden
        Width of its two layers.

    Notes
    -----
    T. Heimel et al., arXiv:2212.06172, sec. 3.2.
    """

    def __init__(self, seen: int, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.settings = {"seen": seen, "channels": channels, "hidden": hidden}
        last = torch.nn.Linear(hidden, channels)
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
        # smooth, so that what flows have to learn stays smooth
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(seen, hidden),
            torch.nn.SiLU(),
            torch.nn.Linear(hidden, hidden),
            torch.nn.SiLU(),
            last,
        )

    def forward(self, seen: Tensor, log_given: Tensor) -> Tensor:
        """Return log channel weights (N, C) from what is seen (N, K) and the given log weights (N, C)."""
        return torch.log_softmax(self.layers(seen) + log_given, dim=1)


def among(log_given: FloatArray, active: Sequence[int]) -> FloatArray:
    """Return given log weights (N, C) of active channels alone, adding up to one again, if there are any."""
    found = np.full(log_given.shape, -np.inf)
    found[:, list(active)] = log_given[:, list(active)]
    total = np.logaddexp.reduce(found, axis=1, keepdims=True)
    return np.asarray(found - np.where(np.isneginf(total), 0.0, total))


def log_weights(
    point: Point, network: WeightNetwork | None, active: Sequence[int], x: FloatArray, value: FloatArray
) -> FloatArray:
    """Return the log weights (N, C) of channels at points, those of channels not `active` being -inf.

    Raises
    ------
    InputError
        If no active channel has a weight at a point where the integrand is not zero.
    """
    log_given = among(point.log_given, active)
    nobody = np.isneginf(log_given).all(axis=1)
    lost = nobody & (value != 0)
    if lost.any():
        raise InputError(
            f"channel weights: no channel has a weight at "
            f"{np.array2string(x[np.argmax(lost)], precision=6)} and "
            f"{int(lost.sum()) - 1:,} more of {len(x):,} points; expected channels that cover all of "
            "the box (a uniform "
            "one among them does)"
        )
    if network is None:
        return log_given
    with torch.no_grad():
        found = network(_float(point.seen), _float(np.maximum(log_given, NOTHING))).numpy().astype(np.float64)
    return np.where(np.isneginf(log_given), -np.inf, found)


def _float(values: FloatArray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
