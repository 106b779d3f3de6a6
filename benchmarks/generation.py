"""Event generation measured where the truth is known.

    python benchmarks/generation.py --seeds 5 --json FILE

Case ``subtraction``: events of ``1/x + 0.01`` minus those of ``1/x`` on [1, 200], 100,000 of each, in 20 logarithmic
bins. Shown is the root mean square of (difference - truth) over the error of counting, median over seeds: of
`hepflow.subtract`, of counting itself, and of boosted trees, cross-fitted, in its place.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import hepflow as hf

EVENTS = 100_000
EDGES = np.geomspace(1, 200, 21)
FLAT, FALLING = 0.01 * 199, np.log(200)  # integrals of 0.01 and of 1/x


def spectra(seed, events=EVENTS):
    """Return events of ``1/x + 0.01`` and of ``1/x`` with their yields."""
    random = np.random.default_rng(seed)
    falling = np.exp(FALLING * random.random((2, events)))
    flat = random.random(events) < FLAT / (FLAT + FALLING)
    both = np.where(flat, 1 + 199 * random.random(events), falling[0])
    totals = FLAT + FALLING, FALLING
    return [
        {"x": x, "weight": np.full(events, total / events)}
        for x, total in zip((both, falling[1]), totals, strict=True)
    ]


def off(difference):
    """Return the root mean squares of differences and of counting, from the truth and in errors of counting."""
    found, truth = difference.histogram(EDGES), 0.01 * np.diff(EDGES)
    return [
        float(np.sqrt(np.mean(((values - truth) / found.binned_error) ** 2)))
        for values in (found.values, found.binned)
    ]


def subtraction(seeds: int, trees: int | None = None) -> dict[str, object]:
    """Return the case of subtraction: medians over so many seeds, those of trees over fewer."""
    smooth, forest, start = [], [], time.perf_counter()
    for seed in range(1, seeds + 1):
        both, minus = spectra(seed)
        smooth.append(off(hf.subtract(both, minus, replicas=2, seed=seed)))
        if seed <= (seeds if trees is None else trees):
            ratio = hf.classifiers.BoostedTrees(members=1)
            forest.append(off(hf.subtract(both, minus, ratio=ratio, replicas=2, folds=2, seed=seed))[0])
    ours, counting = np.median(smooth, axis=0)
    peer = float(np.median(forest)) if forest else float(counting)
    return {
        "hepflow": float(ours),
        "peer": peer,
        "ratio": peer / float(ours),
        "unit": "RMS of (difference - truth) over the error of counting; peer: boosted trees",
        "counting": float(counting),
        "seeds": [round(one[0], 3) for one in smooth],
        "seconds": time.perf_counter() - start,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="trees of one seed only")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases = {"subtraction": subtraction(options.seeds, 1 if options.quick else None)}
    for name, case in cases.items():
        print(name, {key: round(one, 3) if isinstance(one, float) else one for key, one in case.items()})
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
