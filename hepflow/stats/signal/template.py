"""Signal templates: the events of a resonance in the bins of a spectrum, and how nuisances change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import InputError
from hepflow.sample import FloatArray, Sample

Variations: TypeAlias = Mapping[str, tuple[FloatArray, FloatArray]]


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
    variations
        The counts with one nuisance parameter at plus and at minus one standard deviation: name ->
        (up, down), each of shape ``(B,)``.
    generated
        Events at signal strength one before every selection, to which the efficiency refers; None where that
        is not known.

    Raises
    ------
    InputError
        If a count or an error is negative or not finite, the shapes disagree, no bin has an event, or fewer
        events were generated than there are in the bins.
    """

    counts: FloatArray
    statistical: FloatArray = field(default_factory=lambda: np.zeros(0))
    name: str = "signal"
    variations: Variations = field(default_factory=dict)
    generated: float | None = None

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=np.float64)
        errors = np.asarray(self.statistical, dtype=np.float64)
        errors = errors if errors.size else np.zeros_like(counts)
        if counts.ndim != 1 or errors.shape != counts.shape:
            raise InputError(
                f"signal template {self.name!r}: expected counts and statistical errors of one shape (B,); "
                f"got {counts.shape} and {errors.shape}"
            )
        self._check_values("count", counts)
        self._check_values("statistical error", errors)
        if not np.any(counts):
            raise InputError(
                f"signal template {self.name!r} is zero in every bin: no limit can be set on it. Loosen the "
                "cut, or check that the signal's mass lies in the spectrum"
            )
        if self.generated is not None and not counts.sum() * (1 - 1e-9) <= self.generated < np.inf:
            raise InputError(
                f"signal template {self.name!r}: {counts.sum():g} events in its bins of {self.generated:g} "
                "generated; give the sum of the weights of all events, before any selection"
            )
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "statistical", errors)
        variations = {name: self._checked_pair(name, pair) for name, pair in self.variations.items()}
        object.__setattr__(self, "variations", variations)

    @classmethod
    def of(
        cls, signal: Sample, edges: ArrayLike, name: str = "signal", *, generated: float | None = None
    ) -> SignalTemplate:
        """Return the histogram of a signal sample, weighted to strength one, on bin edges (B + 1,) in GeV.

        The statistical error of a bin is the root of its summed squared weights. `generated` is the sum of the
        weights of all generated events, those that the sample has lost to selections and cuts included.

        Examples
        --------
        >>> import hepflow as hf
        >>> import numpy as np
        >>> signal = hf.Sample(np.array([3350.0, 3450.0, 3520.0]), np.zeros((3, 0)), (), weight=np.full(3, 2.0))
        >>> template = hf.stats.SignalTemplate.of(signal, np.array([3300.0, 3500.0, 3700.0]), generated=10.0)
        >>> template.counts
        array([4., 2.])
        >>> template.efficiency
        0.6
        """
        counts, _ = np.histogram(signal.mass, edges, weights=signal.weight)
        squares, _ = np.histogram(signal.mass, edges, weights=signal.weight**2)
        return cls(counts, np.sqrt(squares), name, generated=generated)

    @property
    def efficiency(self) -> float | None:
        """Fraction of the generated events that the bins hold; None where their number is not known."""
        return None if self.generated is None else float(np.sum(self.counts)) / self.generated

    @property
    def efficiency_error(self) -> float | None:
        """Binomial standard deviation of the efficiency, with the mean weight of the events in the bins.

        ``sqrt(eff (1 - eff) w / generated)`` with ``w = sum(statistical^2) / sum(counts)``; for unweighted
        events ``w`` is one.
        """
        if self.generated is None or self.efficiency is None:
            return None
        weight = float(np.sum(self.statistical**2) / np.sum(self.counts))
        return float(np.sqrt(self.efficiency * max(1.0 - self.efficiency, 0.0) * weight / self.generated))

    def __repr__(self) -> str:
        varied = f", varied by {', '.join(self.variations)}" if self.variations else ""
        return f"SignalTemplate({self.name!r}, {len(self.counts)} bins, {np.sum(self.counts):.6g} events{varied})"

    def scaled(self, factor: ArrayLike) -> SignalTemplate:
        """Return the template with its counts, errors and variations times a factor, one or one for each bin (B,)."""
        scale = np.asarray(factor, dtype=np.float64)
        variations = {name: (scale * up, scale * down) for name, (up, down) in self.variations.items()}
        generated = None if self.generated is None or scale.ndim else float(scale) * self.generated
        counts, errors = scale * self.counts, scale * self.statistical
        return replace(self, counts=counts, statistical=errors, variations=variations, generated=generated)

    def _checked_pair(
        self, nuisance: str, pair: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        up, down = (np.asarray(side, dtype=np.float64) for side in pair)
        if up.shape != self.counts.shape or down.shape != self.counts.shape:
            raise InputError(
                f"signal template {self.name!r}: expected variation {nuisance!r} as counts up and down of shape "
                f"{self.counts.shape}; got {up.shape} and {down.shape}"
            )
        for direction, side in (("up", up), ("down", down)):
            self._check_values(f"variation {nuisance!r}, {direction}, has count", side)
        return up, down

    def _check_values(self, what: str, values: FloatArray) -> None:
        bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if len(bad):
            raise InputError(
                f"signal template {self.name!r}: {what} {values[bad[0]]} in bin {bad[0]}; expected a "
                "finite number, zero or more. Where weights make bins negative, join bins"
            )


SignalShape: TypeAlias = Callable[[ArrayLike], SignalTemplate]
"""A signal before it is binned: a function from bin edges ``(B + 1,)`` in GeV to the template on them.

``partial(gaussian_signal, mass=3500, width=100)`` is one, and so are ``partial(SignalTemplate.of, sample)`` and
``SignalMorph.at(mass)``.
"""
