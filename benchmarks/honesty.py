"""Whether the error of the expected background is what it says, where the truth is known.

    python benchmarks/honesty.py --experiments 40 --seeds 10 --json honesty.json

makes four measurements, on two processes, and prints a table of each:

- the truth: searches in disjoint parts of generated dijets without signal (`--data`, a file like the bundled one,
  with several times its events), against all other events of that file, which no part of the search saw;
- the coverage: the same searches with the bundled signal injected, as often as in the bundled sample and twice as
  often, and how often the upper limits lie above what was injected (without signal they always do);
- the seeds: the bundled search with other seeds of its trainings, and how far its error and Z then move;
- the limits: the observed limit of its tightest cut from toys, with other seeds of the toys.

``--method anode``, or another that needs data alone, makes the first of these with that method in place of CATHODE.

`--quick` makes fewer of each, in about ten minutes. With ``--json FILE`` each case has what was found, what is asked
for as its peer, and their ratio, above 1 where the former is the better.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

import hepflow as hf
from hepflow.sample import FloatArray, Sample, inject
from hepflow.selection import Cut, Scored, cuts, validate
from hepflow.stats import open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.toy_limits import upper_limit_toys

T = TypeVar("T")
FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
WINDOWS = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4500)])
EFFICIENCIES = (0.1, 0.01, 0.001)
PARTS, EVENTS = 5, 54_000  # of the file with generated dijets: how many, and how large, in the regions
DEMO = Path(hf.__file__).with_name("demo")
METHODS = {
    "cathode": hf.methods.Cathode,
    "lacathode": hf.methods.LaCathode,
    "curtains": hf.methods.Curtains,
    "cwola": hf.methods.Cwola,
    "anode": hf.methods.Anode,
    "r-anode": hf.methods.RAnode,
}
METHOD, TREES = hf.methods.Cathode(), hf.classifiers.BoostedTrees()
INJECTED, DRAW = 250, 7  # as in the bundled configuration, and its flows and trees:
BUNDLED = hf.methods.Cathode(hf.flows.Density(members=8)), hf.classifiers.BoostedTrees(members=40)
TRAININGS = 2
STRENGTHS = (1, 2)  # of the injected signal, for the coverage of limits


@dataclass(frozen=True)
class Found:
    """What one search says behind its cuts, and the truth, each with one number a cut.

    Parameters
    ----------
    expected, error
        Of the background in the signal region.
    true, true_error
        Mean of the background, from events that nothing saw; none in the bundled search.
    factor, unseen
        Data over template in the sidebands, of the search's own events and of those that nothing saw.
    z
        Significance.
    """

    expected: list[float]
    error: list[float]
    true: list[float]
    true_error: list[float]
    factor: list[float]
    unseen: list[float]
    z: list[float]


def search(
    data: Sample,
    seed: int,
    further: Sample,
    method: hf.methods.Method = METHOD,
    trees: hf.classifiers.BoostedTrees = TREES,
    *,
    truth: bool,
) -> tuple[list[Cut], Found]:
    """Search with validation in the bands; score further events, which may be the truth."""
    background = method.fit(data, WINDOWS, seed=seed)
    scores = hf.score(trees, data, background, signal=further, seed=seed)
    tried = [
        validate(method, trees, data, WINDOWS, seed=seed, training=number) for number in range(TRAININGS)
    ]
    found = cuts(scores, EFFICIENCIES, validation=tried)
    numbers: list[tuple[float, ...]] = []
    for cut in found:
        expected, error = cut.spectrum.expected_in_signal()
        factor, _ = cut.spectrum.sideband_factor()
        true = true_error = unseen = np.nan
        if truth and scores.signal is not None and cut.threshold is not None:
            true, true_error, unseen = _truth(scores.signal, scores.validation, data, cut.threshold)
        shape = None if truth or not cut.signal_passes else _template(cut)
        z = hf.stats.bump_hunt(cut.spectrum, shape, calculator="asymptotic", limits=False).z
        numbers.append((expected, error, true, true_error, factor, unseen, float(z or 0.0)))
    return found, Found(*(list(column) for column in zip(*numbers, strict=True)))


def _template(cut: Cut) -> hf.stats.SignalTemplate:
    assert cut.signal is not None
    return hf.stats.SignalTemplate.of(cut.signal, cut.spectrum.edges)


def _truth(unseen: Scored, template: Scored, data: Sample, threshold: float) -> tuple[float, float, float]:
    """Return the mean of the background behind a cut and its error, and data over template in the sidebands."""
    scale = len(data) / len(unseen.score)
    inside = WINDOWS.in_signal(unseen.sample.mass)
    passing = unseen.score > threshold
    events, beside = int(np.sum(passing & inside)), int(np.sum(passing & ~inside))
    return (
        scale * events,
        scale * np.sqrt(max(events, 1)),
        scale * beside / template.above(threshold).weight.sum(),
    )


def part(path: Path, number: int) -> tuple[Sample, Sample]:
    """Return one part of generated dijets without signal, and all other events."""
    everything = hf.features(hf.read(path, "lhco"), FEATURES).window(*WINDOWS.range)
    if len(everything) < (PARTS + 1) * EVENTS // 2:
        raise SystemExit(
            f"{path}: {len(everything):,} events in the regions are too few to have a truth beside them"
        )
    order = np.random.default_rng(99).permutation(len(everything))
    taken = slice((number % PARTS) * EVENTS, (number % PARTS + 1) * EVENTS)
    data = everything.select(np.sort(order[taken]))
    return data.without_truth(), everything.select(np.delete(order, taken)).without_truth()


def experiment(path: Path, number: int, method: str) -> Found:
    """Search in one part of generated dijets without signal."""
    data, truth = part(path, number)
    return search(data, 1000 * (number + 1), truth, METHODS[method](), truth=True)[1]


def coverage(path: Path, number: int, strength: int) -> list[float]:
    """Return the observed limits behind the cuts over what was injected, so many times that of the bundled sample."""
    read = hf.features(hf.read(DEMO / "signal.h5", "lhco"), FEATURES)
    data, signal = inject(read, part(path, number)[0], strength * INJECTED, DRAW + number)
    found, _ = search(data.without_truth(), 1000 * (number + 1), signal.without_truth(), truth=False)
    hunts = (hf.stats.bump_hunt(cut.spectrum, _template(cut), calculator="asymptotic") for cut in found)
    return [float(one.mu_up_obs if one.mu_up_obs is not None else np.nan) for one in hunts]


def demo(seed: int) -> tuple[Found, str]:
    """Search in the bundled sample, and return the workspace of the tightest cut as text."""
    read = {name: hf.features(hf.read(DEMO / f"{name}.h5", "lhco"), FEATURES) for name in ("data", "signal")}
    data, signal = inject(read["signal"], read["data"], INJECTED, DRAW)
    found, numbers = search(data.without_truth(), seed, signal.without_truth(), *BUNDLED, truth=False)
    return numbers, json.dumps(hf.stats.workspace(found[-1].spectrum, _template(found[-1])))


def limit(workspace: str, seed: int) -> tuple[float, float]:
    """Return the observed limit from toys, and its error."""
    found = upper_limit_toys(Profile(*open_workspace(json.loads(workspace))), seed=seed).limit
    assert found.errors is not None
    return found.observed, found.errors[0]


def modes(limits: FloatArray, errors: FloatArray) -> int:
    """Return into how many groups limits fall, between which there is more room than three errors."""
    return 1 + int(np.sum(np.diff(np.sort(limits)) > 3 * np.median(errors)))


def in_processes(call: Callable[..., T], arguments: Sequence[tuple[Any, ...]], title: str) -> list[T]:
    """Return the results of calls, two at a time, each in one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(call, *each) for each in arguments]
        return [one.result() for one in tqdm(waiting, desc=title, unit="search")]


