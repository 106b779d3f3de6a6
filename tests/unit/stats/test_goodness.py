"""The saturated-model test: chi2 of many events, toys of few."""

import numpy as np
import pytest
from scipy import stats

from hepflow.errors import ConfigError, FitError
from hepflow.stats import HistFactory, goodness_of_fit, open_workspace
from hepflow.stats.toys import conditional, throw


@pytest.fixture
def bins(counting):
    """Return a function that makes the likelihood of ten bins with known errors."""

    def make(events, errors=True):
        background = events * np.linspace(1.5, 0.5, 10)
        uncertain = list(0.2 * background) if errors else []
        return HistFactory(open_workspace(counting([1.0] * 10, list(background), uncertain, [0.0] * 10))[0])

    return make


def test_statistic_is_the_deviance(bins):
    model = bins(100.0, errors=False)
    n = np.random.default_rng(1).poisson(model.background)
    found = goodness_of_fit(model, n)
    deviance = 2 * np.sum(model.background - n + n * np.log(n / model.background))
    assert found.statistic == pytest.approx(deviance, rel=1e-9)
    assert found.ndf == 10
    assert found.p == pytest.approx(stats.chi2.sf(deviance, 10))
    assert (found.toys, found.p_toys, found.p_toys_error) == (None, None, None)
    assert goodness_of_fit(model, n, mu=None).ndf == 9


def test_constrained_parameters_cost_no_degree_of_freedom(bins):
    assert goodness_of_fit(bins(100.0), np.full(10, 100.0)).ndf == 10


def test_held_parameters_bring_none(counting):
    """pyhf holds the factors of bins without background; their auxiliary data are no measurement."""
    spec = counting([1.0, 1.0, 1.0], [50.0, 40.0, 0.0], [5.0, 4.0, 0.0], [48.0, 44.0, 0.0])
    spec["channels"][0]["samples"][1]["modifiers"][0]["type"] = "staterror"
    model, data = open_workspace(spec)
    likelihood = HistFactory(model)
    found = goodness_of_fit(model, data, toys=400, seed=1)
    assert found.ndf == likelihood.n_bins
    # one of the three bins can hold nothing in toys
    assert np.mean(found.toys) == pytest.approx(2.0, abs=4 * np.sqrt(2 * 2 / 400))


def test_chi2_of_many_events(bins):
    model = bins(1000.0)
    toys = throw(model, model.at(0.0), 3000, np.random.default_rng(2))
    values = conditional(model, toys, 0.0, model.at(0.0)).value
    assert stats.kstest(values, stats.chi2(10).cdf).pvalue > 0.01


def test_toys_agree_with_chi2_of_many_events(bins):
    model = bins(1000.0)
    n = np.random.default_rng(3).poisson(model.background)
    found = goodness_of_fit(model, n, toys=2000, seed=4)
    assert found.p_toys == pytest.approx(found.p, abs=4 * found.p_toys_error + 0.01)
    assert found.to_dict()["toys"] == 2000


def test_p_values_of_few_events_are_uniform(bins):
    """Where chi2 is wrong: less than one event a bin."""
    model, rng = bins(0.6, errors=False), np.random.default_rng(5)
    data = rng.poisson(model.background, (150, 10)).astype(float)
    found = [goodness_of_fit(model, row, toys=300, seed=seed) for seed, row in enumerate(data)]
    assert stats.kstest([one.p_toys for one in found], "uniform").pvalue > 0.01
    assert stats.kstest([one.p for one in found], "uniform").pvalue < 1e-3


def test_a_wrong_model_does_not_fit(bins):
    found = goodness_of_fit(bins(200.0), 200 * np.linspace(0.5, 1.5, 10), toys=300, seed=6)
    assert found.p < 1e-4
    assert found.p_toys == 1 / 301  # none of the toys, and the data themselves


def test_signal_can_be_fitted_too(bins):
    model = bins(100.0)
    n = model.background + 60
    without, held, free = (goodness_of_fit(model, n, mu=mu, toys=2000, seed=7) for mu in (0.0, 60.0, None))
    assert held.statistic == pytest.approx(0.0, abs=1e-9)
    assert free.statistic == pytest.approx(0.0, abs=1e-9)
    assert without.statistic > 30
    for found, ndf in ((free, 9), (held, 10)):  # the mean of chi2, whose variance is 2 ndf
        assert np.mean(found.toys) == pytest.approx(ndf, abs=4 * np.sqrt(2 * ndf / 2000))


def test_seed_decides_everything(bins):
    n = np.full(10, 20.0)
    one, same, other = (goodness_of_fit(bins(20.0), n, toys=100, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.toys, same.toys)
    assert not np.array_equal(one.toys, other.toys)


def test_bad_input(bins, counting):
    with pytest.raises(ConfigError, match="50 toys: a hundred"):
        goodness_of_fit(bins(5.0), np.full(10, 5.0), toys=50)
    with pytest.raises(ConfigError, match="a model needs data"):
        goodness_of_fit(bins(5.0))
    with pytest.raises(FitError, match="bin 1 holds 2 events"):
        goodness_of_fit(*open_workspace(counting([1.0, 1.0], [5.0, 0.0], [], [5.0, 2.0])))
