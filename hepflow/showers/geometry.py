"""Geometry: the voxels of a calorimeter, as the binning files of the CaloChallenge have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from hepflow.atomic import write_text
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import FloatArray
from hepflow.regular import read_regular

MOST_BYTES = 2**20  # of a binning file; those of the challenge have some kilobytes
MOST_VOXELS = 10**6


@dataclass(frozen=True)
class Layer:
    """A layer of a calorimeter, cut into rings and these into sectors.

    Parameters
    ----------
    number
        As the binning file has it.
    r_edges
        Edges of the rings in mm, increasing; fewer than two where the layer has no voxels.
    alpha_bins
        Sectors of a ring, all of the same angle, from -pi on.
    """

    number: int
    r_edges: tuple[float, ...]
    alpha_bins: int

    @property
    def rings(self) -> int:
        """How many rings there are."""
        return max(len(self.r_edges) - 1, 0)

    @property
    def voxels(self) -> int:
        """How many voxels there are."""
        return self.rings * self.alpha_bins


@dataclass(frozen=True)
class Geometry:
    """Where the voxels of showers are: layer by layer, in it sector by sector, and in these from inside out.

    Parameters
    ----------
    particle
        Whose showers they are of, such as ``photon``.
    layers
        All layers, in the order of the file.

    Raises
    ------
    InputError
        If edges do not increase, a layer is there twice, has rings without sectors, or none has voxels.

    Examples
    --------
    >>> from hepflow.showers import Geometry, Layer
    >>> geometry = Geometry("photon", (Layer(0, (0.0, 5.0, 20.0), 4), Layer(1, (0.0,), 1), Layer(2, (0.0, 9.0), 1)))
    >>> geometry.voxels, [layer.number for layer in geometry.filled]
    (9, [0, 2])
    """

    particle: str
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        numbers = [layer.number for layer in self.layers]
        for layer in self.layers:
            what = f"layer {layer.number}"
            edges = np.array(layer.r_edges)
            if numbers.count(layer.number) > 1:
                raise InputError(f"{what} is there {numbers.count(layer.number)} times; expected it once")
            if not np.isfinite(edges).all() or np.any(edges < 0) or np.any(np.diff(edges) <= 0):
                raise InputError(
                    f"{what}: r_edges {_listed(layer.r_edges)}; expected increasing numbers from 0 mm on"
                )
            if layer.alpha_bins < (1 if layer.rings else 0):
                raise InputError(
                    f"{what}: n_bin_alpha is {layer.alpha_bins}; expected at least 1 where there are rings"
                )
        if not 1 <= self.voxels <= MOST_VOXELS:
            raise InputError(
                f"a geometry of {self.voxels:,} voxels in {len(self.layers)} layers; expected 1 to {MOST_VOXELS:,}: "
                "a layer has voxels if it has two r_edges or more"
            )

    @property
    def voxels(self) -> int:
        """How many voxels a shower has."""
        return sum(layer.voxels for layer in self.layers)

    @cached_property
    def filled(self) -> tuple[Layer, ...]:
        """The layers that have voxels."""
        return tuple(layer for layer in self.layers if layer.voxels)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where the voxels of each filled layer are in a shower."""
        ends = accumulate((layer.voxels for layer in self.filled), initial=0)
        return tuple(slice(first, last) for first, last in pairwise(ends))

    @cached_property
    def r(self) -> FloatArray:
        """Middle of the ring of each voxel in mm, shape (V,)."""
        return np.concatenate(
            [np.tile(_middles(np.array(layer.r_edges)), layer.alpha_bins) for layer in self.filled]
        )

    @cached_property
    def alpha(self) -> FloatArray:
        """Middle of the sector of each voxel, in (-pi, pi), shape (V,)."""
        return np.concatenate(
            [
                np.repeat(_middles(np.linspace(-np.pi, np.pi, layer.alpha_bins + 1)), layer.rings)
                for layer in self.filled
            ]
        )

    @property
    def eta(self) -> FloatArray:
        """Position of each voxel along eta in mm, shape (V,)."""
        return np.asarray(self.r * np.cos(self.alpha))

    @property
    def phi(self) -> FloatArray:
        """Position of each voxel along phi in mm, shape (V,)."""
        return np.asarray(self.r * np.sin(self.alpha))

    def plain(self) -> dict[str, Any]:
        """Return it as what JSON has."""
        layers = [
            {"number": one.number, "r_edges": list(one.r_edges), "alpha_bins": one.alpha_bins}
            for one in self.layers
        ]
        return {"particle": self.particle, "layers": layers}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Geometry:
        """Make a geometry of what `plain` returned."""
        layers = (
            Layer(int(one["number"]), tuple(float(edge) for edge in one["r_edges"]), int(one["alpha_bins"]))
            for one in plain["layers"]
        )
        return cls(str(plain["particle"]), tuple(layers))


