"""The whole search on the LHC Olympics R&D events, over seeds, with and without injected signal.

    python benchmarks/search.py events_anomalydetection_first100k.features.h5 --seeds 5 --json search.json

prints, for each seed, Z, SIC and closure with signal, and the pulls without; then their medians and RMS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hepflow.config import load_config
from hepflow.results import Results
from hepflow.studies.search.study import STUDY as SEARCH

CONFIG = """
name: lhco
inputs:
  data:   {{path: {path}, format: {format}, label: 0{extra}}}
  signal: {{path: {path}, format: {format}, label: 1{extra}}}
injection: {{events: {events}, seed: {seed}}}
seed: {seed}
regions: {{signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}}
selection: {{background_efficiency: [0.1, 0.01, 0.001]}}
"""


def search(path: Path, events: int, seed: int, folder: Path, overrides: list[str]) -> tuple[Results, float]:
    """Run one search and return its results and the seconds it took."""
    root = path.suffix == ".root"
    config = folder / f"search-{events}-{seed}.yaml"
    config.write_text(
        CONFIG.format(
            path=path.resolve(),
            format="nanoaod" if root else "lhco",
            extra=", label_branch: genLabel" if root else "",
            events=events,
            seed=seed,
        )
    )
    start = time.perf_counter()
    results = SEARCH.run(load_config(config, overrides), folder / f"run-{events}-{seed}")
    if results is None:
        raise SystemExit("the run stopped early")
    return results, time.perf_counter() - start


def row(results: Results, seconds: float) -> dict[str, float]:
    """Return the numbers that the table shows."""
    numbers = {
        "seed": results.seed,
        "auc_sb": results.closure.auc or 0.0,
        "auc_sr": results.closure.auc_signal_region or 0.0,
        "Z_incl": results.inclusive.z,
    }
    for cut in results.cuts:
        name = f"{cut.background_efficiency:g}"
        numbers |= {f"n_{name}": cut.n_obs, f"exp_{name}": cut.n_exp, f"err_{name}": cut.n_exp_error}
        numbers |= {f"nc_{name}": cut.non_closure or 0.0}
        numbers |= {f"pull_{name}": cut.pull, f"Z_{name}": cut.z, f"SIC_{name}": cut.sic or 0.0}
    return {**numbers, "seconds": seconds}


def show(title: str, rows: list[dict[str, float]]) -> None:
    """Print a table of runs, with medians at its foot."""
    names = list(rows[0])
    rows = [*rows, {name: float(np.median([one[name] for one in rows])) for name in names}]
    print(f"\n{title}")
    print("  ".join(f"{name:>9}" for name in names))
    for i, one in enumerate(rows):
        cells = [f"{one[name]:9.3f}" if abs(one[name]) < 1000 else f"{one[name]:9.0f}" for name in names]
        print("  ".join(cells) + ("  median" if i == len(rows) - 1 else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="features HDF5, or the same events as a ROOT tree")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--events", type=int, default=300, help="signal events to inject")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tables: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for events in (options.events, 0):
            title = f"{events} signal events injected"
            for seed in range(1, options.seeds + 1):
                found = row(*search(options.path, events, seed, Path(folder), options.overrides))
                tables.setdefault(title, []).append(found)
                print(f"{title}, seed {seed}: {found}", file=sys.stderr, flush=True)
    for title, rows in tables.items():
        show(title, rows)
    pulls = [one[f"pull_{cut}"] for one in tables["0 signal events injected"] for cut in ("0.1", "0.01")]
    print(f"\npulls without signal at 0.1 and 0.01: RMS {np.sqrt(np.mean(np.square(pulls))):.2f}, ", end="")
    print(f"largest {max(pulls, key=abs):+.2f}")
    if options.json:
        options.json.write_text(json.dumps(tables, indent=2))


if __name__ == "__main__":
    main()
