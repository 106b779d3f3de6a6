"""Recognising files: from what stands in them to the configuration that ``hepflow init`` writes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.config import Scan
from hepflow.config.columns import Resonance, asked
from hepflow.config.reference import DEMONSTRATION, Start
from hepflow.errors import ConfigError, FitError, HepflowError, InputError
from hepflow.features import FEATURES, features
from hepflow.quantity import Quantity, number
from hepflow.readers.files import container, find_files, is_url
from hepflow.readers.reading import open_table, read
from hepflow.readers.root import root_trees
from hepflow.readers.schemas import SCHEMAS
from hepflow.readers.source import Source
from hepflow.regions import Windows, sliding
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SmoothFit, fit_smooth
from hepflow.studies.search.flat import Flat, flat

WANTED = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
NAMES = {"pt": ("pt",), "eta": ("eta",), "phi": ("phi",), "mass": ("mass", "m"), "energy": ("energy", "e")}
NAMES |= {f"tau{n}": (f"tau{n}",) for n in (1, 2, 3)}
TAIL = 25  # events above the highest sideband's end: fewer say little of the spectrum
BINS = 40  # of most masses, about
STEP, TRIES = (
    50,
    60,
)  # GeV by which the lowest sideband's start moves up until the function fits, and how often
NARROWER, WINDOWS = (1.5, 1.0, 0.75), 3  # sidebands of a scan in widths of its windows, and how many of these
DESCRIBED = 0.05  # p-value of the function's fit to the sidebands that is asked for
FAT = re.compile("fat|large|ak8|ak1[05]|ca8|ca1[05]")
NO_JETS = re.compile(  # words of collections that are none, or none of the detector
    "gen|truth|true|mc|lhe|parti|track|tower|muon|^mu_|ele|photon|lep|eflow|pfc|cand|hlt|trig|met|boson|tau_"
)


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
    table = _table(found)
    if table is not None:
        found = {name: _as_table(one, table, weighted=name != "data") for name, one in found.items()}
    wanted: list[Any] = _features([one.source for one in found.values()]) if table is None else table.features
    searched_as = None if table is None else asked([], Resonance(**table.resonance))[1]
    beginning = _first(found["data"], wanted, searched_as)
    both = signal is None and beginning.label is not None and len(np.unique(beginning.label)) > 1
    if both:  # one file of both: the background is searched, and the signal there to inject
        found = {"data": found["data"], "signal": found["data"], **found}
    values: dict[str, Any] = {}
    for name, one in found.items():
        as_given = is_url(one.path) or Path(one.path).is_absolute()
        path = one.path if as_given else os.path.relpath(one.path, folder)
        values |= {f"inputs.{name}.{key}": value for key, value in {"path": path, **one.settings}.items()}
    if "signal" in found and "label" in _first_fields(found["signal"].source):
        values["inputs.signal.label"] = 1
        if found["signal"].source.files == found["data"].source.files:
            values["inputs.data.label"] = 0
    data_label = values.get("inputs.data.label")
    searched = beginning if data_label is None else beginning.select(beginning.label == data_label)
    masses = searched.mass
    peak = None
    if "signal" in found:
        peak = _peak(beginning if both else _first(found["signal"], wanted, searched_as))
    low, high = number(masses.min()), number(masses.max())
    span = (
        f"from {len(masses):,} events of the data, with {beginning.resonance.name} from {low} to {high} GeV"
    )
    guess = _regions(masses, peak)
    if guess is None:
        note = f"Not to be guessed {span}: set them by hand."
        regions = {key: value for key, value in DEMONSTRATION.values.items() if key.startswith("regions.")}
    else:
        regions, fit = guess
        regions |= _scanned(regions) | _binned(masses)
        note = f"A guess {span}: put the signal region where you look for a resonance. {fit}"
    header = "Formats as recognised in the files: " + ", ".join(
        f"{name} {one.settings['format']}" for name, one in found.items()
    )
    return Start(
        header=f"{header}. The regions are a guess.",
        values={"name": _name(data), **values, **_searched(table), "features": wanted, **regions},
        notes={"regions": note, **_truth(beginning, values), **_noted(table)},
    )


def _first(found: Recognised, wanted: list[Any], resonance: Quantity | None) -> Sample:
    """Return the beginning of the events, for their masses and labels."""
    return features(_beginning(found.source), asked(wanted[:1], None)[0], resonance=resonance, progress=False)


def _table(found: Mapping[str, Recognised]) -> Flat | None:
    """Return what the data are taken for, if they are a table."""
    data = found["data"]
    if data.settings["format"] != "table":
        return None
    common = [
        name for name in data.source.columns if all(name in one.source.columns for one in found.values())
    ]
    return flat(data.source.files[0], data.settings.get("tree"), common if len(found) > 1 else None)


def _as_table(found: Recognised, table: Flat, weighted: bool) -> Recognised:
    """Return an input with the columns of truth and, but for data, of weights that a table has."""
    own = {"label_branch": table.label, "weight": table.weight if weighted else None}
    more = {key: name for key, name in own.items() if name is not None and name in found.source.columns}
    settings = {**found.settings, **more}
    reading = {key: value for key, value in settings.items() if key != "format"}
    return Recognised(found.path, settings, read(found.path, settings["format"], **reading))


def _searched(table: Flat | None) -> dict[str, Any]:
    return {} if table is None else {f"resonance.{key}": value for key, value in table.resonance.items()}


def _noted(table: Flat | None) -> dict[str, str]:
    """Return remarks on resonant variable and features of a table."""
    if table is None:
        return {}
    return {
        "resonance": "The column that is searched, as its name says; give it a `label` in LaTeX, and a `title` for "
        "sentences.",
        "features": table.note(),
    }


def _binned(masses: FloatArray) -> dict[str, Any]:
    """Return the width of bins where the default is too wide for the masses."""
    step = _step(masses)
    return {} if step == STEP else {"fit.bin_width": step}


def _step(masses: FloatArray) -> float:
    """Return a round number of GeV, `STEP` at most, that divides most masses into some forty bins."""
    span = float(np.quantile(masses, 0.999) - masses.min()) / BINS
    if span <= 0:
        return STEP
    power = 10.0 ** np.floor(np.log10(span))
    return float(min(STEP, max(factor * power for factor in (1, 2, 5) if factor * power <= span)))


def _scanned(regions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the width of the sidebands of a scan, where the default leaves no room for a few windows."""
    signal, bands = regions["regions.signal"], regions["regions.sidebands"]
    within, width = (bands[0][0], bands[-1][1]), 2 * (signal[1] - signal[0]) / sum(signal)
    for sidebands in (Scan().sidebands, *NARROWER):
        with suppress(ConfigError):
            if len(sliding(within, width, Scan().step, sidebands)) >= WINDOWS or sidebands == NARROWER[-1]:
                return {} if sidebands == Scan().sidebands else {"scan.sidebands": sidebands}
    return {}


