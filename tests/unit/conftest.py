"""Records of studies that never ran, reports that are read, and figures that are laid out."""

from dataclasses import replace

import pytest
from made_up import searches
from made_up.comparison import COMPARISON
from made_up.falling import falling_results
from made_up.layout import faults
from made_up.page import Read
from made_up.results import RESULTS, hidden

from hepflow.engine.unblinding import Unblinding
from hepflow.report.blocks import Picture
from hepflow.results import Results
from hepflow.studies.comparison.record import Comparison
from hepflow.studies.generation.record import GenerationRecord
from hepflow.studies.integration.record import IntegrationRecord
from hepflow.studies.limits.record import RetrainedLimits
from hepflow.studies.show import write_report
from hepflow.studies.showers.record import ShowerRecord
from hepflow.studies.unfolding.record import UnfoldingRecord
from hepflow.studies.windows.record import WindowScan

FILES = {
    Results: "results.json",
    WindowScan: "scan.json",
    GenerationRecord: "generation.json",
    UnfoldingRecord: "unfolding.json",
    ShowerRecord: "showers.json",
    IntegrationRecord: "integration.json",
    Comparison: "comparison.json",
    RetrainedLimits: "limits.json",
}
CONFIG = "name: demo\nclassifier: {name: bdt, folds: 5}\n"


@pytest.fixture
def results():
    return RESULTS


@pytest.fixture
def blinded():
    return hidden(RESULTS)


@pytest.fixture
def unblinded():
    look = Unblinding("A. Physicist", "2026-11-20T08:00:00+00:00", "e55b178f63434c07")
    return replace(RESULTS, unblinded=(look,))


@pytest.fixture
def make_results():
    """Return `falling_results`: those of a realistic spectrum."""
    return falling_results


@pytest.fixture
def comparison():
    return COMPARISON


@pytest.fixture(scope="session")
def scan():
    return searches.scan()


@pytest.fixture(scope="session")
def blinded_scan(scan):
    return searches.blinded_scan(scan)


@pytest.fixture(scope="session")
def limits():
    return searches.limits()


@pytest.fixture(scope="session")
def blinded_limits(limits):
    return searches.blinded_limits(limits)


@pytest.fixture(scope="session")
def unset_limits(limits):
    return searches.unset_limits(limits)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Return the folder of a run with its report, every figure drawn."""
    folder = tmp_path_factory.mktemp("run")
    RESULTS.write(folder / "results.json")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "provenance.json").write_text('{"machine": "a laptop"}')
    write_report(folder)
    return folder


@pytest.fixture
def without_figures(monkeypatch):
    """Leave out the drawing: a dot stands for every figure of a report."""

    def dot(_figure, caption, alt):
        return Picture("data:image/gif;base64,R0lGODlhAQABAAAAACw=", 1, 1, caption, alt)

    for study in ("search", "windows", "comparison", "limits"):
        monkeypatch.setattr(f"hepflow.studies.{study}.page.picture", dot)


@pytest.fixture
def page_of(tmp_path, without_figures):
    """Return a function that makes a record's report, and reads it."""

    def make(record, files=()):
        record.write(tmp_path / FILES[type(record)])
        for other, text in dict(files).items():
            (tmp_path / other).write_text(text)
        return Read.of(write_report(tmp_path).read_text(encoding="utf-8"))

    return make


@pytest.fixture
def render():
    """Return a function that lays a figure out: no text leaves the page, stands on another, or on a line."""

    def lay_out(figure):
        assert not faults(figure)

    return lay_out


@pytest.fixture
def texts():
    """Return a function that collects every text in a figure: titles, legends and notes."""

    def collect(figure):
        found = []
        for ax in figure.canvas.axes:
            found += [text.get_text() for text in ax.texts] + [ax.get_xlabel(), ax.get_ylabel()]
            legend = ax.get_legend()
            if legend is not None:
                found += [text.get_text() for text in (legend.get_title(), *legend.get_texts())]
        return "\n".join(found)

    return collect
