"""An unfolding in miniature: its tables, its configuration, and a record that nothing was unfolded for."""

import numpy as np
import yaml

from hepflow.config import load_config
from hepflow.quantity import Quantity
from hepflow.studies.unfolding.record import (
    Beside,
    Binned,
    CoverageRecord,
    Line,
    ObservableRecord,
    Seen,
    Shift,
    Step,
    UnfoldingRecord,
    Weights,
)
from hepflow.studies.unfolding.verdicts import judged

SETTINGS = {
    "task": "unfold",
    "name": "toy",
    "seed": 1,
    "inputs": {
        "data": {"path": "data.csv", "format": "table"},
        "simulation": {"path": "simulation.csv", "format": "table"},
    },
    "truth": [{"name": "x", "column": "x_true", "label": "$x$", "unit": "GeV"}],
    "reco": ["x"],
    "pass_reco": "seen == 1",
    "method": {"name": "omnifold", "iterations": 3, "replicas": 3, "ratio": {"name": "smooth", "degree": 4}},
    "observables": [
        {"name": "x", "bins": 4, "range": [-2, 2]},
        {"name": "x2", "expression": "x**2", "edges": [0, 1, 4], "seen": "x**2"},
    ],
    "systematics": [{"name": "slope", "factor": "1 + 0.1 * x_true"}],
    "checks": {
        "stress": [{"name": "hidden", "factor": "exp(0.2 * h)"}],
        "models": [{"name": "steeper", "factor": "exp(0.2 * x_true)"}],
    },
}


def generate(events, seed, mean=0.0, width=1.0):
    """Return columns: generated, reconstructed (NaN where it was not seen), seen, and a hidden one."""
    random = np.random.default_rng(seed)
    true = random.normal(mean, width, events)
    seen = random.random(events) < 0.8
    measured = np.where(seen, random.normal(true, 0.4), np.nan)
    return {"x_true": true, "x": measured, "seen": seen.astype(float), "h": random.normal(0, 1, events)}


def write(path, columns):
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    lines = [",".join(columns), *(",".join(map(repr, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_tables(folder, events=2_000):
    """Write ``data.csv`` and ``simulation.csv``."""
    data = generate(events, seed=2, mean=0.2, width=0.8)
    write(folder / "data.csv", {name: data[name] for name in ("x", "seen")})
    write(folder / "simulation.csv", generate(events, seed=1))


def prepare(folder, *overrides, without=()):
    """Load the configuration, with ``key=value`` overrides, or without some blocks."""
    settings = {key: value for key, value in SETTINGS.items() if key not in without}
    path = folder / "unfolding.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_config(path, overrides)


def observable(name="pt", bins=8, unit="GeV"):
    """Return one that is good in all checks."""
    edges = np.linspace(20.0, 420.0, bins + 1)
    values = 40_000 * np.exp(-edges[:-1] / 120)
    error = 0.03 * values
    near = 0.3 ** np.abs(np.subtract.outer(np.arange(bins), np.arange(bins))) * np.cos(
        np.subtract.outer(np.arange(bins), np.arange(bins))
    )
    binned = Binned(
        tuple(edges),
        tuple(values),
        tuple(tuple(row) for row in np.outer(error, error) * near),
        tuple(values * (1 + 0.2 * np.sin(edges[:-1] / 100))),
    )
    finer = np.linspace(20.0, 420.0, 2 * bins + 1)
    seen = np.repeat(values, 2) * 0.3
    again = Beside("refolding", tuple(1.01 * seen), tuple(seen), tuple(np.sqrt(seen)), 10.0, 2 * bins)
    return ObservableRecord(
        Quantity(name, f"${name}$", unit),
        binned,
        (Shift("jes", tuple(0.02 * values)), Shift("jer", tuple(-0.01 * values))),
        Binned(binned.edges, tuple(1.01 * values), binned.covariance, binned.prior),
        Seen(tuple(finer), tuple(seen), tuple(np.sqrt(seen)), tuple(1.1 * seen), again),
        Beside("closure", tuple(values), tuple(1.01 * values), tuple(error), 6.0, bins),
        (Beside("hidden", tuple(values), tuple(1.03 * values), tuple(error), 8.0, bins),),
        (Line("herwig", 130.0, 95.0, (2 * bins, bins)),),
    )


def record(observables=2, coverage=True):
    """Return an unfolding of this many observables, all checks passed."""
    found = tuple(observable(f"p_{number}") for number in range(observables))
    steps = tuple(
        Step(
            0.1 / (at + 1) ** 2, 0.1 / (at + 1) ** 3, 0.01 * (at + 1) ** 0.5, 60_000 - 2000 * at, 50_000 + at
        )
        for at in range(5)
    )
    edges = np.geomspace(0.2, 6.0, 31)
    weights = Weights(
        steps,
        4,
        True,
        50_003.0,
        240.0,
        54_000.0,
        100_000.0,
        tuple(edges),
        tuple(1000 * np.exp(-(np.log(edges[:-1]) ** 2))),
        0.0002,
        "unfolded.h5",
    )
    levels = tuple(np.arange(1, 20) / 20)
    covered = CoverageRecord(
        tuple(one.quantity.name for one in found),
        levels,
        tuple((level + 0.004,) * observables for level in levels),
        tuple((level**2,) * observables for level in levels),
        50_000,
    )
    covered = covered if coverage else None
    return UnfoldingRecord(
        name="made-up",
        seed=1,
        config_hash="0" * 16,
        versions={"hepflow": "0.1.0"},
        method="omnifold",
        replicas=20,
        reference="bayes",
        truth=tuple(one.quantity for one in found),
        reco=tuple(one.quantity for one in found),
        events={"data": 48_000, "pairs": 100_000, "both": 70_000, "lost": 25_000, "fakes": 5_000},
        efficiency=0.74,
        fake_share=0.07,
        observables=found,
        weights=weights,
        coverage=covered,
        cutflows={"data": (("events read", 50_000), ("events kept", 48_000))},
        verdicts=tuple(judged(found, weights, covered, replicas=20, stops=True)),
    )
