"""The signal efficiency of a cut."""

from types import SimpleNamespace

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import Scored, Scores, signal_efficiency

WINDOWS = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])


def scored(mass, score, weight=()):
    sample = Sample(mass, np.zeros((len(mass), 1)), ("x",), weight=np.array(weight))
    return Scored(sample, np.asarray(score, dtype=float))


def scores(signal):
    template = scored(np.full(1001, 3500.0), np.arange(1001))  # 10 % stand above 900
    nothing = scored(np.zeros(0), [])
    return Scores(nothing, template, nothing, nothing, signal, SimpleNamespace(windows=WINDOWS))


def test_signal_must_pass_the_cut_and_stand_in_the_signal_region():
    signal = scored([3500.0, 3500.0, 3500.0, 3000.0], [950, 901, 100, 999])
    assert signal_efficiency(scores(signal), 0.1) == pytest.approx((0.5, 0.25))
    assert signal_efficiency(scores(signal), 1) == pytest.approx((0.75, np.sqrt(0.75 * 0.25 / 4)))


def test_the_unit_of_the_weights_does_not_matter():
    signal = scored([3500.0, 3500.0], [950, 100], weight=[3.0, 1.0])
    value, error = signal_efficiency(scores(signal), 0.1)
    assert value == pytest.approx(0.75)
    assert error == pytest.approx(np.sqrt(0.75 * 0.25 / 1.6))  # four squared over ten


@pytest.mark.parametrize("signal", [None, scored(np.zeros(0), []), scored([3500.0], [950], weight=[0.0])])
def test_without_signal(signal):
    with pytest.raises(InputError, match="no signal events are left"):
        signal_efficiency(scores(signal), 0.1)
