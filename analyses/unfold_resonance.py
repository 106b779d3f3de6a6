"""Unfold a resonance that the simulation does not have: ``python analyses/unfold_resonance.py``.

A study as in arXiv:1912.00477 and arXiv:2006.06685, on events that are made here: pairs of Z (to leptons) and W (to
two jets), momenta smeared as a detector does. First, posteriors learned from all events are drawn for data in slices
that keep 88 % and 38 % of the events. Then 10 % of the data are a W' of 1.3 TeV that no training has seen, and the
mass of the pair is unfolded by several methods; errors are those of each method.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import click
import numpy as np

import hepflow as hf
from hepflow.text import aligned
from hepflow.unfolding import IterativeBayes, OmniFold, Pairs, Posterior, UnfoldedHistogram

COLUMNS = ("pt_j1", "pt_j2", "m_jj", "m_zw")  # GeV
RESONANCE, WIDTH, SHARE = 1300.0, 15.0, 0.1  # of the W', GeV, and of the data
W, Z = (80.4, 2.1), (91.2, 2.5)  # masses and widths, GeV
LOWEST, HIGHEST = (
    190.0,
    4000.0,
)  # of the pair's mass, which falls as its third power: there are events at the W'
JET_PT = 30.0  # lowest of a jet, GeV, at both levels: W' and simulation have other efficiencies without
EDGES = np.array([200, 250, 300, 400, 500, 700, 900, 1050, 1150, 1250, 1350, 1450, 1550, 2000], float)
FINE = np.concatenate([EDGES[:6], np.arange(900, 1700, 25), [1800.0, 2000.0]])  # of iterative Bayes
SEEN = np.concatenate([np.arange(200, 600, 25), np.arange(600, 1700, 50), [1700.0, 2000.0, 3000.0]])
PEAK = slice(7, 12)  # bins of the resonance, 1050 to 1550 GeV
TREES = hf.classifiers.BoostedTrees(members=4, min_samples_leaf=100)
# of reconstructed events
SLICES: dict[str, Callable[[hf.Events], np.ndarray]] = {
    "all": lambda seen: np.ones(len(seen), bool),
    "88 %": lambda seen: seen["pt_j1"] < 180,
    "38 %": lambda seen: (seen["pt_j1"] < 62) & (seen["pt_j2"] < 45),
}


def boosted(p: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return momenta (N, 4), energy first, from the rest frame of `frame` (N, 4)."""
    mass = np.sqrt(frame[:, 0] ** 2 - np.sum(frame[:, 1:] ** 2, axis=1))
    along = np.sum(frame[:, 1:] * p[:, 1:], axis=1)
    energy = (frame[:, 0] * p[:, 0] + along) / mass
    return np.column_stack(
        [energy, p[:, 1:] + frame[:, 1:] * ((p[:, 0] + energy) / (frame[:, 0] + mass))[:, None]]
    )


