"""A comparison of methods in one process, and on Dask with several: equal results, and the time over the ideal.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py events_anomalydetection_first100k.features.h5 --workers 2

prints the seconds of both, what they are over those of one process shared by all workers, and, with `--kill`, whether
the results are the same where a worker is killed in the middle. Cores that share caches, memory or arithmetic units
are slower when all of them work. How much is measured by the first method, alone and in so many processes at once
that know nothing of each other, and the ideal is given with and without it. What is left where the cores are slower
for other reasons in one of the runs is the time over that of the steps themselves, as they took it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from hepflow.studies.comparison.record import Comparison

COMPARE = [sys.executable, "-m", "hepflow", "--quiet", "compare"]
CONFIG = """
name: lhco
inputs:
  data:   {{path: {path}, format: lhco, label: 0}}
  signal: {{path: {path}, format: lhco, label: 1}}
injection: {{events: 300, seed: 1}}
seed: 1
regions: {{signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}}
compare: {{methods: [{methods}]}}
"""


def timed(
    config: Path, executor: str, out: Path, kill_after: float | None = None
) -> tuple[Comparison, float]:
    """Run a comparison and return it, its seconds of methods left out, and the seconds that it took."""
    seconds = run_all([[str(config), "--set", f"executor={executor}", "--out", str(out)]], kill_after)
    found = Comparison.from_json(out / "comparison.json")
    return replace(found, results=tuple(replace(one, seconds=0) for one in found.results)), seconds


def at_once(config: Path, method: str, processes: int, folder: Path) -> float:
    """Return the seconds that one method takes in so many independent processes at once."""
    options = ["--methods", method, "--set", "regions.validation=0", "--out"]
    return run_all([[str(config), *options, str(folder / str(number))] for number in range(processes)])


def run_all(commands: Sequence[Sequence[str]], kill_after: float | None = None) -> float:
    """Return the seconds until all of some comparisons, begun together, have ended."""
    start = time.perf_counter()
    running = [subprocess.Popen([*COMPARE, *options], stdout=subprocess.DEVNULL) for options in commands]
    if kill_after is not None:
        threading.Timer(kill_after, kill_a_worker, [running[0].pid]).start()
    codes = [one.wait() for one in running]
    if any(codes):
        raise SystemExit("a comparison failed")
    return time.perf_counter() - start


def kill_a_worker(parent: int) -> None:
    """Kill the process below another that has worked most."""
    workers = psutil.Process(parent).children(recursive=True)
    busiest = max(workers, key=lambda one: one.cpu_times().user)
    print(f"killing worker {busiest.pid} after {busiest.cpu_times().user:.0f} s of work")
    os.kill(busiest.pid, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="features of the LHC Olympics R&D set")
    parser.add_argument("--methods", default="cathode,curtains,cwola")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--kill", type=float, metavar="SECONDS", help="once more, a worker killed after so long"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    dask = f"{{name: dask, workers: {options.workers}, memory: 6GB, options: {{dashboard_address: null}}}}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "search.yaml"
        config.write_text(CONFIG.format(path=options.file.resolve(), methods=options.methods))
        alone, serial = timed(config, "local", Path(folder) / "local")
        together, parallel = timed(config, dask, Path(folder) / "dask")
        ideal = serial / options.workers
        (record,) = json.loads((Path(folder) / "dask" / "provenance.json").read_text())["runs"]
        steps = sum(record["seconds_of_steps"].values()) / options.workers
        first = options.methods.partition(",")[0]
        one = at_once(config, first, 1, Path(folder) / "one")
        several = at_once(config, first, options.workers, Path(folder) / "several")
        possible = ideal * several / one
        print(f"one process {serial:.0f} s; Dask, {options.workers} workers, {parallel:.0f} s")
        print(f"over the ideal {ideal:.0f} s: {parallel / ideal:.2f}; equal results: {alone == together}")
        print(
            f"{first} alone {one:.0f} s, in {options.workers} independent processes at once {several:.0f} s"
        )
        print(f"over the ideal of this machine {possible:.0f} s: {parallel / possible:.2f}")
        print(f"over its own steps, shared by all workers, {steps:.0f} s: {parallel / steps:.2f}")
        cases = {
            "scaling": {"hepflow": parallel, "peer": possible, "ratio": possible / parallel, "unit": "s"},
            "workers": {"hepflow": parallel, "peer": steps, "ratio": steps / parallel, "unit": "s"},
            "cores": {"hepflow": several, "peer": one, "ratio": one / several, "unit": "s"},
        }
        if options.kill is not None:
            again, seconds = timed(config, dask, Path(folder) / "killed", options.kill)
            print(f"one worker killed: {seconds:.0f} s; equal results: {alone == again}")
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
