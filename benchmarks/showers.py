"""Showers from flows: how close they are, how fast they come, and beside what others published.

    python benchmarks/showers.py --json FILE             # three seeds of the toy, and sampling
    python benchmarks/showers.py --quick --json FILE     # one seed: ten minutes of two cores
    python benchmarks/showers.py --only photons          # 368 voxels, up to forty minutes
    python benchmarks/showers.py --only student          # autoregressive against coupling flows
    python benchmarks/showers.py --quick --figure FILE   # also: observables of the toy

Showers are those of hepflow's own generator: `toy_detector`, 3 layers of 9 voxels, and `photon_detector`, which has
the voxels of data set 1 of the CaloChallenge and not its showers. A network of two hidden layers of 512 is trained on
60 percent of as many generated and fresh showers, 20 choose its epoch, and on 20 it is tried.
``ratio`` is above 1 where hepflow is ahead: of nflows, or of the area that was asked for.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.autoregressive import MaskedPiecewiseRationalQuadraticAutoregressiveTransform
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import ReversePermutation

from hepflow.flows import spline_autoregressive, spline_coupling
from hepflow.showers import (
    PUBLISHED,
    Detector,
    Judgement,
    ShowerModel,
    Showers,
    judge,
    observables,
    photon_detector,
    seconds_per_shower,
    simulate,
    toy_detector,
)
from hepflow.showers.model import plan_for

ASKED = {"toy": {"low": 0.53, "high": 0.57}, "photons": {"low": 0.75, "high": 0.70}}
FEATURES, LAYERS, HIDDEN, BINS, BOUND = 24, 5, 64, 8, 4.0
BATCH = 8192


def learned(
    name: str, detector: Detector, showers: int, judged: int, seed: int
) -> tuple[ShowerModel, Judgement]:
    """Return a model of so many showers, and how it is judged by others; print what it took."""
    training = simulate(detector, showers, seed=100 + seed)
    real = simulate(detector, judged, seed=200 + seed)
    plan = plan_for(showers)
    if name == "photons":
        plan = replace(plan, epochs=14, average=0.99)
    start, cpu = time.perf_counter(), time.process_time()
    model = ShowerModel(plan=plan).fit(training, seed)
    spent = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"  seed {seed}: {showers:,} showers learned in {spent[0]:.0f} s, {spent[1]:.0f} s of a core",
        flush=True,
    )
    found = judge(model.sample(real.energy, seed), real, repeats=1, seed=seed)
    for told in found.told:
        print(
            f"  seed {seed}: {told.level} level AUC {told.auc:.3f} +- {told.auc_error:.3f}, JSD {told.jsd:.3f}",
            flush=True,
        )
    return model, found


def areas(
    name: str, detector: Detector, showers: int, judged: int, seeds: int, figure: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Return the areas of classifiers, medians over seeds, and print them beside published ones."""
    found = []
    for seed in range(1, seeds + 1):
        model, judgement = learned(name, detector, showers, judged, seed)
        if figure is not None:
            real = simulate(detector, judged, seed=200 + seed)
            draw(model.sample(real.energy, seed), real, figure)
        found.append(judgement)
    times = seconds_per_shower(model, simulate(detector, 1000, seed=1).energy, seed=1)
    print(
        "  "
        + ", ".join(
            f"{1e3 * each:.3g} ms per shower in batches of {batch:,}" for batch, each in times.items()
        )
    )
    worst = sorted(judgement.separation.items(), key=lambda one: one[1][0] - one[1][1])[-3:]
    print("  largest separation powers: " + ", ".join(f"{key} {power:.1e}" for key, (power, _) in worst))
    cases, prefix = {}, "" if name == "toy" else f"{name}_"
    print("  AUC low / high")
    for level in ("low", "high"):
        auc = float(np.median([one.of(level).auc for one in found]))
        asked = ASKED[name][level]
        cases[f"{prefix}auc_{level}"] = case(
            auc, asked, (asked - 0.5) / max(auc - 0.5, 1e-3), "AUC; peer: asked"
        )
    print(f"  hepflow, {name} of its own {cases[f'{prefix}auc_low']['hepflow']:.3f} / "
          f"{cases[f'{prefix}auc_high']['hepflow']:.3f}")  # fmt: skip
    for one in PUBLISHED:
        print(
            f"  {one.model}, {one.showers} {one.low:.3f} / {one.high:.3f} (arXiv:{one.paper}, other showers)"
        )
    return cases


