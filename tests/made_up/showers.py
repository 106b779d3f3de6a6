"""A study of showers in miniature: its files, its configuration, and a record that nothing was trained for."""

import numpy as np
import yaml

from hepflow.config import load_config
from hepflow.quantity import Quantity
from hepflow.showers import simulate, toy_detector, write_geometry, write_showers
from hepflow.studies.showers.record import (
    Compared,
    MeanEnergy,
    Separated,
    ShowerJudgementRecord,
    ShowerRecord,
    ToldShowers,
)
from hepflow.studies.showers.verdicts import judged

SETTINGS = {
    "task": "shower",
    "name": "toy",
    "seed": 1,
    "inputs": {"training": {"path": "showers.hdf5"}, "geometry": {"path": "binning.xml"}},
    "model": {"layers": 1, "hidden": 4, "epochs": 1, "batch_size": 250},
    "output": {"showers": 300},
    "judgement": {"levels": ["high"], "repeats": 1},
}


def write_tables(folder, showers=2_000):
    """Write ``showers.hdf5`` and ``binning.xml``."""
    write_showers(simulate(toy_detector(), showers, seed=1), folder / "showers.hdf5")
    write_geometry(toy_detector().geometry, folder / "binning.xml")


def prepare(folder, *overrides):
    """Load the configuration, with ``key=value`` overrides."""
    path = folder / "showers.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return load_config(path, overrides)


def judgement(auc=0.62):
    """Return numbers of good showers."""
    told = (ToldShowers("low", auc, 0.01, 0.05, 0.01), ToldShowers("high", 0.55, 0.01, 0.02, 0.01))
    return ShowerJudgementRecord(told, (Separated("response", 0.02, 0.01), Separated("energy_0", 0.01, 0.01)))


def record(layers=3, auc=0.62, ratio=1.01):
    """Return a study of this many layers."""
    edges = np.linspace(0, 5, 31)
    events = 2000 * np.exp(-edges[:-1])
    rows = [tuple(map(float, row)) for row in (events, 0.03 * events, 0.98 * events, 0.02 * events)]
    each = [
        Compared(Quantity(f"energy_{number}", f"Energy, layer {number}", "GeV"), tuple(edges.tolist()), *rows)
        for number in range(layers)
    ]
    means = (MeanEnergy("all layers", 1.0, 0.001), MeanEnergy("layer 0", ratio, 0.004))
    return ShowerRecord(
        name="made-up",
        seed=1,
        config_hash="0" * 16,
        versions={"hepflow": "0.1.0"},
        source="toy",
        particle="photon",
        layers=tuple((number, 30) for number in range(layers)),
        trained=25_000,
        held_out=25_000,
        output="showers.h5",
        generated=100_000,
        losses={"response": {"training": (3.0, 2.5, 2.2), "validation": (3.1, 2.6, 2.4)}},
        judgement=judgement(auc),
        means=means,
        profiles=tuple(each),
        energies=tuple(each),
        shapes=tuple(each),
        verdicts=tuple(judged(judgement(auc), means)),
    )
