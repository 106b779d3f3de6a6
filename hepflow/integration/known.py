"""Integrals whose values are known: to try proposals on, and to see that they are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from hepflow.events import FloatArray
from hepflow.integration.channels import Channel
from hepflow.integration.integrand import Integrand
from hepflow.integration.mappings import BreitWigner


@dataclass(frozen=True, eq=False)
class KnownIntegral:
    """An integrand, its integral, and the channels that suit it.

    Parameters
    ----------
    integrand
        What is integrated.
    exact
        The integral.
    channels
        Mappings of its peaks; none where it has none.
    """

    integrand: Integrand
    exact: float
    channels: tuple[Channel, ...] | None = None


def camel(dim: int, width: float = 0.2) -> KnownIntegral:
    """Return two Gaussians on the diagonal of the unit cube, at 1/3 and 2/3: no grid of axes can follow them.

    Parameters
    ----------
    dim
        The number of axes.
    width
        The a in ``exp(-|x - c|^2 / a^2)``.

    Notes
    -----
    G. P. Lepage, J. Comput. Phys. 27 (1978) 192, sec. 4.
    """
    norm = 1 / (2 * (width * np.sqrt(np.pi)) ** dim)

    def function(x: FloatArray) -> FloatArray:
        each = [np.exp(-np.sum((x - centre) ** 2, axis=1) / width**2) for centre in (1 / 3, 2 / 3)]
        return np.asarray(norm * (each[0] + each[1]))

    inside = [0.5 * (erf((1 - centre) / width) + erf(centre / width)) for centre in (1 / 3, 2 / 3)]
    return KnownIntegral(Integrand(function, dim), float(0.5 * sum(share**dim for share in inside)))
