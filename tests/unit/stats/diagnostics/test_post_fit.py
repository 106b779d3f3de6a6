"""Yields before and after the fit."""

import json

import numpy as np
import pytest

from hepflow.stats import HistFactory, Likelihood, Profile, open_workspace, post_fit
from hepflow.stats.numerical import Numerical


def test_one_bin(profile):
    """The fit is exact: its total is the datum, with the error of the datum."""
    channel = post_fit(profile([10.0], [50.0], [7.0], [80.0]), mu=0.0).channels["bins"]
    rows = {name: row for row, name in enumerate(channel.samples)}
    assert channel.signal == ("signal",)
    assert channel.pre_fit.events[rows["background"]] == pytest.approx([50.0])
    assert channel.pre_fit.errors[rows["background"]] == pytest.approx([7.0])
    assert channel.pre_fit.events[rows["signal"]] == [0.0]
    assert channel.post_fit.total == pytest.approx([80.0])
    assert channel.post_fit.total_errors == pytest.approx([np.sqrt(80)], rel=1e-3)
    assert channel.post_fit.errors[rows["background"]] == pytest.approx([7.0], rel=1e-3)
    assert channel.post_fit.errors[rows["signal"]] == pytest.approx([np.hypot(np.sqrt(80), 7)], rel=1e-3)
    assert channel.data == [80.0]


def test_sums_know_the_correlations(gaussian, gaussian_fit):
    """Linear propagation, bin by bin and for the whole channel."""
    channel = post_fit(gaussian_fit).channels["bins"]
    jacobian = np.column_stack([gaussian.signal, gaussian.shifts.T])
    matrix = jacobian @ gaussian.covariance @ jacobian.T
    np.testing.assert_allclose(channel.post_fit.total_errors, np.sqrt(np.diag(matrix)), rtol=2e-3)
    assert channel.post_fit.total_sum_error == pytest.approx(np.sqrt(matrix.sum()), rel=2e-3)
    before = gaussian.shifts.T @ gaussian.shifts
    np.testing.assert_allclose(channel.pre_fit.total_errors, np.sqrt(np.diag(before)), rtol=1e-9)
    assert channel.pre_fit.total_sum_error == pytest.approx(np.sqrt(before.sum()))
    np.testing.assert_allclose(channel.pre_fit.total, gaussian.signal + gaussian.background)
    np.testing.assert_allclose(channel.pre_fit.events.sum(axis=0), channel.pre_fit.total)


def test_asymmetric_errors_are_halved(counting):
    """+30 % and -10 % are 20 %: half the distance of the two."""
    spec = counting([10.0], [50.0], [], [80.0])
    scale = {"name": "scale", "type": "normsys", "data": {"hi": 1.3, "lo": 0.9}}
    spec["channels"][0]["samples"][1]["modifiers"] = [scale]
    found = post_fit(Profile(*open_workspace(spec))).channels["bins"]
    assert found.pre_fit.total_errors == pytest.approx([10.0])


def test_channels_and_their_samples(counting):
    spec = counting([10.0, 5.0], [50.0, 60.0], [7.0, 8.0], [80.0, 66.0])
    other = {"name": "rest", "data": [100.0], "modifiers": []}
    spec["channels"].append({"name": "control", "samples": [other]})
    spec["observations"].append({"name": "control", "data": [104.0]})
    found = post_fit(Profile(*open_workspace(spec)))
    assert set(found.channels) == {"bins", "control"}
    assert found.channels["control"].samples == ("rest",)
    assert found.channels["control"].signal == ()
    assert list(found.channels["control"].data) == [104.0]
    assert list(found.channels["bins"].data) == [80.0, 66.0]
    assert set(found.channels["bins"].samples) == {"signal", "background"}
    assert found.channels["control"].post_fit.total_errors == [0.0]


def test_same_from_the_rates_of_pyhf(counting):
    spec = counting([10.0, 5.0], [50.0, 60.0], [7.0, 8.0], [80.0, 66.0])
    model, data = open_workspace(spec)
    mine, theirs = (
        post_fit(Profile(made(model), data)).channels["bins"] for made in (HistFactory, Numerical)
    )
    assert mine.samples == theirs.samples
    np.testing.assert_allclose(mine.post_fit.events, theirs.post_fit.events, rtol=1e-5)
    np.testing.assert_allclose(mine.post_fit.errors, theirs.post_fit.errors, rtol=1e-3)


class Bare(HistFactory):
    """A model that does not tell samples and channels apart."""

    channels, sample_rates = Likelihood.channels, Likelihood.sample_rates

    def __init__(self, model):
        super().__init__(model)
        self.samples = Likelihood.samples


def test_model_without_samples_is_one(counting):
    model, data = open_workspace(counting([10.0, 5.0], [50.0, 60.0], [], [80.0, 66.0]))
    ((name, channel),) = post_fit(Profile(Bare(model), data)).channels.items()
    assert (name, channel.samples, channel.signal) == ("bins", ("expected",), ())
    np.testing.assert_array_equal(channel.post_fit.events[0], channel.post_fit.total)


def test_error_of_what_the_data_do_not_determine_is_infinite(counting, two_free_factors):
    spec = counting([10.0, 0.0], [50.0, 60.0], [], [70.0, 66.0])
    two_free_factors(spec)
    channel = post_fit(Profile(*open_workspace(spec))).channels["bins"]
    assert channel.post_fit.total == pytest.approx([70.0, 66.0])
    assert np.all(np.isinf(channel.post_fit.errors[channel.samples.index("background")]))
    record = json.loads(json.dumps(channel.to_dict(), allow_nan=False))
    assert record["post_fit"]["total_errors"] == [None, None]


def test_record_is_json(profile):
    record = json.loads(json.dumps(post_fit(profile([10.0], [50.0], [7.0], [80.0])).to_dict()))
    assert record["mu"] == 1.0
    assert record["mu_hat"] == pytest.approx(3.0)
    assert record["channels"]["bins"]["data"] == [80.0]
