"""A run killed with SIGKILL at random moments, and resumed: the same results, and no finished step done twice.

    python benchmarks/kills.py --moments 20 --json kills.json

The demo, or another configuration, runs once undisturbed. Then, each time in a fresh folder, it is killed with all
its processes at a random moment of that time, and the same command is given again until it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.demo import config_path
from hepflow.errors import CheckError

APART = ("timing", "unblinded")  # of results.json: what no two runs share
COLUMNS = (
    ("killed after", "killed", "{:.1f} s"),
    ("steps done", "done", "{}"),
    ("done twice", "twice", "{}"),
    ("same results", "same", "{}"),
    ("time lost", "lost", "{:.1f} s"),
)


def command(config: Path, overrides: list[str], out: Path) -> list[str]:
    """Return the command of a run."""
    settings = [text for override in overrides for text in ("--set", override)]
    return [sys.executable, "-m", "hepflow", "-q", "run", str(config), "--out", str(out), *settings]


def killed_after(arguments: list[str], seconds: float | None) -> bool:
    """Run a command, and kill it with all its processes after some time; tell whether that came before its end."""
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    if code not in (0, CheckError.exit_code):  # whether the results can be trusted is not the question here
        raise SystemExit(f"{' '.join(arguments)}: exit code {code}")
    return False


def steps(out: Path) -> dict[str, int]:
    """Return when each finished step was written."""
    stages = out / "stages"
    return {
        str(path.relative_to(stages)): path.stat().st_mtime_ns for path in stages.rglob("[!.]*/step.json")
    }


def results(out: Path) -> dict[str, Any]:
    """Return what two runs of one configuration must share."""
    content = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in APART}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=config_path(), help="an analysis [default: the demo]")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "undisturbed"
        start = time.perf_counter()
        killed_after(command(options.config, options.overrides, whole), None)
        undisturbed = time.perf_counter() - start
        print(f"undisturbed: {undisturbed:.1f} s, {len(steps(whole))} steps\n")
        print("  ".join(f"{title:>12}" for title, _, _ in COLUMNS))
        rows: list[dict[str, Any]] = []
        for moment in np.random.default_rng(options.seed).uniform(0, undisturbed, options.moments):
            out = Path(folder) / f"run-{len(rows)}"
            arguments = command(options.config, options.overrides, out)
            start = time.perf_counter()
            killed = killed_after(arguments, moment)
            done = steps(out)
            killed_after(arguments, None)
            now = steps(out)
            row: dict[str, Any] = {
                "killed": float(moment) if killed else None,
                "done": len(done),
                "twice": sum(now[step] != when for step, when in done.items()),
                "same": results(out) == results(whole),
                "lost": time.perf_counter() - start - undisturbed,
            }
            rows.append(row)
            cells = [form.format(row[key]) if row[key] is not None else "-" for _, key, form in COLUMNS]
            print("  ".join(f"{cell:>12}" for cell in cells), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"undisturbed": undisturbed, "kills": rows}, indent=2))
    wrong = sum(row["twice"] > 0 or not row["same"] for row in rows)
    if wrong:
        raise SystemExit(f"{wrong} of {len(rows)} kills did harm")
    print(f"\nafter each of {len(rows)} kills the same results, and no finished step done twice")


if __name__ == "__main__":
    main()
