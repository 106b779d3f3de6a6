"""Detectors of outliers: what all of them promise, and that each finds what it is made for."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr

from hepflow.errors import ConfigError, InputError
from hepflow.flows import ConditionalDensity, spline_autoregressive
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.outliers import (
    Autoencoder,
    Detector,
    FlowDensity,
    IsolationForest,
    LatentRadius,
    NormalizedAutoencoder,
    VariationalAutoencoder,
)
from hepflow.sample import Sample
from hepflow.training import TrainingPlan
from hepflow.weights import load_weights, save_weights

PLAN = TrainingPlan(epochs=6, batch_size=128, learning_rate=0.02, best_epochs=1)


def flows():
    return ConditionalDensity(partial(spline_autoregressive, layers=2, hidden=8), PLAN, members=2)


SMALL = {
    "isolation forest": lambda: IsolationForest(trees=20),
    "autoencoder": lambda: Autoencoder(members=2, hidden=(8,), plan=PLAN),
    "variational autoencoder": lambda: VariationalAutoencoder(members=2, hidden=(8,), plan=PLAN),
    "normalized autoencoder": lambda: NormalizedAutoencoder(members=2, hidden=(8,), plan=PLAN, steps=3),
    "flow density": lambda: FlowDensity(flows()),
    "latent radius": lambda: LatentRadius(flows()),
}


@pytest.fixture(scope="module")
def events():
    return np.random.default_rng(1).normal(size=(1200, 3)) @ np.diag([1.0, 50.0, 0.1])


@pytest.fixture(scope="module")
def trained(events):
    return {name: make().fit(events, seed=1) for name, make in SMALL.items()}


def weighted(x, weight):
    return Sample(np.zeros(len(x)), x, ("x0", "x1", "x2"), weight)


@pytest.mark.parametrize("name", SMALL)
def test_the_middle_is_usual_and_the_tail_is_not(name, trained, events):
    detector = trained[name]
    assert isinstance(detector, Detector)
    usual, rare = detector.score(np.array([[0.0, 0.0, 0.0], [6.0, -300.0, 0.6]]))
    assert usual < rare
    scores = detector.score(events)
    assert scores.shape == (len(events),)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", SMALL)
def test_files_have_the_same_scores_to_the_last_bit(name, trained, events, tmp_path):
    save_weights(tmp_path / "detector.safetensors", trained[name])
    back = load_weights(tmp_path / "detector.safetensors", type(trained[name]))
    np.testing.assert_array_equal(back.score(events), trained[name].score(events))
    assert back.names == ("x0", "x1", "x2")


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides(name, trained, events):
    again, other = (SMALL[name]().fit(events, seed=seed).score(events) for seed in (1, 2))
    np.testing.assert_array_equal(again, trained[name].score(events))
    assert not np.array_equal(again, other)


@pytest.mark.parametrize("name", SMALL)
def test_tables_frames_and_samples(name, trained, events):
    columns = {f"x{number}": events[:9, number] for number in (2, 0, 1)}
    expected = trained[name].score(events[:9])
    np.testing.assert_array_equal(trained[name].score(columns), expected)
    np.testing.assert_array_equal(trained[name].score(weighted(events[:9], np.ones(9))), expected)


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_respected(name, events):
    """Events of next to no weight are as if they were not there: what they alone would make usual stays rare."""
    random = np.random.default_rng(2)
    far = random.normal(size=(600, 3)) @ np.diag([0.1, 5.0, 0.01]) + [8.0, 400.0, 0.8]
    x = np.concatenate([events, far])
    heavy, light = np.ones(len(x)), np.repeat([1.0, 1e-9], [len(events), len(far)])
    known, unknown = (SMALL[name]().fit(weighted(x, weight), seed=1) for weight in (heavy, light))

    def rank(detector):
        return np.mean(detector.score(far).mean() > detector.score(events))

    assert rank(unknown) > max(rank(known), 0.9)


@pytest.mark.parametrize("name", SMALL)
def test_bad_tables(name, events):
    def fit(x, **more):
        return SMALL[name]().fit(x, seed=1, **more)

    with pytest.raises(ConfigError, match=f"{name}: got the features x0; expected at least two"):
        fit(events[:, :1])
    with pytest.raises(InputError, match=f"{name}: feature 'x1' is 2 in every training event; leave it out"):
        fit(np.where([False, True, False], 2.0, events))
    broken = events.copy()
    broken[[3, 5], 2] = np.nan, np.inf
    with pytest.raises(InputError, match=f"{name}: feature 'x2' holds NaN or infinite values in 2 of 1,200"):
        fit(broken)
    with pytest.raises(InputError, match=f"{name}: no events to learn from"):
        fit(events[:0])
    for weight in (np.zeros(len(events)), np.linspace(-1, 1, len(events))):
        with pytest.raises(InputError, match=f"{name}: event weights from .* none negative"):
            fit(weighted(events, weight))


@pytest.mark.parametrize("name", SMALL)
def test_bad_questions(name, trained, events, tmp_path):
    with pytest.raises(ConfigError, match=rf"{name} was trained on features \('x0', 'x1', 'x2'\)"):
        trained[name].score(events[:, :2])
    with pytest.raises(InputError, match=f"{name}: feature 'x0' holds NaN"):
        trained[name].score(np.array([[np.nan, 0.0, 0.0]]))
    with pytest.raises(ConfigError, match="has not been trained; call fit first"):
        SMALL[name]().score(events)
    with pytest.raises(ConfigError, match="has not been trained; call fit first"):
        save_weights(tmp_path / "detector.safetensors", SMALL[name]())


def test_a_gaussian_is_known():
    """The score of a flow is minus the log-density: by ranks, that of the truth."""
    random = np.random.default_rng(1)
    covariance = np.array([[1.0, 0.6], [0.6, 2.0]])
    train, test = (random.multivariate_normal([1.0, -2.0], covariance, size) for size in (8000, 2000))
    plan = TrainingPlan(epochs=8, batch_size=256, learning_rate=0.01)
    small = partial(spline_autoregressive, layers=1, hidden=16, bins=4)
    smooth = partial(logit_preprocessing, ranks="smooth")
    flow = ConditionalDensity(small, plan, members=2, preprocessing=smooth)
    detector = FlowDensity(flow).fit(train, seed=1)
    truth = -multivariate_normal([1.0, -2.0], covariance).logpdf(test)
    assert spearmanr(detector.score(test), truth).statistic > 0.98
    radius = LatentRadius(detector.density)
    radius.names, radius._low, radius._high = detector.names, detector._low, detector._high
    assert spearmanr(radius.score(test), truth).statistic > 0.95


def test_an_autoencoder_finds_points_off_a_line():
    random = np.random.default_rng(1)
    along = random.uniform(-2, 2, 1700)
    line = np.stack([along, along, -along], axis=1) + random.normal(0, 0.05, (1700, 3))
    off = line[:200] + random.choice([-1.0, 1.0], (200, 1)) * np.array([0.5, -0.5, 0.0])
    for kind, share in ((Autoencoder, 0.99), (VariationalAutoencoder, 0.9)):
        plan = TrainingPlan(epochs=15, batch_size=128, learning_rate=0.01, best_epochs=1)
        detector = kind(members=1, bottleneck=1, hidden=(16,), plan=plan).fit(line[200:], seed=1)
        assert np.mean(detector.score(off)[:, None] > detector.score(line[:200])) > share, kind
