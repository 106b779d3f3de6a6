"""An integration under way: rounds of training, then iterations that make the value; a file lets it go on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hepflow.errors import ConfigError, InputError
from hepflow.events import FloatArray
from hepflow.integration.buffer import Drawn
from hepflow.integration.cube import CubeFlow
from hepflow.integration.learning import Model, learn
from hepflow.integration.proposals import Flow, Grid, Proposal
from hepflow.integration.recipe import Recipe
from hepflow.integration.sampler import Points, Sampler, means_and_spreads
from hepflow.integration.weights import WeightNetwork, log_weights
from hepflow.training import Losses, TrainingPlan
from hepflow.weights import State, load_weights, save_weights, storable

INCREMENTS = 64  # of a grid
GRID_ROUNDS = 4
GRID_SHARE = 0.15  # of the training calls that adapt grids before a flow
LEAST = 100  # calls of a channel in a round: fewer say nothing
TRIED = 100  # points of a file at which the function is asked again


@storable
@dataclass
class Progress:
    """All that changes: what a file keeps, so that a run that was killed goes on with the same bits.

    Parameters
    ----------
    identity
        What the run is of; a file of another is refused.
    stage
        Finished grid rounds, training rounds and iterations.
    history
        Proposals of each round that drew points, by group.
    drawn
        Points of the training, if there are any yet.
    network
        Learned channel weights.
    active
        Channels that take part.
    shares, spreads
        Of the channels' weights.
    losses
        Of each training.
    parts
        Points of the iterations.
    """

    identity: dict[str, Any]
    history: list[tuple[Proposal, ...]]
    active: tuple[int, ...]
    shares: FloatArray
    spreads: FloatArray
    stage: list[int] = field(default_factory=lambda: [0, 0, 0])
    drawn: Drawn | None = None
    network: WeightNetwork | None = None
    losses: list[Losses] = field(default_factory=list)
    parts: list[Points] = field(default_factory=list)

    def state(self) -> State:
        """Return everything as settings, arrays and parts."""
        arrays: dict[str, Any] = {"shares": self.shares, "spreads": self.spreads}
        for number, part in enumerate(self.parts):
            for name in ("x", "channel", "weight"):
                arrays[f"iteration.{number}.{name}"] = getattr(part, name)
        if self.network is not None:
            for name, each in self.network.named_parameters():
                arrays[f"network.{name}"] = each.detach().numpy()
        parts: dict[str, Any] = {
            f"proposal.{turn}.{group}": one
            for turn, proposals in enumerate(self.history)
            for group, one in enumerate(proposals)
        }
        if self.drawn is not None:
            parts["drawn"] = self.drawn
        settings = {
            "identity": self.identity,
            "stage": self.stage,
            "active": list(self.active),
            "turns": [len(proposals) for proposals in self.history],
            "network": None if self.network is None else self.network.settings,
            "losses": [[one.training, one.validation, one.skipped] for one in self.losses],
        }
        return State(settings, arrays, parts)

    @classmethod
    def from_state(cls, state: State) -> Progress:
        """Make it again."""
        settings = state.settings
        channels = len(state.array("shares", np.float64, (None,)))
        history = [
            tuple(state.part(f"proposal.{turn}.{group}", Proposal) for group in range(count))  # type: ignore[type-abstract]
            for turn, count in enumerate(settings["turns"])
        ]
        network = None
        if settings["network"] is not None:
            with torch.random.fork_rng(devices=[]):
                network = WeightNetwork(**settings["network"])
            for name, each in network.named_parameters():
                each.data.copy_(
                    torch.from_numpy(state.array(f"network.{name}", np.float32, tuple(each.shape)))
                )
        parts = [
            Points(
                state.array(f"iteration.{number}.x", np.float64, (None, None)),
                state.array(f"iteration.{number}.channel", np.int64, (None,)),
                state.array(f"iteration.{number}.weight", np.float64, (None,)),
            )
            for number in range(settings["stage"][2])
        ]
        return cls(
            settings["identity"],
            history,
            tuple(settings["active"]),
            state.array("shares", np.float64, (channels,)),
            state.array("spreads", np.float64, (channels,)),
            list(settings["stage"]),
            state.part("drawn", Drawn) if "drawn" in state.parts else None,
            network,
            [Losses(tuple(one[0]), tuple(one[1]), int(one[2])) for one in settings["losses"]],
            parts,
        )


class Run:
    """The rounds and iterations of one integration.

    Parameters
    ----------
    sampler
        Channels with flat proposals.
    names
        Of the channels.
    recipe
        How to train.
    grid
        Whether there are grids.
    calls, seed
        Of the integrand in all, and of all random numbers.
    file
        Where progress is kept, if anywhere.
    tell
        What is told as it goes: a text.
    """

    def __init__(
        self, sampler: Sampler, names: Sequence[str], recipe: Recipe, grid: bool, calls: int, seed: int,
        file: Path | None, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.sampler, self.names, self.recipe, self.grid = sampler, tuple(names), recipe, grid
        self.seed, self.file, self.tell = seed, file, tell
        self.channels, self.axes = len(names), sampler.integrand.axes
        training = int(calls * recipe.training)
        grids = (training if recipe.proposal == "vegas" else int(GRID_SHARE * training)) if grid else 0
        self.grid_calls = _parts(grids, GRID_ROUNDS) if grid else []
        self.round_calls = (
            [] if recipe.proposal == "vegas" else _parts(training - grids, recipe.rounds_for(self.axes))
        )
        self.final_calls = _parts(calls - training, recipe.iterations)
        enough = LEAST * self.channels
        stages = {
            "grid": self.grid_calls,
            "round of training": self.round_calls,
            "iteration": self.final_calls,
        }
        for what, parts in stages.items():
            if parts and min(parts) < enough:
                raise ConfigError(
                    f"integrate: {calls:,} calls leave {min(parts):,} for each {what}; expected at least {enough:,}: "
                    "give more calls, or a recipe with fewer rounds or iterations"
                )
        identity = {
            "recipe": recipe.plain(), "grid": grid, "calls": calls, "seed": seed, "channels": list(names),
            "bounds": sampler.integrand.box.tolist(), "mappings": [repr(one) for one in sampler.mappings],
            "channel weights": sampler.given if isinstance(sampler.given, str) else "a function",
        }  # fmt: skip
        zeros = np.zeros(self.channels)
        self.progress = Progress(identity, [sampler.proposals], sampler.active, zeros, zeros)
        if file is not None and file.exists():
            self._resume(file, identity)

    def _resume(self, file: Path, identity: dict[str, Any]) -> None:
        found = load_weights(file, Progress)
        for key, mine in identity.items():
            if found.identity.get(key) != mine:
                raise ConfigError(
                    f"{file}: an integration with other settings: its {key} is "
                    f"{found.identity.get(key)}, this one's {mine}. "
                    "Remove it, or name another file"
                )
        if found.drawn is not None and not self._same_function(found.drawn):
            raise ConfigError(
                f"{file}: an integration of another function, or of one that was changed: other values. "
                "Remove it, or name another file"
            )
        self.progress = found

    def _same_function(self, drawn: Drawn) -> bool:
        """Tell whether the function has the values that a file keeps, at some of its points."""
        some = np.unique(np.linspace(0, len(drawn) - 1, TRIED).astype(int))
        again = self.sampler.evaluated(drawn.channel[some], drawn.u[some])
        kept = drawn.value[some]
        return bool(np.allclose(again, kept, rtol=1e-5, atol=1e-9 * np.abs(drawn.value).max()))

    def finish(self) -> tuple[Sampler, Progress]:
        """Do all that is left."""
        stage = self.progress.stage
        for turn in range(stage[0], len(self.grid_calls)):
            self._grid_round(turn)
            self._keep(0)
        for turn in range(stage[1], len(self.round_calls)):
            self._round(turn)
            self._keep(1)
        sampler = self._sampler()
        for turn in range(stage[2], len(self.final_calls)):
            random = np.random.default_rng([self.seed, 3, turn])
            self.progress.parts.append(sampler.weighted(sampler.by_spread(self.final_calls[turn]), random))
            self._keep(2)
            self.tell(f"iteration {turn + 1} of {len(self.final_calls)}")
        return sampler, self.progress

    def _keep(self, kind: int) -> None:
        self.progress.stage[kind] += 1
        if self.file is not None:
            save_weights(self.file, self.progress)

    def _sampler(self) -> Sampler:
        now = self.progress
        return replace(
            self.sampler, proposals=now.history[-1], network=now.network, active=now.active, shares=now.shares,
            spreads=now.spreads,
        )  # fmt: skip

    def _draw(self, calls: int, random: np.random.Generator) -> None:
        """Draw points of the present proposals, and add them to the others."""
        now, sampler = self.progress, self._sampler()
        known = now.drawn is not None and now.spreads.sum() > 0
        half = sampler.by_spread(calls // 2) if known else sampler.even(calls // 2)
        counts = np.add(half, sampler.even(calls - calls // 2))
        drawn, x, point = sampler.draw(counts.tolist(), random)
        own = log_weights(point, now.network, now.active, x, drawn.value)[np.arange(len(x)), drawn.channel]
        weight = drawn.value * np.exp(own - drawn.log_density[0])
        now.shares, now.spreads = means_and_spreads(np.abs(weight), drawn.channel, self.channels)
        if now.drawn is None:
            if not np.any(drawn.value):
                raise InputError(
                    f"the integrand is zero at all of the first {calls:,} points: there is nothing to "
                    "learn from; check its "
                    "bounds, map its peak by a channel, or give more calls"
                )
            now.drawn = drawn
            return
        theirs = np.stack([self._log_density(old, drawn) for old in now.history[:-1]])
        now.drawn = now.drawn.joined(drawn, self._log_density(now.history[-1], now.drawn), theirs)

    def _log_density(self, proposals: Sequence[Proposal], drawn: Drawn) -> FloatArray:
        """Return the log density of each point under the proposal of its channel."""
        group = np.array(self.sampler.groups)[drawn.channel]
        found = np.empty(len(drawn))
        for number, proposal in enumerate(proposals):
            rows = group == number
            if rows.any():
                found[rows] = proposal.log_prob(drawn.u[rows])
        return found

    def _grid_round(self, turn: int) -> None:
        now = self.progress
        self._draw(self.grid_calls[turn], np.random.default_rng([self.seed, 1, turn]))
        drawn = now.drawn
        assert drawn is not None
        latest = slice(len(drawn) - int(drawn.sizes[-1].sum()), None)
        weight = drawn.value[latest] * np.exp(-drawn.log_density[-1, latest])
        with np.errstate(divide="ignore"):
            weight = weight * np.exp(drawn.log_given[latest][np.arange(len(weight)), drawn.channel[latest]])
        group = np.array(self.sampler.groups)[drawn.channel[latest]]
        grids = []
        for number, grid in enumerate(now.history[-1]):
            assert isinstance(grid, Grid)
            rows = group == number
            seen = rows.any() and np.any(weight[rows])
            grids.append(grid.adapted(drawn.u[latest][rows], weight[rows] ** 2) if seen else grid)
        now.history.append(tuple(grids))
        self.tell(f"grid {turn + 1} of {len(self.grid_calls)}")

    def _round(self, turn: int) -> None:
        now, recipe = self.progress, self.recipe
        self._draw(self.round_calls[turn], np.random.default_rng([self.seed, 2, turn]))
        assert now.drawn is not None
        self._drop()
        drawn = now.drawn.only(now.active)
        grids = {group: _grid_of(one) for group, one in enumerate(now.history[-1])}
        last = turn == len(self.round_calls) - 1
        steps = recipe.steps * (2 if last else 1)
        batch_size = min(recipe.batch_size, int(len(drawn) * 0.95) // 2)  # two batches are the least
        usable = int(len(drawn) * 0.95) // batch_size
        plan = TrainingPlan(
            epochs=max(1, round(steps / usable)), batch_size=batch_size, learning_rate=recipe.learning_rate,
            best_epochs=1, validation_fraction=0.05, weight_decay=0.0,
        )  # fmt: skip
        model = self._model(turn)
        loss = "kl" if turn == 0 and not self._learns_weights() else recipe.loss
        title = f"round {turn + 1} of {len(self.round_calls)}"
        training = learn(model, drawn, grids, loss, plan, self.seed + turn, title)
        now.losses.append(training.losses)
        flows: list[Any] = list(model.flows)
        now.history.append(tuple(Flow(copy.deepcopy(flow), grids[group]) for group, flow in enumerate(flows)))
        network: Any = model.network
        now.network = None if network is None else network.eval().requires_grad_(False)
        self.tell(title)

    def _learns_weights(self) -> bool:
        return self.recipe.learn_weights and len(self.progress.active) > 1

    def _model(self, turn: int) -> Model:
        """Return the model as it stands, or a new one."""
        now, recipe = self.progress, self.recipe
        groups = len(now.history[-1])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if turn == 0:
                layers = recipe.layers_for(self.axes)
                kind: Any = recipe.proposal if self.axes > 1 else "autoregressive"
                flows = [CubeFlow(kind, self.axes, layers, recipe.hidden, recipe.bins) for _ in range(groups)]
            else:
                flows = [copy.deepcopy(one.flow) for one in now.history[-1] if isinstance(one, Flow)]
            network = copy.deepcopy(now.network)
            if network is None and self._learns_weights():
                assert now.drawn is not None
                network = WeightNetwork(now.drawn.seen.shape[1], self.channels)
        return Model(flows, self.sampler.groups, network, now.active).requires_grad_(True)

    def _drop(self) -> None:
        """Leave out channels that have nearly no share of the integral."""
        now = self.progress
        total = now.shares.sum()
        kept = tuple(
            one for one in now.active if now.shares[one] >= self.recipe.drop * total and now.shares[one] > 0
        )
        if kept != now.active and kept:
            lost = [self.names[one] for one in now.active if one not in kept]
            self.tell(f"channels left out: {', '.join(lost)}")
            now.active = kept


def _grid_of(proposal: Proposal) -> Grid:
    grid = proposal.grid if isinstance(proposal, Flow) else proposal
    assert isinstance(grid, Grid)
    return grid


def _parts(calls: int, count: int) -> list[int]:
    return [calls * (k + 1) // count - calls * k // count for k in range(count)]
