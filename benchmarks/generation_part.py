"""Events from flows: how close they are, how fast they come, and whether their errors are right.

    python benchmarks/generation.py --json FILE          # all cases
    python benchmarks/generation.py --quick --json FILE  # fewer seeds: ten minutes of two cores

The toy has six columns of known density: skewed, bounded, periodic, correlated, and with a sharp peak on a continuum.
Peers are a Gaussian mixture of 30 components (scikit-learn), stock nflows and, where it is installed, zuko's neural
spline flow, on standardised columns as their examples do. ``ratio`` is above 1 where hepflow is ahead.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.autoregressive import MaskedPiecewiseRationalQuadraticAutoregressiveTransform
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import ReversePermutation
from scipy import stats
from sklearn.mixture import GaussianMixture

import hepflow as hf
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.generation import Generator
from hepflow.generation.generator import replicas_density
from hepflow.replicas import expected

NAMES = ("pt", "eta", "recoil", "dphi", "m", "h")
PREPROCESSING = partial(logit_preprocessing, periodic=("dphi",), ranks="smooth")
PEAK, WIDTH = 1.0, 0.03


class Toy:
    """Six columns whose density is known."""

    @staticmethod
    def draw(events: int, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        pt = np.exp(0.5 * random.normal(size=events))
        eta = random.normal(0, 1 / (1 + 0.3 * pt), events)
        recoil = np.exp(0.5 * np.log(pt) + 0.35 * random.normal(size=events))
        dphi = random.vonmises(np.pi, 0.5 + 1.5 * np.tanh(recoil), events)
        width = WIDTH * (1 + 0.5 * np.tanh(pt - 1))
        m = np.where(
            random.random(events) < 0.35, random.normal(PEAK, width), random.gamma(3.0, 0.4, events)
        )
        h = random.gamma(2 + 2 * np.tanh(m), 0.3, events)
        return np.stack([pt, eta, recoil, dphi, m, h], axis=1)

    @staticmethod
    def log_prob(x: np.ndarray) -> np.ndarray:
        pt, eta, recoil, dphi, m, h = x.T
        width = WIDTH * (1 + 0.5 * np.tanh(pt - 1))
        peak = 0.35 * stats.norm.pdf(m, PEAK, width) + 0.65 * stats.gamma.pdf(m, 3.0, scale=0.4)
        return (
            stats.lognorm.logpdf(pt, 0.5)
            + stats.norm.logpdf(eta, 0, 1 / (1 + 0.3 * pt))
            + stats.norm.logpdf(np.log(recoil), 0.5 * np.log(pt), 0.35)
            - np.log(recoil)
            + stats.vonmises.logpdf(dphi, 0.5 + 1.5 * np.tanh(recoil), np.pi)
            + np.log(peak)
            + stats.gamma.logpdf(h, 2 + 2 * np.tanh(m), scale=0.3)
        )


def divergence(log_prob: Callable[[np.ndarray], np.ndarray], seed: int, events: int = 50_000) -> float:
    """Return the Kullback-Leibler divergence from the toy in nats; events without any density cost 20."""
    x = Toy.draw(events, 10_000 + seed)
    return float(np.mean(np.minimum(Toy.log_prob(x) - log_prob(x), 20.0)))


def stock_flow(features: int) -> Flow:
    layers: list[torch.nn.Module] = []
    for _ in range(5):
        layers.append(
            MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                features, 64, num_bins=8, tails="linear", tail_bound=4.0, num_blocks=2
            )
        )
        layers.append(ReversePermutation(features))
    return Flow(CompositeTransform(layers), StandardNormal([features]))


def zuko_flow(features: int) -> Any:
    import zuko

    return zuko.flows.NSF(features, transforms=5, hidden_features=(64, 64))


def learned(flow: Any, x: np.ndarray, seed: int, epochs: int = 30) -> Callable[[np.ndarray], np.ndarray]:
    """Train a peer on standardised columns, keep its best epoch, and return its log-density."""
    torch.manual_seed(seed)
    mean, scale = x.mean(0), x.std(0)
    rows = torch.tensor((x - mean) / scale, dtype=torch.float32)
    held, rows = rows[: len(rows) // 10], rows[len(rows) // 10 :]
    optimiser = torch.optim.Adam(flow.parameters(), 1e-3)

    def density(z: torch.Tensor) -> torch.Tensor:
        return flow.log_prob(z) if isinstance(flow, Flow) else flow().log_prob(z)

    best, state = np.inf, flow.state_dict()
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(256):
            optimiser.zero_grad()
            (-density(rows[batch]).mean()).backward()
            torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
            optimiser.step()
        with torch.no_grad():
            loss = float(-density(held).mean())
        if loss < best:
            best, state = loss, {name: value.clone() for name, value in flow.state_dict().items()}
    flow.load_state_dict(state)

    def log_prob(y: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            z = torch.tensor((y - mean) / scale, dtype=torch.float32)
            found = torch.cat([density(part) for part in z.split(8192)]).numpy()
        return np.nan_to_num(found.astype(float), nan=-np.inf) - np.log(scale).sum()

    return log_prob


def mixture(x: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    mean, scale = x.mean(0), x.std(0)
    found = GaussianMixture(30, random_state=seed, reg_covar=1e-5).fit((x - mean) / scale)
    return lambda y: found.score_samples((y - mean) / scale) - np.log(scale).sum()


def closeness(events: int, seeds: int) -> dict[str, Any]:
    """Return the divergence of hepflow's density and of peers', in turns; medians over seeds."""
    every: dict[str, list[float]] = {}
    for seed in range(1, seeds + 1):
        x = Toy.draw(events, seed)
        density = hf.flows.ConditionalDensity(
            replicas_density().architecture, replicas_density().plan, 4, PREPROCESSING
        )
        makers: dict[str, Callable[[], Callable[[np.ndarray], np.ndarray]]] = {
            "hepflow": lambda: density.fit(x, names=NAMES, seed=seed).log_prob,
            "Gaussian mixture": lambda: mixture(x, seed),
            "nflows": lambda: learned(stock_flow(6), x, seed, 30 if events < 50_000 else 10),
        }
        if importlib.util.find_spec("zuko"):
            makers["zuko"] = lambda: learned(zuko_flow(6), x, seed, 30 if events < 50_000 else 10)
        for name, make in makers.items():
            start = time.perf_counter()
            found = divergence(make(), seed)
            every.setdefault(name, []).append(found)
            print(f"  {name}, {events:,} events, seed {seed}: {found:.4f} nats, {time.perf_counter() - start:.0f} s")
    medians = {name: float(np.median(values)) for name, values in every.items()}
    peer = "zuko" if "zuko" in medians else min((name for name in medians if name != "hepflow"), key=medians.get)
    return case(medians["hepflow"], medians[peer], medians[peer] / medians["hepflow"], f"nats, peer {peer}")


def speed(events: int = 200_000) -> dict[str, Any]:
    """Return samples per second of a generator beside a peer's flow, in turns."""
    x = Toy.draw(5000, 1)
    ours = Generator(replicas_density()).fit(hf.Events(x, NAMES), seed=1)
    name, flow = ("zuko", zuko_flow(6)) if importlib.util.find_spec("zuko") else ("nflows", stock_flow(6))
    flow.eval()
    rates: list[tuple[float, float]] = []
    for seed in range(3):
        start = time.perf_counter()
        ours.generate(events, seed)
        middle = time.perf_counter()
        with torch.no_grad():
            for _ in range(5):
                flow.sample(8192) if isinstance(flow, Flow) else flow().sample((8192,))
        end = time.perf_counter()
        rates.append((events / (middle - start), 5 * 8192 / (end - middle)))
    mine, other = np.median(rates, axis=0)
    ratio = float(np.median([one / two for one, two in rates]))
    return case(float(mine), float(other), ratio, f"events/s, peer {name}")


