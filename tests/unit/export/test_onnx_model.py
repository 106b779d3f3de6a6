"""ONNX models of cross-fits: a runtime of others gives the same log density ratios."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.special import expit, logit, ndtri

from hepflow import ConfigError
from hepflow.classifiers import BoostedTrees, CrossFit, NeuralNetwork, crossfit
from hepflow.classifiers.mlp import TAIL
from hepflow.export import write_onnx
from hepflow.export.onnx_model import _polynomial
from hepflow.sample import Sample
from hepflow.training import TrainingPlan

NAMES = ("m_J1", "dm_J", "flag")
PLAN = TrainingPlan(epochs=3, batch_size=128, best_epochs=2)
needs_onnx = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnx and onnxruntime")


def jets(events, seed, shift=0.0):
    """Return masses of a hundred GeV, a long tail, and a feature of three values."""
    random = np.random.default_rng(seed)
    table = [random.normal(100 + 20 * shift, 40, events), random.exponential(200, events)]
    table.append(random.integers(0, 3, events).astype(float))
    return Sample(random.uniform(3300, 3700, events), np.stack(table, axis=1), NAMES)


def fitted(classifier):
    return crossfit(classifier, jets(900, 1, 1.0), jets(1200, 2), folds=3, seed=1)


@pytest.fixture(scope="module")
def trees():
    return fitted(BoostedTrees(2, max_iter=20, min_samples_leaf=20))


def run(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["log_ratio"], {"features": x})
    return scores, session.get_modelmeta().custom_metadata_map


@needs_onnx
@pytest.mark.parametrize(
    "classifier",
    [
        None,
        NeuralNetwork(2, hidden=(16, 8), plan=PLAN),
        NeuralNetwork(2, hidden=(16, 8), bins=0, plan=PLAN),
        BoostedTrees(1, max_iter=1),
    ],
)
def test_a_runtime_gives_the_same_scores(classifier, trees, tmp_path):
    fit = trees if classifier is None else fitted(classifier)
    write_onnx(tmp_path / "c.onnx", fit)
    trained_on, other = jets(900, 1, 1.0), jets(3000, 9)
    far = Sample(
        np.full(4, 3500.0), np.array([[-1e6, 0, 0], [1e6, 1e9, 2], [0, 0, 1], [100, 200, 0.5]]), NAMES
    )
    for sample in (trained_on, other, far):  # edges of bins are values of events, which are met exactly
        scores, about = run(tmp_path / "c.onnx", sample.features)
        assert scores.shape == (len(sample),)
        np.testing.assert_allclose(scores, fit.log_ratio(sample), rtol=2e-6, atol=2e-6)
    assert json.loads(about["features"]) == list(NAMES)


@needs_onnx
def test_any_number_of_events(trees, tmp_path):
    write_onnx(tmp_path / "c.onnx", trees)
    for events in (0, 1, 7):
        assert run(tmp_path / "c.onnx", np.zeros((events, 3)))[0].shape == (events,)


def test_the_polynomial_is_the_quantile_where_ranks_are():
    ranks = np.linspace(TAIL, 1 - TAIL, 5001)
    odds = logit(ranks)
    reach = logit(1 - TAIL) ** 2
    u = 2 * odds**2 / reach - 1
    np.testing.assert_allclose(
        odds * np.polynomial.Polynomial(_polynomial(reach))(u), ndtri(ranks), atol=5e-9
    )
    assert expit(odds[0]) == pytest.approx(TAIL)


@needs_onnx
def test_what_has_no_model(tmp_path):
    class Other:
        pass

    knows_mass = NeuralNetwork(1, with_mass=True)
    for classifier, name in ((Other(), "Other"), (knows_mass, "NeuralNetwork")):
        with pytest.raises(
            ConfigError, match=f"no ONNX for classifiers of the kind {name}; expected BoostedTrees"
        ):
            write_onnx(tmp_path / "c.onnx", CrossFit(np.empty(0), np.empty(0), (classifier,)))
    assert list(tmp_path.iterdir()) == []


def test_says_what_to_install(trees, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"pip install 'hepflow\[onnx\]'"):
        write_onnx(tmp_path / "c.onnx", trees)
