"""Generate the bundled dijet samples: ``python analyses/generate_dijets.py --all`` remakes ``hepflow/demo``.

Pythia 8 events; the visible particles of a simple detector (`DETECTOR`); the two leading anti-kt R = 1.0
jets with their N-subjettiness. An event is kept if its leading jet has pT > 1.2 TeV and, in data and
simulation, if m_jj >= 2.8 TeV, above which the jet cut sculpts nothing. "data" is the default (Monash) tune;
"simulation" has the A14 tune and a smaller alpha_s in the shower; "signal" is W' (3.5 TeV) -> X (500 GeV)
Y (100 GeV), each to two quarks. The seed fixes the file, whatever the number of processes. Needs the extra
``generate``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import awkward as ak
import click
import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hepflow.readers.clustering import cluster

DEMO = Path(__file__).resolve().parents[1] / "hepflow" / "demo"
# Events and first seed of each.
BUNDLED = {"data": (64_000, 41_000), "simulation": (8_000, 52_000), "signal": (8_000, 63_000)}
BLOCK, BATCH = 2000, 250  # events kept with one seed, events generated in one call of Pythia
PT_MIN, MASS_MIN = 1200.0, 2800.0  # of the leading jet and of the two, GeV
BITS = 14  # significant bits of each stored number
JET = ("px", "py", "pz", "m", "tau1", "tau2", "tau3")
COLUMNS = [f"{name}j{number}" for number in (1, 2) for name in JET] + ["label"]
FATES = ("kept", "failed in Pythia", "fewer than two jets", "leading jet pT <= 1200 GeV", "m_jj < 2800 GeV")

COMMON = "Print:quiet = on; Next:numberShowEvent = 0; Random:setSeed = on; Beams:eCM = 13000."
QCD = "HardQCD:all = on; PhaseSpace:pTHatMin = 1100.; PhaseSpace:mHatMin = 2500."
WPRIME = (
    "NewGaugeBoson:ffbar2Wprime = on; 34:m0 = 3500.; 34:mWidth = 35.; 34:doForceWidth = on; "
    "34:mMin = 3000.; 34:mMax = 4000.; "
    "9000001:all = X Xbar 1 3 0 500. 5. 400. 600. 0.; 9000002:all = Y void 1 0 0 100. 1. 80. 120. 0.; "
    "9000001:isResonance = on; 9000002:isResonance = on; 9000001:oneChannel = 1 1.0 100 2 -1; "
    "9000002:oneChannel = 1 1.0 100 1 -1; 34:oneChannel = 1 1.0 100 9000001 9000002"
)
SETTINGS = {
    "data": f"{COMMON}; {QCD}",
    "simulation": f"{COMMON}; {QCD}; Tune:pp = 21; TimeShower:alphaSvalue = 0.118",
    "signal": f"{COMMON}; {WPRIME}",
}
DETECTOR = """visible particles, |eta| < 2.5, pT > 0.5 GeV, taken as massless. Resolution of pT and direction:
charged 1 % + 0.01 % pT/GeV, exact direction; photons 10 %/sqrt(E/GeV) + 1 %, centre of a cell of 0.025 in eta
and phi; neutral hadrons 50 %/sqrt(E/GeV) + 5 %, centre of a cell of 0.1. Sums are in quadrature."""


def detect(particles: ak.Array, neutral: list[int], rng: np.random.Generator) -> ak.Array:
    """Return each event's visible particles as `DETECTOR` measures them.

    Parameters
    ----------
    particles
        Pythia's event record, one list per event.
    neutral
        Absolute identities of the particles without charge.
    rng
        Source of the detector's errors.

    Returns
    -------
    ak.Array
        Fields ``pt``, ``eta``, ``phi`` and ``mass``, in GeV.
    """
    p, code = particles.p, abs(particles.id)
    pt = np.hypot(p.px, p.py)
    neutrino = (code == 12) | (code == 14) | (code == 16)
    seen = (particles.status > 0) & ~neutrino & (pt > 0.5) & (abs(p.pz) < np.sinh(2.5) * pt)
    px, py, pz, energy, pt, code = (
        ak.to_numpy(ak.flatten(values[seen])) for values in (p.px, p.py, p.pz, p.e, pt, code)
    )
    calorimeter, photon = np.isin(code, neutral), code == 22
    electromagnetic, hadronic = np.hypot(0.10 / np.sqrt(energy), 0.01), np.hypot(0.50 / np.sqrt(energy), 0.05)
    resolution = np.where(photon, electromagnetic, np.where(calorimeter, hadronic, np.hypot(0.01, 1e-4 * pt)))
    cell = np.where(photon, 0.025, 0.1)
    fields = {
        "pt": pt * np.maximum(1 + resolution * rng.standard_normal(len(pt)), 0),
        "mass": np.zeros(len(pt)),
    }
    for name, angle in (("eta", np.arcsinh(pz / pt)), ("phi", np.arctan2(py, px))):
        fields[name] = np.where(calorimeter, (np.floor(angle / cell) + 0.5) * cell, angle)
    return ak.unflatten(ak.zip(fields), ak.sum(seen, axis=1))


def tabulate(jets: ak.Array, kind: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the rounded rows (N, 15) of N events and the index into `FATES` of each."""
    two = ak.to_numpy(ak.num(jets)) >= 2
    rows = np.zeros((len(jets), len(COLUMNS)))
    for i in (0, 1):
        jet = jets[two][:, i]
        momentum = (jet.pt * np.cos(jet.phi), jet.pt * np.sin(jet.phi), jet.pt * np.sinh(jet.eta))
        rows[two, 7 * i : 7 * i + 7] = np.transpose([*momentum, jet.mass, jet.tau1, jet.tau2, jet.tau3])
    rows[:, -1] = kind == "signal"
    fraction, exponent = np.frexp(rows)
    rows = np.ldexp(np.round(fraction * 2**BITS) / 2**BITS, exponent)

    first, second = rows[:, :4], rows[:, 7:11]
    energy = np.sqrt((first**2).sum(axis=1)) + np.sqrt((second**2).sum(axis=1))
    mass_squared = energy**2 - ((first + second)[:, :3] ** 2).sum(axis=1)
    fate = np.where((kind != "signal") & (mass_squared < MASS_MIN**2), 4, 0)
    fate[np.hypot(first[:, 0], first[:, 1]) <= PT_MIN] = 3
    fate[~two] = 2
    return rows.astype(np.float32), fate


