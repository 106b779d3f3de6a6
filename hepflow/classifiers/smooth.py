"""A smooth density ratio: logistic regression on polynomials of ranks, as stiff as cross-validation asks for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit

from hepflow.classifiers.mlp import Ranks
from hepflow.classifiers.ratio import Rows, known, pair
from hepflow.classifiers.settings import options, untrained
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.importance import effective_size
from hepflow.sample import FloatArray
from hepflow.weights import State, storable

RIDGES = tuple(
    float(one) for one in np.geomspace(1e4, 1e-4, 9)
)  # penalties that are tried, the stiffest first
FOLDS = 5  # of the cross-validation between them
ALONE, PRODUCTS = 100, 60  # terms of one column, and of several; more take long and are noise
ROWS = 8192  # at a time, so that memory stays flat
STEPS, ENOUGH = 50, 1e-4  # Newton's; and what is left to gain, in units of log-likelihood
WIDTH, FAR = (0.16, 0.5, 0.84), 6.0  # quantiles that tell a column's width; how many widths count
FEWEST = 100  # events that a sample must be worth

Powers = NDArray[np.int64]


@storable
@dataclass
class SmoothRatio:
    r"""A density ratio that changes slowly: no more is believed of it than the events can tell.

    Each column is mapped by its ranks to [-1, 1]; the log ratio is a sum of Legendre polynomials of these and of
    their products, found by logistic regression with a penalty ``ridge * coefficient^2 * degree^4``, as a curvature
    has. Trees and networks follow finer structures; of a ratio that has none they leave more noise.

    Parameters
    ----------
    degree
        Of polynomials of one column, as far as there are 100 of them in all; products of columns go up to a total
        degree that leaves 60 of them.
    ridge
        How stiff. Left out, that of the smallest loss in cross-validation; `chosen` says which.
    moments
        Add the columns themselves, in units of their width and cut at six of them, their squares and their products
        of two: changes of means, widths and correlations are then learned from few events, tails included.

    Notes
    -----
    Cross-validation takes one Newton step away from the fit to all folds, in place of a fit without each
    (A. Beirami et al., NeurIPS 2017, eq. 10).

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> shifted, plain = (hf.classifiers.table(random.normal(mean, 1.0, (20_000, 1))) for mean in (0.5, 0.0))
    >>> ratio = hf.classifiers.SmoothRatio().fit(shifted, plain, seed=1)
    >>> points = hf.classifiers.table(np.array([[-1.0], [1.0]]))
    >>> np.round(ratio.log_ratio(points), 1)  # exactly, x / 2 - 1 / 8
    array([-0.6,  0.4])
    """

    degree: int = 24
    ridge: float | None = None
    moments: bool = False

    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    ranks: Ranks | None = field(default=None, init=False, repr=False)
    coefficients: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    chosen: float | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.degree < 1 or (self.ridge is not None and not self.ridge > 0):
            raise ConfigError(
                f"SmoothRatio: degree {self.degree} and ridge {self.ridge}; expected 1 or more, and a positive number"
            )

    def fit(self, numerator: Rows, denominator: Rows, seed: int) -> SmoothRatio:
        """Train on the features of N events against those of M; their weights are scaled to the same sum.

        Trained again, it starts from where it stands, which saves time where the events have changed little.

        Raises
        ------
        InputError
            If a sample is worth fewer than 100 events, a feature is not finite, or a sample's weights do not add up
            to a positive number.
        FitError
            If the fit does not converge, as when most weights of a region are negative.
        """
        samples = numerator, denominator = pair(numerator, denominator)
        x = np.concatenate([sample.features for sample in samples])
        worth = [effective_size(s.weight) if s.weight.sum() > 0 else 0.0 for s in samples]
        if min(worth) < FEWEST:
            raise InputError(
                f"a smooth ratio: samples worth {worth[0]:,.0f} and {worth[1]:,.0f} events; expected {FEWEST} of "
                "each or more, with weights that add up to more than zero"
            )
        y = np.repeat([1.0, 0.0], [len(sample) for sample in samples])
        weight = np.concatenate([s.weight * (min(worth) / s.weight.sum()) for s in samples])
        self.names, self.ranks = numerator.names, Ranks.of(x)
        order = np.random.default_rng(seed).permutation(len(x))  # so that folds are slices
        terms = self._basis()
        task = _Task(terms.between(x[order]), y[order], weight[order], terms)
        stands = len(self.coefficients) == len(terms.degrees)
        start = self.coefficients if stands else np.zeros(len(terms.degrees))
        self.chosen, self.coefficients = task.best(RIDGES if self.ridge is None else (self.ridge,), start)
        return self

    def log_ratio(self, sample: Rows) -> FloatArray:
        """Return the log density ratio of each event, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        """
        if self.ranks is None:
            raise untrained(self)
        x, terms = known(self.names, sample).features, self._basis()
        parts = [terms.of(terms.between(x[rows])) @ self.coefficients for rows in _pieces(len(x))]
        return np.concatenate([np.empty(0), *parts])

    def _basis(self) -> _Basis:
        assert self.ranks is not None  # it is trained, or being so
        return _Basis(self.ranks, _powers(len(self.names), self.degree), self.moments)

    def state(self) -> State:
        """Return settings, ranks and coefficients."""
        if self.ranks is None:
            raise untrained(self)
        return State(
            {"options": options(self), "features": self.names, "chosen": self.chosen},
            {"coefficients": self.coefficients},
            {"ranks": self.ranks},
        )

    @classmethod
    def from_state(cls, state: State) -> SmoothRatio:
        """Make a trained ratio again."""
        made = cls(**state.settings["options"])
        made.names = tuple(map(str, state.settings["features"]))
        made.chosen = float(state.settings["chosen"])
        made.ranks = state.part("ranks", Ranks)
        if len(made.ranks.knots) != len(made.names):
            raise InputError(f"ranks of {len(made.ranks.knots)} inputs; expected {len(made.names)}")
        made.coefficients = state.array("coefficients", np.float64, (len(made._basis().degrees),))
        return made


def _pieces(rows: int, start: int = 0) -> Iterator[slice]:
    for first in range(start, rows, ROWS):
        yield slice(first, min(first + ROWS, rows))


def _powers(columns: int, degree: int) -> Powers:
    """Return the degrees of each term in each column, shape ``(T, D)``; the first is the constant."""
    most = min(degree, max(ALONE // columns, 1))
    alone = [
        tuple(p if k == j else 0 for k in range(columns)) for j in range(columns) for p in range(1, most + 1)
    ]
    products: list[tuple[int, ...]] = []
    for total in range(2, degree + 1):
        more = [one for one in _compositions(columns, total) if sum(map(bool, one)) > 1]
        if products and len(products) + len(more) > PRODUCTS:
            break
        products += more
    return np.array([(0,) * columns, *alone, *products])


def _compositions(columns: int, total: int) -> Iterator[tuple[int, ...]]:
    """Yield all whole numbers, one a column, that add up to `total`."""
    for bars in itertools.combinations(range(total + columns - 1), columns - 1):
        ends = (-1, *bars, total + columns - 1)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(ends))


def _terms(u: FloatArray, powers: Powers) -> FloatArray:
    """Return the terms (N, T) of columns (N, D) in [-1, 1]: orthonormal where these are flat and independent."""
    found = np.ones((len(u), len(powers)))
    scale = np.sqrt(2 * np.arange(powers.max() + 1) + 1)
    for column, degrees in zip(u.T, powers.T, strict=True):
        used = np.flatnonzero(degrees)
        found[:, used] *= (legvander(column, int(powers.max())) * scale)[:, degrees[used]]
    return found


@dataclass(frozen=True, eq=False)
class _Basis:
    """The terms: polynomials of ranks, of powers (T, D), and with `moments` columns, their squares and products."""

    ranks: Ranks
    powers: Powers
    moments: bool

    @property
    def degrees(self) -> FloatArray:
        """The total degree of each term."""
        own = self.powers.sum(axis=1)
        columns = self.powers.shape[1]
        more = [1] * columns + [2] * (columns * (columns + 1) // 2) if self.moments else []
        return np.concatenate([own, more]).astype(np.float64)

    def between(self, x: FloatArray) -> FloatArray:
        """Return the ranks of rows (N, D) in [-1, 1], and with `moments` the columns in units of their widths."""
        u = 2 * self.ranks.shares(x) - 1
        if not self.moments:
            return u
        low, middle, high = (np.array([np.quantile(one, q) for one in self.ranks.knots]) for q in WIDTH)
        width = np.where(high > low, 0.5 * (high - low), 1.0)
        return np.concatenate([u, np.clip((x - middle) / width, -FAR, FAR)], axis=1)

    def of(self, seen: FloatArray) -> FloatArray:
        """Return the terms (N, T) of what `between` gave."""
        columns = self.powers.shape[1]
        found = _terms(seen[:, :columns], self.powers)
        if not self.moments:
            return found
        z = seen[:, columns:]
        first, second = np.triu_indices(columns)
        products = (z[:, first] * z[:, second] - (first == second)) / np.where(
            first == second, np.sqrt(2), 1.0
        )
        return np.concatenate([found, z, products], axis=1)


@dataclass(frozen=True, eq=False)
class _Task:
    """The regression: what the basis makes of rows in random order, (N, ...), their classes and weights (N,)."""

    u: FloatArray
    y: FloatArray
    weight: FloatArray
    terms: _Basis

    def best(self, ridges: tuple[float, ...], theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the ridge of the smallest loss on folds left out, and its coefficients."""
        curvature = self.terms.degrees**4
        found = []
        for ridge in ridges:
            penalty = ridge * curvature
            theta, folds = self._fit(theta, penalty)
            loss = self._left_out(theta, penalty, folds) if len(ridges) > 1 else 0.0
            found.append((loss, ridge, theta))
            if len(found) > 2 and found[-3][0] < found[-2][0] < loss:
                break  # weaker ones do worse and worse
        _, ridge, theta = min(found, key=lambda one: one[0])
        return ridge, theta

    def _folds(self) -> list[slice]:
        borders = np.linspace(0, len(self.u), FOLDS + 1).astype(int)
        return [slice(a, b) for a, b in itertools.pairwise(borders.tolist())]

    def _fit(self, theta: FloatArray, penalty: FloatArray) -> tuple[FloatArray, list[_Sums]]:
        """Return where loss and penalty are smallest, by Newton's steps, and the sums of each fold there."""
        folds = [self._sums(theta, fold) for fold in self._folds()]
        for _ in range(STEPS):
            gradient = np.sum([one.gradient for one in folds], axis=0) + penalty * theta
            step = _solve(np.sum([one.hessian for one in folds], axis=0) + np.diag(penalty), gradient)
            gain = float(gradient @ step)
            if gain < ENOUGH:
                return theta, folds
            before = sum(one.loss for one in folds) + 0.5 * float(penalty @ theta**2)
            for size in 0.5 ** np.arange(12):
                tried = theta - size * step
                folds = [self._sums(tried, fold) for fold in self._folds()]
                after = sum(one.loss for one in folds) + 0.5 * float(penalty @ tried**2)
                if after < before:
                    break
            theta = tried
        raise FitError(
            "a smooth ratio: the fit does not converge; are the weights of a whole region negative, or do the two "
            "samples not overlap?"
        )

    def _left_out(self, theta: FloatArray, penalty: FloatArray, folds: list[_Sums]) -> float:
        """Return the loss of each fold under the coefficients of the others, all together."""
        hessian = np.sum([one.hessian for one in folds], axis=0) + np.diag(penalty)
        loss = 0.0
        for rows, own in zip(self._folds(), folds, strict=True):
            without = theta + _solve(hessian - own.hessian, own.gradient)
            loss += self._sums(without, rows, curved=False).loss
        return loss

    def _sums(self, theta: FloatArray, rows: slice, *, curved: bool = True) -> _Sums:
        loss, gradient = 0.0, np.zeros(len(theta))
        hessian = np.zeros((len(theta), len(theta)))
        for piece in _pieces(rows.stop, rows.start):
            terms, y, weight = self.terms.of(self.u[piece]), self.y[piece], self.weight[piece]
            score = terms @ theta
            loss += float(weight @ (np.logaddexp(0, score) - y * score))
            if curved:
                share = expit(score)
                gradient += terms.T @ (weight * (share - y))
                hessian += terms.T @ (terms * (weight * share * (1 - share))[:, None])
        return _Sums(loss, gradient, hessian)


@dataclass(frozen=True, eq=False)
class _Sums:
    """The loss of some rows, its gradient (T,) and its second derivatives (T, T)."""

    loss: float
    gradient: FloatArray
    hessian: FloatArray


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    try:
        solved: FloatArray = cho_solve(cho_factor(matrix), vector)
    except (LinAlgError, ValueError):
        raise FitError(
            "a smooth ratio: its likelihood has no maximum; are most weights of a region negative, or is one "
            "column a copy of another?"
        ) from None
    return solved
