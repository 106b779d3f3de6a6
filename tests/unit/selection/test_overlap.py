"""Overlap of samples: events that were trained on are found, and only those."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample
from hepflow.selection import check_no_overlap


@pytest.fixture(scope="module")
def trained(toy):
    return toy.background(2000, seed=1)


def test_independent_events_pass(trained, toy):
    check_no_overlap(toy.background(2000, seed=2), trained, toy.signal(500, seed=3))
    check_no_overlap(trained)


def test_shared_events_are_counted(trained, toy):
    judged = Sample.concat([toy.background(100, seed=2), trained.select(slice(5, 12))])
    mass = trained.mass[5]
    with pytest.raises(InputError, match=rf"7 of the 107 evaluation events .* row 100, m_jj {mass:g} GeV"):
        check_no_overlap(judged, toy.signal(500, seed=3), trained)


def test_weights_labels_and_signs_of_zero_make_no_difference(trained):
    zero = replace(trained, features=np.where(trained.features > 100, 0.0, trained.features))
    other = replace(zero, weight=np.full(2000, 2.0), label=np.ones(2000))
    with pytest.raises(InputError, match="2,000 of the 2,000"):
        check_no_overlap(other, replace(zero, features=np.where(zero.features == 0, -0.0, zero.features)))


def test_an_event_with_another_mass_is_another_event(trained):
    check_no_overlap(replace(trained, mass=np.nextafter(trained.mass, 0)), trained)


def test_features_that_cannot_be_compared(trained):
    with pytest.raises(ConfigError, match="expected the same"):
        check_no_overlap(replace(trained, names=("a", "b", "c")), trained)
