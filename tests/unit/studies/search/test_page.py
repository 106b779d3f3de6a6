"""The report of a run: whole in one file, its numbers those of the record, hostile names nothing but text."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from made_up.page import Read

from hepflow.catalogue import STUDIES
from hepflow.cli import main
from hepflow.errors import InputError
from hepflow.sample import SkippedFile
from hepflow.studies.search.figures import figures
from hepflow.studies.show import write_report

HEADINGS = [
    "What was found",
    "Spectra",
    "Limits",
    "Closure and validation",
    "Features and score",
    "By truth labels",
    "Cutflow",
    "Blinding",
    "Warnings and problems",
    "How it was made",
    "To paste in a paper",
]
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def run_report(run_folder):
    """Return the report of a run, read."""
    return Read.of((run_folder / "report.html").read_text(encoding="utf-8"))


def titles(page):
    return [text for level, text in page.headings if level == "h2"]


def test_it_stands_alone(run_report):
    """Nothing is asked of a network, no script runs, and the policy says so to the browser."""
    assert not run_report.all("script")
    assert not run_report.all("link")
    assert not run_report.all("iframe")
    for tag, attributes in run_report.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert attributes.get("href", "#").startswith("#")
        assert attributes.get("src", "data:image/").startswith("data:image/")
    (policy,) = (one["content"] for one in run_report.all("meta") if one.get("http-equiv"))
    assert "default-src 'none'" in policy
    (style,) = re.findall("<style>(.*?)</style>", run_report.html, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "url(" not in style
    assert "@import" not in style


def test_an_extrapolated_trials_factor_is_marked(page_of, results):
    told = page_of(results).text
    assert "p = (1.15 ± 0.12) × 10⁻¹², extrapolated" in told
    assert "Too few toys reach the excess: the factor is extrapolated by their correlations." in told
    by_toys = replace(results, trials=replace(results.trials, extrapolated=False))
    assert "extrapolated" not in page_of(by_toys).text


def test_every_figure_is_there_and_says_its_numbers(run_report, results):
    images = run_report.all("img")
    assert len(images) == len(list(figures(results)))
    for image in images:
        kind, _, content = image["src"].partition(";base64,")
        start = {"data:image/svg+xml": b"<?xml", "data:image/png": b"\x89PNG"}[kind]
        assert base64.b64decode(content).startswith(start)
        assert len(image["alt"]) > 40
        assert int(image["width"]) > 300
    told = " ".join(image["alt"] for image in images)
    assert "245 events observed, 152 ± 57 expected, Z = 7.0\u202fσ" in told
    assert "1%: observed 1.36, expected 0.31 (0.22 to 0.44)" in told
    assert "m_J_1 [GeV]" in told
    assert len(run_report.html) < 3e6


def test_headings_and_contents(run_report):
    assert run_report.headings[0] == ("h1", "demo")
    assert titles(run_report) == HEADINGS
    names = [one["id"] for one in run_report.all("section")]
    assert [one["href"] for one in run_report.all("a")] == [f"#{name}" for name in names]
    assert [one["scope"] for one in run_report.all("th")].count("row") > 10
    assert all(one["tabindex"] == "0" for one in run_report.all("div") if one.get("class") == "scroll")


def test_the_numbers_of_the_record(run_report):
    found = run_report.row("1%")
    assert found == [
        "1%",
        "245",
        "152 ± 57",
        "7.0\u202fσ",
        "6.4\u202fσ",
        "3.1 × 10⁻¹³",
        "1.07 ± 0.17",
        "1.36",
        "0.31 (0.22 to 0.44)",
    ]
    assert run_report.row("no cut")[1:3] == ["14,581", "14,562 ± 137"]
    assert ["1%", "1.043 ± 0.061", "0.36 ± 0.17", "0.73"] in run_report.rows
    assert run_report.row("dropped: tau1 = 0") == ["dropped: tau1 = 0", "3", "0.00469%"]
    assert run_report.row("expected background") == ["expected background", "14,562 ± 137"]
    assert run_report.row("all stages")[1] == "3 min 36 s"
    assert run_report.row("numpy")[1] == "2.4.6"
    for text in ("p = (1.15 ± 0.12) × 10⁻¹²", "AUC of 0.5018 ± 0.0017", "e55b178f63434c07", "2,000 toys"):
        assert text in run_report.text


def test_files_of_the_folder_are_shown(run_report):
    assert "classifier: {name: bdt, folds: 5}" in run_report.text
    assert '"machine": "a laptop"' in run_report.text


def test_the_same_record_gives_the_same_bytes(run_folder, tmp_path):
    path = write_report(run_folder, tmp_path / "again.html")
    assert path.read_bytes() == (run_folder / "report.html").read_bytes()


def test_hostile_names_are_text(page_of, results):
    cut = replace(results.cuts[0], problems=(HOSTILE,), calculator="toys", calculator_reason=HOSTILE)
    feature = replace(results.features[0], label=HOSTILE)
    page = page_of(
        replace(
            results,
            name=HOSTILE,
            method=HOSTILE,
            cuts=(cut,),
            cutflow=((HOSTILE, 3),),
            counts={HOSTILE: 1.0},
            features=(feature,),
            signal_unit=HOSTILE,
            versions={HOSTILE: HOSTILE},
            timing={HOSTILE: 1.0},
            warnings=(HOSTILE,),
            skipped_files=(SkippedFile(HOSTILE, HOSTILE),),
        ),
        files={"config.yaml": f"</pre>{HOSTILE}", "provenance.json": HOSTILE},
    )
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert page.text.count(HOSTILE) > 10
    assert page.headings[0] == ("h1", HOSTILE)


def test_figures_of_a_hostile_record_are_images(results, tmp_path):
    """Inside an image a browser runs no script; what matters is that nothing leaves the attribute."""
    replace(results, name=HOSTILE, cuts=(), features=()).write(tmp_path / "results.json")
    html = write_report(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in html
    assert len(re.findall("<img ", html)) == len(re.findall('<img src="data:image/', html))


def test_blinded_data_are_not_shown(page_of, blinded):
    page = page_of(blinded)
    assert page.row("1%")[1:5] == ["blinded", "152 ± 57", "–", "6.4\u202fσ"]
    assert "245" not in page.html
    assert "14,581" not in page.text.replace("data, signal region14,581", "")
    assert "Blinded: no data of the signal region were looked at behind the cuts no cut, 1%." in page.text
    assert "By truth labels" not in titles(page)


def test_who_unblinded(page_of, unblinded):
    page = page_of(unblinded)
    assert ["2026-11-20T08:00:00+00:00", "A. Physicist", "e55b178f63434c07"] in page.rows
    assert "was not blinded" not in page.text


def test_warnings_come_first_and_once(page_of, results):
    cut = replace(results.cuts[0], problems=("no limit: the scan ends",))
    warned = ("eps0.01: no limit: the scan ends", "few simulated events")
    page = page_of(replace(results, cuts=(cut,), warnings=warned))
    assert page.text.count("no limit: the scan ends") == 1
    assert "2 warnings" in page.text[: page.text.index("What was found")]
    assert "1 warning" in page_of(replace(results, cuts=(cut,))).text
    assert "to read first" not in page_of(results).text


def test_skipped_files_are_listed(page_of, results):
    page = page_of(replace(results, skipped_files=(SkippedFile("data_7.root", "truncated", None),)))
    assert ["data_7.root", "truncated", "–"] in page.rows
    assert ("h3", "Damaged files that were skipped (1)") in page.headings


def test_a_run_with_nothing_but_its_record(page_of, results):
    """No truth, no trials, no cuts, no fit, no files beside it."""
    bare = replace(
        results.inclusive,
        z=None,
        p0=None,
        mu_hat=None,
        mu_hat_error=None,
        mu_up_obs=None,
        mu_up_exp=(None,) * 5,
    )
    empty = {
        "cuts": (),
        "truth": None,
        "trials": None,
        "losses": (),
        "features": (),
        "timing": {},
        "smooth": replace(results.smooth, tests=()),
    }
    page = page_of(replace(results, inclusive=bare, **empty))
    assert "No selection could be fitted" in page.text
    assert page.row("no cut")[1:5] == ["14,581", "14,562 ± 137", "–", "1.8\u202fσ"]
    assert "By truth labels" not in titles(page)


def test_a_long_file_is_cut(page_of, results):
    page = page_of(results, files={"provenance.json": "x" * 300_000})
    assert len(page.text) < 150_000
    assert "(200,000 characters more in provenance.json)" in page.text


def test_a_folder_without_results(tmp_path):
    known = ", ".join(row.file for row in STUDIES.values())
    with pytest.raises(InputError, match=f"none of {known} there"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": "other"}')
    with pytest.raises(InputError, match="expected schema 'hepflow-results-1'"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_study_without_a_report(tmp_path):
    (tmp_path / "tuning.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no report; tuning.json holds what it found"):
        write_report(tmp_path)


@pytest.mark.usefixtures("without_figures")
def test_a_file_that_cannot_be_written(run_folder, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        write_report(run_folder, tmp_path / "none" / "report.html")


@pytest.mark.usefixtures("without_figures")
def test_on_the_command_line(run_folder, tmp_path, capsys):
    def code(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["report", *map(str, arguments)])
        return end.value.code

    out = tmp_path / "search.html"
    assert code(run_folder, "--out", out) == 0
    assert out.stat().st_size > 10_000
    assert f"report in {out}" in capsys.readouterr().err
    assert code(tmp_path / "nothing") == 1
    assert "expected the folder of a finished run, scan, comparison" in capsys.readouterr().err
