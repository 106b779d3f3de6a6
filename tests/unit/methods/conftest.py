"""Fixtures for tests of the methods."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.regions import Windows
from hepflow.selection import crossfit_scores


@pytest.fixture(scope="session")
def pythia(shared_data):
    """Return data, other data to compare a template with, a simulation that differs from them, and the regions."""
    from hepflow import features, read

    names = ("m_J1", "dm_J", "tau21_J1", "tau21_J2", "dR_JJ")
    data, simulation = (
        features(read(shared_data(f"pythia/{what}.h5"), "lhco"), names) for what in ("data", "simulation")
    )
    random = np.random.default_rng(1)
    picked = random.random(len(data)) < 0.4  # 77,000 events in the sidebands
    simulation = simulation.select(random.random(len(simulation)) < 0.55)  # 130,000 in all regions
    windows = Windows((3300, 3700), [(2900, 3300), (3700, 4500)])
    return data.select(picked), data.select(~picked).window(*windows.signal), simulation, windows


class FoldsApart:
    """What a method makes of data, and of the same data with other features in one fold: in what the two differ."""

    trees = BoostedTrees(members=1, max_iter=10, min_samples_leaf=20)

    def __init__(self, fit, data, windows, fold, where, background):
        changed = where(data.mass) & (background.folds.data == fold)
        features = np.where(changed[:, None], 1.5 * data.features + 1.0, data.features)
        self.data = data, replace(data, features=features)
        self.background = background, fit(self.data[1])
        self.fold, self.windows = fold, windows

    def made(self, part):
        """Return whether the features of template, validation or examples are the same, by the fold they are for."""
        samples, folds = [], []
        for one in self.background:
            of = one.examples
            samples.append(of.sample if part == "examples" else getattr(one, part))
            folds.append(of.fold if part == "examples" else getattr(one.folds, part))
        assert np.array_equal(*folds)
        assert np.array_equal(samples[0].mass, samples[1].mass)
        return [
            np.array_equal(*(sample.features[folds[0] == fold] for sample in samples))
            for fold in range(self.background[0].folds.count)
        ]

    def classifiers(self):
        """Return whether the classifier of each fold is the same, by what it says of the template."""
        judged = [
            crossfit_scores(self.trees, data, background, seed=1)
            for data, background in zip(self.data, self.background, strict=True)
        ]
        asked = self.background[0].template
        return [
            np.array_equal(one.log_ratio(asked), other.log_ratio(asked))
            for one, other in zip(*(each.fit.classifiers for each in judged), strict=True)
        ]

    @property
    def only_mine(self):
        """What is to be the same for each fold, where nothing may be learned from its own."""
        return [fold == self.fold for fold in range(self.background[0].folds.count)]


@pytest.fixture(scope="session")
def folds_apart():
    """Return `FoldsApart`."""
    return FoldsApart
