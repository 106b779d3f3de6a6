"""ChainedDensity: p(a | c) p(b | a, c), two trained densities as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError
from hepflow.flows.table import columns, contexts
from hepflow.sample import FloatArray
from hepflow.weights import State, storable


@runtime_checkable
class Learned(Protocol):
    """A trained conditional density of features `names`, given contexts `given`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        ...

    @property
    def given(self) -> tuple[str, ...]:
        """The contexts."""
        ...

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> FloatArray:
        """Return log p(x | c), shape (N,), of features (N, D) given contexts (N, C)."""
        ...

    def sample(self, context: ArrayLike | int, seed: int) -> FloatArray:
        """Draw features (N, D), a row for each context (N, C)."""
        ...

    def sample_and_log_prob(self, context: ArrayLike | int, seed: int) -> tuple[FloatArray, FloatArray]:
        """Draw features (N, D) and return their log p(x | c), (N,), beside them."""
        ...

    def to_latent(self, x: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the latent of features (N, D)."""
        ...

    def from_latent(self, z: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the features (N, D) of a latent."""
        ...


@storable
@dataclass(frozen=True)
class ChainedDensity:
    """The density ``p(a, b | c) = p(a | c) p(b | a, c)``.

    Each factor is trained by itself, since the likelihood is a product of theirs. What it is for: the amount of
    something before its shape, a multiplicity before the momenta, a total before the shares.

    Parameters
    ----------
    first
        The trained density of a given c.
    second
        The trained density of b, whose contexts are the features of the first, and then its contexts.

    Raises
    ------
    ConfigError
        If those of the second are others.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> total = random.uniform(10, 100, 1000)
    >>> share = random.beta(2, 2 + total / 50)
    >>> small = partial(hf.flows.spline_autoregressive, layers=2, hidden=8)
    >>> plan = hf.flows.TrainingPlan(epochs=3, batch_size=100)
    >>> first, second = (hf.flows.ConditionalDensity(small, plan, members=1) for _ in range(2))
    >>> first = first.fit(total[:, None], names=["total"], seed=1)
    >>> second = second.fit(share[:, None], total[:, None], names=["share"], given=["total"], seed=1)
    >>> both = first.chain(second)
    >>> both.names
    ('total', 'share')
    >>> both.sample(5, seed=1).shape
    (5, 2)
    """

    first: Learned
    second: Learned

    def __post_init__(self) -> None:
        wanted = (*self.first.names, *self.first.given)
        if len(self.second.given) != len(wanted):
            raise ConfigError(
                f"chain: p(b | a, c) needs {len(wanted)} contexts, the features and then the contexts of p(a | c): "
                f"{', '.join(wanted)}; got a density with {', '.join(self.second.given) or 'none'}"
            )
        numbered = tuple(f"c{number}" for number in range(len(wanted)))  # names that nobody gave
        if self.second.given not in (wanted, numbered):
            raise ConfigError(
                f"chain: p(b | a, c) was trained given {', '.join(self.second.given)}; expected, in this order, "
                f"{', '.join(wanted)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The features of both."""
        return (*self.first.names, *self.second.names)

    @property
    def given(self) -> tuple[str, ...]:
        """The contexts."""
        return self.first.given

    def log_prob(self, x: ArrayLike, context: ArrayLike | None = None) -> FloatArray:
        """Return log p(a, b | c), shape (N,), of features (N, A + B) given contexts (N, C)."""
        a, b, conditions = self._split("x", x, context)
        return self.first.log_prob(a, conditions) + self.second.log_prob(b, np.hstack([a, conditions]))

    def sample(self, context: ArrayLike | int, seed: int) -> FloatArray:
        """Draw features (N, A + B), a row for each context (N, C), or for as many as a number says."""
        a = self.first.sample(context, seed)
        conditions = np.hstack([a, contexts(context)])
        own, order = self._of_second(seed, len(a))
        b = np.empty((len(a), len(self.second.names)))
        b[order] = self.second.sample(conditions[order], own)
        return np.hstack([a, b])

    def sample_and_log_prob(self, context: ArrayLike | int, seed: int) -> tuple[FloatArray, FloatArray]:
        """Draw features (N, A + B) and return their log p(a, b | c), (N,), beside them."""
        a, log_prob = self.first.sample_and_log_prob(context, seed)
        conditions = np.hstack([a, contexts(context)])
        own, order = self._of_second(seed, len(a))
        b, more = np.empty((len(a), len(self.second.names))), np.empty(len(a))
        b[order], more[order] = self.second.sample_and_log_prob(conditions[order], own)
        return np.hstack([a, b]), log_prob + more

    def to_latent(self, x: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the normal-distributed latent of features (N, A + B), by one member of each factor."""
        a, b, conditions = self._split("x", x, context)
        latent = self.first.to_latent(a, conditions, member)
        return np.hstack([latent, self.second.to_latent(b, np.hstack([a, conditions]), member)])

    def from_latent(self, z: ArrayLike, context: ArrayLike | None = None, member: int = 0) -> FloatArray:
        """Return the features (N, A + B) of a latent (N, A + B), by one member of each factor."""
        first, second, conditions = self._split("z", z, context)
        a = self.first.from_latent(first, conditions, member)
        return np.hstack([a, self.second.from_latent(second, np.hstack([a, conditions]), member)])

    def chain(self, other: Learned) -> ChainedDensity:
        """Return this density and another, whose contexts are its features and its contexts, as one."""
        return ChainedDensity(self, other)

    def state(self) -> State:
        """Return both densities."""
        return State(parts={"first": self.first, "second": self.second})

    @classmethod
    def from_state(cls, state: State) -> ChainedDensity:
        """Make a chain of trained densities again."""
        first, second = (state.part(name, Learned) for name in ("first", "second"))  # type: ignore[type-abstract]
        return cls(first, second)

    def _split(
        self, what: str, x: ArrayLike, context: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what belongs to each factor, and the contexts."""
        rows = columns(what, x)
        if rows.shape[1] != len(self.names):
            raise ConfigError(
                f"this density has the features {', '.join(self.names)}: expected {what} of shape "
                f"({len(rows)}, {len(self.names)}); got {rows.shape}"
            )
        cut = len(self.first.names)
        return rows[:, :cut], rows[:, cut:], contexts(len(rows) if context is None else context)

    def _of_second(self, seed: int, rows: int) -> tuple[int, NDArray[np.intp]]:
        """Return seed and order in which the second factor is drawn.

        Its members are dealt anew, and its random numbers are others than those of the first: else both would go
        together. Where the first is a chain, its factors have fewer features before them, and so other seeds.
        """
        own = int(np.random.SeedSequence((seed, len(self.first.names))).generate_state(1)[0])
        return own, np.random.default_rng(own).permutation(rows)
