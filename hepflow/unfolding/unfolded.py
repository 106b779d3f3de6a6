"""Unfolded: generated events with the weights that data give them, for every iteration and replica."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.classifiers import DensityRatio, table
from hepflow.errors import ConfigError
from hepflow.events import Events, FloatArray
from hepflow.importance import effective_size
from hepflow.replicas import bootstrapped
from hepflow.text import aligned, number
from hepflow.unfolding.columns import edges_of, values_of
from hepflow.unfolding.histogram import UnfoldedHistogram
from hepflow.unfolding.iterations import Iteration
from hepflow.unfolding.pairs import Pairs
from hepflow.weights import storable


@storable
@dataclass(frozen=True, eq=False)
class Pushed:
    """The ratios by which generated events are weighted, one an iteration, as `hepflow.weights` keeps them.

    Parameters
    ----------
    ratios
        Trained, of the generated columns.
    yields
        What a ratio of yields is over that of densities, for each.
    names
        Of the columns.
    """

    ratios: tuple[Any, ...]
    yields: FloatArray
    names: tuple[str, ...]

    def factor(self, truth: Events, iteration: int = -1) -> FloatArray:
        """Return what weights of other generated events of the same simulation are multiplied by, shape ``(N,)``."""
        ratio: DensityRatio = self.ratios[iteration]
        x = np.column_stack([truth.feature(name) for name in self.names])
        return np.asarray(self.yields[iteration] * np.exp(ratio.log_ratio(table(x, names=self.names))))


@dataclass(frozen=True, eq=False)
class Unfolded:
    """Data at particle level: the generated events of the simulation, with weights.

    Parameters
    ----------
    pairs
        The simulation.
    weights
        Of each event after each iteration, shape ``(I, N)``; zero for those that were not generated inside the
        selection.
    replicas
        The same of R replicas, bootstraps of data and simulation together, ``(R, I, N)``.
    iterations
        What each iteration did.
    iteration
        The one that counts unless another is asked for, from 1 to I.
    outside
        Share of the data that lies where nothing is simulated.
    models
        The ratios behind the weights; None where files do not have them.
    """

    pairs: Pairs
    weights: FloatArray
    replicas: NDArray[np.float32]
    iterations: tuple[Iteration, ...]
    iteration: int
    outside: float = 0.0
    models: Pushed | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return (
            f"Unfolded({int(self.pairs.pass_truth.sum()):,} events, total {self.total:.6g}, worth "
            f"{self.effective_size:,.0f}, iteration {self.iteration} of {len(self.weights)}, {len(self.replicas)} "
            "replicas)"
        )

    @property
    def weight(self) -> FloatArray:
        """Weights of the chosen iteration, shape ``(N,)``."""
        return np.asarray(self.weights[self.iteration - 1])

    @property
    def total(self) -> float:
        """The unfolded yield: what was produced inside the generated selection."""
        return float(self.weight.sum())

    @property
    def effective_size(self) -> float:
        """How many events of equal weight say as much."""
        return effective_size(self.weight)

    @property
    def events(self) -> Events:
        """The generated events inside the selection, with the unfolded weights."""
        return replace(self.pairs.truth, weight=self.weight).select(self.pairs.pass_truth)

    def at(self, iteration: int) -> Unfolded:
        """Return the same with another iteration chosen.

        Raises
        ------
        ConfigError
            If there is none.
        """
        if not 1 <= iteration <= len(self.weights):
            raise ConfigError(f"unfolding: iteration {iteration}; expected 1 to {len(self.weights)}")
        return replace(self, iteration=iteration)

    def histogram(
        self, edges: ArrayLike, of: str | ArrayLike | None = None, *, iteration: int | None = None
    ) -> UnfoldedHistogram:
        """Return unfolded yields in bins, with a covariance from the replicas.

        Parameters
        ----------
        edges
            Rising, shape ``(B + 1,)``; the last bin holds its upper edge.
        of
            A generated column, an expression of them such as ``sqrt(px**2 + py**2)``, or a number for each of the N
            events, of any later observable; may be left out where there is one column.
        iteration
            Another than the chosen one.

        Raises
        ------
        ConfigError
            If the edges do not rise, or there is no such column or iteration.
        InputError
            If there are fewer than three replicas.
        """
        chosen = self if iteration is None else self.at(iteration)
        borders, passes = edges_of(edges), self.pairs.pass_truth
        if of is None or isinstance(of, str):
            quantity, x = values_of(self.pairs.truth.select(passes), of)
        else:
            own = np.asarray(of, dtype=np.float64)
            if own.shape != (len(self),):
                raise ConfigError(
                    f"a histogram of values {own.shape}; expected one for each of the pairs, {(len(self),)}"
                )
            quantity, x = values_of(Events(own[passes, None], ("observable",)), None)

        def filled(weight: Any) -> FloatArray:
            return np.histogram(x, borders, weights=weight[passes])[0].astype(np.float64)

        each = np.array([filled(one[chosen.iteration - 1].astype(np.float64)) for one in self.replicas])
        return UnfoldedHistogram(
            quantity,
            borders,
            filled(chosen.weight),
            bootstrapped(each),
            filled(self.pairs.weight),
            each,
        )

    def text(self) -> str:
        """Return a line for each iteration."""
        rows: list[tuple[str, ...]] = [("iteration", "distance", "change", "spread", "worth", "total")]
        for at, one in enumerate(self.iterations, 1):
            rows.append(
                (
                    f"{at}{' (chosen)' if at == self.iteration else ''}",
                    *(number(each) for each in (one.distance, one.change, one.spread)),
                    f"{one.effective_size:,.0f}",
                    number(one.total, ".6g"),
                )
            )
        return "\n".join(aligned(rows))
