"""Figures of scans: limits and p-values against mass, CLs against signal strength."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from hepflow import ConfigError
from hepflow.plots import brazil, cls_scan, p_scan
from hepflow.stats import CLsScan, GlobalSignificance, Scan, UpperLimit

MASS = np.arange(3000.0, 4001.0, 100.0)
BEST = 4


@pytest.fixture
def scan():
    """A bump at 3.4 TeV."""
    z = 4.2 * np.exp(-0.5 * ((MASS - MASS[BEST]) / 120) ** 2)
    median = 300 * np.exp(-(MASS - 3000) / 900)
    expected = median[:, None] * np.array([0.54, 0.72, 1.0, 1.4, 1.9])
    return Scan(
        mass=MASS,
        z=z,
        p0=norm.sf(z),
        mu_hat=z,
        mu_hat_error=np.ones(len(MASS)),
        mu_up_obs=median * (1 + 0.5 * z),
        mu_up_exp=expected,
        calculator=("asymptotic",) * 8 + ("toys",) * 3,
        unit="one signal event",
    )


@pytest.fixture
def found():
    return GlobalSignificance(
        mass=3400.0,
        z_local=4.2,
        p_local=float(norm.sf(4.2)),
        z=2.9,
        p=0.002,
        p_error=0.0014,
        max_z=np.append(np.random.default_rng(1).gumbel(1.7, 0.5, 999).clip(0, 4), 4.3),
        upcrossings=2.9,
        upcrossings_error=0.03,
        p_upcrossings=5.2e-4,
        z_upcrossings=3.3,
    )


def bands(ax):
    """Return the corners of the filled bands, outermost first."""
    return [polygon.get_paths()[0].vertices for polygon in ax.collections]


def test_limits_and_bands_are_those_of_the_scan(scan, texts):
    figure = brazil(scan)
    (ax,) = figure.canvas.axes
    median, observed, asymptotic, toys = ax.get_lines()
    assert median.get_ydata().tolist() == scan.mu_up_exp[:, 2].tolist()
    assert observed.get_ydata().tolist() == scan.mu_up_obs.tolist()
    assert asymptotic.get_xdata().tolist() == MASS[:8].tolist()
    assert toys.get_xdata().tolist() == MASS[8:].tolist()
    outer, inner = bands(ax)
    assert set(outer[:, 1]) == set(scan.mu_up_exp[:, [0, 4]].ravel())
    assert set(inner[:, 1]) == set(scan.mu_up_exp[:, [1, 3]].ravel())
    text = texts(figure)
    for expected in ("one signal event", "Observed, toys", "Observed, asymptotic", "95% CL", "[GeV]"):
        assert expected in text


def test_theory_is_drawn_beside_the_limits(scan, texts):
    figure = brazil(scan, theory=([2500, 3500, 4500], [900, 90, 9]), theory_name="Z'")
    (ax,) = figure.canvas.axes
    assert [9.0] in [line.get_ydata()[-1:].tolist() for line in ax.get_lines()]
    assert "Z'" in texts(figure)
    assert ax.get_xlim() == (3000, 4000)


@pytest.mark.parametrize("theory", [([1, 2], [1.0]), (3000, 1.0)])
def test_theory_of_two_lengths(scan, theory):
    with pytest.raises(ConfigError, match="theory: expected masses"):
        brazil(scan, theory=theory)


def test_axis_of_limits_is_logarithmic_where_needed(scan):
    assert brazil(scan).canvas.axes[0].get_yscale() == "linear"
    steep = dataclasses.replace(scan, mu_up_obs=np.geomspace(1000, 1, len(MASS)))
    assert brazil(steep).canvas.axes[0].get_yscale() == "log"


def test_masses_without_a_limit_leave_a_gap(scan, render):
    holes = np.isin(np.arange(len(MASS)), [0, 5])
    broken = dataclasses.replace(
        scan,
        mu_up_obs=np.where(holes, np.nan, scan.mu_up_obs),
        mu_up_exp=np.where(holes[:, None], np.nan, scan.mu_up_exp),
        p0=np.where(holes, np.nan, scan.p0),
        z=np.where(holes, np.nan, scan.z),
        calculator=("none", *scan.calculator[1:]),
    )
    figure = brazil(broken)
    render(figure)
    assert len(figure.canvas.axes[0].collections[0].get_paths()) == 2
    render(p_scan(broken))


def test_a_single_mass(scan, render):
    columns = {name: getattr(scan, name)[:1] for name in ("mass", "z", "p0", "mu_up_obs", "mu_up_exp")}
    one = dataclasses.replace(scan, calculator=("toys",), **columns)
    render(brazil(one))
    render(p_scan(one))


def test_a_scan_without_limits(scan):
    with pytest.raises(ConfigError, match="run it with limits=True"):
        brazil(dataclasses.replace(scan, mu_up_obs=None, mu_up_exp=None))


def test_largest_excess_is_marked(scan, found, texts):
    figure = p_scan(dataclasses.replace(scan, global_significance=found))
    (ax,) = figure.canvas.axes
    curve, *_ = ax.get_lines()
    assert curve.get_ydata().tolist() == scan.p0.tolist()
    (mark,) = [line for line in ax.get_lines() if line.get_markersize() == 8 and line.get_marker() == "o"]
    assert mark.get_xydata().tolist() == [[MASS[BEST], scan.p0[BEST]]]
    text = texts(figure)
    assert "Largest excess at 3400 GeV" in text
    assert r"1.3 \times 10^{-5}" in text
    assert r"Global $p$ = 0.0020 ± 0.0014, 2.9$\,\sigma$ (toys)" in text
    assert r"5.2 \times 10^{-4}}$, 3.3$\,\sigma$ (upcrossings)" in text
    assert r"$5\,\sigma$" in text
    assert r"$6\,\sigma$" not in text


def test_no_toy_reaches_the_excess(scan, found, texts):
    rare = dataclasses.replace(found, p=1 / 1001, z=3.09, reached=0)
    text = texts(p_scan(dataclasses.replace(scan, global_significance=rare)))
    assert r"Global $p$ < $\mathdefault{1.0 \times 10^{-3}}$, > 3.1$\,\sigma$ (toys)" in text


def test_without_global_significance_there_is_a_local_one(scan, texts):
    text = texts(p_scan(scan))
    assert "Local $p$ =" in text
    assert "Global" not in text


def test_a_p_value_of_zero_is_drawn(scan, render):
    render(p_scan(dataclasses.replace(scan, p0=np.where(np.arange(len(MASS)) == BEST, 0.0, scan.p0))))


def test_a_scan_without_p_values(scan):
    with pytest.raises(ConfigError, match="no p-value to draw"):
        p_scan(dataclasses.replace(scan, z=np.full(len(MASS), np.nan)))


@pytest.fixture
def strengths():
    """CLs of a Gaussian measurement without excess: Phi(-k - mu) / Phi(-k) at k sigma."""
    mu = np.linspace(0, 5, 51)
    values = np.stack([norm.sf(k + mu) / norm.sf(k) for k in (-0.5, 2, 1, 0, -1, -2)], axis=1)
    expected = (1.03, 1.39, 1.96, 2.74, 3.66)
    return CLsScan(mu, values, UpperLimit(2.33, expected))


def test_cls_is_drawn_with_its_limits(strengths, texts):
    figure = cls_scan(strengths)
    (ax,) = figure.canvas.axes
    median, observed, level, *marks = ax.get_lines()
    np.testing.assert_allclose(np.interp(2.0, *observed.get_xydata().T), strengths.values[20, 0], rtol=1e-3)
    np.testing.assert_allclose(np.interp(2.0, *median.get_xydata().T), strengths.values[20, 3], rtol=1e-3)
    assert level.get_ydata()[0] == pytest.approx(0.05)
    assert [mark.get_xdata()[0] for mark in marks] == [2.33, 1.96]
    text = texts(figure)
    for expected in ("95% CL", "Observed 2.33 (asymptotic)", "Expected 1.96$^{+0.78}_{-0.57}$", "0.05"):
        assert expected in text


def test_cls_from_toys_has_points_with_errors(strengths, render):
    chosen = slice(10, 41, 5)
    values = strengths.values[chosen].copy()
    values[-1, 1] = 0.0
    limit = dataclasses.replace(strengths.limit, calculator="toys", errors=(0.1,) * 6)
    toys = CLsScan(strengths.mu[chosen], values, limit, 0.1 * values)
    figure = cls_scan(toys)
    render(figure)
    (ax,) = figure.canvas.axes
    (points,) = ax.containers
    assert points[0].get_xydata().tolist() == np.stack([toys.mu, values[:, 0]], axis=1).tolist()
    assert ax.get_xlim() == (0, 4.0)
    assert ax.get_lines()[1].get_ydata()[0] == 1  # at strength zero


def test_cls_of_a_blinded_result_shows_no_observed_values(strengths, render, texts):
    values = strengths.values.copy()
    values[:, 0] = np.nan
    limit = dataclasses.replace(strengths.limit, observed=np.nan)
    for errors in (None, 0.1 * values):
        figure = cls_scan(dataclasses.replace(strengths, values=values, limit=limit, errors=errors))
        assert not any("Observed" in text for text in texts(figure))
        median = figure.canvas.axes[0].get_lines()[0]
        np.testing.assert_allclose(np.interp(2.0, *median.get_xydata().T), values[20, 3], rtol=1e-3)
        render(figure)


def test_a_limit_that_was_not_found(strengths, render):
    render(cls_scan(dataclasses.replace(strengths, limit=UpperLimit(np.nan, strengths.limit.expected))))


def test_figures_of_scans_are_the_same_each_time(scan, found, strengths, tmp_path):
    whole = dataclasses.replace(scan, global_significance=found)
    for draw, result in ((brazil, scan), (p_scan, whole), (cls_scan, strengths)):
        first, second = (
            draw(result).save(tmp_path / f"{name}.svg").read_bytes() for name in ("first", "second")
        )
        assert first == second
