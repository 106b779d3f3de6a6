"""Raw LHC Olympics events, 700 particles each, clustered into jets while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np

from hepflow.readers.clustering import cluster
from hepflow.readers.hdf5 import PARTICLES
from hepflow.readers.schemas import JET_FIELDS


@dataclass(frozen=True)
class ParticleJets:
    """The two leading anti-kt jets, R = 1.0, of the particles (pT, eta, phi; massless, GeV) of each event."""

    fields: tuple[str, ...] = JET_FIELDS

    def needed(self, fields: Iterable[str]) -> list[str]:
        """Return the columns to read, whatever the fields."""
        return [PARTICLES]

    def build(self, arrays: Mapping[str, ak.Array], fields: Iterable[str]) -> ak.Array:
        """Return the jets: one list per event of records with these fields, descending in pT."""
        fields = list(fields)
        table = np.asarray(ak.to_numpy(arrays[PARTICLES]), dtype=np.float64)
        table = table.reshape(len(table), -1, 3)
        counts = np.count_nonzero(table[..., 0], axis=1)
        flat = table[table[..., 0] != 0]
        columns = {name: flat[:, index] for index, name in enumerate(("pt", "eta", "phi"))}
        particles = ak.unflatten(ak.zip({**columns, "mass": np.zeros(len(flat))}), counts)
        subjets = [n for n in (1, 2, 3) if f"tau{n}" in fields]
        # the axes of the official features file: its N-subjettiness comes out within a percent
        return cluster(particles, subjets=subjets or (1,), axes="KT_Axes")[fields]
