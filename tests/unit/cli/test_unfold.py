"""``hepflow unfold``: what is asked for, what is printed, and what other commands say of such a file."""

import json
from dataclasses import replace

import pytest
from made_up import generation, unfolding

from hepflow.studies.unfolding.verdicts import outside

RECORD = unfolding.record(2)


@pytest.fixture
def config(tmp_path):
    unfolding.write_tables(tmp_path, 200)
    unfolding.prepare(tmp_path)
    return "unfolding.yaml"


@pytest.fixture
def asked(stand_in):
    return stand_in("unfold", lambda _: RECORD)


def test_text(hepflow, asked, config):
    code, out, err = hepflow("unfold", config, "--set", "method.iterations=7", "--out", "here")
    assert (code, [(one.config.method.iterations, one.out) for one in asked]) == (0, [(7, "here")])
    assert out.splitlines()[0].startswith("made-up: 48,000 events of data unfolded by omnifold, 20 replicas")
    assert err.endswith(
        "unfolding.json, figures and report.html in here\nweights of generated events in here/unfolded.h5\n"
    )


def test_json_and_the_other_command(hepflow, asked, config):
    code, out, _ = hepflow("unfold", config, "--json", "--until", "checks")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(RECORD.to_dict()))
    assert hepflow("run", config)[0] == 0
    assert [one.until for one in asked] == ["checks", None]


def test_failed_checks_end_with_a_code_of_their_own(hepflow, stand_in, config):
    stand_in("unfold", lambda _: replace(RECORD, verdicts=(outside(0.02),)))
    code, out, err = hepflow("unfold", config)
    assert code == 4
    assert out.startswith("FAILED CHECKS")
    assert "failed checks: outside; do not quote what they concern" in err


def test_dry_run_reads_nothing(hepflow, config, tmp_path):
    code, out, _ = hepflow("unfold", config, "--dry-run")
    assert code == 0
    steps = [line.split()[0] for line in out.splitlines()]
    assert steps == [
        "pairs",
        "factor/stress/hidden",
        "factor/models/steeper",
        "factor/systematic/slope",
        "folded",
        *(f"replica/{number}" for number in range(3)),
        "unfolded",
        "weights",
        "histograms",
        "systematic/slope",
        "reference",
        "closure",
        "stress/hidden",
        "seen",
        "unfolding",
        "figures",
        "report",
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [("compare",), ("run", "--scan"), ("limit", "--retrain")])
def test_commands_of_searches_refuse_it(hepflow, config, command):
    name, *options = command
    code, _, err = hepflow(name, config, *options)
    assert code == 2
    assert "takes the configuration of a search, and this is one of `task: unfold`" in err
    assert "`hepflow unfold unfolding.yaml` runs it" in err


def test_it_refuses_searches_and_generations(hepflow, tmp_path):
    assert hepflow("init", "search.yaml")[0] == 0
    code, _, err = hepflow("unfold", "search.yaml")
    assert code == 2
    assert "takes a configuration with `task: unfold`, and this is one of a search" in err
    generation.prepare(tmp_path)
    code, _, err = hepflow("unfold", "generation.yaml")
    assert code == 2
    assert "this is one of `task: generate`; `hepflow generate generation.yaml` runs it" in err


def test_generate_refuses_it(hepflow, config):
    code, _, err = hepflow("generate", config)
    assert code == 2
    assert "this is one of `task: unfold`; `hepflow unfold unfolding.yaml` runs it" in err
