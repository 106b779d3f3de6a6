"""Integrands: functions of many points at once, whose values are checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.events import FloatArray

Function = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Integrand:
    """A function to integrate over a box.

    Parameters
    ----------
    function
        Takes points of shape ``(N, D)``, returns values ``(N,)``. The same points must give the same values.
    dim
        The number of axes D; needed where there are no bounds.
    bounds
        Lowest and highest value of each axis, shape ``(D, 2)``; the unit cube where left out.
    library
        What the function works with: ``numpy`` arrays or ``torch`` tensors, of double precision. It may return
        either.
    batch
        The most points that it is given at once.

    Raises
    ------
    ConfigError
        If dimension or bounds make no sense.
    """

    function: Function
    dim: int | None = None
    bounds: ArrayLike | None = None
    library: Literal["numpy", "torch"] = "numpy"
    batch: int = 65_536
    box: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ConfigError(
                f"integrand: {self.function!r} is a {type(self.function).__name__}; expected a function of points "
                "(N, D) that returns values (N,)"
            )
        if self.library not in ("numpy", "torch"):
            raise ConfigError(f"integrand: library {self.library!r}; expected 'numpy' or 'torch'")
        if self.batch < 1:
            raise ConfigError(f"integrand: batch of {self.batch} points; expected at least 1")
        box = _box(self.dim, self.bounds)
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "dim", len(box))

    @property
    def axes(self) -> int:
        """The number of axes D."""
        return len(self.box)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the values (N,) at points (N, D).

        Raises
        ------
        InputError
            If the function returns another shape than ``(N,)``, no real numbers, or some that are not finite.
        """
        parts = [self._values(x[start : start + self.batch]) for start in range(0, len(x), self.batch)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _values(self, x: FloatArray) -> FloatArray:
        given: Any = torch.from_numpy(x.copy()) if self.library == "torch" else x.copy()
        found = self.function(given)
        values: NDArray[Any] = (
            found.detach().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
        )
        if values.shape != (len(x),):
            raise InputError(
                f"the integrand returned values of shape {values.shape} for {len(x):,} points (N, "
                f"{self.axes}); expected "
                f"({len(x)},), one value a point"
            )
        if values.dtype.kind not in "fiu":
            raise InputError(
                f"the integrand returned values of type {values.dtype}; expected real numbers (of an "
                "amplitude, take the "
                "square of its size)"
            )
        values = values.astype(np.float64)
        bad = ~np.isfinite(values)
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"the integrand is {values[first]} at {np.array2string(x[first], precision=6)}, and not finite at "
                f"{int(bad.sum()):,} of {len(x):,} points; return 0 where nothing is allowed, and keep "
                "singular points "
                "outside the bounds"
            )
        return values


def _box(dim: int | None, bounds: ArrayLike | None) -> FloatArray:
    """Return the bounds, shape ``(D, 2)``, checked."""
    if bounds is None:
        if dim is None or dim < 1:
            raise ConfigError(
                f"integrand: dim is {dim}; expected the number of axes, at least 1, or bounds (low, "
                "high) of each axis"
            )
        return np.tile([0.0, 1.0], (dim, 1))
    box = np.asarray(bounds, dtype=np.float64)
    if box.ndim != 2 or box.shape[1] != 2 or not len(box):
        raise ConfigError(
            f"integrand: bounds of shape {box.shape}; expected (D, 2), low and high of each axis"
        )
    if dim is not None and len(box) != dim:
        raise ConfigError(f"integrand: bounds of {len(box)} axes, but dim is {dim}; expected as many of each")
    for axis, (low, high) in enumerate(box):
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            reversed_ = "; are they reversed?" if low > high else ""
            raise ConfigError(
                f"integrand: axis {axis} runs from {low:g} to {high:g}; expected finite bounds with low "
                f"< high{reversed_}"
            )
    return box


def integrand(
    function: Function | Integrand,
    dim: int | None = None,
    bounds: Sequence[Sequence[float]] | ArrayLike | None = None,
) -> Integrand:
    """Return an integrand of use: as it is, or made of a function."""
    if isinstance(function, Integrand):
        if (dim is not None and dim != function.axes) or (
            bounds is not None and not np.array_equal(function.box, _box(None, bounds))
        ):
            raise ConfigError(
                f"integrand: it has {function.axes} axes with bounds of its own; leave dim and bounds out here"
            )
        return function
    return Integrand(function, dim, bounds)
