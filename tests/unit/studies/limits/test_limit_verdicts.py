"""Limits that rest on a check that failed are marked, and none is claimed of them."""

from dataclasses import replace

from hepflow import verdicts
from hepflow.studies.limits.study import STUDY
from hepflow.studies.limits.text import text

BAD, GOOD = verdicts.sideband_fit(2768.0, 87, 0.0), verdicts.sideband_fit(19.8, 21, 0.53)
WIDE = verdicts.sideband_factor(1.29, 0.04, 0.01)


def test_nothing_is_marked_where_all_passed(limits, page_of):
    passed = replace(limits, verdicts=(GOOD,))
    assert "FAILED" not in text(passed)
    assert "failed" not in page_of(passed).text.lower()
    assert STUDY.failed(passed) == []


def test_what_failed_stands_first_and_last_and_is_marked(limits, page_of):
    failed = replace(limits, verdicts=(GOOD, WIDE))
    lines = text(failed).splitlines()
    assert lines[0].startswith("FAILED CHECKS")
    assert lines[1] == lines[-1] == f"- {WIDE.sentence}"
    assert any(line.startswith("eps_B 0.01!") for line in lines)
    assert any(line.startswith("inclusive  ") for line in lines)
    page = page_of(failed)
    assert page.text.count("data over template in the sidebands is") == 2
    assert page.row("1% (failed a check)")[1] == "200"
    assert STUDY.failed(failed) == ["sideband factor at eps_B 0.01"]


def test_no_limit_is_claimed_behind_a_cut_that_failed(limits, page_of):
    page = page_of(replace(limits, verdicts=(WIDE,)))
    assert "The strongest limit is expected without a cut." in page.text
    assert r"\textbf{No limit is claimed at a background efficiency of" in page.text


def test_nothing_is_claimed_where_the_sideband_fit_failed(limits, page_of):
    page = page_of(replace(limits, verdicts=(BAD,)))
    assert "No expected limit could be set behind a cut that passed its checks" in page.text
    assert "The strongest limit" not in page.text
