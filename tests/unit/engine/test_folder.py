"""The run folder: whose it is, and which of its steps count as done."""

import json
import os

import pytest
from steps_for_tests import HERE

from hepflow.engine.folder import LAYOUT, STEP, RunFolder
from hepflow.engine.plan import Plan, Step
from hepflow.engine.work import Work
from hepflow.errors import InputError

IDENTITY = {
    "name": "search",
    "seed": 1,
    "inputs": {"data": {"path": ["events.h5"], "label": None}},
    "injection": None,
}


def test_a_new_folder_and_the_same_run_again(tmp_path):
    path = tmp_path / "runs" / "search"
    RunFolder(path, IDENTITY)
    assert json.loads((path / "run.json").read_text()) == {"identity": IDENTITY, "layout": LAYOUT}
    RunFolder(path, dict(reversed(IDENTITY.items())))
    RunFolder(path, None)


def test_an_empty_folder_may_be_taken(tmp_path):
    RunFolder(tmp_path, IDENTITY)
    assert (tmp_path / "run.json").is_file()


@pytest.mark.parametrize(
    ("key", "value", "where", "own"),
    [
        ("name", "other", "name", "other"),
        ("seed", 2, "seed", 2),
        ("injection", {"events": 10, "seed": 0}, "injection", {"events": 10, "seed": 0}),
        ("inputs", {"data": {"path": ["other.h5"], "label": None}}, "inputs.data.path", ["other.h5"]),
    ],
)
def test_a_folder_of_another_run(tmp_path, key, value, where, own):
    RunFolder(tmp_path, IDENTITY)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(
        InputError, match=rf"belongs to another run: its {where} is .* Choose another --out"
    ) as error:
        RunFolder(tmp_path, {**IDENTITY, key: value})
    assert f"this one's is {own!r}." in str(error.value)
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty and holds no run of hepflow; choose another --out"):
        RunFolder(tmp_path, IDENTITY)
    with pytest.raises(InputError, match="no run of hepflow there; expected the --out"):
        RunFolder(tmp_path, None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_where_the_folder_should_be(tmp_path):
    path = tmp_path / "search"
    path.write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="a file stands where the run folder should be"):
        RunFolder(path, IDENTITY)
    with pytest.raises(InputError, match="the run folder cannot be made"):
        RunFolder(path / "deeper", IDENTITY)
    assert path.read_text(encoding="utf-8") == "42"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": 3}', '{"other": 1}'])
def test_a_damaged_marker_is_nobodys_run(tmp_path, text):
    RunFolder(tmp_path, IDENTITY)
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json: .* It says whose run the folder holds"):
        RunFolder(tmp_path, IDENTITY)


def test_the_way_on_from_a_damaged_marker(tmp_path):
    """Without it, a folder with steps is taken for the run that asks: they say what they were made from."""
    plan = Plan.of([Step("one", "a", f"{HERE}:numbers")])
    folder = RunFolder(tmp_path, IDENTITY)
    with folder.replacing("one") as made:
        folder.finish(made, plan, "one", 1.0, [])
    marker = tmp_path / "run.json"
    marker.write_text("{", encoding="utf-8")
    with pytest.raises(
        InputError, match=rf"If it is this one's, remove {marker} alone and give the command again"
    ):
        RunFolder(tmp_path, IDENTITY)
    marker.unlink()
    assert RunFolder(tmp_path, IDENTITY).todo(plan, "one") is None
    assert json.loads(marker.read_text()) == {"identity": IDENTITY, "layout": LAYOUT}


@pytest.mark.parametrize("owner", [{"identity": IDENTITY}, {"identity": IDENTITY, "layout": LAYOUT + 1}])
def test_a_folder_of_another_layout(tmp_path, owner):
    """Its steps are kept in another way: none is taken for done, and nothing is written over."""
    (tmp_path / "run.json").write_text(json.dumps(owner), encoding="utf-8")
    with pytest.raises(InputError, match=r"was made by another version of hepflow.* Choose another --out"):
        RunFolder(tmp_path, IDENTITY)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_a_folder_that_is_only_looked_at(tmp_path):
    RunFolder(tmp_path / "run", IDENTITY, make=False)
    assert not (tmp_path / "run").exists()


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


def test_what_a_killed_run_left_is_swept(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    (folder.path / "stages" / ".scores.123-abcdef12").mkdir()
    (folder.path / "stages" / "fit").mkdir()
    (folder.path / "stages" / "fit" / ".inclusive.123-abcdef12-old").mkdir()
    (folder.path / ".results.123-abcdef12.json").write_text("half", "utf-8")
    with folder.locked():
        pass
    assert not list(folder.path.rglob(".*"))


TABLE = Plan.of([Step("table", "a", f"{HERE}:table")])
OTHER = Plan.of([Step("table", "a", f"{HERE}:table", {"n": 2})])


@pytest.fixture
def victim(tmp_path):
    """Return a folder outside of the run that must stay as it is."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "thesis.tex").write_text("42", encoding="utf-8")
    yield place
    assert {path.name: path.read_text("utf-8") for path in place.iterdir()} == {"thesis.tex": "42"}


@pytest.mark.parametrize(
    "file", ["../home/thesis.tex", "stages/../../home/thesis.tex", "/etc/passwd", "a\0b", "."]
)
def test_a_record_that_lists_files_of_others(file, tmp_path, victim):
    """What an older result left is removed, and its list of files is read from the disk."""
    folder = RunFolder(tmp_path / "run", {})
    Work(TABLE, folder).perform("table")
    record = json.loads((folder.of("table") / STEP).read_text("utf-8"))
    listed = str(victim / "thesis.tex") if file == "/etc/passwd" else file
    (folder.of("table") / STEP).write_text(json.dumps({**record, "files": {listed: ""}}), "utf-8")
    Work(OTHER, folder).perform("table")
    assert folder.todo(OTHER, "table") is None


@pytest.mark.parametrize(
    "change",
    [
        {"key": 1},
        {"files": ["a"]},
        {"files": {"a": 1}},
        {"made_from": "x"},
        {"seconds": "long"},
        {"made": 3},
        {"made": None},
    ],
)
def test_a_record_of_other_types(change, tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    Work(TABLE, folder).perform("table")
    path = folder.of("table") / STEP
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    assert folder.todo(TABLE, "table") == "not done yet"
    assert folder.records() == {}


def test_a_run_whose_notes_are_damaged_is_not_removed(tmp_path):
    """Without ``run.json``, and with steps that cannot be read, it is no run that began just now."""
    step = tmp_path / "run" / "stages" / "training" / "step.json"
    step.parent.mkdir(parents=True)
    step.write_text("damaged")
    folder = RunFolder(tmp_path / "run", {"name": "a"})
    with pytest.raises(InputError, match="later"), folder.claimed():
        raise InputError("later")
    assert step.read_text() == "damaged"
