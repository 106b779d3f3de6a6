"""DensityRatio: what every classifier here is, and the tables that it is learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray, Sample

Rows = Sample | ArrayLike | Mapping[str, ArrayLike]
"""A sample, or a table that `table` makes one of: an array ``(N, D)``, a data frame or a dictionary of columns."""


@runtime_checkable
class DensityRatio(Protocol):
    """A density ratio learned from two samples."""

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> DensityRatio:
        """Train on N events against M; weights are respected, and both samples count the same in total."""
        ...

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return the log density ratio of each event, shape ``(N,)``."""
        ...


Classifier = DensityRatio  # as it was called when all that it did was to select events


def table(rows: Rows, weight: ArrayLike | None = None, names: Sequence[str] = ()) -> Sample:
    """Return plain columns as events, all at a resonant mass of zero, which no ratio but `with_mass` looks at.

    Parameters
    ----------
    rows
        An array ``(N, D)``, or a data frame or dictionary of columns, one of which may be called "weight". A sample
        is returned as it is.
    weight
        Event weights, shape ``(N,)``.
    names
        Of the columns of an array; x0, x1, ... if left out.

    Raises
    ------
    ConfigError
        If shapes disagree, or columns hold anything but numbers.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> hf.classifiers.table(np.array([[0.7, 1.0], [0.2, 3.0]]), names=["tau21", "dphi"]).feature("dphi")
    array([1., 3.])
    """
    if isinstance(rows, Sample):
        return rows
    if isinstance(rows, Mapping) or hasattr(rows, "columns"):
        columns: Any = rows
        own = {str(name): np.asarray(columns[name]) for name in columns}
        weight = own.pop("weight", weight)
        lengths = {name: column.shape for name, column in own.items()}
        if not own or len(set(lengths.values())) > 1:
            raise ConfigError(f"a table: expected columns of one length; got {lengths}")
        names, x = tuple(own), np.stack(list(own.values()), axis=-1)
    else:
        try:
            x = np.asarray(rows)
        except ValueError as error:  # rows of several lengths
            raise ConfigError(f"a table: expected numbers, a row for each event, (N, D) ({error})") from None
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise ConfigError(
            f"a table: expected numbers, a row for each event, (N, D); got {x.dtype} of shape {x.shape}"
        )
    return Sample(
        np.zeros(len(x)),
        x,
        tuple(names) or tuple(f"x{number}" for number in range(x.shape[1])),
        np.zeros(0) if weight is None else np.asarray(weight),
    )


def pair(numerator: Rows, denominator: Rows) -> tuple[Sample, Sample]:
    """Return two tables that a ratio is to be learned from as samples of the same features.

    Columns without names are those of the other table, by their place.

    Raises
    ------
    ConfigError
        If the columns differ.
    InputError
        If a value is not finite, or the weights of a table do not add up to a positive number.
    """
    named = next((table(rows).names for rows in (numerator, denominator) if _has_names(rows)), ())
    samples = _ordered(numerator, named), _ordered(denominator, named)
    if samples[0].names != samples[1].names:
        raise ConfigError(
            f"classifier: the numerator has the columns {samples[0].names}, the denominator {samples[1].names}; "
            "expected the same ones, in the same order"
        )
    for name, column in zip(samples[0].names, np.vstack([s.features for s in samples]).T, strict=True):
        if not np.isfinite(column).all():
            raise InputError(f"feature {name!r} holds NaN or infinite values; drop those events first")
    totals = [sample.weight.sum() for sample in samples]
    if not min(totals) > 0:
        raise InputError(
            f"classifier: the weights of the two samples add up to {totals[0]:g} and {totals[1]:g}; expected "
            "positive sums"
        )
    return samples


def known(names: tuple[str, ...], rows: Rows, what: str = "the classifier") -> Sample:
    """Return a table as a sample of the features that a training knew; `what` names in an error who learned them.

    Raises
    ------
    ConfigError
        If it has others; the message has both lists.
    """
    sample = _ordered(rows, names)
    if sample.names != names:
        raise ConfigError(f"{what} was trained on features {names}; got a sample with {sample.names}")
    return sample


def _has_names(rows: Rows) -> bool:
    return isinstance(rows, Sample | Mapping) or hasattr(rows, "columns")


def _ordered(rows: Rows, names: tuple[str, ...]) -> Sample:
    """Return a table as a sample, columns without names called as these, and others put in their order."""
    sample = table(rows)
    if isinstance(rows, Sample) or len(sample.names) != len(names):
        return sample
    if not _has_names(rows):
        return replace(sample, names=names)
    if set(sample.names) != set(names):
        return sample
    order = [sample.names.index(name) for name in names]
    return replace(sample, names=names, features=sample.features[:, order])
