"""A pyhf specification as arrays: which parameter moves which sample in which bin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyhf

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.expansion import IndexArray
from hepflow.stats.likelihood import Constraints
from hepflow.stats.scales import Ends, Scales

_SCALARS = ("normfactor", "lumi")
_PER_BIN = ("shapesys", "shapefactor", "staterror")


class UnknownModelError(ConfigError):
    """A model that is none of HistFactory's, which pyhf itself may still know."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The pieces of every rate: `S` samples, `N` bins of all channels, `P` parameters.

    Parameters
    ----------
    nominal
        Events, shape ``(S, N)``; zero where a channel lacks a sample.
    factor
        Parameters that multiply, shape ``(F, S, N)``; `P` stands for a factor of one.
    shift, symmetric, asymmetric
        Parameters of additive shifts (histosys), shape ``(H,)``, and the arrays of `code4p`.
    scales
        Multiplicative scales (normsys).
    """

    nominal: FloatArray
    factor: IndexArray
    shift: IndexArray
    symmetric: FloatArray
    asymmetric: FloatArray
    scales: Scales


def compile_terms(model: pyhf.Model) -> Terms:
    """Read the samples and modifiers of a model.

    Raises
    ------
    UnknownModelError
        If it holds a modifier that HistFactory does not know.
    InputError
        If a yield is not finite.
    """
    config = model.config
    n_bins, n_samples = config.nmaindata, len(config.samples)
    nominal = np.zeros((n_samples, n_bins))
    factors: list[list[list[int]]] = [[[] for _ in range(n_bins)] for _ in range(n_samples)]
    shifts: dict[int, FloatArray] = {}
    channels = list(config.channels)
    scales: dict[tuple[int, int, int], Ends] = {}
    used: dict[str, dict[str, int]] = {}
    for channel, sample, row, bins in _samples(model):
        if not np.all(np.isfinite(sample["data"])):
            raise InputError(
                f"sample {sample['name']!r} of channel {channel!r} holds {sample['data']}; expected numbers"
            )
        nominal[row, bins] = sample["data"]
        for modifier in sample["modifiers"]:
            kind, name, data = modifier["type"], modifier["name"], modifier["data"]
            first = config.par_slice(name).start
            if kind == "histosys":
                pair = shifts.setdefault(first, np.zeros((2, n_samples, n_bins)))
                pair[0, row, bins] = np.subtract(data["hi_data"], sample["data"])
                pair[1, row, bins] = np.subtract(sample["data"], data["lo_data"])
            elif kind == "normsys":
                scales[channels.index(channel), row, first] = float(data["hi"]), float(data["lo"])
            elif kind in _SCALARS or kind in _PER_BIN:
                if kind == "staterror":  # one parameter per bin of every channel that has it
                    seen = used.setdefault(name, {})
                    first += seen.setdefault(channel, sum(config.channel_nbins[c] for c in seen))
                for i, at in enumerate(range(bins.start, bins.stop)):
                    factors[row][at].append(first if kind in _SCALARS else first + i)
            else:
                raise UnknownModelError(
                    f"modifier {name!r} of channel {channel!r} has the unknown type {kind!r}"
                )
    factor = _padded(factors, config.npars)
    up_down = np.array(list(shifts.values())).reshape(-1, 2, n_samples, n_bins)
    asymmetric = (up_down[:, 0] - up_down[:, 1]) / 16.0
    return Terms(
        nominal,
        factor,
        np.array(list(shifts), dtype=np.intp),
        0.5 * (up_down[:, 0] + up_down[:, 1]),
        asymmetric if np.any(np.abs(asymmetric) > 1e-14 * np.max(nominal, initial=1.0)) else asymmetric[:0],
        Scales.of(scales, [config.channel_slices[name] for name in channels], n_samples),
    )


def _samples(model: pyhf.Model) -> Iterator[tuple[str, dict[str, Any], int, slice]]:
    """Yield channel, sample, row of the sample and slice of the bins, channels in the model's order."""
    config = model.config
    by_name = {channel["name"]: channel for channel in model.spec["channels"]}
    for name in config.channels:
        for sample in by_name[name]["samples"]:
            yield name, sample, config.samples.index(sample["name"]), config.channel_slices[name]


def _padded(factors: list[list[list[int]]], dummy: int) -> IndexArray:
    deepest = max(1, max(len(cell) for row in factors for cell in row))
    table = [[cell + [dummy] * (deepest - len(cell)) for cell in row] for row in factors]
    return np.ascontiguousarray(np.moveaxis(np.array(table, dtype=np.intp), 2, 0))


def constraints(model: pyhf.Model) -> Constraints:
    """Return what the auxiliary data of a model constrain."""
    index: list[int] = []
    poisson: list[bool] = []
    width: list[float] = []
    for name in model.config.auxdata_order:
        parameters, where = model.config.param_set(name), model.config.par_slice(name)
        index.extend(range(where.start, where.stop))
        is_poisson = parameters.pdf_type == "poisson"
        poisson.extend([is_poisson] * parameters.n_parameters)
        width.extend(parameters.factors if is_poisson else parameters.width())
    return Constraints(
        np.array(index, dtype=np.intp), np.array(poisson, dtype=bool), np.array(width, dtype=np.float64)
    )
