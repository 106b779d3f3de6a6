"""Power of the two-sample tests: how often each sees a difference at p <= 0.01, beside scipy.

    python benchmarks/two_sample.py --pairs 50 --json FILE

Pairs of normal samples of 10,000 events and three features: without a difference; with the mean of one feature
shifted by 0.1 or 0.05 standard deviations; with a correlation of 0.1 between two features. Beside them stand scipy's
ks_2samp, and its t-test, which knows that it is the mean that differs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import stats

import hepflow as hf
from hepflow.twosample import TESTS

LEVEL = 0.01
REPLICAS = 99  # p-values of replicas reach the level, no less
CASES = ("none", "mean 0.1", "mean 0.05", "correlation 0.1")
PEER, BEST = "scipy ks_2samp", "scipy ttest_ind"


def pair(case, events, seed):
    random = np.random.default_rng(seed)
    a, b = (random.normal(size=(events, 3)) for _ in range(2))
    kind, _, size = case.partition(" ")
    if kind == "mean":
        b[:, 0] += float(size)
    if kind == "correlation":
        b[:, 1] = float(size) * b[:, 0] + np.sqrt(1 - float(size) ** 2) * b[:, 1]
    return a, b


def seen(case, events, seed):
    """Return which tests see the difference; those of each feature look at the first."""
    a, b = pair(case, events, seed)
    result = hf.two_sample(a, b, replicas=REPLICAS, seed=seed)
    found = {one.test: one.p_value <= LEVEL for one in result.differences if one.feature in (None, "x0")}
    found["global p"] = result.global_p <= LEVEL
    found[PEER] = stats.ks_2samp(a[:, 0], b[:, 0], method="asymp").pvalue <= LEVEL
    found[BEST] = stats.ttest_ind(a[:, 0], b[:, 0]).pvalue <= LEVEL
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    power, start = {}, time.perf_counter()
    for case in options.cases:
        every = [seen(case, options.events, seed) for seed in range(1, options.pairs + 1)]
        power[case] = {test: float(np.mean([one[test] for one in every])) for test in every[0]}
    print(
        f"share of {options.pairs} pairs of {options.events:,} events with p <= {LEVEL}, {len(TESTS)} tests:"
    )
    print("| test |", " | ".join(power), "|")
    print("|---|", "---|" * len(power), sep="")
    for test in power[options.cases[0]]:
        print(f"| {test} |", " | ".join(f"{found[test]:.2f}" for found in power.values()), "|")
    print(f"{time.perf_counter() - start:.0f} s")
    if options.json:
        cases = {
            f"power of {test}, {case}": {
                "hepflow": value,
                "peer": power[case][PEER],
                "ratio": value / power[case][PEER] if power[case][PEER] else None,
                "unit": f"share of pairs with p <= {LEVEL}",
            }
            for case in power
            for test, value in power[case].items()
            if test not in (PEER, BEST)
        }
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
