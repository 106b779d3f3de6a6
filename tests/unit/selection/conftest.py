"""A template with the exact density of the background, and scores without a training."""

import numpy as np
import pytest

from hepflow.methods import Background, EventFolds, deal_data, fit_sidebands
from hepflow.sample import Sample
from hepflow.selection import Scored, Scores


def signal_like(sample):
    """Score of the miniature search: large where its signal lies."""
    return sample.feature("m_J1") / 100 - 4 * sample.feature("tau21")


@pytest.fixture(scope="session")
def make_background(toy):
    """Return a function that draws a template of the exact density for given data."""

    def make(data, oversampling=5.0, seed=11, replicas=1, windows=toy.windows, folds=2, fold_seed=1):
        random = np.random.default_rng(seed)
        smooth = fit_sidebands(data, windows, 50.0)

        def draw(bands):
            mass = [
                smooth.draw_masses(*band, round(oversampling * smooth.yield_in(*band)[0]), random)
                for band in bands
            ]
            mass = np.concatenate(mass)
            weight = np.full(len(mass), 1 / oversampling)
            return Sample(mass, toy.features(mass, random), toy.names, weight)

        template, validation = draw([windows.signal]), draw(windows.sidebands)
        return Background(
            template=template,
            validation=validation,
            smooth=smooth,
            windows=windows,
            replica=np.arange(len(template)) % replicas,
            validation_replica=np.arange(len(validation)) % replicas,
            folds=EventFolds.at_random(
                folds, deal_data(data, windows, folds, fold_seed), len(template), len(validation), fold_seed
            ),
        )

    return make


@pytest.fixture(scope="session")
def make_scores(make_background):
    """Return a function that scores data, a template and a signal by a function of the sample."""

    def make(data, background=None, signal=None, score=signal_like):
        background = make_background(data) if background is None else background
        inside, outside = background.windows.split(data)
        samples = {
            "data": inside,
            "template": background.template,
            "sidebands": outside,
            "validation": background.validation,
        }
        scored = {name: Scored(sample, score(sample)) for name, sample in samples.items()}
        return Scores(
            **scored, signal=None if signal is None else Scored(signal, score(signal)), background=background
        )

    return make


@pytest.fixture(scope="session")
def data(toy):
    """Background alone."""
    return toy.background(20_000, seed=1)


@pytest.fixture(scope="session")
def scores(make_scores, data, toy):
    """The scored search, with a signal of 200 events at strength one."""
    signal = toy.signal(1000, 2)
    return make_scores(data, signal=Sample(signal.mass, signal.features, signal.names, np.full(1000, 0.2)))
