"""Maximum mean discrepancy: the distance between two samples in the space of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.kernel_approximation import RBFSampler

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled
from hepflow.twosample.statistic import Measure, Statistic

PAIRED = 1000  # rows of which distances are measured for the median


@dataclass(frozen=True)
class MaximumMeanDiscrepancy(Statistic):
    r"""Maximum mean discrepancy, squared, with a Gaussian kernel on the standardised features.

    Parameters
    ----------
    width
        Of the kernel ``exp(-|x - y|^2 / (2 width^2))``; None for the median distance between events.
    waves
        Random Fourier features that stand for the kernel, so that time grows with the number of events alone
        (scikit-learn's `RBFSampler`).

    Notes
    -----
    A. Gretton et al., JMLR 13 (2012) 723; A. Rahimi and B. Recht, NIPS 2007. The value is the biased estimate, which
    is above zero without a difference.
    """

    width: float | None = None
    waves: int = 256

    label: ClassVar[str] = "mean discrepancy"

    def __post_init__(self) -> None:
        if self.waves < 1 or (self.width is not None and not self.width > 0):
            raise ConfigError(
                f"maximum mean discrepancy: expected a width above zero and one wave or more; got {self}"
            )

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Compute the random features."""
        x, width = pooled.scaled(), self.width
        if width is None:
            chosen = np.random.default_rng(seed).choice(len(x), min(PAIRED, len(x)), replace=False)
            width = float(np.median(pdist(x[chosen]))) or 1.0  # zero where most events are alike
        sampler = RBFSampler(gamma=0.5 / width**2, n_components=self.waves, random_state=seed % 2**32)
        waves = sampler.fit_transform(x).T

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            return np.asarray(np.sum((waves @ (u - v)) ** 2, axis=0))

        return measure
