"""Metrics: what papers quote of an anomaly detector, each with its statistical error.

All come from the scores of true signal and background in the signal region (`Truth`), but for `sculpting`, which
needs no labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.selection.truth import Truth, binomial_error
from hepflow.spectrum import Spectrum

LEAST_EXPECTED = 5.0  # events from which on their number is nearly normal


def auc(truth: Truth) -> tuple[float, float]:
    """Return the area under the ROC curve and its error (DeLong et al., Biometrics 44 (1988) 837)."""
    order = np.argsort(truth.signal)
    signal, share = truth.signal[order], np.append(0.0, np.cumsum(truth.signal_weight[order]))
    below = _below(np.sort(truth.background), signal) / len(truth.background)
    above = 1 - np.interp(_below(signal, truth.background), np.arange(len(share)), share) / share[-1]
    value = np.average(below, weights=truth.signal_weight[order])
    spread = np.average((below - value) ** 2, weights=truth.signal_weight[order])
    return float(value), float(np.sqrt(spread / truth.signal_events + np.var(above) / len(above)))


def _below(ordered: FloatArray, values: FloatArray) -> FloatArray:
    """Return how many of the `ordered` lie below each value; those that are equal count half."""
    return np.asarray(
        0.5 * (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right"))
    )


def sic(truth: Truth, background_efficiency: float) -> tuple[float, float] | None:
    r"""Return the significance improvement :math:`\epsilon_S / \sqrt{\epsilon_B}` at a background efficiency.

    The threshold is the quantile of the true background, so that methods compare at the same point; its statistical
    error moves it along the ROC curve (Woodruff, J. Am. Stat. Assoc. 47 (1952) 635), and counts.

    Returns
    -------
    value, error
        None where fewer than five background events pass: too few for an error.

    Raises
    ------
    ConfigError
        If the efficiency is not in (0, 1].
    """
    if not 0 < background_efficiency <= 1:
        raise ConfigError(
            f"background efficiency {background_efficiency:.12g}: expected a number above 0, up to 1"
        )
    if background_efficiency * len(truth.background) < LEAST_EXPECTED:
        return None
    shift = binomial_error(background_efficiency, len(truth.background))
    here, tighter, looser = (
        truth.efficiencies(_threshold(truth, background_efficiency + step)) for step in (0.0, -shift, shift)
    )
    root = float(np.sqrt(here[1])) if here[1] > 0 else float(np.sqrt(background_efficiency))
    error = np.hypot(binomial_error(here[0], truth.signal_events), 0.5 * (looser[0] - tighter[0]))
    return here[0] / root, float(error) / root


def max_sic(truth: Truth, points: int = 100) -> tuple[float, float]:
    """Return the largest significance improvement where it is no noise, and the error there.

    Only background efficiencies above 25 over the number of background events count. A maximum of values with errors
    lies above the truth, by about the error where the curve is flat.
    """
    efficiencies = np.geomspace(1, min(truth.minimum_background_efficiency, 1.0), points)
    found = [value for efficiency in efficiencies if (value := sic(truth, float(efficiency))) is not None]
    return max(found, default=(1.0, 0.0))


def rejection(truth: Truth, signal_efficiency: float) -> tuple[float, float] | None:
    r"""Return the background rejection :math:`1 / \epsilon_B` at a signal efficiency.

    Returns
    -------
    value, error
        The error is that of the background that passes and of the threshold. None where no background passes.

    Raises
    ------
    ConfigError
        If the efficiency is not in (0, 1).
    """
    if not 0 < signal_efficiency < 1:
        raise ConfigError(f"signal efficiency {signal_efficiency:.12g}: expected a number between 0 and 1")
    shift = binomial_error(signal_efficiency, truth.signal_events)
    here, tighter, looser = (
        float(np.mean(truth.background >= _signal_threshold(truth, signal_efficiency + step)))
        for step in (0.0, -shift, shift)
    )
    if here == 0:
        return None
    error = np.hypot(binomial_error(here, len(truth.background)), 0.5 * (looser - tighter))
    return 1 / here, float(error) / here**2


@dataclass(frozen=True)
class Sculpting:
    """How well a cut keeps the shape of m_jj: chi2, its degrees of freedom, and the p-value that it does."""

    chi2: float
    ndf: int
    p: float


def sculpting(before: Spectrum, after: Spectrum) -> Sculpting:
    """Compare the shape of the data's m_jj spectrum behind a cut with that of all data; both without signal.

    If every event passes with the same probability, the events that pass are binomial in each bin. Neighbouring bins
    are joined until five events are expected to pass.

    Parameters
    ----------
    before, after
        The inclusive spectrum, and that of the cut on the same data.

    Raises
    ------
    ConfigError
        If the bins differ, or the second is no selection of the first.
    """
    if not np.array_equal(before.edges, after.edges) or np.any(after.observed > before.observed):
        raise ConfigError(
            "sculpting: expected two spectra of the same data and bins, the second behind a cut"
        )
    everything, passing = before.observed, after.observed
    share = passing.sum() / max(everything.sum(), 1.0)
    starts = _joined(share * everything)
    everything, passing = np.add.reduceat(everything, starts), np.add.reduceat(passing, starts)
    ndf = len(everything) - 1
    if ndf < 1 or not 0 < share < 1:
        return Sculpting(0.0, 0, 1.0)
    expected = share * everything
    chi2 = float(np.sum((passing - expected) ** 2 / (expected * (1 - share))))
    return Sculpting(chi2, ndf, float(stats.chi2.sf(chi2, ndf)))


def _joined(expected: FloatArray) -> NDArray[np.intp]:
    """Return the first bin of each group of neighbours in which enough events are expected."""
    starts, present = [0], 0.0
    for position, events in enumerate(expected):
        if present >= LEAST_EXPECTED <= expected[position:].sum():
            starts.append(position)
            present = 0.0
        present += float(events)
    return np.array(starts)


def _threshold(truth: Truth, background_efficiency: float) -> float:
    if background_efficiency >= 1:
        return -np.inf
    return float(np.quantile(truth.background, 1 - background_efficiency))


def _signal_threshold(truth: Truth, signal_efficiency: float) -> float:
    """Return the score of the last signal event in a share of them, by weight, from the most signal-like down."""
    order = np.argsort(-truth.signal, kind="stable")
    passing = np.cumsum(truth.signal_weight[order]) / truth.signal_weight.sum()
    last = min(int(np.searchsorted(passing, signal_efficiency)), len(order) - 1)
    return float(truth.signal[order[last]])
