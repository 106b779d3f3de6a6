"""``hepflow generate``: what is asked for, what is printed, and what other commands say of such a file."""

import json
from dataclasses import replace

import pytest
from made_up import generation

from hepflow.verdicts import closure

RECORD = generation.record(2)


@pytest.fixture
def config(tmp_path):
    generation.write_tables(tmp_path)
    generation.prepare(tmp_path)
    return "generation.yaml"


@pytest.fixture
def asked(stand_in):
    return stand_in("generate", lambda _: RECORD)


def told(asked):
    return [(one.config.output.events, one.out, one.until) for one in asked]


def test_text(hepflow, asked, config):
    code, out, err = hepflow("generate", config, "--set", "output.events=50", "--out", "here")
    assert (code, told(asked)) == (0, [(50, "here", None)])
    assert out.splitlines()[0].startswith("made-up: 1,000,000 events in generated.parquet")
    assert err.endswith(
        "generation.json, manifest.json, figures and report.html in here\nevents in here/generated.parquet\n"
    )


def test_json_stages_and_the_other_command(hepflow, asked, config):
    code, out, _ = hepflow("generate", config, "--json", "--until", "judgement")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(RECORD.to_dict()))
    assert hepflow("run", config)[0] == 0
    assert told(asked) == [(2000, "runs/toy", "judgement"), (2000, "runs/toy", None)]


def test_failed_checks_end_with_a_code_of_their_own(hepflow, stand_in, config):
    stand_in("generate", lambda _: replace(RECORD, verdicts=(closure(0.6, 0.001),)))
    code, out, err = hepflow("generate", config)
    assert code == 4
    assert out.startswith("FAILED CHECKS")
    assert "failed checks: closure; do not quote what they concern" in err


def test_dry_run_reads_nothing(hepflow, config, tmp_path):
    code, out, _ = hepflow("generate", config, "--dry-run")
    assert code == 0
    steps = [line.split()[0] for line in out.splitlines()]
    assert steps == [
        "events",
        "generator",
        "generated",
        "manifest",
        "judgement",
        "histograms",
        "limits",
        "generation",
        "figures",
        "report",
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("compare",),
        ("run", "--scan"),
        ("limit", "--retrain"),
    ],
)
def test_commands_of_searches_refuse_it(hepflow, config, command):
    name, *options = command
    code, _, err = hepflow(name, config, *options)
    assert code == 2
    assert f"`{' '.join(('hepflow', *command))}` takes the configuration of a search" in err
    assert "`hepflow generate generation.yaml` runs it" in err


def test_it_refuses_a_search(hepflow):
    assert hepflow("init", "search.yaml")[0] == 0
    code, _, err = hepflow("generate", "search.yaml")
    assert code == 2
    assert "takes a configuration with `task: generate`, and this is one of a search" in err
    assert "`hepflow run search.yaml` runs it" in err


def test_init_writes_none_over_it(hepflow, config):
    """With --force it may: the file is a configuration."""
    code, _, err = hepflow("init", config)
    assert code == 2
    assert "is there already" in err


def test_no_such_file(hepflow, config):
    code, _, err = hepflow("generate", config, "--set", "inputs.training.path=nothing.csv")
    assert code == 1
    assert "nothing.csv" in err
