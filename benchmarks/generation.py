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
import os
import time
from collections.abc import Callable
from dataclasses import replace
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
from scipy.signal import savgol_filter
from sklearn.mixture import GaussianMixture
from subtraction import subtraction

import hepflow as hf
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.generation import Generator, replicas_density
from hepflow.replicas import expected

NAMES = ("pt", "eta", "recoil", "dphi", "m", "h")
PREPROCESSING = partial(logit_preprocessing, periodic=("dphi",), ranks="smooth")
PEAK, WIDTH = 1.0, 0.03


def draw(events: int, seed: int) -> np.ndarray:
    """Return events (N, 6) whose density is known."""
    random = np.random.default_rng(seed)
    pt = np.exp(0.5 * random.normal(size=events))
    eta = random.normal(0, 1 / (1 + 0.3 * pt), events)
    recoil = np.exp(0.5 * np.log(pt) + 0.35 * random.normal(size=events))
    dphi = random.vonmises(np.pi, 0.5 + 1.5 * np.tanh(recoil), events)
    width = WIDTH * (1 + 0.5 * np.tanh(pt - 1))
    m = np.where(random.random(events) < 0.35, random.normal(PEAK, width), random.gamma(3.0, 0.4, events))
    h = random.gamma(2 + 2 * np.tanh(m), 0.3, events)
    return np.stack([pt, eta, recoil, dphi, m, h], axis=1)


def known(x: np.ndarray) -> np.ndarray:
    """Return their log density, (N,)."""
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
    x = draw(events, 10_000 + seed)
    return float(np.mean(np.minimum(known(x) - log_prob(x), 20.0)))


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
    optimiser = torch.optim.Adam(flow.parameters(), 2e-3)

    def density(z: torch.Tensor) -> torch.Tensor:
        return flow.log_prob(z) if isinstance(flow, Flow) else flow().log_prob(z)

    best, state = np.inf, flow.state_dict()
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(512):
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


def density_of(replicas: int, events: int = 20_000) -> hf.flows.ConditionalDensity:
    """Return the density that generators have by default, for the toy."""
    return replace(replicas_density(events), members=replicas, preprocessing=PREPROCESSING)


