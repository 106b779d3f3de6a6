"""Closure: whether a classifier can tell the template from the background it stands for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hepflow.classifiers import BoostedTrees, Folds, crossfit, deal
from hepflow.classifiers.area import Closure
from hepflow.errors import InputError
from hepflow.regions import Window
from hepflow.sample import Sample


def closure(data: Sample, template: Sample, seed: int) -> Closure:
    """Train boosted trees on data against template, cross-fitted in two halves, and return their AUC.

    Parameters
    ----------
    data, template
        Background events and the template for the same masses, weights respected; four times the data's number of
        template events are used at most.
    seed
        Of the folds and the trees.

    Notes
    -----
    The error is that of Hanley and McNeil (Radiology 143 (1982) 29, eq. 2).

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, template = (
    ...     hf.Sample(np.full(1000, 3500.0), random.normal(size=(1000, 1)), ("x",)) for _ in range(2)
    ... )
    >>> found = hf.selection.closure(data, template, seed=1)
    >>> abs(found.auc - 0.5) < 4 * found.error  # they cannot be told apart
    True
    """
    enough = 4 * len(data)
    if len(template) > enough:
        template = template.select(np.random.default_rng(seed).choice(len(template), enough, replace=False))
    trees = BoostedTrees(members=2, min_samples_leaf=100, validation_fraction=0.2)  # sees much in few events
    fit = crossfit(trees, data, template, folds=2, fold_of=_deal_both(data, template, seed), seed=seed)
    return Closure.of((fit.numerator, fit.denominator), (data.weight, template.weight))


def _deal_both(data: Sample, template: Sample, seed: int) -> tuple[Folds, Folds]:
    """Return the half of each event; an event in both samples, where data are the template, has one half.

    Else the trees would see it on one side while they are trained and on the other when they are tried, and the area
    would fall below 0.5.
    """
    rows = [np.column_stack([sample.mass, sample.features]) for sample in (data, template)]
    _, first, place = np.unique(np.concatenate(rows), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(
        np.argsort(first)
    )  # as the events stand there: what rounding may swap, sorting would swap
    halves = deal(len(first), 2, seed)[order][place.ravel()]
    return halves[: len(data)], halves[len(data) :]


def closure_by_band(
    background: Sample, template: Sample, bands: Mapping[str, Window], seed: int
) -> dict[str, Closure]:
    """Return the closure in each of several bands of m_jj, such as OB1, SB1, SR, SB2 and OB2 (arXiv:2212.11285).

    Parameters
    ----------
    background
        Data without signal, in all bands.
    template
        What a method makes of it there.
    bands
        Name -> ``[low, high)`` in GeV.
    seed
        Of the folds and the trees.

    Raises
    ------
    InputError
        If a band holds too few events to train on; the message names it.
    """
    found = {}
    for name, band in bands.items():
        try:
            found[name] = closure(background.window(*band), template.window(*band), seed)
        except InputError as error:
            raise InputError(f"closure in {name}, {band[0]:g}-{band[1]:g} GeV: {error}") from error
    return found
