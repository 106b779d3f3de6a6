"""The report and the text of an unfolding, from its record alone."""

from dataclasses import replace

import pytest
from made_up import unfolding

from hepflow.report.page import write_page
from hepflow.studies.unfolding import verdicts
from hepflow.studies.unfolding.page import page
from hepflow.studies.unfolding.text import text

RECORD = unfolding.record(2)


@pytest.fixture
def html(tmp_path):
    def written(record):
        record.write(tmp_path / "unfolding.json")
        return write_page(page(tmp_path), tmp_path / "report.html").read_text(encoding="utf-8")

    return written


def test_a_report(html):
    shown = html(RECORD)
    for told in (
        "Unfolded yield",
        "20 to 70",
        "Bottom line",
        "herwig",
        "jes",
        "OmniFold: A Method",
        "1607.07038",
    ):
        assert told in shown
    assert "Checks that failed" not in shown


def test_what_failed_stands_first(html):
    failed = replace(RECORD, verdicts=(verdicts.outside(0.02),))
    shown = html(failed)
    assert "Checks that failed" in shown
    assert "Nothing is claimed" in shown
    assert text(failed).splitlines()[1].startswith("- 2 % of the data lies where nothing is simulated")


def test_without_weights_and_counterparts(html):
    bare = [replace(one, seen=None, reference=None, lines=(), systematics=()) for one in RECORD.observables]
    record = replace(
        RECORD, method="bayes", weights=None, coverage=None, reference=None, observables=tuple(bare)
    )
    assert "has no counterpart at detector level" in html(record)
    assert "has no counterpart at detector level" in text(record)
    assert record.observables[0].error == pytest.approx(record.observables[0].unfolded.error)
