"""Latents: events carried between two densities, or two masses, that share a latent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.flows.density import Density
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.weights import storable


@storable
@dataclass(frozen=True)
class Latents:
    """The map x' = g_to^-1(g_source(x; m); m') between the flows g of two densities, which needs no training.

    It carries one density to the other, since both have the same normal latent. Where both are the same density and
    m' = m, it is the identity.

    Parameters
    ----------
    source, to
        Trained densities with equally many members.
    """

    source: Density
    to: Density

    def forward(self, x: FloatArray, m: FloatArray, target: FloatArray | None = None) -> FloatArray:
        """Carry features (N, D) from masses (N,) to others, or their own, in GeV, by the members in turn."""
        carried, arrival = np.empty_like(x), m if target is None else target
        for member in progress(range(self.to.members), "transport", "map"):
            rows = slice(member, None, self.to.members)
            z = self.source.to_latent(x[rows], m[rows], member)
            carried[rows] = self.to.from_latent(z, arrival[rows], member)
        return carried

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member carries each of `rows` events, shape (rows,)."""
        return np.arange(rows) % self.to.members
