"""The scripts in analyses/: they run on the public API as it is, with settings small enough for a test."""

import importlib.util
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import hepflow as hf
import hepflow.demo
from hepflow.studies.comparison.record import Comparison
from hepflow.training import TrainingPlan

SCRIPTS = Path(__file__).parents[2] / "analyses"
JET = ("px", "py", "pz", "m", "tau1", "tau2", "tau3")


def imported(name):
    """Import a script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return imported("lhco_bump_hunt")


@pytest.fixture(scope="module")
def dijets():
    return imported("dijet_bump_hunt")


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory):
    """Write 8,000 background and 600 signal events in the layout of the LHC Olympics features."""
    random = np.random.default_rng(3)
    mass = np.concatenate([2400 * random.random(8_000) ** -0.2, random.normal(3500, 80, 600)])
    label = np.repeat([0, 1], [8_000, 600])
    columns = {"label": label.astype(float)}
    for jet, heavy in ((1, 500.0), (2, 100.0)):
        phi, eta = (jet - 1) * np.pi, random.normal(0, 0.1, len(mass))
        tau21 = np.where(label == 1, random.beta(3, 12, len(mass)), random.beta(8, 4, len(mass)))
        own = {
            "px": mass / 2 * np.cos(phi),
            "py": mass / 2 * np.sin(phi),
            "pz": mass / 2 * np.sinh(eta),
            "m": np.where(label == 1, random.normal(heavy, 20, len(mass)), random.gamma(2, 60, len(mass))),
            "tau1": np.full(len(mass), 0.2),
            "tau2": 0.2 * tau21,
            "tau3": 0.1 * tau21,
        }
        columns |= {f"{name}j{jet}": own[name] for name in JET}
    path = tmp_path_factory.mktemp("lhco") / "toy.h5"
    with h5py.File(path, "w") as file:
        file["events"] = np.stack(list(columns.values()), axis=1)
        file["events"].attrs["columns"] = list(columns)
    return path


def tiny():
    """Return a method and a classifier that train in seconds."""
    plan = TrainingPlan(epochs=3, batch_size=512, best_epochs=1)
    density = hf.flows.Density(plan=plan, members=1)
    return {
        "method": hf.methods.Cathode(density, oversampling=2),
        "classifier": hf.classifiers.BoostedTrees(members=1, max_iter=30),
    }


def run(script, path, out, **settings):
    data, signal = hf.inject(script.read(path, label=1), script.read(path, label=0), events=100, seed=1)
    return script.search(data, signal, out, **tiny(), **settings)


def test_lhco_bump_hunt_finds_the_toy_signal(script, toy_file, tmp_path):
    hunts = run(script, toy_file, tmp_path, efficiencies=(0.02,))
    assert list(hunts) == [1.0, 0.02]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mjj_eps0.02.pdf", "mjj_eps1.pdf"]
    assert hunts[0.02].z > max(4, hunts[1.0].z)


def test_lhco_bump_hunt_reads_both_kinds_of_file(script, shared_data, tmp_path):
    files = ("events_anomalydetection_first100k.features.h5", "lhco_first100k_nanoaod_like.root")
    hdf5, tree = (script.read(shared_data(f"lhco/{name}"), label=1) for name in files)
    assert len(hdf5) == len(tree) > 9000
    np.testing.assert_allclose(tree.features, hdf5.features, rtol=1e-4, atol=1e-4)
    assert np.all(tree.label == 1)


def test_lhco_bump_hunt_help(script):
    shown = CliRunner().invoke(script.main, ["--help"])
    assert shown.exit_code == 0
    assert "--injected" in shown.output


def test_dijet_bump_hunt_finds_the_generated_bump(dijets, tmp_path, monkeypatch):
    edges, counts = dijets.generate(seed=1, signal=300)
    found = dijets.hunt(edges, counts, masses=np.arange(3500, 4501, 250.0), toys=100, seed=1)
    excess = found.scan.global_significance
    assert excess.mass == 4000
    assert excess.z_local > 4
    assert excess.p_upcrossings < 0.01
    assert excess.p_upcrossings > excess.p_local
    assert found.scan.mu_hat[2] == pytest.approx(300, abs=4 * found.scan.mu_hat_error[2])
    low, high = found.window.window
    assert low < 4000 < high
    assert found.bias.functions == ("ua2", "modified-exponential")
    assert np.max(np.abs(found.bias.pull)) < 1
    drawn = []  # and not written, which is slow and tested elsewhere
    monkeypatch.setattr(hf.plots.Figure, "save", lambda figure, path: drawn.append(path))
    dijets.draw(edges, counts, found, tmp_path / "figures")
    assert len(set(drawn)) == 7
    assert (tmp_path / "figures").is_dir()
    text = dijets.summary(found)
    assert "largest excess of 5 masses at 4000 GeV" in text
    assert "BumpHunter: largest excess" in text


def test_dijet_bump_hunt_generates_a_spectrum_that_its_function_describes(dijets):
    edges, counts = dijets.generate(seed=2, signal=1e-9)
    fit = hf.smooth.fit_smooth(edges, counts, np.ones(len(counts), dtype=bool))
    assert counts.sum() == pytest.approx(100_000, rel=0.02)
    assert fit.p_value > 0.01


def test_dijet_bump_hunt_names_what_is_wrong_with_a_spectrum(dijets, tmp_path):
    path = tmp_path / "mjj.csv"
    path.write_text("low,high,count\n2500,2600,40\n2700,2800,20\n", encoding="utf-8")
    shown = CliRunner().invoke(dijets.main, [str(path), "--out", str(tmp_path)])
    assert shown.exit_code == 1
    assert "leaves a gap" in shown.output


@pytest.fixture(scope="module")
def methods():
    return imported("compare_methods")


def test_methods_are_compared_on_parts_of_their_own(methods, tmp_path, monkeypatch, capsys):
    """Each seed searches other background events, and its reference holds none of them."""
    demo = Path(hf.demo.__file__).parent
    files = [str(demo / f"{name}.h5") for name in ("data", "simulation", "signal")]
    quick = ["compare.methods=[cwola, idealized]", "classifier={folds: 2, ensemble: 6, max_iter: 40}"]
    quick += ["regions.validation=0", "selection.background_efficiency=[0.1]"]
    arguments = [*files, "--out", str(tmp_path), "--parts", "3", "--seeds", "1", "2"]
    monkeypatch.setattr(sys, "argv", ["compare_methods.py", *arguments, *(f"--set={one}" for one in quick)])
    methods.main()
    found = Comparison.from_json(tmp_path / "comparison.json")
    assert [(one.method, one.seed) for one in found.results] == [
        (name, seed) for seed in (1, 2) for name in ("cwola", "idealized")
    ]
    for one in found.results:
        assert not one.problems
        assert one.signal / one.background**0.5 == pytest.approx(2.2, rel=0.2)
        assert one.cuts[0].sic.value > 1
    parts = [hf.load_sample(tmp_path / f"seed-{seed}" / "data.h5") for seed in (1, 2)]
    assert not {*parts[0].mass.tolist()} & {*parts[1].mass.tolist()}
    assert "CWoLa" in capsys.readouterr().out
    assert (
        len(list((tmp_path / "figures").glob("sic_by_method_*.png"))) == 1
    )  # all seeds with the same signal


def test_changed_features(methods):
    sample = hf.Sample(
        np.array([3000.0, 4000.0]), np.array([[100.0, 0.5], [200.0, 0.6]]), ("m_J1", "tau21_J1")
    )
    shifted = methods.changed(sample, "shifted", 1)
    assert shifted.features.tolist() == [[400.0, 0.5], [600.0, 0.6]]
    noisy = methods.changed(sample, "noise", 1)
    assert noisy.features.shape == (2, 12)
    assert noisy.names[2] == "noise_0"
    assert methods.changed(sample, "none", 1) is sample


def test_subtraction_of_three_known_differences(tmp_path):
    script = imported("event_subtraction")
    options = ["--events", "2000", "--replicas", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(script.main, options, catch_exceptions=False)
    assert result.exit_code == 0
    assert {path.stem for path in tmp_path.glob("*.pdf")} == {"inverse", "z_pole", "emission"}
    for name, make in script.EXAMPLES.items():
        assert name in result.output
        one = make(2000, 1)
        assert one.truth.sum() == pytest.approx(one.both.weight.sum() - one.minus.weight.sum(), rel=1e-3)


def test_generation_with_a_toy(tmp_path, monkeypatch):
    script = imported("higgs_generation")
    monkeypatch.setattr(script, "SAMPLE", tmp_path / "none.csv")
    monkeypatch.setattr(script, "TOY_EVENTS", 2_400)
    result = CliRunner().invoke(
        script.main, ["--out", str(tmp_path / "run"), "--replicas", "3"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "learning a toy" in result.output
    found = hf.studies.GenerationRecord.from_json(tmp_path / "run" / "generation.json")
    right = found.limits.curve(0.05, training=True).limits
    assert right[0] > right[-2] >= right[-1] > 0.9 * right[-2]
    assert found.limits.curve(0.05, training=False).limits[-1] < 0.7 * right[-1]


def test_generation_without_its_file(tmp_path):
    script = imported("higgs_generation")
    result = CliRunner().invoke(script.main, ["--data", str(tmp_path / "none.csv")])
    assert result.exit_code == 1
    assert "no such file; give the CSV of HIGGS" in result.output


def test_a_search_in_dimuons(tmp_path, monkeypatch):
    script = imported("dimuon_search")
    monkeypatch.setattr(script, "BACKGROUND", 25_000)
    monkeypatch.setattr(script, "SIGNAL", 1_000)
    monkeypatch.setattr(script, "SEEN", (0.1, 0.05))
    options = ["--injected", "60", "--out", str(tmp_path)]
    result = CliRunner().invoke(script.main, options, catch_exceptions=False)
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.output.splitlines()] == ["1", "0.1", "0.05"]
    assert len(list(tmp_path.glob("m_mumu_eps*.pdf"))) == 3


def test_dimuons_of_pythia(tmp_path):
    pytest.importorskip("pythia8mc")
    script, path = imported("generate_dimuons"), tmp_path / "signal.csv"
    options = [str(path), "--signal", "--events", "60", "--seed", "5"]
    result = CliRunner().invoke(script.main, options, catch_exceptions=False)
    assert "'kept': 60" in result.output
    found = imported("dimuon_search").read(path)
    assert len(found) == 60
    assert np.median(found.mass) == pytest.approx(250, rel=0.02)
    assert np.median(found["met"]) > 60


def test_a_resonance_that_was_not_simulated_is_unfolded():
    script = imported("unfold_resonance")
    pairs = script.made(40_000, 1, slices=True).weighted(0.45)
    data = script.made(20_000, 2, share=script.SHARE)
    assert data.weight.sum() == 20_000
    assert pairs.weight.sum() == pytest.approx(18_000, rel=0.02)
    pairs_of_z = np.abs(data.truth["m_jj"] - 80.4)
    assert np.median(pairs_of_z) < 2
    name, *bins, largest, elsewhere, _ = script.resonance(pairs, data, "bayes", 3, seed=1)
    assert (name, len(bins)) == ("bayes", 5)
    assert max(float(largest), float(elsewhere)) < 3
    peak = float(bins[2].split()[0])
    assert peak == pytest.approx(np.histogram(data.generated["m_zw"], script.EDGES)[0][9], rel=0.1)


def test_posteriors_are_judged_in_slices():
    """Draws that know nothing of the event follow what was generated as a whole, and fail in a slice."""
    script = imported("unfold_resonance")
    pairs = script.made(4000, 1)
    inside = pairs.select(pairs.both)

    class Blind:
        def sample(self, seen, *, draws, seed):
            rows = np.random.default_rng(seed).integers(len(inside), size=(len(seen), draws))
            return inside.truth.features[rows]

    rows = script.slices(Blind(), pairs, draws=50, seed=1)
    shares = [float(row[1].split()[0]) for row in rows]
    assert shares == pytest.approx([100, 88, 38], abs=3)
    assert max(map(float, rows[0][2:])) < 1.5
    assert float(rows[2][2]) > 20


def test_jets_of_pythia_at_two_levels(monkeypatch):
    pytest.importorskip("pythia8mc")
    script = imported("unfold_jets")
    monkeypatch.setattr(script, "BATCH", 40)
    true, seen = script.block("simulation", 5, 30)
    assert true.shape == seen.shape == (30, 6)
    for level in (true, seen):
        inside = level[np.isfinite(level[:, 0])]
        mass, multiplicity, width, tau21, share, rho = inside.T
        assert len(inside) > 15
        assert np.all((mass > 0) & (multiplicity >= 2) & (width > 0) & (width < script.RADIUS))
        assert np.all((tau21 >= 0) & (tau21 <= 1) & (share <= 0.5) & (rho >= script.LOW_RHO) & (rho < 0))
        assert np.all((share == 0) | (share > script.Z_CUT))
    both = np.isfinite(true[:, 0] + seen[:, 0])
    assert np.corrcoef(true[both, 0], seen[both, 0])[0, 1] > 0.8


def test_jets_are_unfolded_and_drawn(tmp_path, monkeypatch):
    script = imported("unfold_jets")
    random = np.random.default_rng(1)

    def made(shift):
        true = np.round(random.normal(20 + shift, 4, (2000, 6)))
        return hf.unfolding.Pairs(*(hf.Events(x, script.NAMES, quantities=script.OBSERVABLES) for x in (
            true, true + random.normal(0, 1, true.shape))))  # fmt: skip

    pairs, data = made(0.0), made(0.5)
    drawn = []
    monkeypatch.setattr(hf.plots.Figure, "save", lambda figure, path: drawn.append(path.name))
    method = hf.unfolding.OmniFold(hf.classifiers.SmoothRatio(2), iterations=2, replicas=3)
    unfolded = method.unfold(pairs, data.reconstructed, seed=1)
    rows = script.report(unfolded, pairs, data, tmp_path, 1).splitlines()
    assert drawn == [f"{name}.pdf" for name in script.NAMES]
    assert len(rows) == 7
    simulation, found = (float(one) for one in rows[1].split()[1:3])
    assert found < simulation


def test_outliers_in_a_tail():
    """Closure without signal by the quantile alone, and a signal seen."""
    script = imported("outlier_abcd")
    still = script.search(20_000, 0, 1)
    assert still["score"].pull > 5  # it moves with the momentum
    assert abs(still["quantile"].pull) < 2.5
    assert script.search(20_000, 100, 1)["quantile"].pull > 4


def test_outliers_in_a_tail_as_a_command(monkeypatch):
    script = imported("outlier_abcd")
    region = script.Region(120, 100.0, 5.0)
    monkeypatch.setattr(script, "search", lambda events, hidden, seed: {"quantile": region})
    result = CliRunner().invoke(script.main, ["--signal", "7"], catch_exceptions=False)
    assert "7       quantile       120  100.0 +- 5.0  +1.8" in result.output
