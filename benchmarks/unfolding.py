"""Unfolding measured where the truth is known: OmniFold, in bins, and posteriors.

    python benchmarks/unfolding.py --json FILE          # all cases
    python benchmarks/unfolding.py --quick --json FILE  # fewer seeds and toys: ten minutes of two cores

One dimension: N(0, 1) is simulated, N(0.2, 0.8) is true, smearing 0.5, 100,000 events of each. The distance is the
triangular discriminator ``500 sum (p - q)^2 / (p + q)`` over 22 bins from -2 to 2.4, against the true events; what
exact weights reach ("floor") is their fluctuation. The second case has an efficiency from 0.25 to 0.95 and 10 %
fakes. Six dimensions: correlated normal distributions with another mean and covariance, smearing 0.3, 100,000
events; the exact ratio is known. Peers, where they are installed: omnifold (TensorFlow) and pyunfold; and hepflow's
own iterative Bayes. ``ratio`` is above 1 where hepflow is ahead. Only if asked for, ``--case million``: time and peak
memory of 100,000 to a million pairs in six dimensions.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr

import hepflow as hf
from hepflow.classifiers import BoostedTrees, NeuralNetwork, SmoothRatio
from hepflow.unfolding import IterativeBayes, OmniFold, Pairs, Posterior, Response

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
        ("network", NeuralNetwork(members=1, hidden=(32, 32), bins=0)),
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


@dataclass(frozen=True)
class SixDimensions:
    """Correlated normal distributions, and others with another mean and covariance."""

    plain: np.ndarray = field(default_factory=lambda: 0.3 + 0.7 * np.eye(6))
    mean: np.ndarray = field(default_factory=lambda: 0.15 * np.array([1.0, -1, 1, -1, 1, -1]))

    @property
    def other(self) -> np.ndarray:
        """The covariance of the truth."""
        scale = np.array([0.9, 0.95, 1.0, 1.0, 0.95, 0.9])
        return (0.4 + 0.6 * np.eye(6)) * np.outer(scale, scale)

    def log_ratio(self, x: np.ndarray) -> np.ndarray:
        """Return the exact log ratio of truth and simulation."""
        first, second, away = np.linalg.inv(self.plain), np.linalg.inv(self.other), x - self.mean
        return 0.5 * (
            np.einsum("ni,ij,nj->n", x, first, x)
            - np.einsum("ni,ij,nj->n", away, second, away)
            + np.log(np.linalg.det(self.plain) / np.linalg.det(self.other))
        )

    def drawn(self, seed: int, events: int) -> tuple[Pairs, np.ndarray, np.ndarray]:
        """Return pairs, data, and as many true events that are not in these."""
        random = np.random.default_rng(seed)
        simulated = random.multivariate_normal(np.zeros(6), self.plain, events)
        true, fresh = random.multivariate_normal(self.mean, self.other, (2, events))
        names, seen = tuple(f"x{i}" for i in range(6)), tuple(f"y{i}" for i in range(6))
        pairs = Pairs(hf.Events(simulated, names), hf.Events(random.normal(simulated, 0.3), seen))
        return pairs, random.normal(true, 0.3), fresh

    def errors(self, pairs: Pairs, weight: np.ndarray) -> tuple[float, float]:
        """Return the root mean square errors of the weighted mean and covariance."""
        x, share = pairs.truth.features, weight / weight.sum()
        center = share @ x
        covariance = (x - center).T @ ((x - center) * share[:, None])
        return tuple(float(np.sqrt(np.mean(off**2))) for off in (center - self.mean, covariance - self.other))


def six_dimensions(seeds: int) -> Numbers:
    """Return the divergence from the truth and the errors of mean and covariance, medians over seeds."""
    found, case = [], SixDimensions()
    for seed in range(seeds):
        pairs, data, fresh = case.drawn(seed, EVENTS)
        start = time.perf_counter()
        result = OmniFold(SmoothRatio(6, moments=True), replicas=0).unfold(pairs, data, seed=1)
        seconds = time.perf_counter() - start
        assert result.models is not None
        learned = np.log(result.models.factor(hf.Events(fresh, pairs.truth.names)))
        divergence = float(np.mean(case.log_ratio(fresh) - learned))
        found.append((divergence, *case.errors(pairs, result.weights[-1]), seconds))
    return summary("six dimensions", ("divergence", "mean error", "covariance error", "seconds"), found)


def iterated_flow(seeds: int, events: int) -> Numbers:
    """Return the errors of mean and covariance of iterated posteriors, medians over seeds."""
    found, case = [], SixDimensions()
    for seed in range(seeds):
        pairs, data, _ = case.drawn(seed, events)
        start = time.perf_counter()
        result = Posterior().unfold(pairs, data, replicas=0, seed=1)[1]
        found.append((*case.errors(pairs, result.weights[-1]), time.perf_counter() - start))
    return summary("iterated flow", ("mean error", "covariance error", "seconds"), found)


def million(sizes: Sequence[int]) -> Numbers:
    """Return seconds and peak memory of the default method with three replicas, as pairs become more."""
    numbers: Numbers = {}
    for events in sizes:  # rising: memory is the largest so far
        pairs, data, _ = SixDimensions().drawn(0, events)
        start = time.perf_counter()
        OmniFold(replicas=3).unfold(pairs, data, seed=1)
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # it is in KiB
        numbers |= {f"seconds of {events}": seconds, f"GB of {events}": memory}
        print(f"{events:,} pairs: {seconds:.0f} s, {memory:.2f} GB", flush=True)
    return numbers


def summary(title: str, names: Sequence[str], rows: Sequence[Sequence[float]]) -> Numbers:
    """Return medians over seeds, and half of what lies between the largest and the smallest."""
    medians: Numbers = dict(zip(names, np.median(rows, axis=0).tolist(), strict=True))
    spread = dict(zip(names, (0.5 * np.ptp(rows, axis=0)).tolist(), strict=True))
    print(title, {key: f"{medians[key]:.3g} +- {spread[key]:.2g}" for key in names}, flush=True)
    return medians | {"spread": spread}


def pulls(toys: int, replicas: int, events: int) -> Numbers:
    """Return the root mean square of pulls against the expectation, and how often 68 % intervals hold it."""
    edges = np.linspace(-1.5, 2.0, 8)
    expected = events * np.diff(ndtr((edges - MEAN) / WIDTH))
    found: dict[str, list[np.ndarray]] = {}
    for toy in range(toys):
        pairs, data, _ = one_dimension(1000 + toy, events=events)
        ours = OmniFold(replicas=replicas, stop=False).unfold(pairs, data, seed=toy + 1).histogram(edges)
        bayes = IterativeBayes().unfold(pairs, data, edges, RECO_EDGES[::2], seed=toy + 1)
        each = {"hepflow": (ours.values, ours.error), "IBU": (bayes.values, bayes.error)}
        if importlib.util.find_spec("pyunfold"):
            values, data_only, both = pyunfold(pairs, data, edges)
            each |= {"pyunfold": (values, both), "pyunfold, data alone": (values, data_only)}
        for name, (values, error) in each.items():
            found.setdefault(name, []).append((values - expected) / error)
    numbers: Numbers = {}
    for name, rows in found.items():
        every, inside = np.array(rows), np.mean(np.abs(rows) < 1, axis=1)
        numbers |= {
            name: float(np.sqrt(np.mean(every**2))),
            f"{name} covered": float(inside.mean()),
            f"{name} covered, error": float(
                inside.std(ddof=1) / np.sqrt(toys)
            ),  # bins of a toy are not independent
        }
    print("pulls", {key: f"{value:.3f}" for key, value in numbers.items()}, flush=True)
    return numbers


def pyunfold(pairs: Pairs, data: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return yields of the peer after five iterations, their errors from data, and those of the response added."""
    from pyunfold import iterative_unfold

    one = Response.of(pairs, data, edges, RECO_EDGES[::2])
    efficiency = one.matrix.sum(axis=0)
    result = iterative_unfold(
        one.data, np.sqrt(one.data_squares), one.matrix, np.sqrt(one.joint_squares) / one.prior,
        efficiency, np.sqrt(efficiency / one.prior), prior=one.prior / one.prior.sum(), ts_stopping=1e-9, max_iter=5,
    )  # fmt: skip
    error = np.hypot(result["stat_err"], result["sys_err"])
    return tuple(np.asarray(each)[one.inner] for each in (result["unfolded"], result["stat_err"], error))


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
        if name in (options.case or DEFAULT):
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


def _flow(quick: bool) -> Numbers:
    found = iterated_flow(1 if quick else 3, EVENTS)
    return {
        "iterated_flow_6d": against(
            max(found["mean error"], found["covariance error"]), 0.012, None, "", **found
        )
    }


def _million(quick: bool) -> Numbers:
    found = million((100_000, 300_000, 1_000_000))
    return {"memory_million": against(found["GB of 1000000"], 4.0, None, "GB", **found)}


def _pulls(quick: bool) -> Numbers:
    found = pulls(20 if quick else 100, 20, 10_000)
    return {"pull_rms": against(found["hepflow"], 1.2, found.get("pyunfold", found["IBU"]), "RMS", **found)}


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
    "flow": _flow,
    "million": _million,
}

DEFAULT = tuple(name for name in CASES if name != "million")

if __name__ == "__main__":
    main()
