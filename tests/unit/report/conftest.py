"""Folders of a run and of a comparison that never were, and a parser that says what stands in a page."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest

from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodCut, MethodResult
from hepflow.report import write_report
from hepflow.report.blocks import Picture
from hepflow.results import CutResult, Histogram, Results, SpectrumRecord, TruthCurve, Unblinding
from hepflow.studies.limits.record import RetrainedLimits
from hepflow.studies.windows.record import WindowScan
from hepflow.records import write_json

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
    closure={"auc": 0.5018, "auc_error": 0.0017, "auc_signal_region": None},
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
    smooth={
        "shape_parameters": 2,
        "tests": [{"n_shape": 2, "chi2": 19.8, "ndf": 21, "p_value": 0.53, "f_p_value": None}],
    },
    timing={"features": 0.215, "background": 24.04, "validation": 192.0},
    trials={
        "background_efficiency": 0.01,
        "z_local": 7.04,
        "p_local": 3.12e-13,
        "z": 6.87,
        "p": 1.15e-12,
        "p_error": 1.2e-13,
        "factor": 3.7,
        "extrapolated": True,
        "toys": 2000,
    },
)
NAMES = {
    Results: "results.json",
    WindowScan: "scan.json",
    Comparison: "comparison.json",
    RetrainedLimits: "limits.json",
}
CONFIG = "name: demo\nclassifier: {name: bdt, folds: 5}\n"


def method(name, title, injected, sic):
    """Return what a method found."""
    cut = MethodCut(0.01, 210.0, 150.0, 12.0, 3.1, 3.3, 4.8e-4, Estimate(sic, 0.05))
    return MethodResult(
        method=name,
        title=title,
        uses_truth=name == "idealized",
        seed=1,
        injected=injected,
        signal=250.0,
        background=14_000.0,
        auc=Estimate(0.8429, 0.0019),
        max_sic=Estimate(2 * sic, 0.18),
        cuts=(cut,),
        closure={"SB1": Estimate(0.4997, 0.0020), "SR": Estimate(0.5120, 0.0026)},
        background_efficiency=(1.0, 0.1, 0.01),
        signal_efficiency=(1.0, 0.7, 0.45),
        seconds=66.3,
    )


COMPARISON = Comparison(
    name="methods",
    config_hash="e8d46b0073f4a629",
    versions={"hepflow": "0.1.0"},
    regions={"signal": (3300.0, 3700.0), "sidebands": ((2900.0, 3300.0), (3700.0, 4500.0))},
    results=(
        method("cathode", "CATHODE", 300, 5.31),
        method("idealized", "idealized", 300, 5.24),
        replace(method("cwola", "CWoLa", 300, 5.14), problems=("0.001: no event is left",)),
    ),
    matrices=(
        Matrix(
            "correlation",
            1,
            300,
            ("cathode", "cwola"),
            ((1.0, 0.52), (0.52, 1.0)),
            ((0.0, 0.01), (0.01, 0.0)),
        ),
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


@pytest.fixture
def results():
    return RESULTS


@pytest.fixture
def blinded():
    return hidden(RESULTS)


@pytest.fixture
def unblinded():
    return replace(
        RESULTS, unblinded=(Unblinding("A. Physicist", "2026-11-20T08:00:00+00:00", "e55b178f63434c07"),)
    )


@pytest.fixture
def comparison():
    return COMPARISON


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Return the folder of a run with its report, every figure drawn."""
    folder = tmp_path_factory.mktemp("run")
    write_json(folder / "results.json", RESULTS.to_dict())
    (folder / "config.yaml").write_text(CONFIG)
    write_json(folder / "provenance.json", {"machine": "a laptop"})
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def run_report(run_folder):
    """Return the report of that folder, read."""
    return Read.of((run_folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def folders(run_folder, scan, limits, tmp_path_factory):
    """Return a folder with a report for each kind of record, every figure drawn."""
    found = {"run": run_folder}
    for record in (scan, COMPARISON, limits):
        name = NAMES[type(record)]
        found[name.removesuffix(".json")] = folder = tmp_path_factory.mktemp("reported")
        write_json(folder / name, record.to_dict())
        write_report(folder)
    return found


@pytest.fixture
def without_figures(monkeypatch):
    """Leave out the drawing: a dot stands for every figure."""

    def dot(_figure, caption, alt):
        return Picture("data:image/gif;base64,R0lGODlhAQABAAAAACw=", 1, 1, caption, alt)

    for page in ("run", "window_scan", "comparison", "retrained_limits"):
        monkeypatch.setattr(f"hepflow.report.{page}.picture", dot)


@pytest.fixture
def page_of(tmp_path, without_figures):
    """Return a function that makes a record's report, and reads it."""

    def make(record, files=()):
        write_json(tmp_path / NAMES[type(record)], record.to_dict())
        for other, text in dict(files).items():
            (tmp_path / other).write_text(text)
        return Read.of(write_report(tmp_path).read_text(encoding="utf-8"))

    return make


@dataclass
class Read(HTMLParser):
    """What stands in a page: tags with their attributes, text, headings, and the rows of its tables."""

    tags: list = field(default_factory=list)
    text: str = ""
    headings: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    html: str = ""
    _inside: str | None = None

    @classmethod
    def of(cls, html):
        page = cls(html=html)
        super(Read, page).__init__()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        self._inside = tag

    def handle_endtag(self, tag):
        if tag in ("h1", "h2", "h3", "th", "td", "style"):
            self._inside = None

    def handle_data(self, data):
        if self._inside == "style":
            return
        self.text += data
        if self._inside in ("h1", "h2", "h3"):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)
        elif self.rows and self.rows[-1] and self._inside in ("th", "td", "i", "sub"):
            self.rows[-1][-1] += data

    def all(self, tag):
        """Return the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, heading):
        """Return the cells of the first row with this heading."""
        return next(row for row in self.rows if row and row[0] == heading)
