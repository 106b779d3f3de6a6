"""The combination of methods (arXiv:2307.11157): their scores averaged, their templates pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import Classifier, Folds, calibrate
from hepflow.errors import ConfigError
from hepflow.methods import Background
from hepflow.sample import FloatArray, Sample
from hepflow.selection.scores import Judged, Scored, Scores, judge


class Voice(NamedTuple):
    """A method in the combination, and what makes its scores log density ratios."""

    judged: Judged
    log_ratio: Callable[[FloatArray], FloatArray]


class Part(NamedTuple):
    """A template that joins the pool: its scored events, with the fold and the replica of each, shapes ``(N,)``."""

    scored: Scored
    folds: Folds
    replica: NDArray[np.intp]


def score_together(
    classifier: Classifier,
    data: Sample,
    backgrounds: Mapping[str, Background],
    *,
    signal: Sample | None = None,
    folds: int = 5,
    seed: int,
    pooled: float = 10.0,
    validation_pooled: float = 2.0,
) -> tuple[dict[str, Scores], Scores]:
    """Score the same data against the template of every method, and combine the scores.

    Parameters
    ----------
    classifier
        An untrained classifier, the same for every method.
    data
        All data; labels, where there are any, are not looked at.
    backgrounds
        The templates of at least two methods, by name, all with the same windows.
    signal
        Signal events to score for efficiencies and limits; none of them may be in the data.
    folds, seed
        Of each method's cross-fit.
    pooled, validation_pooled
        See `combine`.

    Returns
    -------
    scores, combined
        Of each method what `hepflow.selection.score` returns, and the same of the combination.

    Raises
    ------
    ConfigError
        For fewer than two methods, or methods with different windows.
    """
    _check(backgrounds)
    judged = {
        name: judge(classifier, data, background, signal=signal, folds=folds, seed=seed)
        for name, background in backgrounds.items()
    }
    combined = combine(judged, seed=seed, pooled=pooled, validation_pooled=validation_pooled)
    return {name: one.scores for name, one in judged.items()}, combined


def combine(
    judged: Mapping[str, Judged], *, seed: int, pooled: float = 10.0, validation_pooled: float = 2.0
) -> Scores:
    """Combine the scores of several methods on the same data.

    Parameters
    ----------
    judged
        At least two methods by name, from `hepflow.selection.judge` with the same data, folds and seed.
    seed
        Of that, and of the draw of the pooled template.
    pooled, validation_pooled
        Events of the combined template per expected event, in the signal region and in the sidebands: each is scored
        by the classifiers of all methods.

    Raises
    ------
    ConfigError
        For fewer than two methods, or methods with different windows.

    Notes
    -----
    The combined score of an event is the mean of its calibrated log density ratios (`hepflow.classifiers.calibrate`)
    over the methods. In the paper scores are averaged as they are; but some methods' are on another scale, and drown
    the others. A mean of ranks or of standardised scores would give a method that found nothing the same say as one
    that found the signal, while a calibrated log density ratio that found nothing is small.

    The combined template is that of all methods together, each with the same share of the yield. An event of one
    method's template is scored by the classifiers of all, each time by those of the fold it was dealt into for its
    own: no classifier saw it. Its replicas are those of all methods, so that the spread between the methods is part
    of the error.
    """
    _check({name: one.scores.background for name, one in judged.items()})
    methods = list(judged.values())
    voices = [Voice(one, _calibrated(one)) for one in methods]
    random = np.random.default_rng(seed + 6)
    inside = [Part(one.scores.template, one.template_folds, one.scores.background.replica) for one in methods]
    beside = [
        Part(one.scores.validation, one.validation_folds, one.scores.background.validation_replica)
        for one in methods
    ]
    template, replica = _pool(inside, voices, pooled, random)
    validation, validation_replica = _pool(beside, voices, validation_pooled, random)
    first = methods[0].scores
    signals = [one.scores.signal for one in methods if one.scores.signal is not None]
    return Scores(
        data=_mean(voices, [one.scores.data for one in methods]),
        template=template,
        sidebands=_mean(voices, [one.scores.sidebands for one in methods]),
        validation=validation,
        signal=_mean(voices, signals) if signals else None,
        background=Background(
            template=template.sample,
            validation=validation.sample,
            smooth=first.background.smooth,
            windows=first.background.windows,
            replica=replica,
            validation_replica=validation_replica,
        ),
    )


def _calibrated(judged: Judged) -> Callable[[FloatArray], FloatArray]:
    """Return the function from a method's scores to log density ratios of data to template."""
    scores = judged.scores
    unit = (
        float(np.std(scores.template.score)) or 1.0
    )  # the least slope of a calibration means little in any other
    scaled = replace(judged.fit, numerator=scores.data.score / unit, denominator=scores.template.score / unit)
    calibration = calibrate(scaled, scores.data.sample.weight, scores.template.sample.weight)
    return lambda score: calibration.log_ratio(score / unit)


def _pool(
    parts: Sequence[Part], voices: Sequence[Voice], times: float, random: np.random.Generator
) -> tuple[Scored, NDArray[np.intp]]:
    """Return a part of every template, scored by all methods, and the replica of each event, numbered through."""
    samples, scores, replicas = [], [], []
    known = 0
    for part, own in zip(parts, voices, strict=True):
        sample = part.scored.sample
        wanted = round(times * sample.weight.sum() / len(parts))
        kept = np.sort(random.permutation(len(sample))[:wanted])
        share = sample.weight.sum() / (len(parts) * sample.weight[kept].sum())
        sample = replace(sample.without_truth().select(kept), weight=share * sample.weight[kept])
        votes = [
            part.scored.score[kept] if one is own else one.judged.fit.score(sample, part.folds[kept])
            for one in voices
        ]
        samples.append(sample)
        scores.append(_mean(voices, [Scored(sample, vote) for vote in votes]).score)
        replicas.append(known + part.replica[kept])
        known += int(part.replica.max()) + 1
    return Scored(Sample.concat(samples), np.concatenate(scores)), np.concatenate(replicas)


def _mean(voices: Sequence[Voice], scored: Sequence[Scored]) -> Scored:
    """Return one sample with the mean of what all methods say of its events."""
    ratios = [voice.log_ratio(one.score) for voice, one in zip(voices, scored, strict=True)]
    return Scored(scored[0].sample, np.mean(ratios, axis=0))


def _check(backgrounds: Mapping[str, Background]) -> None:
    """Refuse what cannot be combined."""
    if len(backgrounds) < 2:
        raise ConfigError(
            f"a combination of {', '.join(backgrounds) or 'no method'}: expected at least two methods"
        )
    first, *others = backgrounds
    for name in others:
        if backgrounds[name].windows != backgrounds[first].windows:
            raise ConfigError(
                f"combination: {name} has other regions than {first}; fit every method with the same windows"
            )
