"""Known integrals: their values by quadrature, and the cross-section of Drell-Yan against other formulas."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from hepflow.integration import camel, drell_yan, muon_momenta, ring, two_resonances
from hepflow.integration.drell_yan import ALPHA, PICOBARN, QUARKS, _couplings


def flat(known, points=200_000):
    """Return the integral by flat points, and its error."""
    box = known.integrand.box
    x = box[:, 0] + np.random.default_rng(0).random((points, len(box))) * (box[:, 1] - box[:, 0])
    values = known.integrand(x) * np.prod(box[:, 1] - box[:, 0])
    return values.mean(), values.std() / np.sqrt(points)


@pytest.mark.parametrize("known", [camel(2), camel(4), camel(3, 0.4), ring(), two_resonances(3, width=0.2)])
def test_values_agree_with_flat_points(known):
    value, error = flat(known)
    assert abs(value - known.exact) < 4 * error < 0.1 * known.exact


def test_a_camel_of_two_axes_by_quadrature():
    known = camel(2)
    value = dblquad(lambda y, x: known.integrand(np.array([[x, y]]))[0], 0, 1, 0, 1, epsabs=1e-6)[0]
    assert known.exact == pytest.approx(value, rel=1e-5)


def test_narrow_camels_lie_whole_in_the_cube():
    assert camel(8, 1e-3).exact == pytest.approx(1.0)


def test_quarks_are_counted():
    for quark, number in zip(QUARKS, (2, 1, 0), strict=True):
        both = quad(lambda x, quark=quark: np.subtract(*quark.densities(np.array(x))), 0, 1)[0]
        assert both == pytest.approx(number, abs=1e-6)


def test_far_below_the_z_only_charges_count():
    even, odd = _couplings(QUARKS[0], np.array([0.01]))
    assert even == pytest.approx(4 / 9, rel=1e-5)
    assert abs(odd) < 1e-5


def test_drell_yan_by_quadrature():
    """The total cross-section 4 pi alpha^2 / (9 s) A of each pair, folded with parton densities by scipy."""
    energy = 13_000.0

    def inner(rapidity, m):
        x1, x2 = (m / energy * np.exp(sign * rapidity) for sign in (1, -1))
        total = 0.0
        for quark in QUARKS:
            (q1, a1), (q2, a2) = quark.densities(np.array(x1)), quark.densities(np.array(x2))
            parton = 4 * np.pi * ALPHA**2 / (9 * m**2) * _couplings(quark, np.array(m**2))[0]
            total += (q1 * a2 + a1 * q2) * parton
        return total * 2 * m / energy**2

    def slice_(m):
        most = np.log(energy / m)
        return quad(inner, -most, most, args=(m,), epsrel=1e-6)[0]

    value = quad(slice_, 20.0, 80.0, epsrel=1e-5)[0] * PICOBARN
    assert drell_yan(20.0, 80.0).exact == pytest.approx(value, rel=1e-4)


def test_drell_yan_function_has_that_integral():
    value, error = flat(drell_yan(60.0, 120.0))
    assert abs(value - drell_yan(60.0, 120.0).exact) < 4 * error


def test_muons_have_mass_rapidity_and_no_momentum_across():
    x = np.array([[91.2, 0.3, -0.4, 1.0], [30.0, -0.5, 0.9, 5.0]])
    particles, momenta = muon_momenta(x)
    assert particles.tolist() == [13, -13]
    energy, px, py, pz = momenta.sum(axis=1).T
    np.testing.assert_allclose(np.sqrt(energy**2 - pz**2), x[:, 0])
    np.testing.assert_allclose(np.arctanh(pz / energy), x[:, 1] * np.log(13_000 / x[:, 0]))
    np.testing.assert_allclose([px, py], 0, atol=1e-9)
    np.testing.assert_allclose(momenta[..., 0] ** 2, np.sum(momenta[..., 1:] ** 2, axis=-1))  # massless
