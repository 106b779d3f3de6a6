"""``hepflow shower``: what is asked for, what is printed, and what other commands say of such a file."""

import json

import pytest
from made_up import showers


@pytest.fixture
def config(tmp_path):
    showers.write_tables(tmp_path, 100)
    showers.prepare(tmp_path)
    return "showers.yaml"


def test_text_and_json(hepflow, stand_in, config):
    asked = stand_in("shower", lambda _: showers.record())
    code, out, err = hepflow("shower", config, "--set", "model.epochs=7", "--out", "here")
    assert (code, [(one.config.model.epochs, one.out) for one in asked]) == (0, [(7, "here")])
    assert out.startswith("made-up: 100,000 showers in showers.h5, 90 voxels in 3 layers")
    assert err.endswith("showers in here/showers.h5\n")
    code, out, _ = hepflow("run", config, "--json")
    assert (code, json.loads(out)["schema"]) == (0, "hepflow-showers-1")


def test_failed_checks_end_with_a_code_of_their_own(hepflow, stand_in, config):
    stand_in("shower", lambda _: showers.record(auc=0.99))
    code, out, _ = hepflow("shower", config)
    assert code == 4
    assert out.startswith("FAILED CHECKS")


def test_dry_run_makes_nothing(hepflow, config, tmp_path):
    code, out, _ = hepflow("shower", config, "--dry-run")
    assert code == 0
    steps = [line.split()[0] for line in out.splitlines()]
    assert steps == ["showers", "model", "generated", "again", "judgement", "shower", "figures", "report"]
    assert not (tmp_path / "runs").exists()


def test_commands_of_searches_refuse_it(hepflow, config):
    code, _, err = hepflow("compare", config)
    assert code == 2
    assert "this is one of `task: shower`; `hepflow shower showers.yaml` runs it" in err
