"""Both answers to the background behind a cut: in the record, on the terminal and in the report."""

import json
from dataclasses import replace

import pytest
from made_up.answers import OTHER, SMOOTH, WHY, answered
from made_up.results import hidden

from hepflow.results import Results
from hepflow.studies.search.study import STUDY
from hepflow.studies.search.text import text


def test_the_record_is_read_as_it_was_written(results, tmp_path):
    both = answered(results, why=WHY)
    both.write(tmp_path / "results.json")
    read = Results.from_json(tmp_path / "results.json")
    assert read.cuts == both.cuts
    assert read.cuts[0].smooth.tests == SMOOTH.tests


def test_a_record_of_before_has_one_answer(results, tmp_path):
    content = results.to_dict()
    for cut in (content["inclusive"], *content["cuts"]):
        for key in ("background", "other", "smooth"):
            del cut[key]
    (tmp_path / "results.json").write_text(json.dumps(content), "utf-8")
    read = Results.from_json(tmp_path / "results.json")
    assert [(cut.background, cut.other, cut.smooth) for cut in read.cuts] == [(None, None, None)]
    assert "the other background" not in text(read)


def test_the_terminal_has_both(results):
    lines = text(answered(results)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("the other background"))
    assert lines[start].split()[-2:] == ["dijet", "usable"]
    assert lines[start + 1].split() == [
        "eps_B",
        "0.01",
        "dijet",
        "160",
        "+-",
        "12",
        "5.12",
        "0.955",
        "1.31",
        "yes",
    ]
    assert not any("dijet not usable" in line for line in lines)


def test_the_terminal_says_why_not(results):
    for background in ("template", "dijet"):
        told = text(answered(results, background, WHY))
        assert f"eps_B 0.01: dijet not usable: {WHY}" in told


def test_the_terminal_of_a_blinded_run(results):
    both = hidden(answered(results))
    (cut,) = both.cuts
    unseen = dict.fromkeys(("pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs"))
    both = replace(both, cuts=(replace(cut, other=replace(OTHER, **unseen)),))
    lines = text(both).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("the other background"))
    assert lines[start + 1].split()[-3:] == ["5.30", "0.36", "yes"]


def test_an_answer_without_numbers(results):
    bare = replace(OTHER, n_exp=None, n_exp_error=None, z=None, mu_hat=None, mu_up_obs=None, expected=())
    both = answered(results, why=WHY)
    both = replace(both, cuts=tuple(replace(cut, other=bare) for cut in both.cuts))
    assert "eps_B 0.01            dijet" in text(both)


def test_the_report_has_both(page_of, results):
    page = page_of(answered(results))
    assert ["1%", "template, chosen", "152 ± 57", "7.0\u202fσ"] in [row[:4] for row in page.rows]
    other = next(row for row in page.rows if row[1:2] == ["dijet"])
    assert other[2:4] == ["160 ± 12", "5.1\u202fσ"]
    assert other[-1] == "yes"
    assert [
        "1%",
        "2",
        "11.3 / 12",
        "0.50",
        "0.27",
        "-0.21 ± 0.30",
        "-0.12 (modified-exponential)",
        "yes",
    ] in page.rows
    assert "Dashed: the background that was not chosen (dijet)." in page.text
    assert "not to be used" not in page.text


def test_the_report_says_why_not(page_of, results):
    page = page_of(answered(results, "dijet", WHY))
    assert f"1%: not to be used: {WHY}." in page.text
    assert next(row for row in page.rows if row[1:2] == ["dijet, chosen"])[-1] == "no"
    assert next(row for row in page.rows if row[1:2] == ["template"])[-1] == "–"


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("background", ["template", "dijet"])
def test_a_run_has_both_answers(folder, configure, forbid, background):
    """What one run has for its own numbers, the other has beside them."""
    forbid("features", "background", "scores")
    other = {"template": "dijet", "dijet": "template"}[background]
    settings = f"fit.background={background}"
    found = STUDY.run(configure(settings), folder, until="fit")
    swapped = STUDY.run(configure(f"fit.background={other}"), folder, until="fit")
    assert (found.inclusive.background, found.inclusive.other) == ("dijet", None)
    for cut, seen in zip(found.cuts, swapped.cuts, strict=True):
        assert (cut.background, cut.other.background) == (background, other)
        assert cut.smooth == seen.smooth
        for name in ("n_exp", "n_exp_error", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs"):
            assert getattr(cut.other, name) == pytest.approx(getattr(seen, name), rel=1e-6)
        assert cut.other.expected == pytest.approx(seen.spectrum.expected)
        assert cut.other.usable is (cut.smooth.usable if other == "dijet" else None)
        told = any("the dijet function may not be used behind this cut" in one for one in seen.problems)
        if other == "dijet":
            assert told is not cut.smooth.usable
    again = Results.from_json(folder / "results.json")
    assert again.cuts == swapped.cuts
