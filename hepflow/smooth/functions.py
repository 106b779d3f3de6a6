"""The smooth functions of dijet searches: their logarithm is linear in their parameters.

With ``x = m / sqrt(s)`` each is ``ln f(x) = ln p0 + sum_k p_k t_k(x)``; the terms `t_k` make the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hepflow.errors import ConfigError, did_you_mean
from hepflow.sample import FloatArray

Terms = Callable[[FloatArray], list[FloatArray]]

_LARGEST_CHANGE = 0.3
_EXPONENTS = (0.02, 5.0)


@dataclass(frozen=True)
class Function:
    """A family of smooth functions of rising order.

    Parameters
    ----------
    name, formula
        What it is called, and how it is written, `x` being ``m / sqrt(s)``.
    terms
        The terms `t_k` at points (N,), each of shape ``(N,)``.
    orders
        Number of shape parameters -> which of the terms an order has.
    refine
        Where a parameter is not linear in the logarithm: the function linearised anew at fitted parameters
        (``ln p0, p_1, ...``), and how far it moved; None elsewhere.
    """

    name: str
    formula: str
    terms: Terms
    orders: Mapping[int, tuple[int, ...]]
    refine: Callable[[FloatArray], tuple[Function, float]] | None = None

    @property
    def lowest(self) -> int:
        """Fewest shape parameters."""
        return min(self.orders)

    @property
    def highest(self) -> int:
        """Most shape parameters."""
        return max(self.orders)

    def __call__(self, x: FloatArray, n_shape: int) -> FloatArray:
        """Return the constant and the terms of an order at points (...), shape ``(..., n_shape + 1)``."""
        terms = self.terms(x)
        return np.stack([np.ones_like(x), *(terms[k] for k in self.orders[n_shape])], axis=-1)


def _dijet(x: FloatArray) -> list[FloatArray]:
    log = np.log(x)
    return [np.log1p(-x), -log, -(log**2), -(log**3)]


def _ua2(x: FloatArray) -> list[FloatArray]:
    return [-np.log(x), -x, -(x**2)]


def _modified_exponential(exponent: float) -> Function:
    """Return ``exp(-p1 x^p2)``, linearised in p2 around an exponent."""

    def terms(x: FloatArray) -> list[FloatArray]:
        power = x**exponent
        return [-power, -power * np.log(x)]

    def refine(parameters: FloatArray) -> tuple[Function, float]:
        if len(parameters) < 3 or parameters[1] == 0.0:
            return _modified_exponential(exponent), 0.0
        change = float(np.clip(parameters[2] / parameters[1], -_LARGEST_CHANGE, _LARGEST_CHANGE))
        moved = float(np.clip(exponent + change, *_EXPONENTS))
        return _modified_exponential(moved), abs(moved - exponent)

    return Function("modified-exponential", "p0 exp(-p1 x^p2)", terms, {1: (0,), 2: (0, 1)}, refine)


DIJET = Function(
    "dijet",
    "p0 (1 - x)^p1 / x^(p2 + p3 ln x + p4 ln^2 x)",
    _dijet,
    {1: (1,), 2: (0, 1), 3: (0, 1, 2), 4: (0, 1, 2, 3)},
)
"""The dijet function, with one to four shape parameters."""
UA2 = Function("ua2", "p0 x^-p1 exp(-p2 x - p3 x^2)", _ua2, {1: (0,), 2: (0, 1), 3: (0, 1, 2)})
"""The function of UA2: a power law times an exponential."""
MODIFIED_EXPONENTIAL = _modified_exponential(1.0)
"""An exponential of a power, whose exponent is fitted by linearising it anew."""

FUNCTIONS = {function.name: function for function in (DIJET, UA2, MODIFIED_EXPONENTIAL)}
"""The functions by their names."""


def function_of(name: str) -> Function:
    """Return a function by its name.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> import hepflow as hf
    >>> hf.smooth.function_of("dijet").formula
    'p0 (1 - x)^p1 / x^(p2 + p3 ln x + p4 ln^2 x)'
    >>> sorted(hf.smooth.FUNCTIONS)
    ['dijet', 'modified-exponential', 'ua2']
    """
    if name not in FUNCTIONS:
        raise ConfigError(
            f"no smooth function {name!r}; {did_you_mean(name, FUNCTIONS)} (a template is given as an array)"
        )
    return FUNCTIONS[name]
