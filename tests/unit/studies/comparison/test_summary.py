"""Summary of a comparison: means and ratios over seeds are right."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hepflow.selection import truth
from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodCut, MethodResult
from hepflow.studies.comparison.summary import NOISE, improvement, mean_agreement


def cut(sic, z=2.0):
    return MethodCut(0.001, 12.0, 8.0, 1.5, 1.3, z, 0.1, Estimate(sic, 0.5), 0.2, 0.0011, Estimate(0.1, 0.2))


def result(method, seed, sic, injected=300, **changes):
    return MethodResult(
        method=method,
        title=method.upper(),
        uses_truth=method == "idealized",
        seed=seed,
        injected=injected,
        signal=240.0,
        background=12_000.0,
        max_sic=Estimate(1.5 * sic, 1.0),
        rejection_20=Estimate(1000.0, 100.0),
        cuts=(cut(sic),),
        closure={"SR": Estimate(0.51, 0.01)},
        background_efficiency=(1.0, 0.1, 0.01),
        signal_efficiency=(1.0, 0.8, 0.5),
        seconds=12.5,
        warnings=("a warning",),
        **changes,
    )


def comparison(*results):
    return Comparison("lhco", "0" * 16, {"hepflow": "0.1.0"}, {"signal": [3300, 3700]}, results)


@pytest.fixture
def three_seeds():
    values = {"idealized": (10.0, 12.0, 8.0), "cathode": (9.0, 6.0, 6.0)}
    return comparison(
        *(result(name, seed, sic) for name, sics in values.items() for seed, sic in enumerate(sics))
    )


def test_means_and_errors_over_seeds(three_seeds):
    idealized, cathode = three_seeds.summary()
    assert (cathode.method, cathode.title, cathode.uses_truth) == ("cathode", "CATHODE", False)
    assert (cathode.seeds, cathode.injected, idealized.uses_truth) == (3, 300, True)
    assert cathode.mean["sic at 0.001"].value == pytest.approx(7.0)
    assert cathode.mean["sic at 0.001"].error == pytest.approx(math.sqrt(3) / math.sqrt(3))  # (4 + 1 + 1) / 2
    assert cathode.mean["rejection_20"] == Estimate(1000.0, 0.0)
    assert cathode.mean["closure SR"].value == pytest.approx(0.51)
    assert cathode.mean["signal_over_background"].value == pytest.approx(0.02)
    assert "auc" not in cathode.mean


def test_ratios_to_the_idealized_of_the_same_seed(three_seeds):
    idealized, cathode = three_seeds.summary()
    assert cathode.relative["sic at 0.001"].value == pytest.approx(np.mean([0.9, 0.5, 0.75]))
    assert cathode.relative["max_sic"].value == pytest.approx(np.mean([0.9, 0.5, 0.75]))
    assert idealized.relative["max_sic"] == Estimate(1.0, 0.0)
    assert set(cathode.relative) == {"sic at 0.001", "max_sic"}


def test_one_seed_has_statistical_errors():
    _, cathode = comparison(result("idealized", 1, 10.0), result("cathode", 1, 5.0)).summary()
    assert cathode.mean["sic at 0.001"] == Estimate(5.0, 0.5)
    assert cathode.mean["z at 0.001"] == Estimate(2.0)
    ratio = cathode.relative["sic at 0.001"]
    assert ratio.value == 0.5
    assert ratio.error == pytest.approx(0.5 * math.hypot(0.5 / 5, 0.5 / 10))


def test_seeds_without_a_number_or_a_reference_do_not_count():
    lost = replace(cut(1.0), sic=None)
    results = result("idealized", 1, 10.0), result("cathode", 1, 5.0), result("cathode", 2, 7.0)
    _, cathode = comparison(*results).summary()
    assert cathode.relative["sic at 0.001"].value == 0.5
    _, cathode = comparison(*results[:2], replace(results[2], cuts=(lost,))).summary()
    assert cathode.mean["sic at 0.001"] == Estimate(5.0, 0.5)


def test_injections_are_told_apart():
    found = comparison(*(result("cathode", 1, 3.0, injected) for injected in (300, 0, 150)))
    assert found.injections == (0, 150, 300)
    assert [one.injected for one in found.summary()] == [300, 0, 150]


def curve(*signal, background=(1.0, 0.1, 0.01)):
    """Return a result with this ROC curve."""
    changed = {"background_efficiency": background, "signal_efficiency": signal}
    return replace(result("cathode", 1, 5.0), **changed)


def test_improvement_is_the_mean_of_the_seeds_with_its_error():
    found = improvement([curve(1.0, 0.8, 0.5), curve(1.0, 0.6, 0.3)])
    over = found.over_rejection
    assert (over.x[0], over.x[-1]) == (1.0, pytest.approx(100.0))
    assert over.mean[[0, -1]] == pytest.approx([1.0, 4.0])
    assert over.error[[0, -1]] == pytest.approx([0.0, 1.0])
    over = found.over_signal
    np.testing.assert_array_equal(np.isnan(over.error), np.isnan(over.mean))
    assert over.x[np.isfinite(over.mean)][0] == pytest.approx(0.5, abs=0.01)  # where both seeds have a cut
    assert over.mean[-1] == pytest.approx(1.0)


def test_improvement_of_one_seed_has_no_error_and_ends_in_noise():
    assert NOISE == truth.NOISE
    rare = curve(1.0, 0.8, 0.5, 0.1, background=(1.0, 0.1, 0.01, 0.001))  # of 12,000: a dozen events
    found = improvement([rare])
    assert found.over_rejection.x[-1] == pytest.approx(100.0)
    assert found.over_rejection.error is None
    assert found.over_signal.error is None
    assert (
        improvement([]) is improvement([curve(background=())]) is improvement([curve(1.0, background=(1.0,))])
    )


def test_agreement_is_the_mean_for_methods_in_all_matrices():
    one = Matrix("overlap", 1, 0, ("a", "b", "c"), ((1, 0.2, 0.9), (0.2, 1, 0.9), (0.9, 0.9, None)), ())
    other = Matrix("overlap", 2, 0, ("b", "a"), ((1, 0.4), (0.4, 1)), ())
    names, values = mean_agreement([one, other])
    assert names == ["a", "b"]
    np.testing.assert_allclose(values, [[1, 0.3], [0.3, 1]])
    assert np.isnan(mean_agreement([one])[1][2, 2])
