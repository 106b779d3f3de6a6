"""A pyhf workspace is checked and opened: pyhf 0.7 itself trips over some, and reads past what others hold twice."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyhf

from hepflow.errors import ConfigError, HepflowError, InputError
from hepflow.stats.bins import check_number
from hepflow.stats.spectra import workspace_of

Content = Mapping[str, Any]

MOST_DERIVATIVES = 100_000_000
LARGEST = 1e30  # of what is multiplied, raised to powers and squared in a fit, which a double has to hold
_PER_BIN = ("staterror", "shapesys")  # modifiers whose data are an error for each bin


def open_workspace(spec: Content | str | Path) -> tuple[pyhf.Model, list[float]]:
    """Return the pyhf model of a workspace's first measurement, and its data (main, then auxiliary).

    A `staterror` that several channels share, but not for the same samples, is one for each channel: the bins of
    channels never share a parameter of it, and pyhf reads it no other way. `spec` is the workspace, or the path
    of its JSON file.

    Raises
    ------
    InputError
        If pyhf refuses the workspace, it is of another version than pyhf's schema, or what it holds is no model: a
        name twice, a channel without data, numbers that are missing or make no sense.
    ConfigError
        If a shapefactor floats every bin of a channel that alone holds it: the signal could never be told
        from it.
    """
    spec = workspace_of(spec)
    version = spec.get("version", pyhf.schema.version)
    if version != pyhf.schema.version:
        raise InputError(
            f"workspace of version {version!r}: pyhf {pyhf.__version__} reads version {pyhf.schema.version!r}; write "
            "it anew in that one"
        )
    _check_bins(spec)
    try:
        with warnings.catch_warnings():  # pyhf 0.7 validates with a part of jsonschema that is being retired
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="pyhf|jsonschema")
            pyhf.schema.validate(dict(spec), "workspace.json")
            _refuse_huge({key: spec[key] for key in ("channels", "observations")})
            _check(spec)
            opened = pyhf.Workspace(_with_own_staterrors(spec), validate=False)
            model = opened.model()
        return model, list(opened.data(model))
    except HepflowError:
        raise
    except Exception as error:  # pyhf has no common class for what it raises, and asserts
        why = str(error) or type(error).__name__
        raise InputError(f"not a workspace that pyhf can open: {why}") from error


def _check_bins(spec: Content) -> None:
    """Refuse more bins than anything here fits, before pyhf takes its time to look at each."""
    found = spec.get("observations")
    counts = [one.get("data") for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    check_number(sum(len(data) for data in counts if isinstance(data, list)), "workspace")


def _refuse_huge(value: object, where: str = "") -> None:
    """Refuse numbers whose powers no double holds, at any depth."""
    entries: Iterator[tuple[object, object]] = iter(())
    if isinstance(value, Mapping):
        entries = iter(value.items())
    elif isinstance(value, list):
        entries = iter(enumerate(value))
    elif isinstance(value, int | float) and abs(value) > LARGEST:
        raise InputError(
            f"workspace: {where} is {value:g}; expected numbers of at most {LARGEST:g}: check the units, or what "
            "events are weighted with"
        )
    for key, entry in entries:
        _refuse_huge(entry, f"{where}.{key}" if where else str(key))


def _check_size(spec: Content, bins: Mapping[str, int]) -> None:
    """Refuse a workspace whose derivatives, by each parameter in each bin, no memory holds."""
    single: set[str] = set()
    per_bin: dict[tuple[str, str], int] = {}
    for channel in spec["channels"]:
        for modifier in (modifier for sample in channel["samples"] for modifier in sample["modifiers"]):
            if modifier["type"] in (*_PER_BIN, "shapefactor"):
                per_bin[modifier["name"], channel["name"]] = bins[channel["name"]]
            else:
                single.add(modifier["name"])
    parameters, every = len(single) + sum(per_bin.values()), sum(bins.values())
    if parameters * every > MOST_DERIVATIVES:
        raise InputError(
            f"workspace: {parameters:,} parameters and {every:,} bins; expected at most {MOST_DERIVATIVES:,} pairs "
            "of them: join bins, or leave small errors out (pyhf prune)"
        )


def _check(spec: Content) -> None:
    """Raise InputError for what pyhf would not see, or not say."""
    channels, observations = spec["channels"], spec["observations"]
    _once("channel", [channel["name"] for channel in channels])
    _once("observation", [observation["name"] for observation in observations])
    bins = {}
    for channel in channels:
        _once(f"channel {channel['name']!r}: sample", [sample["name"] for sample in channel["samples"]])
        bins[channel["name"]] = len(channel["samples"][0]["data"])
    _check_size(spec, bins)
    for where, sample, modifier in _modifiers(spec):
        _check_modifier(f"{where}: {modifier['type']} {modifier['name']!r}", sample, modifier)
    observed = {observation["name"]: observation["data"] for observation in observations}
    for name, number in bins.items():
        if name not in observed:
            raise InputError(f"channel {name!r} has no data: `observations` hold {', '.join(observed)}")
        if len(observed[name]) != number:
            raise InputError(
                f"channel {name!r}: its observation has {len(observed[name])} bins, its samples {number}"
            )
    _check_kinds(spec)
    _check_measurement(spec)
    _refuse_lone_shapefactors(spec)


def _once(what: str, names: list[str]) -> None:
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise InputError(f"{what} {twice[0]!r} stands twice in the workspace; give each a name of its own")


def _modifiers(spec: Content) -> Iterator[tuple[str, Content, Content]]:
    """Yield where each modifier stands, in words, its sample, and itself."""
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            where = f"channel {channel['name']!r}, sample {sample['name']!r}"
            named = [f"{modifier['type']} {modifier['name']}" for modifier in sample["modifiers"]]
            _once(f"{where}: modifier", named)
            for modifier in sample["modifiers"]:
                yield where, sample, modifier


def _check_modifier(where: str, sample: Content, modifier: Content) -> None:
    kind, data = modifier["type"], modifier["data"]
    if kind == "normsys":
        for side in ("hi", "lo"):
            if not 0 < data[side] < math.inf:
                raise InputError(
                    f"{where} scales by {side} = {data[side]:g}; expected a factor above zero, since in between it "
                    "is a power of it. Give a small factor such as 0.01, or the shifted yields as histosys"
                )
    lists = {"its data": data} if kind in _PER_BIN else data if kind == "histosys" else {}
    for name, values in lists.items():
        if len(values) != len(sample["data"]):
            raise InputError(f"{where}: {name} have {len(values)} bins, the sample {len(sample['data'])}")
        bad = [
            i
            for i, value in enumerate(values)
            if not math.isfinite(value) or (kind in _PER_BIN and value < 0)
        ]
        if bad:
            expected = "an error of zero or more" if kind in _PER_BIN else "a number"
            raise InputError(f"{where}: {name} have {values[bad[0]]} in bin {bad[0]}; expected {expected}")


def _check_kinds(spec: Content) -> None:
    """Refuse a name that stands for parameters of different constraints."""
    constraint = {"normsys": "normal", "histosys": "normal", "lumi": "lumi", "staterror": "staterror"}
    first: dict[str, tuple[str, str]] = {}
    for where, _, modifier in _modifiers(spec):
        kind = modifier["type"]
        before = first.setdefault(modifier["name"], (kind, where))
        if constraint.get(before[0], before[0]) != constraint.get(kind, kind):
            raise InputError(
                f"{where}: {kind} {modifier['name']!r} has the name of a {before[0]} ({before[1]}), and a name is "
                "one parameter; rename one of them"
            )


def _check_measurement(spec: Content) -> None:
    measurement = spec["measurements"][0]
    known = {entry["name"]: entry for entry in measurement["config"]["parameters"]}
    where = f"measurement {measurement['name']!r}"
    for modifier in (modifier for _, _, modifier in _modifiers(spec) if modifier["type"] == "lumi"):
        given = known.get(modifier["name"], {})
        if lacking := [key for key in ("inits", "auxdata", "sigmas", "bounds") if not given.get(key)]:
            raise InputError(
                f"{where} does not say how well {modifier['name']!r} (lumi) is known: it lacks {', '.join(lacking)}; "
                f'add {{"name": "{modifier["name"]}", "inits": [1.0], "auxdata": [1.0], "sigmas": [0.02], "bounds": '
                "[[0.9, 1.1]]} to its parameters, with your numbers"
            )
    for name, entry in known.items():
        for key in ("inits", "auxdata", "sigmas"):
            for value in entry.get(key, []):
                if not math.isfinite(value) or (key == "sigmas" and value <= 0):
                    wanted = "a number above zero" if key == "sigmas" else "a number"
                    raise InputError(f"{where}: {key} of {name!r} hold {value}; expected {wanted}")
        for bounds in entry.get("bounds", []):
            if len(bounds) != 2 or not bounds[0] < bounds[1]:
                raise InputError(
                    f"{where}: bounds of {name!r} are {bounds}; expected two numbers, low < high"
                )


def _with_own_staterrors(spec: Content) -> dict[str, Any]:
    """Return a workspace in which a staterror that pyhf could not take is one of each channel."""
    samples: dict[str, dict[str, set[str]]] = {}
    for channel in spec["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["type"] == "staterror":
                    there = samples.setdefault(modifier["name"], {})
                    there.setdefault(channel["name"], set()).add(sample["name"])
    uneven = {name for name, there in samples.items() if len(set(map(frozenset, there.values()))) > 1}
    if not uneven:
        return dict(spec)
    taken = {modifier["name"] for _, _, modifier in _modifiers(spec)}
    measurement = spec["measurements"][0]
    for entry in measurement["config"]["parameters"]:
        if entry["name"] in uneven:
            raise InputError(
                f"measurement {measurement['name']!r} sets {entry['name']!r}, a staterror that channels share for "
                "different samples: give it a name of its own in each channel"
            )
    changed = deepcopy(dict(spec))
    for channel in changed["channels"]:
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["type"] == "staterror" and modifier["name"] in uneven:
                    name = f"{modifier['name']}_{channel['name']}"
                    while name in taken:
                        name += "_"
                    modifier["name"] = name
    return changed


def _refuse_lone_shapefactors(spec: Content) -> None:
    poi = spec["measurements"][0]["config"]["poi"]
    where: dict[str, set[str]] = {}
    with_signal: set[str] = set()
    for channel in spec["channels"]:
        for modifier in (entry for sample in channel["samples"] for entry in sample["modifiers"]):
            if modifier["type"] == "shapefactor":
                where.setdefault(modifier["name"], set()).add(channel["name"])
            if modifier["name"] == poi:
                with_signal.add(channel["name"])
    for name, channels in where.items():
        if len(channels) == 1 and channels <= with_signal:
            raise ConfigError(
                f"shapefactor {name!r} is in channel {next(iter(channels))!r} alone: it floats every bin, so "
                "that any signal there fits as well as none. Add a channel without signal that shares it, or "
                "constrain the background with shapesys or histosys"
            )
