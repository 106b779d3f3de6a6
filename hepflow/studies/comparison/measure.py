"""What a comparison says of one method: its scores, cuts and fits as a `MethodResult`."""

from __future__ import annotations

from collections.abc import Sequence

from hepflow import verdicts
from hepflow.catalogue import method_title
from hepflow.classifiers import calibrate
from hepflow.config.blocks import Fit
from hepflow.errors import FitError, InputError
from hepflow.regions import Window, Windows
from hepflow.results import cut_name
from hepflow.sample import Sample
from hepflow.selection import (
    Cut,
    Scores,
    Truth,
    Validation,
    closure_by_band,
    cuts,
    inclusive,
    mass_correlation,
    metrics,
)
from hepflow.stats import BumpHunt
from hepflow.studies.analysis.fits import Fitted, hunt
from hepflow.studies.analysis.verdicts import of_fit
from hepflow.studies.comparison.record import Estimate, MethodCut, MethodResult

POINTS = 80  # of a ROC curve


def measure(
    method: str,
    scores: Scores,
    tried: Sequence[Validation],
    *,
    fit: Fit,
    cuts_at: Sequence[float],
    scores_ratio: bool = True,
    uses_truth: bool,
    injected: int,
    seed: int,
    seconds: float,
    problems: Sequence[str] = (),
) -> MethodResult:
    """Judge the scores of one method: by cuts and fits as in an analysis, and by truth where labels exist.

    Parameters
    ----------
    method
        Its name in a table of methods.
    scores, tried
        Of the data, and of each trial in the validation bands.
    fit, cuts_at
        How spectra are fitted, and the background efficiencies of the cuts before that.
    scores_ratio
        Whether the scores are log density ratios, which can be calibrated as such.
    uses_truth, injected, seed, seconds
        See `MethodResult`.
    problems
        Known already.
    """
    truth = Truth.of(scores)
    label = scores.data.sample.label
    made, met = [], list(problems)
    smooth = scores.background.smooth
    judged = [verdicts.sideband_fit(smooth.chi2, smooth.ndf, smooth.p_value)]
    everything = inclusive(_all_data(scores), scores.background, bin_width=fit.bin_width)
    for efficiency in cuts_at:
        try:
            (cut,) = cuts(scores, [efficiency], fit.bin_width, tried)
            found = hunt(cut, fit, seed)
            made.append(_cut(found, cut, everything if injected == 0 else None, truth))
            judged += of_fit(Fitted(cut, found))
            met += [f"{cut_name(efficiency)}: {problem}" for problem in found.problems]
        except (InputError, FitError) as error:  # of one cut: the others go on
            met.append(str(error))
    curve = None if truth is None else truth.curve(POINTS)
    return MethodResult(
        method=method,
        title=method_title(method),
        uses_truth=uses_truth,
        seed=seed,
        injected=injected,
        signal=None if label is None else float((label == 1).sum()),
        background=None if label is None else float((label == 0).sum()),
        auc=None if truth is None else Estimate.of(metrics.auc(truth)),
        max_sic=None if truth is None else Estimate.of(metrics.max_sic(truth)),
        rejection_20=None if truth is None else Estimate.of(metrics.rejection(truth, 0.2)),
        rejection_40=None if truth is None else Estimate.of(metrics.rejection(truth, 0.4)),
        calibration=_calibration(scores) if scores_ratio and not uses_truth else None,
        mass_correlation=Estimate.of(mass_correlation(scores)),
        cuts=tuple(made),
        closure=_closure(scores, seed),
        background_efficiency=() if curve is None else tuple(curve[0].tolist()),
        signal_efficiency=() if curve is None else tuple(curve[1].tolist()),
        seconds=round(seconds, 1),
        problems=tuple(met),
        verdicts=tuple(judged),
    )


def failed(method: str, error: str, *, uses_truth: bool, injected: int, seed: int) -> MethodResult:
    """Return the record of a method that could not be run."""
    return MethodResult(method, method_title(method), uses_truth, seed, injected, problems=(error,))


def _calibration(scores: Scores) -> Estimate:
    found = calibrate(
        scores.data.score, scores.template.score, scores.data.sample.weight, scores.template.sample.weight
    )
    return Estimate(found.slope, found.slope_error)


def _cut(found: BumpHunt, cut: Cut, everything: Cut | None, truth: Truth | None) -> MethodCut:
    signal = background = None
    if truth is not None and cut.threshold is not None:
        signal, background = truth.efficiencies(cut.threshold)
    shape = None if everything is None else metrics.sculpting(everything.spectrum, cut.spectrum)
    missed = cut.non_closure
    efficiency = cut.background_efficiency
    return MethodCut(
        background_efficiency=efficiency,
        n_obs=float(found.n_obs or 0.0),
        n_exp=found.n_exp,
        n_exp_error=found.n_exp_error,
        pull=float(found.pull or 0.0),
        z=float(found.z or 0.0),
        p0=float(1.0 if found.p0 is None else found.p0),
        sic=None if truth is None else Estimate.of(metrics.sic(truth, efficiency)),
        signal_efficiency=signal,
        true_background_efficiency=background,
        non_closure=None if missed is None else Estimate(missed.value, missed.error),
        sculpting_chi2=None if shape is None else shape.chi2,
        sculpting_ndf=None if shape is None else shape.ndf,
        sculpting_p=None if shape is None else shape.p,
    )


def _closure(scores: Scores, seed: int) -> dict[str, Estimate]:
    """Return the AUC of template against background in each region; inside only where labels tell it."""
    data, bands = _all_data(scores), bands_of(scores.background.windows)
    if data.label is not None:
        data = data.select(data.label == 0)
    else:
        del bands["SR"]
    template = Sample.concat(
        [scores.template.sample.without_truth(), scores.validation.sample.without_truth()]
    )
    found = closure_by_band(data.without_truth(), template, bands, seed)
    return {band: Estimate(one.auc, one.error) for band, one in found.items()}


def _all_data(scores: Scores) -> Sample:
    return Sample.concat([scores.data.sample, scores.sidebands.sample])


def bands_of(windows: Windows) -> dict[str, Window]:
    """Return the regions by the names that papers give them, from low to high: SB1, SR, SB2."""
    names = {band: f"SB{number}" for number, band in enumerate(windows.sidebands, start=1)}
    return {names.get(band, "SR"): band for band in sorted([*windows.sidebands, windows.signal])}
