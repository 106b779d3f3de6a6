"""The run folder: whose it is, and which of its stages count as done."""

import json
import os

import pytest

from hepflow.errors import InputError
from hepflow.workflow import cache
from hepflow.workflow.cache import RunFolder, fingerprint, stage_key

IDENTITY = {
    "name": "search",
    "seed": 1,
    "inputs": {"data": {"path": ["events.h5"], "label": None}},
    "injection": None,
}


def test_a_new_folder_and_the_same_run_again(tmp_path):
    path = tmp_path / "runs" / "search"
    folder = RunFolder(path, IDENTITY)
    assert json.loads((path / "run.json").read_text())["identity"] == IDENTITY
    assert folder.file("data.h5") == path / "stages" / "data.h5"
    assert folder.file("data.h5").parent.is_dir()
    RunFolder(path, dict(reversed(IDENTITY.items())))


def test_an_empty_folder_may_be_taken(tmp_path):
    RunFolder(tmp_path, IDENTITY)
    assert (tmp_path / "run.json").is_file()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "other"),
        ("seed", 2),
        ("injection", {"events": 10, "seed": 0}),
        ("inputs", {"data": {"path": ["other.h5"], "label": None}}),
    ],
)
def test_a_folder_of_another_run(tmp_path, key, value):
    RunFolder(tmp_path, IDENTITY)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(
        InputError, match=rf"belongs to another run: its {key} is .* Choose another --out"
    ) as error:
        RunFolder(tmp_path, {**IDENTITY, key: value})
    assert repr(value) in str(error.value)
    assert repr(IDENTITY[key]) in str(error.value)
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty and holds no run of hepflow; choose another --out"):
        RunFolder(tmp_path, IDENTITY)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_where_the_folder_should_be(tmp_path):
    path = tmp_path / "search"
    path.write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="a file stands where the run folder should be"):
        RunFolder(path, IDENTITY)
    with pytest.raises(InputError, match="the run folder cannot be made"):
        RunFolder(path / "deeper", IDENTITY)
    assert path.read_text(encoding="utf-8") == "42"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": {}}', '{"other": 1}'])
def test_a_damaged_marker_is_nobodys_run(tmp_path, text):
    RunFolder(tmp_path, IDENTITY)
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="belongs to another run"):
        RunFolder(tmp_path, IDENTITY)


def test_an_interrupt_while_the_folder_is_made(tmp_path, monkeypatch):
    """Whatever was written by then, the same command can begin again."""
    path = tmp_path / "search"

    def interrupted(self, *arguments, **options):
        if self.name == "stages":
            raise KeyboardInterrupt
        return os.mkdir(self)  # noqa: PTH102

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", interrupted)
        with pytest.raises(KeyboardInterrupt):
            RunFolder(path, IDENTITY)
    RunFolder(path, IDENTITY)


def test_a_stage_counts_once_it_is_finished(tmp_path):
    folder = RunFolder(tmp_path, IDENTITY)
    assert not folder.is_done("scores", "k1")
    folder.begin("scores")
    assert not folder.is_done("scores", "k1")
    folder.finish("scores", "k1", 1.23456)
    assert folder.is_done("scores", "k1")
    assert RunFolder(tmp_path, IDENTITY).is_done("scores", "k1")
    assert folder.seconds("scores") == 1.235
    assert not folder.is_done("scores", "k2")  # other settings
    assert not folder.is_done("background", "k1")
    folder.begin("scores")  # it is made anew: an interrupt from here on leaves it undone
    assert not folder.is_done("scores", "k1")


@pytest.mark.parametrize("text", ["", '{"key": "k', "[1]", "null", '{"seconds": 3}'])
def test_a_damaged_stage_is_not_done(tmp_path, text):
    folder = RunFolder(tmp_path, IDENTITY)
    folder.file("scores.json").write_text(text, encoding="utf-8")
    assert not folder.is_done("scores", "k1")


def test_keys_change_with_what_comes_before_the_settings_and_the_code(monkeypatch):
    key = stage_key("before", {"a": 1, "b": [1, 2.5, None]})
    assert key == stage_key("before", {"b": [1, 2.5, None], "a": 1})
    others = [
        stage_key("another", {"a": 1, "b": [1, 2.5, None]}),
        stage_key("before", {"a": 2, "b": [1, 2.5, None]}),
        stage_key("before", {"a": 1, "b": [1, 2.5]}),
    ]
    monkeypatch.setattr(cache, "_code", lambda: "another version")
    others.append(stage_key("before", {"a": 1, "b": [1, 2.5, None]}))
    assert len({key, *others}) == 5


def test_the_code_counts(tmp_path, monkeypatch):
    """A changed module of the package changes the hash of the code; a note beside it does not."""
    (tmp_path / "module.py").write_text("x = 1", encoding="utf-8")
    monkeypatch.setattr(cache.hepflow, "__file__", str(tmp_path / "__init__.py"))
    before = cache._code.__wrapped__()
    (tmp_path / "note.txt").write_text("x = 1", encoding="utf-8")
    assert cache._code.__wrapped__() == before
    (tmp_path / "module.py").write_text("x = 2", encoding="utf-8")
    assert cache._code.__wrapped__() != before


def test_fingerprint(tmp_path):
    path = tmp_path / "events.h5"
    path.write_text("events", encoding="utf-8")
    names = [str(path), "root://eos/events.root"]
    before = fingerprint(names)
    assert before == fingerprint(names)
    assert [entry[0] for entry in before] == names
    assert before[1][1:] == (0, 0)
    os.utime(path, ns=(1, 1))
    assert fingerprint(names) != before
    path.write_text("more events", encoding="utf-8")
    os.utime(path, ns=(1, before[0][2]))
    assert fingerprint(names) != before