def truth(found: list[Found]) -> dict[str, tuple[float, float, str]]:
    """Print how far the expectation is from the truth, and return the cases."""
    cases = {}
    print(f"\n{len(found)} searches without signal, (true mean - n_exp) / error")
    print("eps_B   mean pull     RMS    median error   unseen / own factor")
    for place, efficiency in enumerate(EFFICIENCIES):
        one = {name: np.array([getattr(each, name)[place] for each in found]) for name in vars(found[0])}
        pulls = (one["true"] - one["expected"]) / np.hypot(one["error"], one["true_error"])
        rms, ratio = float(np.sqrt(np.mean(pulls**2))), one["unseen"] / one["factor"] - 1
        print(
            f"{efficiency:<7g} {pulls.mean():+.2f} +- {pulls.std() / np.sqrt(len(found)):.2f}  {rms:.2f}   "
            f"{np.median(one['error'] / one['expected']):.3f}          {ratio.mean():+.3f} +- "
            f"{ratio.std() / np.sqrt(len(found)):.3f}"
        )
        if efficiency > 0.001:
            cases[f"truth_pull_rms_{efficiency:g}"] = (rms, 1.2, "errors")
        if efficiency == 0.01:
            cases["truth_pull_mean_0.01"] = (float(pulls.mean()), 0.3, "errors")
    return cases


