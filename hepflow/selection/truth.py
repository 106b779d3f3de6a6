"""Truth: how good a selection is, judged by labels that no training and no cut has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from hepflow.importance import effective_size
from hepflow.sample import FloatArray
from hepflow.selection.scores import Scores

NOISE = 25  # background events below which an efficiency is noise


@dataclass(frozen=True, eq=False)
class Truth:
    """Scores of signal and true background in the signal region.

    Parameters
    ----------
    signal, background
        Scores, shapes ``(S,)`` and ``(B,)``; the signal's weights stand in `signal_weight`.
    """

    signal: FloatArray
    background: FloatArray
    signal_weight: FloatArray

    @classmethod
    def of(cls, scores: Scores) -> Truth | None:
        """Collect the labelled events; None where the data carry no labels or there is no signal to judge by."""
        label = scores.data.sample.label
        if label is None or not np.any(label == 0):
            return None
        if (
            scores.signal is not None
        ):  # events kept out of the data: the more precise, and independent of the fit
            signal = scores.signal.window(*scores.background.windows.signal)
            rows = np.ones(len(signal.sample), dtype=bool)
        else:
            signal, rows = scores.data, label == 1
        if not rows.any():
            return None
        return cls(signal.score[rows], scores.data.score[label == 0], signal.sample.weight[rows])

    def efficiencies(self, threshold: float) -> tuple[float, float]:
        """Return the signal's and the background's efficiency of a cut."""
        signal = float(np.average(self.signal > threshold, weights=self.signal_weight))
        return signal, float(np.mean(self.background > threshold))

    @property
    def signal_events(self) -> float:
        """Number of signal events of equal weight that these are worth."""
        return effective_size(self.signal_weight)

    @property
    def auc(self) -> float:
        """Area under the ROC curve."""
        labels = np.concatenate([np.ones(len(self.signal)), np.zeros(len(self.background))])
        weights = np.concatenate([self.signal_weight, np.ones(len(self.background))])
        return float(
            roc_auc_score(labels, np.concatenate([self.signal, self.background]), sample_weight=weights)
        )

    @property
    def minimum_background_efficiency(self) -> float:
        """Background efficiency below which the curve is noise."""
        return NOISE / len(self.background)

    def curve(self, points: int = 200) -> tuple[FloatArray, FloatArray]:
        """Return background and signal efficiencies, shapes ``(points,)``, from loose to tight cuts."""
        wanted = np.geomspace(1, 1 / len(self.background), points)
        thresholds = np.quantile(self.background, 1 - wanted)
        thresholds[0] = -np.inf
        both = np.array([self.efficiencies(threshold) for threshold in thresholds])
        return both[:, 1], both[:, 0]


def significance_improvement(signal_efficiency: float, background_efficiency: float) -> float | None:
    """Return ``eps_S / sqrt(eps_B)``; None where no background passes.

    Examples
    --------
    >>> import hepflow as hf
    >>> hf.selection.significance_improvement(signal_efficiency=0.5, background_efficiency=0.01)
    5.0
    """
    return signal_efficiency / float(np.sqrt(background_efficiency)) if background_efficiency > 0 else None


def binomial_error(efficiency: float, events: float) -> float:
    """Return the standard error of an efficiency measured with so many events."""
    return float(np.sqrt(efficiency * (1 - efficiency) / events))
