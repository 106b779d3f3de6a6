"""A resonance has a name of its own, and whatever shows a result shows that."""

from dataclasses import replace

import numpy as np
import pytest
from made_up.falling import falling_results
from matplotlib.text import Text

from hepflow import Quantity, Sample, Spectrum, Windows, verdicts
from hepflow.errors import ConfigError
from hepflow.export.histograms import run_histograms
from hepflow.features import LABELS
from hepflow.plots import smooth_fits, spectrum
from hepflow.quantity import M_JJ, of_axis
from hepflow.report.page import render
from hepflow.results import Results
from hepflow.selection.overlap import check_no_overlap
from hepflow.smooth import fit_smooth
from hepflow.studies.search.figures import figures
from hepflow.studies.search.page import page

MUMU = Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV", "dimuon mass")
OF_DIJETS = ("m_jj", "m_{jj}", "ijet mass", r"m\_jj")


def named(results, resonance=MUMU):
    """Return results of another resonance."""
    inclusive, *cuts = (
        replace(cut, spectrum=replace(cut.spectrum, resonance=resonance))
        for cut in (results.inclusive, *results.cuts)
    )
    judged = (verdicts.sculpting(1e-6, 0.01, resonance.name),)
    return replace(results, inclusive=inclusive, cuts=tuple(cuts), resonance=resonance, verdicts=judged)


def texts(figure):
    return [one.get_text() for one in figure.canvas.findobj(Text)]


def none_of_dijets(*shown):
    return not [word for text in shown for word in OF_DIJETS if word in text]


def test_a_quantity_is_called_by_its_name_label_and_unit():
    assert (MUMU.axis, MUMU.plain, MUMU.math) == (r"$m_{\mu\mu}$ [GeV]", "m_mumu [GeV]", r"m_{\mu\mu}")
    assert (MUMU.words, MUMU.heading) == ("dimuon mass", "Dimuon mass")
    bare = Quantity("m_x")
    assert (bare.axis, bare.words, bare.heading, bare.math) == ("m_x", "m_x", "m_x", r"\mathrm{m\_x}")


def test_a_record_keeps_the_name(tmp_path):
    named(falling_results()).write(tmp_path / "results.json")
    results = Results.from_json(tmp_path / "results.json")
    assert results.resonance == results.cuts[0].spectrum.resonance == MUMU
    old = falling_results().to_dict()
    del old["resonance"], old["inclusive"]["spectrum"]["resonance"]
    assert old["cuts"][0]["spectrum"]["resonance"]["name"] == "m_jj"


def test_report_and_figures_say_it(tmp_path):
    results = named(falling_results())
    results.write(tmp_path / "results.json")
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    html = render(page(tmp_path))
    assert none_of_dijets(html)
    assert "Dimuon mass" in html
    assert r"m_{\mu\mu}" in html  # the paragraph for a paper
    for name, figure in figures(replace(results, verdicts=())):
        assert none_of_dijets(*texts(figure)), name
        if name.startswith("spectr"):
            assert MUMU.axis in texts(figure)


def test_exports_say_it():
    found = run_histograms(named(falling_results()))
    assert found["inclusive/data"].label == "m_mumu [GeV]"
    assert none_of_dijets(*(one.label for one in found.values()))


def test_tables_for_hepdata_say_it():
    pytest.importorskip("hepdata_lib")
    from hepflow.export.hepdata import run_tables

    tables = run_tables(named(falling_results()))
    said = [text for table in tables for text in (table.name, table.description)]
    said += [variable.name for table in tables for variable in table.variables]
    assert none_of_dijets(*said)
    assert "Dimuon mass" in said


