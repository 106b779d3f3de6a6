"""Inputs of several samples, with cross-sections, periods and systematic effects: from YAML to what is read."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from hepflow.config import load_config
from hepflow.errors import ConfigError
from hepflow.features import features
from hepflow.sample import Sample
from hepflow.storage import save_sample
from hepflow.studies.analysis.effects import effects_of
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.search.check import check

REGIONS = {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]}


@pytest.fixture
def folder(tmp_path):
    """Files of features: 100, 60 and 40 events, of weight 2."""
    random = np.random.default_rng(5)
    for name, events in {"a": 100, "b": 60, "c": 40}.items():
        sample = Sample(random.uniform(2500, 5000, events), random.random((events, 2)), ("m_J1", "tau21"))
        save_sample(
            Sample(sample.mass, sample.features, sample.names, np.full(events, 2.0)), tmp_path / f"{name}.h5"
        )
    return tmp_path


@pytest.fixture
def configure(folder):
    def configure(**inputs):
        own = {
            name: {"format": "hepflow", **entry} if name != "luminosity" else entry
            for name, entry in inputs.items()
        }
        own.setdefault("data", {"path": "a.h5", "format": "hepflow"})
        path = folder / "search.yaml"
        path.write_text(yaml.safe_dump({"inputs": own, "regions": REGIONS, "features": ["m_J1"]}))
        return load_config(path)

    return configure


def opened(config, what, effect=None):
    """Open an input as a step that reads does."""
    return open_input(config.opened(config.inputs.given[what]), config.inputs.luminosity, effect)


def test_samples_of_a_simulation(configure):
    config = configure(
        luminosity={"2017": 10.0, "2018": 20.0},
        simulation={
            "samples": [
                {"path": "a.h5", "cross_section": 3.0, "generated": 1000.0, "period": 2017},
                {"path": "b.h5", "cross_section": 3.0, "generated": 600, "period": 2018, "name": "late"},
                {"path": "c.h5", "cross_section": 0.1, "generated": 500.0, "period": 2018, "scale": 2},
            ]
        },
    )
    source = opened(config, "simulation")
    sample = features(source, config.features)
    factors = [2 * 3.0 * 10e3 / 1000, 2 * 3.0 * 20e3 / 600, 2 * 0.1 * 20e3 / 500 * 2]
    np.testing.assert_allclose(sample.weight, np.repeat(factors, [100, 60, 40]))
    assert [cause for cause, _ in sample.cutflow[:6:2]] == [
        f"{name}: events read" for name in ("2017", "late", "2018")
    ]


def test_periods_of_data(configure):
    config = configure(data={"samples": [{"path": "a.h5", "period": 2017}, {"path": "b.h5", "period": 2018}]})
    sample = features(opened(config, "data"), config.features)
    assert dict(sample.cutflow)["2018: events kept"] == 60
    assert dict(sample.cutflow)["events kept"] == 160


def test_what_a_sample_leaves_out_is_as_for_the_others(configure):
    config = configure(
        simulation={
            "weight": "weight",
            "selection": "m_jj > 3000",
            "scale": 3.0,
            "samples": [{"path": "a.h5"}, {"path": "b.h5", "selection": "m_jj > 4000", "scale": 1.5}],
        }
    )
    (_, first), (_, second) = config.inputs.simulation.each()
    assert (first.weight, first.selection, first.scale) == ("weight", "m_jj > 3000", 3.0)
    assert (second.weight, second.selection, second.scale) == ("weight", "m_jj > 4000", 1.5)
    assert first.format == second.format == "hepflow"


def test_a_written_configuration_reads_the_same_files(configure, folder):
    config = configure(
        simulation={"samples": [{"path": "a.h5"}, {"path": "b.h5"}]},
        signal={"path": "c.h5", "variations": {"jes": {"up": {"path": "a.h5"}, "down": {"path": "b.h5"}}}},
    )
    (folder / "runs").mkdir()
    (folder / "runs" / "config.yaml").write_text(config.to_yaml(folder / "runs"))
    again = load_config(folder / "runs" / "config.yaml")
    for name in ("simulation", "signal"):
        ours, theirs = (one.opened(getattr(one.inputs, name)).paths for one in (config, again))
        assert len(ours) == len(theirs) > 1
        assert opened(again, name).num_events == opened(config, name).num_events
    assert opened(again, "signal", "jes/up").num_events == 100


def test_skipping_stands_in_the_configuration(configure, folder):
    config = configure(simulation={"path": ["b.h5", "c.h5"]}, luminosity=3.0)
    skipping = config.skipping_bad_files()
    assert skipping.hash() != config.hash()
    assert skipping.inputs.luminosity == 3.0
    assert all(entry.skip_bad_files for entry in skipping.inputs.given.values())
    assert "skip_bad_files: true" in skipping.to_yaml()
    contents = (folder / "c.h5").read_bytes()
    (folder / "c.h5").write_bytes(contents[: len(contents) // 2])
    source = opened(skipping, "simulation")
    assert [one.file for one in source.skipped] == [str(folder / "c.h5")]


def test_variations_of_files_and_weights(configure):
    config = configure(
        luminosity=1.0,
        signal={
            "path": "a.h5",
            "cross_section": 1.0,
            "generated": 500.0,
            "variations": {
                "jes": {"up": {"path": "b.h5"}, "down": {"path": "c.h5"}},
                "pileup": {"up": {"weight": "m_J1"}, "down": {"weight": "tau21"}},
            },
        },
    )
    nominal = features(opened(config, "signal"), config.features)
    assert effects_of(config.inputs.signal) == ["jes/up", "jes/down", "pileup/up", "pileup/down"]
    assert [opened(config, "signal", f"jes/{side}").num_events for side in ("up", "down")] == [60, 40]
    up = features(opened(config, "signal", "pileup/up"), config.features)
    assert np.array_equal(up.mass, nominal.mass)
    np.testing.assert_allclose(up.weight, nominal.feature("m_J1") * 1000 / 500)


def test_a_varied_weight_keeps_the_nominal_sum():
    """The sum that is divided by is that of the nominal weights: an effect on the yield must not cancel."""
    from hepflow.config import Input, Varied

    nominal = Input(path="a.root", format="nanoaod", weight="genWeight", cross_section=1.0)
    ((_, varied),) = nominal.each(Varied(weight="genWeight_up"))
    assert (varied.weight, varied.generated) == ("genWeight_up", "genWeight")
    ((_, varied),) = nominal.model_copy(update={"weight": None}).each(Varied(weight="up"))
    assert (varied.weight, varied.generated) == ("up", "")
    ((_, varied),) = nominal.model_copy(update={"branches": {"pt": "a", "mass": "b"}}).each(
        Varied(branches={"mass": "b_up"})
    )
    assert varied.branches == {"pt": "a", "mass": "b_up"}
    assert varied.generated is None


def test_check_tells_yields_and_variations(configure, monkeypatch):
    nothing = SimpleNamespace(lines=list)  # the estimate of time and memory has its own tests
    monkeypatch.setattr("hepflow.studies.search.check.estimate", lambda *arguments: nothing, raising=False)
    variations = {"jes": {"up": {"path": "b.h5"}, "down": {"path": "c.h5"}}}
    lines = check(configure(signal={"path": "a.h5", "scale": 1.5, "variations": variations})).lines
    assert "  weights add up to 300 events" in lines
    assert "signal, jes: 60 events up, 40 down" in lines


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"simulation": {"path": "a.h5", "cross_section": 1.0}}, "simulation: .*needs inputs.luminosity"),
        (
            {
                "simulation": {"path": "a.h5", "cross_section": 1.0, "period": 2016},
                "luminosity": {"2017": 1.0},
            },
            "needs its period as one of 2017; got '2016'",
        ),
        ({"simulation": {"path": "a.h5", "generated": 5.0}}, "only beside a cross_section"),
        ({"data": {"path": "a.h5", "scale": 2.0}}, "data count one each"),
        ({"simulation": {}}, "simulation.path: missing; expected a file"),
        (
            {"simulation": {"path": "a.h5", "samples": [{"path": "b.h5"}]}},
            "path: has no meaning beside `samples`",
        ),
        ({"simulation": {"samples": [{"path": "b.h5", "cross_section": -1}]}}, "a number above 0, got -1"),
        ({"simulation": {"samples": [{"path": "b.h5", "crosssection": 1}]}}, "did you mean 'cross_section'"),
        ({"simulation": {"samples": [{"name": "b"}]}}, r"samples.0.path: missing; it says: A file"),
        (
            {"data": {"path": "a.h5", "variations": {"x": {"up": {"weight": "a"}, "down": {"weight": "b"}}}}},
            "variations are of the signal alone",
        ),
        ({"signal": {"path": "a.h5", "variations": {"x": {"up": {"weight": "a"}}}}}, "down: missing"),
        (
            {"signal": {"path": "a.h5", "variations": {"x": {"up": {"wait": "a"}, "down": {"weight": "b"}}}}},
            "did you mean 'weight'",
        ),
        (
            {"signal": {"path": "a.h5", "variations": {"x": {"up": {}, "down": {"weight": "b"}}}}},
            "varies nothing; expected path, branches or weight",
        ),
        (
            {
                "signal": {
                    "samples": [{"path": "a.h5"}],
                    "variations": {"x": {"up": {"path": "b.h5"}, "down": {"weight": "b"}}},
                }
            },
            "'x' has a path, but the signal has samples",
        ),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
def test_what_makes_no_sense_is_refused(configure, inputs, message):
    with pytest.raises(ConfigError, match=message):
        configure(**inputs)
