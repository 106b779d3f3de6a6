"""An integration from a function to its record: steps, resume, what a changed function does, what is refused."""

import shutil

import pytest
from made_up import integration as made_up

from hepflow.errors import ConfigError, InputError
from hepflow.storage import load_events
from hepflow.studies.integration.study import STUDY
from hepflow.studies.integration.text import text
from hepflow.studies.known import study_of
from hepflow.studies.reproduce import reproduce


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    made_up.write_tables(folder)
    return folder


@pytest.fixture(scope="module")
def run_folder(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(made_up.prepare(inputs), folder, until="integration")
    return folder


def test_what_is_published(run_folder):
    assert study_of(run_folder) is STUDY
    found = STUDY.read(run_folder)
    assert abs(found.value - 1) < 5 * found.error
    assert (found.calls, found.training_calls, found.function) == (2000, 2000, "square.py:square")
    assert load_events(run_folder / "events.parquet").weight.sum() == pytest.approx(found.value)
    assert len(load_events(run_folder / "unweighted.parquet")) == 50
    assert text(found).startswith("toy: square.py:square, 2 axes, seed 1\nhow: a VEGAS grid")


def test_the_same_again_evaluates_nothing(run_folder, inputs, tmp_path):
    copy = tmp_path / "toy"
    shutil.copytree(run_folder, copy)
    assert not any(STUDY.dry_run(made_up.prepare(inputs), copy, until="integration").values())
    before = (copy / "events.parquet").stat().st_mtime_ns
    assert STUDY.run(made_up.prepare(inputs), copy, until="integration") == STUDY.read(run_folder)
    assert (copy / "events.parquet").stat().st_mtime_ns == before


def test_more_events_come_from_the_integral_that_is_there(run_folder, inputs, tmp_path):
    copy = tmp_path / "toy"
    shutil.copytree(run_folder, copy)
    config = made_up.prepare(inputs, "unweighted=70")
    left = [name for name, why in STUDY.dry_run(config, copy, until="integration").items() if why is not None]
    assert left == ["events", "integration"]
    STUDY.run(config, copy, until="integration")
    assert len(load_events(copy / "unweighted.parquet")) == 70


def test_a_changed_function_is_integrated_anew(run_folder, tmp_path):
    made_up.write_tables(tmp_path)
    config, out = made_up.prepare(tmp_path), tmp_path / "toy"
    first = STUDY.run(config, out, until="integration")
    (tmp_path / "square.py").write_text(made_up.SQUARE.replace("3 *", "6 *"), encoding="utf-8")
    again = STUDY.run(config, out, until="integration")
    assert again.value == pytest.approx(2 * first.value, rel=0.2)
    assert again.value != first.value


def test_reproduced_from_its_folder_and_told_what_changed(tmp_path):
    made_up.write_tables(tmp_path)
    out = tmp_path / "runs" / "toy"
    STUDY.run(made_up.prepare(tmp_path), out)
    found = reproduce(out, tmp_path / "again")
    assert (found.differences, list(found.files)) == ({}, [])
    (tmp_path / "square.py").write_text(made_up.SQUARE.replace("3 *", "6 *"), encoding="utf-8")
    found = reproduce(out, tmp_path / "once more")
    (told,) = found.files
    assert told.endswith("square.py has another content")
    assert "value" in found.differences


KILLED = """from pathlib import Path

CALLS = []


def square(x):
    CALLS.append(len(x))
    if len(CALLS) == 6 and Path(__file__).with_name("stop").exists():
        raise KeyboardInterrupt
    return 3 * x[:, 0] ** 2
"""


def test_killed_it_goes_on_with_the_same_bits(run_folder, tmp_path):
    (tmp_path / "square.py").write_text(KILLED, encoding="utf-8")
    (tmp_path / "stop").touch()
    config, out = made_up.prepare(tmp_path), tmp_path / "toy"
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(config, out, until="integration")
    assert list((out / "checkpoints").iterdir())
    told = STUDY.dry_run(config, out, until="integration")
    assert (told["function"], told["integral"]) == (None, "not done yet")
    (tmp_path / "stop").unlink()
    found, whole = STUDY.run(config, out, until="integration"), STUDY.read(run_folder)
    assert (found.value, found.iterations) == (whole.value, whole.iterations)


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("function=nowhere.py:square", InputError, "no file .*nowhere.py"),
        ("function=no_such_package_here:square", InputError, "A file of your own is named as such"),
        ("function=square.py:sqare", InputError, "did you mean 'square'"),
        ("dim=null", ConfigError, "dim is None"),
        ("channels=['0 powr 1']", ConfigError, "did you mean 'power'"),
        ("channels=['0 power x']", ConfigError, "wrong numbers"),
        ("bounds=[[1, 0], [0, 1]]", ConfigError, "are they reversed"),
    ],
)
def test_what_cannot_be_integrated_is_refused_before_there_is_a_folder(
    inputs, tmp_path, override, error, message
):
    with pytest.raises(error, match=message):
        STUDY.run(made_up.prepare(inputs, override), tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_a_function_of_an_installed_package(tmp_path):
    config = made_up.prepare(tmp_path, "function=hepflow.integration.known:nothing")
    with pytest.raises(InputError, match=r"no 'nothing' in hepflow\.integration\.known"):
        STUDY.check(config)


def test_another_function_needs_another_folder(run_folder, inputs):
    (inputs / "other.py").write_text(made_up.SQUARE, encoding="utf-8")
    with pytest.raises(InputError, match="belongs to another run: its function"):
        STUDY.run(made_up.prepare(inputs, "function=other.py:square"), run_folder)
