"""Unfolding measured where the truth is known: OmniFold, in bins, and posteriors.

    python benchmarks/unfolding.py --json FILE          # all cases
    python benchmarks/unfolding.py --quick --json FILE  # fewer seeds and toys: ten minutes of two cores

One dimension: N(0, 1) is simulated, N(0.2, 0.8) is true, smearing 0.5, 100,000 events of each. The distance is the
triangular discriminator ``500 sum (p - q)^2 / (p + q)`` over 22 bins from -2 to 2.4, against the true events; what
exact weights reach ("floor") is their fluctuation. The second case has an efficiency from 0.25 to 0.95 and 10 %
fakes. Six dimensions: correlated normal distributions with another mean and covariance, smearing 0.3, 100,000
events; the exact ratio is known. Peers: omnifold (TensorFlow), where it is installed, and hepflow's own iterative
Bayes. ``ratio`` is above 1 where hepflow is ahead.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

import hepflow as hf
from hepflow.classifiers import BoostedTrees, NeuralNetwork, SmoothRatio
from hepflow.unfolding import IterativeBayes, OmniFold, Pairs, Posterior

EVENTS = 100_000
MEAN, WIDTH, SMEARING = 0.2, 0.8, 0.5
EDGES, RECO_EDGES = np.linspace(-2.0, 2.4, 23), np.linspace(-2.5, 3.0, 45)
Numbers = dict[str, Any]


def efficiency(x: np.ndarray) -> np.ndarray:
    return 0.25 + 0.7 / (1 + np.exp(-x))


def one_dimension(
    seed: int, *, events: int = EVENTS, losses: bool = False
) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Return pairs, data, and the true values of these, seen or not."""
    random = np.random.default_rng(seed)
    simulated, true = random.normal(0, 1, events), random.normal(MEAN, WIDTH, events)
    seen, data = random.normal(simulated, SMEARING), random.normal(true, SMEARING)
    if not losses:
        return Pairs.of({"x": simulated, "y": seen}, truth=["x"], reco=["y"]), data, true
    passes, there = random.random(events) < efficiency(simulated), random.random(events) < efficiency(true)
    fakes = int(passes.sum() / 9)  # 10 % of what is reconstructed
    own, others = random.normal(0, 1.5, (2, fakes))
    table = {
        "x": np.concatenate([simulated, np.full(fakes, np.nan)]),
        "y": np.concatenate([np.where(passes, seen, np.nan), own]),
    }
    flags = np.arange(events + fakes) < events
    pairs = Pairs.of(
        table,
        truth=["x"],
        reco=["y"],
        pass_truth=flags,
        pass_reco=np.concatenate([passes, np.ones(fakes, bool)]),
    )
    return pairs, np.concatenate([data[there], others]), true


def discriminator(found: np.ndarray, true: np.ndarray) -> float:
    """Return a thousand times the triangular discriminator of two histograms."""
    p, q = found / found.sum(), true / true.sum()
    return float(500 * np.sum((p - q) ** 2 / np.maximum(p + q, 1e-300)))


def exact(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((x - MEAN) / WIDTH) ** 2 + 0.5 * x**2) / WIDTH


def unfolded(pairs: Pairs, data: np.ndarray, **options: Any) -> tuple[np.ndarray, float, float]:
    """Return the histogram after five iterations, the total, and seconds."""
    start = time.perf_counter()
    found = OmniFold(replicas=0, **options).unfold(pairs, data, seed=1)
    seconds = time.perf_counter() - start
    passes = pairs.pass_truth
    x, weight = pairs.truth["x"][passes], found.weights[-1][passes]
    return np.histogram(x, EDGES, weights=weight)[0], found.total, seconds


def omnifold(pairs: Pairs, data: np.ndarray) -> np.ndarray | None:
    """Return the weights of the peer, or None where it is not installed."""
    if importlib.util.find_spec("omnifold") is None:
        return None
    from omnifold import DataLoader, MLP, MultiFold  # noqa: I001

    both = pairs.both
    simulation = DataLoader(
        reco=np.nan_to_num(pairs.reco.features), gen=np.nan_to_num(pairs.truth.features),
        pass_reco=pairs.pass_reco, pass_gen=pairs.pass_truth, normalize=True,
    )  # fmt: skip
    measured = DataLoader(reco=data.reshape(len(data), -1), normalize=True)
    networks = [MLP(columns) for columns in (pairs.reco.features.shape[1], pairs.truth.features.shape[1])]
    peer = MultiFold("peer", *networks, measured, simulation, niter=5, batch_size=1024, epochs=20)
    peer.Unfold()
    return peer.reweight(simulation.gen, peer.model2) * (both.sum() >= 0)


