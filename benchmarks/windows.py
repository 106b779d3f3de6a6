"""Whether windows that share flows have templates as good as those of their own flows, and what that saves.

    python benchmarks/windows.py --parts 3 --json windows.json

searches disjoint parts of generated dijets without signal (`--data`, a file like the bundled one, with several times
its events) in every second of seven windows, with flows of their own and with shared ones. Events that no part of a
search saw tell how many lie behind its cuts, over what its template says: 1 is perfect. Beside it, how long the flows
of all seven windows take, over those of the largest window, in time of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from time import process_time

import numpy as np
from tqdm import tqdm

import hepflow as hf
from hepflow.regions import Windows, sliding
from hepflow.sample import FloatArray, Sample

FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
RANGE, WIDTH = (2900.0, 6000.0), 2 * 400 / 7000
EVERY = [Windows.beside(one, one[1] - one[0], RANGE) for one in sliding(RANGE, WIDTH, 0.5, 1.0)]
JUDGED = EVERY[:5:2]
EFFICIENCIES = (0.1, 0.01)
PARTS, EVENTS = 4, 58_000
OWN, SHARED, FEWER = "own flows", "shared, four of each fold", "shared, two of each fold"
INSIDE, BESIDE = 8.0, 3.0  # template events for each that is expected


def closure(
    method: hf.methods.Method, data: Sample, unseen: Sample, windows: Windows, seed: int
) -> FloatArray:
    """Return unseen events over template behind each cut, in the signal region and in the sidebands: (2, cuts)."""
    background = method.fit(data, windows, seed=seed)
    trees = hf.classifiers.BoostedTrees(members=4)
    scores = hf.score(trees, data, background, signal=unseen.window(*windows.range), seed=seed)
    assert scores.signal is not None
    inside = windows.in_signal(scores.signal.sample.mass)
    found = []
    for rows, template in ((inside, scores.template), (~inside, scores.validation)):
        thresholds = [scores.template.quantile(one) for one in EFFICIENCIES]
        found.append(
            [np.mean(scores.signal.score[rows] > t) / np.mean(template.score > t) for t in thresholds]
        )
    return np.array(found)


def part(everything: Sample, number: int) -> tuple[dict[str, list[FloatArray]], dict[str, float]]:
    """Return closures of one part by kind, a window each, and the seconds of trainings."""
    order = np.random.default_rng(99).permutation(len(everything))
    taken = slice(number * EVENTS, (number + 1) * EVENTS)
    data, unseen = everything.select(np.sort(order[taken])), everything.select(np.delete(order, taken))
    seed = 1000 * (number + 1)
    seconds: dict[str, float] = {}
    methods: dict[str, hf.methods.Cathode] = {
        OWN: hf.methods.Cathode(oversampling=INSIDE, validation_oversampling=BESIDE)
    }
    for kind, members in ((SHARED, 4), (FEWER, 2)):
        start = process_time()
        density = hf.flows.Density(members=members)
        flows = hf.methods.SharedFlows.learn(density, data, EVERY, seed=seed)
        seconds[kind] = process_time() - start
        methods[kind] = hf.methods.SharedCathode.like(methods[OWN], flows)
    start = process_time()
    hf.methods.Cathode().learn(data, EVERY[0], seed=seed)
    seconds[OWN] = process_time() - start
    return {
        kind: [closure(method, data, unseen, windows, seed) for windows in JUDGED]
        for kind, method in methods.items()
    }, seconds


def told(values: FloatArray) -> str:
    return f"{values.mean():.3f} +- {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=shared / "pythia" / "data.h5", help="generated dijets")
    parser.add_argument("--parts", type=int, default=3, choices=range(1, PARTS + 1))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    everything = hf.features(hf.read(options.data, "lhco"), FEATURES).window(*RANGE).without_truth()
    if len(everything) < (PARTS + 1) * EVENTS:
        raise SystemExit(
            f"{options.data}: {len(everything):,} events are too few to have unseen ones beside a part"
        )
    closures: dict[str, list[FloatArray]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in tqdm(range(options.parts), desc="parts"):
        found, seconds = part(everything, number)
        for kind, each in found.items():
            closures[kind] += each
            ratios[kind].append(seconds[kind] / seconds[OWN])
    cases = {}
    print(f"\n{len(closures[OWN])} windows of {options.parts} parts: unseen events over template")
    print(
        f"{'':<28}"
        + "".join(
            f"{f'{where} at {one:g}':<26}" for where in ("signal region", "sidebands") for one in EFFICIENCIES
        )
    )
    own = np.array(closures[OWN])
    for kind, each in closures.items():
        values = np.array(each)
        for line, shown in (("", values), ("less own flows", values - own)):
            if line and kind == OWN:
                continue
            cells = [told(shown[:, where, cut]) for where in (0, 1) for cut in range(len(EFFICIENCIES))]
            print(f"{line or kind:<28}" + "".join(f"{cell:<26}" for cell in cells))
        for cut, efficiency in enumerate(EFFICIENCIES):
            off, known = (abs(float(one[:, 0, cut].mean()) - 1) for one in (values, own))
            cases[f"{kind}, off at {efficiency:g}"] = (off, known, "of the template")
    print("\nflows of all seven windows, over those of the largest: seconds, ratio of each part")
    for kind in (SHARED, FEWER):
        print(f"{kind:<28}" + ", ".join(f"{one:.2f}" for one in ratios[kind]))
        cases[f"{kind}, seven windows"] = (float(np.median(ratios[kind])), 2.0, "trainings of one window")
    if options.json:
        content = {
            case: {"hepflow": value, "peer": asked, "ratio": asked / max(value, 1e-9), "unit": unit}
            for case, (value, asked, unit) in cases.items()
        }
        options.json.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
