"""Windows that failed their checks: marked or withheld, and no part of the largest excess."""

from dataclasses import replace

import pytest

from hepflow import verdicts
from hepflow.studies.windows.figures import figures
from hepflow.studies.windows.study import STUDY
from hepflow.studies.windows.text import text
from hepflow.studies.windows.work import largest

BAD, GOOD = verdicts.sideband_fit(2768.0, 87, 0.0), verdicts.sideband_fit(19.8, 21, 0.53)
WIDE = verdicts.sideband_factor(1.29, 0.04, 0.01)


@pytest.fixture
def failed(scan):
    """Return a scan whose best window has a bad fit, and the next one a bad cut."""
    given = {3: (BAD,), 4: (GOOD, WIDE)}
    windows = tuple(replace(one, verdicts=given.get(i, (GOOD,))) for i, one in enumerate(scan.windows))
    return replace(scan, windows=windows, excess=largest(windows))


def test_the_largest_excess_is_one_that_passed(scan, failed):
    assert scan.excess.signal == (3250.0, 3550.0)
    assert (failed.excess.signal, failed.excess.z) == ((3100.0, 3400.0), 2.0)
    assert failed.windows[3].best is None
    assert failed.windows[4].best.background_efficiency == 0.1
    assert failed.excess.windows == 5
    assert STUDY.failed(scan) == []
    assert STUDY.failed(failed) == [
        "3250-3550 GeV: sideband fit",
        "3400-3700 GeV: sideband factor at eps_B 0.01",
    ]


def test_the_text_marks_and_withholds(scan, failed):
    lines = text(failed).splitlines()
    assert lines[0].startswith("FAILED CHECKS; what is withheld or marked !")
    assert lines[:3] == lines[-3:]
    assert lines[1] == "- 3250-3550 GeV: sideband fit"
    (bad,) = (line for line in lines if line.startswith("3250-3550"))
    assert bad.split() == ["3250-3550", *("-", "withheld") * 3]
    assert "2.20!" in text(failed)
    assert "4.40" not in text(failed)
    assert "FAILED" not in text(scan)


def test_the_report_marks_and_withholds(page_of, failed):
    page = page_of(failed)
    titles = [title for level, title in page.headings if level == "h2"]
    assert (titles[0], titles[-1]) == ("Checks that failed", "Checks that failed, once more")
    assert page.text.count("3250 to 3550 GeV: the dijet function has chi2/ndf 2768.0/87") == 2
    assert page.row("3250 to 3550")[1:4] == ["withheld"] * 3
    assert page.row("3400 to 3700")[3] == "2.2\u202fσ!"
    assert "4.4\u202fσ" not in page.text
    claim = r"\textbf{Nothing is claimed of what failed its checks (3250-3550 GeV: sideband fit; "
    assert page.text.count(claim) == 2


def test_the_figure_holds_no_withheld_number(failed, texts):
    drawn = dict(figures(failed))
    assert "3100–3400 GeV" in texts(drawn["p_values"])
    nothing = replace(failed, windows=tuple(replace(one, verdicts=(BAD,)) for one in failed.windows))
    assert dict(figures(nothing)) == {}
    assert largest(nothing.windows) is None
