"""All figures of a run: which are drawn, in which formats, the same each time, whole or not at all."""

import dataclasses
import io
import re
import zlib

import matplotlib as mpl
import pytest
from fontTools import subset
from fontTools.ttLib import TTFont
from made_up.falling import blinded_results

from hepflow import ConfigError, InputError, Results
from hepflow.plots import save_all
from hepflow.plots.limits import limits
from hepflow.studies.search.figures import figures

ALWAYS = {
    *("spectra", "spectrum_inclusive", "spectrum_eps0.1", "spectrum_eps0.01", "spectrum_eps0.001"),
    *("significance", "limits", "scores", "closure_sidebands", "closure_signal_region", "losses"),
}
MAGIC = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml"}


@pytest.fixture
def results(make_results):
    return make_results()


@pytest.fixture
def blinded(results):
    return blinded_results(results)


def small(results, **changes):
    """Return results of which few figures are drawn."""
    bare = {"features": (), "losses": (), "cuts": results.cuts[:1], "truth": None}
    return dataclasses.replace(results, **{**bare, **changes})


def names(results):
    return {name for name, _ in figures(results)}


def test_every_figure_in_every_format(results, tmp_path):
    few = small(results, cuts=(), truth=results.truth)
    written = save_all(figures(few), tmp_path / "new" / "figures", formats=("pdf", "png", "svg"))
    assert {path.name for path in written} == {f"{name}.{kind}" for name in names(few) for kind in MAGIC}
    for path in written:
        assert path.read_bytes().startswith(MAGIC[path.suffix[1:]])
        assert path.stat().st_size > 5000
    assert sorted(path.parent.iterdir()) == sorted(written)  # no temporary file is left


def test_figures_of_a_whole_run(results):
    assert names(results) == ALWAYS | {"sic", "rejection"}


def test_figures_of_a_blinded_run(blinded):
    assert names(blinded) == ALWAYS - {"closure_signal_region"}


def test_no_truth_no_truth_figures(make_results):
    assert names(make_results(truth=False, signal=False)) == ALWAYS


def test_results_from_json_draw_the_same(results, tmp_path):
    few = small(results, cuts=())
    few.write(tmp_path / "results.json")
    first = save_all(figures(few), tmp_path / "first")
    second = save_all(figures(Results.from_json(tmp_path / "results.json")), tmp_path / "second")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_users_style_neither_changes_nor_is_changed(results, tmp_path):
    few = small(results, cuts=())
    save_all(figures(few), tmp_path / "first", formats=["png"])
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "green", "savefig.dpi": 17}):
        before = dict(mpl.rcParams)
        second = save_all(figures(few), tmp_path / "second", formats=["png"])
        assert dict(mpl.rcParams) == before
    for path in second:
        assert path.read_bytes() == (tmp_path / "first" / path.name).read_bytes()


def test_pdf_has_no_date_and_fonts_that_every_reader_shows(results, tmp_path):
    content = limits(results).save(tmp_path / "limits.pdf").read_bytes()
    assert b"CreationDate" not in content
    assert b"/Type3" not in content
    assert b"FontFile3" not in content  # TrueType alone, which Fira Sans is


def test_unknown_format(results, tmp_path):
    with pytest.raises(ConfigError, match=r"no figure format 'gif'; expected one of pdf, png, svg"):
        save_all(figures(results), tmp_path / "figures", formats=["gif"])
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_made(results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder for figures"):
        save_all(figures(results), tmp_path / "file")


def test_a_failed_save_leaves_the_old_file(results, tmp_path, monkeypatch):
    (_, figure), *_ = figures(small(results))
    path = tmp_path / "spectra.png"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(figure.canvas, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figure.save(path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_folder_must_be_there_for_a_single_figure(results, tmp_path):
    (_, figure), *_ = figures(small(results))
    with pytest.raises(InputError, match="there is no folder"):
        figure.save(tmp_path / "none" / "spectra.png")


def test_figures_show_in_notebooks(results):
    (_, figure), *_ = figures(small(results))
    assert figure._repr_png_().startswith(MAGIC["png"])


def test_label_replaces_the_packages_name(results):
    for name, figure in figures(results, label="My Experiment"):
        texts = [text.get_text() for ax in figure.canvas.axes for text in ax.texts]
        assert "My Experiment" in texts, name
        assert "hepflow" not in texts, name


def test_pdf_holds_no_tables_of_how_letters_are_set(results):
    """Leaving them in took three quarters of the time of a file, and no reader looks at them."""
    before = subset.Options._drop_tables_default
    content = limits(results).encode("pdf")
    assert subset.Options._drop_tables_default is before
    streams = [
        zlib.decompressobj().decompress(one)
        for one in re.findall(rb"stream\r?\n(x.*?)endstream", content, re.S)
    ]
    fonts = [one for one in streams if one.startswith(b"\0\1\0\0")]
    assert fonts
    for font in fonts:
        tables = TTFont(io.BytesIO(font)).keys()
        assert not {"GPOS", "GSUB", "GDEF"} & set(tables)
        assert {"glyf", "hmtx"} <= set(tables)