def _name(data: str) -> str:
    """Return a name for the analysis of some files: theirs, or that of the folder where a glob has none."""
    path = Path(data.partition("?")[0] if is_url(data) else data)
    for text in (path.name, path.absolute().parent.name):
        text = re.sub(
            r"(\.(features|root|h5|hdf5|hdf|parquet|csv|tsv|txt|npy))+$", "", text, flags=re.IGNORECASE
        )
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r"[*?]|\[.*?\]", "", text)).strip("._-")
        if name:
            return name
    return str(DEMONSTRATION.values.get("name", "search"))


def _truth(data: Sample, values: Mapping[str, Any]) -> dict[str, str]:
    """Return a remark on the truth labels of the data, where they have some."""
    if data.label is None:
        return {}
    signal = int((data.label == 1).sum())
    if "inputs.data.label" in values:
        done = (
            "label: 0 keeps the background alone, and the signal is `inputs.signal`, whose injection says how much "
            "of it is hidden in the data (none as this stands). Without the label all events are searched"
        )
    else:
        done = "All of them are searched; label: 0 would keep the background alone"
    return {
        "inputs.data.label": f"The data have truth labels: {signal:,} events of signal, {len(data) - signal:,} of "
        f"background among the first {len(data):,}. The search does not look at them; they are for evaluation alone. "
        f"{done}."
    }


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
    columns = {tree: open_table(first, tree).names for tree in (trees if len(trees) > 1 else [None])}
    fitting = [
        name
        for name, schema in SCHEMAS.items()
        if kind in schema.containers and name not in ("custom", "table")
    ]
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
    for tree in columns:
        where = {} if tree is None else {"tree": tree}
        with suppress(HepflowError):
            flat(first, tree)
            return Recognised(path, {"format": "table", **where}, read(path, "table", **where))
    there = sorted({name for own in columns.values() for name in own})
    shown = ", ".join(there[:30]) + (", ..." if len(there) > 30 else "")
    raise InputError(
        f"{first}: no format fits, and there are no columns such as FatJet_pt, FatJet_eta, FatJet_phi, FatJet_mass. "
        f"It holds {shown or 'no column'}. Run `hepflow init` without --data, and name the columns in `branches`"
    )


