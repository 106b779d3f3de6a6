"""A cut that no signal event passes: a significance by counting, and no limit, rather than a run that ends."""

import numpy as np
import pytest

from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import Cut
from hepflow.spectrum import Spectrum
from hepflow.stats import bump_hunt
from hepflow.studies.analysis.fits import Fitted
from hepflow.studies.search.results import _cut_result

WINDOWS = Windows((3300, 3700), [(2900, 3300), (3700, 4500)])


def test_a_cut_without_signal_has_a_significance_and_no_limit():
    edges = WINDOWS.edges(100)
    expected = np.linspace(40, 10, len(edges) - 1)
    spectrum = Spectrum(edges, np.round(expected), expected, WINDOWS, sidebands_in_fit=True)
    spectrum.observed[spectrum.in_signal] += 12
    n, m = spectrum.observed[spectrum.in_signal].sum(), spectrum.observed[spectrum.in_sidebands].sum()
    alpha = expected[spectrum.in_signal].sum() / expected[spectrum.in_sidebands].sum()
    q0 = 2 * (n * np.log((1 + alpha) / alpha * n / (n + m)) + m * np.log((1 + alpha) * m / (n + m)))
    outside = Sample(np.array([3000.0]), np.zeros((1, 1)), ("m_J1",))
    cut = Cut(0.001, 1.0, spectrum, outside)
    assert not cut.signal_passes
    result = _cut_result(Fitted(cut, bump_hunt(spectrum)), None, sampled=True)
    assert result.z == pytest.approx(np.sqrt(q0), rel=1e-5)  # Li and Ma: two counts
    assert result.mu_up_obs is None
    assert result.mu_up_exp == (None,) * 5
    assert result.spectrum.signal is None


def test_a_cut_with_signal_in_the_region_says_so():
    edges = WINDOWS.edges(100)
    spectrum = Spectrum(edges, np.ones(len(edges) - 1), np.ones(len(edges) - 1), WINDOWS)
    inside = Sample(np.array([3500.0]), np.zeros((1, 1)), ("m_J1",))
    assert Cut(0.1, 0.0, spectrum, inside).signal_passes
    assert not Cut(0.1, 0.0, spectrum, None).signal_passes
