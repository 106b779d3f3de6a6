"""Reading, beside a bare ``uproot.iterate`` over the same branches.

``read_overhead``: time of ``features(read(file))`` over that of the bare loop, a million events of one to four
jets; here less is better (at most 1.5). ``memory_growth``: peak memory for a file ten times as long over that
for the file, each in a fresh process, for the bare loop and for hepflow; flat is 1.

    python benchmarks/readers.py [--json FILE] [--events N] [--pairs N]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from hepflow.features import features
from hepflow.readers import read

FIELDS = ("pt", "eta", "phi", "mass", "tau1", "tau2")
BRANCHES = [f"FatJet_{field}" for field in FIELDS]
STEP = 100_000


def write_events(path: Path, events: int, compression: uproot.compression.Compression | None) -> None:
    """Write a TTree of events with one to four jets, float32, descending in pT as experiments write them."""
    random = np.random.default_rng(1)
    with uproot.recreate(path, compression=compression) as file:
        tree = file.mktree("Events", dict.fromkeys(BRANCHES, "var * float32"))
        for start in range(0, events, STEP):
            counts = random.integers(1, 5, min(STEP, events - start))
            jets = int(counts.sum())
            pt = 200 + random.exponential(300, jets)
            pt = pt[np.lexsort((-pt, np.repeat(np.arange(len(counts)), counts)))]
            tau1 = random.uniform(0.01, 0.5, jets)
            columns = (
                pt,
                random.normal(0, 1, jets),
                random.uniform(-np.pi, np.pi, jets),
                random.exponential(100, jets),
                tau1,
                tau1 * random.random(jets),
            )
            flat = zip(BRANCHES, columns, strict=True)
            tree.extend({name: ak.unflatten(column.astype(np.float32), counts) for name, column in flat})


def bare_iterate(path: Path) -> None:
    for _ in uproot.iterate(f"{path}:Events", BRANCHES):
        pass


def iterate(path: Path) -> None:
    for _ in read(path, "nanoaod").chunks(FIELDS):
        pass


def all_features(path: Path) -> float:
    """Return the megabytes of the sample, which must grow with the file."""
    sample = features(read(path, "nanoaod"), progress=False)
    return (sample.mass.nbytes + sample.features.nbytes + sample.weight.nbytes) / 1e6


WORK: dict[str, Callable[[Path], float | None]] = {
    "bare uproot.iterate": bare_iterate,
    "hepflow, iterating": iterate,
    "hepflow, features": all_features,
}


def seconds(work: Callable[[Path], object], path: Path) -> float:
    start = time.perf_counter()
    work(path)
    return time.perf_counter() - start


def read_overhead(folder: Path, events: int, pairs: int) -> dict[str, object]:
    path = folder / "events.root"
    write_events(path, events, uproot.ZLIB(1))
    seconds(bare_iterate, path), seconds(all_features, path)  # imports, and the file into the system's cache
    times = [(seconds(all_features, path), seconds(bare_iterate, path)) for _ in range(pairs)]
    return {
        "hepflow": statistics.median(own for own, _ in times),
        "peer": statistics.median(bare for _, bare in times),
        "ratio": statistics.median(own / bare for own, bare in times),
        "unit": f"s per {events:,} events; ratio = hepflow / uproot.iterate, less is better",
    }


def own_peak() -> float:
    """Return the peak memory of this process, MB; getrusage would count what its parent held when it forked."""
    status = Path("/proc/self/status").read_text()
    return float(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e3


def peak(work: str, path: Path) -> float:
    """Return the peak memory of a fresh process, MB, without the sample that it returns."""
    command = [sys.executable, __file__, "--peak", work, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory_growth(folder: Path, events: int) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    paths = folder / "once.root", folder / "tenfold.root"
    for path, times in zip(paths, (1, 10), strict=True):
        write_events(path, events * times, None)  # uncompressed: the same arrays in memory, written faster
    peaks = {work: (peak(work, paths[0]), peak(work, paths[1])) for work in WORK}
    growth = {work: tenfold / once for work, (once, tenfold) in peaks.items()}
    own, bare = growth["hepflow, iterating"], growth["bare uproot.iterate"]
    unit = f"peak memory at {10 * events:,} events over that at {events:,}"
    return {"hepflow": own, "peer": bare, "ratio": bare / own, "unit": unit}, peaks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--peak", nargs=2, metavar=("WORK", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        sample = WORK[arguments.peak[0]](Path(arguments.peak[1])) or 0.0
        print(own_peak() - sample)
        return
    with tempfile.TemporaryDirectory() as folder:
        overhead = read_overhead(Path(folder), arguments.events, arguments.pairs)
        growth, peaks = memory_growth(Path(folder), arguments.events)
    print(f"{'case':<16}{'hepflow':>10}{'peer':>10}{'ratio':>8}  unit")
    results = {"read_overhead": overhead, "memory_growth": growth}
    for case, r in results.items():
        print(f"{case:<16}{r['hepflow']:>10.3f}{r['peer']:>10.3f}{r['ratio']:>8.2f}  {r['unit']}")
    print(f"\n{'peak memory, MB (less the sample)':<34}{'once':>8}{'tenfold':>9}")
    for work, (once, tenfold) in peaks.items():
        print(f"{work:<34}{once:>8.0f}{tenfold:>9.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