def covered(strength: int, found: list[list[float]]) -> None:
    """Print how often limits lie above what was injected."""
    above = np.mean(np.array(found) >= 1.0, axis=0)
    shares = ", ".join(f"{one:.3f} at {cut:g}" for one, cut in zip(above, EFFICIENCIES, strict=True))
    print(f"\n{len(found)} searches, {strength * INJECTED} injected: limits at 95 % above that: {shares}")


def seeds(found: list[Found]) -> dict[str, tuple[float, float, str]]:
    """Print how far error and Z of the bundled search move with the seed, and return the case."""
    print(f"\n{len(found)} seeds of the bundled search")
    case: dict[str, tuple[float, float, str]] = {}
    print("eps_B   n_exp        error: least  median  largest  ratio    Z: least  median  largest")
    for place, efficiency in enumerate(EFFICIENCIES):
        expected, error, z = (
            np.array([getattr(each, name)[place] for each in found]) for name in ("expected", "error", "z")
        )
        spread = float(error.max() / error.min())
        print(
            f"{efficiency:<7g} {np.median(expected):<12.1f} {error.min():12.1f} {np.median(error):7.1f} "
            f"{error.max():8.1f} {spread:6.2f} {z.min():11.2f} {np.median(z):7.2f} {z.max():8.2f}"
        )
        if efficiency == 0.01:
            case = {"error_spread": (spread, 1.5, "largest over smallest")}
    return case


def limits(found: list[tuple[float, float]]) -> dict[str, tuple[float, float, str]]:
    """Print the limits from toys of several seeds, and return the case."""
    observed, errors = map(np.array, zip(*found, strict=True))
    several = modes(observed, errors)
    print(
        f"\n{len(found)} seeds of toys: observed limit {observed.min():.3f} to {observed.max():.3f}, mean "
        f"{observed.mean():.3f}, spread {observed.std(ddof=1):.4f}, quoted error {errors.mean():.4f}, modes {several}"
    )
    return {"limit_modes": (float(several), 1.0, "modes")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=shared / "pythia" / "data.h5", help="generated dijets")
    parser.add_argument("--method", choices=list(METHODS), default="cathode")
    parser.add_argument("--experiments", type=int, default=40)
    parser.add_argument("--injected", type=int, default=40, help="searches with signal, of each strength")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--limits", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="fewer of each: ten minutes of two cores")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.experiments, options.injected, options.seeds, options.limits = 4, 0, 3, 8
    cases: dict[str, tuple[float, float, str]] = {}
    if options.data.is_file():
        arguments = [(options.data, number, options.method) for number in range(options.experiments)]
        cases |= truth(in_processes(experiment, arguments, "truth")) if arguments else {}
        for strength in STRENGTHS if options.injected else ():
            injected = [(options.data, number, strength) for number in range(options.injected)]
            covered(strength, in_processes(coverage, injected, "coverage"))
    else:
        print(f"{options.data}: no such file; truth and coverage are left out")
    if options.seeds:
        searched = in_processes(demo, [(seed,) for seed in range(1, options.seeds + 1)], "seeds")
        cases |= seeds([numbers for numbers, _ in searched])
        workspace = searched[0][1]
        cases |= limits(in_processes(limit, [(workspace, seed) for seed in range(options.limits)], "limits"))
    if options.json:
        content = {
            case: {"hepflow": value, "peer": asked, "ratio": asked / max(abs(value), 1e-9), "unit": unit}
            for case, (value, asked, unit) in cases.items()
        }
        options.json.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
