"""Studies: steps to a record, the same way for all of them, and what a command would do before it does it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from steps_for_tests import STUDY, Settings, Sums
from tqdm import tqdm

from hepflow.engine.executors import Processes
from hepflow.engine.folder import RunFolder
from hepflow.engine.job import published
from hepflow.engine.provenance import read_provenance
from hepflow.engine.study import Blinding
from hepflow.errors import ConfigError, InputError

FIRST = Settings()
SUMS = ("sum/0", "sum/1", "sum/2")
STEPS = ("numbers", "helpers/adding/0", "helpers/adding/1", *SUMS, "record", "shown")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run"


def test_a_record_of_steps_that_follow_from_what_was_read(out, made):
    found = STUDY.run(FIRST, out)
    assert found == STUDY.read(out) == Sums(dict.fromkeys(SUMS, 6))
    assert made == ["numbers", "helpers/adding/0", "helpers/adding/1", *SUMS, "record", "shown"]
    assert (out / "config.yaml").read_text("utf-8") == "n: 3\n"
    assert {path.name for path in out.iterdir()} == {
        *("config.yaml", "provenance.json", "report.html", "run.json", "run.lock", "run.log", "stages"),
        "sums.json",
    }
    assert not (out / "stages" / "helpers").exists()  # what they saved stands in the sums
    assert [one.outcome for one in read_provenance(out).runs] == ["done"]


def test_a_second_run_makes_nothing_and_opens_no_pool(out, made, monkeypatch):
    found = STUDY.run(FIRST, out)
    made.clear()
    monkeypatch.setattr("hepflow.engine.study.open_pool", None)
    before = (out / "provenance.json").read_bytes()
    assert STUDY.run(FIRST, out) == found
    assert not made
    assert (out / "provenance.json").read_bytes() == before


def test_a_changed_setting_makes_what_follows_from_it(out, made):
    STUDY.run(FIRST, out)
    made.clear()
    assert STUDY.run(replace(FIRST, n=2), out).sums == {"sum/0": 3, "sum/1": 3}
    assert made[0] == "numbers"
    assert "shown" in made


@pytest.mark.parametrize("until", ["read", "add", None])
def test_it_stops_after_a_stage_and_goes_on_later(out, made, until):
    found = STUDY.run(FIRST, out, until=until)
    assert (found is None) is (until == "read")
    assert (out / "sums.json").exists() is (until != "read")
    assert (out / "report.html").exists() is (until is None)
    before = list(made)
    STUDY.run(FIRST, out)
    assert sorted(made) == sorted(STEPS)  # nothing was made twice
    assert made[: len(before)] == before


def test_no_such_stage(out):
    for call in (STUDY.run, STUDY.dry_run):
        with pytest.raises(ConfigError, match="until 'adding': no such stage; did you mean 'add'"):
            call(FIRST, out, until="adding")
    assert not out.exists()


def test_settings_are_checked_before_there_is_a_folder(out):
    for call in (STUDY.run, STUDY.dry_run):
        with pytest.raises(ConfigError, match="at least 0"):
            call(Settings(n=-1), out)
    assert not out.exists()


def test_a_dry_run_makes_nothing(out, made):
    assert STUDY.dry_run(FIRST, out) == dict.fromkeys(("numbers", "record", "shown"), "not done yet")
    assert not out.exists()
    STUDY.run(FIRST, out, until="read")
    made.clear()
    assert STUDY.dry_run(FIRST, out) == dict.fromkeys(STEPS, "not done yet") | {"numbers": None}
    assert list(STUDY.dry_run(FIRST, out, until="read")) == ["numbers"]
    STUDY.run(FIRST, out)
    assert set(STUDY.dry_run(FIRST, out).values()) == {None}
    changed = STUDY.dry_run(replace(FIRST, n=4), out)
    assert changed["numbers"] == "n: 3 -> 4"
    assert changed["record"].startswith("after ")


def test_a_folder_of_another_run(out):
    STUDY.run(FIRST, out)
    for call in (STUDY.run, STUDY.dry_run):
        with pytest.raises(InputError, match="belongs to another run"):
            call(replace(FIRST, name="other"), out)


def test_what_is_wanted_in_the_end(out):
    plan = STUDY.plan(replace(FIRST, sums=2), Blinding())
    assert STUDY.wanted(plan) == ["record", "shown"]
    assert STUDY.wanted(plan, "read") == ["numbers"]


def test_hidden_data_are_shown_to_whom_asks_and_that_is_kept(out):
    blind = replace(FIRST, blind=True)
    assert STUDY.run(blind, out).blind
    with pytest.raises(ConfigError, match=r"are blinded\. `sums CONFIG --unblind` shows"):
        STUDY.run(FIRST, out)
    assert STUDY.run(blind, out, until="read", unblind=True, by="Emmy") is None  # nothing was seen
    assert not read_provenance(out).unblinded
    seen = STUDY.run(blind, out, unblind=True, by="Emmy")
    assert not seen.blind
    assert [one.by for one in seen.unblinded] == ["Emmy"]
    (out / "export").mkdir()
    again = STUDY.run(blind, out)
    assert again.blind
    assert not (out / "export").exists()
    assert again.unblinded == seen.unblinded == read_provenance(out).unblinded


def test_what_shows_the_record_is_made_once_the_provenance_stands(out, monkeypatch):
    seen = []

    def shown(job):
        seen.extend(read_provenance(job.out).runs)
        return []

    monkeypatch.setattr("steps_for_tests.table", published(shown))
    STUDY.run(FIRST, out)
    (entry,) = seen
    assert entry.outcome == "reporting"
    assert {"numbers", "record"} & set(entry.seconds_of_steps) == {"record"}
    assert entry.ended is not None


def test_checkpoints_go_once_all_that_needs_them_is_done(out, monkeypatch):
    STUDY.run(FIRST, out, until="read")
    (out / "checkpoints").mkdir()
    (out / "checkpoints" / "numbers-abc.safetensors").touch()
    STUDY.run(FIRST, out, until="read")
    assert (out / "checkpoints").exists()
    STUDY.run(FIRST, out)
    assert not (out / "checkpoints").exists()


def test_the_same_in_other_processes(out, tmp_path):
    several = replace(FIRST, runs_on=Processes(workers=2))
    assert STUDY.run(several, out) == STUDY.run(FIRST, tmp_path / "alone")
    (entry,) = read_provenance(out).runs
    assert entry.executor == {"name": "processes", "workers": 2, "threads": 1}
    log = (out / "run.log").read_text("utf-8")
    assert all(f" {step}: done in " in log for step in STEPS)


def test_the_first_words_say_what_how_much_where_and_how_long(out, caplog):
    caplog.set_level("INFO", "hepflow.engine")
    STUDY.run(FIRST, out, until="read")
    first = caplog.messages[0]
    assert f"steps to do in {out}; how long: `hepflow check CONFIG` measures it" in first
    assert STUDY.command.replace("CONFIG", FIRST.name) in first
    STUDY.run(FIRST, out)
    caplog.clear()
    STUDY.run(FIRST, out)
    assert not caplog.messages  # nothing is left to do
    (out / "sums.json").unlink()
    STUDY.run(FIRST, out)
    assert "as the last time" in caplog.messages[0]


def test_a_run_that_fails_before_its_first_step_is_done_claims_no_folder(out, monkeypatch):
    """Whether the folder was there, empty, or not; what is interrupted keeps it, and so does what got further."""
    failure = InputError("no such file")

    def fail(*_):
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr("hepflow.engine.study.carry_out", fail)
        with pytest.raises(InputError, match="no such file"):
            STUDY.run(FIRST, out)
        assert not out.exists()
        out.mkdir()
        with pytest.raises(InputError, match="no such file"):
            STUDY.run(FIRST, out)
        assert not any(out.iterdir())
        failure = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            STUDY.run(FIRST, out)
        assert (out / "run.json").is_file()
        failure = InputError("no such file")
    STUDY.run(FIRST, out, until="read")
    with monkeypatch.context() as patched:
        patched.setattr("hepflow.engine.study.carry_out", fail)
        with pytest.raises(InputError, match="no such file"):
            STUDY.run(FIRST, out)
    assert (out / "run.json").is_file()


def test_one_bar_counts_all_steps(out, made, monkeypatch):
    seen = []

    class Bar(tqdm):
        def update(self, n=1):
            super().update(n)
            seen.append((self.n, self.total))

    monkeypatch.setattr("hepflow.engine.study.tqdm", Bar)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True, write=len, flush=lambda: None))
    STUDY.run(FIRST, out)
    assert seen[-1] == (len(made), len(made))


def test_a_damaged_record_is_written_again(out, made):
    found = STUDY.run(FIRST, out)
    made.clear()
    for text in ("", "{}", json.dumps({**found.to_dict(), "sums": 3})):
        (out / "sums.json").write_text(text, "utf-8")
        assert STUDY.run(FIRST, out) == found
    assert made == ["record"] * 3


def test_no_record(tmp_path):
    RunFolder(tmp_path / "run", {})
    with pytest.raises(InputError, match=r"sums\.json: cannot be read"):
        STUDY.read(tmp_path / "run")
