"""The efficiency of a cut for signal events that no training saw."""

from __future__ import annotations

import numpy as np

from hepflow.errors import InputError
from hepflow.importance import effective_size
from hepflow.selection.scores import Scores


def signal_efficiency(scores: Scores, background_efficiency: float) -> tuple[float, float]:
    """Return the share of all signal events that stand in the signal region behind a cut, and its error.

    Parameters
    ----------
    scores
        From `hepflow.selection.score`, with the signal that was kept for evaluation.
    background_efficiency
        Share of the template that the cut keeps; 1 for no cut.

    Raises
    ------
    InputError
        If there is no signal, or none of any weight.
    """
    if scores.signal is None or not np.any(scores.signal.sample.weight):
        raise InputError(
            "no signal events are left to measure an efficiency with; give a larger `inputs.signal`"
        )
    signal, windows = scores.signal, scores.background.windows
    threshold = -np.inf if background_efficiency == 1 else scores.template.quantile(background_efficiency)
    passing = signal.above(threshold)
    weight, total = passing.weight[windows.in_signal(passing.mass)], signal.sample.weight
    value = float(weight.sum() / total.sum())
    return value, float(np.sqrt(max(value * (1 - value), 0.0) / effective_size(total)))
