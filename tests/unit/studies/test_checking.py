"""What `hepflow check` says of studies that are no searches: their inputs are read, nothing is trained or kept."""

import numpy as np
import pytest
from made_up import generation, showers, unfolding

from hepflow.cli import main
from hepflow.errors import InputError
from hepflow.studies.checking import check
from hepflow.studies.generation.study import STUDY as GENERATE
from hepflow.studies.showers.study import STUDY as SHOWER
from hepflow.studies.unfolding.study import STUDY as UNFOLD

MADE = [
    (generation, GENERATE, ["training: ", "held_out: ", "generator, "]),
    (unfolding, UNFOLD, ["simulation:", "data:", "efficiency", "nothing is simulated", "unfolded, "]),
    (showers, SHOWER, ["training: 1,000 showers of 27 voxels", "model, "]),
]


@pytest.mark.parametrize(("made", "study", "told"), MADE, ids=["generate", "unfold", "shower"])
def test_what_is_read_and_what_follows(made, study, told, tmp_path, monkeypatch):
    made.write_tables(tmp_path)
    config = made.prepare(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("hepflow.training.train", None)
    found = check(study, config)
    assert not found.problems
    assert all(any(each in line for line in found.lines) for each in told)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_the_run_would_refuse(tmp_path):
    unfolding.write_tables(tmp_path)
    data = tmp_path / "data.csv"
    header, *rows = data.read_text().splitlines()
    first = [row.split(",") for row in rows]
    far = [",".join([str(float(one) + 1e4), *others]) for one, *others in first]
    data.write_text("\n".join([header, *far]))
    with pytest.raises(InputError, match="lies where no event is simulated"):
        check(UNFOLD, unfolding.prepare(tmp_path))


def exit_code(*arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_the_command(tmp_path, capsys):
    generation.write_tables(tmp_path)
    file = tmp_path / "generate.yaml"
    file.write_text(generation.prepare(tmp_path).to_yaml(tmp_path))
    assert exit_code("check", str(file)) == 0
    assert capsys.readouterr().out.rstrip().endswith("ready to run")
    rows = np.loadtxt(tmp_path / "training.csv", delimiter=",", skiprows=1)
    header = (tmp_path / "training.csv").read_text().splitlines()[0]
    np.savetxt(tmp_path / "training.csv", rows[:20], delimiter=",", header=header, comments="")
    assert exit_code("check", str(file)) == 1
    assert "expected" in capsys.readouterr().err
