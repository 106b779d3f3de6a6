"""Recognising files: from what stands in them to the configuration that ``hepflow init`` writes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.config.reference import DEMONSTRATION, Start
from hepflow.errors import HepflowError, InputError
from hepflow.features import FEATURES, features
from hepflow.readers import SCHEMAS, Source, read
from hepflow.readers.files import container, find_files, is_url
from hepflow.readers.hdf5 import open_hdf5
from hepflow.readers.parquet import open_parquet
from hepflow.readers.root import open_root, root_trees
from hepflow.sample import FloatArray, Sample

WANTED = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
NAMES = {"pt": ("pt",), "eta": ("eta",), "phi": ("phi",), "mass": ("mass", "m"), "energy": ("energy", "e")}
NAMES |= {f"tau{n}": (f"tau{n}",) for n in (1, 2, 3)}
TAIL = 25  # events above the highest sideband's end: fewer say little of the spectrum


@dataclass(frozen=True, eq=False)
class Recognised:
    """How to read files: the keys of an input (format, tree, branches), and their source."""

    path: str
    settings: dict[str, Any]
    source: Source


def start_from(folder: Path, data: str, signal: str | None = None, simulation: str | None = None) -> Start:
    """Look into files, and return what a configuration of a search in them starts from.

    Parameters
    ----------
    folder
        That of the configuration, from which its relative paths start.
    data, signal, simulation
        Files, globs or URLs, seen from the present folder. Only the beginning of the first is read.

    Raises
    ------
    InputError
        If a file cannot be read, or no format fits it.
    """
    given = {"data": data, "signal": signal, "simulation": simulation}
    found = {name: recognise(path) for name, path in given.items() if path is not None}
    values: dict[str, Any] = {}
    for name, one in found.items():
        path = one.path if is_url(one.path) else os.path.relpath(one.path, folder)
        values |= {f"inputs.{name}.{key}": value for key, value in {"path": path, **one.settings}.items()}
    if signal is not None and "label" in _first_fields(found["signal"].source):
        values["inputs.signal.label"] = 1
        if found["signal"].source.files == found["data"].source.files:
            values["inputs.data.label"] = 0
    wanted = _features([one.source for one in found.values()])
    beginnings = {
        name: features(_beginning(found[name].source), wanted[:1], progress=False)
        for name in ("data", "signal")
        if name in found
    }
    masses = beginnings["data"].mass
    peak = _peak(beginnings["signal"]) if "signal" in found else None
    span = f"from {len(masses):,} events of the data, with m_jj from {masses.min():,.0f} to {masses.max():,.0f} GeV"
    regions = _regions(masses, peak)
    if regions is None:
        note = f"Not to be guessed {span}: set them by hand."
        regions = {key: value for key, value in DEMONSTRATION.values.items() if key.startswith("regions.")}
    else:
        note = f"A guess {span}: put the signal region where you look for a resonance."
    return Start(
        header="Formats as recognised in the files: "
        + ", ".join(f"{name} {one.settings['format']}" for name, one in found.items())
        + ". The regions are a guess.",
        values={**values, "features": wanted, **regions},
        notes={"regions": note},
    )


def recognise(path: str) -> Recognised:
    """Find the format, tree and branches that read a file.

    Raises
    ------
    InputError
        If there is no such file, or nothing in it looks like jets; the message lists its columns.
    """
    first = find_files(path)[0]
    kind = container(first)
    trees = root_trees(first) if kind == "ROOT" else []
    columns = {tree: _columns(first, kind, tree) for tree in (trees if len(trees) > 1 else [None])}
    fitting = [name for name, schema in SCHEMAS.items() if kind in schema.containers and name != "custom"]
    for tree in dict.fromkeys([None, *columns]):
        where: dict[str, Any] = {} if tree is None else {"tree": tree}
        for format in sorted(fitting, key=lambda name: name != "hepflow"):  # whose own files say so
            with suppress(HepflowError):
                return Recognised(path, {"format": format, **where}, read(path, format, **where))
    for tree, names in columns.items():
        branches = _jets(names)
        if branches:
            where = {"branches": branches} | ({} if tree is None else {"tree": tree})
            return Recognised(path, {"format": "custom", **where}, read(path, "custom", **where))
    there = sorted({name for own in columns.values() for name in own})
    shown = ", ".join(there[:30]) + (", ..." if len(there) > 30 else "")
    raise InputError(
        f"{first}: no format fits, and there are no columns such as FatJet_pt, FatJet_eta, FatJet_phi, FatJet_mass. "
        f"It holds {shown or 'no column'}. Run `hepflow init` without --data, and name the columns in `branches`"
    )


def _columns(file: str, kind: str, tree: str | None) -> tuple[str, ...]:
    if kind == "ROOT":
        return open_root(file, tree).names
    return (open_hdf5(file, tree) if kind == "HDF5" else open_parquet(file)).names


def _jets(columns: Collection[str]) -> dict[str, str] | None:
    """Return the columns of one prefix that make jets, the most complete where there are several."""
    known = {name.lower(): name for name in columns}
    known = {
        name: own for name, own in known.items() if name[0] != "n" or name[1:] not in known
    }  # less counters
    found = []
    for name in known:
        prefix = re.fullmatch(r"(.*)pt", name)
        if prefix:
            own = {
                quantity: known[prefix[1] + ending]
                for quantity, endings in NAMES.items()
                for ending in reversed(endings)
                if prefix[1] + ending in known
            }
            if {"pt", "eta", "phi"} <= own.keys() and {"mass", "energy"} & own.keys():
                if "mass" in own:
                    own.pop("energy", None)
                found.append(own)
    return max(found, key=lambda own: (len(own), "fat" in own["pt"].lower()), default=None)


def _features(sources: list[Source]) -> list[str]:
    """Return the usual features as far as all files have what they need, else what the files of features hold."""
    held = [set(source.columns) for source in sources if source.columns]
    if held:
        common = set.intersection(*held)
        ordered = [name for name in sources[0].columns or sorted(common) if name in common and name != "m_jj"]
        return [name for name in WANTED if name in common] or ordered
    fields = set.intersection(*(set(source.jet_fields) for source in sources))
    return [name for name in WANTED if set(FEATURES[name].taus) <= fields]


def _beginning(source: Source) -> Source:
    """Return a source of the first chunk of its first file that holds events."""
    part = next(part for part in source.parts if part.num_events)
    first = replace(part, stream=lambda only, start, stop: islice(part.stream(only, start, stop), 1))
    return replace(source, parts=(first,), members=())


def _first_fields(source: Source) -> list[str]:
    return list(next(iter(_beginning(source).chunks())).events.fields)


def _peak(signal: Sample) -> float | None:
    """Return the median m_jj of the signal in GeV, of what is signal by truth where a file holds more."""
    masses = signal.mass if signal.label is None else signal.mass[signal.label == 1]
    return float(np.median(masses)) if len(masses) else None


def _regions(masses: FloatArray, peak: float | None) -> dict[str, Any] | None:
    """Return signal region and sidebands in GeV; None where the spectrum leaves no room for them.

    The spectrum is taken from its highest point, below which a trigger or a cut bends it, to where it runs out of
    events; a signal region of 6 % on both sides stands at the peak of the signal, or else in the middle of that, on a
    logarithmic scale.
    """
    edges = np.arange(np.floor(masses.min() / 50) * 50, masses.max() + 50, 50)
    counts, _ = np.histogram(masses, edges)
    highest = int(np.argmax(counts))
    low = int(edges[highest + (highest > 0)])
    high = int(np.sort(masses)[-min(TAIL, len(masses))] // 100 * 100)
    centre = round((np.sqrt(low * max(high, 1)) if peak is None else peak) / 50) * 50
    half = max(50, round(0.06 * centre / 50) * 50)
    if not low + half < centre - half < centre + half < high - half:
        return None
    signal = [centre - half, centre + half]
    return {"regions.signal": signal, "regions.sidebands": [[low, signal[0]], [signal[1], high]]}
