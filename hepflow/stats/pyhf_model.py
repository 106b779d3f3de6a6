"""What every likelihood of a pyhf model takes from that model: parameters, bounds, constraints, samples."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pyhf

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.terms import UnknownModelError, constraints

# What pyhf sets where a workspace sets nothing: an aid to its minimisers, not physics. A result clipped there
# is wrong without a word (s=1, b=100, n=150 gives Z=2.93 in place of 4.65), so these ends are lifted.
_LIFTED = {(0.0, 10.0): (0.0, np.inf), (-5.0, 5.0): (-np.inf, np.inf), (1e-10, 10.0): (1e-10, np.inf)}


class PyhfLikelihood(Likelihood):
    """The likelihood of a `pyhf.Model`; how its rates are computed is left open.

    Parameters
    ----------
    model
        A model built on pyhf's numpy backend at 64 bits.

    Raises
    ------
    ConfigError
        If pyhf runs another backend, the model has no parameter of interest, or that parameter changes no
        rate.
    InputError
        If fewer than zero events are expected in a bin without signal.
    UnknownModelError
        If the likelihood is not that of the model.
    """

    def __init__(self, model: pyhf.Model) -> None:
        if (pyhf.tensorlib.name, pyhf.tensorlib.precision) != ("numpy", "64b"):
            raise ConfigError(
                f"pyhf runs its {pyhf.tensorlib.name} backend at {pyhf.tensorlib.precision}; hepflow.stats "
                'needs numpy at 64b: call pyhf.set_backend("numpy", precision="64b") before you build the model'
            )
        config = model.config
        if config.poi_index is None:
            raise ConfigError("the model has no parameter of interest: name one as `poi` in its measurement")
        self.names = list(config.par_names)
        self.poi = int(config.poi_index)
        self.init = np.array(config.suggested_init(), dtype=np.float64)
        self.fixed = np.array(config.suggested_fixed(), dtype=bool)
        self.n_bins = int(config.nmaindata)
        self.auxiliary = np.array(config.auxdata, dtype=np.float64)
        self.samples = tuple(config.samples)
        self.constraints = constraints(model)
        self._channels: dict[str, slice] = dict(config.channel_slices)
        self._prepare(model)
        bounds = [_LIFTED.get((float(a), float(b)), (a, b)) for a, b in config.suggested_bounds()]
        self.low, self.high = np.array(bounds, dtype=np.float64).T
        self.background = self._without_signal()
        self.low[self.poi], self.high[self.poi] = self._lowest_signal(), np.inf
        self._agree_with(model)

    @property
    def channels(self) -> dict[str, slice]:
        """The bins of each channel."""
        return self._channels

    @abstractmethod
    def _prepare(self, model: pyhf.Model) -> None:
        """Get ready to compute rates."""

    def _without_signal(self) -> FloatArray:
        rates = self.rates(self.at(0.0))[0]
        bad = np.flatnonzero(~(rates >= 0))
        if len(bad):
            where = next(name for name, bins in self._channels.items() if bins.start <= bad[0] < bins.stop)
            raise InputError(
                f"channel {where!r}: its samples add up to {rates[bad[0]]:g} events without signal in bin "
                f"{bad[0] - self._channels[where].start}; expected zero or more: join bins until no sum is negative"
            )
        return rates

    def _lowest_signal(self) -> float:
        signal = self.rates(self.at(1.0))[0] - self.background
        if not np.any(signal):
            raise ConfigError(
                f"the parameter of interest {self.names[self.poi]!r} changes no rate: the signal is zero in "
                "every bin; give a signal template with events in the signal region"
            )
        if np.any(signal < 0):
            return float(self.low[self.poi])
        filled = signal > 0
        return -float(np.min(self.background[filled] / signal[filled]))

    def _agree_with(self, model: pyhf.Model) -> None:
        x = np.where(self.fixed, self.init, np.clip(self.init * 1.03 + 0.02, self.low, self.high))
        data = self.expected_data(self.init) * 1.1
        mine = -0.5 * (float(self.expand(x, data).value) + self.saturated(data))
        theirs = float(model.logpdf(x, data)[0])
        if not np.isclose(mine, theirs, rtol=1e-7, atol=1e-7):
            raise UnknownModelError(
                f"this model's likelihood (ln L {theirs} in pyhf) is not the HistFactory one that hepflow.stats "
                f"computes ({mine}); use pyhf's own modifiers, with interpolation codes 4 and 4p"
            )