def ours(x: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    return density_of(4, len(x)).fit(x, names=NAMES, seed=seed).log_prob


def divergences(events: int, seeds: int) -> dict[str, Any]:
    """Return the divergence of hepflow's density and of peers', in turns; medians over seeds."""
    every: dict[str, list[float]] = {}
    epochs = 15 if events < 50_000 else 5
    makers: dict[str, Callable[[np.ndarray, int], Callable[[np.ndarray], np.ndarray]]] = {
        "hepflow": ours,
        "Gaussian mixture": mixture,
        "nflows": lambda x, seed: learned(stock_flow(6), x, seed, epochs),
    }
    if importlib.util.find_spec("zuko"):
        makers["zuko"] = lambda x, seed: learned(zuko_flow(6), x, seed, epochs)
    for seed in range(1, seeds + 1):
        x = draw(events, seed)
        for name, make in makers.items():
            start = time.perf_counter()
            found = divergence(make(x, seed), seed)
            every.setdefault(name, []).append(found)
            seconds = time.perf_counter() - start
            print(f"  {name}, {events:,} events, seed {seed}: {found:.4f} nats, {seconds:.0f} s")
    medians = {name: float(np.median(values)) for name, values in every.items()}
    peer = (
        "zuko" if "zuko" in medians else min((name for name in medians if name != "hepflow"), key=medians.get)
    )
    return case(medians["hepflow"], medians[peer], medians[peer] / medians["hepflow"], f"nats, peer {peer}")


def speed(events: int = 200_000) -> dict[str, Any]:
    """Return samples per second of a generator beside a peer's flow, in turns."""
    x = draw(5000, 1)
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
    """Return whether the errors of histograms, and limits that follow from them, are right, over training sets."""
    truth = draw(3_000_000, 99)
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
        density = density_of(replicas, events)
        table = hf.Events(draw(events, 200 + seed), NAMES)
        generated = Generator(density).fit(table, seed=seed).generate(made, seed=seed)
        for (column, bins), grid in grids.items():
            found = generated.expected(generated.events.features[:, column], grid)
            mean = events * np.histogram(truth[:, column], grid)[0] / len(truth)
            pulls[bins].append((found.events - mean) / found.error)
            naive.append((found.events - mean) / found.statistical)
            if bins == 8:
                away = found.events - mean
                modes.append(
                    float(away @ np.linalg.pinv(found.covariance, 1e-9, hermitian=True) @ away) / bins
                )
            if (column, bins) == (4, 25):
                means.append(found.events)
                numbers = (made, 100 * made)
                curves.append(hf.stats.limit_against_events(found, made, signal, numbers).plateau)
                wrong.append(
                    hf.stats.limit_against_events(found, made, signal, numbers, training=False).plateau
                )
    every = np.array(means)
    total = every.sum(axis=1)
    spread = expected(grids[4, 25], every, np.zeros_like(every), total).scaled(1 / sets)
    true = hf.stats.limit_against_events(spread, made, signal, (100 * made,)).plateau
    rms = {bins: float(np.sqrt(np.mean(np.square(found)))) for bins, found in pulls.items()}
    print(
        f"  {sets} training sets of {events:,}, {replicas} replicas: pulls of RMS {rms[8]:.2f} (8 bins), "
        f"{rms[25]:.2f} (25 bins); of the generated number alone "
        f"{np.sqrt(np.mean(np.concatenate(naive) ** 2)):.1f}; chi2 per bin {np.mean(modes):.2f}"
    )
    print(
        f"  limit at the plateau: {np.median(curves):.4f} ({min(curves):.4f} to {max(curves):.4f}); of the "
        f"covariance between training sets {true:.4f}; of the generated number alone {np.median(wrong):.4f}"
    )
    pooled = float(np.sqrt(np.mean([rms[8] ** 2, rms[25] ** 2])))
    plateau = float(np.median(curves)) / true
    return {
        "template_pull_rms": case(pooled, 1.2, 1.2 / max(pooled, 1e-9), "errors; 0.8 to 1.2 asked"),
        "limit_plateau": case(plateau, 1.0, 1 - abs(plateau - 1) + 0.05, "of that of the true covariance"),
    }


def z_to_leptons(events: int, seed: int) -> np.ndarray:
    """Return the leptons (N, 6) of Z bosons inside |eta| < 2.5 and above 10 GeV, their momenta known to 0.4 %."""
    random = np.random.default_rng(seed)
    m = 91.2 + 1.25 * np.tan(np.pi * (random.random(2 * events) - 0.5))
    m = m[(m > 60) & (m < 120)]
    pt, rapidity, phi = (
        random.gamma(1.5, 10, len(m)),
        random.normal(0, 1.2, len(m)),
        random.uniform(-np.pi, np.pi, len(m)),
    )
    transverse = np.hypot(m, pt)
    energy = transverse * np.cosh(rapidity)
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(rapidity)])
    cosine, azimuth = random.uniform(-1, 1, len(m)), random.uniform(-np.pi, np.pi, len(m))
    sine = np.sqrt(1 - cosine**2)
    decay = 0.5 * m * np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
    columns = []
    for lepton in (decay, -decay):
        x, y, z = lepton + ((np.sum(momentum * lepton, axis=0) / (energy + m) + 0.5 * m) / m) * momentum
        lead = np.hypot(x, y)
        columns += [lead * random.normal(1, 0.004, len(m)), np.arcsinh(z / lead), np.arctan2(y, x)]
    leptons = np.stack(columns, axis=1)
    seen = (np.abs(leptons[:, [1, 4]]) < 2.5).all(axis=1) & (leptons[:, [0, 3]] > 10).all(axis=1)
    return leptons[seen][:events]


def full_width(x: np.ndarray) -> float:
    """Return the full width at half maximum of the mass of two leptons."""
    m = np.sqrt(2 * x[:, 0] * x[:, 3] * (np.cosh(x[:, 1] - x[:, 4]) - np.cos(x[:, 2] - x[:, 5])))
    counts, edges = np.histogram(m, bins=np.arange(80, 102, 0.05))
    smooth = savgol_filter(counts.astype(float), 15, 3)
    top = int(smooth.argmax())
    half = 0.5 * smooth[top]
    low = np.interp(half, smooth[top - 60 : top + 1], edges[top - 60 : top + 1])
    return float(np.interp(-half, -smooth[top : top + 60], edges[top : top + 60]) - low)


