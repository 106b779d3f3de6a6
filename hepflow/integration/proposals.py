"""Proposals: densities of the unit cube from which points are drawn, with their densities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from hepflow.errors import ConfigError
from hepflow.events import FloatArray
from hepflow.integration.cube import CubeFlow
from hepflow.weights import State, storable

CHUNK = 8192  # points at a time: what a layer holds of them stays in the cache


@runtime_checkable
class Proposal(Protocol):
    """A density of the unit cube."""

    def sample(self, points: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points (N, D) and their log densities (N,)."""
        ...

    def log_prob(self, u: FloatArray) -> FloatArray:
        """Return the log densities (N,) of points (N, D)."""
        ...


@storable
@dataclass(frozen=True, eq=False)
class Grid:
    """A density that is constant in the cells of a grid, a product of one for each axis: that of VEGAS.

    Parameters
    ----------
    edges
        The same number of increments on each axis, of equal probability: their edges from 0 to 1, shape
        ``(D, K + 1)``.

    Notes
    -----
    G. P. Lepage, J. Comput. Phys. 27 (1978) 192.
    """

    edges: FloatArray

    @classmethod
    def flat(cls, features: int, increments: int = 1) -> Grid:
        """Return the uniform density of D axes."""
        return cls(np.tile(np.linspace(0, 1, increments + 1), (features, 1)))

    @property
    def increments(self) -> int:
        """The number of increments of an axis."""
        return int(self.edges.shape[1]) - 1

    def sample(self, points: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points (N, D) and their log densities (N,)."""
        return self.from_cube(random.random((points, len(self.edges))))

    def log_prob(self, u: FloatArray) -> FloatArray:
        """Return the log densities (N,) of points (N, D)."""
        return self.to_cube(u)[1]

    def to_cube(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return where points (N, D) lie if increments are counted, and the log densities (N,)."""
        z, total = np.empty_like(u), np.zeros(len(u))
        for axis, edges in enumerate(self.edges):
            place = np.clip(np.searchsorted(edges, u[:, axis], side="right") - 1, 0, self.increments - 1)
            width = np.diff(edges)[place]
            z[:, axis] = (place + (u[:, axis] - edges[place]) / width) / self.increments
            total -= np.log(width * self.increments)
        return z, total

    def from_cube(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the points (N, D) of which `to_cube` makes these, and their log densities (N,)."""
        u, total = np.empty_like(z), np.zeros(len(z))
        for axis, edges in enumerate(self.edges):
            scaled = z[:, axis] * self.increments
            place = np.minimum(scaled.astype(np.intp), self.increments - 1)
            width = np.diff(edges)[place]
            u[:, axis] = edges[place] + (scaled - place) * width
            total -= np.log(width * self.increments)
        return u, total

    def adapted(self, u: FloatArray, square: FloatArray, damping: float = 0.5) -> Grid:
        """Return the grid that VEGAS makes of squares of weights (N,) at points (N, D) drawn from this one.

        Raises
        ------
        ConfigError
            If `vegas` is not installed.
        """
        vegas: Any = _vegas()
        grid = vegas.AdaptiveMap([list(edges) for edges in self.edges])
        grid.add_training_data(np.ascontiguousarray(self.to_cube(u)[0]), np.ascontiguousarray(square))
        grid.adapt(alpha=damping)
        return Grid(np.array([np.asarray(grid.extract_grid()[axis]) for axis in range(len(self.edges))]))


def _vegas() -> Any:
    try:
        import vegas
    except ImportError:
        raise ConfigError(
            "integrate: a VEGAS grid needs the package vegas: pip install 'hepflow[integrate]', or grid=False"
        ) from None
    return vegas


def has_vegas() -> bool:
    """Return whether the package vegas is installed."""
    try:
        _vegas()
    except ConfigError:
        return False
    return True


@storable
class Flow:
    """A spline flow on what a grid has made flat.

    Parameters
    ----------
    flow
        Trained; it is not changed any more.
    grid
        What comes before it.
    """

    def __init__(self, flow: CubeFlow, grid: Grid) -> None:
        self.flow, self.grid = flow.eval().requires_grad_(False), grid

    def sample(self, points: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points (N, D) and their log densities (N,)."""
        latent = torch.from_numpy(random.random((points, len(self.grid.edges)), dtype=np.float32))
        with torch.no_grad():
            parts = [self.flow.sample(part) for part in torch.split(latent, CHUNK)]
        z = np.clip(np.concatenate([z.numpy() for z, _ in parts], dtype=np.float64), 0.0, 1.0)
        log_flow = np.concatenate([density.numpy() for _, density in parts], dtype=np.float64)
        u, log_grid = self.grid.from_cube(z)
        return u, log_flow + log_grid

    def log_prob(self, u: FloatArray) -> FloatArray:
        """Return the log densities (N,) of points (N, D)."""
        z, log_grid = self.grid.to_cube(u)
        rows = torch.from_numpy(z.astype(np.float32))
        with torch.no_grad():
            parts = [self.flow.log_prob(part).numpy() for part in torch.split(rows, CHUNK)]
        return np.concatenate(parts, dtype=np.float64) + log_grid

    def state(self) -> State:
        """Return settings, parameters and grid."""
        arrays = {name: each.detach().numpy() for name, each in self.flow.named_parameters()}
        return State(self.flow.settings, arrays, {"grid": self.grid})

    @classmethod
    def from_state(cls, state: State) -> Flow:
        """Make a trained proposal again."""
        with torch.random.fork_rng(devices=[]):
            flow = CubeFlow(**state.settings)
        for name, parameter in flow.named_parameters():
            parameter.data.copy_(torch.from_numpy(state.array(name, np.float32, tuple(parameter.shape))))
        return cls(flow, state.part("grid", Grid))


def log_mixture(log_densities: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """Return the log density (N,) of points of which proposals drew so many each; `log_densities` is (R, N)."""
    share = np.asarray(sizes, dtype=np.float64) / np.sum(sizes)
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(log_densities + np.log(share)[:, None], axis=0))