def read_geometry(path: str | Path, particle: str | None = None) -> Geometry:
    """Read a binning file of the CaloChallenge (XML).

    Parameters
    ----------
    path
        The file.
    particle
        Whose voxels, where a file has those of several.

    Raises
    ------
    InputError
        If the file is no XML, declares a document type, or has no such particle; or of a layer, as `Geometry`.
    """
    found: dict[str, list[Layer]] = {}
    raw = read_regular(path, MOST_BYTES)
    parser = expat.ParserCreate()

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Bin":
            name = attributes.get("name", attributes.get("pid", ""))
            if name in found:
                raise InputError(f"{path}: voxels of {name!r} are there twice; expected them once")
            found[name] = []
        elif tag == "Layer":
            if not found:
                raise InputError(f"{path}: line {parser.CurrentLineNumber}: a Layer outside of a Bin")
            found[next(reversed(found))].append(
                _layer(attributes, f"{path}: line {parser.CurrentLineNumber}")
            )

    def refuse(*_: object) -> None:
        raise InputError(
            f"{path}: line {parser.CurrentLineNumber}: a document type, which may declare entities; expected plain "
            "elements: take it out"
        )

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise InputError(
            f"{path}: cannot be read as XML ({error}); expected a binning file of the CaloChallenge"
        ) from None
    if particle is None and len(found) == 1:
        particle = next(iter(found))
    if particle not in found:
        asked = "no particle was asked for" if particle is None else f"no voxels of {particle!r}"
        hint = (
            "expected elements Bin with elements Layer" if not found else did_you_mean(particle or "", found)
        )
        raise InputError(f"{path}: {asked}; {hint}")
    try:
        return Geometry(particle, tuple(found[particle]))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def write_geometry(geometry: Geometry, path: str | Path) -> None:
    """Write a binning file of the CaloChallenge (XML)."""
    layers = [
        f'      <Layer id="{layer.number}" r_edges="{_listed(layer.r_edges)}" n_bin_alpha="{layer.alpha_bins}"/>'
        for layer in geometry.layers
    ]
    lines = ["<Bins>", f"   <Bin name={quoteattr(geometry.particle)}>", *layers, "   </Bin>", "</Bins>", ""]
    write_text(path, "\n".join(lines))


def check_same(one: Geometry, other: Geometry, what: str) -> None:
    """Refuse showers of another geometry.

    Raises
    ------
    ConfigError
        With the first layer that differs.
    """
    if one.filled == other.filled:
        return
    for mine, theirs in zip(one.filled, other.filled, strict=False):
        if mine != theirs:
            raise ConfigError(
                f"{what}: another geometry: layer {theirs.number} with {theirs.alpha_bins} sectors and rings at "
                f"{_listed(theirs.r_edges)}; expected layer {mine.number} with {mine.alpha_bins} and "
                f"{_listed(mine.r_edges)}"
            )
    raise ConfigError(
        f"{what}: another geometry, of {len(other.filled)} layers; expected {len(one.filled)} layers with "
        f"{one.voxels} voxels"
    )


def _layer(attributes: Mapping[str, str], where: str) -> Layer:
    """Return the layer of an element's attributes."""
    missing = [name for name in ("id", "r_edges", "n_bin_alpha") if name not in attributes]
    if missing:
        raise InputError(f"{where}: a Layer without {' and '.join(missing)}")
    text = attributes["r_edges"].strip()
    try:
        edges = tuple(float(edge) for edge in text.split(",")) if text else ()
        return Layer(int(attributes["id"]), edges, int(attributes["n_bin_alpha"]))
    except ValueError as error:
        raise InputError(
            f"{where}: {error}; expected whole numbers in id and n_bin_alpha, and numbers with commas between them "
            "in r_edges"
        ) from None


def _middles(edges: FloatArray) -> FloatArray:
    return 0.5 * (edges[:-1] + edges[1:])


def _listed(edges: tuple[float, ...]) -> str:
    return ",".join(f"{edge:.17g}" for edge in edges)