def case(name: str, losses: bool, seeds: int, classifiers: bool) -> Numbers:
    """Return discriminators, medians over seeds."""
    every: dict[str, list[float]] = {}
    for seed in range(seeds):
        pairs, data, true = one_dimension(seed, losses=losses)
        wanted = np.histogram(true, EDGES)[0]
        x = pairs.truth["x"][pairs.pass_truth]
        found = {"floor": discriminator(np.histogram(x, EDGES, weights=exact(x))[0], wanted)}
        values, total, seconds = unfolded(pairs, data)
        found |= {
            "hepflow": discriminator(values, wanted),
            "seconds": seconds,
            "yield": total / len(true) - 1,
        }
        start = time.perf_counter()
        bayes = IterativeBayes(toys=3).unfold(pairs, data, EDGES, RECO_EDGES, seed=1)
        found |= {"IBU": discriminator(bayes.values, wanted), "IBU seconds": time.perf_counter() - start}
        found["IBU yield"] = float(bayes.values.sum() / wanted.sum() - 1)
        if classifiers and not seed:
            found |= others(pairs, data, wanted)
        for key, value in found.items():
            every.setdefault(key, []).append(value)
    medians = {key: float(np.median(values)) for key, values in every.items()}
    print(name, {key: f"{value:.3g}" for key, value in medians.items()}, flush=True)
    return medians


