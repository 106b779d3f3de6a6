"""The histograms of a run: as ROOT TH1D, and as JSON in the Universal Histogram Interface (https://uhi.readthedocs.io).

Both hold the same, under names such as ``inclusive/data``, ``eps0.01/background`` and
``features/sidebands/m_J1/template``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.atomic import atomic_write
from hepflow.features import LABELS
from hepflow.records import write_json
from hepflow.results import Results
from hepflow.sample import FloatArray
from hepflow.version import __version__

FEATURE_OF = {label: feature for feature, label in LABELS.items()}  # of records of before


@dataclass(frozen=True, eq=False)
class Counts:
    """Events in bins.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, in units of `label`.
    values
        Events per bin, shape ``(B,)``.
    variances
        Their squared errors, shape ``(B,)``; None of plain counts, and where no error is known.
    label
        Of the axis, with its unit.
    """

    edges: FloatArray
    values: FloatArray
    variances: FloatArray | None
    label: str


def run_histograms(results: Results) -> dict[str, Counts]:
    """Return the histograms of a run by name: spectra of every selection, features and scores.

    The background's errors are the full ones of each bin; their correlations stand in the workspaces. Spectra of data
    with a bin that is blinded are left out, as are all histograms of a blinded run's signal region.
    """
    found: dict[str, Counts] = {}
    for cut in (results.inclusive, *results.cuts):
        record = cut.spectrum
        edges, label = np.array(record.edges, dtype=np.float64), record.resonance.plain
        if None not in record.observed:
            found[f"{cut.name}/data"] = Counts(
                edges, np.array(record.observed, dtype=np.float64), None, label
            )
        expected, errors = np.array(record.expected), np.array(record.expected_error)
        found[f"{cut.name}/background"] = Counts(edges, expected, errors**2, label)
        if record.signal is not None:
            found[f"{cut.name}/signal"] = Counts(edges, np.array(record.signal), None, label)
    drawn = [("features", each) for each in results.features]
    for kind, histogram in (*drawn, ("scores", results.scores)):
        if results.blind and histogram.where != "sidebands":
            continue
        folder = f"{kind}/{_plain(histogram.where)}"
        if kind == "features":
            folder += f"/{_plain(histogram.feature or FEATURE_OF.get(histogram.label, histogram.label))}"
        for series, values in histogram.series.items():
            edges = np.array(histogram.edges, dtype=np.float64)
            found[f"{folder}/{_plain(series)}"] = Counts(edges, np.array(values), None, histogram.label)
    return found


def write_root(path: str | Path, histograms: Mapping[str, Counts]) -> None:
    """Write histograms as TH1D, those of ``a/b`` in the directory ``a``.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import hist
    import uproot

    with atomic_write(path) as temporary, uproot.recreate(temporary) as file:
        for name, counts in histograms.items():
            axis = hist.axis.Variable(counts.edges, label=counts.label)
            storage: Any = hist.storage.Double()
            values = counts.values
            if counts.variances is not None:
                storage, values = hist.storage.Weight(), np.stack([values, counts.variances], axis=1)
            made = hist.Hist(axis, storage=storage)
            made[...] = values
            file[name] = made


def write_uhi(path: str | Path, histograms: Mapping[str, Counts]) -> None:
    """Write histograms as UHI JSON, schema 1, one object with all of them by name.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_json(path, {name: _uhi(counts) for name, counts in histograms.items()})


def _uhi(counts: Counts) -> dict[str, Any]:
    axis = {
        "type": "variable",
        "edges": counts.edges,
        "underflow": False,
        "overflow": False,
        "circular": False,
        "metadata": {"label": counts.label},
    }
    storage = {"type": "double", "values": counts.values}
    if counts.variances is not None:
        storage = {"type": "weighted", "values": counts.values, "variances": counts.variances}
    writer = {"hepflow": {"version": __version__}}
    return {"uhi_schema": 1, "writer_info": writer, "axes": [axis], "storage": storage}


def _plain(name: str) -> str:
    """Return a name of letters, digits and ``_`` alone: it becomes that of a directory."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "unnamed"
