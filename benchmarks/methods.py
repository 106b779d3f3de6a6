"""Every method beside the idealized detector, on the same data, in one run; and FETA's variants, band by band.

    python benchmarks/methods.py search events_anomalydetection_first100k.features.h5 --injected 300
    python benchmarks/methods.py feta DATA SIMULATION --seeds 3

The first compares, on the LHC Olympics R&D events, all methods that need no simulation, and says how long that took.
The second prints the closure AUC of each variant of FETA in five bands of m_jj, and how far it moves the features.
With ``--json FILE`` the search writes a case for each method and metric, with the idealized detector as its peer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import hepflow as hf
from hepflow.config import load_config
from hepflow.methods.feta import Feta
from hepflow.selection import closure
from hepflow.studies.comparison.record import Comparison
from hepflow.studies.comparison.study import STUDY as COMPARISON
from hepflow.studies.comparison.summary import IDEALIZED
from hepflow.studies.comparison.text import text as table

FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2", "dR_JJ")
BANDS = {
    "OB1": (2900, 3100),
    "SB1": (3100, 3300),
    "SR": (3300, 3700),
    "SB2": (3700, 4100),
    "OB2": (4100, 4500),
}  # GeV: the outer bands are no part of any training on data
VARIANTS = ("two-bases", "base-to-data", "identity", "penalty")
SEARCH: dict[str, Any] = {
    "name": "lhco",
    "seed": 1,
    "regions": {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]},
}


def search(options: argparse.Namespace) -> None:
    """Compare the methods on the LHC Olympics events."""
    inputs = {
        name: {"path": str(options.path.resolve()), "format": "lhco", "label": label}
        for name, label in (("data", 0), ("signal", 1))
    }
    content = {**SEARCH, "inputs": inputs, "injection": {"events": options.injected, "seed": 1}}
    out = options.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    (out / "lhco.yaml").write_text(yaml.safe_dump(content))
    start = time.perf_counter()
    config = load_config(out / "lhco.yaml", [f"compare.seeds={options.seeds}", *options.overrides])
    comparison = COMPARISON.run(config, out / "comparison")
    minutes = (time.perf_counter() - start) / 60
    print(table(comparison))
    for one in comparison.results:
        print(f"{one.title}, seed {one.seed}: {one.seconds:.0f} s")
    print(f"{len(comparison.results)} results in {minutes:.1f} minutes")
    if options.json:
        options.json.write_text(json.dumps(cases(comparison), indent=2))


def cases(comparison: Comparison) -> dict[str, Any]:
    """Return a case for each method and metric, with the idealized detector as the peer."""
    summaries = {one.method: one for one in comparison.summary()}
    peer = summaries[IDEALIZED].mean
    return {
        f"{one.method} {name}": {
            "hepflow": value.value,
            "peer": peer[name].value,
            "ratio": value.value / peer[name].value,
            "unit": "significance improvement",
        }
        for one in summaries.values()
        for name, value in one.mean.items()
        if "sic" in name and name in peer and one.method != IDEALIZED
    }


def feta(options: argparse.Namespace) -> None:
    """Train every variant of FETA on the sidebands, and test closure in all bands."""
    low, high = BANDS["OB1"][0], BANDS["OB2"][1]
    data, simulation = (
        hf.features(hf.read(path, "lhco"), FEATURES).window(low, high).without_truth()
        for path in (options.data, options.simulation)
    )
    data = data.select(slice(0, None, options.parts))
    simulation = simulation.select(slice(0, None, max(options.parts - 1, 1)))
    windows = hf.Windows(BANDS["SR"], [BANDS["SB1"], BANDS["SB2"]])
    print("simulation as it is:", _row([_closures(data, simulation)]))
    for variant in VARIANTS:
        found, distances = [], []
        for seed in range(1, options.seeds + 1):
            method = Feta(variant=variant)
            method.fit(data, windows, simulation=simulation, seed=seed)
            found.append(_closures(data, method.transport(simulation)))
            assert method.distance is not None
            distances.append(method.distance.relative)
        moved = ", ".join(
            f"{name} {far:.3f}" for name, far in zip(FEATURES, np.mean(distances, axis=0), strict=True)
        )
        print(f"{variant}: {_row(found)}; distance in standard deviations: {moved}", flush=True)


def _closures(data: hf.Sample, template: hf.Sample) -> dict[str, tuple[float, float]]:
    found = {name: closure(data.window(*band), template.window(*band), 1) for name, band in BANDS.items()}
    return {name: (one.auc, one.error) for name, one in found.items()}


def _row(found: list[dict[str, tuple[float, float]]]) -> str:
    """Return mean and error over seeds; of a single one its statistical error."""
    cells = []
    for name in BANDS:
        values = [one[name][0] for one in found]
        error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else found[0][name][1]
        cells.append(f"{name} {np.mean(values):.4f} +- {error:.4f}")
    return ", ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("search", help="all methods on the LHC Olympics events")
    one.add_argument("path", type=Path, help="features HDF5 of the R&D set")
    one.add_argument("--injected", type=int, default=300)
    one.add_argument("--out", type=Path)
    one.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    one.add_argument("--json", type=Path)
    one.set_defaults(run=search)
    two = commands.add_parser("feta", help="FETA's variants, band by band")
    two.add_argument("data", type=Path)
    two.add_argument("simulation", type=Path)
    two.add_argument("--parts", type=int, default=2, help="use one of so many parts of the data")
    two.set_defaults(run=feta)
    for command in (one, two):
        command.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
