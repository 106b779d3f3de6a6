"""``hepflow compare``: what is asked of the comparison, and how it comes out."""

import json
from dataclasses import replace

import pytest
from made_up.comparison import COMPARISON

from hepflow.studies.comparison.record import MethodResult


@pytest.fixture
def asked(stand_in):
    """Stand in for the comparison, and note what it is asked for."""
    return stand_in("comparison", lambda _: COMPARISON)


@pytest.fixture
def config(hepflow):
    assert hepflow("init", "c.yaml")[0] == 0
    return "c.yaml"


def test_options_replace_the_configuration(hepflow, config, asked):
    options = ("--methods", "cwola,curtains", "--seeds", 3, "--scan", "injection", "--out", "here")
    code, out, err = hepflow("compare", config, *options)
    assert code == 0
    ((settings, folder),) = [(one.config.compare, one.out) for one in asked]
    assert [method.name for method in settings.methods] == ["cwola", "curtains"]
    assert (settings.seeds, folder, settings.scan) == (3, "here", "injection")
    assert "300 signal events injected" in out
    assert err.endswith("comparison.json, figures and report.html in here\n")


def test_a_dry_run_reads_no_file(hepflow, config):
    options = ("--methods", "cwola", "--dry-run", "--set", "regions.validation=0", "--set", "fit.blind=false")
    code, out, err = hepflow("compare", config, *options)
    assert code == 0
    assert "0-injected/seed-1/cwola/scores  to do: not done yet\n" in out
    assert err == "7 of 7 steps to do in runs/search-comparison\n"


def test_a_method_that_there_is_not(hepflow, config, asked):
    code, _, err = hepflow("compare", config, "--methods", "cathod")
    assert code == 2
    assert "compare.methods" in err
    assert "did you mean 'cathode'" in err
    assert not asked


def test_json_is_the_record(hepflow, config, asked):
    code, out, _ = hepflow("compare", config, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(COMPARISON.to_dict()))
    ((settings, folder),) = [(one.config.compare, one.out) for one in asked]
    assert (folder, settings.scan) == ("runs/search-comparison", None)


def test_a_comparison_of_which_nothing_came_fails(hepflow, config, stand_in):
    failed = MethodResult("cwola", "CWoLa", False, 1, 0, problems=("too few events",))
    stand_in("comparison", lambda _: replace(COMPARISON, results=(failed, replace(failed, seed=2))))
    code, _, err = hepflow("compare", config)
    assert code == 3
    assert err.endswith("\nerror: CWoLa: too few events\n")
