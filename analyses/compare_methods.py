"""Compare the methods on generated dijets: data, a simulation that differs from them, and a W' -> XY signal.

    python analyses/compare_methods.py DATA SIMULATION SIGNAL --out runs/methods --seeds 1 2 3 4 5

reads files of the LHC Olympics layout (`analyses/generate_dijets.py` makes such). The data are dealt into as many
parts as there are to be seeds: each seed searches a part of its own, so that its background is independent, and takes
the next two as the reference of true background. As much signal is injected as gives S/sqrt(B) = 2.2.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

import hepflow as hf
from hepflow.config import load_config
from hepflow.plots import save_all
from hepflow.studies.comparison.figures import figures
from hepflow.studies.comparison.study import STUDY as COMPARISON
from hepflow.studies.comparison.text import text as table

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


def prepare(options: argparse.Namespace, samples: dict[str, hf.Sample], seed: int) -> Path:
    """Write the samples and the configuration of one seed, unless they are there, and return the latter's path."""
    folder = options.out / f"seed-{seed}"
    path = folder / "config.yaml"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    data, signal = samples["data"], samples["signal"]
    part = [data.select(slice((seed + k) % options.parts, None, options.parts)) for k in range(3)]
    inputs = {
        "data": part[0],
        "reference": hf.Sample.concat(part[1:]),
        "simulation": samples["simulation"].select(slice(0, None, 2)),
        "signal": signal,
    }
    inputs = {
        name: changed(sample, options.change, number) for number, (name, sample) in enumerate(inputs.items())
    }
    for name, sample in inputs.items():
        hf.save_sample(sample, folder / f"{name}.h5")
    background = len(data.window(*SIGNAL_REGION)) / options.parts
    share = len(signal.window(*SIGNAL_REGION)) / len(signal)
    content = {
        "name": "dijets" if options.change == "none" else f"dijets-{options.change}",
        "seed": seed,
        "inputs": {name: {"path": f"{name}.h5", "format": "hepflow"} for name in inputs},
        "injection": {"events": round(options.significance * background**0.5 / share), "seed": seed},
        "features": list(inputs["data"].names),
        "regions": {"signal": SIGNAL_REGION, "sidebands": SIDEBANDS},
    }
    path.write_text(yaml.safe_dump(content))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "simulation", "signal"):
        parser.add_argument(name, type=Path, help=f"{name} in the LHC Olympics layout")
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="which seeds to run")
    parser.add_argument("--parts", type=int, default=5, help="parts that the data are dealt into")
    parser.add_argument(
        "--significance", type=float, default=2.2, help="S/sqrt(B) to inject; 0 for no signal"
    )
    parser.add_argument(
        "--change", choices=CHANGES, default="none", help="features moved with m_jj, or noise added"
    )
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if options.parts < 3:
        parser.error("--parts: expected at least 3, one to search and two for the reference")
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("hepflow").setLevel("INFO")
    low, high = SIDEBANDS[0][0], SIDEBANDS[-1][1]
    samples = {
        name: hf.features(hf.read(getattr(options, name), "lhco"), FEATURES).window(low, high)
        for name in ("data", "simulation", "signal")
    }
    found = []
    for seed in options.seeds:
        config = load_config(prepare(options, samples, seed), options.overrides)
        found.append(COMPARISON.run(config, options.out / f"seed-{seed}" / "comparison"))
    together = replace(
        found[0],
        results=tuple(one for each in found for one in each.results),
        matrices=tuple(one for each in found for one in each.matrices),
    )
    together.write(options.out / "comparison.json")
    print(table(together))
    save_all(figures(together), options.out / "figures")


if __name__ == "__main__":
    main()
