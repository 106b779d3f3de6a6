"""Channels: mappings of the unit cube to the points of an integrand, one for each structure of its peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hepflow.errors import ConfigError
from hepflow.events import FloatArray
from hepflow.flows.bijections import Bijection
from hepflow.integration.mappings import AxisMap, Uniform


@dataclass(frozen=True)
class Channel:
    """A mapping of the unit cube to points.

    Parameters
    ----------
    axes
        By the number of an axis, its mapping; the others are uniform.
    name
        What it is called.
    group
        Channels with the same group share one proposal; none shares it with nobody.
    bijection
        In place of `axes`: any bijection of points (N, D) to the unit cube, onto which it maps the whole box.
    """

    axes: Mapping[int, AxisMap] = field(default_factory=dict)
    name: str = ""
    group: str | None = None
    bijection: Bijection | None = None

    def on(self, box: FloatArray) -> Bijection:
        """Return the bijection of a box (D, 2) to the unit cube.

        Raises
        ------
        ConfigError
            If there is no such axis, or a mapping has no density between the bounds.
        """
        if self.bijection is not None:
            if self.axes:
                raise ConfigError(f"channel {self.name!r}: expected axes or a bijection, got both")
            _probe(self.name, self.bijection, box)
            return self.bijection
        for axis in self.axes:
            if not 0 <= axis < len(box):
                raise ConfigError(
                    f"channel {self.name!r}: a mapping of axis {axis}, but the integrand has the axes 0 "
                    f"to {len(box) - 1}"
                )
        maps = tuple(self.axes.get(axis, Uniform()) for axis in range(len(box)))
        for axis, each in enumerate(maps):
            try:
                each.check(*map(float, box[axis]))
            except ConfigError as error:
                raise ConfigError(f"channel {self.name!r}, axis {axis}: {error}") from None
        return AxisByAxis(maps, box)


@dataclass(frozen=True)
class AxisByAxis:
    """A bijection of points (N, D) to the unit cube, each axis by its own mapping."""

    maps: tuple[AxisMap, ...]
    box: FloatArray

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return places in the unit cube (N, D), and the log of the channel's density (N,)."""
        each = [one.forward(x[:, axis], *self.box[axis]) for axis, one in enumerate(self.maps)]
        return np.stack([u for u, _ in each], axis=1), np.sum([density for _, density in each], axis=0)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the points (N, D) at places in the unit cube."""
        return np.stack(
            [one.inverse(z[:, axis], *self.box[axis]) for axis, one in enumerate(self.maps)], axis=1
        )


def _probe(name: str, bijection: Any, box: FloatArray) -> None:
    """Refuse a bijection whose image of the unit cube does not lie in the box, or that is not its own inverse."""
    u = np.random.default_rng(0).uniform(0.01, 0.99, (64, len(box)))
    x = np.asarray(bijection.inverse(u))
    if x.shape != u.shape:
        raise ConfigError(
            f"channel {name!r}: its bijection makes points of shape {x.shape}; expected {u.shape}"
        )
    inside = np.all((x >= box[:, 0]) & (x <= box[:, 1]), axis=1)
    if not inside.all():
        what = (
            "covers nothing of the box"
            if not inside.any()
            else f"leaves the box at {np.mean(~inside):.0%} of points"
        )
        raise ConfigError(
            f"channel {name!r}: its bijection {what} {box.tolist()}; expected the unit cube onto the box"
        )
    back, log_density = bijection.forward(x)
    if np.shape(log_density) != (len(u),) or not np.allclose(back, u, atol=1e-6):
        raise ConfigError(f"channel {name!r}: forward does not undo the inverse of its bijection")


def named(channels: Sequence[Channel | Bijection] | None) -> tuple[Channel, ...]:
    """Return channels with names, no two alike; one that is uniform where there are none.

    Raises
    ------
    ConfigError
        If there is none among those given, two have the same name, or one is no channel.
    """
    if channels is None:
        return (Channel(name="uniform"),)
    if not len(channels):
        raise ConfigError("channels: none given; leave them out for a uniform one")
    found = []
    for number, one in enumerate(channels):
        if not isinstance(one, Channel):
            if not isinstance(one, Bijection):
                raise ConfigError(f"channels: {one!r}; expected a Channel, or a bijection to the unit cube")
            one = Channel(bijection=one)
        found.append(Channel(one.axes, one.name or f"channel_{number}", one.group, one.bijection))
    names = [one.name for one in found]
    if len(set(names)) != len(names):
        raise ConfigError(f"channels: the names {names}; expected no two alike")
    return tuple(found)
