"""Jets whose momentum and N-subjettiness are known by hand, and 1,000 real LHC Olympics events."""

import os
import subprocess
import sys
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest

from hepflow.errors import ConfigError, HepflowError, InputError
from hepflow.readers.clustering import cluster
from hepflow.readers.hdf5 import PARTICLES, open_hdf5

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("HEPFLOW_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
FIELDS = ["pt", "eta", "phi", "mass"]


@pytest.fixture
def _fastjet():
    pytest.importorskip("fastjet", reason="FastJet is not installed (extra: generate)")


def events(*lists):
    """Make events of (pt, eta, phi) or (pt, eta, phi, mass) particles."""
    counts = np.array([len(particles) for particles in lists], dtype=int)
    rows = [(*particle, 0.0)[:4] for particles in lists for particle in particles]
    table = np.array(rows, dtype=float).reshape(-1, 4)
    return ak.unflatten(ak.zip({name: table[:, i] for i, name in enumerate(FIELDS)}), counts)


def random_events(number=20, seed=3):
    """Make two back-to-back sprays of 40 massless particles an event, 0.15 wide."""
    rng = np.random.default_rng(seed)
    axis = rng.uniform([-1.5, -np.pi], [1.5, np.pi], (number, 1, 2))
    angles = np.concatenate([axis, axis + np.array([0.0, np.pi])], axis=1)
    angles = np.repeat(angles, 40, axis=1) + 0.15 * rng.standard_normal((number, 80, 2))
    pt = rng.exponential(30.0, (number, 80)) + 0.5
    columns = {"pt": pt, "eta": angles[..., 0], "phi": angles[..., 1], "mass": np.zeros_like(pt)}
    return ak.from_regular(ak.zip(columns))


@pytest.mark.usefixtures("_fastjet")
class TestByHand:
    def test_two_back_to_back_particles_are_two_jets(self):
        jets = cluster(events([(100.0, 0.5, 0.2), (120.0, -0.5, 0.2 - np.pi, 5.0)]))[0]
        assert jets.pt.to_list() == pytest.approx([120.0, 100.0])
        assert jets.eta.to_list() == pytest.approx([-0.5, 0.5])
        assert jets.phi.to_list() == pytest.approx([0.2 - np.pi, 0.2])
        assert jets.mass.to_list() == pytest.approx([5.0, 0.0], abs=1e-4)
        for tau in ("tau1", "tau2", "tau3"):
            assert jets[tau].to_list() == pytest.approx([0.0, 0.0], abs=1e-6)

    @pytest.mark.parametrize("phi", [0.0, np.pi - 0.3])
    @pytest.mark.parametrize("radius", [1.0, 1.2])
    def test_two_equal_prongs(self, phi, radius):
        """Any axis between the prongs, 0.6 apart, gives tau1 = 0.6 / 2R, across phi = pi too."""
        jets = cluster(events([(100.0, 0.0, phi), (100.0, 0.0, phi + 0.6)]), radius=radius)
        assert ak.num(jets).to_list() == [1]
        assert jets.mass[0, 0] == pytest.approx(np.sqrt(2 * 100**2 * (1 - np.cos(0.6))))
        assert jets.pt[0, 0] == pytest.approx(200 * np.cos(0.3))
        assert jets.tau1[0, 0] == pytest.approx(0.3 / radius)
        assert jets.tau2[0, 0] == pytest.approx(0.0, abs=1e-6)

    @pytest.mark.parametrize("axes", ["KT_Axes", "OnePass_KT_Axes", "WTA_KT_Axes", "OnePass_WTA_KT_Axes"])
    def test_two_sprays_have_small_tau21_and_one_spray_does_not(self, axes):
        rng = np.random.default_rng(1)
        spread = rng.normal(0.0, 0.03, (2, 60))
        one = [(10.0, eta, phi) for eta, phi in spread.T]
        two = [(pt, eta + 0.6 * (i % 2), phi) for i, (pt, eta, phi) in enumerate(one)]
        jets = cluster(events(one, two), axes=axes)
        tau21 = (jets.tau2 / jets.tau1)[:, 0]
        assert tau21[0] > 0.5
        assert tau21[1] < 0.15
        assert ak.all(jets.tau3 <= jets.tau2)

    def test_massless_particles_agree_with_the_definition(self):
        """One kt axis is the jet itself, so tau1 follows from the particles and the jet alone."""
        particles = random_events()
        jets = cluster(particles, axes="KT_Axes", radius=1.5)
        assert ak.all(ak.num(jets) == 2)
        for event, pair in zip(particles, jets, strict=True):
            pt, eta, phi = (np.asarray(event[name]) for name in ("pt", "eta", "phi"))
            rapidity = np.arcsinh(pair.pt * np.sinh(pair.eta) / np.hypot(pair.pt, pair.mass))
            distance = [
                np.hypot(eta - y, np.arctan2(np.sin(phi - angle), np.cos(phi - angle)))
                for y, angle in zip(rapidity, pair.phi, strict=True)
            ]
            nearest = np.argmin(distance, axis=0)
            for i in (0, 1):
                inside = nearest == i
                tau1 = np.sum(pt[inside] * distance[i][inside]) / (1.5 * np.sum(pt[inside]))
                assert pair.tau1[i] == pytest.approx(tau1, rel=1e-9)

    def test_the_minimisation_lowers_tau1(self):
        particles = random_events()
        start, minimised = (cluster(particles, axes=axes) for axes in ("KT_Axes", "OnePass_KT_Axes"))
        assert ak.all(minimised.tau1 <= start.tau1 * (1 + 1e-9))
        assert ak.all(minimised.mass == start.mass)

    def test_empty_events_stay_in_their_place(self):
        pair = [(100.0, 0.0, 0.0), (90.0, 0.0, 3.0)]
        jets = cluster(events([], pair, [], [(10.0, 0.0, 0.0)], pair[:1]))
        assert ak.num(jets).to_list() == [0, 2, 0, 0, 1]
        for none in (events([], []), events()):
            empty = cluster(none)
            assert ak.num(empty).to_list() == [0] * len(none)
            assert empty.fields == [*FIELDS, "tau1", "tau2", "tau3"]

    def test_padding_is_ignored(self):
        particles = random_events()
        padded = ak.concatenate([particles, events(*[[(0.0, 0.0, 0.0)] * 30] * len(particles))], axis=1)
        assert cluster(padded).to_list() == cluster(particles).to_list()

    def test_events_do_not_know_each_other(self):
        particles = random_events()
        assert cluster(particles)[7:9].to_list() == cluster(particles[7:9]).to_list()

    def test_keep_min_pt_and_subjets(self):
        particles = events([(50.0, 0.0, 0.0), (80.0, 0.0, 2.0), (30.0, 0.0, -2.0), (15.0, 2.0, 0.0)])
        assert cluster(particles).pt.to_list() == [pytest.approx([80.0, 50.0])]
        assert cluster(particles, keep=None).pt.to_list() == [pytest.approx([80.0, 50.0, 30.0])]
        assert cluster(particles, keep=9, min_pt=10.0).pt.to_list() == [
            pytest.approx([80.0, 50.0, 30.0, 15.0])
        ]
        assert cluster(particles, subjets=(2,)).fields == [*FIELDS, "tau2"]

    @pytest.mark.parametrize(
        ("particles", "message"),
        [
            (events([(1.0, 0.0, 0.0)])[["pt", "eta"]], r"missing \['phi', 'mass'\]"),
            (events([(1.0, np.nan, 0.0), (1.0, 0.0, 0.0)]), "1 particles with an impossible eta"),
            (events([(-2.0, 0.0, 0.0)]), "impossible pt; the first is -2.0"),
            (events([(1.0, 0.0, 0.0)])[0], "two dimensions"),
        ],
    )
    def test_impossible_particles(self, particles, message):
        with pytest.raises(InputError, match=message):
            cluster(particles)

    def test_standard_output_stays_clean(self):
        code = (
            "import awkward as ak; from hepflow.readers.clustering import cluster; "
            "cluster(ak.Array([[dict(pt=50.0, eta=0.0, phi=0.0, mass=0.0)]]))"
        )
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY, check=True)
        assert run.stdout == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": 0.0}, "radius > 0"),
        ({"keep": 0}, "keep >= 1"),
        ({"min_pt": -1.0}, "min_pt >= 0"),
        ({"subjets": ()}, "whole numbers from 1"),
        ({"subjets": (0, 1)}, "whole numbers from 1"),
        ({"axes": "OnePass_KT"}, "did you mean 'OnePass_KT_Axes'"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        cluster(events([(1.0, 0.0, 0.0)]), **arguments)


def test_without_fastjet_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(HepflowError, match=r"pip install hepflow\[generate\]"):
        cluster(events([(1.0, 0.0, 0.0)]))


@pytest.fixture(scope="module")
def olympics():
    """Jets made of the particles of 1,000 real events, and the official features (1000, 15) of the same."""
    pytest.importorskip("fastjet", reason="FastJet is not installed (extra: generate)")
    raw = SHARED / "lhco" / "events_anomalydetection_tiny.h5"
    official = SHARED / "lhco" / "events_anomalydetection_first100k.features.h5"
    for path in (raw, official):
        if not path.exists():
            pytest.skip(f"{path.name} is not in {SHARED} (set HEPFLOW_SHARED_DATA)")
    ((only,),) = (chunk.values() for chunk in open_hdf5(str(raw)).stream([PARTICLES], 1000, 0, 1000))
    particles = ak.to_numpy(only).reshape(-1, 700, 3)
    with h5py.File(official) as features:
        official = features["df/block0_values"][: len(particles)].astype(np.float64)
    columns = {name: particles[..., i] for i, name in enumerate(("pt", "eta", "phi"))}
    return cluster(ak.zip({**columns, "mass": np.zeros(particles.shape[:2])}), axes="KT_Axes"), official


class TestOlympics:
    def test_momenta_are_the_official_ones(self, olympics):
        jets, official = olympics
        assert ak.all(ak.num(jets) == 2)
        energy, momentum = np.zeros((2, len(official))), np.zeros((2, len(official), 3))
        for i, columns in enumerate((official[:, :7], official[:, 7:14])):
            jet = jets[:, i]
            np.testing.assert_allclose(jet.pt, np.hypot(columns[:, 0], columns[:, 1]), rtol=1e-6)
            np.testing.assert_allclose(jet.mass, columns[:, 3], rtol=1e-6)
            momentum[i] = np.transpose(
                [jet.pt * np.cos(jet.phi), jet.pt * np.sin(jet.phi), jet.pt * np.sinh(jet.eta)]
            )
            energy[i] = np.hypot(jet.mass, np.linalg.norm(momentum[i], axis=1))
        mass = np.sqrt(energy.sum(axis=0) ** 2 - (momentum.sum(axis=0) ** 2).sum(axis=1))
        pairs = official[:, :4], official[:, 7:11]
        energy_official = sum(np.linalg.norm(pair, axis=1) for pair in pairs)
        momentum_official = np.linalg.norm(pairs[0][:, :3] + pairs[1][:, :3], axis=1)
        np.testing.assert_allclose(mass, np.sqrt(energy_official**2 - momentum_official**2), rtol=1e-6)

    def test_subjettiness_is_near_the_official_one(self, olympics):
        """The official tau_N uses the kt axes with eta for y and phi not wrapped: compare off the seam."""
        jets, official = olympics
        for i in (0, 1):
            off_seam = abs(jets.phi[:, i]) < np.pi - 1.0
            for n in (1, 2, 3):
                ratio = np.asarray(jets[f"tau{n}"][off_seam, i]) / official[off_seam, 7 * i + 3 + n]
                assert np.median(abs(ratio - 1)) < 0.01
                assert np.percentile(abs(ratio - 1), 95) < 0.08
