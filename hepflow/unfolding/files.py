"""Unfolded events in files: weights, replicas and metadata as HDF5, models as safetensors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hepflow.errors import ConfigError, HepflowError, InputError
from hepflow.events import Events
from hepflow.quantity import Quantity
from hepflow.storage import write_hdf5
from hepflow.unfolding.iterations import Iteration
from hepflow.unfolding.pairs import Pairs
from hepflow.unfolding.unfolded import Pushed, Unfolded
from hepflow.version import __version__
from hepflow.weights import load_weights, save_weights

SCHEMA = "hepflow-unfolded-1"


def save_unfolded(unfolded: Unfolded, path: str | Path, models: str | Path | None = None) -> None:
    """Write unfolded events, whole or not at all.

    Parameters
    ----------
    unfolded
        What `OmniFold.unfold` returned.
    path
        An HDF5 file: a dataset for each generated column under ``truth``, and of all N events ``pass_truth``,
        ``weights_mc`` (of the simulation), ``weights_nominal`` (of the chosen iteration), ``weights_bootstrap``
        ``(R, N)`` (the same of replicas), ``weights_iterations`` ``(I, N)`` and ``weights_bootstrap_iterations``
        ``(R, I, N)``; and what they are as JSON in the attribute ``metadata``. Reconstructed columns stand under
        ``reco``.
    models
        A file of safetensors for the ratios behind the weights; none if left out.

    Raises
    ------
    ConfigError
        If models are asked for and there are none.
    InputError
        If a file cannot be written.
    """
    if models is not None and unfolded.models is None:
        raise ConfigError(
            "unfolding: there are no models to write: what was read from a file has weights alone"
        )
    pairs, chosen = unfolded.pairs, unfolded.iteration - 1
    about = {
        "schema": SCHEMA,
        "hepflow": __version__,
        "truth": pairs.truth.names,
        "reco": pairs.reco.names,
        "quantities": {
            level: [asdict(one) for one in events.quantities]
            for level, events in (("truth", pairs.truth), ("reco", pairs.reco))
        },
        "iteration": unfolded.iteration,
        "iterations": [_number_or_none(asdict(one)) for one in unfolded.iterations],
        "outside": unfolded.outside,
        "cutflow": pairs.cutflow,
        "weights": "events of the truth selection, weights_nominal: differential yields are sums of these in any "
        "bins",
    }
    with write_hdf5(path) as file:
        for level, events in (("truth", pairs.truth), ("reco", pairs.reco)):
            for name, column in zip(events.names, events.features.T, strict=True):
                _put(file, f"{level}/{name}", column)
        _put(file, "pass_truth", pairs.pass_truth)
        _put(file, "pass_reco", pairs.pass_reco)
        _put(file, "weights_mc", pairs.weight)
        _put(file, "weights_nominal", unfolded.weight)
        _put(file, "weights_bootstrap", unfolded.replicas[:, chosen])
        _put(file, "weights_iterations", unfolded.weights)
        _put(file, "weights_bootstrap_iterations", unfolded.replicas)
        file.attrs["metadata"] = json.dumps(about)
    if models is not None:
        save_weights(models, unfolded.models)


def load_unfolded(path: str | Path, models: str | Path | None = None) -> Unfolded:
    """Read what `save_unfolded` wrote, with the models, if their file is given.

    Raises
    ------
    InputError
        If a file is missing, damaged, or not one of these.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected one that `save_unfolded` wrote")
    try:
        with h5py.File(path, "r") as file:
            about = json.loads(file.attrs["metadata"])
            if about["schema"] != SCHEMA:
                raise InputError(f"schema {about['schema']!r}; this hepflow reads {SCHEMA!r}")
            truth, reco = (
                Events(
                    np.stack([file[f"{level}/{name}"][:] for name in about[level]], axis=1),
                    tuple(about[level]),
                    quantities=tuple(Quantity(**one) for one in about["quantities"][level]),
                )
                for level in ("truth", "reco")
            )
            cutflow = tuple((str(cause), int(events)) for cause, events in about["cutflow"])
            pairs = Pairs(
                truth, reco, file["pass_truth"][:], file["pass_reco"][:], file["weights_mc"][:], cutflow
            )
            weights = file["weights_iterations"][:]
            replicas = file["weights_bootstrap_iterations"][:]
            shapes = weights.shape, replicas.shape[1:]
            if any(shape != (len(about["iterations"]), len(pairs)) for shape in shapes):
                raise InputError(f"weights of shapes {shapes} for {len(pairs):,} events")
            if not (np.isfinite(weights).all() and np.isfinite(replicas).all()):
                raise InputError("weights are NaN or infinite")
            found = Unfolded(
                pairs,
                weights,
                replicas,
                tuple(
                    Iteration(**{k: np.nan if v is None else v for k, v in one.items()})
                    for one in about["iterations"]
                ),
                int(about["iteration"]),
                float(about["outside"]),
                None if models is None else load_weights(models, Pushed),
            )
            return found.at(found.iteration)
    except (HepflowError, OSError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if models is not None and str(models) in str(error):
            raise
        raise InputError(
            f"{path}: not unfolded events that hepflow wrote, or damaged: {error}; write it anew"
        ) from error


def _put(file: Any, name: str, array: Any) -> None:
    file.create_dataset(name, data=array, compression="gzip", compression_opts=1, shuffle=True)


def _number_or_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in values.items()}
