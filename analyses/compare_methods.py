"""Compare the methods on generated dijets: data, a simulation that differs from them, and a W' -> XY signal.

    python analyses/compare_methods.py DATA SIMULATION SIGNAL --out runs/methods --seeds 5

reads files of the LHC Olympics layout (`analyses/generate_dijets.py` makes such), deals the data into the events to
search and a reference of true background, and injects as much signal as gives S/sqrt(B) = 2.2 in the signal region.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

import hepflow as hf
from hepflow.cli.compare import table
from hepflow.plots import draw_comparison
from hepflow.workflow.compare import compare
from hepflow.workflow.config import load_config

FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
SIGNAL_REGION, SIDEBANDS = (3300, 3700), [(2900, 3300), (3700, 4500)]  # GeV
CHANGES = ("none", "shifted", "noise")


def changed(sample: hf.Sample, change: str, seed: int) -> hf.Sample:
    """Return a sample with masses that move with m_jj, or with ten features that say nothing."""
    if change == "shifted":
        moves = np.array([0.1 if name in ("m_J1", "dm_J") else 0.0 for name in sample.names])
        return replace(sample, features=sample.features + moves * sample.mass[:, None])
    if change == "noise":
        noise = np.random.default_rng(seed).normal(size=(len(sample), 10))
        names = (*sample.names, *(f"noise_{number}" for number in range(10)))
        return replace(sample, features=np.hstack([sample.features, noise]), names=names)
    return sample


def prepare(options: argparse.Namespace) -> Path:
    """Write the samples and the configuration of the comparison, and return the latter's path."""
    folder = options.out / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    data, simulation, signal = (
        hf.features(hf.read(path, "lhco"), FEATURES).window(SIDEBANDS[0][0], SIDEBANDS[-1][1])
        for path in (options.data, options.simulation, options.signal)
    )
    parts = {
        "data": data.select(slice(0, None, options.parts)),
        "reference": data.select(slice(1, None, options.parts)),
        "simulation": simulation,
        "signal": signal,
    }
    for seed, (name, sample) in enumerate(parts.items()):
        hf.save_sample(changed(sample, options.change, seed), folder / f"{name}.h5")
    background = len(parts["data"].window(*SIGNAL_REGION))
    share = len(signal.window(*SIGNAL_REGION)) / len(signal)
    wanted = options.significance * background**0.5 / share
    names = changed(signal.select(slice(0)), options.change, 0).names
    content = {
        "name": f"methods-{options.change}",
        "inputs": {name: {"path": f"inputs/{name}.h5", "format": "hepflow"} for name in parts},
        "injection": {"events": round(wanted), "seed": 1},
        "features": list(names),
        "regions": {"signal": SIGNAL_REGION, "sidebands": SIDEBANDS},
    }
    path = options.out / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "simulation", "signal"):
        parser.add_argument(name, type=Path, help=f"{name} in the LHC Olympics layout")
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument(
        "--parts", type=int, default=3, help="one part is searched, a second is the reference"
    )
    parser.add_argument(
        "--significance", type=float, default=2.2, help="S/sqrt(B) to inject; 0 for no signal"
    )
    parser.add_argument(
        "--change", choices=CHANGES, default="none", help="features moved with m_jj, or noise added"
    )
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("hepflow").setLevel("INFO")
    config = load_config(prepare(options), options.overrides)
    comparison = compare(config, options.out / "comparison")
    print(table(comparison))
    draw_comparison(comparison, options.out / "figures")


if __name__ == "__main__":
    main()
