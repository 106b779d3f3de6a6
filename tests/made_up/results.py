"""Results of a run whose numbers a report is to show."""

from dataclasses import replace

from hepflow.parts import ClosureRecord, OrderRecord, SmoothRecord, TrialsRecord
from hepflow.results import CutResult, Histogram, Results, SpectrumRecord, TruthCurve

EDGES = (2900.0, 3300.0, 3700.0, 4100.0)
UNCUT = CutResult(
    background_efficiency=1.0,
    threshold=None,
    n_obs=14_581.0,
    n_exp=14_561.8,
    n_exp_error=137.3,
    pull=0.1,
    z=1.776,
    p0=0.0379,
    mu_hat=0.975,
    mu_hat_error=0.552,
    mu_up_obs=1.899,
    mu_up_exp=(0.579, 0.779, 1.083, 1.511, 2.034),
    spectrum=SpectrumRecord(
        EDGES, (20_000.0, 14_581.0, 9_000.0), (19_950.0, 14_561.8, 9_020.0), (120.0, 137.3, 90.0)
    ),
    z_expected=1.75,
)
CUT = CutResult(
    background_efficiency=0.01,
    threshold=0.21,
    n_obs=245.0,
    n_exp=152.3,
    n_exp_error=57.1,
    pull=1.6,
    z=7.04,
    p0=3.12e-13,
    mu_hat=1.068,
    mu_hat_error=0.171,
    mu_up_obs=1.357,
    mu_up_exp=(0.163, 0.220, 0.308, 0.436, 0.595),
    spectrum=SpectrumRecord(
        EDGES, (190.0, 245.0, 101.0), (185.0, 152.3, 99.0), (14.0, 57.1, 11.0), (1.0, 90.0, 2.0)
    ),
    sideband_factor=1.043,
    sideband_factor_error=0.061,
    non_closure=0.36,
    non_closure_error=0.17,
    sculpting_p=0.73,
    signal_efficiency=0.48,
    true_background_efficiency=0.01,
    sic=4.79,
    z_expected=6.4,
)
RESULTS = Results(
    name="demo",
    seed=1,
    method="cathode",
    versions={"hepflow": "0.1.0", "numpy": "2.4.6"},
    config_hash="e55b178f63434c07",
    cutflow=(("events read", 64_000), ("dropped: tau1 = 0", 3), ("events kept", 63_997)),
    regions={"signal": (3300.0, 3700.0), "sidebands": ((2900.0, 3300.0), (3700.0, 4100.0))},
    counts={
        "data_signal_region": 14_581,
        "expected_background": 14_561.8,
        "expected_background_error": 137.3,
    },
    closure=ClosureRecord(0.5018, 0.0017, None),
    inclusive=UNCUT,
    cuts=(CUT,),
    features=(
        Histogram(
            (0.0, 1.0, 2.0), {"data": (30.0, 20.0), "template": (29.0, 21.0)}, "$m_{J_1}$ [GeV]", "sidebands"
        ),
    ),
    scores=Histogram(
        (-1.0, 0.0, 1.0), {"data": (90.0, 9.0), "template": (91.0, 8.0)}, "log ratio", "signal region"
    ),
    losses=({"training": (3.0, 2.5, 2.4), "validation": (3.1, 2.6, 2.5)},),
    truth=TruthCurve((1.0, 0.1, 0.01), (1.0, 0.7, 0.48), 0.83, 0.002),
    signal_unit="the injected signal, 250 events",
    smooth=SmoothRecord(2, 19.8, 21, 0.53, (OrderRecord(2, 19.8, 21, 0.53),)),
    timing={"features": 0.215, "background": 24.04, "validation": 192.0},
    trials=TrialsRecord(
        background_efficiency=0.01,
        z_local=7.04,
        p_local=3.12e-13,
        z=6.87,
        p=1.15e-12,
        p_error=1.2e-13,
        factor=3.7,
        extrapolated=True,
        toys=2000,
    ),
)


def hidden(results):
    """Return results as a blinded run gives them."""
    data = ("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs")
    truth = ("signal_efficiency", "true_background_efficiency", "sic")
    unseen = dict.fromkeys((*data, *truth))
    cuts = []
    for cut in (results.inclusive, *results.cuts):
        low, _, high = cut.spectrum.observed
        cuts.append(
            replace(cut, blind=True, spectrum=replace(cut.spectrum, observed=(low, None, high)), **unseen)
        )
    scores = replace(results.scores, where="sidebands")
    return replace(results, inclusive=cuts[0], cuts=tuple(cuts[1:]), truth=None, trials=None, scores=scores)
