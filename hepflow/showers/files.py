"""Showers, and the files of the CaloChallenge that have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import FloatArray
from hepflow.readers.damage import reading
from hepflow.readers.filters import check_filters
from hepflow.regular import check_regular
from hepflow.showers.geometry import Geometry, check_same

ENERGIES, SHOWERS = "incident_energies", "showers"
MEV = 1e-3  # GeV: files are in MeV
CHUNK = 1000  # showers of a chunk of a dataset


@dataclass(frozen=True, eq=False)
class Showers:
    """What particles leave in the voxels of a calorimeter.

    Parameters
    ----------
    energy
        Of the incident particles in GeV, shape ``(N,)``, above zero.
    voxels
        What each voxel shows in GeV, shape ``(N, V)``, zero or more.
    geometry
        Where the voxels are.

    Raises
    ------
    ConfigError
        If the shapes are others.
    InputError
        If there is no shower, or an energy is not finite or below these bounds.
    """

    energy: FloatArray
    voxels: FloatArray
    geometry: Geometry

    def __post_init__(self) -> None:
        energy, voxels = (np.asarray(values, dtype=np.float64) for values in (self.energy, self.voxels))
        if energy.ndim != 1 or voxels.shape != (len(energy), self.geometry.voxels):
            raise ConfigError(
                f"showers: energies of shape {energy.shape} and voxels of shape {voxels.shape}; expected (N,) and "
                f"(N, {self.geometry.voxels}), the voxels of {len(self.geometry.filled)} layers: is it another "
                "geometry?"
            )
        if not len(energy):
            raise InputError("showers: there is none")
        _check_energies(energy)
        for what, bad in (("NaN or infinite", ~np.isfinite(voxels)), ("below zero", voxels < 0)):
            if bad.any():
                shower, voxel = map(int, np.argwhere(bad)[0])
                raise InputError(
                    f"showers: {int(bad.sum()):,} energies of voxels are {what} in {int(bad.any(axis=1).sum()):,} "
                    f"of {len(energy):,} showers, first in shower {shower}, voxel {voxel}: {voxels[shower, voxel]:g} "
                    "GeV; expected zero or more: leave those showers out, or cut noise before"
                )
        object.__setattr__(self, "energy", energy)
        object.__setattr__(self, "voxels", voxels)

    def __len__(self) -> int:
        return len(self.energy)

    def select(self, rows: Any) -> Showers:
        """Return some of the showers, by places, a mask or a slice."""
        return Showers(self.energy[rows], self.voxels[rows], self.geometry)

    @classmethod
    def concat(cls, parts: Iterable[Showers]) -> Showers:
        """Join showers of one geometry."""
        every = list(parts)
        for part in every[1:]:
            check_same(every[0].geometry, part.geometry, "showers")
        energy, voxels = (
            np.concatenate([getattr(part, name) for part in every]) for name in ("energy", "voxels")
        )
        return cls(energy, voxels, every[0].geometry)


def read_showers(path: str | Path, geometry: Geometry, most: int | None = None) -> Showers:
    """Read a file of the CaloChallenge (HDF5): ``incident_energies`` (N, 1) and ``showers`` (N, V), in MeV.

    Parameters
    ----------
    path
        The file.
    geometry
        Where its voxels are: the file does not say.
    most
        Read so many showers, the first ones; all if left out.

    Raises
    ------
    InputError
        If the file is truncated or no HDF5, has not these datasets, showers of another geometry, or energies that are
        not finite, below zero, or zero of incident particles.
    """
    check_regular(path)
    with reading(str(path), "HDF5"), h5py.File(path, "r") as file:
        energies, showers = (_dataset(path, file, name) for name in (ENERGIES, SHOWERS))
        if showers.ndim != 2 or showers.shape[1] != geometry.voxels:
            raise InputError(
                f"{path}: dataset {SHOWERS!r} of shape {showers.shape}; expected (N, {geometry.voxels}), the voxels "
                f"of {geometry.particle} in {len(geometry.filled)} layers: it is of another geometry"
            )
        if energies.shape not in ((len(showers),), (len(showers), 1)):
            raise InputError(
                f"{path}: dataset {ENERGIES!r} of shape {energies.shape} beside {len(showers):,} showers; expected "
                f"({len(showers)}, 1)"
            )
        energy = np.asarray(energies[:most], dtype=np.float64).reshape(-1) * MEV
        voxels = np.asarray(showers[:most], dtype=np.float64)
        voxels *= MEV
    try:
        return Showers(energy, voxels, geometry)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def write_showers(showers: Showers | Iterable[Showers], path: str | Path) -> int:
    """Write a file of the CaloChallenge (HDF5), in MeV, piece by piece; whole or not at all.

    Parameters
    ----------
    showers
        Or pieces of them, of which one at a time is in memory.
    path
        The file.

    Returns
    -------
    int
        How many showers were written.

    Raises
    ------
    InputError
        If there is none.
    """
    pieces = iter([showers] if isinstance(showers, Showers) else showers)
    first = next(pieces, None)
    if first is None:
        raise InputError(f"{path}: no showers to write")
    written, geometry = 0, first.geometry
    with atomic_write(path) as temporary, h5py.File(temporary, "w") as file:
        made = {
            name: file.create_dataset(
                name,
                (0, width),
                np.float64,
                maxshape=(None, width),
                chunks=(CHUNK, width),
                compression="gzip",
            )
            for name, width in ((ENERGIES, 1), (SHOWERS, geometry.voxels))
        }
        for piece in chain([first], pieces):
            check_same(geometry, piece.geometry, str(path))
            for name, values in ((ENERGIES, piece.energy[:, None]), (SHOWERS, piece.voxels)):
                made[name].resize(written + len(piece), axis=0)
                made[name][written:] = values / MEV
            written += len(piece)
    return written


def _dataset(path: str | Path, file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(
            f"{path}: no dataset {name!r}; {did_you_mean(name, list(file))}; expected {ENERGIES!r} and {SHOWERS!r}"
        )
    if found.dtype.kind not in "fiu":
        raise InputError(f"{path}: dataset {name!r} of {found.dtype}; expected numbers")
    check_filters(str(path), found)
    return found


def check_incident(energy: ArrayLike) -> FloatArray:
    """Return energies of incident particles (N,) in GeV that showers can be asked for.

    Raises
    ------
    InputError
        If one is not finite, or not above zero.
    ConfigError
        If it is no list of them.
    """
    found = np.asarray(energy, dtype=np.float64)
    if found.ndim != 1 or not len(found):
        raise ConfigError(f"showers: incident energies of shape {found.shape}; expected (N,), at least one")
    _check_energies(found)
    return found


def _check_energies(energy: FloatArray) -> None:
    bad = ~(np.isfinite(energy) & (energy > 0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"showers: {int(bad.sum()):,} of {len(energy):,} incident energies are zero, below it or not finite, "
            f"first that of shower {first}: {energy[first]:g} GeV; expected more than zero: leave those showers out"
        )
