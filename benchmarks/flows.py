"""The flow engine beside stock nflows: the same weights, data, batch and threads, in one run; medians of pairs.

    python benchmarks/flows.py                    # ratios of training, sampling, ensembles; cost; memory
    python benchmarks/flows.py --quality FILE     # also: time to the quality of the published recipe

FILE holds the LHC Olympics features (HDF5). Times are wall times on as many threads as torch takes; only their ratios
mean anything.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
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

import hepflow as hf
from hepflow.flows import TrainingPlan, native, spline_autoregressive
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.stack import FlowMembers
from hepflow.training import train

FEATURES, LAYERS, HIDDEN, BINS, BOUND = 5, 8, 64, 8, 4.0


def stock(features: int = FEATURES, layers: int = LAYERS) -> Flow:
    """Build the flow of the benchmark from nflows alone."""
    transforms: list[torch.nn.Module] = []
    for _ in range(layers):
        transforms.append(
            MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                features=features,
                hidden_features=HIDDEN,
                context_features=1,
                num_bins=BINS,
                tails="linear",
                tail_bound=BOUND,
                num_blocks=2,
            )
        )
        transforms.append(ReversePermutation(features))
    return Flow(CompositeTransform(transforms), StandardNormal([features]))


def ours(like: Flow | None = None, features: int = FEATURES, layers: int = LAYERS) -> Flow:
    """Build the same flow with hepflow's layers, with the weights of another."""
    flow = spline_autoregressive(features, 1, layers=layers, hidden=HIDDEN, bins=BINS, bound=BOUND)
    if like is not None:
        flow.load_state_dict(like.state_dict())
    return flow


def seconds(call: Callable[[], object], times: int) -> float:
    """Return how long a call takes, the mean of several."""
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def pairs(
    one: Callable[[], object], other: Callable[[], object], times: int, count: int = 7
) -> tuple[float, float]:
    """Time two calls in turns; return the median ratio of the first to the second, and the median of the second."""
    one(), other()  # warm up
    both = [(seconds(one, times), seconds(other, times)) for _ in range(count)]
    return float(np.median([a / b for a, b in both])), float(np.median([b for _, b in both]))


def step(flow: Flow, x: torch.Tensor, m: torch.Tensor) -> Callable[[], None]:
    """Return a training step of a flow as a user of nflows writes it."""
    return optimised(flow.parameters(), lambda: -flow.log_prob(x, m).mean())


def optimised(
    parameters: Iterable[torch.nn.Parameter], loss: Callable[[], torch.Tensor]
) -> Callable[[], None]:
    """Return a step of an optimiser down a loss."""
    moved = list(parameters)
    optimizer = torch.optim.AdamW(moved)

    def call() -> None:
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(moved, 5.0)
        optimizer.step()

    return call


def stacked_step(flows: list[Flow], x: torch.Tensor, m: torch.Tensor) -> Callable[[], None]:
    """Return a training step of several flows as hepflow's loop does it."""
    members = FlowMembers(flows)
    optimizer = torch.optim.AdamW([members.table], fused=True)

    def call() -> None:
        optimizer.zero_grad()
        members.losses(x, m).mean(1).sum().backward()
        assert members.table.grad is not None
        members.table.grad.mul_((5.0 / members.table.grad.norm(dim=1, keepdim=True)).clamp_max(1))
        optimizer.step()

    return call


