"""Signal on a smooth background, both fitted to the whole spectrum at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.smooth import BinIntegrals, SmoothFit, as_pairs
from hepflow.stats.interpolation import code4p
from hepflow.stats.likelihood import Constraints, Likelihood
from hepflow.stats.signal import SignalTemplate

SPURIOUS = "spurious_signal"


class SmoothModel(Likelihood):
    """A smooth function with free parameters, plus `mu` times a signal, in the bins of a spectrum.

    The rate of a bin is ``integral of f(c) + (mu + theta n_sp / n_s) s(theta')``, with the coefficients `c` of the
    decorrelated basis of `smooth` free. The auxiliary data are those of the signal's nuisance parameters, and of
    `theta` where there is a spurious signal.

    Parameters
    ----------
    smooth
        A fit of the function to the spectrum without signal: its order, where the fits start, and their basis.
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    signal
        Signal at strength one in those bins; its `variations` become nuisance parameters.
    bins
        Mask of the bins to fit, shape ``(B,)``; all by default. Data are those of these bins alone.
    spurious
        Events of signal (over all bins) that the function's choice may fake: one standard deviation.
    exposure
        Counts for an event of the function, shape ``(B,)``, as for `hepflow.smooth.fit_smooth`; the signal's counts
        have it in them. One by default.

    Raises
    ------
    ConfigError
        If signal or mask have another number of bins than the spectrum, the mask is not bool, or `spurious` is
        negative.
    InputError
        If no signal falls into the fitted bins.
    """

    samples = ("background", "signal")

    def __init__(
        self,
        smooth: SmoothFit,
        edges: ArrayLike,
        signal: SignalTemplate,
        *,
        bins: NDArray[np.bool_] | None = None,
        spurious: float = 0.0,
        exposure: FloatArray | None = None,
    ) -> None:
        pairs = as_pairs(edges)
        kept = np.ones(len(pairs), dtype=bool) if bins is None else np.asarray(bins)
        if signal.counts.shape != kept.shape or kept.shape != (len(pairs),):
            raise ConfigError(
                f"signal template {signal.name!r} has {len(signal.counts)} bins and the mask {len(kept)}; the "
                f"spectrum has {len(pairs)}"
            )
        if kept.dtype != np.bool_:
            raise ConfigError(f"the mask of the fitted bins must be bool; got {kept.dtype}")
        if not spurious >= 0:
            raise ConfigError(f"spurious signal of {spurious} events: expected zero or more")
        self._signal = signal.counts[kept]
        if not np.any(self._signal > 0):
            raise InputError(
                f"signal template {signal.name!r} has no event in the fitted bins; move the fit's range or the "
                "signal's mass"
            )
        integrals = BinIntegrals(pairs[kept], smooth.n_shape, smooth.sqrt_s, smooth.function)
        if exposure is not None:
            integrals.weights = exposure[kept, None] * integrals.weights
        self._integrals, self._basis = integrals, integrals.terms @ smooth.transform
        n_smooth, names = len(smooth.coefficients), list(signal.variations)
        shifts = np.array([[up[kept], down[kept]] for up, down in signal.variations.values()])
        up, down = shifts.reshape(-1, 2, 1, len(self._signal)).swapaxes(0, 1) - self._signal
        self._symmetric, self._asymmetric = 0.5 * (up - down), (up + down) / 16.0
        self._nuisances = slice(1 + n_smooth, 1 + n_smooth + len(names))
        self._spurious = spurious / float(signal.counts.sum())
        if spurious:
            names.append(SPURIOUS)

        self.names = ["mu", *(f"{smooth.function.name}_{k}" for k in range(n_smooth)), *names]
        self.poi, self.n_bins = 0, len(self._signal)
        self.init = np.concatenate([[0.0], smooth.coefficients, np.zeros(len(names))])
        self.fixed = np.zeros(len(self.init), dtype=bool)
        self.auxiliary = np.zeros(len(names))
        index = np.arange(1 + n_smooth, len(self.init))
        self.constraints = Constraints(index, np.zeros(len(names), dtype=bool), np.ones(len(names)))
        self.background = integrals(self._basis, smooth.coefficients)[0]
        self.low = np.full(len(self.init), -np.inf)
        self.high = np.full(len(self.init), np.inf)
        filled = self._signal > 0
        self.low[0] = -float(np.min(self.background[filled] / self._signal[filled]))

    def sample_rates(self, x: FloatArray) -> FloatArray:
        """Return the expected events of background and signal in each bin, shape ``(..., 2, N)``."""
        background, _ = self._integrals(self._basis, x[..., 1 : self._nuisances.start])
        return np.stack([background, self.rates(x)[0] - background], axis=-2)

    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (..., N) and their derivatives (..., N, P) at points (..., P)."""
        first = self._nuisances.start
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            background, slopes = self._integrals(self._basis, x[..., 1:first])
        jacobian = np.zeros((*background.shape, x.shape[-1]))
        jacobian[..., 1:first] = slopes
        mu, signal = x[..., :1], self._signal
        if self._spurious:
            mu = mu + self._spurious * x[..., -1:]
        if len(self._symmetric):
            shift, slope = code4p(x[..., self._nuisances], self._symmetric, self._asymmetric)
            signal = signal + shift[..., 0, :]
            jacobian[..., self._nuisances] = np.swapaxes(slope[..., 0, :], -1, -2) * mu[..., None]
        jacobian[..., 0] = signal
        if self._spurious:
            jacobian[..., -1] = self._spurious * signal
        return background + mu * signal, jacobian
