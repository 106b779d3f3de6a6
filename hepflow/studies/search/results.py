"""From samples, scores and fits to the record that is written, drawn and reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepflow import strays
from hepflow.engine.job import Job, published
from hepflow.engine.unblinding import Unblinding
from hepflow.parts import ClosureRecord, OrderRecord, ScoreRecord, SmoothRecord, TrialsRecord
from hepflow.records import write_json
from hepflow.results import (
    CutResult,
    Histogram,
    Numbers,
    Results,
    SpectrumRecord,
    TruthCurve,
    cut_name,
)
from hepflow.sample import FloatArray, Sample
from hepflow.selection import (
    Closure,
    Cut,
    Scored,
    Scores,
    Truth,
    closure,
    feature_closure,
    mass_correlation,
    significance_improvement,
)
from hepflow.spectrum import Spectrum
from hepflow.stats import BumpHunt, SignalTemplate, trials_of_cuts
from hepflow.stats.trials import TOYS
from hepflow.studies.analysis.both import DIJET, TEMPLATE
from hepflow.studies.analysis.fits import Fitted
from hepflow.studies.analysis.signal import peak
from hepflow.studies.analysis.verdicts import judged
from hepflow.studies.search.cross_sections import in_femtobarn
from hepflow.verdicts import not_made
from hepflow.version import versions

BINS = 40


@published
def results(job: Job) -> Iterator[Path]:
    """Write the workspaces and ``results.json``."""
    settings = job.settings
    missing = {cut: job.failure(name) for name, cut in settings["fits"].items()}
    fitted: list[Fitted] = [job[name] for name, cut in settings["fits"].items() if missing[cut] is None]
    found = summarise(settings, job["features"][0], job["scores"].scores, fitted, job.timing())
    without = tuple(not_made(reason, cut) for cut, reason in missing.items() if reason is not None)
    found = replace(found, verdicts=(*found.verdicts, *without))
    if not settings["blind"]:
        found = replace(found, trials=_trials(settings, found, fitted))
    found = in_femtobarn(found, settings["cross_section"], job["features"][1], fitted)
    (job.out / "workspaces").mkdir(exist_ok=True)
    for one in fitted:
        path = job.out / "workspaces" / f"{cut_name(one.cut.background_efficiency)}.json"
        write_json(path, one.hunt.workspace)
        yield path
    found.write(job.out / "results.json")
    yield job.out / "results.json"


def summarise(
    settings: Mapping[str, Any],
    data: Sample,
    scores: Scores,
    fitted: Sequence[Fitted],
    timing: Mapping[str, float],
) -> Results:
    """Return the results of a run but for their trials; of `fitted`, the inclusive selection comes first."""
    selections, hunts = [one.cut for one in fitted], [one.hunt for one in fitted]
    blind = any(hunt.blind for hunt in hunts)
    scores = _blinded(scores) if blind else scores
    truth = Truth.of(scores)
    sampled = settings["resonance"] is None
    records = [_cut_result(one, truth, sampled) for one in fitted]
    sidebands = closure(scores.sidebands.sample, scores.validation.sample, settings["seed"])
    background = scores.background
    expected, error = background.expected
    smooth = background.smooth
    injected = settings["injected"]
    return Results(
        name=settings["name"],
        seed=settings["seed"],
        method=settings["method"],
        versions=versions(),
        config_hash=settings["config_hash"],
        cutflow=data.cutflow,
        regions={"signal": background.windows.signal, "sidebands": background.windows.sidebands},
        counts={
            "data": len(data),
            "data_signal_region": len(scores.data.sample),
            "data_sidebands": len(scores.sidebands.sample),
            "expected_background_signal_region": expected,
            "expected_background_signal_region_error": error,
            "template_signal_region": len(scores.template.sample),
            "template_sidebands": len(scores.validation.sample),
            "injected": injected,
            **_true_counts(scores),
        },
        closure=ClosureRecord(sidebands.auc, sidebands.error, *_true_closure(scores, settings["seed"])),
        inclusive=records[0],
        cuts=tuple(records[1:]),
        features=tuple(_feature_histograms(scores)),
        scores=_score_histogram(scores, settings["score"]["what"], "sidebands" if blind else "signal region"),
        losses=tuple({"training": one.training, "validation": one.validation} for one in background.losses),
        truth=None if truth is None else _curve(truth),
        signal_unit=_signal_unit(settings["resonance"], scores, injected),
        smooth=SmoothRecord(
            shape_parameters=smooth.n_shape,
            chi2=smooth.chi2,
            ndf=smooth.ndf,
            p_value=smooth.p_value,
            tests=tuple(OrderRecord(**vars(test)) for test in smooth.tests),
        ),
        timing=dict(timing),
        warnings=(
            *(f"data, {one}" for one in strays.sentences(data)),
            *_warnings(settings["tries_simulation"], selections),
            *_of_outliers(settings["score"], data),
            *_problems(hunts, selections),
        ),
        unblinded=tuple(Unblinding(**one) for one in settings["unblinded"]),
        skipped_files=(*data.skipped, *(() if scores.signal is None else scores.signal.sample.skipped)),
        verdicts=tuple(judged(scores, sidebands, fitted)),
        resonance=data.resonance,
        score=_score(settings["score"], scores),
    )


def _score(settings: Mapping[str, Any], scores: Scores) -> ScoreRecord:
    found = mass_correlation(scores) or (None, None)
    return ScoreRecord(settings["what"], settings.get("coordinates", ""), *found)


def _of_outliers(settings: Mapping[str, Any], data: Sample) -> list[str]:
    """Return what speaks against a template behind a cut on outliers."""
    if settings.get("fitted") != TEMPLATE:
        return []
    return [
        f"fit.background: template, but the score of {settings['what']} learned nothing of {data.resonance.name}: "
        "events beside the signal region stand for those in it only if the score does not move with it. Take "
        "`fit.background: dijet`"
    ]


def _trials(settings: Mapping[str, Any], found: Results, fitted: Sequence[Fitted]) -> TrialsRecord:
    """Return the largest excess of the selections that can be trusted; of all, where none can."""
    trusted = {cut.background_efficiency for cut in found.trusted}
    looked = [one for one in fitted if not trusted or one.cut.background_efficiency in trusted]
    trials = trials_of_cuts(
        [one.hunt for one in looked], toys=settings["toys"] or TOYS, seed=settings["seed"]
    )
    numbers = trials.to_dict()
    return TrialsRecord(looked[numbers.pop("largest")].cut.background_efficiency, **numbers)


def _problems(hunts: Sequence[BumpHunt], selections: Sequence[Cut]) -> list[str]:
    return [
        f"{cut_name(cut.background_efficiency)}: {problem}"
        for cut, hunt in zip(selections, hunts, strict=True)
        for problem in hunt.problems
    ]


def _blinded(scores: Scores) -> Scores:
    """Return the scores without those of data in the signal region, and without what labels know of these data."""
    hidden = Scored(scores.data.sample.without_truth(), np.full(len(scores.data.score), np.nan))
    return replace(scores, data=hidden)


def _cut_result(found: Fitted, truth: Truth | None, sampled: bool) -> CutResult:
    cut, hunt, answers = found.cut, found.hunt, found.answers
    fitted = cut.spectrum if hunt.spectrum is None else hunt.spectrum
    after = cut.spectrum.sidebands_in_fit
    factor, factor_error = cut.spectrum.sideband_factor() if after else (None, None)
    signal_efficiency = background_efficiency = sic = None
    if truth is not None:
        signal_efficiency, background_efficiency = truth.efficiencies(
            -np.inf if cut.threshold is None else cut.threshold
        )
        sic = significance_improvement(signal_efficiency, background_efficiency)
    simulated = cut.non_closure_simulation
    numbers = hunt.to_dict()
    del numbers["post_fit"], numbers["signal_unit"]  # those of all cuts: pre-fit, and `Results.signal_unit`
    numbers["problems"] = tuple(numbers["problems"])
    lost = sampled and cut.signal is not None and not cut.signal_passes
    other = None if answers is None else answers.other
    if lost:  # a strength in units of events would be misread
        numbers |= {"mu_hat": None, "mu_hat_error": None, "mu_up_obs": None, "mu_up_exp": (None,) * 5}
        other = None if other is None else other.without_strength()
    return CutResult(
        background_efficiency=cut.background_efficiency,
        threshold=cut.threshold,
        **numbers,
        spectrum=_spectrum_record(fitted, None if lost else hunt.signal),
        sideband_factor=factor,
        sideband_factor_error=factor_error,
        non_closure=None if cut.non_closure is None else cut.non_closure.value,
        non_closure_error=None if cut.non_closure is None else cut.non_closure.error,
        non_closure_simulation=None if simulated is None else simulated.value,
        non_closure_simulation_error=None if simulated is None else simulated.error,
        correction=cut.correction if after else None,
        correction_error=cut.correction_error if after else None,
        sculpting_p=cut.sculpting_p if after else None,
        signal_efficiency=signal_efficiency,
        true_background_efficiency=background_efficiency,
        sic=sic,
        background=DIJET if answers is None else answers.background,
        other=other,
        smooth=None if answers is None else answers.smooth,
    )


def _spectrum_record(spectrum: Spectrum, signal: SignalTemplate | None) -> SpectrumRecord:
    expected, error = spectrum.corrected()
    return SpectrumRecord(
        edges=_numbers(spectrum.edges),
        observed=tuple(None if np.isnan(events) else float(events) for events in spectrum.data),
        expected=_numbers(expected),
        expected_error=_numbers(error),
        signal=None if signal is None else _numbers(signal.counts),
        resonance=spectrum.resonance,
    )


def _feature_histograms(scores: Scores) -> list[Histogram]:
    """Histogram each feature of data and template; in the signal region only where truth tells the background."""
    places = [("sidebands", scores.sidebands.sample, scores.validation.sample)]
    inside = scores.data.sample
    if inside.label is not None:
        places.append(("signal region", inside.select(inside.label == 0), scores.template.sample))
    histograms = []
    for where, data, template in places:
        name = "data" if where == "sidebands" else "background"
        for feature in data.names:
            low, high = np.quantile(data.feature(feature), [0.0005, 0.9995])
            edges = np.linspace(float(low), float(high), BINS + 1)
            found = feature_closure(data, template, feature, edges)
            histograms.append(
                Histogram(
                    _numbers(edges),
                    {name: _numbers(found.counts), "template": _numbers(found.template)},
                    data.quantity(feature).axis,
                    where,
                    _numbers(found.template_error),
                    found.chi2,
                    found.ndf,
                    found.p_value,
                    feature,
                )
            )
    return histograms


def _score_histogram(scores: Scores, label: str, where: str) -> Histogram:
    windows = scores.background.windows
    data, drawn, inside = {
        "signal region": (scores.data, scores.template, windows.in_signal),
        "sidebands": (scores.sidebands, scores.validation, windows.in_sidebands),
    }[where]
    both = np.concatenate([data.score, drawn.score])
    edges = np.linspace(float(np.quantile(both, 0.0005)), float(both.max()), BINS + 1)
    template = np.histogram(drawn.score, edges, weights=drawn.sample.weight)[0]
    series = {"data": _numbers(np.histogram(data.score, edges)[0]), "template": _numbers(template)}
    if scores.signal is not None:
        here = inside(scores.signal.sample.mass)
        score, weight = scores.signal.score[here], scores.signal.sample.weight[here]
        series["signal"] = _numbers(np.histogram(score, edges, weights=weight)[0])
    return Histogram(_numbers(edges), series, label, where)


def _true_counts(scores: Scores) -> dict[str, float]:
    label = scores.data.sample.label
    if label is None:
        return {}
    return {
        "true_background_signal_region": float((label == 0).sum()),
        "true_signal_signal_region": float((label == 1).sum()),
    }


def _true_closure(scores: Scores, seed: int) -> tuple[float, float] | tuple[None, None]:
    inside = scores.data.sample
    if inside.label is None:
        return None, None
    measured: Closure = closure(inside.select(inside.label == 0), scores.template.sample, seed)
    return measured.auc, measured.error


def _curve(truth: Truth) -> TruthCurve:
    background, signal = truth.curve()
    return TruthCurve(_numbers(background), _numbers(signal), truth.auc, truth.minimum_background_efficiency)


def _signal_unit(resonance: float | None, scores: Scores, injected: int) -> str:
    if resonance is not None:
        mass, width = peak(resonance, scores.background.windows.signal)
        return f"one event of a Gaussian peak at {mass:g} GeV, {width:g} GeV wide, behind the cut"
    if scores.signal is None:
        return "one signal event in the signal region behind the cut"
    if injected:
        return f"the injected signal, {injected} events"
    return f"the signal sample's own yield, {scores.signal.sample.weight.sum():.6g} events"


def _warnings(tried: bool, selections: Sequence[Cut]) -> list[str]:
    if not tried or len(selections) == 1 or selections[-1].non_closure_simulation is not None:
        return []
    return [
        "inputs.simulation: fewer simulated events in the sidebands than data, too few to try the method on: "
        "non_closure comes from data alone; give more simulation"
    ]


def _numbers(values: FloatArray) -> Numbers:
    return tuple(float(value) for value in values)
