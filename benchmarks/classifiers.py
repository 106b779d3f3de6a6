"""How well the classifiers find a faint signal where the background is known: the idealized detector, size by size.

    python benchmarks/classifiers.py --seeds 5 --noise 0 2 10 --json classifiers.json

trains the default trees, trees with the settings that CATHODE took (scikit-learn's own leaves of 20 events), the
default network, and one that is given whole ranks, to tell data with signal from background alone, and tests them on
events that none of them saw: the significance improvement (SIC) at background efficiencies of 1e-2 and 1e-3. Samples
are generated dijets in the signal region, in three sizes, and the LHC Olympics events (`--data` is the folder with
both); features of pure noise are added as often as asked for. One thread; with ``--json FILE`` the means over samples
and seeds, as ratios.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import hepflow as hf
from hepflow.classifiers import Classifier
from hepflow.sample import FloatArray, Sample

FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
EFFICIENCIES = (0.01, 0.001)
STRENGTH = 2.5  # signal events, over the square root of the background's
CLASSIFIERS: dict[str, Callable[[], Classifier]] = {
    "trees": hf.classifiers.BoostedTrees,
    "trees, leaves of 20": lambda: hf.classifiers.BoostedTrees(
        members=10, min_samples_leaf=20, validation_fraction=0.2
    ),
    "network": hf.classifiers.NeuralNetwork,
    "network, whole ranks": lambda: hf.classifiers.NeuralNetwork(bins=0),
}


class Kind(NamedTuple):
    """What there is of one kind of events: features of background and of signal."""

    background: FloatArray
    signal: FloatArray


@dataclass(frozen=True)
class Case:
    """How many background events stand in for data, and how many are what they are told apart from."""

    kind: str
    data: int
    template: int


CASES = {
    "dijets, 2,000": Case("dijets", 2_000, 8_000),
    "dijets, 13,000": Case("dijets", 13_000, 40_000),
    "dijets, 30,000": Case("dijets", 30_000, 30_000),
    "LHC Olympics, 12,900": Case("lhco", 12_900, 18_000),
}


def read(folder: Path) -> dict[str, Kind]:
    """Return the features of the events of each kind that is there."""
    found = {}
    dijets = folder / "pythia" / "data.h5"
    if dijets.is_file():
        parts = [
            hf.features(hf.read(path, "lhco"), FEATURES).window(3300, 3700).features
            for path in (dijets, dijets.with_name("signal.h5"))
        ]
        found["dijets"] = Kind(*parts)
    olympics = folder / "lhco" / "events_anomalydetection_first100k.features.h5"
    if olympics.is_file():
        events = hf.features(hf.read(olympics, "lhco"), FEATURES).window(2900, 4500)
        assert events.label is not None
        found["lhco"] = Kind(events.features[events.label == 0], events.features[events.label == 1])
    return found


def table(features: FloatArray) -> Sample:
    """Return features as a sample; the mass plays no part here."""
    names = (*FEATURES, *(f"noise_{k}" for k in range(features.shape[1] - len(FEATURES))))
    return Sample(np.full(len(features), 3500.0), features, names)


def search(kind: Kind, case: Case, noise: int, seed: int) -> dict[str, list[float]]:
    """Train each classifier on one split of the events, and return its SIC at each efficiency."""
    random = np.random.default_rng(seed)
    background, signal = (
        np.hstack([each, random.normal(size=(len(each), noise))])[random.permutation(len(each))]
        for each in kind
    )
    injected, used = round(STRENGTH * np.sqrt(case.data)), case.data + case.template
    data = table(np.vstack([background[: case.data], signal[:injected]]))
    template = table(background[case.data : used])
    unseen, truth = table(background[used:]), table(signal[injected:])
    found = {}
    for name, make in CLASSIFIERS.items():
        trained = make().fit(data, template, seed)
        scores = trained.log_ratio(unseen)
        thresholds = [np.quantile(scores, 1 - efficiency) for efficiency in EFFICIENCIES]
        passing = trained.log_ratio(truth)
        found[name] = [
            float(np.mean(passing > threshold) / np.sqrt(efficiency))
            for threshold, efficiency in zip(thresholds, EFFICIENCIES, strict=True)
        ]
    return found


def mean(values: Sequence[float]) -> str:
    """Return a mean and its error as text."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):6.3f} +- {error:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=shared, help="folder with pythia/ and lhco/")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--noise", type=int, nargs="+", default=[0, 2, 10], help="features of pure noise to add"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kinds = read(options.data)
    if not kinds:
        raise SystemExit(f"{options.data}: neither pythia/data.h5 nor the LHC Olympics events are there")
    cases = [
        (title, case, noise) for noise in options.noise for title, case in CASES.items() if case.kind in kinds
    ]
    ratios: dict[str, list[float]] = {"sic_0.01": [], "sic_0.001": [], "network_over_trees": []}
    for title, case, noise in cases:
        found = [
            search(kinds[case.kind], case, noise, seed)
            for seed in tqdm(range(1, options.seeds + 1), desc=title, unit="seed", leave=False)
        ]
        print(f"\n{title} data events, {noise} features of noise: SIC at 1e-2 and 1e-3")
        for name in CLASSIFIERS:
            print(f"  {name:<22}" + "   ".join(mean([one[name][k] for one in found]) for k in range(2)))
        for k, efficiency in enumerate(EFFICIENCIES):
            ratios[f"sic_{efficiency:g}"] += [
                one["trees"][k] / one["trees, leaves of 20"][k] for one in found
            ]
        if not noise:
            ratios["network_over_trees"] += [
                one["network"][k] / one["trees"][k] for one in found for k in range(len(EFFICIENCIES))
            ]
    print()
    for name, values in ratios.items():
        print(f"{name:<20}{mean(values)}" if values else f"{name}: not measured")
    if options.json:
        content = {
            name: {
                "hepflow": float(np.mean(values)),
                "peer": 1.0,
                "ratio": float(np.mean(values)),
                "unit": "SIC",
            }
            for name, values in ratios.items()
            if values
        }
        options.json.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
