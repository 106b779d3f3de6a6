"""Statistics beside pyhf: the same likelihoods, in one run; and how well p-values and limits keep what they promise.

    python benchmarks/stats.py                # agreement, speed, exact limits, flatness of p0, coverage
    python benchmarks/stats.py --quick        # without the slow peers: pyhf's limit takes a minute
    python benchmarks/stats.py --images DIR   # also draw coverage.png and p0.png there
    python benchmarks/stats.py --workspace FILE   # also compare with pyhf on a published likelihood

Times are wall times; only their ratios mean anything.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
from iminuit import Minuit
from scipy import optimize, stats

from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.style import DATA, EXPECTED, SIGNAL, WIDTH, style
from hepflow.smooth import DIJET, SQRT_S, as_pairs
from hepflow.smooth.maximum import maximise
from hepflow.stats import (
    HistFactory,
    MassScan,
    Profile,
    cls,
    discovery,
    gaussian_signal,
    open_workspace,
    toy_scans,
    upper_limit,
    upper_limit_toys,
)
from hepflow.stats.calculators import FEW
from hepflow.stats.toys import q0_many, throw

Spec = dict[str, Any]

WIDE = (-1e3, 1e3)  # bounds that clip nothing, for pyhf


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def spec_of(samples: list[dict[str, Any]], observed: Sequence[float]) -> Spec:
    return {
        "channels": [{"name": "region", "samples": samples}],
        "observations": [{"name": "region", "data": [float(n) for n in observed]}],
        "measurements": [{"name": "benchmark", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def sample(name: str, events: Sequence[float], *modifiers: tuple[str, str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "data": [float(n) for n in events],
        "modifiers": [{"name": key, "type": kind, "data": data} for key, kind, data in modifiers],
    }


def forty_bins() -> Spec:
    """Return 40 bins with one normsys and a staterror each: 42 parameters."""
    bins = np.arange(40)
    background = 1000 * np.exp(-bins / 8) + 5
    signal = 20 * np.exp(-0.5 * ((bins - 15) / 2) ** 2) + 1e-3
    observed = np.random.default_rng(1).poisson(background)
    return spec_of(
        [
            sample("signal", signal, ("mu", "normfactor", None)),
            sample(
                "background",
                background,
                ("scale", "normsys", {"hi": 1.1, "lo": 0.9}),
                ("bins", "staterror", (0.03 * background + 0.2).tolist()),
            ),
        ],
        observed,
    )


def random_spec(rng: np.random.Generator) -> Spec:
    """Return a workspace with a random number of bins, yields and systematics."""
    n = int(rng.integers(1, 9))
    background = np.exp(rng.uniform(np.log(3), np.log(3000), n))
    signal = np.sqrt(background) * rng.uniform(0.1, 1.5, n)
    modifiers: list[tuple[str, str, Any]] = []
    if rng.random() < 0.7:
        modifiers.append(
            ("scale", "normsys", {"hi": 1 + rng.uniform(0.02, 0.2), "lo": 1 - rng.uniform(0.02, 0.2)})
        )
    if rng.random() < 0.7:
        shift = background * rng.uniform(0.02, 0.15) * np.linspace(-1, 1, n)
        modifiers.append(
            (
                "tilt",
                "histosys",
                {"hi_data": (background + shift).tolist(), "lo_data": (background - 0.8 * shift).tolist()},
            )
        )
    kind = rng.choice(["staterror", "shapesys", "none"])
    if kind != "none":
        modifiers.append(("bins", str(kind), (background * rng.uniform(0.03, 0.2)).tolist()))
    observed = rng.poisson(background + rng.uniform(0, 1) * signal)
    return spec_of(
        [
            sample(
                "signal",
                signal,
                ("mu", "normfactor", None),
                ("luminosity", "normsys", {"hi": 1.02, "lo": 0.98}),
            ),
            sample("background", background, *modifiers),
        ],
        observed,
    )


def counting(background: float, observed: float) -> HistFactory:
    spec = spec_of(
        [sample("signal", [1.0], ("mu", "normfactor", None)), sample("background", [background])], [observed]
    )
    return HistFactory(open_workspace(spec)[0])


def pyhf_bounds(model: pyhf.Model, highest: float) -> list[tuple[float, float]]:
    bounds = [tuple(pair) for pair in model.config.suggested_bounds()]
    bounds[model.config.poi_index] = (0.0, highest)
    return bounds


def agreement(specs: Sequence[Spec]) -> float:
    """Return the largest relative difference from pyhf of q0, CLs and the limit on some workspaces."""
    worst = 0.0
    for number, spec in enumerate(specs):
        model, data = open_workspace(spec)
        profile = Profile(model, data)
        ours, limit = discovery(profile), upper_limit(profile)
        bounds = pyhf_bounds(model, 20 * limit.observed + 20)
        start, fixed = model.config.suggested_init(), model.config.suggested_fixed()
        q0 = float(pyhf.infer.test_statistics.q0(0.0, data, model, start, bounds, fixed))
        at = pyhf.infer.hypotest(limit.observed, data, model, return_expected_set=True, par_bounds=bounds)
        theirs = np.array([float(at[0]), *map(float, at[1])])
        mine = cls(profile, mu=limit.observed)
        found = np.array([mine.observed, *mine.expected])
        differences = {
            "q0": abs(q0 - ours.q0) / max(ours.q0, 1.0),
            "CLs": float(np.max(np.abs(theirs - found) / found)),
            # CLs falls like exp(-3 mu / limit) there
            "limit": abs(float(at[0]) / 0.05 - 1) / 3,
        }
        worst = max(worst, *differences.values())
        print(
            f"  {number:2d}: {len(data):3d} data; "
            + ", ".join(f"{k} {d:.1e}" for k, d in differences.items())
        )
    return worst


def limit_speed() -> dict[str, Any]:
    model, data = open_workspace(forty_bins())
    ours = min(seconds(lambda: upper_limit(model, data)) for _ in range(5))
    limit = upper_limit(model, data)
    bounds = pyhf_bounds(model, 20 * limit.observed)
    theirs: list[Any] = []
    slow = seconds(
        lambda: theirs.append(
            pyhf.infer.intervals.upper_limits.upper_limit(data, model, level=0.05, par_bounds=bounds)
        )
    )
    observed, expected = theirs[0]
    difference = max(
        abs(float(observed) / limit.observed - 1),
        *(abs(float(a) / b - 1) for a, b in zip(expected, limit.expected, strict=True)),
    )
    print(
        f"  limits with bands: hepflow {ours:.3f} s, pyhf {slow:.1f} s; largest difference {difference:.1e}"
    )
    return case(slow / ours, 1.0 / ours, 1.0 / slow, "limits with bands per second")


def toy_speed(model: HistFactory | Any, x: np.ndarray, toys: int) -> float:
    """Return toys per second: thrown, and fitted with and without signal."""
    q0_many(model, throw(model, x, 200, np.random.default_rng(0)), x)
    return max(
        toys / seconds(lambda: q0_many(model, throw(model, x, toys, np.random.default_rng(1)), x))
        for _ in range(3)
    )


def toys_same_model(quick: bool) -> dict[str, Any]:
    model, data = open_workspace(forty_bins())
    profile = Profile(model, data)
    x = profile.conditional(0.0).x
    ours = toy_speed(profile.model, x, 5000)
    few = 3 if quick else 20
    thrown = throw(profile.model, x, few, np.random.default_rng(1))
    bounds = pyhf_bounds(model, 50.0)
    start, fixed = model.config.suggested_init(), model.config.suggested_fixed()
    q0 = pyhf.infer.test_statistics.q0
    theirs = few / seconds(lambda: [q0(0.0, one, model, start, bounds, fixed) for one in thrown])
    print(f"  40 bins, 42 parameters: hepflow {ours:,.0f} toys/s, pyhf {theirs:.2f} toys/s")
    return case(ours / theirs, ours, theirs, "toys per second")


def smooth_scan() -> MassScan:
    """Return a falling spectrum of 60,000 events in 60 bins, and one mass."""
    edges = np.linspace(2500, 5500, 61)
    x = 0.5 * (edges[1:] + edges[:-1]) / SQRT_S
    shape = (1 - x) ** 17 / x**2
    counts = np.random.default_rng(5).poisson(60_000 * shape / shape.sum())
    return MassScan(
        edges, counts, [3500.0], lambda mass: partial(gaussian_signal, mass=mass, width=0.03 * mass)
    )


def toys_smooth(quick: bool) -> dict[str, Any]:
    five = smooth_scan()
    fit = five.background(np.ones(len(five.counts), dtype=bool))
    best = maximise(as_pairs(five.edges), five.counts, 4, SQRT_S, DIJET)
    fit = replace(
        fit, coefficients=best.coefficients, covariance=best.covariance, transform=best.transform, n_shape=4
    )
    model = five.model(0, fit)
    ours = toy_speed(model, model.init, 20_000)
    few = 5 if quick else 50
    thrown = throw(model, model.init, few, np.random.default_rng(1))
    theirs = few / seconds(lambda: [_minuit_q0(model, one) for one in thrown])
    print(
        f"  five-parameter function, 60 bins: hepflow {ours:,.0f} toys/s, iminuit one by one {theirs:,.0f} toys/s"
    )
    return case(ours / theirs, ours, theirs, "toys per second")


def _minuit_q0(model: Any, data: np.ndarray) -> float:
    """Fit one toy with iminuit on the same likelihood and gradient, as one would without a batched fit."""
    values = []
    for fixed in (True, False):
        minuit = Minuit(
            lambda x: model.evaluate(x, data)[0], model.init, grad=lambda x: model.evaluate(x, data)[1]
        )
        minuit.errordef, minuit.fixed[0] = Minuit.LEAST_SQUARES, fixed
        minuit.migrad()
        values.append(minuit.fval)
    return values[0] - values[1]


def exact_limit(n: int, b: float) -> float:
    """Return the CLs limit of a counting experiment with known background."""

    def above(s: float) -> float:
        return float(stats.poisson.cdf(n, s + b) / stats.poisson.cdf(n, b) - 0.05)

    return float(optimize.brentq(above, 1e-6, 10 * (n + 10)))


def exact_limits() -> float:
    worst = 0.0
    for n, b in [(0, 1.0), (1, 1.0), (3, 3.0), (10, 10.0), (100, 100.0)]:
        model, exact = counting(b, n), exact_limit(n, b)
        toys = upper_limit_toys(model, [n], seed=1).limit.observed
        asymptotic = upper_limit(model, [n]).observed
        worst = max(worst, abs(toys / exact - 1))
        print(
            f"  n {n:3d}, b {b:5g}: exact {exact:.4f}; over it: toys {toys / exact:.4f}, "
            f"asymptotic {asymptotic / exact:.4f}"
        )
    return worst


def coverage(backgrounds: Sequence[float]) -> dict[str, Any]:
    """Return the coverage of 95 % limits against the true strength, exactly summed over all counts."""
    found: dict[str, Any] = {}
    for b in backgrounds:
        highest = 2 * exact_limit(round(b), b)
        counts = np.arange(int(stats.poisson.ppf(1e-7, b)), int(stats.poisson.ppf(1 - 1e-7, b + highest)) + 1)
        model = counting(b, float(round(b)))
        asymptotic = np.array([upper_limit(model, [n]).observed for n in counts])
        toys = None
        if b < FEW:
            toys = np.array([upper_limit_toys(model, [n], seed=7 + int(n)).limit.observed for n in counts])
        strengths = np.linspace(0.0, highest, 201)
        chance = stats.poisson.pmf(counts[:, None], b + strengths)
        covers = {
            name: np.sum(chance * (limits[:, None] >= strengths), axis=0)
            for name, limits in (("toys", toys), ("asymptotic", asymptotic))
            if limits is not None
        }
        found[f"{b:g}"] = {"mu": strengths.tolist(), **{name: c.tolist() for name, c in covers.items()}}
        text = ", ".join(
            f"{name} {c.min():.4f} (at mu = twice the limit {c[-1]:.4f})" for name, c in covers.items()
        )
        print(f"  b = {b:g}: lowest coverage {text}")
    return found


def flatness(toys: int) -> dict[str, Any]:
    scan = smooth_scan()
    z = toy_scans(scan, toys, signed=True, seed=3)[:, 0]
    p = stats.norm.sf(z)
    test = stats.kstest(p, "uniform")
    print(
        f"  p0 of {toys:,} toys with the F-test inside: KS distance {test.statistic:.4f}, p = {test.pvalue:.3f}"
    )
    return {"p": p, "ks": float(test.pvalue)}


def case(ratio: float, ours: float, theirs: float, unit: str) -> dict[str, Any]:
    return {"hepflow": ours, "peer": theirs, "ratio": ratio, "unit": unit}


def draw(folder: Path, covered: dict[str, Any], flat: dict[str, Any]) -> None:
    with style():
        draw_coverage(covered).save(folder / "coverage.png")
        draw_p0(flat["p"], flat["ks"]).save(folder / "p0.png")


def draw_coverage(covered: dict[str, Any]) -> Figure:
    figure = canvas(2 * WIDTH, 3.6)
    few = [b for b in covered if "toys" in covered[b]]
    many = [b for b in covered if b not in few]
    axes = figure.subplots(1, 2, sharey=True)
    for ax, shown in zip(axes, ([few[0], few[len(few) // 2], few[-1]], [many[0], many[-1]]), strict=True):
        for colour, b in zip((EXPECTED, SIGNAL, "#e69500"), shown, strict=False):
            one = covered[b]
            mu = 2 * np.array(one["mu"]) / one["mu"][-1]
            if "toys" in one:
                ax.plot(mu, one["toys"], color=colour, label=f"$b$ = {b}, toys")
            style_of = {"linestyle": "--", "linewidth": 0.9} if "toys" in one else {}
            ax.plot(mu, one["asymptotic"], color=colour, label=f"$b$ = {b}, asymptotic", **style_of)
        ax.axhline(0.95, color="black", linewidth=0.8, linestyle=":")
        ax.set_xlabel("True strength / median expected limit")
        ax.set_xlim(0, 2)
        ax.legend(loc="lower left", ncols=1)
        header(ax, "hepflow", "Counting, known background")
    axes[0].set_ylabel(r"Coverage of 95% CL$_s$ limits")
    axes[0].set_ylim(0.86, 1.005)
    return finished(figure)


def draw_p0(p: np.ndarray, ks: float) -> Figure:
    figure = canvas(WIDTH, 3.2)
    ax = figure.subplots()
    bins = np.linspace(0, 1, 41)
    ax.stairs(np.histogram(p, bins)[0], bins, color=DATA, label="Toys without signal")
    mean = len(p) / 40
    low, high = mean - mean**0.5, mean + mean**0.5
    ax.axhline(mean, color=EXPECTED)
    ax.fill_between(
        [0, 1], low, high, color=EXPECTED, alpha=0.3, linewidth=0, label="Uniform, with its error"
    )
    ax.set_ylim(0, 1.45 * mean)
    ax.set_xlim(0, 1)
    ax.set_xlabel(r"Local $p_0$ (deficits beyond 0.5)")
    ax.set_ylabel("Toys / 0.025")
    ax.legend(loc="lower right")
    header(ax, "hepflow", f"KS $p$ = {ks:.2f}")
    return finished(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="leave out pyhf's limit, fewer cases")
    parser.add_argument("--json", type=Path, help="write the cases here")
    parser.add_argument("--workspace", type=Path, help="compare with pyhf on this workspace, too")
    parser.add_argument("--images", type=Path, help="draw the figures of the documentation into this folder")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4), precision="64b")
    quick, cases = options.quick, {}

    print("agreement with pyhf (numpy, minuit) on random workspaces, relative:")
    rng = np.random.default_rng(11)
    worst = agreement([random_spec(rng) for _ in range(4 if quick else 20)])
    cases["agreement"] = case(worst, worst, 0.0, "largest relative difference")
    if options.workspace:
        print(f"the same for {options.workspace}:")
        agreement([json.loads(options.workspace.read_text(encoding="utf-8"))])
    print("speed:")
    if not quick:
        cases["upper_limit"] = limit_speed()
    cases["toys_same_model"] = toys_same_model(quick)
    cases["toys_smooth"] = toys_smooth(quick)
    print("limits from toys:")
    worst = exact_limits()
    cases["toy_limits"] = case(worst, worst, 0.0, "largest relative difference from the exact limit")
    print("p-values without signal:")
    flat = flatness(2000 if quick else 10_000)
    cases["p0_flat"] = case(flat["ks"], flat["ks"], 0.01, "KS p-value")
    print("coverage of 95 % limits, counting with known background, mu from 0 to twice the limit:")
    covered = coverage(
        [0.5, 3.0, 50.0] if quick else [0.5, 1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 50.0, 100.0, 300.0, 1000.0]
    )
    lowest = min(min(one["toys"]) for one in covered.values() if "toys" in one)
    asymptotic = min(min(one["asymptotic"]) for one in covered.values())
    cases["coverage"] = case(lowest / asymptotic, lowest, asymptotic, "lowest coverage, toys and asymptotic")
    for name, one in cases.items():
        print(
            f"{name}: hepflow {one['hepflow']:.4g}, peer {one['peer']:.4g}, ratio {one['ratio']:.4g} ({one['unit']})"
        )
    if options.json:
        options.json.write_text(json.dumps(cases, indent=2), encoding="utf-8")
    if options.images:
        draw(options.images, covered, flat)


if __name__ == "__main__":
    main()
