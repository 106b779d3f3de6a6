"""Workspaces that pyhf trips over, or reads past: the right value, or an error that says where."""

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.stats import Profile, hunt_workspace, open_workspace, opening


def modifier(kind, name, data=None):
    return {"name": name, "type": kind, "data": data}


def channel(name, background, signal=(), *, modifiers=(), signal_modifiers=()):
    samples = [{"name": "background", "data": background, "modifiers": list(modifiers)}]
    mu = modifier("normfactor", "mu")
    if signal:
        samples.append({"name": "signal", "data": signal, "modifiers": [mu, *signal_modifiers]})
    return {"name": name, "samples": samples}


def workspace(*channels, observed=None, parameters=()):
    observed = {one["name"]: one["samples"][0]["data"] for one in channels} if observed is None else observed
    return {
        "channels": list(channels),
        "observations": [{"name": name, "data": data} for name, data in observed.items()],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": list(parameters)}}],
        "version": "1.0.0",
    }


def region(modifiers=(), signal_modifiers=()):
    return channel("SR", [50.0, 60.0], [5.0, 8.0], modifiers=modifiers, signal_modifiers=signal_modifiers)


def uneven(names):
    """Two channels with a staterror, that of the second for the background alone."""
    first = channel(
        "first",
        [70.0, 80.0],
        [6.0, 2.0],
        modifiers=[modifier("staterror", names[0], [5.0, 2.0])],
        signal_modifiers=[modifier("staterror", names[0], [0.5, 0.5])],
    )
    second = channel("second", [50.0], [8.0], modifiers=[modifier("staterror", names[1], [3.0])])
    return workspace(first, second, observed={"first": [80.0, 79.0], "second": [62.0]})


def test_a_staterror_that_channels_share_unevenly_is_one_of_each():
    """pyhf asserts on the shared name; with a name for each channel it opens it. No parameter is shared."""
    with_shared, with_own = (
        hunt_workspace(uneven(names), calculator="asymptotic")
        for names in (("stat", "stat"), ("stat_first", "stat_second"))
    )
    assert with_shared.z == pytest.approx(with_own.z, rel=1e-9)
    assert with_shared.mu_up_obs == pytest.approx(with_own.mu_up_obs, rel=1e-9)
    model, _ = open_workspace(uneven(("stat", "stat")))
    assert sum("stat" in name for name in model.config.par_names) == 3


def test_an_uneven_staterror_keeps_off_the_names_there_are():
    spec = uneven(("stat", "stat"))
    spec["channels"][0]["samples"][0]["modifiers"].append(
        modifier("normsys", "stat_first", {"hi": 1.1, "lo": 0.9})
    )
    names = open_workspace(spec)[0].config.par_names
    assert {"stat_first", "stat_first_[0]", "stat_second[0]"} <= set(names)


LUMI = {"name": "lumi", "inits": [1.0], "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.9, 1.1]]}


def test_a_lumi_needs_its_numbers():
    spec = workspace(region([modifier("lumi", "lumi")]))
    with pytest.raises(
        InputError, match=r"'lumi' \(lumi\) is known: it lacks inits, auxdata, sigmas, bounds; add"
    ):
        open_workspace(spec)
    known = workspace(region([modifier("lumi", "lumi")]), parameters=[LUMI])
    assert Profile(*open_workspace(known)).mu_hat == pytest.approx(0.0, abs=1e-6)


def norm(hi, lo):
    return [modifier("normsys", "n", {"hi": hi, "lo": lo})]


def per_bin(kind, *values):
    return [modifier(kind, "b", list(values))]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            workspace(region(norm(2.0, 0.0))),
            "'background': normsys 'n' scales by lo = 0; expected a factor above",
        ),
        (workspace(region(norm(-1.0, 0.5))), "scales by hi = -1; expected"),
        (workspace(region(norm(float("nan"), 0.5))), "scales by hi = nan"),
        (
            workspace(region(norm(1.1, 0.9), [modifier("normfactor", "n")])),
            "sample 'signal': normfactor 'n' has the name of a normsys .*rename",
        ),
        (workspace(region(per_bin("staterror", 1.0))), "staterror 'b': its data have 1 bins, the sample 2"),
        (
            workspace(region(per_bin("shapesys", 1.0, -2.0))),
            r"its data have -2.0 in bin 1; expected an error",
        ),
        (
            workspace(region([modifier("histosys", "h", {"hi_data": [1.0], "lo_data": [1.0, 2.0]})])),
            "histosys 'h': hi_data have 1 bins, the sample 2",
        ),
        (workspace(region(norm(1.1, 0.9) * 2)), "modifier 'normsys n' stands twice"),
        (workspace(region(), region()), "channel 'SR' stands twice"),
        (workspace(region(), observed={"CR": [1.0]}), "channel 'SR' has no data: `observations` hold CR"),
        (workspace(region(), observed={"SR": [1.0]}), "its observation has 1 bins, its samples 2"),
        (
            workspace(region(), parameters=[{"name": "mu", "bounds": [[5.0, 1.0]]}]),
            r"bounds of 'mu' are \[5.0, 1.0\]",
        ),
        (
            workspace(region([modifier("lumi", "lumi")]), parameters=[{**LUMI, "sigmas": [0.0]}]),
            "sigmas of 'lumi' hold 0.0; expected a number above zero",
        ),
        (
            {
                **uneven(("stat", "stat")),
                "measurements": workspace(parameters=[{"name": "stat"}])["measurements"],
            },
            "sets 'stat', a staterror that channels share",
        ),
    ],
)
def test_what_is_no_model(spec, message):
    with pytest.raises(InputError, match=message):
        open_workspace(spec)


