"""An integration in miniature: its function, its configuration, and a record that nothing was evaluated for."""

import yaml

from hepflow.config import load_config
from hepflow.studies.integration.record import IntegrationRecord, MarginalRecord, WeightRecord

SETTINGS = {
    "task": "integrate",
    "name": "toy",
    "seed": 1,
    "function": "square.py:square",
    "dim": 2,
    "calls": 4000,
    "channels": ["0 power 1"],
    "proposal": "vegas",
    "unweighted": 50,
}
SQUARE = "def square(x):\n    return 3 * x[:, 0] ** 2\n"


def write_tables(folder):
    """Write ``square.py``."""
    (folder / "square.py").write_text(SQUARE, encoding="utf-8")


def prepare(folder, *overrides):
    """Load the configuration, with ``key=value`` overrides."""
    path = folder / "integral.yaml"
    path.write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    return load_config(path, overrides)


def record(axes=2, warnings=()):
    """Return a record of so many axes."""
    bins, half = (0.0, 0.5, 1.0), (0.4, 0.6)
    return IntegrationRecord(
        name="made-up",
        seed=1,
        config_hash="e55b178f63434c07",
        versions={"hepflow": "0.1"},
        function="square.py:square",
        bounds=((0.0, 1.0),) * axes,
        value=1.0,
        error=0.01,
        chi2=1.2,
        dof=1,
        iterations=((0.99, 0.014), (1.01, 0.014)),
        calls=2000,
        training_calls=2000,
        relative_sigma=0.45,
        effective_size=1663.0,
        efficiency=0.3,
        efficiency_overweight=0.4,
        negative_share=0.1,
        channels=("0 power", "uniform"),
        dropped=("uniform",),
        how="coupling spline flow, 1 of 2 channels",
        unweighted=50,
        losses=({"training": (1.0, 0.5, 0.4), "validation": (1.0, 0.6, 0.5)},),
        weights=WeightRecord((0.1, 1.0, 10.0), (0.4, 0.5), (8.0, 4.0), (0.3, 0.4), 0.1),
        marginals=tuple(
            MarginalRecord(f"x{axis}", bins, half, (0.5, 0.5), (0.01, 0.01)) for axis in range(axes)
        ),
        warnings=tuple(warnings),
    )
