"""Outliers without a resonance: tails of a detector's score, and their background by the ABCD method.

    python analyses/outlier_abcd.py --events 60000 --signal 100

A signal that makes no peak is looked for where an event is an outlier and a second variable, here a transverse
momentum, is large. The background there is ``B C / D`` of the three other regions, if score and momentum are
independent in background (arXiv:2404.07258). They are not: jets of other momenta have other substructure. So a flow
learns the score given the momentum, and its quantile takes the score's place: that is independent by construction.

Detector and flow learn from a simulation of background, data are counted: a flow that learns from data takes their
signal, too, for what is usual in the tail, and hides it. All events are generated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import click
import numpy as np
from scipy.special import ndtr

import hepflow as hf
from hepflow.text import aligned, with_error

LEAST, TAIL, QUANTILE = (
    500.0,
    900.0,
    0.98,
)  # GeV, from which on momenta are generated and in the tail; of the score


@dataclass(frozen=True)
class Region:
    """A: outliers in the tail. What the three other regions expect there, and what is there."""

    observed: int
    expected: float
    error: float

    @property
    def pull(self) -> float:
        """The excess over the error of both."""
        return (self.observed - self.expected) / np.hypot(np.sqrt(self.expected), self.error)


def background(events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return momenta (N,) in GeV and features (N, 3) whose spread and correlation grow with them."""
    random = np.random.default_rng(seed)
    pt = LEAST + random.exponential(170.0, events)
    spread = (pt / LEAST) ** 0.4
    first, second, third = random.normal(size=(3, events))
    features = [spread * first, 0.5 * first + second * np.sqrt(spread), np.exp(0.4 * spread * third)]
    return pt, np.stack(features, axis=1)


def signal(events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of a signal: hard, without a peak, and unlike the background."""
    random = np.random.default_rng(seed)
    pt = TAIL + random.exponential(300.0, events)
    return pt, np.stack(
        [random.normal(4.0, 0.6, events), random.normal(-4.0, 0.6, events), np.ones(events)], axis=1
    )


def quantiles(
    score: np.ndarray, pt: np.ndarray, asked: tuple[np.ndarray, np.ndarray], seed: int
) -> np.ndarray:
    """Return which share of the scores at its momentum lies below each event's, learned by a conditional flow."""
    small = partial(hf.flows.spline_autoregressive, layers=2, hidden=32)
    plan = hf.flows.TrainingPlan(epochs=12, batch_size=512, learning_rate=5e-3)
    flow = hf.flows.ConditionalDensity(small, plan, members=1)
    flow.fit(score[:, None], np.log(pt)[:, None], names=["score"], given=["log(pt)"], seed=seed)
    low, high = score.min(), score.max()
    inside = np.clip(asked[0], low, high)  # beyond these it has no density
    return ndtr(flow.to_latent(inside[:, None], np.log(np.clip(asked[1], pt.min(), pt.max()))[:, None])[:, 0])


def abcd(score: np.ndarray, pt: np.ndarray, threshold: float) -> Region:
    """Count the four regions; the error of the expectation is that of the three counts."""
    rare, hard = score > threshold, pt > TAIL
    b, c, d = (int(np.sum(region)) for region in (rare & ~hard, ~rare & hard, ~rare & ~hard))
    expected = b * c / d
    return Region(int(np.sum(rare & hard)), expected, expected * np.sqrt(1 / b + 1 / c + 1 / d))


def search(events: int, injected: int, seed: int) -> dict[str, Region]:
    """Return the region of outliers in the tail, by the score itself and by its quantile given the momentum."""
    simulated_pt, simulated = background(events, seed)
    own, hidden = background(events, seed + 1), signal(injected, seed + 2)
    pt, features = (np.concatenate(parts) for parts in zip(own, hidden, strict=True))
    detector = hf.outliers.IsolationForest().fit(simulated, seed=seed)
    usual, score = detector.score(simulated), detector.score(features)
    given = quantiles(usual, simulated_pt, (score, pt), seed)
    return {
        "score": abcd(score, pt, float(np.quantile(usual, QUANTILE))),
        "quantile": abcd(given, pt, QUANTILE),
    }


@click.command()
@click.option(
    "--events", default=60_000, show_default=True, help="Background events, of data and of simulation."
)
@click.option(
    "--signal", "injected", default=100, show_default=True, help="Signal events to hide among them."
)
@click.option("--seed", default=1, show_default=True, help="Of events and trainings.")
def main(events: int, injected: int, seed: int) -> None:
    """Search outliers in a tail, without signal and with it."""
    rows = [["signal", "by", "observed", "expected", "pull"]]
    for hidden in (0, injected):
        for by, region in search(events, hidden, seed).items():
            expected = with_error(region.expected, region.error)
            rows.append([str(hidden), by, str(region.observed), expected, f"{region.pull:+.1f}"])
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
