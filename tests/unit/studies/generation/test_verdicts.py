"""What fails generated events, number by number."""

from dataclasses import replace

import pytest
from made_up import generation

from hepflow.generation import Closeness, Judgement, Tail
from hepflow.studies.generation.record import Curve, Near, TailShare
from hepflow.studies.generation.results import recorded
from hepflow.studies.generation.verdicts import classifier, judged, memory, plateaus, tails
from hepflow.twosample.result import Difference, TwoSample

GOOD = generation.judgement()


def test_good_events_pass():
    found = list(judged(GOOD, generation.limits()))
    assert [one.check for one in found] == [
        "classifier",
        "closeness",
        "tails",
        "plateau at 5%",
        "plateau at 10%",
        "plateau at 20%",
    ]
    assert all(one.passed for one in found)


@pytest.mark.parametrize(("auc", "passed"), [(0.541, True), (0.555, True), (0.56, False)])
def test_a_classifier(auc, passed):
    """More than 0.04 above the floor of 0.502, and by more than two errors of 0.0078."""
    found = classifier(replace(GOOD, auc=(auc, 0.006)))
    assert found.passed is passed
    assert ("train longer" in found.sentence) is not passed
    assert found.value == pytest.approx(auc - 0.502)


@pytest.mark.parametrize(("nearer", "passed"), [(0.511, True), (0.513, False)])
def test_memory(nearer, passed):
    found = memory(replace(GOOD, closeness=Near(nearer, 0.004, 0, 1000)))
    assert found.passed is passed
    assert ("by heart" in found.sentence) is not passed


def test_the_farthest_of_many_tails_may_be_a_little_farther_off():
    alone = TailShare("pt", 0.999, 3.0, 1.17, 0.05)  # 3.4 errors
    assert not tails(replace(GOOD, tails=(alone,))).passed
    many = (alone, *(TailShare("m", 0.01, 0.1, 1.0, 0.05) for _ in range(7)))
    assert tails(replace(GOOD, tails=many)).passed
    far = replace(alone, ratio=1.5)
    found = tails(replace(GOOD, tails=(*many, far)))
    assert not found.passed
    assert "above the quantile 0.999 of pt" in found.sentence


@pytest.mark.parametrize(("end", "passed"), [(0.401, True), (0.38, False), (None, False)])
def test_a_plateau(end, passed):
    limits = generation.limits()
    changed = Curve(0.05, True, (0.9, 0.5, 0.42, end))
    (first, *_) = plateaus(replace(limits, curves=(changed, *limits.curves[1:])))
    assert first.passed is passed
    if end is None:
        assert "there is no limit at 100,000 or 1,000,000" in first.sentence


def test_a_tail_without_a_generated_event():
    """Of 2,600 events three are beyond the quantile 0.999: none is no difference of fifty errors, but of one."""
    few = Tail("pt", 0.999, 3.0, 0.0, 0.02)
    tests = TwoSample(
        (Difference("classifier", None, 0.5, 0.01, 0.5, 0.5),), 0.5, (2600, 2600), (2600, 2600), 99
    )
    near = Closeness(0.5, 0.01, 0, 1000)
    found = recorded(Judgement(tests, (0.5, 0.01), (), near, (few,)), 2600)
    assert found.tails[0].error == pytest.approx((3 / 2.6) ** 0.5)
    assert tails(found).passed
