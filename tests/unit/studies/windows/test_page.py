"""The report of a scan: the largest excess with its trials, every window, and nothing that is blinded."""

import re
from dataclasses import replace

import pytest

from hepflow.engine.unblinding import Unblinding
from hepflow.studies.show import write_report
from hepflow.studies.windows.figures import figures

HOSTILE = "<script>alert(1)</script>"
CONFIG = {"config.yaml": "classifier: {name: bdt}\n"}


def titles(page):
    return [text for level, text in page.headings if level == "h2"]


def test_the_largest_excess_is_told_with_its_trials(page_of, scan):
    page = page_of(scan)
    assert titles(page) == [
        "What was found",
        "Windows",
        "Blinding",
        "Warnings and problems",
        "How it was made",
        "To paste in a paper",
    ]
    assert "CATHODE, 7 windows from 2800 to 4000 GeV, seed 1" in page.text
    told = page.text[: page.text.index("Local significance of every window")]
    for piece in (
        "4.4\u202fσ",
        "p₀ = 5.0 × 10⁻⁶",
        "1.0 × 10⁻⁵",
        "≥ 3.8\u202fσ",
        "p ≤ 6.0 × 10⁻⁵",
        "6 of 7",
        "found in the window 3250 to 3550 GeV, behind the cut at a background efficiency of 1%: 143 events observed",
        "With those of 6 windows it is 6.0 × 10⁻⁵ at most",
        "In 3 windows without overlap it would be 3.0 × 10⁻⁵ (Šidák): at most 4.0\u202fσ",
    ):
        assert piece in told


def test_extrapolated_trials_factors_are_marked(page_of, scan):
    assert "extrapolated" not in page_of(scan).text
    windows = (*scan.windows[:3], replace(scan.windows[3], extrapolated=True), *scan.windows[4:])
    marked = page_of(replace(scan, windows=windows, excess=replace(scan.excess, extrapolated=True)))
    assert marked.row("3250 to 3550")[5] == "2.0†"
    assert marked.row("2950 to 3250")[5] == "2.0"
    for piece in (
        "in 3250 to 3550 GeV, extrapolated from toys",
        "its p-value is 1.0 × 10⁻⁵, extrapolated from toys.",
        "† extrapolated from toys.",
        r"its $p$-value is $1.0 \times 10^{-5}$, extrapolated from toys.",
        r"Trials factors marked $^{\dagger}$ are extrapolated from toys.",
        r"$2.0^{\dagger}$",
    ):
        assert piece in marked.text


def test_every_window_has_a_line(page_of, scan):
    page = page_of(scan)
    window = page.row("3250 to 3550")
    assert window == [
        "3250 to 3550",
        "0.5\u202fσ",
        "3.1\u202fσ",
        "4.4\u202fσ",
        "5.4 × 10⁻⁶",
        "2.0",
        "1.1 × 10⁻⁵",
    ]
    assert page.row("3700 to 4000") == ["3700 to 4000", *"––––––"]
    events = ["3250 to 3550", "1%", "143", "90.0 ± 9.0", "4.4\u202fσ", "5.4 × 10⁻⁶", "asymptotic formulae"]
    assert events in page.rows
    assert ["2800 to 3100", "2200 to 2800, 3100 to 3700"] in page.rows
    assert (
        len(page.rows) == 1 + 7 + 1 + 18 + 1 + 7 + 1 + 1
    )  # of four tables: significances, events, regions, versions


def test_the_figure_says_its_numbers(page_of, scan):
    (image,) = page_of(scan).all("img")
    assert len(list(figures(scan))) == 1
    assert "1% 5.4 × 10⁻⁶ in 3250 to 3550 GeV" in image["alt"]


def test_problems_of_windows_are_counted_first(page_of, scan):
    page = page_of(scan)
    assert "1 warning" in page.text[: page.text.index("What was found")]
    assert "3700-4000 GeV: no room" in page.text


