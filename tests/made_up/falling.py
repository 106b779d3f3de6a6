"""Results of a run that never was: a falling spectrum with a bump, behind no cut and three."""

import math
from dataclasses import replace

import numpy as np
from scipy import stats

from hepflow import Windows
from hepflow.features import LABELS
from hepflow.parts import ClosureRecord, SmoothRecord
from hepflow.results import CutResult, Histogram, Results, SpectrumRecord, TruthCurve

WINDOWS = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
EFFICIENCIES = {1.0: 1.0, 0.1: 0.75, 0.01: 0.48, 0.001: 0.21}  # of background: of signal
SIGNAL = 450.0


def falling_results(seed=3, truth=True, signal=True, width=50.0, efficiencies=EFFICIENCIES, scale=1.0):
    """Return realistic results, of `scale` times the events of the LHC Olympics."""
    rng = np.random.default_rng(seed)
    edges = WINDOWS.edges(width)
    cuts = [_cut(rng, edges, eps, eps_s, scale, signal, truth) for eps, eps_s in efficiencies.items()]
    inside = int(cuts[0].n_obs)
    return Results(
        name="lhco",
        seed=1,
        method="cathode",
        versions={"hepflow": "0.1.0"},
        config_hash="0" * 16,
        cutflow=(("events read", 1_000_000), ("events kept", 412_345)),
        regions={"signal": WINDOWS.signal, "sidebands": WINDOWS.sidebands},
        counts={"data_signal_region": inside},
        closure=ClosureRecord(0.502, 0.003, None),
        inclusive=cuts[0],
        cuts=tuple(cuts[1:]),
        features=_features(rng, "sidebands", "data", 300_000)
        + _features(rng, "signal region", "background", 90_000),
        scores=_scores(rng, inside, signal),
        losses=tuple(_losses(rng) for _ in range(3)),
        truth=_truth() if truth else None,
        signal_unit="the injected signal, 450 events"
        if signal
        else "one signal event in the signal region behind the cut",
        smooth=SmoothRecord(2, 19.8, 21, 0.53, ()),
        timing={"background": 100.0},
    )


def _cut(rng, edges, eps_b, eps_s, scale, signal, truth):
    centres = 0.5 * (edges[1:] + edges[:-1])
    shape = (1 - centres / 13_000) ** 9 / (centres / 13_000) ** 5.5
    expected = scale * eps_b * 410_000 * shape / shape.sum()
    inside = WINDOWS.in_signal(centres)
    bump = np.exp(-0.5 * ((centres - 3480) / 95) ** 2) + 0.15 * np.exp(-0.5 * ((centres - 3250) / 200) ** 2)
    bump *= SIGNAL * eps_s / bump.sum()
    observed = rng.poisson(expected + scale * bump).astype(float)
    relative = 0.004 if eps_b == 1 else 0.01 / math.sqrt(eps_b)
    error = relative * expected
    n_obs, n_exp = float(observed[inside].sum()), float(expected[inside].sum())
    n_err = relative * n_exp
    signal_inside = float(bump[inside].sum())
    sigma = math.sqrt(n_exp + n_err**2)
    z = (n_obs - n_exp) / sigma
    mu, mu_error = (n_obs - n_exp) / signal_inside, sigma / signal_inside
    limit = 1.96 * mu_error
    return CutResult(
        background_efficiency=eps_b,
        threshold=None if eps_b == 1 else -0.9 * math.log10(eps_b) - 0.4,
        n_obs=n_obs,
        n_exp=n_exp,
        n_exp_error=n_err,
        pull=z,
        z=max(z, 0.0),
        p0=0.5 * math.erfc(max(z, 0.0) / math.sqrt(2)),
        mu_hat=mu,
        mu_hat_error=mu_error,
        mu_up_obs=limit + max(mu, 0.0),
        mu_up_exp=tuple(limit * factor for factor in (0.54, 0.72, 1.0, 1.4, 1.9)),
        spectrum=SpectrumRecord(
            tuple(edges), tuple(observed), tuple(expected), tuple(error), tuple(bump) if signal else None
        ),
        sideband_factor=None if eps_b == 1 else 1.01,
        signal_efficiency=eps_s if truth else None,
        true_background_efficiency=eps_b if truth else None,
        sic=eps_s / math.sqrt(eps_b) if truth else None,
        z_expected=signal_inside / sigma if signal else None,
    )


