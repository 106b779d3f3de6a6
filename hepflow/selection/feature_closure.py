"""Closure feature by feature: histograms of template and data, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hepflow.sample import FloatArray, Sample

MERGE_TO = 10.0  # events of the template in a bin of chi2, which wants many


@dataclass(frozen=True, eq=False)
class FeatureClosure:
    """A feature of data beside that of a template, scaled to as many events.

    Parameters
    ----------
    counts, template, template_error
        Data events per bin, the template's, and the statistical error of these, shapes ``(B,)``.
    chi2, ndf, p_value
        Of the two histograms; `ndf` may be 0, where `p_value` is 1.
    """

    counts: FloatArray
    template: FloatArray
    template_error: FloatArray
    chi2: float
    ndf: int
    p_value: float


def feature_closure(data: Sample, template: Sample, feature: str, edges: ArrayLike) -> FeatureClosure:
    r"""Compare a feature of data with that of a template.

    With `n` events of data in a bin, and a template of `t` with the statistical error `e`,

    .. math:: \chi^2 = \sum \frac{(n - t)^2}{t + e^2},

    over bins that are merged until the template has ten events in each. The template is scaled to the number of data,
    which takes one degree of freedom. What trainings leave on the template is not part of `e`.

    Parameters
    ----------
    data, template
        The two samples; the template's weights are respected.
    feature
        Its name.
    edges
        Of the bins, rising, shape ``(B + 1,)``.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, template = (hf.Sample(np.full(n, 3500.0), random.normal(size=(n, 1)), ("x",)) for n in (1000, 4000))
    >>> found = hf.selection.feature_closure(data, template, "x", np.linspace(-2, 2, 21))
    >>> found.ndf, bool(found.p_value > 0.01)
    (19, True)
    """
    edges = np.asarray(edges, dtype=np.float64)
    drawn, scale = template.feature(feature), len(data) / float(template.weight.sum())
    counts = np.histogram(data.feature(feature), edges)[0].astype(np.float64)
    expected = scale * np.histogram(drawn, edges, weights=template.weight)[0]
    variance = scale**2 * np.histogram(drawn, edges, weights=template.weight**2)[0]
    starts = _merged(expected)
    n, t, v = (np.add.reduceat(column, starts) for column in (counts, expected, variance))
    filled = t > 0
    chi2 = float(np.sum((n - t)[filled] ** 2 / (t + v)[filled]))
    ndf = max(int(filled.sum()) - 1, 0)
    p_value = float(stats.chi2.sf(chi2, ndf)) if ndf else 1.0
    return FeatureClosure(counts, expected, np.sqrt(variance), chi2, ndf, p_value)


def _merged(expected: FloatArray) -> list[int]:
    """Return where each merged bin begins; what is left at the end joins the last."""
    starts, total = [0], 0.0
    for index, events in enumerate(expected):
        if total >= MERGE_TO:
            starts.append(index)
            total = 0.0
        total += events
    return starts[:-1] if total < MERGE_TO and len(starts) > 1 else starts