def _jets(columns: Collection[str]) -> dict[str, str] | None:
    """Return the columns of one prefix that make jets, the most complete where there are several."""
    known = {name.lower(): name for name in columns}
    known = {
        name: own for name, own in known.items() if name[0] != "n" or name[1:] not in known
    }  # less counters
    found: list[tuple[tuple[bool, bool, int], dict[str, str]]] = []
    for name in known:
        prefix = re.fullmatch(r"(.*)pt", name)
        collection = name.rpartition("/")[2]
        if prefix and not NO_JETS.search(collection):
            own = {
                quantity: known[prefix[1] + ending]
                for quantity, endings in NAMES.items()
                for ending in reversed(endings)
                if prefix[1] + ending in known
            }
            if {"pt", "eta", "phi"} <= own.keys() and {"mass", "energy"} & own.keys():
                if "mass" in own:
                    own.pop("energy", None)
                found.append(((bool(FAT.search(collection)), "jet" in collection, len(own)), own))
    return max(found, key=lambda one: one[0], default=(None, None))[1]


def _features(sources: list[Source]) -> list[str]:
    """Return the usual features as far as all files have what they need, else what the files of features hold."""
    held = [set(source.columns) for source in sources if source.columns]
    if held:
        common = set.intersection(*held)
        searched = {source.resonance.name for source in sources if source.resonance is not None}
        ordered = [name for name in sources[0].columns or sorted(common) if name in common - searched]
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


def _regions(masses: FloatArray, peak: float | None) -> tuple[dict[str, Any], str] | None:
    """Return signal region and sidebands in GeV, and how well the function fits there; None without room for them.

    The spectrum is taken from its highest point, below which a trigger or a cut bends it, to where it runs out of
    events; a signal region of 6 % on both sides stands at the peak of the signal, or else in the middle of that, on a
    logarithmic scale. The start moves up until the dijet function describes the sidebands.
    """
    step = _step(masses)
    edges = np.arange(np.floor(masses.min() / step) * step, masses.max() + step, step)
    counts, _ = np.histogram(masses, edges)
    highest = int(np.argmax(counts))
    high = float(np.sort(masses)[-min(TAIL, len(masses))] // (2 * step) * (2 * step))
    best: tuple[Windows, SmoothFit] | None = None
    first: Windows | None = None
    for low in edges[highest + (highest > 0) :][:TRIES]:
        windows = _windows(float(low), high, peak, step)
        if windows is None:
            break
        first = first or windows
        fit = _fit(masses, windows, step)
        if fit is not None and (best is None or fit.p_value > best[1].p_value):
            best = windows, fit
        if fit is not None and fit.p_value >= DESCRIBED:
            break
    if first is None:
        return None
    windows, told = first, "No smooth function could be fitted to the sidebands."
    if best is not None:
        windows, fit = best
        does = "describes" if fit.adequate else "does not describe"
        told = (
            f"The dijet function {does} the sidebands there: chi2/ndf {fit.chi2:.0f}/{fit.ndf}, "
            f"p = {fit.p_value:.2g}."
        )
    listed = {"regions.signal": windows.signal, "regions.sidebands": windows.sidebands}
    kind = int if step >= 1 else float
    return {key: np.array(value).round(6).astype(kind).tolist() for key, value in listed.items()}, told


def _windows(low: float, high: float, peak: float | None, step: float) -> Windows | None:
    """Return regions between two masses in GeV, around a peak if there is one; None where there is no room."""
    centre = round((np.sqrt(low * max(high, step)) if peak is None else peak) / step) * step
    half = max(step, round(0.06 * centre / step) * step)
    if not low + half < centre - half < centre + half < high - half:
        return None
    return Windows((centre - half, centre + half), [(low, centre - half), (centre + half, high)])


def _fit(masses: FloatArray, windows: Windows, step: float) -> SmoothFit | None:
    edges = windows.edges(step)
    counts, _ = np.histogram(masses, edges)
    try:
        return fit_smooth(edges, counts, windows.in_sidebands(0.5 * (edges[1:] + edges[:-1])))
    except FitError:
        return None
