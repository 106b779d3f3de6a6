"""Limits of a run as limits on a cross-section: which, with what numbers, and where they are shown."""

from types import SimpleNamespace

import numpy as np
import pytest

from hepflow import ConfigError, InputError, Results, Sample, plots
from hepflow.studies.search import tables
from hepflow.studies.search.captions import words
from hepflow.studies.search.cross_sections import in_femtobarn, theory_at
from hepflow.studies.search.study import STUDY
from hepflow.studies.search.text import text

GIVEN = {
    "luminosity": 100.0,
    "efficiency": 0.5,
    "resonance": False,
    "predicted": None,
    "theory": None,
    "theory_file": None,
    "mass": 3500.0,
}


def sample(events, weight):
    return Sample(np.full(events, 3500.0), np.ones((events, 1)), ("m_J1",), weight=np.full(events, weight))


def fitted(results, passing):
    return [SimpleNamespace(cut=SimpleNamespace(signal=passing)) for _ in (results.inclusive, *results.cuts)]


@pytest.mark.parametrize(
    ("changes", "signal", "passing", "events", "quantity"),
    [
        ({}, sample(10, 6.0), sample(4, 6.0), 60.0, "sigma x B x A"),
        ({"resonance": True}, sample(10, 6.0), sample(4, 6.0), 2.5, "sigma x B x A"),
        ({"resonance": True}, None, None, 1.0, "sigma x B x A x eff"),
        ({}, None, None, 1.0, "sigma x B x A x eff"),
        ({"predicted": 7.0}, sample(10, 6.0), sample(4, 6.0), 700.0, "sigma x B"),  # 7 fb
    ],
)
def test_how_many_events_strength_one_stands_for(results, changes, signal, passing, events, quantity):
    found = in_femtobarn(results, GIVEN | changes, signal, fitted(results, passing))
    assert found.cross_section.quantity == quantity
    for before, after in zip(results.cuts, found.cuts, strict=True):
        factor = events / (100 * 0.5)
        assert after.cross_section_obs == pytest.approx(before.mu_up_obs * factor)
        assert after.cross_section_exp == pytest.approx(tuple(mu * factor for mu in before.mu_up_exp))
        assert after.mu_up_obs == before.mu_up_obs
        if signal is not None:
            assert after.signal_selected == pytest.approx(0.4)
            assert after.signal_selected_error == pytest.approx(np.sqrt(0.4 * 0.6 / 10))


def test_no_signal_behind_a_peak_is_no_limit(results):
    found = in_femtobarn(
        results, GIVEN | {"resonance": True}, sample(10, 1.0), fitted(results, sample(0, 1.0))
    )
    assert {found.cuts[0].cross_section_obs, *found.cuts[0].cross_section_exp} == {None}


def test_a_run_shows_its_limits_as_cross_sections(folder, configure, inputs, forbid):
    (inputs / "theory.csv").write_text("3000,20\n4000,5\n", "utf-8")
    before = Results.from_json(folder / "results.json")
    assert before.cross_section is None
    forbid("features", "background", "scores")
    config = configure(
        "cross_section.luminosity=138", "cross_section.efficiency=0.8", "cross_section.theory=theory.csv"
    )
    STUDY.run(config, folder, until="fit")
    found = Results.from_json(folder / "results.json")
    assert found.cross_section.theory == pytest.approx(10.0)  # of 3500 GeV, logarithmically
    for one, other in zip(found.cuts, before.cuts, strict=True):
        assert one.cross_section_exp[2] == pytest.approx(other.mu_up_exp[2] * 60 / (138 * 0.8))
    assert found.inclusive.signal_selected == pytest.approx(1.0)
    told = text(found)
    assert "95 % CLs limits on sigma x B x A, fb (138 fb^-1, efficiency 0.8):" in told
    assert "theory: 10 fb at 3500 GeV (theory.csv)" in told
    table = tables.cross_sections(found)
    assert table.caption == "95% CLs upper limits on σ × B × A, fb"
    assert "Luminosity 138 fb⁻¹, efficiency 0.8. Theory: 10.00 fb at 3500 GeV, from theory.csv." in table.note
    assert len(table.rows) == 3
    assert "σ × B × A" in words("cross_sections", found)[0]
    (inputs / "theory.csv").write_text("3000,40\n4000,10\n", "utf-8")
    STUDY.run(config, folder, until="fit")
    assert Results.from_json(folder / "results.json").cross_section.theory == pytest.approx(20.0)


def test_nothing_is_shown_of_a_search_without_a_luminosity(results):
    assert "sigma x B" not in text(results)
    assert tables.cross_sections(results) is None
    with pytest.raises(InputError, match="want of a luminosity"):
        plots.cross_sections(results)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["cross_section.efficiency=0.5"], "cross_section: needs the luminosity of the data"),
        (
            ["cross_section.luminosity=138", "cross_section.efficiency=1.2"],
            "efficiency: expected .* at most 1",
        ),
        (["cross_section.luminosity=138", "inputs.luminosity=36"], "138 fb.*36; give one of them"),
        (["cross_section.luminosity=138", "cross_section.mass=3000"], "is where a theory is read"),
    ],
)
def test_what_makes_no_sense(configure, overrides, message):
    with pytest.raises(ConfigError, match=message):
        configure(*overrides)


def test_a_theory_that_does_not_reach_is_refused_before_the_run(configure, inputs, tmp_path):
    path = inputs / "light.csv"
    path.write_text("1000,20\n2000,5\n", "utf-8")
    config = configure("cross_section.luminosity=138", "cross_section.theory=light.csv")
    with pytest.raises(InputError, match=r"light.csv: no cross-section at 3500 GeV, it has 1000 to 2000"):
        STUDY.run(config, tmp_path / "run")
    assert theory_at(path, 1000) == pytest.approx(20)
    assert "light.csv" in config.to_yaml(tmp_path)


def test_the_luminosity_of_all_periods_and_a_predicted_cross_section(configure):
    signal = "{path: signal.h5, format: hepflow, cross_section: 0.002, scale: 1.5}"
    config = configure("inputs.luminosity=100", f"inputs.signal={signal}", without=("injection",))
    assert config.luminosity == 100
    assert config.inputs.predicted == pytest.approx(3.0)
    config = configure("inputs.luminosity={2017: 40, 2018: 60}")
    assert config.luminosity == 100
    assert config.inputs.predicted is None
