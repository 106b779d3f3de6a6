"""Posteriors of networks: whether the spread of replicas is their error, and what it costs.

    python benchmarks/posteriors.py --json FILE          # flows and classifiers, 6 training sets each
    python benchmarks/posteriors.py --sets 3 --only laplace

Flows learn the toy of `generation.py`, of 10,000 events, classifiers two normal distributions of 5,000 events each,
by the defaults of hepflow; the truth of both is known. Pulls are ``(mean of replicas - truth) / error``, in 8 bins
of each of six columns, or of log ratios in 10 bins of the score on fresh events. ``nats`` is the divergence of flows
from the truth, or the deviation of log ratios (root mean square). Times are beside those of the first posterior.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from generation import NAMES, divergence, draw
from generation import density_of as density

import hepflow as hf
from hepflow.generation import Generator
from hepflow.replicas import POSTERIORS, bootstrapped
from hepflow.training import posterior

MADE, BINS = 300_000, 8
KEPT = 0.01  # of the largest variance of a mode, in units of Poisson errors
COLUMNS = 4
SHIFT = np.array([0.5, 0.3, 0.0, 0.0])
WIDTH = np.array([1.0, 1.0, 0.8, 1.0])


def flows(kind: str, seed: int, replicas: int, events: int, truth: np.ndarray) -> dict[str, float]:
    """Return pulls and chi2 of histograms of generated events, divergence and times, of one training set."""
    generator = Generator(replace(density(replicas, events), posterior=kind))
    table = hf.Events(draw(events, 500 + seed), NAMES)
    start = time.perf_counter()
    generator.fit(table, seed=seed)
    middle = time.perf_counter()
    generated = generator.generate(MADE, seed=seed)
    end = time.perf_counter()
    pulls, chi2 = [], []
    for column in range(len(NAMES)):
        edges = np.quantile(truth[:, column], np.linspace(0, 1, BINS + 1))
        edges[0], edges[-1] = -np.inf, np.inf
        found = generated.expected(generated.events.features[:, column], edges)
        away = found.events - events / BINS
        pulls.append(away / found.error)
        chi2.append(per_mode(away, found.covariance, np.full(BINS, np.sqrt(events / BINS))))
    return {
        "pull": rms(pulls),
        "chi2": float(np.mean(chi2)),
        "nats": divergence(generator.density.log_prob, seed, 20_000),
        "training": middle - start,
        "asking": end - middle,
    }


def classifiers(kind: str, seed: int, replicas: int, events: int, _: np.ndarray) -> dict[str, float]:
    """Return pulls and chi2 of log ratios, their error over all events and times, of one training set."""
    random = np.random.default_rng(600 + seed)
    half = events // 2
    one, other = normal(random, half, True), normal(random, half, False)
    network = hf.classifiers.NeuralNetwork(members=replicas, bins=0, posterior=kind)
    start = time.perf_counter()
    network.fit(one, other, seed=seed)
    middle = time.perf_counter()
    fresh = np.concatenate([normal(random, 20_000, first) for first in (True, False)])
    ratios = network.log_ratios(fresh)
    end = time.perf_counter()
    score, true = ratios.mean(axis=0), log_ratio(fresh)
    order = np.argsort(score)
    binned = np.stack([ratios[:, part].mean(axis=1) for part in np.array_split(order, 10)], axis=1)
    away = binned.mean(axis=0) - [true[part].mean() for part in np.array_split(order, 10)]
    covariance = bootstrapped(binned)
    return {
        "pull": rms([away / np.sqrt(np.diag(covariance))]),
        "chi2": per_mode(away, covariance, np.ones(10)),
        "nats": rms([score - true]),
        "training": middle - start,
        "asking": end - middle,
    }


def normal(random: np.random.Generator, events: int, first: bool) -> np.ndarray:
    x = random.normal(size=(events, COLUMNS))
    return SHIFT + WIDTH * x if first else x


def log_ratio(x: np.ndarray) -> np.ndarray:
    return np.sum(0.5 * x**2 - 0.5 * ((x - SHIFT) / WIDTH) ** 2 - np.log(WIDTH), axis=1)


def per_mode(away: np.ndarray, covariance: np.ndarray, unit: np.ndarray) -> float:
    """Return chi2 over the number of modes that are kept, of deviations (B,) in some units."""
    variance, modes = np.linalg.eigh(covariance / np.outer(unit, unit))
    kept = variance > KEPT * variance.max()
    return float(np.mean((modes.T @ (away / unit))[kept] ** 2 / variance[kept]))


def rms(values: list[np.ndarray]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=6, help="training sets")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--events", type=int, default=10_000, help="in a training set")
    parser.add_argument("--only", nargs="+", default=POSTERIORS, help="posteriors")
    parser.add_argument("--of", nargs="+", default=("flows", "classifiers"))
    parser.add_argument("--temperature", type=float, help="of the bayesian one, in place of its own")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.temperature:
        posterior.TEMPERATURE = options.temperature
    truth = draw(2_000_000, 99)
    parts: dict[str, Callable[[str, int, int, int, np.ndarray], dict[str, float]]] = {
        "flows": flows,
        "classifiers": classifiers,
    }
    cases: dict[str, dict[str, float]] = {}
    for what in options.of:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
        for seed in range(options.first, options.first + options.sets):
            for name in options.only:  # in turns, so that times can be compared
                found[name].append(parts[what](name, seed, options.replicas, options.events, truth))
                told = ", ".join(f"{key} {value:.3f}" for key, value in found[name][-1].items())
                print(f"  {what}, {name}, set {seed}: {told}", flush=True)
        for name, sets in found.items():
            each = {key: np.array([one[key] for one in sets]) for key in sets[0]}
            first = found[options.only[0]]
            cases[f"{what}_{name}"] = {
                "pull_rms": float(np.sqrt(np.mean(each["pull"] ** 2))),
                "pull_low": float(each["pull"].min()),
                "pull_high": float(each["pull"].max()),
                "chi2_per_mode": float(each["chi2"].mean()),
                "nats": float(np.median(each["nats"])),
                **{
                    f"{key}_ratio": float(np.median(each[key] / [one[key] for one in first]))
                    for key in ("training", "asking")
                },
            }
    for name, case in cases.items():
        print(f"{name:24}", ", ".join(f"{key} {value:.3g}" for key, value in case.items()))
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2))


if __name__ == "__main__":
    main()
