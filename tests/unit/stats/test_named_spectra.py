"""A spectrum in a file says what its mass is called and in which unit, and fits and scans of it say the same."""

import json

import hist
import numpy as np
import pytest
import uhi.io.json
import uproot

from hepflow import Quantity, Windows
from hepflow.errors import ConfigError, InputError
from hepflow.quantity import M_JJ
from hepflow.stats import Bins, MassScan, gaussian_family, hunt_spectrum, read_spectrum

EDGES = np.arange(200.0, 501.0, 10.0)
COUNTS = np.round(-np.diff(1e5 * (EDGES / 200) ** -5))
WINDOWS = Windows((300, 340), [(200, 300), (340, 500)])
MUMU = Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV")
ROWS = "low,high,count\n" + "".join(
    f"{low:g},{high:g},{n:g}\n" for low, high, n in zip(EDGES, EDGES[1:], COUNTS, strict=False)
)


def write(path, kind, edges=EDGES, unit="GeV"):
    if kind == "csv":
        rows = zip(edges, edges[1:], COUNTS, strict=False)
        lines = ["# resonance: m_mumu", r"# label: $m_{\mu\mu}$", f"#unit:{unit} "]
        path.write_text("\n".join([*lines, "low,high,count", *(f"{a:g},{b:g},{n:g}" for a, b, n in rows)]))
        return
    label = rf"$m_{{\mu\mu}}$ [{unit}]" if kind == "json" else f"m_{{#mu#mu}} [{unit}]"
    axis = hist.axis.Variable(edges, name="m_mumu", label=label)
    histogram = hist.Hist(axis, storage=hist.storage.Double(), data=COUNTS)
    if kind == "json":
        path.write_text(json.dumps(histogram, default=uhi.io.json.default))
    else:
        with uproot.recreate(path) as file:
            file["h"] = histogram


@pytest.mark.parametrize("kind", ["csv", "json", "root"])
def test_files_name_the_mass(tmp_path, kind):
    write(tmp_path / f"a.{kind}", kind)
    bins = read_spectrum(tmp_path / f"a.{kind}")
    assert bins.resonance == MUMU
    assert repr(bins).startswith("Bins(30 bins of m_mumu, 200-500 GeV")
    assert hunt_spectrum(bins, windows=WINDOWS).spectrum.resonance == MUMU
    template = hunt_spectrum(bins, windows=WINDOWS, background=COUNTS)
    assert template.spectrum.resonance == MUMU
    assert MassScan(bins, masses=[300], signal=gaussian_family(0.03)).resonance == MUMU
    assert bins.scaled(2).resonance == MUMU
    assert read_spectrum(hunt_spectrum(bins, windows=WINDOWS).spectrum).resonance == MUMU


@pytest.mark.parametrize("kind", ["csv", "json", "root"])
def test_masses_come_out_in_gev(tmp_path, kind):
    write(tmp_path / f"a.{kind}", kind, 1e-3 * EDGES, "TeV")
    bins = read_spectrum(tmp_path / f"a.{kind}")
    np.testing.assert_allclose(bins.edges, EDGES)
    assert np.array_equal(bins.counts, COUNTS)
    assert bins.resonance == MUMU


def test_without_a_name_it_is_m_jj(tmp_path):
    (tmp_path / "a.csv").write_text("# label: GeV, of 2018\n# unit: pb\n" + ROWS)  # of something else
    assert read_spectrum(tmp_path / "a.csv").resonance == M_JJ
    assert Bins(EDGES, COUNTS).resonance == M_JJ
    assert hunt_spectrum(EDGES, COUNTS, WINDOWS).spectrum.resonance == M_JJ
    with uproot.recreate(tmp_path / "a.root") as file:
        file["h"] = COUNTS, EDGES
    assert read_spectrum(tmp_path / "a.root").resonance == M_JJ


def test_a_title_is_for_sentences(tmp_path):
    (tmp_path / "a.csv").write_text("# resonance: m_ee\n# title: dielectron mass\n" + ROWS)
    assert read_spectrum(tmp_path / "a.csv").resonance == Quantity("m_ee", "", "GeV", "dielectron mass")


def test_a_unit_that_is_none_of_energy(tmp_path):
    (tmp_path / "a.csv").write_text("# resonance: m_ee\n# unit: fb\n" + ROWS)
    with pytest.raises(InputError, match=r"a\.csv: unit 'fb' of 'm_ee'.*expected eV, keV, MeV, GeV, TeV"):
        read_spectrum(tmp_path / "a.csv")
    with pytest.raises(ConfigError, match="unit 'fb'"):
        Bins(EDGES, COUNTS).called(Quantity("m_ee", unit="fb"))