def test_a_sample_twice_is_not_lost():
    spec = workspace(region())
    spec["channels"][0]["samples"].append(spec["channels"][0]["samples"][0])
    with pytest.raises(InputError, match="channel 'SR': sample 'background' stands twice"):
        open_workspace(spec)


def test_whatever_else_pyhf_raises_is_an_error_of_the_input(monkeypatch):
    monkeypatch.setattr("pyhf.Workspace.model", lambda self: [][0])
    with pytest.raises(InputError, match="not a workspace that pyhf can open: list index out of range"):
        open_workspace(workspace(region()))


def test_a_product_of_free_factors_has_an_error_where_the_factors_have_none():
    """Each of two factors is undetermined, but a control channel of 100 events determines what they make together."""
    factors = [modifier("normfactor", name) for name in ("one", "other")]
    control = channel("CR", [100.0], modifiers=factors)
    found = hunt_workspace(workspace(region(factors), control), calculator="asymptotic")
    assert found.n_exp == pytest.approx(110.0, rel=1e-6)
    assert found.n_exp_error == pytest.approx(110.0 / np.sqrt(100.0), rel=0.02)
    assert found.problems == ()


def test_bins_that_are_too_many():
    spec = workspace(channel("SR", [50.0] * 20_001, [5.0] * 20_001))
    with pytest.raises(InputError, match="workspace: 20,001 bins; expected 20,000 at most"):
        open_workspace(spec)


def test_derivatives_that_no_memory_holds(monkeypatch):
    monkeypatch.setattr(opening, "MOST_DERIVATIVES", 9)
    shared = modifier("normsys", "scale", {"hi": 1.1, "lo": 0.9})
    open_workspace(workspace(region([shared], [shared])))  # mu and scale in two bins
    spec = workspace(region([shared, modifier("shapesys", "bins", [5.0, 2.0]), modifier("normfactor", "k")]))
    with pytest.raises(InputError, match="workspace: 5 parameters and 2 bins; expected at most 9 pairs"):
        open_workspace(spec)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        (
            region([modifier("histosys", "shift", {"hi_data": [1e300, 1.0], "lo_data": [1.0, 1.0]})]),
            "hi_data.0",
        ),
        (region([modifier("normsys", "scale", {"hi": 1e200, "lo": 0.9})]), "data.hi"),
        (channel("SR", [50.0, 60.0], [5.0, 1e160]), "channels.0.samples.1.data.1"),
    ],
)
def test_numbers_whose_squares_no_double_holds_are_refused(changed, where):
    with pytest.raises(InputError, match=rf"{where} is 1e\+\d+; expected numbers of at most 1e\+30"):
        open_workspace(workspace(changed))
    with pytest.raises(InputError, match=r"observations\.0\.data\.1 is -1e"):
        open_workspace(workspace(region(), observed={"SR": [50.0, -1e200]}))
