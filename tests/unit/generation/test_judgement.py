"""Generated events judged: copies, planted differences, tails, and quantities derived of columns."""

import numpy as np
import pytest

import hepflow as hf
from hepflow.errors import ConfigError, InputError
from hepflow.generation import closeness, judge
from hepflow.generation.judgement import with_derived


def rows(seed, events=800):
    return np.random.default_rng(seed).normal(size=(events, 3))


def table(x):
    return hf.Events(x, ("px", "py", "pz"))


def test_copies_are_seen():
    learned, others = rows(1), rows(2)
    honest = closeness(rows(3), learned, others, seed=1)
    assert abs(honest.z) < 3.5
    assert honest.copies == 0
    assert honest.events == 800
    noisy = closeness(learned + 0.01 * rows(4), learned, others, seed=1)
    assert noisy.z > 5
    assert noisy.nearer > 0.9
    assert noisy.copies == 0
    assert closeness(learned, learned, others, seed=1).copies == 800


def test_what_closeness_refuses():
    with pytest.raises(ConfigError, match="tables of \\[2, 3\\] columns"):
        closeness(rows(1)[:, :2], rows(2), rows(3), seed=1)
    with pytest.raises(InputError, match="50 events; expected 100 or more of each kind"):
        closeness(rows(1)[:50], rows(2), rows(3), seed=1)


def test_derived_quantities_are_computed():
    pt = hf.Quantity("pt", unit="GeV", expression="hypot(px, py)")
    found = with_derived(table(rows(1)), [pt])
    np.testing.assert_allclose(found["pt"], np.hypot(*rows(1)[:, :2].T))
    assert found.names == ("px", "py", "pz", "pt")
    assert found.quantity("pt").axis == "pt [GeV]"


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (hf.Quantity("px", expression="py"), "there is a column of that name"),
        (hf.Quantity("pt", expression="hypot(px, pv)"), "no column 'pv'"),
        (hf.Quantity("pt", expression="log(px)"), "is not finite in"),
    ],
)
def test_derived_quantities_that_cannot_be(quantity, message):
    with np.errstate(invalid="ignore"), pytest.raises((ConfigError, InputError), match=message):
        with_derived(table(rows(1)), [quantity])


@pytest.fixture(scope="module")
def judged():
    wide = rows(3)
    wide[:, 1] = 0.8 * wide[:, 0] + 0.6 * wide[:, 1]  # right in each column
    mass = hf.Quantity("m", expression="px + py")
    return judge(table(wide), table(rows(2)), table(rows(1)), [mass], planted=(0.7,), replicas=19, seed=1)


def test_what_is_right_in_each_column_is_seen_in_what_is_derived(judged):
    columns = [one for one in judged.tests.differences if one.feature in ("px", "py", "pz")]
    assert min(one.p_value for one in columns) > 0.001
    assert judged.tests["Kolmogorov-Smirnov", "m"].p_value < 1e-3
    assert judged.tests.global_p <= 0.1


def test_a_floor_a_power_and_tails_stand_beside(judged):
    assert judged.floor[0] == pytest.approx(0.5, abs=4 * judged.floor[1])
    (planted,) = judged.planted
    assert planted.best == pytest.approx(0.7, abs=0.03)
    assert planted.seen < planted.best + 2 * planted.error
    assert {one.name for one in judged.tails} == {"px", "py", "pz", "m"}
    assert all(one.ratio >= 0 and one.error > 0 for one in judged.tails)
    wide = [one for one in judged.tails if one.name == "m" and one.quantile == 0.99]
    assert wide[0].ratio > 1


def test_what_judgement_refuses():
    with pytest.raises(ConfigError, match="expected the same"):
        judge(table(rows(1)), hf.Events(rows(2), ("a", "b", "c")), table(rows(3)), seed=1)
    with pytest.raises(InputError, match="300 events held out; expected 400 or more"):
        judge(table(rows(1)), table(rows(2)[:300]), table(rows(3)), seed=1)


@pytest.mark.parametrize("width", [1.0, 3.0])
def test_the_error_of_closeness(width):
    """Where nothing was learned by heart: deviations are of its size, also of events where real ones are few."""
    found = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        made, learned, others = (random.normal(size=(300, 2)) for _ in range(3))
        found.append(closeness(width * made, learned, others, seed=seed).z)
    assert 0.7 < np.sqrt(np.mean(np.square(found))) < 1.3
