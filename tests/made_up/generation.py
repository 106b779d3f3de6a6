"""A generation in miniature: its tables, and its configuration."""

import numpy as np
import yaml

from hepflow.config import load_config

SETTINGS = {
    "task": "generate",
    "name": "toy",
    "seed": 1,
    "inputs": {
        "training": {"path": "training.csv", "format": "table"},
        "signal": {"path": "signal.csv", "format": "table"},
    },
    "columns": ["x", {"name": "y", "column": "why", "label": "$y$", "unit": "GeV"}],
    "model": {
        "architecture": "affine_autoregressive",
        "layers": 1,
        "hidden": 4,
        "epochs": 2,
        "batch_size": 200,
        "replicas": 3,
    },
    "output": {"events": 2_000},
    "judgement": {
        "derived": [{"name": "sum", "expression": "x + y", "unit": "GeV"}],
        "planted": [0.65],
        "replicas": 19,
    },
    "limits": {
        "observable": "sum",
        "bins": 4,
        "uncertainties": [0.1],
        "events": [1000, 100_000],
        "background": 1000,
    },
}


def write(path, events, seed, shift=0.0):
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1.0, events)
    y = 0.5 * x + random.gamma(3.0, size=events)
    lines = ["x,why", *(f"{one!r},{other!r}" for one, other in zip(x.tolist(), y.tolist(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_tables(folder):
    """Write ``training.csv`` and ``signal.csv``."""
    write(folder / "training.csv", 2_000, seed=1)
    write(folder / "signal.csv", 500, seed=2, shift=1.0)


def prepare(folder, *overrides, without=()):
    """Load the configuration, with ``key=value`` overrides, or without some blocks."""
    settings = {key: value for key, value in SETTINGS.items() if key not in without}
    path = folder / "generation.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path, overrides)
