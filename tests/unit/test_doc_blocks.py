"""Every code block of README and docs works as typed, on reduced settings; what cannot be run says why."""

import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot
from made_up.blocks import ROOT, blocks, run_shell
from made_up.comparison import COMPARISON
from made_up.falling import falling_results

import hepflow
from hepflow.classifiers import BoostedTrees
from hepflow.demo import config_path
from hepflow.export import signal_patches
from hepflow.features import features
from hepflow.flows import TrainingPlan
from hepflow.records import write_json
from hepflow.regions import Windows
from hepflow.spectrum import Spectrum
from hepflow.stats import gaussian_signal, read_spectrum, smooth_spectrum, workspace

BLOCKS = blocks()
RUN = [one for one in BLOCKS if one.why is None]
FIRST = next(one for one in RUN if one.text.startswith("git clone"))
PAGES = sorted({one.page for one in RUN})
NOT_RUN = 18  # blocks: those that install, submit to a farm, or need files or packages that are not here
EVERY = 8  # of the bundled events, one is read


def test_what_is_not_run_is_counted_and_says_why():
    left = [one for one in BLOCKS if one.why is not None]
    assert len(left) == NOT_RUN, Counter(one.page for one in left)
    assert all(len(one.why) > 10 for one in left)
    assert len(RUN) > 60


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Stand in a folder with what pages speak of: a finished run, a configuration, files of an experiment."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(config_path(), "search.yaml")
    text = (tmp_path / "search.yaml").read_text().replace("path: ", "path: demo:")
    text = text.replace("name: demo", "name: search")
    (tmp_path / "search.yaml").write_text(text + "scan: {sidebands: 1.0}\n")
    results = falling_results()
    folder = tmp_path / "runs" / "demo"
    (folder / "workspaces").mkdir(parents=True)
    results.write(folder / "results.json")
    shutil.copy("search.yaml", folder / "config.yaml")
    for cut in (results.inclusive, *results.cuts):
        edges, observed, expected, error = (np.array(one) for one in list(vars(cut.spectrum).values())[:4])
        windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
        spectrum = Spectrum(edges, observed, expected, windows, statistical=error, sidebands_in_fit=True)
        signal = gaussian_signal(edges, 3500, 100, events=50)
        write_json(folder / "workspaces" / f"{cut.name}.json", workspace(spectrum, signal))
    for name in ("search-comparison", "search-tuning"):
        (tmp_path / "runs" / name).mkdir()
    shutil.copy("search.yaml", "runs/search-tuning/best.yaml")
    COMPARISON.write(tmp_path / "runs" / "search-comparison" / "comparison.json")
    edges, counts = read_spectrum("demo:mjj.csv")
    with uproot.recreate("histograms.root") as file:
        file["mjj"] = counts, edges
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    spectrum, _ = smooth_spectrum(edges, counts, windows)
    points = [(mass, workspace(spectrum, gaussian_signal(edges, mass, 100))) for mass in (3400, 3500)]
    signal_patches(points).write(tmp_path)
    _write_events(tmp_path)
    yield tmp_path
    logging.getLogger("hepflow").handlers.clear()


def _write_events(folder):
    """Write files such as the LHC Olympics give, and NanoAOD."""
    events = {}
    for name, label in (("data", 0), ("signal", 1)):
        with h5py.File(config_path().with_name(f"{name}.h5")) as file:
            events[name], columns = file["events"][:], dict(file["events"].attrs)
        events[name][:, -1] = label
    for name in ("events.features.h5", "events_anomalydetection_v2.features.h5"):
        with h5py.File(folder / name, "w") as file:
            file["events"] = np.concatenate([events["data"], events["signal"]])
            file["events"].attrs.update(columns)
    random = np.random.default_rng(1)
    jets = {
        "FatJet_pt": random.uniform(500, 1500, (200, 2)),
        "FatJet_eta": random.uniform(-2, 2, (200, 2)),
        "FatJet_phi": random.uniform(-3, 3, (200, 2)),
        "FatJet_mass": random.uniform(20, 200, (200, 2)),
        "FatJet_msoftdrop": random.uniform(20, 200, (200, 2)),
        **{f"FatJet_tau{n}": random.uniform(0.1, 1, (200, 2)) for n in (1, 2, 3)},
    }
    jagged = {name: ak.Array(ak.unflatten(values.ravel(), np.full(200, 2))) for name, values in jets.items()}
    plain = {"HLT_PFJet500": random.random(200) > 0.3, "genWeight": random.normal(1.0, 0.1, 200)}
    (folder / "nano").mkdir()
    for name in ("nano/a.root", "qcd_1000.root", "qcd_1500.root"):
        with uproot.recreate(folder / name) as file:
            file["Events"] = {**jagged, **plain}
            file["Runs"] = {"genEventSumw": np.array([200.0])}


@pytest.fixture
def reduced(monkeypatch):
    """Train for one epoch, grow two small forests, and take few of the bundled events."""
    plan, trees = TrainingPlan.__init__, BoostedTrees.__init__

    def short(self, *args, **kwargs):
        plan(self, *args, **kwargs)
        object.__setattr__(self, "epochs", 1)
        object.__setattr__(self, "batch_size", min(self.batch_size, 256))

    def small(self, *args, **kwargs):
        trees(self, *args, **kwargs)
        for name, value in {"members": 2, "max_iter": 5, "min_samples_leaf": 20}.items():
            object.__setattr__(self, name, value)

    def few(source, *args, **kwargs):
        sample = features(source, *args, **kwargs)
        return sample.select(np.arange(0, len(sample), EVERY)) if len(sample) > 10_000 else sample

    monkeypatch.setattr(TrainingPlan, "__init__", short)
    monkeypatch.setattr(BoostedTrees, "__init__", small)
    monkeypatch.setattr(hepflow, "features", few)


@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")  # few events give warnings that the whole sample does not
@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_a_page(page, files, reduced):
    if page == "docs/limits-with-retraining.md":  # which inject themselves
        text = Path("search.yaml").read_text().replace("injection: {events: 250, seed: 7}\n", "")
        Path("search.yaml").write_text(text)
    if page == "docs/tutorial.md":  # which writes it
        Path("search.yaml").unlink()
    names = {"__name__": "__main__"}
    for one in RUN:
        if one.page != page or one == FIRST:
            continue
        if one.language == "python":
            exec(compile("\n" * (one.line - 1) + one.text, str(ROOT / page), "exec"), names)
        else:
            run_shell(one.text)


def test_from_a_clone_to_a_figure(files):
    """The five commands of the README; the environment that is there stands in for the install."""
    clone, environment, install, activate, fit = FIRST.text.splitlines()
    git = clone.replace("ADDRESS", str(ROOT)).split()
    subprocess.run([*git[:2], "--quiet", "--depth=1", *git[2:]], check=True, capture_output=True)
    assert environment.split()[1:] == ["-m", "venv", "hepflow/.venv"]
    assert install.split()[1:] == ["install", "--constraint", "hepflow/constraints.txt", "./hepflow"]
    assert Path("hepflow/constraints.txt").is_file()
    assert activate == ". hepflow/.venv/bin/activate"
    shutil.copy("histograms.root", "data.root")
    command = [sys.executable, "-m", *fit.split()]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": "hepflow"}, capture_output=True)
    assert Path("mjj.pdf").read_bytes().startswith(b"%PDF")
