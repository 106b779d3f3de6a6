"""Flat tables recognised: which column is searched, which are features, weight and truth, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.columns import follows, steps
from hepflow.errors import InputError
from hepflow.readers.columns import flat_numbers
from hepflow.readers.reading import open_table
from hepflow.readers.table import Table
from hepflow.sample import Sample

MOST = 10  # features to start from: a density learns more of them, but not from the start
LEAST = 50  # events of which a column can be told to be discrete
LOOKED_AT = 100_000  # events
HIGHEST = 14_000  # GeV: a median mass above is in MeV
# names of resonant variables, the surest first
MASSES = (
    r"(m|mass|minv|m_inv|inv_?mass|invariant_?mass)_?(jj|ll|mumu|mu_mu|ee|gg|gammagamma|yy|tautau|bb|vv|zz|ww|hh)",
    r"(jj|ll|mumu|ee|gg|gammagamma|yy|tautau|bb|dijet|dimuon|dielectron|diphoton|dilepton|ditau)_?(m|mass|invmass)",
    r"(m|mass)_?inv|inv(ariant)?_?mass|resonance|mass|m",
    r"m_?x|mres|m_?reco|.*_?mass|m_[a-z0-9]+|m[a-z]{2}",
)
LABELS = r"label|truth|target|is_?sig(nal)?|signal|y"
WEIGHTS = r"w|weight|(gen|event|evt|mc)_?weights?|weights"
NUMBERS = (
    r"(run|event|evt|lumi|luminosity|luminosity_?block|entry|index|id|row|unnamed.*)(_?(number|nr|id|block))?"
)
PERIOD = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Flat:
    """What a table is taken for.

    Parameters
    ----------
    resonance
        Keys of the configuration's block.
    features
        Entries of the configuration's list.
    weight, label
        Columns of these, where there are some.
    left_out
        Why other columns are no features, by name.
    masses, truth
        The resonant variable in GeV of the events that were looked at, and their truth where it is known.
    """

    resonance: dict[str, Any]
    features: list[str | dict[str, str]]
    masses: NDArray[np.float64]
    weight: str | None = None
    label: str | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    def note(self) -> str:
        """Return what is to be said of the features."""
        why = "; ".join(f"{name} ({reason})" for name, reason in self.left_out.items())
        return "What the classifier sees: columns of the file." + (f" Left out: {why}." if why else "")


def flat(file: str, tree: str | None = None, common: Sequence[str] | None = None) -> Flat:
    """Look at the first events of a table.

    Parameters
    ----------
    file, tree
        The file, and the tree or key in it.
    common
        Columns that other files have, too; None for any.

    Raises
    ------
    InputError
        If no column can be a resonant variable, or none is left as a feature.
    """
    table = open_table(file, tree)
    columns, left_out = _numbers(table)
    if common is not None:
        missing = {name: "not in all files" for name in columns if name not in common}
        columns = {name: values for name, values in columns.items() if name not in missing}
        left_out |= missing
    label = next((name for name in columns if _is(LABELS, name) and _is_truth(columns[name])), None)
    weight = next((name for name in columns if _is(WEIGHTS, name)), None)
    apart = {label: "the truth", weight: "the weight"}
    resonance = _resonance({name: values for name, values in columns.items() if name not in apart})
    if resonance is None:
        raise InputError(
            f"{file}: no column looks like a mass; it holds {', '.join(table.names[:30])}. Run `hepflow init` "
            "without --data, and name the columns as `resonance` and `features`"
        )
    masses = columns[resonance]
    whole = np.isfinite(masses)
    features: list[str | dict[str, str]] = []
    for name, values in columns.items():
        if name == resonance:
            continue
        reason = apart.get(name) or _reason(name, values[whole], masses[whole])
        if reason is None and len(features) == MOST:
            reason = f"more than {MOST}"
        if reason is not None:
            left_out[name] = reason
        else:
            features.append(name if _plain(name) else {"name": _name(name), "column": name})
    if not features:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError(f"{file}: no column beside {resonance!r} can be a feature ({told})")
    found: dict[str, Any] = {"column": resonance}
    if not _plain(resonance):
        found["name"] = _name(resonance)
    found["unit"] = "MeV" if np.median(masses[whole]) > HIGHEST else "GeV"
    factor = 1e-3 if found["unit"] == "MeV" else 1.0
    return Flat(found, features, factor * masses[whole], weight, label, left_out)


def _numbers(table: Table) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Return the columns of one number an event, and why the others are none."""
    left_out = {name: "no numbers" for name in table.names if name in table.refused}
    names = [name for name in table.names if name not in left_out]
    columns: dict[str, NDArray[np.float64]] = {}
    stop = min(table.num_events, LOOKED_AT)
    if not names or not stop:
        return columns, left_out
    arrays = next(iter(table.stream(names, stop, 0, stop)))
    for name in names:
        try:
            columns[name] = np.asarray(flat_numbers(arrays[name], name), dtype=np.float64)
        except InputError:
            left_out[name] = "not one number an event"
    return columns, left_out


def _resonance(columns: dict[str, NDArray[np.float64]]) -> str | None:
    """Return the column that is searched: by its name, else the first that is positive and spread out."""
    fit = {name: values for name, values in columns.items() if _is_mass(values) and not _is(NUMBERS, name)}
    for pattern in MASSES:
        named = [name for name in fit if _is(pattern, name)]
        if named:
            return named[0]
    return next(iter(fit), None)


def _is_mass(values: NDArray[np.float64]) -> bool:
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() <= 0 or finite.min() == finite.max():
        return False
    return len(np.unique(finite)) > 0.1 * len(finite)


def _reason(name: str, values: NDArray[np.float64], masses: NDArray[np.float64]) -> str | None:
    """Return why a column is no feature; None if it can be one."""
    if _is(NUMBERS, name):
        return "a number of events"
    finite = np.isfinite(values)
    if not finite.any():
        return "NaN in all events"
    values, masses = values[finite], masses[finite]
    if values.min() == values.max():
        return "the same in all events"
    if follows(values, masses):
        return "a function of the mass"
    if len(values) >= LEAST and list(steps(Sample(masses, values[:, None], ("x",)))):
        return "discrete, or the same in many events"
    return None


def _is_truth(values: NDArray[np.float64]) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _is(pattern: str, name: str) -> bool:
    return re.fullmatch(pattern, name.strip(), re.IGNORECASE) is not None


def _plain(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum()


def _name(name: str) -> str:
    """Return a name of letters, digits and ``_`` for a column of another."""
    return PERIOD.sub("_", name).strip("_") or "column"
