"""Time and memory of `hepflow.features` against the number of events, up to a TTree of many gigabytes.

Each point is a NanoAOD-like TTree of one to four jets an event, written in chunks, read in a fresh process and
deleted. Time is fitted by a constant and a rate over the points measured; beyond them it is extrapolated, and said to
be.

    python benchmarks/reader_scaling.py [FOLDER] [--size 10GB] [--until 1e8] [--json FILE] [--plot FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.ticker import NullFormatter
from readers import own_peak, write_events

from hepflow.features import features
from hepflow.readers import read

FIRST = 100_000
TRIAL = 20_000  # events that tell how large one is on disk
UNITS = {"MB": 1e6, "GB": 1e9, "TB": 1e12}


@dataclass(frozen=True)
class Point:
    """One file: its events and bytes, seconds to read it, peak memory and the part of it that is the sample, MB."""

    events: int
    bytes: int
    seconds: float
    peak: float
    sample: float

    def row(self) -> str:
        """Return the point as a line of the table."""
        rate = self.events / self.seconds
        left = f"{self.events:>12,}{self.bytes / 1e6:>12,.0f}{self.seconds:>9.2f}{rate:>12,.0f}"
        return f"{left}{self.peak:>10,.0f}{self.sample:>12,.0f}{self.peak - self.sample:>10,.0f}"


def measure(folder: Path, events: int) -> Point:
    path = folder / "reader_scaling.root"
    try:
        write_events(path, events, None)  # uncompressed: the same arrays in memory, written faster
        command = [sys.executable, __file__, "--read", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return Point(events, path.stat().st_size, **found)
    finally:
        path.unlink(missing_ok=True)


def read_one(path: Path) -> dict[str, float]:
    start = time.perf_counter()
    sample = features(read(path, "nanoaod"), progress=False)
    seconds = time.perf_counter() - start
    arrays = (sample.mass, sample.features, sample.weight)
    return {"seconds": seconds, "peak": own_peak(), "sample": sum(array.nbytes for array in arrays) / 1e6}


def steps(folder: Path, size: float) -> list[int]:
    """Return the numbers of events to measure, a factor of about three apart, the last of a file of this size."""
    path = folder / "reader_scaling.root"
    try:
        write_events(path, TRIAL, None)
        last = int(size / path.stat().st_size * TRIAL)
    finally:
        path.unlink(missing_ok=True)
    if last <= FIRST:
        return [last]
    count = 1 + max(1, round(np.log(last / FIRST) / np.log(3)))
    return [int(events) for events in np.geomspace(FIRST, last, count)]


def draw(points: list[Point], until: float, path: Path) -> None:
    from matplotlib.figure import Figure

    from hepflow.plots.style import DPI, EXPECTED, NEUTRAL, SIGNAL, WIDTH, style

    events = np.array([point.events for point in points], dtype=float)
    seconds = np.array([point.seconds for point in points])
    beyond = np.geomspace(events[-1], max(until, events[-1]), 50)
    start, rate = linear(points)
    with style():
        figure = Figure(figsize=(2 * WIDTH, WIDTH * 0.85), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(events, seconds, "o", color=EXPECTED, label="measured")
        line = np.geomspace(events[0], events[-1], 50)
        left.plot(line, start + rate * line, color=EXPECTED)
        if until > events[-1]:
            left.plot(beyond, start + rate * beyond, "--", color=EXPECTED, label="extrapolated, not measured")
        everything = np.geomspace(events[0], beyond[-1], 50)
        left.plot(everything, rate * everything, ":", color=NEUTRAL, label="proportional to events")
        left.set(ylabel="Time of features() [s]")
        peak, sample = (np.array([getattr(point, name) for point in points]) for name in ("peak", "sample"))
        right.plot(events, peak, "s-", color=SIGNAL, label="peak of the process")
        right.plot(events, sample, "^-", color=EXPECTED, label="the sample itself")
        right.plot(events, peak - sample, "o-", color=NEUTRAL, label="the rest: reading")
        if until > events[-1]:
            right.plot(beyond, beyond * sample[-1] / events[-1], "--", color=EXPECTED)
        right.set(ylabel="Memory [MB]")
        for axes in (left, right):
            axes.set(xscale="log", yscale="log", xlabel="Events", xlim=(events[0] / 1.5, beyond[-1] * 1.5))
            axes.xaxis.set_minor_formatter(NullFormatter())
            low, high = axes.get_ylim()
            axes.set_ylim(low / 1.5, high * (high / low) ** 0.35)  # room for the legend
            axes.legend(loc="upper left")
        figure.savefig(path, dpi=DPI)


def linear(points: list[Point]) -> tuple[float, float]:
    """Return constant and seconds per event of the time, each point with the same relative error."""
    events = np.array([point.events for point in points], dtype=float)
    seconds = np.array([point.seconds for point in points])
    if len(points) == 1:
        return 0.0, float(seconds[0] / events[0])
    rate, start = np.polyfit(events, seconds, 1, w=1 / seconds)
    return float(start), float(rate)


def byte_size(text: str) -> float:
    number, unit = text.strip()[:-2], text.strip()[-2:].upper()
    if unit not in UNITS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a size such as 500MB or 10GB")
    return float(number) * UNITS[unit]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="where the files are written, with room for --size [default: a temporary]",
    )
    parser.add_argument("--size", type=byte_size, default=1e8, help="of the largest file: 100MB, 10GB")
    parser.add_argument("--until", type=float, default=1e8, help="events to extrapolate to")
    parser.add_argument("--json", type=Path, help="write the points to this file")
    parser.add_argument("--plot", type=Path, help="draw them to this file: docs/images/reader_scaling.png")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_one(arguments.read)))
        return
    points: list[Point] = []
    columns = (
        ("file, MB", 12),
        ("s", 9),
        ("events/s", 12),
        ("peak, MB", 10),
        ("sample, MB", 12),
        ("rest, MB", 10),
    )
    print(f"{'events':>12}" + "".join(f"{name:>{width}}" for name, width in columns))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for events in steps(Path(folder), arguments.size):
            points.append(measure(Path(folder), events))
            print(points[-1].row(), flush=True)
    start, rate = linear(points)
    print(f"\ntime = {start:.2f} s + {rate * 1e6:.3f} s per million events, from the points measured")
    if arguments.until > points[-1].events:
        print(
            f"extrapolated, not measured: {start + rate * arguments.until:,.0f} s at {arguments.until:,.0f} events"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(point) for point in points], indent=2) + "\n")
    if arguments.plot:
        draw(points, arguments.until, arguments.plot)


if __name__ == "__main__":
    main()
