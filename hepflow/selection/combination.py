"""The combination of methods (arXiv:2307.11157): their scores made one, their templates pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import DensityRatio, Folds, Stack, stack
from hepflow.errors import ConfigError
from hepflow.methods import Background
from hepflow.progress import progress
from hepflow.sample import FloatArray, Sample
from hepflow.selection.scores import CrossFitScores, Scored, Scores, crossfit_scores


class Votes(NamedTuple):
    """What K methods say of a sample: their scores, shape ``(K, N)``, and the fold of each event, shape ``(N,)``."""

    sample: Sample
    scores: FloatArray
    folds: Folds


def score_together(
    classifier: DensityRatio,
    data: Sample,
    backgrounds: Mapping[str, Background],
    *,
    signal: Sample | None = None,
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
        The templates of at least two methods, by name, all with the same windows, folds and seed.
    signal
        Signal events to score for efficiencies and limits; none of them may be in the data.
    seed
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
    fitted = {
        name: crossfit_scores(classifier, data, background, signal=signal, seed=seed)
        for name, background in backgrounds.items()
    }
    combined = combine(fitted, seed=seed, pooled=pooled, validation_pooled=validation_pooled)
    return {name: one.scores for name, one in fitted.items()}, combined


def combine(
    fitted: Mapping[str, CrossFitScores], *, seed: int, pooled: float = 10.0, validation_pooled: float = 2.0
) -> Scores:
    """Combine the scores of several methods on the same data.

    Parameters
    ----------
    fitted
        At least two methods by name, from `hepflow.selection.crossfit_scores` with the same data, folds and seed.
    seed
        Of that, and of the draw of the pooled template.
    pooled, validation_pooled
        Events of the combined template per expected event, in the signal region and in the sidebands: each is scored
        by the classifiers of all methods.

    Raises
    ------
    ConfigError
        For fewer than two methods, or methods with different windows or folds.

    Notes
    -----
    The combined score of an event is a sum of its scores, with weights that are fitted to data and pooled template
    (`hepflow.classifiers.stack`), those of each fold to the events of all others. The paper takes the mean: but
    methods that share their noise, as classifiers of the same data do, have too much of a say in it, and one on
    another scale drowns the others.

    The combined template is that of all methods together, each with the same share of the yield. An event of one
    method's template is scored by the classifiers of all, each time by those of the fold it was dealt into for its
    own: no classifier saw it. Its replicas are those of all methods, so that the spread between the methods is part
    of the error.
    """
    _check({name: one.scores.background for name, one in fitted.items()})
    methods = list(fitted.values())
    random = np.random.default_rng(seed + 6)
    template, replica = _pool(methods, "template", "replica", pooled, random)
    validation, validation_replica = _pool(
        methods, "validation", "validation_replica", validation_pooled, random
    )
    data = _votes(methods, "data")
    stacks = [
        stack(
            data.scores[:, data.folds != fold],
            template.scores[:, template.folds != fold],
            template.sample.weight[template.folds != fold],
        )
        for fold in range(len(methods[0].fit.classifiers))
    ]
    first = methods[0].scores
    folds = first.background.folds
    return Scores(
        data=_stacked(stacks, data),
        template=_stacked(stacks, template),
        sidebands=_stacked(stacks, _votes(methods, "sidebands")),
        validation=_stacked(stacks, validation),
        signal=None if first.signal is None else _stacked(stacks, _votes(methods, "signal")),
        background=Background(
            template=template.sample,
            validation=validation.sample,
            smooth=first.background.smooth,
            windows=first.background.windows,
            replica=replica,
            validation_replica=validation_replica,
            folds=replace(folds, template=template.folds, validation=validation.folds),
        ),
    )


def _votes(methods: Sequence[CrossFitScores], part: str) -> Votes:
    """Return the scores of a sample that all methods scored, in the same folds."""
    scored: list[Scored] = [getattr(one.scores, part) for one in methods]
    return Votes(scored[0].sample, np.stack([one.score for one in scored]), getattr(methods[0].fold_of, part))


def _pool(
    methods: Sequence[CrossFitScores], part: str, replica: str, times: float, random: np.random.Generator
) -> tuple[Votes, NDArray[np.intp]]:
    """Return a part of every template, scored by all methods, and the replica of each event, numbered through."""
    samples, scores, folds, replicas = [], [], [], []
    known = 0
    for own in progress(methods, "templates", "method"):
        scored: Scored = getattr(own.scores, part)
        weight, numbers = scored.sample.weight, getattr(own.scores.background, replica)
        wanted = round(times * weight.sum() / len(methods))
        kept = np.sort(random.permutation(len(weight))[:wanted])
        share = weight.sum() / (len(methods) * weight[kept].sum())
        sample = replace(scored.sample.without_truth().select(kept), weight=share * weight[kept])
        fold_of = getattr(own.fold_of, part)[kept]
        scores.append(
            np.stack(
                [scored.score[kept] if one is own else one.fit.score(sample, fold_of) for one in methods]
            )
        )
        samples.append(sample)
        folds.append(fold_of)
        replicas.append(known + numbers[kept])
        known += int(numbers.max()) + 1
    votes = Votes(Sample.concat(samples), np.concatenate(scores, axis=1), np.concatenate(folds))
    return votes, np.concatenate(replicas)


def _stacked(stacks: Sequence[Stack], votes: Votes) -> Scored:
    """Return a sample with one score, each event by the weights that its fold had no part in."""
    score = np.full(len(votes.sample), np.nan)
    for fold, one in enumerate(stacks):
        score[votes.folds == fold] = one.log_ratio(votes.scores[:, votes.folds == fold])
    return Scored(votes.sample, score)


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
        if not np.array_equal(backgrounds[name].folds.data, backgrounds[first].folds.data):
            raise ConfigError(
                f"combination: {name} dealt the data into other folds than {first}; fit every method with the same "
                "number of folds and the same seed"
            )
