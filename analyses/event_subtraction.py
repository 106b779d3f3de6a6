"""Event subtraction on three examples whose differences are known.

    python analyses/event_subtraction.py --out runs/subtraction

Events of one process minus those of another, event by event, as in arXiv:1912.08824: a spectrum ``1/x + 0.01`` minus
``1/x``; muon pairs of photon and Z minus those of the photon alone, which leaves the peak and the interference, whose
sign changes; an emission that is soft and collinear minus that limit, in two variables, which leaves what is finite.
All events are generated here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

import hepflow as hf
from hepflow.text import aligned

LOW, FINITE, PRODUCT = 0.01, 4.0, 12.0  # the emission: smallest y; coefficients of what stays finite


@dataclass(frozen=True)
class Example:
    """Two samples with their yields, and what the difference is in bins of a column or an expression."""

    both: hf.Events
    minus: hf.Events
    of: str
    edges: np.ndarray
    truth: np.ndarray


def events(columns: dict[str, np.ndarray], total: float, *quantities: hf.Quantity) -> hf.Events:
    """Return events that weigh `total` together."""
    x = np.stack(list(columns.values()), axis=1)
    return hf.Events(x, tuple(columns), np.full(len(x), total / len(x)), quantities=quantities)


def of_densities(
    both: Callable, minus: Callable, edges, quantity: hf.Quantity, number: int, seed: int
) -> Example:
    """Draw events of two densities of one quantity, by the inverses of their integrals on a fine grid."""
    random, grid = np.random.default_rng(seed), np.linspace(edges[0], edges[-1], 400_001)
    made, binned = [], []
    for density in (both, minus):
        heights = density(grid)
        integral = np.append(0.0, np.cumsum(0.5 * (heights[1:] + heights[:-1]) * np.diff(grid)))
        x = np.interp(random.random(number) * integral[-1], integral, grid)
        made.append(events({quantity.name: x}, integral[-1], quantity))
        binned.append(np.diff(np.interp(edges, grid, integral)))
    return Example(*made, quantity.name, edges, binned[0] - binned[1])


def inverse(number: int, seed: int) -> Example:
    """Return ``1/x + 0.01`` and ``1/x`` on [1, 200]: the difference is flat, and at the left 1 % of both."""
    edges = np.geomspace(1, 200, 21)
    return of_densities(lambda x: 1 / x + 0.01, lambda x: 1 / x, edges, hf.Quantity("x", "$x$"), number, seed)


def z_pole(number: int, seed: int) -> Example:
    """Return forward muon pairs of up quarks by photon and Z, and by the photon alone; a falling luminosity for both.

    Below the peak the interference is negative, above it is positive.
    """
    mass, width, sine2 = 91.1876, 2.4952, 0.2312  # GeV
    charge, isospin = np.array([2 / 3, -1.0]), np.array([0.5, -0.5])  # of up quark and muon
    handed = np.stack([isospin - charge * sine2, -charge * sine2])  # left and right
    coupling = np.outer(*handed.T) / (sine2 * (1 - sine2))
    forward = np.array([[7, 1], [1, 7]])  # of (1 +- cos)^2, eighths

    def squared(m, with_z):
        z = with_z * m**2 / (m**2 - mass**2 + 1j * mass * width)
        amplitude = np.prod(charge) + coupling[..., None] * z
        return 1e6 * m**-3.0 * np.einsum("ij,ijm->m", forward / 8, np.abs(amplitude) ** 2)

    quantity = hf.Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV")
    edges = np.concatenate([np.linspace(50, 86, 10), np.linspace(87, 95, 9), np.linspace(99, 135, 10)])
    return of_densities(lambda m: squared(m, 1), lambda m: squared(m, 0), edges, quantity, number, seed)


def emission(number: int, seed: int) -> Example:
    """Return ``1 / (y1 y2) + 4 + 12 y1 y2`` and ``1 / (y1 y2)``, y above 0.01, as of a gluon between two quarks.

    The limit is that of soft and collinear gluons; what is looked at is the transverse momentum, ``sqrt(y1 y2)``.
    """
    random, size = np.random.default_rng(seed), -np.log(LOW)
    totals = size**2, FINITE * (1 - LOW) ** 2, PRODUCT * (0.5 * (1 - LOW**2)) ** 2
    kind = random.choice(3, number, p=np.array(totals) / sum(totals))
    limit, flat = LOW ** random.random((2, 2, number)), LOW + (1 - LOW) * random.random((2, number))
    rising = np.sqrt(LOW**2 + (1 - LOW**2) * random.random((2, number)))
    y = np.choose(kind, [limit[0], flat, rising])
    edges, points = np.geomspace(LOW, 1, 16), LOW ** ((np.arange(2000) + 0.5) / 2000)
    grid = np.outer(points, points)  # equal steps in the logarithms: a cell's area is y1 y2 times a constant
    finite = (FINITE + PRODUCT * grid) * grid * (size / 2000) ** 2
    truth = np.histogram(np.sqrt(grid), edges, weights=finite)[0]
    both, minus = (
        events({"y1": y[0], "y2": y[1]}, sum(totals)),
        events({"y1": limit[1][0], "y2": limit[1][1]}, totals[0]),
    )
    return Example(both, minus, "sqrt(y1 * y2)", edges, truth)


EXAMPLES = {"inverse": inverse, "z_pole": z_pole, "emission": emission}


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@click.command()
@click.option("--events", "number", default=30_000, show_default=True, help="Events of each sample.")
@click.option("--replicas", default=10, show_default=True, help="Trainings from which errors come.")
@click.option("--seed", default=1, show_default=True, help="Seed of the events and of every training.")
@click.option("--out", default="runs/subtraction", show_default=True, type=click.Path(path_type=Path))
def main(number: int, replicas: int, seed: int, out: Path) -> None:
    """Subtract, print how far each difference is from the truth, and draw it."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [
        (
            "example",
            "events worth",
            "negative",
            "RMS / binned error",
            "of counting",
            "RMS of pulls",
            "seconds",
        )
    ]
    for name, make in EXAMPLES.items():
        one, start = make(number, seed), time.perf_counter()
        difference = hf.subtract(one.both, one.minus, replicas=replicas, seed=seed)
        found = difference.histogram(one.edges, one.of)
        hf.plots.subtraction(found, truth=one.truth, label="Toy events").save(out / f"{name}.pdf")
        off = found.values - one.truth
        numbers = (
            f"{difference.effective_size:,.0f}",
            f"{100 * difference.negative_share:.2g} %",
            f"{rms(off / found.binned_error):.2f}",
            f"{rms((found.binned - one.truth) / found.binned_error):.2f}",
            f"{rms(off / found.error):.2f}",
            f"{time.perf_counter() - start:.0f}",
        )
        rows.append((name, *numbers))
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