def test_blinded_data_are_not_shown(page_of, blinded_scan):
    page = page_of(blinded_scan, CONFIG)
    assert ["3250 to 3550", "1%", "blinded", "90.0 ± 9.0", "–", "–", "asymptotic formulae"] in page.rows
    assert page.row("3250 to 3550")[1:4] == ["0.5\u202fσ", "–", "–"]
    assert not re.search(r"\b(111|143)\b|4\.4", page.text)
    assert "Global significance" not in page.text
    assert "Blinded: no data of the signal regions were looked at behind a cut." in page.text
    assert "The data of the signal regions are blinded behind the cuts.\n" in page.text
    (image,) = page.all("img")
    assert "1%" not in image["alt"]


def test_who_unblinded(page_of, scan):
    look = Unblinding("E. Noether", "2026-11-20T08:00:00+00:00", "abc")
    page = page_of(replace(scan, unblinded=(look,)))
    assert ["2026-11-20T08:00:00+00:00", "E. Noether", "abc"] in page.rows
    assert "was not blinded" not in page.text
    assert "was not blinded" in page_of(scan).text


def test_what_is_to_be_pasted(page_of, scan):
    page = page_of(scan, CONFIG)
    for piece in (
        "in 7 windows from 2800 to 4000~GeV",
        r"CATHODE~\cite{cathode,neural_spline_flows}",
        r"boosted decision trees~\cite{boosted_trees}, at background efficiencies of $10\%$ and $1\%$",
        r"in $3250 < m_{jj} < 3550$~GeV at a background efficiency of $1\%$: $143$ events are observed",
        r"at most $6.0 \times 10^{-5}$ (Bonferroni), a global significance of at least $3.8\,\sigma$",
        r"3250 to 3550 & $0.5\,\sigma$ & $3.1\,\sigma$ & $4.4\,\sigma$ & $5.4 \times 10^{-6}$ & $2.0$",
        r"Signal region [GeV] & no cut & 10\% & 1\%",
    ):
        assert piece in page.text
    cited = {key for keys in re.findall(r"\\cite\{(.+?)\}", page.text) for key in keys.split(",")}
    assert cited <= set(re.findall(r"@\w+\{(\w+),", page.text))


def test_toys_are_named(page_of, scan):
    first = scan.windows[0]
    thrown = replace(first, cuts=(*first.cuts[:2], replace(first.cuts[2], calculator="toys", p0_error=0.02)))
    page = page_of(replace(scan, windows=(thrown, *scan.windows[1:])))
    assert ["2800 to 3100", "1%", "143", "90.0 ± 9.0", "0.2\u202fσ", "0.421 ± 0.020", "toys"] in page.rows
    assert "or, where few events are expected, toys" in page.text


@pytest.mark.parametrize("kept", [slice(6, 7), slice(0, 0)])
def test_a_scan_in_which_nothing_could_be_searched(page_of, scan, kept):
    page = page_of(replace(scan, windows=scan.windows[kept], excess=None))
    assert "No window has a p-value to compare" in page.text
    assert "No window could be judged." in page.text
    assert not page.all("img")


def test_hostile_names_are_text(page_of, scan):
    look = Unblinding(HOSTILE, HOSTILE, HOSTILE)
    failed = replace(scan.windows[-1], problems=(HOSTILE,))
    hostile = {"name": HOSTILE, "method": HOSTILE, "versions": {HOSTILE: HOSTILE}, "config_hash": HOSTILE}
    page = page_of(
        replace(scan, windows=(*scan.windows[:-1], failed), unblinded=(look,), **hostile),
        {"config.yaml": f"</pre>{HOSTILE}"},
    )
    assert not page.all("script")
    assert page.text.count(HOSTILE) > 9
    assert page.headings[0] == ("h1", HOSTILE)


def test_the_same_record_gives_the_same_bytes(scan, tmp_path):
    scan.write(tmp_path / "scan.json")
    html = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path, tmp_path / "again.html").read_bytes() == html
    assert html.count(b'<img src="data:image/') == html.count(b"<img ") == 1
