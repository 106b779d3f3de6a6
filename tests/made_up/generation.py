"""A generation in miniature: its tables, its configuration, and a record that nothing was trained for."""

import numpy as np
import yaml

from hepflow.config import load_config
from hepflow.quantity import Quantity
from hepflow.studies.generation.record import (
    Curve,
    Difference,
    GenerationRecord,
    Histogram,
    JudgementRecord,
    LimitsRecord,
    Near,
    PlantedDifference,
    TailShare,
)
from hepflow.studies.generation.verdicts import judged

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


def judgement():
    """Return numbers of good events."""
    tails = [
        TailShare(name, quantile, 1.0, 1.0 + 0.01 * number, 0.05)
        for name in ("pt", "m")
        for number, quantile in enumerate((0.001, 0.01, 0.99, 0.999))
    ]
    return JudgementRecord(
        tests=(
            Difference("Kolmogorov-Smirnov", "pt", 0.011, 0.004, 0.009, 0.3, 99),
            Difference("Kolmogorov-Smirnov", "m", 0.021, 0.004, 0.009, 0.01, 99),
            Difference("classifier", None, 0.516, 0.006, 0.5, 0.04),
        ),
        global_p=0.05,
        events=(50_000, 25_000),
        auc=(0.516, 0.006),
        floor=(0.502, 0.005),
        planted=(PlantedDifference(0.551, 0.521, 0.005), PlantedDifference(0.649, 0.601, 0.005)),
        closeness=Near(0.504, 0.004, 0, 20_000),
        tails=tuple(tails),
    )


def limits():
    """Return limits that end on plateaus."""
    generated = (1_000, 10_000, 100_000, 1_000_000)
    curves = []
    for number, uncertainty in enumerate((0.05, 0.1, 0.2)):
        scale = 1 + 0.2 * number
        curves.append(Curve(uncertainty, True, tuple(scale * one for one in (0.9, 0.5, 0.42, 0.41))))
        curves.append(Curve(uncertainty, False, tuple(scale * one for one in (0.8, 0.4, 0.3, 0.27))))
    bins = np.linspace(0, 4, 9)
    background = 1000 * np.exp(-0.5 * bins[:-1])
    return LimitsRecord(
        observable=Quantity("m_bb", r"$m_{bb}$", "GeV"),
        edges=tuple(bins),
        background=tuple(background),
        error=tuple(0.02 * background),
        signal=tuple(np.full(8, 10.0)),
        generated=generated,
        curves=tuple(curves),
        trained=25_000,
        plain=(0.36, 0.44, None),
    )


def record(quantities=7):
    """Return a generation of this many columns and derived quantities, all checks passed."""
    names = [Quantity(f"column_{number}", unit="GeV" * (number % 2)) for number in range(quantities)]
    edges = np.linspace(0, 5, 41)
    events = 2000 * np.exp(-edges[:-1])
    panels = [
        Histogram(
            one,
            tuple(edges),
            tuple(events),
            tuple(0.03 * events),
            tuple(0.005 * events),
            tuple(events * (1 + 0.05 * np.sin(edges[:-1]))),
            tuple(np.sqrt(events)),
        )
        for one in names
    ]
    real = np.eye(quantities)
    made = real + 0.02 * (1 - real)
    return GenerationRecord(
        name="made-up",
        seed=1,
        config_hash="0" * 16,
        versions={"hepflow": "0.1.0"},
        architecture="spline_autoregressive",
        replicas=16,
        bias="mixture_autoregressive",
        columns=tuple(names[:-1]),
        given=(names[0].name,),
        trained=25_000,
        held_out=25_000,
        output="generated.parquet",
        generated=1_000_000,
        fingerprint="0" * 64,
        losses=({"training": (3.0, 2.5, 2.2), "validation": (3.1, 2.6, 2.4)},) * 2,
        judgement=judgement(),
        histograms=tuple(panels),
        correlations=tuple(tuple(tuple(map(float, row)) for row in each) for each in (made, real)),
        limits=limits(),
        cutflows={"training": (("events read", 50_000), ("events kept", 50_000))},
        verdicts=tuple(judged(judgement(), limits())),
    )
