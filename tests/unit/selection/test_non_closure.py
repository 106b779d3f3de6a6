"""Non-closure: differences that are known, their errors over many toys, and what corrections are made of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.regions import Windows
from hepflow.selection import NonClosure, Validation, non_closure
from hepflow.selection.non_closure import together
from hepflow.selection.validation import bare

WINDOWS = Windows(signal=(3000, 4000), sidebands=[(2500, 3000), (4000, 4500)])
DATA, BESIDE = 4000, 12_000


def trial(kappa: float, seed: int, factor: float = 1.0) -> Validation:
    """Return scores of the template that fall as exp(-s), and of data that do so as exp(-s (1 - kappa)) in the bands.

    A share of ``eps^(1 - kappa)`` of the data passes the cut that an eps of the template passes. In the sidebands
    `factor` times as many events of the data as of the template lie behind any cut that is tight.
    """
    random = np.random.default_rng(seed)

    def sample(events, low, high, slope=1.0, weight=1.0):
        mass = random.uniform(low, high, events)
        return bare(mass, np.full(events, weight), random.exponential(1 / slope, events))

    def beside(events, weight=1.0):
        mass = np.concatenate([random.uniform(2500, 3000, events), random.uniform(4000, 4500, events)])
        return bare(mass, np.full(2 * events, weight), random.exponential(1.0, 2 * events))

    common = beside(BESIDE // 2)
    tight = common.score > np.log(5)
    kept = ~tight | (random.random(len(tight)) < factor)
    return Validation(
        data=sample(DATA, 3000, 4000, 1 - kappa),
        template=sample(20 * DATA, 3000, 4000, weight=1 / 20),
        sidebands=common.select(kept),
        validation=beside(2 * BESIDE, 1 / 4),
        windows=WINDOWS,
    )


@pytest.mark.parametrize("kappa", [0.0, 0.05])
@pytest.mark.parametrize("efficiency", [0.1, 0.01])
def test_a_known_difference_is_found_with_its_error(kappa, efficiency):
    found = [non_closure([trial(kappa, seed)], efficiency) for seed in range(120)]
    true = efficiency**-kappa - 1
    pulls = np.array([(one.value - true) / one.error for one in found])
    assert abs(pulls.mean()) < 0.3
    assert 0.8 < pulls.std() < 1.2


def test_a_tight_cut_learns_from_looser_ones():
    """The plain ratio behind the cut has the error of the events there, 40 of them."""
    found = [non_closure([trial(0.05, seed)], 0.01) for seed in range(60)]
    assert np.std([one.value for one in found]) < 0.95 / np.sqrt(0.01 * DATA)


def test_events_that_sidebands_lack_are_non_closure():
    """Behind the cut the sidebands have 0.7 of the events that the bands have, and 0.94 of all are left there."""
    low = [non_closure([trial(0.0, seed, factor=0.7)], 0.1).value for seed in range(40)]
    assert np.mean(low) == pytest.approx(0.94 / 0.7 - 1, abs=0.03)


def test_trials_on_the_same_data_count_once():
    one = trial(0.05, 1)
    alone, twice = non_closure([one], 0.01), non_closure([one, one], 0.01)
    assert twice.value == pytest.approx(alone.value, rel=1e-9)
    assert twice.error == pytest.approx(alone.error, rel=1e-9)


def test_trials_are_averaged():
    low, high = trial(0.0, 1), trial(0.1, 2)
    values = [non_closure(each, 0.03).value for each in ([low], [low, high], [high])]
    assert values[0] < values[1] < values[2]


@given(st.floats(0.2, 5.0), st.floats(-3.0, 3.0))
def test_only_the_order_of_scores_counts(scale, shift):
    one = trial(0.05, 3)

    def moved(scored):
        return replace(scored, score=scale * scored.score**3 + shift)

    parts = ("data", "template", "sidebands", "validation")
    other = replace(one, **{part: moved(getattr(one, part)) for part in parts})
    assert non_closure([other], 0.01).value == pytest.approx(non_closure([one], 0.01).value, abs=0.01)


def test_where_nothing_is_known_the_error_is_all():
    one = trial(0.0, 1)
    none = np.zeros(len(one.sidebands.score), dtype=bool)
    found = non_closure([replace(one, sidebands=one.sidebands.select(none))], 0.1)
    assert found.correction == 0
    assert found.size == pytest.approx(1.0)


def test_few_events_make_large_errors_and_no_crash():
    one = trial(0.0, 1)
    few = np.arange(DATA) < 12
    found = non_closure([replace(one, data=one.data.select(few))], 0.001)
    assert found.error > 0.2
    assert np.isfinite(found.value)


def test_the_correction_lies_between_none_and_all():
    found = NonClosure(0.3, 0.0)
    drawn = np.random.default_rng(1).uniform(0.0, 0.3, 400_000)
    assert found.correction == pytest.approx(drawn.mean(), rel=0.01)
    assert found.size == pytest.approx(drawn.std(), rel=0.01)


def test_the_size_is_that_of_a_spread_share_of_an_uncertain_difference():
    random = np.random.default_rng(1)
    for share in (1 / 2, 1.0):
        part = share + random.uniform(-0.5, 0.5, 400_000)
        drawn = part * random.normal(0.2, 0.1, 400_000)
        found = NonClosure(0.2, 0.1, share)
        assert found.correction == pytest.approx(drawn.mean(), rel=0.01)
        assert found.size == pytest.approx(drawn.std(), rel=0.01)


def test_estimates_together():
    bands, simulation = NonClosure(0.2, 0.05), NonClosure(0.1, 0.02, share=1.0)
    assert together([bands]) == pytest.approx((bands.correction, bands.size))
    correction, error = together([bands, simulation])
    assert correction == pytest.approx(0.1)
    assert error < min(bands.size, simulation.size)


def test_estimates_that_disagree_have_a_larger_error():
    near, far = NonClosure(0.0, 0.02), NonClosure(0.5, 0.02, share=1.0)
    correction, error = together([near, far])
    assert 0 < correction < 0.5
    assert error > 3 * near.size