def blinded_results(results):
    """Return results as a blinded run gives them."""
    hidden = dict.fromkeys(
        ("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs", "signal_efficiency")
    )
    cuts = []
    for cut in results.cuts:
        edges = np.array(cut.spectrum.edges)
        inside = WINDOWS.in_signal(0.5 * (edges[1:] + edges[:-1]))
        shown = tuple(None if hide else n for hide, n in zip(inside, cut.spectrum.observed, strict=True))
        spectrum = replace(cut.spectrum, observed=shown)
        cuts.append(
            replace(cut, spectrum=spectrum, blind=True, sic=None, true_background_efficiency=None, **hidden)
        )
    return replace(
        results,
        inclusive=replace(
            results.inclusive, sic=None, signal_efficiency=None, true_background_efficiency=None
        ),
        cuts=tuple(cuts),
        truth=None,
        features=tuple(one for one in results.features if one.where == "sidebands"),
        scores=replace(results.scores, where="sidebands"),
    )


def _features(rng, where, observed, events):
    shapes = {
        "m_J1": lambda n: rng.gamma(3.0, 40.0, n),
        "dm_J": lambda n: rng.gamma(1.6, 110.0, n),
        "tau21_J1": lambda n: rng.beta(5, 3, n),
        "tau21_J2": lambda n: rng.beta(6, 3, n),
    }
    histograms = []
    for name, draw in shapes.items():
        values, template = draw(events), draw(4 * events)
        edges = np.linspace(*np.quantile(values, [0.0005, 0.9995]), 41)
        series = {
            observed: tuple(map(float, np.histogram(values, edges)[0])),
            "template": tuple(map(float, np.histogram(template, edges)[0] / 4)),
        }
        found = np.array(series[observed]), np.array(series["template"])
        error = np.sqrt(found[1] / 4)
        chi2 = float(np.sum((found[0] - found[1]) ** 2 / (found[1] + error**2 + 1e-9)))
        tested = {"chi2": chi2, "ndf": 39, "p_value": float(stats.chi2.sf(chi2, 39))}
        error = tuple(map(float, error))
        histograms.append(Histogram(tuple(map(float, edges)), series, LABELS[name], where, error, **tested))
    return tuple(histograms)


def _scores(rng, events, signal):
    edges = np.linspace(-1.2, 3.6, 41)
    template = np.histogram(rng.gumbel(-0.2, 0.35, 4 * events), edges)[0] / 4
    bump = np.histogram(rng.normal(1.6, 0.8, 4000), edges)[0] * (SIGNAL / 4000)
    series = {
        "data": tuple(map(float, rng.poisson(template + bump))),
        "template": tuple(map(float, template)),
    }
    if signal:
        series["signal"] = tuple(map(float, bump))
    return Histogram(tuple(map(float, edges)), series, "log density ratio, data to template", "signal region")


def _losses(rng):
    epochs = np.arange(60)
    training = 2.4 + 0.9 * np.exp(-epochs / 8) + rng.normal(0, 0.005, 60)
    validation = 2.43 + 0.85 * np.exp(-epochs / 7) + 0.0004 * epochs + rng.normal(0, 0.008, 60)
    return {"training": tuple(map(float, training)), "validation": tuple(map(float, validation))}


def _truth():
    background = np.geomspace(1, 1e-5, 200)
    signal = np.exp(-0.19 * (-np.log(background)) ** 1.05) * np.clip(background / 2e-5, 0.2, 1) ** 0.2
    return TruthCurve(tuple(map(float, background)), tuple(map(float, signal)), 0.945, 25 / 90_000)
