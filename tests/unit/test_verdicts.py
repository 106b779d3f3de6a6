"""Verdicts: each limit on either side, with the statistical error on either side, and what they concern."""

import numpy as np
import pytest

from hepflow import verdicts
from hepflow.importance import effective_size


@pytest.mark.parametrize(
    ("p_value", "passed"), [(0.5, True), (0.0011, True), (0.001, True), (0.0009, False), (0.0, False)]
)
def test_p_values(p_value, passed):
    fit, shape = verdicts.sideband_fit(2768.04, 87, p_value), verdicts.sculpting(p_value, 0.01)
    assert (fit.passed, shape.passed) == (passed, passed)
    assert (fit.value, fit.limit, fit.error, fit.is_p_value) == (p_value, 1e-3, None, True)
    assert "chi2/ndf 2768.0/87" in fit.sentence
    assert "expected at least 0.001" in fit.sentence
    assert ("turn-on" in fit.sentence) is not passed
    assert shape.sentence.startswith("at a background efficiency of 0.01, ")


def test_no_p_value_is_zero():
    assert "p < 1e-300;" in verdicts.sideband_fit(2768.0, 87, 0.0).sentence
    assert "p = 0.53;" in verdicts.sideband_fit(19.8, 21, 0.534).sentence


@pytest.mark.parametrize(
    ("auc", "error", "passed"),
    [
        (0.519, 0.002, False),
        (0.5011, 0.0017, True),
        (0.514, 0.0020001, True),  # two errors beyond the limit, and a little less
        (0.514, 0.0019999, False),
        (0.55, 0.025, True),
        (0.48, 0.001, True),  # below a half is chance
    ],
)
def test_closure(auc, error, passed):
    verdict = verdicts.closure(auc, error)
    assert verdict.passed is passed
    assert (verdict.value, verdict.error, verdict.limit) == (auc, error, 0.51)
    assert "expected at most 0.51" in verdict.sentence


def test_a_sentence_names_value_limit_and_remedy():
    failed = verdicts.closure(0.519, 0.002)
    assert "AUC of 0.5190 +- 0.0020; expected at most 0.51: and so will" in failed.sentence
    assert "train for more epochs" in failed.sentence
    assert verdicts.closure(0.501, 0.002).sentence.endswith("0.5010 +- 0.0020; expected at most 0.51")


@pytest.mark.parametrize(
    ("factor", "error", "passed"),
    [
        (1.29, 0.04, False),
        (0.71, 0.04, False),
        (1.29, 0.0701, True),
        (1.29, 0.0699, False),
        (1.1, 0.001, True),
        (0.931, 0.177, True),
    ],
)
def test_sideband_factor(factor, error, passed):
    verdict = verdicts.sideband_factor(factor, error, 0.1)
    assert verdict.passed is passed
    assert (verdict.value, verdict.limit, verdict.expected) == (factor, 0.15, "1 within 0.15")


@pytest.mark.parametrize(
    ("value", "error", "passed"),
    [
        (0.36, 0.17, True),
        (0.45, 0.55, True),
        (0.156, 0.01, True),
        (0.71, 0.1, False),
        (-0.4, 0.0999, False),
        (-0.4, 0.1001, True),
        (1.0, 1.0, True),  # nothing is known
    ],
)
def test_non_closure(value, error, passed):
    beside = verdicts.non_closure(value, error, 0.001)
    simulated = verdicts.non_closure(value, error, 0.001, simulation=True)
    assert (beside.passed, simulated.passed) == (passed, passed)
    assert "in the validation bands" in beside.sentence
    assert "in simulation" in simulated.sentence
    assert ("leaks" in beside.sentence) is not passed
    assert "leaks" not in simulated.sentence


def test_template_size():
    assert verdicts.template_size(1000.0).passed
    assert not verdicts.template_size(999.9).passed
    assert verdicts.template_size(25.0, 0.01).passed
    few = verdicts.template_size(effective_size(np.array([1.0, 1.0, 0.1] * 11)), 0.01)
    assert not few.passed
    assert few.value == pytest.approx(11 * 2.1**2 / 2.01)
    assert "is worth 26 events" in verdicts.template_size(26.3).sentence
    assert "raise the method's oversampling" in few.sentence


DEMO = (  # of the demonstration
    (5.797, 5.5382, 5.4509, 5.4446, 5.4257, 5.4211),
    (5.7327, 5.5301, 5.4816, 5.4323, 5.4279, 5.4223),
)
NOISY = (0.6922, 0.6928, 0.6923, 0.6925, 0.6927, 0.6921, 0.6924, 0.6926, 0.6925, 0.6920)


@pytest.mark.parametrize(
    ("losses", "passed"),
    [
        (DEMO, True),
        ([np.linspace(4.0, 3.0, 20)], False),  # on a line
        ([(4.05, 4.00), (4.04, 4.01)], False),  # two epochs say nothing of an end
        ([3 + np.exp(-np.arange(20) / 4)], True),
        ([3 + np.exp(-np.arange(20) / 10)], False),
        ([NOISY, NOISY], True),  # the lowest loss is the last by chance
        ([(3.9, 3.95, 4.0)], True),  # it never improved
    ],
)
def test_training(losses, passed):
    verdict = verdicts.training(losses)
    assert verdict.passed is passed
    assert ("method.epochs" in verdict.sentence) is not passed


def test_the_limit_of_a_training_from_either_side():
    """One network, whose last epoch brings so much of a gain of one."""

    def late(*shares):
        return verdicts.training([(1.0, share, share, share, share, 0.0) for share in shares])

    assert late(0.0499).passed
    assert not late(0.0501).passed
    spread = late(0.02, 0.12)
    assert spread.value == pytest.approx(0.07)
    assert spread.error == pytest.approx(0.05)
    assert spread.passed


def test_a_line_gains_a_fifth_in_its_last_fifth():
    assert verdicts.training([np.linspace(4.0, 3.0, 101)]).value == pytest.approx(0.2)


@pytest.mark.parametrize("losses", [(), ((3.0,),), ((),)])
def test_nothing_is_said_of_no_training(losses):
    assert verdicts.training(losses) is None


def test_what_a_verdict_concerns():
    fit, auc = verdicts.sideband_fit(1, 1, 1.0), verdicts.closure(0.5, 0.1)
    cut, behind = verdicts.sculpting(1.0, 0.1), verdicts.sideband_fit(1, 1, 1.0, 0.1)
    assert [one.name for one in (fit, auc, cut)] == ["sideband fit", "closure", "sculpting at eps_B 0.1"]
    for efficiency, concerned in ((1, (1, 0, 0, 0)), (0.1, (1, 1, 1, 1)), (0.01, (1, 1, 0, 0))):
        assert [one.concerns(efficiency) for one in (fit, auc, cut, behind)] == [
            bool(one) for one in concerned
        ]