def errors(sets: int, replicas: int, events: int = 10_000) -> dict[str, dict[str, Any]]:
    """Return whether the errors of histograms, and the limits that follow from them, are right: many training sets."""
    truth = Toy.draw(3_000_000, 99)
    grids = {
        (column, bins): np.quantile(truth[:, column], np.linspace(0, 1, bins + 1))
        for column in range(6)
        for bins in (8, 25)
    }
    for grid in grids.values():
        grid[0], grid[-1] = -np.inf, np.inf
    pulls: dict[int, list[np.ndarray]] = {8: [], 25: []}
    naive: list[np.ndarray] = []
    modes: list[float] = []
    means: list[np.ndarray] = []
    curves: list[float] = []
    wrong: list[float] = []
    signal = np.histogram(truth[np.abs(truth[:, 4] - PEAK) < WIDTH, 4], grids[4, 25])[0].astype(float)
    signal *= 0.05 * events / signal.sum()
    made = replicas * 40_000
    for seed in range(1, sets + 1):
        density = hf.flows.ConditionalDensity(
            replicas_density().architecture, replicas_density().plan, replicas, PREPROCESSING
        )
        table = hf.Events(Toy.draw(events, 200 + seed), NAMES)
        generated = Generator(density).fit(table, seed=seed).generate(made, seed=seed)
        for (column, bins), grid in grids.items():
            found = generated.expected(generated.events.features[:, column], grid)
            mean = events * np.histogram(truth[:, column], grid)[0] / len(truth)
            pulls[bins].append((found.events - mean) / found.error)
            naive.append((found.events - mean) / found.statistical)
            if bins == 8:
                away = found.events - mean
                modes.append(float(away @ np.linalg.pinv(found.covariance, 1e-9, hermitian=True) @ away) / bins)
            if (column, bins) == (4, 25):
                means.append(found.events)
                numbers = (made, 100 * made)
                curves.append(hf.stats.limit_against_events(found, made, signal, numbers).plateau)
                wrong.append(
                    hf.stats.limit_against_events(found, made, signal, numbers, training=False).plateau
                )
    every = np.array(means)
    total = every.sum(axis=1)
    known = expected(grids[4, 25], every, np.zeros_like(every), total).scaled(1 / sets)
    true = hf.stats.limit_against_events(known, made, signal, (100 * made,)).plateau
    rms = {bins: float(np.sqrt(np.mean(np.square(found)))) for bins, found in pulls.items()}
    print(
        f"  {sets} training sets of {events:,}, {replicas} replicas: pulls of RMS {rms[8]:.2f} (8 bins), {rms[25]:.2f} "
        f"(25 bins); of the generated number alone {np.sqrt(np.mean(np.concatenate(naive) ** 2)):.1f}; chi2 per bin "
        f"{np.mean(modes):.2f}\n  limit at the plateau: {np.median(curves):.4f} ({min(curves):.4f} to "
        f"{max(curves):.4f}); of the covariance between training sets {true:.4f}; of the generated number alone "
        f"{np.median(wrong):.4f}"
    )
    pooled = float(np.sqrt(np.mean([rms[8] ** 2, rms[25] ** 2])))
    plateau = float(np.median(curves)) / true
    return {
        "template_pull_rms": case(pooled, 1.2, 1.2 / max(pooled, 1e-9), "errors; 0.8 to 1.2 asked"),
        "limit_plateau": case(plateau, 1.0, 1 - abs(plateau - 1) + 0.05, "of that of the true covariance"),
    }


def case(value: float, peer: float, ratio: float, unit: str) -> dict[str, Any]:
    return {"hepflow": value, "peer": peer, "ratio": ratio, "unit": unit}
