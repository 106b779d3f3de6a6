"""What holds for every method that a configuration can name: no label is looked at, and the template is whole."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.catalogue import METHODS
from hepflow.errors import ConfigError
from hepflow.sample import Sample
from hepflow.selection import score
from hepflow.selection.scores import deal_samples
from hepflow.studies.analysis.background import load_background, save_background
from hepflow.studies.analysis.build import build_classifier, build_method

NEEDS_SIMULATION = [name for name, row in METHODS.items() if row.needs_simulation]
SPLINES = (
    "layers: 1, hidden: 8, bins: 4, epochs: 1, batch_size: 256, best_epochs: 1, ensemble: 1, oversampling: 4"
)
TINY = {
    "cathode": SPLINES,
    "lacathode": f"{SPLINES}, spaces: 1",
    "anode": f"{SPLINES}, validation_oversampling: 1",
    "r-anode": f"{SPLINES}, validation_oversampling: 1",
    "flow-matching": "oversampling: 2, validation_oversampling: 1",
    "curtains": f"{SPLINES}, validation_oversampling: 1",
    "cwola": "width: 200",
    "feta": "ensemble: 1",
    "salad": "",
    "outlier": "detector: {name: isolation-forest, trees: 10}",
}


OF_OTHER_FOLDS = (
    "cwola",
    "feta",
    "outlier",
    "salad",
)  # whose classifiers learn from the template of the other folds


@pytest.fixture(scope="module")
def data(toy):
    return Sample.concat([toy.background(20_000, seed=1), toy.signal(100, seed=2)])


@pytest.fixture(scope="module")
def scored(configure, data, toy):
    """Return a function that scores data by a method and its name; each is run once."""
    known = {}

    def run(name, sample=data, seed=1):
        key = (name, id(sample), seed)
        if key not in known:
            overrides = [f"method={{name: {name}, {TINY[name]}}}"]
            if name in NEEDS_SIMULATION:
                overrides.append("inputs.simulation={path: data.h5, format: hepflow}")
            config = configure(*overrides)
            simulation = toy.background(20_000, seed=3) if name in NEEDS_SIMULATION else None
            background = build_method(config).fit(
                sample, toy.windows, simulation=simulation, folds=2, seed=seed
            )
            known[key] = score(build_classifier(config), sample, background, seed=seed)
        return known[key]

    return run


def test_none_is_forgotten():
    assert set(TINY) == {name for name, row in METHODS.items() if not row.needs_truth}


@pytest.mark.parametrize("name", TINY)
def test_labels_are_not_looked_at(name, scored, data):
    shuffled = replace(data, label=np.random.default_rng(0).permutation(data.label))
    one, other = scored(name), scored(name, shuffled)
    for part in ("data", "template", "sidebands", "validation"):
        assert np.array_equal(getattr(one, part).score, getattr(other, part).score)
    assert np.array_equal(one.template.sample.features, other.template.sample.features)
    assert np.array_equal(one.template.sample.weight, other.template.sample.weight)


@pytest.mark.parametrize("name", TINY)
def test_a_background_that_is_read_again_deals_its_events_to_the_same_folds(
    name, scored, data, toy, tmp_path
):
    """Template events that are data go to the fold of these, also where another process trained the template."""
    background = scored(name).background
    save_background(tmp_path, background)
    again = load_background(tmp_path, data, toy.windows, 100, 13000)
    folds = (vars(deal_samples(data, one, seed=1, signal=0)) for one in (background, again))
    assert all(np.array_equal(one, other) for one, other in zip(*map(dict.values, folds), strict=True))
    kept = (vars(one.folds) for one in (background, again))
    assert all(np.array_equal(one, other) for one, other in zip(*map(dict.values, kept), strict=True))
    assert again.folds.count == 2
    assert (again.examples is None) == (background.examples is None) == (name in OF_OTHER_FOLDS)
    if background.examples is not None:
        assert np.array_equal(background.examples.fold, again.examples.fold)
        one, other = vars(background.examples.sample), vars(again.examples.sample)
        assert all(np.array_equal(one[column], other[column]) for column in ("mass", "features", "weight"))
        assert one["names"] == other["names"]
    for part in ("replica", "validation_replica"):
        assert np.array_equal(getattr(background, part), getattr(again, part))
    for part in ("template", "validation"):
        one, other = vars(getattr(background, part)), vars(getattr(again, part))
        assert all(np.array_equal(one[column], other[column]) for column in ("mass", "features", "weight"))


@pytest.mark.parametrize("name", TINY)
def test_the_template_stands_for_the_background(name, scored, toy):
    found = scored(name)
    background = found.background
    expected, _ = background.expected
    assert background.template.weight.sum() == pytest.approx(expected, rel=0.01)
    assert toy.windows.in_signal(background.template.mass).all()
    assert toy.windows.in_sidebands(background.validation.mass).all()
    assert background.replica.shape == background.template.mass.shape
    assert background.validation_replica.shape == background.validation.mass.shape
    assert set(background.folds.template) == set(background.folds.validation) == {0, 1}
    if background.examples is not None:
        assert toy.windows.in_signal(background.examples.sample.mass).all()
        assert set(background.examples.fold) == {0, 1}
    for part in (found.data, found.template, found.sidebands, found.validation):
        assert np.isfinite(part.score).all()
    assert np.ptp(found.data.score) > 0


@pytest.mark.parametrize("name", NEEDS_SIMULATION)
def test_simulation_is_asked_for(name, configure, data, toy):
    with pytest.raises(ConfigError, match=r"give `inputs\.simulation`"):
        configure(f"method={name}")
    config = configure(f"method={name}", "inputs.simulation={path: data.h5, format: hepflow}")
    with pytest.raises(ConfigError, match=r"was given none.*inputs\.simulation"):
        build_method(config).fit(data, toy.windows, seed=1)
