"""Verdicts on an unfolding: each passes what is good and fails what is not, with what to do."""

from dataclasses import replace

import pytest
from made_up import unfolding

from hepflow.studies.unfolding import verdicts
from hepflow.studies.unfolding.record import Beside, Line

RECORD = unfolding.record(2)


def test_a_good_result_passes_all():
    assert not RECORD.failed
    assert {one.check for one in RECORD.verdicts} == {
        *(f"{what} of p_{number}" for what in ("closure", "refolding") for number in (0, 1)),
        *(f"bottom line of p_{number}, herwig" for number in (0, 1)),
        "effective size",
        "outside",
        "iterations",
        "coverage",
    }


@pytest.mark.parametrize(("chi2", "passed"), [(10.0, True), (26.0, True), (26.2, False), (None, False)])
def test_p_values(chi2, passed):
    """Of eight bins, chi2 is above 26.1 once in a thousand."""
    found = verdicts.agrees("closure of x", Beside("closure", (), (), (), chi2, 8), "it is not", "do more")
    assert found.passed is passed
    assert ("do more" in found.sentence) is not passed


@pytest.mark.parametrize(
    ("after", "replicas", "passed"), [(100.0, 20, True), (140.0, 20, True), (140.0, 2000, False)]
)
def test_the_bottom_line(after, replicas, passed):
    """By few replicas, chi2 is not known well enough to blame it."""
    found = verdicts.bottom_line("x", Line("model", 100.0, after, (8, 4)), replicas)
    assert found.passed is passed
    assert ("errors are too small" in found.sentence) is not passed


def test_weights():
    weights = RECORD.weights
    assert not verdicts.effective_size(replace(weights, effective_size=4_900.0)).passed
    assert verdicts.effective_size(replace(weights, effective_size=5_100.0)).passed
    assert not verdicts.outside(0.011).passed
    moving = verdicts.settles(replace(weights, settled=False))
    assert not moving.passed
    assert "take more (method.iterations)" in moving.sentence


def test_coverage():
    covered = RECORD.coverage
    assert covered.largest_error == pytest.approx(0.004)
    assert covered.largest_of_control == pytest.approx(0.25)
    off = tuple((level + 0.03,) * 2 for level in covered.levels)
    assert not verdicts.covers(replace(covered, found=off)).passed
    assert verdicts.covers(replace(covered, found=off, events=1000)).passed  # not known well enough