def block(kind: str, seed: int, events: int) -> tuple[NDArray[np.float32], Counter[str]]:
    """Generate with one seed until so many events are kept; return them and what became of every event."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    settings = [*SETTINGS[kind].split("; "), f"Random:seed = {seed}"]
    if not all(pythia.readString(line) for line in settings) or not pythia.init():
        raise click.ClickException(f"Pythia does not start with {settings}")
    rng = np.random.default_rng(seed)
    kept: list[NDArray[np.float32]] = []
    flow: Counter[str] = Counter()
    while flow["kept"] < events:
        batch = pythia.nextBatch(BATCH, errorMode="none")
        particles = ak.drop_none(batch, axis=0).prt
        codes = np.unique(ak.to_numpy(ak.flatten(abs(particles.id)))).tolist()
        neutral = [code for code in codes if pythia.particleData.charge(code) == 0]
        rows, fate = tabulate(cluster(detect(particles, neutral, rng)), kind)
        fates = np.ones(len(batch), dtype=np.int64)
        fates[~ak.to_numpy(ak.is_none(batch))] = fate
        missing = events - flow["kept"]
        kept.append(rows[fate == 0][:missing])
        # Count no further than the last event that the file needs.
        flow.update(FATES[i] for i in fates[np.cumsum(fates == 0) - (fates == 0) < missing])
    return np.concatenate(kept), flow


def write(path: Path, rows: NDArray[np.float32], attributes: dict[str, Any]) -> None:
    """Write the dataset ``events`` with its attributes, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    packed = {"shuffle": True, "compression": "gzip", "compression_opts": 9}
    try:
        with h5py.File(temporary, "w") as file:
            events = file.create_dataset("events", data=rows, chunks=(min(16384, len(rows)), 1), **packed)
            events.attrs.update(attributes)
        with temporary.open("rb") as finished:
            os.fsync(finished.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def generate(kind: str, events: int, seed: int, processes: int, path: Path) -> None:
    """Generate events with the seeds `seed`, `seed` + 1, ... and write them to `path`."""
    sizes = [min(BLOCK, events - start) for start in range(0, events, BLOCK)]
    rows: list[NDArray[np.float32]] = []
    flow: Counter[str] = Counter()
    with (
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
        tqdm(total=events, desc=kind, unit="event") as progress,
    ):
        for part, fates in pool.map(partial(block, kind), range(seed, seed + len(sizes)), sizes):
            rows.append(part)
            flow += fates
            progress.update(len(part))
    cutflow = json.dumps({"generated": flow.total()} | {name: flow[name] for name in FATES})
    mass_cut = "" if kind == "signal" else f", m_jj >= {MASS_MIN:.0f} GeV"
    versions = {name: version(name) for name in ("pythia8mc", "fastjet", "awkward", "numpy", "h5py")}
    attributes = {
        "columns": COLUMNS,
        "units": "GeV",
        "generator": f"Pythia {versions['pythia8mc']}, FastJet {versions['fastjet']}, {Path(__file__).name}",
        "versions": json.dumps(versions),
        "settings": "\n".join((*SETTINGS[kind].split("; "), f"Random:seed = {seed}")),
        "seed": seed,
        "seeds": f"{seed} to {seed + len(sizes) - 1}, {BLOCK} kept events each",
        "generated": flow.total(),
        "cutflow": cutflow,
        "selection": f"two jets, the leading one with pT > {PT_MIN:.0f} GeV{mass_cut}",
        "detector": DETECTOR,
        "jets": "anti-kt R = 1.0; N-subjettiness: normalised measure, beta = 1, R0 = 1.0, one-pass kt axes",
        "precision": f"{BITS} significant bits, relative error below 6.2e-5: far below the detector's",
    }
    write(path, np.concatenate(rows), attributes)
    click.echo(f"{path.name}: {path.stat().st_size} bytes, {cutflow}")


@click.command()
@click.argument("kind", type=click.Choice(sorted(SETTINGS)), required=False)
@click.option("--all", "everything", is_flag=True, help="Remake the three bundled files.")
@click.option("--events", type=click.IntRange(min=1), help="Events kept in the file.")
@click.option("--seed", type=click.IntRange(1, 890_000_000), help="First of the consecutive seeds.")
@click.option("--out", type=click.Path(path_type=Path), help="The file, or with --all the folder.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True)
def main(
    kind: str | None, everything: bool, events: int | None, seed: int | None, out: Path | None, processes: int
) -> None:
    """Generate the sample KIND with Pythia 8; what is left out is as in the bundled files."""
    if everything == bool(kind) or (everything and (events or seed)):
        raise click.UsageError("name one KIND, or give --all without --events and --seed")
    for name in [kind] if kind else sorted(BUNDLED):
        usual_events, usual_seed = BUNDLED[name]
        path = out if out and kind else (out or DEMO) / f"{name}.h5"
        generate(name, events or usual_events, seed or usual_seed, processes, path)


if __name__ == "__main__":
    main()