def test_a_spectrum_says_it():
    windows = Windows((100, 120), [(60, 100), (120, 160)])
    events = np.array([40.0, 20.0, 5.0, 4.0, 3.0])
    one = Spectrum(np.array([60.0, 80, 100, 120, 140, 160]), events, events, windows, resonance=MUMU)
    assert one.to_hist().axes[0].name == "m_mumu"
    assert one.to_hist().axes[0].label == MUMU.axis
    assert "m_mumu" in repr(one)
    assert MUMU.axis in texts(spectrum(one))
    fit = fit_smooth(one.edges, 100 * events, np.ones(5, dtype=bool))
    assert MUMU.axis in texts(smooth_fits(one.edges, 100 * events, [fit], resonance=MUMU))


def test_a_sample_says_it():
    sample = Sample([91.2, 88.0], [[1.0], [2.0]], ["iso"], resonance=MUMU)
    assert repr(sample) == "Sample(2 events, m_mumu 88-91.2 GeV, features iso)"
    assert sample["m_mumu"].tolist() == [91.2, 88.0]
    assert sample.to_numpy().dtype.names == ("m_mumu", "iso", "weight")
    assert sample.select([0]).alike(np.ones(1), np.ones((1, 1))).resonance == MUMU
    with pytest.raises(ConfigError, match="no column 'm_jj' in this sample"):
        sample["m_jj"]
    with pytest.raises(ConfigError, match="resonant variable 'm_jj' differs from 'm_mumu'"):
        Sample.concat([sample, Sample([1.0], [[1.0]], ["iso"])])
    with pytest.raises(Exception, match="m_mumu 88 GeV"):
        check_no_overlap(sample, sample[1:])


def test_a_sample_is_in_gev():
    with pytest.raises(ConfigError, match=r"'m_x' is in TeV; expected GeV.*mass \* 1000"):
        Sample([1.0], [[1.0]], ["iso"], resonance=Quantity("m_x", unit="TeV"))
    with pytest.raises(ConfigError, match=r"unit 'm' of 'm_x'.*expected eV, keV, MeV, GeV, TeV"):
        Quantity("m_x", unit="m").in_gev()
    sample = Sample.of({"m_x": np.array([1.5]), "iso": np.array([0.0])}, mass=Quantity("m_x", unit="TeV"))
    assert (sample.mass.tolist(), sample.resonance) == ([1500.0], Quantity("m_x", unit="GeV"))


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("", "", M_JJ),
        ("xaxis", "Axis 0", M_JJ),
        ("m_jj", "m_jj", M_JJ),
        ("", "$m_{jj}$ [GeV]", M_JJ),
        ("m_mumu", r"$m_{\mu\mu}$ [GeV]", Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV")),
        ("xaxis", "m_mumu [GeV]", Quantity("m_mumu", "", "GeV")),
        ("m", "m", Quantity("m", "", "GeV")),
        ("xaxis", "m_{#mu#mu} (TeV)", Quantity("m_mumu", r"$m_{\mu\mu}$", "TeV")),
        ("", "#it{m}_{ee} [MeV]", Quantity("m_ee", r"$\mathit{m}_{ee}$", "MeV")),
        ("", "Dimuon mass (GeV/c^{2})", Quantity("Dimuon_mass", "Dimuon mass", "GeV")),
        ("", "m [corrected]", Quantity("m_corrected", "m [corrected]", "GeV")),
    ],
)
def test_what_an_axis_is_called(name, label, expected):
    assert of_axis(name, label) == expected


def test_a_label_that_is_no_latex_stands_as_it_was_written(tmp_path):
    windows = Windows((100, 120), [(60, 100), (120, 160)])
    events = np.array([40.0, 20.0, 5.0, 4.0, 3.0])
    wrong = Quantity("m", r"$m_{\foo}$", "GeV")
    one = Spectrum(np.array([60.0, 80, 100, 120, 140, 160]), events, events, windows, resonance=wrong)
    figure = spectrum(one)
    assert r"m_{\foo}" in figure.save(tmp_path / "a.svg").read_text()
    assert not next(text for text in figure.canvas.findobj(Text) if "foo" in text.get_text()).get_parse_math()


def test_what_is_called_by_default():
    assert (
        Sample([1.0], [[1.0]], ["iso"]).resonance.axis == LABELS["m_jj"] == falling_results().resonance.axis
    )
