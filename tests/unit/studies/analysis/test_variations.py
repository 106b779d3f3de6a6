"""Systematic effects on the signal: the same features, classifiers and cuts, to histosys of the workspace."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from hepflow.config import load_config
from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import ConfigError
from hepflow.features import features
from hepflow.methods import Background, EventFolds, deal_data, fit_sidebands
from hepflow.sample import Sample
from hepflow.selection import crossfit_scores, cuts, inclusive, score
from hepflow.stats import SignalTemplate, with_samples, workspace
from hepflow.storage import save_sample
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.analysis.scores import load_variations, save_variations
from hepflow.studies.analysis.signal import signal_template
from hepflow.studies.search.study import STUDY

EDGES = np.array([3300.0, 3400.0, 3500.0, 3600.0, 3700.0])


def sample(mass, weight=1.0):
    mass = np.asarray(mass, dtype=float)
    return Sample(mass, np.zeros((len(mass), 1)), ("x",), np.full(len(mass), weight))


class Slope:
    """A classifier that takes no time: the first feature, and how many it was trained on."""

    def fit(self, numerator, denominator, seed):
        self.offset = seed * 1e-9
        return self

    def log_ratio(self, sample):
        return sample.features[:, 0] + self.offset


@pytest.fixture
def analysis(toy):
    """Return data, background and signal of a toy."""
    data = toy.background(4000, seed=1)
    template = toy.background(12_000, seed=2)
    inside, outside = toy.windows.split(template)
    smooth = fit_sidebands(data, toy.windows, 100.0)
    background = Background(
        template=replace(inside, label=None),
        validation=replace(outside, label=None),
        smooth=smooth,
        windows=toy.windows,
        replica=np.arange(len(inside)) % 2,
        validation_replica=np.arange(len(outside)) % 2,
        folds=EventFolds.at_random(3, deal_data(data, toy.windows, 3, 5), len(inside), len(outside), 5),
        losses=(),
    )
    return data, background, toy.signal(300, seed=3)


def test_counts_of_the_varied_samples():
    nominal = SignalTemplate.of(sample([3350, 3450, 3450, 3550]), EDGES)
    varied = with_samples(nominal, EDGES, "jes", sample([3450, 3550, 3550, 3650]), sample([3350] * 4, 0.5))
    up, down = varied.variations["jes"]
    assert up.tolist() == [0, 1, 2, 1]
    assert down.tolist() == [2, 0, 0, 0]
    assert np.array_equal(varied.counts, nominal.counts)
    empty = with_samples(nominal, EDGES, "jes", sample([]), sample([]))
    assert not np.any(empty.variations["jes"])
    with pytest.raises(ConfigError, match="has a nuisance 'jes' already"):
        with_samples(varied, EDGES, "jes", sample([3350]), sample([3350]))


def test_an_effect_on_weights_alone_leaves_every_score(analysis):
    data, background, signal = analysis
    variations = {
        "pileup": (replace(signal, weight=1.1 * signal.weight), replace(signal, weight=0.9 * signal.weight))
    }
    scores = score(Slope(), data, background, signal=signal, variations=variations, seed=5)
    for side, factor in zip(scores.variations["pileup"], (1.1, 0.9), strict=True):
        assert np.array_equal(side.score, scores.signal.score)
        for cut in cuts(scores, [0.3, 0.1], 100.0):
            up, down = cut.variations["pileup"]
            assert len(up) == len(down) == len(cut.signal)
            assert cut.signal.weight.sum() > 0
        assert side.sample.weight.sum() == pytest.approx(factor * signal.weight.sum())


def test_an_effect_on_features_changes_what_passes(analysis):
    data, background, signal = analysis
    judged = crossfit_scores(Slope(), data, background, signal=signal, seed=5)
    (nominal,) = cuts(judged.scores, [0.1], 100.0)
    shift = np.median(signal.features[:, 0]) - nominal.threshold  # to where half of the events pass
    first = np.eye(signal.features.shape[1])[0]
    varied = tuple(replace(signal, features=signal.features - first * size) for size in (shift, 10 * shift))
    (cut,) = cuts(judged.with_variations({"scale": varied}, seed=5), [0.1], 100.0)
    half, none = cut.variations["scale"]
    assert abs(len(half) - 150) <= 1
    assert len(none) == 0
    assert cut.threshold == nominal.threshold
    assert len(cut.signal) == len(nominal.signal) > 150


@pytest.fixture
def configured(toy, tmp_path):
    """A configuration of a signal with two effects, in files."""
    signal = toy.signal(300, seed=3)
    save_sample(toy.background(4000, seed=1), tmp_path / "data.h5")
    save_sample(signal, tmp_path / "signal.h5")
    save_sample(replace(signal, mass=1.02 * signal.mass), tmp_path / "up.h5")
    save_sample(replace(signal, mass=0.98 * signal.mass), tmp_path / "down.h5")
    settings = {
        "inputs": {
            "data": {"path": "data.h5", "format": "hepflow"},
            "signal": {
                "path": "signal.h5",
                "format": "hepflow",
                "variations": {
                    "jes": {"up": {"path": "up.h5"}, "down": {"path": "down.h5"}},
                    "tau": {"up": {"weight": "tau21"}, "down": {"weight": "weight"}},
                },
            },
        },
        "injection": {"events": 60, "seed": 1},
        "features": list(signal.names),
        "regions": {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]},
        "fit": {"luminosity_error": 0.02},
    }
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(settings))
    return load_config(tmp_path / "search.yaml")


def test_from_configuration_to_workspace(configured, analysis, tmp_path):
    data, background, _ = analysis
    signal = configured.opened(configured.inputs.signal)
    whole = features(open_input(signal, configured.inputs.luminosity), configured.features)
    variations = Work(STUDY.plan(configured, Blinding()), RunFolder(tmp_path / "run", {})).result(
        "variations"
    )
    up, _ = variations["jes"]
    assert up.weight.sum() == pytest.approx(60)  # as many events as are injected are mu = 1
    assert variations["tau"][0].weight.sum() == pytest.approx(60 * whole.feature("tau21").mean())
    nominal = replace(whole, weight=whole.weight * 60 / whole.weight.sum())
    data, background = data.select(slice(None)), background
    scores = score(Slope(), data, background, signal=nominal, variations=variations, seed=5)
    save_variations(tmp_path, scores.variations)
    scores = replace(scores, variations=load_variations(tmp_path))
    (cut,) = cuts(scores, [0.1], 100.0)
    template = signal_template(cut.signal, cut.spectrum.edges, configured.fit, cut.variations)
    assert list(template.variations) == ["jes", "tau", "luminosity"]
    centres = cut.spectrum.centres
    peaks = [np.average(centres, weights=counts) for counts in (template.counts, *template.variations["jes"])]
    assert peaks[2] < peaks[0] < peaks[1]
    spec = workspace(cut.spectrum, template)
    modifiers = {
        modifier["name"]: modifier
        for channel in spec["channels"]
        for one in channel["samples"]
        if one["name"] == "signal"
        for modifier in one["modifiers"]
    }
    assert modifiers["jes"]["type"] == "histosys"
    everything = inclusive(data, background, nominal, 100.0, variations)
    assert list(everything.variations) == ["jes", "tau"]


def test_no_effect_is_kept_as_none(tmp_path):
    save_variations(tmp_path, {})
    assert load_variations(tmp_path) == {}
