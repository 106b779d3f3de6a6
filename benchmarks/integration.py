"""Integrals measured where the value is known, beside madnis and vegas.

    python benchmarks/integration.py --json FILE          # all cases, medians over three seeds
    python benchmarks/integration.py --quick --json FILE  # fewer calls, one seed: ten minutes of two cores

Relative sigma is the standard deviation of the weights over their mean, of 100,000 fresh points: the error of an
integral of N calls is sigma / sqrt(N). All train on the same number of calls, which is printed: madnis 1.0.0 as its
defaults have it (batches of 1,024, each point used once), two channels with the same mappings and equal weights to
begin with. Times are of training, in seconds of processor time, the known function's own included. Drell-Yan stands
beside VEGAS+ (the package vegas), which does without mappings; what counts there is (value / error)^2 of the same
calls. ``ratio`` is above 1 where hepflow is ahead. A peer that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hepflow.importance import unweighting_efficiency
from hepflow.integration import KnownIntegral, Recipe, camel, drell_yan, integrate, two_resonances

FRESH = 100_000  # points that measure a sigma
Numbers = dict[str, Any]


def there(peer: str) -> bool:
    if importlib.util.find_spec(peer) is None:
        print(f"{peer}: not installed, left out")
        return False
    return True


def ours(known: KnownIntegral, calls: int, seed: int, **options: Any) -> tuple[float, float, float]:
    """Return relative sigma, efficiency at 0.1 % overweight and seconds of a training of so many calls."""
    share = calls / (calls + FRESH)
    start = time.process_time()
    result = integrate(
        known.integrand,
        calls=calls + FRESH,
        channels=known.channels,
        recipe=Recipe(training=share),
        seed=seed,
        **options,
    )
    return result.relative_sigma, result.efficiency(0.001), time.process_time() - start


def madnis(known: KnownIntegral, calls: int, seed: int) -> tuple[float, float, float]:
    """Return the same of madnis."""
    import madnis.integrator as peer

    torch.manual_seed(seed)
    dim = known.integrand.axes

    def plain(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(known.integrand(x.double().numpy())).to(x.dtype)

    def mapped(u: torch.Tensor, channel: torch.Tensor) -> tuple[torch.Tensor, ...]:
        assert known.channels is not None
        y, values = np.empty(u.shape), np.empty(len(u))
        for number, one in enumerate(known.channels):
            rows = (channel == number).numpy()
            if rows.any():
                mapping = one.on(known.integrand.box)
                y[rows] = mapping.inverse(u[rows].double().numpy())
                values[rows] = known.integrand(y[rows]) * np.exp(-mapping.forward(y[rows])[1])
        equal = torch.full((len(u), len(known.channels)), 1 / len(known.channels))
        return torch.from_numpy(values).to(u.dtype), torch.from_numpy(y).to(u.dtype), equal

    integrand: Any = plain
    if known.channels is not None:
        integrand = peer.Integrand(
            mapped, dim, channel_count=len(known.channels), remapped_dim=dim, has_channel_weight_prior=True
        )
    start = time.process_time()
    integrator = peer.Integrator(integrand, dims=dim)
    integrator.train(calls // 1024)
    seconds = time.process_time() - start
    metrics = integrator.integration_metrics(FRESH)
    weights = integrator.sample(FRESH, channel_weight_mode="mean").weights.numpy()
    return float(metrics.rel_stddev), unweighting_efficiency(weights, 0.001), seconds


def against_madnis(known: KnownIntegral, calls: int, seeds: range, **options: Any) -> Numbers:
    """Return medians over seeds, hepflow and peer in turns."""
    own, others = [], []
    for seed in seeds:
        own.append(ours(known, calls, seed, **options))
        if importlib.util.find_spec("madnis") is not None:
            others.append(madnis(known, calls, seed))
    sigma, efficiency, seconds = np.median(own, axis=0).tolist()
    found: Numbers = {"hepflow": sigma, "unit": "relative sigma", "calls": calls, "efficiency": efficiency}
    found["seconds"] = seconds
    if others:
        peer, of_peer, its_seconds = np.median(others, axis=0).tolist()
        found.update(peer=peer, ratio=peer / sigma, peer_efficiency=of_peer, peer_seconds=its_seconds)
    return found


def pull_rms(runs: int, calls: int = 10_000) -> Numbers:
    """Return the root mean square of pulls of many short integrations."""
    known = camel(2)
    recipe = Recipe(rounds=2, steps=40, batch_size=512, grid=False)
    results = [integrate(known.integrand, calls=calls, recipe=recipe, seed=seed) for seed in range(runs)]
    pulls = np.array([(one.value - known.exact) / one.error for one in results])
    return {
        "hepflow": float(np.sqrt(np.mean(pulls**2))), "unit": "RMS of pulls", "runs": runs, "calls": calls,
        "mean": float(pulls.mean()), "chi2_dof": float(np.mean([one.chi2 / one.dof for one in results])),
    }  # fmt: skip


def against_vegas(calls: int, seeds: range) -> Numbers:
    """Return (value / error)^2 of Drell-Yan, of the same calls in all, half of them for training."""
    known = drell_yan()
    own, others = [], []
    for seed in seeds:
        result = integrate(known.integrand, calls=calls, channels=known.channels, seed=seed)
        own.append((result.value / result.error) ** 2)
        if importlib.util.find_spec("vegas") is not None:
            import gvar
            import vegas

            gvar.ranseed(seed)
            peer = vegas.Integrator(known.integrand.box.tolist())
            function = vegas.lbatchintegrand(lambda x: known.integrand(np.asarray(x)))
            peer(function, nitn=5, neval=calls // 10)
            found = peer(function, nitn=5, neval=calls // 10, adapt=False)
            others.append(float(found.mean / found.sdev) ** 2)
    numbers: Numbers = {"hepflow": float(np.median(own)), "unit": "(value / error)^2", "calls": calls}
    if others:
        numbers.update(peer=float(np.median(others)), ratio=float(np.median(own) / np.median(others)))
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--quick", action="store_true", help="fewer calls, one seed")
    parser.add_argument("--only", nargs="*", help="cases")
    options = parser.parse_args()
    torch.set_num_threads(1)
    calls, seeds = (300_000, range(1, 2)) if options.quick else (1_000_000, range(1, 4))
    there("madnis"), there("vegas")
    cases = {f"camel_{dim}": lambda dim=dim: against_madnis(camel(dim), calls, seeds) for dim in (2, 4, 8)}
    cases["two_resonances"] = lambda: against_madnis(two_resonances(), calls, seeds, channel_weights="equal")
    cases["pull_rms"] = lambda: pull_rms(50 if options.quick else 100)
    cases["drell_yan"] = lambda: against_vegas(400_000, seeds)
    results = {}
    for name, measure in cases.items():
        if options.only and name not in options.only:
            continue
        results[name] = measure()
        print(
            name,
            {key: round(one, 4) if isinstance(one, float) else one for key, one in results[name].items()},
            flush=True,
        )
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
