"""Agreement: the overlap of two selections and the correlation of two scores, whose values are known."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.selection import Scored
from hepflow.selection.agreement import score_correlation, selection_overlap


def scored(scores, data, template=None):
    """Return scores with those of data and template given."""
    template = scores.template.score if template is None else template
    return replace(
        scores, data=Scored(scores.data.sample, data), template=Scored(scores.template.sample, template)
    )


@pytest.fixture(scope="module")
def uniform(scores):
    """Template scores whose quantiles are those of numbers between 0 and 1."""
    return np.linspace(0, 1, len(scores.template.score))


def test_overlap_of_selections_that_share_half_of_their_events(scores, uniform):
    events = len(scores.data.score)
    one, other = np.zeros(events), np.zeros(events)
    one[:40], other[20:60] = 0.95, 0.95
    found = selection_overlap(
        {"a": scored(scores, one, uniform), "b": scored(scores, other, uniform)}, background_efficiency=0.1
    )
    assert found.names == ("a", "b")
    np.testing.assert_allclose(found.value, [[1, 20 / 60], [20 / 60, 1]])
    np.testing.assert_allclose(found.error, np.sqrt(20 / 60 * 40 / 60 / 60) * (1 - np.eye(2)))


def test_overlap_of_nothing(scores, uniform):
    nothing = scored(scores, np.zeros(len(scores.data.score)), uniform)
    assert np.isnan(selection_overlap({"a": nothing, "b": nothing}, 0.1).value[0, 1])


def test_independent_selections_overlap_by_chance(scores, uniform):
    """Of two independent cuts of 20 %, 0.04 of all events pass both and 0.36 pass either."""
    random = np.random.default_rng(1)
    events = len(scores.data.score)
    both = {name: scored(scores, random.random(events), uniform) for name in "ab"}
    found = selection_overlap(both, 0.2)
    assert abs(found.value[0, 1] - 0.04 / 0.36) < 4 * found.error[0, 1]


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.8])
def test_correlation_does_not_depend_on_the_scale(scores, rho):
    random = np.random.default_rng(2)
    x, y = random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], len(scores.data.score)).T
    found = score_correlation({"a": scored(scores, x), "b": scored(scores, np.exp(3 * y))})
    spearman = 6 / np.pi * np.arcsin(rho / 2)  # of a normal distribution
    assert abs(found.value[1, 0] - spearman) < 4 * found.error[1, 0]
    assert np.array_equal(found.value, found.value.T)
    assert found.error[0, 0] == 0


def test_correlation_error_against_many_samples(scores):
    random = np.random.default_rng(3)
    few = np.arange(len(scores.data.score)) < 200
    small = replace(scores, data=scores.data.select(few))
    found = [
        score_correlation({"a": scored(small, x), "b": scored(small, x + random.normal(0, 1, 200))})
        for x in random.normal(0, 1, (1000, 200))
    ]
    spread = np.std([one.value[0, 1] for one in found])  # known to 1 / sqrt(2000)
    assert np.mean([one.error[0, 1] for one in found]) == pytest.approx(spread, rel=0.07)


def test_signal_does_not_count_in_the_correlation(scores):
    random = np.random.default_rng(4)
    events = len(scores.data.score)
    label = (np.arange(events) < 100).astype(np.int8)
    x, y = random.normal(0, 1, (2, events)) + 50 * label  # which alone would correlate the scores
    labelled = replace(scores, data=Scored(replace(scores.data.sample, label=label), x))
    found = score_correlation({"a": labelled, "b": scored(labelled, y)})
    assert found.error[0, 1] < 0.03
    assert abs(found.value[0, 1]) < 4 * found.error[0, 1]


def test_scores_that_are_all_alike_correlate_with_nothing(scores):
    flat = scored(scores, np.zeros(len(scores.data.score)))
    assert np.isnan(score_correlation({"a": scores, "b": flat}).value[0, 1])


@pytest.mark.parametrize("compare", [score_correlation, lambda scores: selection_overlap(scores, 0.1)])
def test_other_data_are_refused(scores, compare):
    fewer = replace(scores, data=scores.data.select(scores.data.score > 0))
    with pytest.raises(ConfigError, match="b was run on other data than a"):
        compare({"a": scores, "b": fewer})
