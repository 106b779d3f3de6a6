"""The profile likelihood of a model on one data set.

Every test statistic is a difference of a few fits: `Profile` makes each of them once and keeps it. The model
may be a `pyhf.Model` or any `Likelihood`, such as a compiled `HistFactory`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyhf
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.arrow import objective
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.minimise import TOLERANCE, Curvature, Minimum, curvature_at, minimise
from hepflow.stats.numerical import likelihood_of

AnyModel: TypeAlias = "pyhf.Model | Likelihood"
Mask = NDArray[np.bool_]

_BETTER = 1e-6


class Profile:
    """The profile likelihood of one model on one data set: each fit is made once.

    Parameters
    ----------
    model
        The model.
    data
        Main data then auxiliary data, as `pyhf.Workspace.data` gives them, or main data alone.
    bounds
        Ends of the signal strength. By default none above, and below only what keeps nominal rates positive.

    Raises
    ------
    InputError
        If the data have another length than the model, or hold a negative or non-finite count.
    """

    def __init__(
        self, model: AnyModel, data: ArrayLike, *, bounds: tuple[float, float] | None = None
    ) -> None:
        self.model = model if isinstance(model, Likelihood) else likelihood_of(model)
        self.data = _checked_data(self.model, data)
        self._low, self._high = self.model.low.copy(), self.model.high.copy()
        if bounds is not None:
            if not bounds[0] < bounds[1]:
                raise ConfigError(
                    f"bounds of the signal strength {bounds}: expected (low, high) with low < high"
                )
            self._low[self.model.poi], self._high[self.model.poi] = bounds
        self._conditional: dict[float, Minimum] = {}
        self._free: Minimum | None = None

    @property
    def mu_hat(self) -> float:
        """Signal strength of the free fit."""
        return float(self.free.x[self.model.poi])

    @property
    def mu_hat_error(self) -> float:
        """Its standard deviation, from the curvature of the likelihood.

        At its lower end, or where the likelihood does not curve, it is the one expected without signal (eq. 30).

        Raises
        ------
        FitError
            If the data do not determine the signal strength.
        """
        poi = self.model.poi
        variance = self.covariance[poi, poi] if self.mu_hat > self._low[poi] else np.inf
        if not np.isfinite(variance):
            variance = self.asimov().covariance[poi, poi]
        if not np.isfinite(variance):
            raise FitError(
                f"the data do not determine {self.model.names[poi]!r}: another free parameter does what the "
                "signal does (a shapefactor or normfactor of its bins?); constrain it, or add a control channel"
            )
        return float(np.sqrt(variance))

    @property
    def bounds(self) -> tuple[float, float]:
        """Ends of the signal strength in every fit."""
        return float(self._low[self.model.poi]), float(self._high[self.model.poi])

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of the free fit's parameters, shape ``(P, P)``; infinite variance where undetermined."""
        return self._curvature.covariance

    @cached_property
    def _curvature(self) -> Curvature:
        return self._curvature_at(self.free.x, self.movable(fix_poi=False))

    @property
    def free(self) -> Minimum:
        """The fit with the signal strength free."""
        if self._free is None:
            background = self.conditional(max(0.0, float(self._low[self.model.poi])))
            self._free = self._fit(self._guess(background.x), self.movable(fix_poi=False))
            self._refuse_bounds(self._free)
            self._improve(background)
        return self._free

    def _improve(self, first: Minimum) -> None:
        """Fit the first signal strength again from where the free fit ended: it may have met a local minimum."""
        start, mu = self.free.x.copy(), float(first.x[self.model.poi])
        start[self.model.poi] = mu
        try:
            again = self._fit(start, self.movable(fix_poi=True))
        except FitError:
            return
        if again.value < first.value - _BETTER:
            self._conditional[mu] = again

    def conditional(self, mu: float) -> Minimum:
        """Return the fit with the signal strength fixed to `mu`."""
        if mu not in self._conditional:
            start = self._nearest(mu)
            start[self.model.poi] = mu
            self._conditional[mu] = self._fit(start, self.movable(fix_poi=True))
        return self._conditional[mu]

    def fixing(self, parameter: int, value: float) -> Minimum:
        """Return the fit with one parameter (an index) fixed to `value`, inside its bounds, and the rest free."""
        start, matrix = self.free.x.copy(), self.covariance
        value = float(np.clip(value, self._low[parameter], self._high[parameter]))
        variance = matrix[parameter, parameter]
        if 0 < variance < np.inf:  # where the others go if the likelihood is a parabola
            start += matrix[parameter] / variance * (value - start[parameter])
        start[parameter] = value
        free = self.movable(fix_poi=False)
        free[parameter] = False
        return self._fit(start, free)

    def rise(self, mu: float) -> float:
        """Return -2 ln of the profile likelihood ratio of `mu`, arXiv:1007.1727 eq. 7; zero or more."""
        conditional = self.conditional(mu)
        if conditional.value < self.free.value - _BETTER:  # the free fit sat in another minimum
            self._free = self._fit(conditional.x, self.movable(fix_poi=False))
            self._refuse_bounds(self._free)
            for kept in ("covariance", "_curvature"):
                self.__dict__.pop(kept, None)
        return max(0.0, conditional.value - self.free.value)

    def asimov(self, mu: float = 0.0) -> Profile:
        """Return the profile on Asimov data of a signal strength; the background-only fit sets the nuisances."""
        x = self.conditional(0.0).x.copy()
        x[self.model.poi] = mu
        other = Profile(self.model, self.model.expected_data(x))
        value = float(self.model.expand(x, other.data).value)
        other._free = Minimum(x, value, 0.0, np.zeros_like(x), valid=True)
        other._conditional[mu] = other._free
        return other

    def background(self, bins: Mask) -> tuple[float, float]:
        """Return the background in a mask of bins (N,) as the best fit has it, and its error.

        The error is infinite where the data do not determine the background.
        """
        x, poi = self.free.x.copy(), self.model.poi
        x[poi] = 0.0
        rates, jacobian = self.model.rates(x)
        slope = jacobian[bins].sum(axis=0)
        slope[poi] = 0.0
        return float(rates[bins].sum()), float(np.sqrt(self._curvature.variance(slope)))

    def covariance_at(self, x: FloatArray, free: Mask) -> FloatArray:
        """Return the covariance (P, P) of the free parameters of a fit that ended at `x` (P,)."""
        return self._curvature_at(x, free).covariance

    def _curvature_at(self, x: FloatArray, free: Mask) -> Curvature:
        return curvature_at(objective(self.model, self.data), x, self._low, self._high, free)

    def movable(self, *, fix_poi: bool) -> Mask:
        """Return which parameters a fit moves, shape ``(P,)``."""
        free: Mask = ~self.model.fixed
        free[self.model.poi] = not fix_poi
        return free

    def _nearest(self, mu: float) -> FloatArray:
        known = [(at, fit.x) for at, fit in self._conditional.items()]
        if self._free is not None:
            known.append((self.mu_hat, self._free.x))
        if not known:
            return self.model.at(mu)
        return min(known, key=lambda pair: abs(pair[0] - mu))[1].copy()

    def _guess(self, x: FloatArray) -> FloatArray:
        """Return `x` with the signal strength that one weighted step of least squares would take."""
        rates, jacobian = self.model.rates(x)
        signal, n = jacobian[:, self.model.poi], self.data[: self.model.n_bins]
        weight = 1.0 / np.maximum(np.maximum(rates, n), 1.0)
        guess = x.copy()
        felt = float(np.sum(weight * signal**2))
        guess[self.model.poi] += float(np.sum(weight * signal * (n - rates))) / max(felt, 1e-300)
        return guess

    def _fit(self, start: FloatArray, free: Mask) -> Minimum:
        found = minimise(objective(self.model, self.data), start, self._low, self._high, free)
        if not np.isfinite(found.value):
            self._refuse_impossible(found.x)
        if not found.valid:
            worst = int(np.argmax(found.distances))
            raise FitError(
                f"the fit did not converge (EDM {found.edm:.2g}, {TOLERANCE:g} wanted); farthest from its minimum is "
                f"{self.model.names[worst]!r} at {found.x[worst]:.4g}. Give it a constraint or bounds, join "
                "bins with few events, or drop a mode that the data do not feel"
            )
        return found

    def _refuse_impossible(self, x: FloatArray) -> None:
        rates, n = self.model.rates(x)[0], self.data[: self.model.n_bins]
        bad = np.flatnonzero((rates <= 0) & (n > 0))
        if len(bad):
            raise FitError(
                f"bin {bad[0]} holds {n[bad[0]]:g} events where {rates[bad[0]]:g} are expected at signal "
                f"strength {x[self.model.poi]:g}: no fit can describe it; join the bin with a neighbour or "
                "loosen the cut"
            )

    def _refuse_bounds(self, found: Minimum) -> None:
        at_end = np.flatnonzero((found.x >= self._high) & self.movable(fix_poi=False))
        if len(at_end):
            name, end = self.model.names[at_end[0]], self._high[at_end[0]]
            raise FitError(
                f"the fit ends on the upper bound of {name!r}, {end:g}: widen its bounds in the measurement "
                "(or the call), or scale its sample up"
            )


def as_profile(model: AnyModel | Profile, data: ArrayLike | None) -> Profile:
    """Return a Profile of model and data, or the one given."""
    if isinstance(model, Profile):
        return model
    if data is None:
        raise ConfigError("a model needs data; give both, or a Profile")
    return Profile(model, data)


def _checked_data(model: Likelihood, data: ArrayLike) -> FloatArray:
    values = np.asarray(data, dtype=np.float64)
    if values.shape == (model.n_bins,):
        values = model.data(values)
    if values.shape != (model.n_bins + len(model.auxiliary),):
        raise InputError(
            f"expected data for {model.n_bins} bins, with or without {len(model.auxiliary)} auxiliary data; "
            f"got shape {values.shape}"
        )
    main = values[: model.n_bins]
    if not np.all(np.isfinite(values)) or np.any(main < 0):
        bad = int(np.argmax(~np.isfinite(main) | (main < 0)))
        raise InputError(
            f"observed data of bin {bad} are {main[bad]}; expected a finite number, zero or more"
        )
    return values
