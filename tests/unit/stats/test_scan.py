"""Scans of the mass: known signals, few events, and masses that cannot be fitted."""

import json
from dataclasses import fields

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.smooth import UA2
from hepflow.stats import MassScan, SignalTemplate, discovery, p0_toys, upper_limit, upper_limit_toys

MASSES = np.array([3000.0, 3400.0, 3500.0, 4000.0])


@pytest.fixture
def bump(dijet):
    """Return edges and counts of 20,000 events with 200 of a resonance at 3.5 TeV."""
    edges, expected = dijet
    rng = np.random.default_rng(2)
    counts = rng.poisson(expected(20_000)) + np.histogram(rng.normal(3500, 105, 200), edges)[0]
    return edges, counts


def test_scan_finds_the_resonance(bump, gaussian):
    found = MassScan(*bump, MASSES, gaussian).run()
    assert found.mass[np.argmax(found.z)] == 3500
    assert found.z[2] > 4
    assert found.mu_hat[2] == pytest.approx(200, abs=3 * found.mu_hat_error[2])
    assert found.mu_up_obs[2] > 200
    assert found.mu_up_exp.shape == (4, 5)
    assert np.all(np.diff(found.mu_up_exp, axis=1) > 0)
    assert found.calculator == ("asymptotic",) * 4
    assert not found.problems


def test_each_mass_is_a_fit_of_its_own(bump, gaussian):
    scan = MassScan(*bump, MASSES, gaussian)
    found = scan.run()
    for i in range(len(MASSES)):
        alone, limit = discovery(scan.model(i), bump[1]), upper_limit(scan.profile(i))
        assert found.z[i] == pytest.approx(alone.z, abs=1e-5)
        assert found.p0[i] == pytest.approx(alone.p0, rel=1e-4)
        assert found.mu_up_obs[i] == pytest.approx(limit.observed, rel=1e-5)


def test_masses_are_sorted_and_told_once(bump, gaussian):
    found = MassScan(*bump, [4000, 3000, 4000], gaussian).run(limits=False)
    np.testing.assert_array_equal(found.mass, [3000, 4000])
    assert found.mu_up_obs is None
    assert found.mu_up_exp is None


def test_sliding_window_fits_the_bins_around_a_mass(bump, gaussian):
    edges, counts = bump
    scan = MassScan(edges, counts, [3500], gaussian, half_range=0.2)
    bins = scan.bins(3500.0)
    assert (edges[:-1][bins].min(), edges[1:][bins].max()) == (2800, 4200)
    elsewhere = MassScan(edges, np.where(bins, counts, 7), [3500], gaussian, half_range=0.2)
    assert elsewhere.run(limits=False).z[0] == scan.run(limits=False).z[0]
    assert scan.run(limits=False).z[0] > 3


def test_one_failing_mass_leaves_the_others(bump, gaussian):
    """The window of a mass near the edge of the spectrum holds too few bins."""
    found = MassScan(*bump, [2510, 3500], gaussian, half_range=0.05).run()
    assert np.isnan(found.z[0])
    assert np.isfinite(found.z[1])
    assert found.calculator == ("none", "asymptotic")
    assert len(found.problems) == 1
    assert found.problems[0].startswith("2510 GeV: dijet fit: 2 bins to fit")


def test_few_events_call_for_toys(dijet, gaussian):
    edges, expected = dijet
    counts = np.random.default_rng(3).poisson(expected(500))
    scan = MassScan(edges, counts, [2800, 4600], gaussian)
    found = scan.run(seed=5, toys=100)
    assert found.calculator == ("asymptotic", "toys")
    toys = upper_limit_toys(scan.profile(1), toys=100, seed=6).limit
    assert found.mu_up_obs[1] == pytest.approx(toys.observed)
    assert found.p0[1] == pytest.approx(p0_toys(scan.profile(1), toys=100, seed=6).p)
    asked = scan.run(calculator="asymptotic")
    assert asked.calculator == ("asymptotic", "asymptotic")
    assert asked.z[0] == found.z[0]
    again = scan.run(seed=5, toys=100)
    np.testing.assert_array_equal(again.mu_up_exp, found.mu_up_exp)


def test_spurious_signal_of_each_mass(bump, gaussian):
    plain = MassScan(*bump, MASSES, gaussian).run()
    faked = MassScan(*bump, MASSES, gaussian, spurious=[0.0, 30.0, 60.0, 10.0]).run()
    assert faked.z[0] == pytest.approx(plain.z[0], abs=1e-6)
    assert faked.z[2] < plain.z[2] - 0.5
    assert np.all(faked.mu_up_obs[1:] > plain.mu_up_obs[1:])


def test_another_function(bump, gaussian):
    found = MassScan(*bump, [3500], gaussian, function=UA2).run(limits=False)
    assert found.z[0] == pytest.approx(MassScan(*bump, [3500], gaussian).run(limits=False).z[0], abs=0.7)


def test_records_are_plain_json(bump, gaussian):
    found = MassScan(*bump, [2510, 3500], gaussian, half_range=0.05, unit="fb").run()
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["z"][0] is None
    assert record["mu_up_exp"][1] == pytest.approx(list(found.mu_up_exp[1]))
    assert record["unit"] == "fb"
    names = {field.name for field in fields(found)} - {"global_significance"} | {"global"}
    assert set(record) == names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masses": []}, "no mass to scan: expected masses inside the spectrum, 2500 to 5500 GeV"),
        ({"masses": [3000, 6000]}, "mass 6000 GeV"),
        ({"masses": [np.nan]}, "mass nan GeV"),
        ({"counts": np.ones(59)}, r"expects edges \(B \+ 1,\) and counts \(B,\); got \(61,\) and \(59,\)"),
        ({"half_range": 0.0}, "half_range 0.0: expected a fraction"),
        ({"half_range": np.nan}, "half_range nan"),
        ({"spurious": -1.0}, "spurious signal -1.0: expected a strength of zero or more"),
        ({"spurious": [1.0, 2.0]}, "one for each of the 1 masses"),
    ],
)
def test_bad_input(bump, gaussian, change, message):
    arguments = {"edges": bump[0], "counts": bump[1], "masses": [3500], "signal": gaussian, **change}
    with pytest.raises(ConfigError, match=message):
        MassScan(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calculator": "exact"}, "calculator 'exact': expected"),
        ({"level": 95}, "confidence level 95"),
        ({"toys": 10}, "10 toys"),
    ],
)
def test_bad_options(bump, gaussian, options, message):
    with pytest.raises(ConfigError, match=message):
        MassScan(*bump, [3500], gaussian).run(**options)


def test_bad_counts_and_signals_are_named(bump, gaussian):
    edges, counts = bump
    found = MassScan(edges, np.where(edges[1:] < 2600, np.nan, counts), [3500], gaussian).run()
    assert "nan events in bin 2500-2550 GeV" in found.problems[0]
    with pytest.raises(InputError, match="zero in every bin"):
        MassScan(edges, counts, [3500], lambda mass: lambda at: SignalTemplate(np.zeros(60)))