def peak(seeds: int, events: int = 50_000) -> dict[str, Any]:
    """Return the width of a Z peak over the truth's, by the mass as a column; the peer is without it."""
    names = ("pt1", "eta1", "phi1", "pt2", "eta2", "phi2")
    truth = full_width(z_to_leptons(2_000_000, 1))
    angles: dict[str, Any] = {"periodic": ("phi1", "phi2"), "ranks": "smooth"}
    relative = {"relative": ("phi2", "phi1")}
    widths: dict[bool, list[float]] = {True: [], False: []}
    for sharp in (True, False):
        across = ({"mass": names}, relative) if sharp else (relative,)
        for seed in range(1, (seeds if sharp else 1) + 1):
            preprocessing = partial(logit_preprocessing, across=across, **angles)
            density = replace(density_of(4), preprocessing=preprocessing)
            x = z_to_leptons(events, 100 + seed)
            density.fit(x, names=names, seed=seed)
            widths[sharp].append(full_width(density.sample(1_000_000, seed=9)))
            what = "mass" if sharp else "momenta"
            print(f"  {what}, seed {seed}: {widths[sharp][-1]:.3f}, its rows {full_width(x):.3f}")
    mine, other = (float(np.median(widths[sharp])) / truth for sharp in (True, False))
    return case(mine, other, abs(other - 1) / max(abs(mine - 1), 1e-3), f"of {truth:.3f} GeV; peer: momenta")


def higgs(path: Path) -> dict[str, Any]:
    """Return what a classifier sees of events learned from half of the HIGGS background, over its floor."""
    table = np.genfromtxt(path, delimiter=",", names=True)
    columns = [
        name
        for name in table.dtype.names
        if name != "label" and not name.endswith("btag") and not (name.endswith("phi"))
    ]
    rows = np.stack([table[name] for name in columns], axis=1)[table["label"] == 0]
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    half = len(rows) // 2
    learned, held = (hf.Events(part, tuple(columns)) for part in (rows[:half], rows[half:]))
    density = replicas_density(half)
    made = Generator(density).fit(learned, seed=1).generate(half, seed=1).events
    found, floor = [], []
    for seed in range(1, 6):
        found.append(
            hf.two_sample(made, held, tests=["classifier"], replicas=19, seed=seed).differences[0].value
        )
        floor.append(
            hf.two_sample(learned, held, tests=["classifier"], replicas=19, seed=seed).differences[0].value
        )
    auc, real = float(np.mean(found)), float(np.mean(floor))
    print(
        f"  HIGGS, {len(columns)} columns, {half:,} rows learned from: AUC {auc:.3f}, of real rows {real:.3f}"
    )
    return case(auc - real, 0.04, 0.04 / max(auc - real, 1e-3), "AUC above its floor; 0.04 asked")


def case(value: float, peer: float, ratio: float, unit: str) -> dict[str, Any]:
    return {"hepflow": value, "peer": peer, "ratio": ratio, "unit": unit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument(
        "--higgs", type=Path, default=shared / "higgs" / "higgs_sample.csv", help="rows of HIGGS"
    )
    parser.add_argument("--quick", action="store_true", help="fewer seeds: ten minutes of two cores")
    parser.add_argument("--only", nargs="+", default=(), help="names of cases")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    quick = options.quick
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "kl_20k": lambda: {"kl_20k": divergences(20_000, 1 if quick else 3)},
        "kl_100k": lambda: {"kl_100k": divergences(100_000, 1 if quick else 2)},
        "samples_per_s": lambda: {"samples_per_s": speed()},
        "template_pull_rms": lambda: errors(6 if quick else 12, 12 if quick else 16),
        "peak_fwhm": lambda: {"peak_fwhm": peak(1 if quick else 3)},
        "subtraction": lambda: {"subtraction": subtraction(5, 1 if quick else None)},
    }
    if options.higgs.is_file():
        parts["higgs_auc"] = lambda: {"higgs_auc": higgs(options.higgs)}
    else:
        print(f"{options.higgs}: no such file; higgs_auc is left out")
    cases: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        if options.only and name not in options.only:
            continue
        print(name)
        start = time.perf_counter()
        cases |= part()
        print(f"  {time.perf_counter() - start:.0f} s")
    for name, one in cases.items():
        print(f"{name:20} {one['hepflow']:.4g}  {one['peer']:.4g}  ratio {one['ratio']:.2f}  {one['unit']}")
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
