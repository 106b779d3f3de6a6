"""Flat tables recognised: hepflow init asks nothing, and says what it left out."""

import numpy as np
import pytest
import yaml

from hepflow.config import load_config
from hepflow.config.reference import example_yaml
from hepflow.errors import InputError
from hepflow.studies.search.flat import flat
from hepflow.studies.search.recognise import start_from


def write(path, **more):
    random = np.random.default_rng(1)
    events = 4000
    table = {
        "event": np.arange(events),
        "iso1": random.random(events),
        "m_mumu": 60 * random.random(events) ** (-1 / 4),
        "pt [GeV]": random.exponential(30, events),
        "charge": random.integers(-1, 2, events),
        "same": np.ones(events),
    } | {name: make(events) for name, make in more.items()}
    rows = zip(*(values.tolist() for values in table.values()), strict=True)
    path.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]))
    return path


def test_a_table_becomes_a_configuration(tmp_path):
    write(tmp_path / "dimuons.csv", word=lambda n: np.array([f"x{i}" for i in range(n)]))
    start = start_from(tmp_path, str(tmp_path / "dimuons.csv"))
    (tmp_path / "a.yaml").write_text(example_yaml(start))
    config = load_config(tmp_path / "a.yaml")
    assert (config.name, config.inputs.data.format, config.resonance.called) == ("dimuons", "table", "m_mumu")
    assert [one if isinstance(one, str) else one.name for one in config.features] == ["iso1", "pt_GeV"]
    assert config.fit.bin_width < 10
    note = start.notes["features"]
    for name, reason in {
        "word": "no numbers",
        "same": "the same",
        "event": "a number",
        "charge": "discrete",
    }.items():
        assert f"{name} ({reason}" in note
    assert "m_mumu from 60" in start.notes["regions"]
    assert "m_jj" not in str(start.notes)


def test_truth_and_weights_are_told_from_features(tmp_path):
    extra = {"truth": lambda n: np.arange(n) % 2, "weight": lambda n: np.ones(n)}
    data, signal = write(tmp_path / "data.csv", **extra), write(tmp_path / "signal.csv", **extra)
    start = start_from(tmp_path, str(data), str(signal))
    values = yaml.safe_load(example_yaml(start))["inputs"]
    assert values["data"]["label_branch"] == values["signal"]["label_branch"] == "truth"
    assert values["signal"]["weight"] == "weight"
    assert "weight" not in values["data"]  # data count one each


def test_masses_in_mev(tmp_path):
    write(tmp_path / "a.csv", m_gammagamma=lambda n: np.linspace(110_000, 160_000, n))
    found = flat(str(tmp_path / "a.csv"), common=["m_gammagamma", "iso1"])
    assert found.resonance == {"column": "m_gammagamma", "unit": "MeV"}
    assert found.masses.max() == 160


def test_no_mass_no_search(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n" + "".join(f"-1,{i % 2}\n" for i in range(50)))
    with pytest.raises(InputError, match="no column looks like a mass; it holds a, b"):
        flat(str(tmp_path / "a.csv"))
