"""Histograms of a run hold its numbers, in ROOT and in UHI JSON alike."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import uproot

from hepflow.export import run_histograms, write_root, write_uhi
from hepflow.features import LABELS
from hepflow.results import Histogram


@pytest.fixture
def drawn(results):
    """Return results with features and scores, in sidebands and signal region."""
    series = {"data": (3.0, 4.0), "template": (2.5, 4.5)}
    features = (
        Histogram((0.0, 1.0, 2.0), series, LABELS["m_J1"], "sidebands"),
        Histogram((0.0, 1.0, 2.0), {"background": (1.0, 2.0)}, "../a $x$", "signal region"),
    )
    return replace(results, features=features)


def blinded(results):
    hidden = replace(results.cuts[0].spectrum, observed=(None, 90.0))
    return replace(results, cuts=(replace(results.cuts[0], spectrum=hidden, blind=True),))


def test_names_and_numbers(drawn):
    found = run_histograms(drawn)
    assert list(found) == [
        *("inclusive/data", "inclusive/background", "inclusive/signal"),
        *("eps0.01/data", "eps0.01/background", "eps0.01/signal"),
        *("eps0.001/data", "eps0.001/background"),
        *("features/sidebands/m_J1/data", "features/sidebands/m_J1/template"),
        "features/signal_region/a_x/background",
        "scores/signal_region/data",
    ]
    background = found["inclusive/background"]
    np.testing.assert_array_equal(background.values, (121000.4, 100.25))
    np.testing.assert_array_equal(background.variances, (11.5**2, 4.0))


def test_nothing_of_blinded_data(drawn):
    assert list(run_histograms(blinded(drawn))) == [
        *("inclusive/data", "inclusive/background", "inclusive/signal"),
        *("eps0.01/background", "eps0.01/signal"),
        *("features/sidebands/m_J1/data", "features/sidebands/m_J1/template"),
    ]


def test_root_holds_th1d_in_directories(drawn, tmp_path):
    histograms = run_histograms(drawn)
    write_root(tmp_path / "h.root", histograms)
    with uproot.open(tmp_path / "h.root") as file:
        assert sorted(file.keys(filter_classname="TH1D", cycle=False)) == sorted(histograms)
        for name, counts in histograms.items():
            values, edges = file[name].to_numpy()
            np.testing.assert_array_equal(values, counts.values)
            np.testing.assert_array_equal(edges, counts.edges)
            if counts.variances is not None:
                np.testing.assert_array_equal(file[name].variances(), counts.variances)
        assert file["inclusive/data"].axis().member("fTitle") == "m_jj [GeV]"


def test_uhi_satisfies_its_schema_and_can_be_opened(drawn, tmp_path):
    import hist

    histograms = run_histograms(drawn)
    write_uhi(tmp_path / "h.json", histograms)
    content = json.loads((tmp_path / "h.json").read_text())
    if find_spec("fastjsonschema") is not None:
        import uhi.schema

        uhi.schema.validate(content)
    made = hist.Hist(content["inclusive/background"])
    np.testing.assert_array_equal(made.values(), histograms["inclusive/background"].values)
    np.testing.assert_array_equal(made.variances(), histograms["inclusive/background"].variances)
    assert made.axes[0].label == "m_jj [GeV]"
