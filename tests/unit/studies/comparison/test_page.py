"""The report of a comparison: every method's numbers with their errors, what failed, and a table for a paper."""

import re
from dataclasses import replace

from hepflow import verdicts
from hepflow.studies.comparison.figures import figures
from hepflow.studies.show import write_report

HOSTILE = "<script>alert(1)</script>"


def test_tables_over_methods(page_of, comparison):
    page = page_of(comparison)
    assert [text for level, text in page.headings if level == "h2"] == [
        "What was found",
        "Significance improvement",
        "Closure",
        "How far the methods agree",
        "Warnings and problems",
        "How it was made",
        "To paste in a paper",
    ]
    heading = next(row for row in page.rows if row[0] == "Method")
    assert heading == ["Method", "SIC 0.01", "max SIC", "AUC", "Z 0.01", "closure SR", "SIC 0.01 / idealized"]
    assert page.row("CATHODE")[1:6] == [
        "5.310 ± 0.050",
        "10.62 ± 0.18",
        "0.8429 ± 0.0019",
        "3.30",
        "0.5120 ± 0.0026",
    ]
    assert page.row("idealized*")[6] == "1.000 ± 0.013"
    assert ["CATHODE", "0.4997 ± 0.0020", "0.5120 ± 0.0026"] in page.rows
    assert "CWoLa, seed 1, 300 injected: 0.001: no event is left" in page.text
    assert r"CATHODE & $5.310 \pm 0.050$" in page.text
    assert "@article{cwola," in page.text
    assert "@article{feta," not in page.text


def test_every_figure_is_there_and_says_its_numbers(page_of, comparison):
    images = page_of(comparison).all("img")
    assert len(images) == len(list(figures(comparison)))
    told = " ".join(image["alt"] for image in images)
    assert "Largest values: CATHODE 10.62 ± 0.18" in told
    assert "In the signal region: CATHODE 0.5120 ± 0.0026" in told


def test_several_injections(page_of, comparison):
    without = tuple(replace(one, injected=0, max_sic=None) for one in comparison.results)
    page = page_of(replace(comparison, results=(*comparison.results, *without)))
    assert [text for _, text in page.headings if "signal events injected" in text] == [
        "0 signal events injected, 1 seed",
        "300 signal events injected, 1 seed",
        "Closure AUC, 0 signal events injected",
        "Closure AUC, 300 signal events injected",
    ]


def test_what_failed_a_check_is_marked(page_of, comparison):
    bad = verdicts.sideband_factor(1.29, 0.04, comparison.results[0].cuts[0].background_efficiency)
    first, *others = comparison.results
    page = page_of(replace(comparison, results=(replace(first, verdicts=(bad,)), *others)))
    assert page.row("CATHODE")[4].endswith("!")
    assert "! failed a check: not to be trusted." in page.text
    assert (
        f"CATHODE, seed {first.seed}, {first.injected} injected: at a background efficiency of" in page.text
    )


def test_hostile_names_are_text(page_of, comparison):
    first = replace(comparison.results[0], title=HOSTILE, warnings=(HOSTILE,))
    page = page_of(replace(comparison, name=HOSTILE, results=(first, *comparison.results[1:]), matrices=()))
    assert not page.all("script")
    assert page.text.count(HOSTILE) > 4


def test_a_whole_page_with_its_figures(comparison, tmp_path):
    comparison.write(tmp_path / "comparison.json")
    html = write_report(tmp_path).read_text(encoding="utf-8")
    assert len(re.findall("<img ", html)) == len(re.findall('<img src="data:image/', html)) == 4