def training(batch: int) -> dict[str, float]:
    """Compare a training step."""
    torch.manual_seed(1)
    theirs = stock()
    mine = ours(theirs)
    x, m = torch.randn(batch, FEATURES), torch.randn(batch, 1)
    worst = (theirs.log_prob(x, m) - mine.log_prob(x, m)).abs().max().item()
    times = max(2, 4096 // batch)
    ratio, each = pairs(step(theirs, x, m), stacked_step([mine], x[None], m[None]), times)
    return {"ratio": ratio, "events_per_s": batch / each, "largest_difference": worst}


def products(batch: int) -> dict[str, float]:
    """Compare a training step with its matrix products alone, by torch, which does not leave out what is masked."""
    torch.manual_seed(1)
    x, m = torch.randn(1, batch, FEATURES), torch.randn(1, batch, 1)
    shapes = [(HIDDEN, FEATURES), (HIDDEN, 1)]
    shapes += 2 * [(HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)]
    shapes += [(FEATURES * (3 * BINS - 1), HIDDEN)]
    each = [
        (torch.randn(out, into), torch.randn(into, batch), torch.randn(out, batch)) for out, into in shapes
    ]

    def alone() -> None:
        for _ in range(LAYERS):
            for weight, inputs, by_outputs in each:
                weight @ inputs, weight.T @ by_outputs, by_outputs @ inputs.T

    ratio, seconds_alone = pairs(stacked_step([ours()], x, m), alone, max(2, 4096 // batch))
    return {"ratio": ratio, "products_ms": 1e3 * seconds_alone}


def zuko_step(x: torch.Tensor, m: torch.Tensor) -> Callable[[], None]:
    """Return a training step of zuko's flow of the same layers."""
    import zuko

    flow = zuko.flows.NSF(FEATURES, 1, transforms=LAYERS, bins=BINS, hidden_features=(HIDDEN, HIDDEN))
    return optimised(flow.parameters(), lambda: -flow(m).log_prob(x).mean())


def normflows_step(x: torch.Tensor, m: torch.Tensor) -> Callable[[], None]:
    """Return one of normflows."""
    import normflows

    layers = [
        normflows.flows.AutoregressiveRationalQuadraticSpline(
            FEATURES,
            2,
            HIDDEN,
            num_context_channels=1,
            num_bins=BINS,
            tail_bound=BOUND,
            permute_mask=bool(k % 2),
        )
        for k in range(LAYERS)
    ]
    base = normflows.distributions.DiagGaussian(FEATURES, trainable=False)
    flow = normflows.ConditionalNormalizingFlow(base, layers)
    return optimised(flow.parameters(), lambda: flow.forward_kld(x, m))


def flowjax_step(x: torch.Tensor, m: torch.Tensor) -> Callable[[], None]:
    """Return one of flowjax, compiled."""
    import equinox
    import jax
    import optax
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import masked_autoregressive_flow
    from paramax import non_trainable, unwrap

    flow = masked_autoregressive_flow(
        jax.random.key(1),
        base_dist=non_trainable(Normal(jax.numpy.zeros(FEATURES))),
        transformer=RationalQuadraticSpline(knots=BINS, interval=BOUND),
        cond_dim=1,
        flow_layers=LAYERS,
        nn_width=HIDDEN,
        nn_depth=2,
    )
    rows, given = jax.numpy.asarray(x.numpy()), jax.numpy.asarray(m.numpy())
    optimizer = optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(1e-3))
    held = {"flow": flow, "state": optimizer.init(equinox.filter(flow, equinox.is_inexact_array))}

    @equinox.filter_jit
    def stepped(flow: Any, state: Any) -> tuple[Any, Any]:
        slope = equinox.filter_grad(lambda one: -unwrap(one).log_prob(rows, given).mean())(flow)
        change, state = optimizer.update(slope, state, equinox.filter(flow, equinox.is_inexact_array))
        return equinox.apply_updates(flow, change), state

    def call() -> None:
        held["flow"], held["state"] = stepped(held["flow"], held["state"])
        jax.block_until_ready(jax.tree.leaves(equinox.filter(held["flow"], equinox.is_inexact_array)))

    return call


PEERS = {"zuko": zuko_step, "normflows": normflows_step, "flowjax": flowjax_step}


def beside(peer: str, batch: int) -> dict[str, float] | str:
    """Compare a training step with that of a peer, where it is installed: layers of the same number and width."""
    if importlib.util.find_spec(peer) is None:
        return "not installed"
    torch.manual_seed(1)
    x, m = torch.randn(batch, FEATURES), torch.randn(batch, 1)
    ratio, each = pairs(PEERS[peer](x, m), stacked_step([ours()], x[None], m[None]), max(2, 2048 // batch))
    return {"ratio": ratio, "events_per_s": batch / each}


def sampling(events: int) -> dict[str, float]:
    """Compare drawing events; nflows draws a tenth as many, in the same pieces."""
    torch.manual_seed(1)
    theirs = stock().eval()
    mine = ours(theirs).eval()

    def draw(flow: Flow, total: int) -> None:
        with torch.no_grad():
            for start in range(0, total, 8192):
                m = torch.zeros(min(8192, total - start), 1)
                flow._transform.inverse(torch.randn(len(m), FEATURES), m)

    draw(mine, 8192), draw(theirs, 8192)
    slow, fast = seconds(lambda: draw(theirs, events // 10), 1) * 10, seconds(lambda: draw(mine, events), 1)
    return {"ratio": slow / fast, "events_per_s": events / fast}


def ensemble(members: int = 8, batch: int = 256) -> dict[str, float]:
    """Compare members trained together with the same, one after another."""
    flows = [ours() for _ in range(members)]
    x, m = torch.randn(members, batch, FEATURES), torch.randn(members, batch, 1)
    alone = [stacked_step([flow], x[:1], m[:1]) for flow in flows]
    ratio, each = pairs(lambda: [call() for call in alone], stacked_step(flows, x, m), 2)
    return {"ratio": ratio, "events_per_s": members * batch / each}


def cost() -> dict[str, dict[int, float]]:
    """Return seconds of an epoch against the number of events, and of a step against that of features."""
    found: dict[str, dict[int, float]] = {"events": {}, "features": {}}
    for events in (10_000, 30_000, 100_000, 300_000, 1_000_000):
        rows = torch.randn(events, FEATURES), torch.randn(events, 1)
        plan = TrainingPlan(epochs=1, batch_size=2048, best_epochs=1)
        flow = FlowMembers([ours(layers=2)])
        found["events"][events] = seconds(lambda f=flow, r=rows, p=plan: train(f, r, p, [1], "cost"), 1)
    for features in (2, 5, 10, 20, 50):
        x, m = torch.randn(1, 1024, features), torch.randn(1, 1024, 1)
        call = stacked_step([ours(features=features)], x, m)
        call()
        found["features"][features] = seconds(call, 3)
    return found


MEMORY = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {folder!r})
from flows import FlowMembers, TrainingPlan, ours, train
events = int(sys.argv[1])
rows = torch.randn(events, 5), torch.randn(events, 1)
train(FlowMembers([ours()]), rows, TrainingPlan(epochs=1, batch_size=2048, best_epochs=1), [1], "memory")
status = Path("/proc/self/status").read_text()  # not getrusage, which counts what the parent held before
print(status.split("VmHWM:")[1].split()[0])
"""


def memory(events: int) -> float:
    """Return the peak memory, in GB, of a process that trains on so many events (Linux)."""
    code = MEMORY.format(folder=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, str(events)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) * 1024 / 1e9


def quality(path: Path, epochs: int) -> dict[str, float]:
    """Compare the time to a validation loss: the published recipe with stock nflows, and hepflow's plan.

    The published recipe is Adam at 1e-4, batches of 256, 100 epochs (arXiv:2109.00546). Both see the same
    preprocessing, rows and validation rows; the target is the lowest loss that the recipe reaches.
    """
    data = hf.features(hf.read(path, "lhco", label=0))
    windows = hf.Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    _, sidebands = windows.split(data)
    x = torch.from_numpy(
        logit_preprocessing(sidebands.features, sidebands.names).forward(sidebands.features)[0]
    ).float()
    m = torch.from_numpy((sidebands.mass[:, None] - 3500) / 1000).float()
    shape = {"features": x.shape[1]}
    torch.manual_seed(1)
    theirs = stock(**shape)
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(x), generator=generator)  # as hepflow's loop splits with this seed
    held = int(0.1 * len(x))
    judge, rest = order[:held], order[held:]
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-4)
    best, start = np.inf, time.perf_counter()
    reached = 0.0
    for epoch in range(epochs):
        for batch in torch.split(rest[torch.randperm(len(rest), generator=generator)], 256):
            optimizer.zero_grad()
            (-theirs.log_prob(x[batch], m[batch]).mean()).backward()
            optimizer.step()
        with torch.no_grad():
            loss = -theirs.log_prob(x[judge], m[judge]).mean().item()
        if loss < best:
            best, reached = loss, time.perf_counter() - start
        print(
            f"recipe: epoch {epoch + 1}, validation {loss:.4f}, {time.perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
    slow = time.perf_counter() - start
    found: dict[str, float] = {"target": best, "recipe_s": slow, "recipe_best_s": reached}
    for budget in range(2, 20):
        torch.manual_seed(1)
        members = FlowMembers([ours(**shape)])
        begin = time.perf_counter()
        plan = replace(TrainingPlan(), epochs=budget, best_epochs=1)
        (done,) = train(members, (x, m), plan, [1], f"{budget} epochs")
        took, loss = time.perf_counter() - begin, min(done.losses.validation)
        print(f"hepflow: {budget} epochs, validation {loss:.4f}, {took:.0f} s", file=sys.stderr)
        if loss <= best:
            return {**found, "hepflow_s": took, "epochs": budget, "hepflow": loss, "ratio": slow / took}
    return {**found, "hepflow": loss, "ratio": float("nan")}


def draw_cost(costs: dict[str, dict[int, float]], path: Path) -> None:
    """Draw the cost against events and features, each beside a straight line: proportional, and with a fixed part."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    labels = {
        "events": ("Training events", "Seconds per epoch"),
        "features": ("Features", "Seconds per step of 1024"),
    }
    for axes, (name, (across, up)) in zip(figure.subplots(1, 2), labels.items(), strict=True):
        x, y = np.array(list(costs[name])), np.array(list(costs[name].values()))
        axes.plot(x, y, "o", label="measured")
        line = x * y[-1] / x[-1] if name == "events" else np.polyval(np.polyfit(x, y, 1), x)
        axes.plot(x, line, "--", color="0.5", label="proportional" if name == "events" else "straight line")
        scale = "log" if name == "events" else "linear"
        axes.set(xlabel=across, ylabel=up, xscale=scale, yscale=scale)
        if name == "features":
            axes.set(xlim=(0, None), ylim=(0, None))
        axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="events to sample")
    parser.add_argument(
        "--quality", type=Path, metavar="FILE", help="compare the time to quality on these events"
    )
    parser.add_argument("--recipe-epochs", type=int, default=100)
    parser.add_argument("--only", help="measure this alone, such as training_256")
    parser.add_argument("--figure", type=Path, help="draw the cost")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "compiled": native.library() is not None}

    def report(name: str, value: object) -> None:
        found[name] = value
        print(f"{name:>24}: {value}", flush=True)

    for name, measure in {
        "training_2048": lambda: training(2048),
        "training_256": lambda: training(256),
        "products_2048": lambda: products(2048),
        "products_256": lambda: products(256),
        **{f"{peer}_{batch}": partial(beside, peer, batch) for peer in PEERS for batch in (2048, 256)},
        "sampling": lambda: sampling(options.events),
        "ensemble_of_8": ensemble,
        "cost": cost,
        "memory_GB": lambda: {events: memory(events) for events in (100_000, 1_000_000)},
        "quality": lambda: quality(options.quality, options.recipe_epochs),
    }.items():
        if options.only in (None, name) and (name != "quality" or options.quality):
            report(name, measure())
    if options.figure and "cost" in found:
        draw_cost(found["cost"], options.figure)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
