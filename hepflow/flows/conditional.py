"""ConditionalDensity: p(x | c) of any table, learned by an ensemble of flows, in the table's own units."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from tqdm import tqdm

from hepflow.errors import ConfigError, InputError
from hepflow.flows.architectures import ARCHITECTURES, spline_autoregressive
from hepflow.flows.bijections import Bijection, Standardise
from hepflow.flows.chained import ChainedDensity, Learned
from hepflow.flows.discrepancy import Discrepancy
from hepflow.flows.ensemble import Architecture, train_apart
from hepflow.flows.evaluate import draw, from_normal, has_latent, log_prob, run, tensor, to_normal
from hepflow.flows.preprocess import PREPROCESSINGS, logit_preprocessing
from hepflow.flows.stack import FlowMembers
from hepflow.flows.states import chosen, described, flows_from, parameters, probed
from hepflow.flows.table import Table, check_finite, columns, contexts
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.training import Members, Training, TrainingPlan
from hepflow.weights import State, storable

Preprocessing = Callable[[FloatArray, tuple[str, ...]], Bijection]
"""Builds the bijection that flows see features through, from training rows (N, D) and names."""

EPOCHS = 8
LEARNING_RATE = 6e-3
SLACK = 0.05  # of the range of a context, that may be asked for beyond it
STRAY = 1e-3  # share of events with a context beyond: as many lie there by chance where it has no bound


def default_plan() -> TrainingPlan:
    """Return how the flows of a density are trained if nothing else is said."""
    return TrainingPlan(epochs=EPOCHS, learning_rate=LEARNING_RATE)


@storable
@dataclass
class ConditionalDensity:
    """An ensemble of flows for p(x | c), and the preprocessing around them.

    Parameters
    ----------
    architecture
        Builds a flow from the numbers of features and contexts: a function of `hepflow.flows`, with its options bound
        by `functools.partial`.
    plan
        How each member is trained.
    members
        Number of flows. Several differ by seed and by a bootstrap of the training rows: their spread shows what the
        training events leave open. Each keeps ``plan.best_epochs`` of its epochs; the density is the mean of all.
    preprocessing
        Builds the bijection that the flows see the features through, from training rows (N, D) and names.
    slowness
        Contexts are scaled to mean 0 and a standard deviation of ``1 / slowness``. The larger it is, the more slowly
        a network varies with them: right for contexts between those of the training.
    discrepancy
        A quantity whose distribution has a part in the loss; none as a rule.

    Examples
    --------
    The energy that a detector measures, given the true one and a position:

    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> true, eta = random.uniform(50, 100, 2000), random.uniform(-2, 2, 2000)
    >>> measured = random.normal(true, 5 + np.abs(eta))
    >>> small = partial(hf.flows.spline_autoregressive, layers=2, hidden=8)
    >>> plan = hf.flows.TrainingPlan(epochs=5, batch_size=100, learning_rate=0.02)
    >>> density = hf.flows.ConditionalDensity(small, plan, members=1)
    >>> density = density.fit(measured[:, None], np.stack([true, eta], axis=1), names=["measured"], seed=1)
    >>> asked = np.array([[60.0, 0.0], [90.0, 0.0]])
    >>> density.sample(asked, seed=1).shape
    (2, 1)
    >>> likely, unlikely = density.log_prob(np.array([[60.0], [60.0]]), asked)
    >>> bool(likely > unlikely)
    True
    """

    architecture: Architecture = spline_autoregressive
    plan: TrainingPlan = field(default_factory=default_plan)
    members: int = 4
    preprocessing: Preprocessing = logit_preprocessing
    slowness: float = 1.0
    discrepancy: Discrepancy | None = None

    trainings: tuple[Training, ...] = field(default=(), init=False)
    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    given: tuple[str, ...] = field(default=(), init=False, repr=False)
    _flows: list[Any] = field(default_factory=list, init=False, repr=False)
    _bijection: Bijection | None = field(default=None, init=False, repr=False)
    _context: Standardise | None = field(default=None, init=False, repr=False)
    _low: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _high: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    def fit(
        self,
        x: ArrayLike,
        context: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        names: Sequence[str] = (),
        seed: int = 1,
        checkpoint: Path | None = None,
        *,
        given: Sequence[str] = (),
    ) -> ConditionalDensity:
        """Train on a table.

        Parameters
        ----------
        x
            What the density is of, shape ``(N, D)``.
        context
            What it is conditioned on, shape ``(N, C)``; none at all if left out or of width zero.
        weight
            Event weights, shape ``(N,)``; ones if left out.
        names, given
            Of the features and of the contexts, for messages and for `chain`.
        seed
            Of initial parameters, splits, bootstraps and batches.
        checkpoint
            File in which the training is kept after each epoch, and from which an interrupted one goes on; or None.

        Notes
        -----
        Unequal weights weigh the likelihood. Negative ones, as of generators, do so with their sign: the expected
        loss is right, but a region where they prevail has no density to be learned. The preprocessing takes all rows
        alike, since any bijection will do. Strays, few rows five times as far out as any other
        (`hepflow.strays`), are left out: one would stretch the bounds of all.

        Raises
        ------
        ConfigError
            If the shapes disagree.
        InputError
            If a column is constant or not finite, the weights do not add up to a positive number, or there are too
            few events.
        """
        learn_apart((self,), (Table.of(x, context, weight, names, given),), seed, checkpoint)
        return self

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> FloatArray:
        """Return log p(x | c), shape (N,), of features (N, D) given contexts (N, C); -inf outside the bounds."""
        bijection, _ = self._fitted()
        rows, conditions = self._asked("x", x, context)
        z, log_determinant = bijection.forward(rows)
        seen = self._seen(conditions)
        flows = progress(self._flows, "densities", "flow")
        each = np.stack([run(log_prob, flow, z, seen) for flow in flows])
        mixture: FloatArray = np.logaddexp.reduce(each, axis=0) - np.log(len(self._flows))
        return mixture + log_determinant

    def sample(self, context: ArrayLike | int, seed: int) -> FloatArray:
        """Draw features (N, D), a row for each context (N, C), each from one member taken in turn.

        A number in place of contexts draws as many rows from a density that has none. Every value lies inside the
        bounds of the training rows; where the preprocessing goes across columns, what stands in their place does.
        """
        bijection, _ = self._fitted()
        conditions = self._conditions(context)
        random = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        seen = self._seen(conditions)
        x = random.standard_normal((len(conditions), len(self.names)))
        with tqdm(total=len(x), desc="sampling", unit="event", unit_scale=True, disable=None) as bar:
            for turn, flow in enumerate(self._flows):
                rows = slice(turn, None, len(self._flows))
                z = run(partial(draw, generator=generator), flow, x[rows], seen[rows])
                x[rows] = bijection.inverse(z)
                bar.update(len(z))
        return x

    def sample_and_log_prob(self, context: ArrayLike | int, seed: int) -> tuple[FloatArray, FloatArray]:
        """Draw features (N, D) and return their log p(x | c), (N,), beside them, for weights of importance.

        Members are dealt to the rows at random: whatever the order of the contexts, a row's density is that of all.
        """
        self._fitted()
        conditions = self._conditions(context)
        order = np.random.default_rng(seed).permutation(len(conditions))
        x = np.empty((len(conditions), len(self.names)))
        x[order] = self.sample(conditions[order], seed)
        return x, self.log_prob(x, conditions)

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member draws each of `rows` sampled events, shape (rows,)."""
        return (np.arange(rows) % len(self._flows)) * self.members // len(self._flows)

    def to_latent(self, x: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the normal-distributed latent of features (N, D), by one member at its best epoch.

        Raises
        ------
        ConfigError
            If the architecture has no latent, as a mixture has none, or there is no such member.
        """
        bijection, _ = self._fitted()
        flow, (rows, conditions) = self._with_latent(member), self._asked("x", x, context)
        return run(to_normal, flow, bijection.forward(rows)[0], self._seen(conditions))

    def from_latent(self, z: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the features (N, D) of a latent (N, D), by one member at its best epoch."""
        bijection, _ = self._fitted()
        flow, (rows, conditions) = self._with_latent(member), self._asked("z", z, context)
        return bijection.inverse(run(from_normal, flow, rows, self._seen(conditions)))

    def chain(self, other: Learned) -> ChainedDensity:
        """Return ``p(a | c) p(b | a, c)`` as one density of (a, b), this one being the first factor.

        Parameters
        ----------
        other
            A trained density whose contexts are the features of this one, and then its contexts.

        Raises
        ------
        ConfigError
            If its contexts are others.
        """
        self._fitted()
        return ChainedDensity(self, other)

    def state(self) -> State:
        """Return settings, preprocessing and the parameters of all kept flows.

        Raises
        ------
        ConfigError
            If it has not been trained, or architecture or preprocessing are no functions of hepflow.
        """
        bijection, context = self._fitted()
        settings = {
            "architecture": described(self.architecture, ARCHITECTURES),
            "preprocessing": described(self.preprocessing, PREPROCESSINGS),
            "plan": self.plan.portable(),
            "members": self.members,
            "features": self.names,
            "slowness": self.slowness,
            "discrepancy": None if self.discrepancy is None else asdict(self.discrepancy),
            "contexts": self.given,
            "low": self._low.tolist(),
            "high": self._high.tolist(),
        }
        return State(settings, parameters(self._flows), {"bijection": bijection, "context": context})

    @classmethod
    def from_state(cls, state: State) -> ConditionalDensity:
        """Make a trained density again; what its training left beside it, such as losses, is not there."""
        settings = state.settings
        made = cls(
            chosen(settings["architecture"], ARCHITECTURES, state),
            TrainingPlan(**settings["plan"]),
            int(settings["members"]),
            chosen(settings["preprocessing"], PREPROCESSINGS, state),
            float(settings["slowness"]),
            Discrepancy(**aside) if (aside := settings.get("discrepancy")) else None,  # older files have none
        )
        made.names, made.given = (tuple(map(str, settings[what])) for what in ("features", "contexts"))
        made._low, made._high = (np.array(settings[end], dtype=np.float64) for end in ("low", "high"))
        widths = len(made.names), len(made.given)
        if not made._low.shape == made._high.shape == (widths[1],):
            raise InputError(f"ranges of {made._low.shape} contexts; expected {widths[1]}")
        made._bijection = probed(state.part("bijection", Bijection), widths[0])  # type: ignore[type-abstract]
        made._context = probed(state.part("context", Standardise), widths[1])
        made._flows = flows_from(state, lambda: made.architecture(*widths), made.members)
        return made

    @property
    def bijection(self) -> Bijection:
        """The preprocessing, between features in their own units and what the flows see."""
        return self._fitted()[0]

    @property
    def context(self) -> Standardise:
        """The scaling of contexts (N, C) in their own units to what the flows see."""
        return self._fitted()[1]

    @property
    def best_flows(self) -> tuple[Any, ...]:
        """The flow of each member at its best epoch."""
        return tuple(self._flows[:: len(self._flows) // self.members])

    def _prepare(self, table: Table) -> tuple[Tensor, ...]:
        """Take preprocessing and ranges from training rows, and return these as the flows see them."""
        if self.members < 1 or not self.slowness > 0:
            raise ConfigError(
                f"a density of {self.members} members with slowness {self.slowness:g}; expected at least one member, "
                "and a slowness above zero"
            )
        self._flows = []
        self.names, self.given = table.names, table.given
        self._bijection = self.preprocessing(table.x, table.names)
        standard = Standardise.fit(table.context)
        self._context = Standardise(standard.mean, self.slowness * standard.scale)
        self._low, self._high = table.context.min(axis=0), table.context.max(axis=0)
        with np.errstate(all="ignore"):  # what a preprocessing cannot map is named next
            z, seen = self._bijection.forward(table.x)[0], self._context.forward(table.context)[0]
        check_finite("feature", table.names, z, "its preprocessing cannot map them: a constant column?")
        return (tensor(z), tensor(seen)) if self.given else (tensor(z),)

    def _beside(self, table: Table) -> Callable[[list[Any]], Members]:
        """Return what trains flows side by side, with their loss."""
        if self.discrepancy is None:
            return FlowMembers
        bijection, aside = self._bijection, self.discrepancy
        assert bijection is not None  # it was prepared
        return lambda flows: aside.members(flows, table.x, table.names, bijection)

    def _fitted(self) -> tuple[Bijection, Standardise]:
        if not self._flows or self._bijection is None or self._context is None:
            raise ConfigError("this density has not been trained; call fit first")
        return self._bijection, self._context

    def _asked(self, what: str, x: ArrayLike, context: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
        """Return features and contexts of use, refusing those of another shape than the training's, and NaN."""
        rows = columns(what, x)
        conditions = self._conditions(len(rows) if context is None else context)
        if rows.shape != (len(conditions), len(self.names)):
            raise ConfigError(
                f"this density has the features {', '.join(self.names)}: expected {what} of shape "
                f"({len(conditions)}, {len(self.names)}) beside {len(conditions):,} contexts; got {rows.shape}"
            )
        if np.isnan(rows).any():
            check_finite("feature", self.names, np.where(np.isnan(rows), rows, 0.0), "leave those events out")
        return rows, conditions

    def _conditions(self, context: ArrayLike | int) -> FloatArray:
        """Return contexts (N, C) of use."""
        conditions = contexts(context)
        if conditions.shape[1] != len(self.given):
            raise ConfigError(
                f"this density was trained with {len(self.given)} contexts ({', '.join(self.given) or 'none'}); got "
                f"{'none' if not conditions.shape[1] else conditions.shape[1]}"
            )
        check_finite("context", self.given, conditions, "leave those events out")
        return conditions

    def _seen(self, conditions: FloatArray) -> FloatArray:
        """Return contexts (N, C) as the flows see them; warn where no flow was trained."""
        slack = SLACK * (self._high - self._low)
        outside = (conditions < self._low - slack) | (conditions > self._high + slack)
        for name, low, high, there in zip(
            self.given, self._low, self._high, outside.sum(axis=0), strict=True
        ):
            if there > STRAY * len(conditions):
                warnings.warn(
                    f"{there:,} of {len(conditions):,} values of {name} lie outside {low:g}-{high:g}, where the flow "
                    "was trained: it extrapolates",
                    stacklevel=3,
                )
        return self.context.forward(conditions)[0]

    def _with_latent(self, member: int) -> Any:
        if not 0 <= member < self.members:
            raise ConfigError(f"this density has members 0 to {self.members - 1}; got {member}")
        flow = self.best_flows[member]
        if not has_latent(flow):
            raise ConfigError("mixture_autoregressive has no normal latent; use another architecture")
        return flow


def learn_apart(
    densities: Sequence[ConditionalDensity],
    tables: Sequence[Table],
    seed: int,
    checkpoint: Path | None = None,
    *,
    bootstrap: bool = True,
) -> None:
    """Train densities of one recipe, each on a table of its own, all flows side by side.

    What one learns, preprocessing too, is of its own table alone. Where the tables are shares of the same events,
    each density warns of contexts beyond those of all. With `bootstrap` each of several flows draws one of its table.
    """
    recipe = densities[0]
    tables = [table.without_strays() for table in tables]
    prepared = [density._prepare(table) for density, table in zip(densities, tables, strict=True)]
    ensembles = train_apart(
        recipe.architecture,
        (len(recipe.names), len(recipe.given)),
        prepared,
        [table.weight for table in tables],
        recipe.plan,
        recipe.members,
        seed,
        "flow",
        beside=recipe._beside(tables[0]) if len(tables) == 1 else FlowMembers,
        bootstrap=bootstrap,
        checkpoint=checkpoint,
    )
    low = np.min([density._low for density in densities], axis=0)
    high = np.max([density._high for density in densities], axis=0)
    for density, ensemble in zip(densities, ensembles, strict=True):
        density._flows, density.trainings = ensemble.flows, ensemble.trainings
        density._low, density._high = low, high
