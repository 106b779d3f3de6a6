"""Differences of known size, planted."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.twosample import planted_differences


def rows(events, seed=1, columns=4):
    return np.random.default_rng(seed).normal(size=(events, columns))


def test_a_test_sees_no_more_than_the_best_and_more_of_larger_differences():
    found = planted_differences(rows(8000), (0.55, 0.7), seed=2)
    for one, asked in zip(found, (0.55, 0.7), strict=True):
        assert one.best == pytest.approx(asked, abs=0.02)
        assert 0.45 < one.seen < one.best + 3 * one.error
    assert found[1].seen > found[0].seen


def test_the_same_seed_plants_the_same():
    one, other = (planted_differences(rows(2000), (0.6,), seed=3) for _ in range(2))
    assert one == other


def test_what_cannot_be_planted():
    with pytest.raises(ConfigError, match=r"area under the curve 0\.5; expected"):
        planted_differences(rows(2000), (0.5,), seed=1)
    with pytest.raises(InputError, match=r"events are left with one of 0\.65; expected 200"):
        planted_differences(rows(500), (0.65,), seed=1)
    with pytest.raises(InputError, match="larger than waves"):
        planted_differences(rows(2000), (0.999,), seed=1)
