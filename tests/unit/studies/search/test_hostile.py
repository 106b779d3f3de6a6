"""Hostile input: configurations, names, links and records that somebody made to do harm are refused, or harmless."""

import json
import pickle

import pytest
import yaml

from hepflow.cli import main
from hepflow.config import load_config
from hepflow.engine.folder import STEP, RunFolder
from hepflow.engine.provenance import FILE
from hepflow.engine.study import Blinding
from hepflow.errors import ConfigError, InputError
from hepflow.results import Results
from hepflow.studies.search.study import STUDY
from hepflow.studies.show import write_report

pytestmark = pytest.mark.usefixtures("_quick_closure")
DEEP = "[" * 100_000


def laughs(levels):
    """Return a billion laughs: each level holds the one before it ten times."""
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: !!python/object/apply:os.system ['touch harm']", "the tag|not valid YAML"),
        ("name: !!python/name:os.system", "the tag|not valid YAML"),
        ("inputs: !!python/object:hepflow.sample.Sample {}", "the tag .* is not plain data"),
        (laughs(12), "aliases make this file endless"),
        ("a: &a [*a]", "aliases make this file endless"),
        ("name: " + DEEP, "nested hundreds of levels deep"),
        ("{a: " * 5000 + "1" + "}" * 5000, "nested hundreds of levels deep"),
        ("seed: 1\nname: a\nseed: 2", r":3: 'seed' stands here twice, first at .*:1; keep one"),
        ("seed: " + "9" * 10_000, "characters left out.* not of the kind"),
        ("seed: 1e999", "seed: expected"),
        ("name: a\0b", "not valid YAML"),
        ("? [a, b]\n: 1", "a key must be a word"),
        ("<<: [1, 2]", "not valid YAML"),
        ("name: <script>alert(1)</script>", "name: expected letters, digits"),
        ("name: ../elsewhere", "name: expected letters, digits"),
        ("name: /etc/cron.d/x", "name: expected letters, digits"),
        ("name: ..", "name: expected letters, digits"),
        ('name: "a\\nb"', "name: expected letters, digits"),
    ],
)
def test_a_crafted_configuration(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "search.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_config(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["search.yaml"]


@pytest.mark.parametrize(
    "content", [b"name: \xff\xfe", b"\x89HDF\r\n\x1a\n" + bytes(range(256)), b"\xff" * 1000]
)
def test_a_configuration_that_is_no_text(content, tmp_path):
    path = tmp_path / "search.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"search\.yaml"):
        load_config(path)


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "", "a b", "<b>", "a\0"])
def test_a_name_that_becomes_a_file(name, configure, inputs):
    """Nuisance parameters name files: those of variations of the signal."""
    settings = yaml.safe_load(configure().to_yaml(inputs))
    settings["inputs"]["signal"]["variations"] = {name: {"scale": 0.01}}
    path = inputs / "hostile.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(path)


@pytest.fixture
def victim(tmp_path):
    """Return a folder outside of the run that must stay as it is."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "thesis.tex").write_text("42", encoding="utf-8")
    yield place
    assert {path.name: path.read_text("utf-8") for path in place.iterdir()} == {"thesis.tex": "42"}


@pytest.mark.parametrize("name", ["figures", "checkpoints", "workspaces", "stages/fit", ".scores.1-abcdef12"])
def test_a_link_in_place_of_a_folder(name, folder, victim, configure):
    path = folder / name
    if path.is_dir():
        path.rename(path.with_name("old"))
    path.symlink_to(victim)
    with pytest.raises(
        InputError, match=r"a link that leads out of the run folder.* remove it, or choose another"
    ):
        STUDY.run(configure("method.epochs=1"), folder)


@pytest.mark.parametrize(
    "name", ["results.json", "run.log", "run.lock", "config.yaml", "provenance.json", FILE]
)
def test_a_link_in_place_of_a_file(name, folder, victim, configure):
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(victim / "thesis.tex")
    with pytest.raises(InputError):
        STUDY.run(configure("method.epochs=1"), folder)


@pytest.mark.parametrize(("command", "name"), [("plot", "figures"), ("report", "report.html")])
def test_a_link_in_place_of_what_a_command_writes_anew(command, name, folder, victim, capsys):
    (folder / name).symlink_to(victim / "thesis.tex" if name == "report.html" else victim)
    with pytest.raises(SystemExit) as end:
        main([command, str(folder)])
    assert end.value.code == 1
    assert "a link that leads out of the run folder" in capsys.readouterr().err


def test_links_inside_the_folder_and_to_it_are_harmless(folder, configure, tmp_path, finished):
    (folder / "newest.json").symlink_to("results.json")
    (tmp_path / "link").symlink_to(folder)
    (folder / "results.json").unlink()
    STUDY.run(configure(), tmp_path / "link", until="fit")
    assert (folder / "newest.json").read_bytes()[:20] == (finished / "results.json").read_bytes()[:20]


@pytest.mark.parametrize("text", [DEEP, '{"a": ' * 50_000, "9" * 10_000, "\0", '{"runs": 3}', "\ud800"])
def test_files_of_a_folder_that_are_no_records(text, folder, configure):
    for name in ("run.json", f"stages/scores/{STEP}"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        if name == "run.json":
            with pytest.raises(InputError, match="It says whose run the folder holds"):
                STUDY.run(configure(), folder)
            (folder / name).write_bytes(before)
    assert "scores" not in RunFolder(folder, None).records()
    (folder / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="is not written over"):
        STUDY.run(configure(), folder)


@pytest.mark.parametrize(
    "change",
    [
        {"cuts": 3},
        {"cuts": [3]},
        {"cuts": [{}]},
        {"inclusive": None},
        {"cutflow": [1]},
        {"features": {"a": 1}},
        {"scores": []},
        {"unblinded": ["x"]},
        {"truth": 1},
        {"schema": ["hepflow-results-1"]},
    ],
)
def test_crafted_results(change, folder, capsys):
    path = folder / "results.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(InputError, match=r"results\.json: (damaged|expected schema)"):
        Results.from_json(path)
    for command in ("plot", "report", "export"):
        with pytest.raises(SystemExit) as end:
            main([command, str(folder)])
        assert end.value.code == 1
        assert "results.json: " in capsys.readouterr().err


def test_html_in_what_a_run_says_of_itself(folder, believe):
    bad = "<script>alert(1)</script>"
    path = folder / "results.json"
    content = json.loads(path.read_text("utf-8"))
    content |= {
        "name": bad,
        "warnings": [bad],
        "cutflow": [{"cut": bad, "events": 1}],
        "versions": {bad: bad},
    }
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=r"results\.json: changed since it was written"):
        write_report(folder)
    believe(folder, "results")
    assert bad not in write_report(folder).read_text("utf-8")


def test_a_pickle_in_place_of_a_checkpoint(configure, tmp_path):
    """Nothing of it is run."""
    out = tmp_path / "run"
    STUDY.run(configure(), out, until="features")
    key = STUDY.plan(configure(), Blinding()).key("background")
    (out / "checkpoints").mkdir()
    bomb = out / "checkpoints" / f"background-{key[:12]}.safetensors"
    bomb.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(
        InputError, match=r"safetensors: not a checkpoint of a training.* remove it to start anew"
    ):
        STUDY.run(configure(), out, until="background")


class _Bomb:
    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)