def draw(made: Showers, real: Showers, path: Path) -> None:
    """Draw observables of generated and of fresh showers, with their ratio."""
    mine, known = observables(made), observables(real)
    names = {
        "response": "Visible over incident energy",
        "energy_0": "Energy in layer 0 [GeV]",
        "energy_2": "Energy in layer 2 [GeV]",
        "center_eta_1": r"Centre in $\eta$, layer 1 [mm]",
        "width_eta_1": r"Width in $\eta$, layer 1 [mm]",
        "sparsity_2": "Sparsity of layer 2",
    }
    figure, axes = plt.subplots(4, 3, figsize=(9, 6), height_ratios=[3, 1, 3, 1], layout="constrained")
    for number, (name, label) in enumerate(names.items()):
        upper, lower = axes[2 * (number // 3) : 2 * (number // 3) + 2, number % 3]
        low, high = np.quantile(known[name], [0.001, 0.999])
        edges = (np.arange(11) - 0.5) / 9 if name.startswith("sparsity") else np.linspace(low, high, 41)
        theirs, ours = (np.histogram(each[name], edges)[0] for each in (known, mine))
        upper.stairs(theirs, edges, fill=True, color="0.8", label="fresh, of the generator")
        upper.stairs(ours, edges, color="C0", label="made by flows")
        upper.set_yscale("log" if name.startswith("energy") else "linear")
        there = theirs > 0
        middle = 0.5 * (edges[1:] + edges[:-1])[there]
        error = ours[there] / theirs[there] * np.sqrt(1 / np.maximum(ours[there], 1) + 1 / theirs[there])
        lower.errorbar(middle, ours[there] / theirs[there], error, fmt=".", markersize=3, linewidth=0.7)
        lower.axhline(1, color="0.5", linewidth=0.7)
        lower.set(ylim=(0.7, 1.3), xlabel=label, ylabel="Ratio")
        upper.set(ylabel="Showers", xlim=lower.set_xlim(edges[0], edges[-1]))
        upper.tick_params(labelbottom=False)
    axes[0, 1].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def stock(features: int) -> Flow:
    """Build the flow from nflows alone."""
    layers: list[torch.nn.Module] = []
    for _ in range(LAYERS):
        layers.append(
            MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                features,
                HIDDEN,
                context_features=4,
                num_bins=BINS,
                tails="linear",
                tail_bound=BOUND,
                num_blocks=2,
            )
        )
        layers.append(ReversePermutation(features))
    return Flow(CompositeTransform(layers), StandardNormal([features]))


def drawing(flow: Flow, features: int, events: int) -> float:
    """Return the seconds that an event takes."""
    z, context = torch.randn(events, features), torch.randn(events, 4)
    with torch.no_grad():
        start = time.perf_counter()
        flow._transform.inverse(z, context)
    return (time.perf_counter() - start) / events


def sampling() -> dict[str, dict[str, Any]]:
    """Compare drawing 24 features with stock nflows, of the same weights, in turns."""
    torch.manual_seed(1)
    theirs = stock(FEATURES).eval()
    mine = spline_autoregressive(FEATURES, 4, layers=LAYERS, hidden=HIDDEN, bins=BINS, bound=BOUND).eval()
    mine.load_state_dict(theirs.state_dict())
    drawing(mine, FEATURES, BATCH), drawing(theirs, FEATURES, 256)
    pairs = [(drawing(mine, FEATURES, BATCH), drawing(theirs, FEATURES, BATCH // 8)) for _ in range(3)]
    ratio = float(np.median([slow / fast for fast, slow in pairs]))
    fast, slow = (1 / float(np.median(each)) for each in zip(*pairs, strict=True))
    return {"sampling": case(fast, slow, ratio, "events/s of 24 features; peer: nflows")}


def student() -> dict[str, dict[str, Any]]:
    """Compare drawing by a coupling flow, which a student would be, with the autoregressive one."""
    cases = {}
    for features in (24, 190):
        slow = spline_autoregressive(features, 4, layers=2, hidden=HIDDEN).eval()
        fast = spline_coupling(features, 4, layers=8, hidden=HIDDEN).eval()
        for batch in (1, 10_000):
            each = [(drawing(fast, features, batch), drawing(slow, features, batch)) for _ in range(3)]
            one, other = (float(np.median(column)) for column in zip(*each, strict=True))
            print(f"  {features} features in batches of {batch:,}: coupling {1e6 * one:.3g} us, autoregressive "
                  f"{1e6 * other:.3g} us")  # fmt: skip
            cases[f"student_{features}_{batch}"] = case(one, other, other / one, "s; peer: autoregressive")
    return cases


def case(value: float, peer: float, ratio: float, unit: str) -> dict[str, Any]:
    return {"hepflow": value, "peer": peer, "ratio": ratio, "unit": unit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed: ten minutes of two cores")
    parser.add_argument("--showers", type=int, help="to learn from [default: 30,000; photons 50,000]")
    parser.add_argument(
        "--only", nargs="+", default=("toy", "sampling"), help="toy, sampling, photons, student"
    )
    parser.add_argument("--figure", type=Path, help="picture of the toy's observables")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    toy, photons = (options.showers or count for count in (30_000, 50_000))
    parts: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
        "toy": partial(
            areas, "toy", toy_detector(), toy, min(toy, 30_000), 1 if options.quick else 3, options.figure
        ),
        "sampling": sampling,
        "photons": partial(areas, "photons", photon_detector(), photons, min(photons, 30_000), 1),
        "student": student,
    }
    cases: dict[str, dict[str, Any]] = {}
    for name in options.only:
        if name not in parts:
            parser.error(f"no part {name!r}; expected some of {', '.join(parts)}")
        print(name, flush=True)
        cases |= parts[name]()
    for name, one in cases.items():
        print(f"{name:20} {one['hepflow']:.4g}  {one['peer']:.4g}  ratio {one['ratio']:.2f}  {one['unit']}")
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
