"""Which background is fitted behind a cut, and what the other one says."""

import numpy as np
import pytest

from hepflow.config.blocks import Fit
from hepflow.regions import Windows
from hepflow.selection import Cut
from hepflow.spectrum import Spectrum
from hepflow.stats import gaussian_signal
from hepflow.studies.analysis.both import SECOND, answers, backgrounds
from hepflow.studies.analysis.fits import hunt

WINDOWS = Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4500)])
EDGES = WINDOWS.edges(50.0)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
SIGNAL = gaussian_signal(EDGES, 3500, 60)


def cut(events, efficiency=1.0, seed=1, data=None):
    """Return a cut on a dijet spectrum, its template made of the same."""
    random = np.random.default_rng(seed)
    mean = (1 - CENTRES / 13_000) ** 17 / (CENTRES / 13_000) ** 2
    mean *= events / mean.sum() * efficiency
    drawn = random.poisson(20 * mean)
    observed = random.poisson(mean).astype(float) if data is None else data
    spectrum = Spectrum(
        EDGES, observed, drawn / 20, WINDOWS, statistical=np.sqrt(drawn) / 20, sidebands_in_fit=True
    )
    return Cut(0.1, 0.5, spectrum, None)


def both(one, background="template", blind=False):
    found = backgrounds(one, SIGNAL, Fit(background=background, blind=blind), both=True)
    return found, answers(found, SIGNAL, limits=True)


@pytest.mark.parametrize("events", [30_000, 3000])
def test_both_agree_where_the_cut_leaves_the_spectrum_smooth(events):
    found, told = both(cut(events))
    _, swapped = both(cut(events), "dijet")
    assert found.problems == ()
    assert told.smooth.usable
    assert told.smooth == swapped.smooth
    assert (told.background, told.other.background, told.other.usable) == ("template", "dijet", True)
    assert (swapped.background, swapped.other.background, swapped.other.usable) == ("dijet", "template", None)
    one, other = told.other, swapped.other
    assert abs(one.n_exp - other.n_exp) < 2 * np.hypot(one.n_exp_error, other.n_exp_error)
    assert abs(one.mu_hat - other.mu_hat) < max(one.mu_hat_error, other.mu_hat_error)
    assert abs(one.z - other.z) < 1
    assert (one.calculator, one.calculator_reason) == ("asymptotic", SECOND)
    assert len(one.expected) == len(one.expected_error) == len(CENTRES)


def test_a_cut_that_sculpts_is_a_problem_of_the_function_that_was_chosen():
    one = cut(20_000, 1 + 0.3 * np.exp(-0.5 * ((CENTRES - 3500) / 150) ** 2))
    found, told = both(one, "dijet")
    (problem,) = found.problems
    assert problem.startswith("the dijet function may not be used behind this cut: ")
    assert "the cut sculpts m_jj" in problem
    assert found.background == "dijet"
    assert not told.smooth.usable
    (problem,) = hunt(one, Fit(background="dijet", calculator="asymptotic"), 1).problems
    assert "the cut sculpts m_jj" in problem
    found, told = both(one)
    assert found.problems == ()
    assert told.other.usable is False
    assert "the cut sculpts m_jj" in told.other.reason
    assert told.other.n_exp > 0


def test_without_a_fit_the_numbers_are_those_of_the_template():
    one = cut(600, data=np.where(CENTRES == 2925.0, 30.0, 0.0))
    found, told = both(one, "dijet")
    assert found.background == told.background == "template"
    (problem,) = found.problems
    assert problem.startswith("no dijet function behind this cut: it cannot be fitted")
    assert problem.endswith("Its numbers are those of the template")
    assert found.spectrum is one.spectrum
    assert (told.other.background, told.other.usable, told.other.n_exp) == ("dijet", False, None)
    assert told.smooth.shape_parameters is None
    _, told = both(one)
    assert (told.other.usable, told.other.z) == (False, None)


def test_an_answer_that_cannot_be_fitted_says_so():
    one = cut(600)
    empty = Spectrum(
        EDGES,
        one.spectrum.observed,
        np.where(WINDOWS.in_signal(CENTRES), 0.0, one.spectrum.expected),
        WINDOWS,
        sidebands_in_fit=True,
    )
    _, told = both(Cut(0.1, 0.5, empty, None), "dijet")
    assert told.other.background == "template"
    assert told.other.z is None
    assert told.other.n_exp == 0.0
    (problem,) = told.other.problems
    assert "no background is expected" in problem


@pytest.mark.parametrize("background", ["template", "dijet"])
def test_a_blinded_answer_has_no_data(background):
    one = cut(3000)
    more = np.where(WINDOWS.in_signal(CENTRES), 5 * one.spectrum.observed, one.spectrum.observed)
    found, told = both(one, background, blind=True)
    _, other = both(cut(3000, data=more), background, blind=True)
    assert found.spectrum.blind
    assert found.beside.blind
    assert told == other
    assert [getattr(told.other, name) for name in ("z", "p0", "mu_hat", "mu_up_obs", "pull")] == [None] * 5
    assert told.other.z_expected > 0
    assert told.other.mu_up_exp[2] > 0


def test_nobody_asked_for_the_other():
    found = backgrounds(cut(3000), SIGNAL, Fit(), both=False)
    assert (found.background, found.beside, found.smooth) == ("template", None, None)
    assert answers(found, SIGNAL, limits=True) is None
    inclusive = Cut(1.0, None, cut(3000).spectrum, None)
    found = backgrounds(inclusive, SIGNAL, Fit(background="dijet"), both=True)
    assert (found.background, found.smooth) == ("dijet", None)
    assert answers(found, SIGNAL, limits=True) is None