def others(pairs: Pairs, data: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Return what trees, networks and the peer give."""
    found = {}
    fakes = "model" if pairs.fakes.any() else "subtract"
    for label, ratio in (
        ("trees", BoostedTrees(members=4)),
        ("network", NeuralNetwork(members=1, hidden=(32, 32))),
    ):
        values, _, seconds = unfolded(pairs, data, ratio=ratio, fakes=fakes)
        found |= {label: discriminator(values, wanted), f"{label} seconds": seconds}
    start = time.perf_counter()
    weights = omnifold(pairs, data)
    if weights is None:
        print("omnifold is not installed, and left out")
    else:
        passes = pairs.pass_truth
        peer = np.histogram(pairs.truth["x"][passes], EDGES, weights=weights[passes])[0]
        found |= {"omnifold": discriminator(peer, wanted), "omnifold seconds": time.perf_counter() - start}
    return found


def six_dimensions(seeds: int) -> Numbers:
    """Return the divergence from the truth and the errors of mean and covariance, medians over seeds."""
    columns = 6
    plain = 0.3 + 0.7 * np.eye(columns)
    mean = 0.15 * np.array([1.0, -1, 1, -1, 1, -1])
    scale = np.array([0.9, 0.95, 1.0, 1.0, 0.95, 0.9])
    other = (0.4 + 0.6 * np.eye(columns)) * np.outer(scale, scale)
    first, second = np.linalg.inv(plain), np.linalg.inv(other)

    def log_ratio(x: np.ndarray) -> np.ndarray:
        return 0.5 * (
            np.einsum("ni,ij,nj->n", x, first, x)
            - np.einsum("ni,ij,nj->n", x - mean, second, x - mean)
            + np.log(np.linalg.det(plain) / np.linalg.det(other))
        )

    found = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        simulated = random.multivariate_normal(np.zeros(columns), plain, EVENTS)
        true, fresh = random.multivariate_normal(mean, other, (2, EVENTS))
        names, seen = [f"x{i}" for i in range(columns)], [f"y{i}" for i in range(columns)]
        table = dict(zip([*names, *seen], [*simulated.T, *random.normal(simulated, 0.3).T], strict=True))
        pairs = Pairs.of(table, truth=names, reco=seen)
        data = random.normal(true, 0.3)
        start = time.perf_counter()
        result = OmniFold(SmoothRatio(6, moments=True), replicas=0).unfold(pairs, data, seed=1)
        seconds = time.perf_counter() - start
        weight = result.weights[-1] / result.weights[-1].sum()
        center = weight @ simulated
        covariance = (simulated - center).T @ ((simulated - center) * weight[:, None])
        assert result.models is not None
        learned = np.log(result.models.factor(hf.Events(fresh, tuple(names))))
        found.append(
            (
                float(np.mean(log_ratio(fresh) - learned)),
                float(np.sqrt(np.mean((center - mean) ** 2))),
                float(np.sqrt(np.mean((covariance - other) ** 2))),
                seconds,
            )
        )
    names = ("divergence", "mean error", "covariance error", "seconds")
    medians = dict(zip(names, np.median(found, axis=0).tolist(), strict=True))
    print("six dimensions", {key: f"{value:.3g}" for key, value in medians.items()}, flush=True)
    return medians


def pulls(toys: int, replicas: int, events: int) -> Numbers:
    """Return the root mean square of pulls against the expectation, and how often 68 % intervals hold it."""
    edges = np.linspace(-1.5, 2.0, 8)
    expected = events * np.diff(ndtr((edges - MEAN) / WIDTH))
    found: dict[str, list[np.ndarray]] = {"hepflow": [], "IBU": []}
    for toy in range(toys):
        pairs, data, _ = one_dimension(1000 + toy, events=events)
        ours = OmniFold(replicas=replicas, stop=False).unfold(pairs, data, seed=toy + 1).histogram(edges)
        bayes = IterativeBayes().unfold(pairs, data, edges, RECO_EDGES[::2], seed=toy + 1)
        for name, one in (("hepflow", ours), ("IBU", bayes)):
            found[name].append((one.values - expected) / one.error)
    rms = {name: float(np.sqrt(np.mean(np.square(every)))) for name, every in found.items()}
    covered = {name: float(np.mean(np.abs(every) < 1)) for name, every in found.items()}
    print("pulls", {name: f"{rms[name]:.3f}, covered {covered[name]:.3f}" for name in rms}, flush=True)
    return {**rms, "covered": covered}


def coverage(events: int) -> Numbers:
    """Return the largest error of the coverage of posteriors, and that of halved errors."""
    pairs, test = (one_dimension(seed, events=events)[0] for seed in (1, 2))
    start = time.perf_counter()
    posterior = Posterior().fit(pairs, seed=1)
    found = posterior.coverage(test, seed=1, draws=100).largest_error
    control = posterior.coverage(test, seed=1, draws=100, narrower=2.0).largest_error
    print(
        f"coverage error {found:.4f}, control {control:.3f} ({time.perf_counter() - start:.0f} s)", flush=True
    )
    return {"error": found, "control": control}


def against(value: float, limit: float, peer: float | None, unit: str, **more: Any) -> Numbers:
    """Return an entry: smaller is better."""
    ratio = None if peer is None else (peer / value if value else None)
    return {"hepflow": value, "peer": peer, "ratio": ratio, "unit": unit, "at most": limit, **more}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--quick", action="store_true", help="fewer seeds and toys")
    parser.add_argument("--case", choices=tuple(CASES), action="append", help="only these")
    options = parser.parse_args()
    results: Numbers = {}
    for name, make in CASES.items():
        if not options.case or name in options.case:
            results |= make(options.quick)
            if options.json:
                options.json.write_text(json.dumps(results, indent=2) + "\n")


def _plain(quick: bool) -> Numbers:
    found = case("1-D", False, 3 if quick else 9, True)
    return {
        "discriminator_1d": against(
            found["hepflow"], 0.13, found.get("omnifold", found["IBU"]), "x 1000", **found
        )
    }


def _losses(quick: bool) -> Numbers:
    found = case("efficiency and fakes", True, 5 if quick else 9, not quick)
    peer = found.get("omnifold", found["IBU"])
    return {"discriminator_efficiency": against(found["hepflow"], 0.25, peer, "x 1000", **found)}


def _six(quick: bool) -> Numbers:
    found = six_dimensions(1 if quick else 3)
    return {
        "kl_6d": against(found["divergence"], 0.003, None, "nats", **found),
        "seconds_6d": against(found["seconds"], 22.0, None, "s"),
    }


def _pulls(quick: bool) -> Numbers:
    found = pulls(20 if quick else 100, 20, 10_000)
    return {"pull_rms": against(found["hepflow"], 1.2, found["IBU"], "RMS", covered=found["covered"])}


def _coverage(quick: bool) -> Numbers:
    found = coverage(20_000 if quick else 50_000)
    control = {"hepflow": found["control"], "peer": None, "ratio": None, "unit": "share", "at least": 0.1}
    return {
        "coverage_error": against(found["error"], 0.02, None, "share"),
        "coverage_control": control,
    }


CASES: dict[str, Callable[[bool], Numbers]] = {
    "1d": _plain,
    "efficiency": _losses,
    "6d": _six,
    "pulls": _pulls,
    "coverage": _coverage,
}

if __name__ == "__main__":
    main()