def decayed(
    parent: np.ndarray, first: np.ndarray, second: np.ndarray, cosine: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return two daughters of these masses (N,), at this angle in the rest frame of the parent (N, 4)."""
    mass = np.sqrt(parent[:, 0] ** 2 - np.sum(parent[:, 1:] ** 2, axis=1))
    momentum = np.sqrt((mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)) / (2 * mass)
    phi, sine = 2 * np.pi * random.random(len(mass)), np.sqrt(1 - cosine**2)
    vector = momentum[:, None] * np.column_stack([sine * np.cos(phi), sine * np.sin(phi), cosine])
    daughters = (
        boosted(np.column_stack([np.sqrt(m**2 + momentum**2), sign * vector]), parent)
        for m, sign in ((first, 1), (second, -1))
    )
    return next(daughters), next(daughters)


def masses(number: int, random: np.random.Generator) -> np.ndarray:
    """Return masses of pairs without W' (N,), which fall as the third power."""
    return LOWEST / np.sqrt(random.uniform((LOWEST / HIGHEST) ** 2, 1, number))


def spread(number: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return masses of which half are flat in their logarithm, as of samples in slices of mass, and their weights."""
    steps = np.log(HIGHEST / LOWEST)
    flat = random.random(number) < 0.5
    mass = np.where(flat, LOWEST * np.exp(steps * random.random(number)), masses(number, random))
    falling = 2 * LOWEST**2 / mass**3 / (1 - (LOWEST / HIGHEST) ** 2)
    return mass, falling / (0.5 * falling + 0.5 / (steps * mass))


def particles(pair: np.ndarray, resonance: bool, random: np.random.Generator) -> list[np.ndarray]:
    """Return two jets and two leptons (N, 4) of pairs of Z and W with these masses (N,)."""
    number = len(pair)
    if resonance:  # to longitudinal bosons, in the middle of the detector
        cosine = 2 * np.sin(np.arcsin(2 * random.random(number) - 1) / 3)  # of 1 - cos^2
    else:  # by the exchange of a quark, forward
        cosine = np.tanh(1.5 * (2 * random.random(number) - 1)) / np.tanh(1.5)
    rapidity = random.normal(0, 0.8, number)
    system = np.column_stack([pair * np.cosh(rapidity), *np.zeros((2, number)), pair * np.sinh(rapidity)])
    bosons = []
    for mass, width in (W, Z):
        bosons.append(mass + 0.5 * width * np.tan(np.pi * (random.random(number) - 0.5) * 0.9))
    massless, found = np.zeros(number), []
    for boson in decayed(system, *bosons, cosine, random):
        found += decayed(boson, massless, massless, 2 * random.random(number) - 1, random)
    return found


def measured(p: np.ndarray, jet: bool, random: np.random.Generator) -> np.ndarray:
    """Return momenta (N, 4) as a detector measures them: 80 % / sqrt(E) and 5 % of jets, 1 % of leptons."""
    resolution = np.hypot(0.8 / np.sqrt(p[:, 0]), 0.05) if jet else np.full(len(p), 0.01)
    return p * np.maximum(1 + resolution * random.standard_normal(len(p)), 0.1)[:, None]


def observables(jets: list[np.ndarray], leptons: list[np.ndarray]) -> np.ndarray:
    """Return the columns (N, 4)."""
    pt = np.sort([np.hypot(jet[:, 1], jet[:, 2]) for jet in jets], axis=0)

    def mass(total: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(total[:, 0] ** 2 - np.sum(total[:, 1:] ** 2, axis=1), 0))

    return np.column_stack([pt[1], pt[0], mass(sum(jets)), mass(sum([*jets, *leptons]))])


def made(number: int, seed: int, *, share: float = 0.0, slices: bool = False) -> Pairs:
    """Return pairs of as many events, a share of which comes from the W'; or simulated in slices of mass."""
    random = np.random.default_rng(seed)
    signal = round(share * number)
    plain, weight = spread(number, random) if slices else (masses(number - signal, random), np.ones(number))
    width = 0.5 * WIDTH * np.tan(0.95 * np.pi * (random.random(signal) - 0.5))
    both = [particles(plain, False, random), particles(RESONANCE + width, True, random)]
    true = [np.concatenate(each) for each in zip(*both, strict=True)]
    seen = [measured(p, at < 2, random) for at, p in enumerate(true)]
    levels = [hf.Events(observables(p[:2], p[2:]), COLUMNS) for p in (true, seen)]
    passes = [level["pt_j2"] > JET_PT for level in levels]
    return Pairs(*levels, *passes, weight)


def slices(posterior: Posterior, data: Pairs, draws: int, seed: int) -> list[tuple[str, ...]]:
    """Return, for each slice, how far drawn posteriors are from what was generated, chi2 over bins of each column."""
    inside = data.select(data.both)
    rows = []
    for name, keep in SLICES.items():
        own = inside.select(keep(inside.reco))
        drawn = posterior.sample(own.reco, draws=draws, seed=seed)
        chi2 = []
        for column, true in enumerate(own.truth.features.T):
            inner = np.quantile(true, np.arange(1, 20) / 20)
            place = np.searchsorted(inner, drawn[:, :, column])
            share = np.stack([np.mean(place == at, axis=1) for at in range(20)])  # of each event's draws
            variance = np.sum(share * (1 - share), axis=1) * (1 + 2 / draws)
            wanted = np.bincount(np.searchsorted(inner, true), minlength=20)
            chi2.append(f"{np.mean((share.sum(axis=1) - wanted) ** 2 / variance):.2f}")
        rows.append((name, f"{100 * len(own) / len(inside):.0f} %", *chi2))
    return rows


@dataclass(frozen=True)
class Found:
    """Unfolded yields and errors in `EDGES`, shape (B,)."""

    values: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, fine: UnfoldedHistogram) -> Found:
        """Join bins: what is unfolded in wide ones takes over how the simulation is spread inside them."""
        low, high = fine.edges[:-1], fine.edges[1:]
        joined = np.array([(low >= a) & (high <= b) for a, b in itertools.pairwise(EDGES)], float)
        return cls(joined @ fine.values, np.sqrt(np.diag(joined @ fine.covariance @ joined.T)))


def bayes(pairs: Pairs, data: hf.Events, replicas: int, seed: int) -> Found:
    """Unfold the mass in fine bins."""
    method = IterativeBayes(8, toys=max(10 * replicas, 30))
    return Found.of(method.unfold(pairs, data, FINE, SEEN, of="m_zw", seen="m_zw", seed=seed))


def omnifold(pairs: Pairs, data: hf.Events, replicas: int, seed: int) -> Found:
    """Unfold the mass by trees, which can follow a peak; fakes stay in the simulation."""
    levels = (hf.Events(one.features[:, 3:], COLUMNS[3:]) for one in (pairs.truth, pairs.reco))
    mass = Pairs(*levels, pairs.pass_truth, pairs.pass_reco, pairs.weight)
    method = OmniFold(TREES, iterations=5, stop=False, fakes="model", replicas=replicas)
    found = method.unfold(mass, data, seed=seed).histogram(EDGES, "m_zw")
    return Found(found.values, found.error)


def flow(iterations: int, pairs: Pairs, data: hf.Events, replicas: int, seed: int) -> Found:
    """Unfold all columns by posteriors, trained again on the simulation as the result weighs it."""
    found = Posterior().unfold(pairs, data, iterations=iterations, replicas=replicas, seed=seed)[1]
    histogram = found.histogram(EDGES, "m_zw")
    return Found(histogram.values, histogram.error)


METHODS: dict[str, Callable[[Pairs, hf.Events, int, int], Found]] = {
    "bayes": bayes,
    "omnifold": omnifold,
    "posterior": partial(flow, 1),
    "iterated": partial(flow, 3),
}


def resonance(pairs: Pairs, data: Pairs, method: str, replicas: int, seed: int) -> tuple[str, ...]:
    """Unfold the data, and return what was found in the bins of the resonance, and pulls there and elsewhere."""
    start = time.perf_counter()
    expected = np.histogram(data.generated["m_zw"], EDGES)[0]
    found = METHODS[method](pairs, data.reconstructed, replicas, seed)
    pulls = np.abs(found.values - expected) / found.error
    bins = (
        f"{value:.0f} +- {error:.0f}"
        for value, error in zip(found.values[PEAK], found.error[PEAK], strict=True)
    )
    seconds = time.perf_counter() - start
    return (
        method,
        *bins,
        f"{pulls[PEAK].max():.1f}",
        f"{np.delete(pulls, PEAK).max():.1f}",
        f"{seconds:.0f}",
    )


def line(first: str, *others: str) -> str:
    return f"{first:10}" + "".join(f"{one:>18}" for one in others)


@click.command()
@click.option(
    "--events", "number", default=50_000, show_default=True, help="Events of data; twice as many simulated."
)
@click.option("--replicas", default=10, show_default=True, help="Bootstraps, from which errors come.")
@click.option("--method", "chosen", multiple=True, type=click.Choice([*METHODS]), help="Only these.")
@click.option(
    "--slices/--no-slices", "sliced", default=True, show_default=True, help="Draw posteriors in slices."
)
@click.option("--seed", default=1, show_default=True, help="Of the events and of every training.")
def main(number: int, replicas: int, chosen: tuple[str, ...], sliced: bool, seed: int) -> None:
    """Unfold slices and the resonance, and print how far each method is from what was generated."""
    pairs = made(2 * number, seed, slices=True).weighted(0.5 * (1 - SHARE))  # to the yield of the data
    if sliced:
        posterior = Posterior().fit(pairs, seed=seed)
        rows = slices(posterior, made(number // 5, seed + 1), draws=20, seed=seed)
        print("\n".join(aligned([("slice", "kept", *(f"chi2/bin of {name}" for name in COLUMNS)), *rows])))
    data = made(number, seed + 2, share=SHARE)
    bins = (f"{low:g} to {high:g} GeV" for low, high in itertools.pairwise(EDGES[PEAK.start : PEAK.stop + 1]))
    true = np.histogram(data.generated["m_zw"], EDGES)[0][PEAK]
    print(line("method", *bins, "largest pull", "elsewhere", "seconds"))
    print(line("generated", *map(str, true), "", "", ""))
    for name in chosen or METHODS:
        print(line(*resonance(pairs, data, name, replicas, seed)), flush=True)


if __name__ == "__main__":
    main()
