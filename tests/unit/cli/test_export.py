"""``hepflow export``: what it prints, and how it fails."""

import json


def test_what_there_is_not(hepflow, tmp_path):
    code, out, err = hepflow("export", "nowhere")
    assert (code, out) == (1, "")
    assert "no results.json there; expected the folder of a finished `hepflow run`" in err
    code, _, err = hepflow("export", "nowhere", "--only", "tables")
    assert code == 2
    assert "'hepdata', 'workspaces', 'histograms', 'weights'" in err
    assert list(tmp_path.iterdir()) == []


def test_files_are_listed(hepflow, tmp_path, monkeypatch):
    from hepflow import export

    made = export.Exported(tmp_path / "out", ("a.root", "workspaces/b.json"), ("weights: none",))
    asked = []
    monkeypatch.setattr(export, "export_run", lambda *arguments: asked.append(arguments) or made)
    code, out, err = hepflow("export", "run", "--only", "weights", "--only", "workspaces")
    assert (code, err) == (0, "left out: weights: none\n")
    assert out.split() == [str(tmp_path / "out" / "a.root"), str(tmp_path / "out" / "workspaces" / "b.json")]
    assert asked[0][2] == ("weights", "workspaces")
    code, out, _ = hepflow("export", "run", "--json")
    assert json.loads(out) == {
        "folder": str(tmp_path / "out"),
        "files": ["a.root", "workspaces/b.json"],
        "left_out": ["weights: none"],
    }
    assert asked[1][2] is None
