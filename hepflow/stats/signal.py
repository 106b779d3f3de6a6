"""Signal templates: the events of a resonance in the bins of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray, Sample
from hepflow.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class SignalTemplate:
    """Signal events per bin of a spectrum at signal strength one.

    Parameters
    ----------
    counts
        Events per bin, shape ``(B,)``, on the edges of the spectrum.
    statistical
        Their independent errors, shape ``(B,)``; zero when left out.
    name
        What figures and tables call it.

    Raises
    ------
    InputError
        If a count or an error is negative or not finite, the shapes disagree, or no bin has an event.
    """

    counts: FloatArray
    statistical: FloatArray = field(default_factory=lambda: np.zeros(0))
    name: str = "signal"

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=np.float64)
        errors = np.asarray(self.statistical, dtype=np.float64)
        errors = errors if errors.size else np.zeros_like(counts)
        if counts.ndim != 1 or errors.shape != counts.shape:
            raise InputError(
                f"signal template {self.name!r}: expected counts and statistical errors of one shape (B,); "
                f"got {counts.shape} and {errors.shape}"
            )
        for what, values in (("count", counts), ("statistical error", errors)):
            bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
            if len(bad):
                raise InputError(
                    f"signal template {self.name!r}: {what} {values[bad[0]]} in bin {bad[0]}; expected a "
                    "finite number, zero or more. Where weights make bins negative, join bins"
                )
        if not np.any(counts):
            raise InputError(
                f"signal template {self.name!r} is zero in every bin: no limit can be set on it. Loosen the "
                "cut, or check that the signal's mass lies in the spectrum"
            )
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "statistical", errors)

    @classmethod
    def of(cls, signal: Sample, edges: ArrayLike, name: str = "signal") -> SignalTemplate:
        """Return the histogram of a signal sample, weighted to strength one, on bin edges (B + 1,) in GeV.

        The statistical error of a bin is the root of its summed squared weights.
        """
        counts, _ = np.histogram(signal.mass, edges, weights=signal.weight)
        squares, _ = np.histogram(signal.mass, edges, weights=signal.weight**2)
        return cls(counts, np.sqrt(squares), name)


def gaussian_signal(edges: ArrayLike, mass: float, width: float, events: float = 1.0) -> SignalTemplate:
    """Return a Gaussian resonance, integrated over each bin.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    mass, width
        Mean and standard deviation, GeV.
    events
        Events at signal strength one, those outside the edges included.
    """
    if not (width > 0 and np.isfinite(mass) and events > 0):
        raise ConfigError(
            f"Gaussian signal at {mass} GeV of width {width} GeV with {events} events: expected a finite "
            "mass, and width and events above zero"
        )
    cumulative = ndtr((np.asarray(edges, dtype=np.float64) - mass) / width)
    return SignalTemplate(events * np.diff(cumulative), name=f"Gaussian, {mass:g} GeV")


def counting_signal(spectrum: Spectrum) -> SignalTemplate:
    """Return one event in the signal region, spread like the background expected there.

    Such a signal has no shape to tell it from the background: the fit counts events, the signal strength is
    the number of signal events in the signal region, and no mass is preferred.
    """
    inside = spectrum.in_signal
    shape = np.where(inside, spectrum.expected, 0.0)
    if not shape.sum() > 0:
        shape = np.where(inside, np.diff(spectrum.edges), 0.0)
    return SignalTemplate(shape / shape.sum(), name="one event")
