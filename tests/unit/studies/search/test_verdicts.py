"""Searches that fail their checks: what the record keeps, what people are shown, and the exit code."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from hepflow import verdicts
from hepflow.cli import main
from hepflow.parts import ClosureRecord
from hepflow.report import paper
from hepflow.results import Results
from hepflow.storage import save_sample
from hepflow.studies.search.figures import figures
from hepflow.studies.search.study import STUDY
from hepflow.studies.search.text import text

GOOD = verdicts.sideband_fit(19.8, 21, 0.53)
BAD = verdicts.sideband_fit(2768.0, 87, 0.0)
WIDE = verdicts.non_closure(0.71, 0.05, 0.01)
APART = verdicts.closure(0.519, 0.002)


@pytest.fixture
def bad(results):
    """Return a search whose sideband fit is bad."""
    return replace(results, verdicts=(BAD, verdicts.closure(0.5, 0.002)))


@pytest.fixture
def doubted(results):
    """Return a search one of whose cuts is bad."""
    return replace(results, verdicts=(GOOD, WIDE))


@pytest.fixture
def hepflow(capsys):
    """Run the command line; return exit code, standard output and standard error."""

    def hepflow(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        logging.getLogger("hepflow").handlers.clear()
        return end.value.code, *capsys.readouterr()

    return hepflow


def told(found):
    return text(found).splitlines()


def test_what_is_withheld(bad, results):
    assert bad.withheld
    assert bad.trusted == ()
    shown = bad.shown()
    for cut in (shown.inclusive, *shown.cuts):
        assert {cut.z, cut.p0, cut.mu_hat, cut.mu_up_obs, cut.z_expected, *cut.mu_up_exp} == {None}
    assert shown.trials is None
    assert shown.inclusive.n_obs == results.inclusive.n_obs
    assert bad.cuts[0].z == 7.04  # the record keeps it


def test_what_is_doubted(doubted, results):
    assert not doubted.withheld
    assert doubted.shown() is doubted
    assert doubted.trusted == (doubted.inclusive,)
    assert doubted.doubts(doubted.cuts[0]) == (WIDE,)
    apart = replace(results, verdicts=(APART,))
    assert apart.trusted == (apart.inclusive,)  # no template is behind it


def test_a_bad_fit_stands_first_and_last_and_withholds(bad):
    lines = told(bad)
    assert lines[0] == "FAILED 1 of 2 checks: no significance and no limit is given"
    assert lines[1].startswith("- the dijet function has chi2/ndf 2768.0/87 in the sidebands, p < 1e-300;")
    length = next(number for number, line in enumerate(lines) if not line)
    assert lines[-length:] == lines[:length]
    (row,) = (line for line in lines if line.startswith("inclusive"))
    assert row.split()[1:7] == ["-", "14,581", "14,562", "+-", "137", "withheld"]
    assert not {"7.04", "1.78", "largest", "trials"} & set(" ".join(lines).replace(":", "").split())
    assert max(map(len, lines)) <= 120


def test_a_bad_cut_is_marked_and_the_largest_excess_is_another(doubted):
    lines = told(doubted)
    assert lines[0] == "FAILED 1 of 2 checks: what is marked ! is not to be trusted"
    assert lines[1].startswith(
        "- at a background efficiency of 0.01, the method, tried in the validation bands,"
    )
    assert lines[-1].startswith("  ")
    found = "\n".join(lines)
    assert " 7.04! " in found
    assert "0.36 +- 0.17!" in found
    assert "largest local significance: Z = 1.78 (inclusive)" in found
    assert "with the trials of 1 selections that passed" in found


def test_columns_of_the_method(results):
    lines = told(replace(results, closure=ClosureRecord(0.519, 0.002, None), verdicts=(APART,)))
    heading = next(line for line in lines if "sideband factor" in line)
    assert heading.split() == ["cut", "sideband", "factor", "non-closure", "sculpting", "p"]
    row = lines[lines.index(heading) + 1]
    assert row.split() == ["eps_B", "0.01", "1.043", "+-", "0.061", "0.36", "+-", "0.17", "0.73"]
    assert "closure of the template: AUC 0.5190 +- 0.0020!" in lines


def test_what_passed_is_counted_and_warnings_are_shown(results):
    assert "checks" not in text(results)  # a record of before
    lines = told(replace(results, verdicts=(GOOD,), warnings=("few simulated events",)))
    assert lines[-2:] == ["all 1 checks passed", "warning: few simulated events"]
    assert not lines[0].startswith("FAILED")


def test_a_blinded_run_is_marked_too(blinded):
    blinded = replace(blinded, inclusive=replace(blinded.inclusive, sic=None), verdicts=(WIDE,))
    assert any(line.endswith(" 6.40!") for line in told(blinded))
    assert "withheld" in text(replace(blinded, verdicts=(BAD,)))
    assert "6.40" not in text(replace(blinded, verdicts=(BAD,)))


def test_the_report_begins_and_ends_with_it(page_of, bad, doubted):
    page = page_of(bad)
    titles = [title for level, title in page.headings if level == "h2"]
    assert (titles[0], titles[-1]) == ("Checks that failed", "Checks that failed, once more")
    assert page.text.count("the dijet function has chi2/ndf 2768.0/87") == 2
    assert "1 warning" in page.text[: page.text.index("What was found")]
    assert page.row("1%")[1:6] == ["245", "152 ± 57", "withheld", "–", "–"]
    assert ["sideband fit", "", "< 10⁻³⁰⁰", "at least 0.001", "failed"] in page.rows
    assert "7.0\u202fσ" not in page.html
    assert "no significance and no limit is given" in page.text

    page = page_of(doubted)
    assert page.row("1%")[3] == "7.0\u202fσ!"
    assert "The largest local excess is found without a cut" in page.text
    assert "counts the trials of the 1 of 2 selections that passed their checks" in page.text
    assert ["non-closure", "1%", "0.710 ± 0.050", "0 within 0.2", "failed"] in page.rows


def test_all_checks_stand_in_the_report(page_of, results):
    page = page_of(replace(results, verdicts=(GOOD,)))
    assert ["sideband fit", "", "0.53", "at least 0.001", "passed"] in page.rows
    assert "Checks that failed" not in page.text


def test_figures_hold_no_withheld_number(bad, texts):
    drawn = dict(figures(bad))
    assert not {"significance", "limits"} & set(drawn)
    assert "$Z$ =" not in texts(drawn["spectra"])


def test_figures_mark_what_failed(doubted, results, texts):
    drawn = dict(figures(doubted))
    assert "! failed a check" in texts(drawn["significance"])
    assert "$Z$ = 7.0!" in texts(drawn["spectra"])
    assert "failed" not in "".join(texts(figure) for _, figure in figures(results))


def test_the_paragraph_claims_nothing(bad, doubted):
    lines = paper.paragraph(bad, "bdt").splitlines()
    claim = r"\textbf{This search failed its checks: it claims no significance and sets no limit.}"
    assert (lines[0], lines[-1]) == (claim, claim)
    assert lines[1].startswith(r"The dijet function has chi2/ndf 2768.0/87 in the sidebands, p $<$ 1e-300;")
    whole = "\n".join(lines)
    assert not [word for word in ("observed", "excess", r"\sigma", "upper limit on") if word in whole]

    lines = paper.paragraph(doubted, "bdt").splitlines()
    claim = r"\textbf{Nothing is claimed of the selections at background efficiencies of $1\%$, which failed their "
    assert (lines[0], lines[-1]) == (f"{claim}checks.}}",) * 2
    whole = "\n".join(lines)
    assert r"a share of 0.710 $\pm$ 0.050;" in whole
    assert r"The largest local excess is found without a cut" in whole
    assert r"the 1 of 2 selections that passed their checks" in whole
    assert r"7.0\,\sigma" not in whole
    assert whole.count("$") % 2 == 0


def test_a_finished_run_that_failed_exits_with_4(hepflow, bad, doubted, results, tmp_path):
    for found, code in ((bad, 4), (doubted, 4), (replace(results, verdicts=(GOOD,)), 0), (results, 0)):
        found.write(tmp_path / "results.json")
        assert hepflow("fit", tmp_path)[0] == code
    bad.write(tmp_path / "results.json")
    code, out, err = hepflow("fit", tmp_path, "--json")
    assert code == 4
    assert json.loads(out)["cuts"][0]["z"] == 7.04
    assert err == "error: failed checks: sideband fit; do not quote what they concern\n"


def test_the_help_lists_the_exit_codes(hepflow):
    told = " ".join(hepflow("--help")[1].split())
    assert "3 a fit that did not converge, 4 a result that failed its checks" in told
    assert "Exit code 4" in hepflow("run", "--help")[1]


@pytest.fixture
def turned_on(inputs, toy, configure):
    """Write data that a trigger lets in from 2.8 TeV on, inside the sidebands; return their configuration file."""
    random = np.random.default_rng(5)
    data = toy.background(12_000, seed=4)
    save_sample(
        data.select(random.random(12_000) < 1 / (1 + np.exp((2800 - data.mass) / 30))), inputs / "on.h5"
    )
    configure(data="on.h5", without=("injection", "signal"))
    return inputs / "search.yaml"


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("options", [(), ("--set", "fit.blind=true")])
def test_sidebands_over_a_turn_on(turned_on, hepflow, tmp_path, options):
    out = tmp_path / "run"
    quick = ("--set", "regions.validation=0", "--until", "fit", *options)
    code, shown, err = hepflow("run", turned_on, "--out", out, *quick)
    assert code == 4
    assert "error: failed checks: sideband fit" in err
    lines = shown.splitlines()
    assert lines[0].startswith("FAILED ")
    assert lines[0].endswith(" checks: no significance and no limit is given")
    assert lines[0] in lines[1:]
    assert "largest local significance" not in shown
    results = Results.from_json(out / "results.json")
    assert results.withheld
    assert results.inclusive.z > 3  # the record keeps the number
    assert (results.cuts[0].z is None) == bool(options)
    assert not [warning for warning in results.warnings if "dijet" in warning]
    assert paper.paragraph(results, None).count("This search failed its checks") == 2
    assert hepflow("run", turned_on, "--out", out, *quick)[:2] == (code, shown)
    assert hepflow("fit", out)[:2] == (code, shown)


def test_every_check_of_a_run_is_there(finished):
    results = Results.from_json(finished / "results.json")
    assert [(one.check, one.background_efficiency) for one in results.verdicts] == [
        ("sideband fit", None),
        ("closure", None),
        ("template", None),
        ("training", None),
        *(
            (check, efficiency)
            for efficiency in (0.1, 0.03)
            for check in ("sideband factor", "non-closure", "sculpting", "template")
        ),
    ]
    for cut in results.cuts:
        found = {
            one.check: one
            for one in results.verdicts
            if one.background_efficiency == cut.background_efficiency
        }
        assert found["sideband factor"].value == cut.sideband_factor
        assert found["non-closure"].error == cut.non_closure_error
        assert found["sculpting"].value == cut.sculpting_p
    training = next(one for one in results.verdicts if one.check == "training")
    assert (training.value, training.passed) == (1.0, False)  # of two epochs
    assert results.trials.background_efficiency == 1.0  # the only one that no template is behind
    assert results.trials.factor == 1.0
    assert results.trusted == (results.inclusive,)


@pytest.mark.usefixtures("_quick_closure")
def test_a_function_behind_the_cuts_is_judged_in_place_of_the_template(configure, tmp_path):
    results = STUDY.run(
        configure("fit.background=dijet", "regions.validation=0"), tmp_path / "run", until="fit"
    )
    found = [(one.check, one.background_efficiency) for one in results.verdicts]
    assert found == [("sideband fit", None), ("sideband fit", 0.1), ("sideband fit", 0.03)]
    assert all(0 <= one.value <= 1 for one in results.verdicts)


def test_a_record_of_before_has_no_verdicts(results, tmp_path):
    content = results.to_dict()
    del content["verdicts"]
    (tmp_path / "results.json").write_text(json.dumps(content))
    read = Results.from_json(tmp_path / "results.json")
    assert (read.verdicts, read.failed, read.withheld) == ((), (), False)
    assert read.trusted == (read.inclusive, *read.cuts)
