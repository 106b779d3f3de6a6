"""A search in dimuons: a resonance at 250 GeV in Drell-Yan events, which no spectrum shows before a cut.

    python analyses/dimuon_search.py --out runs/dimuons
    python analyses/dimuon_search.py --background background.csv --signal signal.csv --injected 60

The second searches in Pythia's events (`analyses/generate_dimuons.py`). Without files events are made here, as two
tables of muons: a falling dimuon spectrum with soft recoil and little missing energy; and a narrow resonance that is
made beside something invisible, so that the dimuon recoils.
What is searched, and what the classifier sees, are expressions of their columns. CWoLa (arXiv:1902.02634) compares
the signal region with its neighbours; arXiv:2502.14036 searches CMS dimuons around 9 GeV in this spirit.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

import hepflow as hf

MASS, RESOLUTION = 250.0, 0.015  # GeV, and relative to the mass
LOWEST, SLOPE = 120.0, 3.5  # the spectrum falls as m^-(SLOPE + 1) from there, GeV
BACKGROUND, SIGNAL = 100_000, 6_000  # events
WINDOWS = hf.Windows(signal=(240, 260), sidebands=[(130, 240), (260, 600)])  # GeV
RESONANCE = hf.Quantity(
    "m_mumu",
    r"$m_{\mu\mu}$",
    "GeV",
    "dimuon mass",
    "sqrt(2 * pt1 * pt2 * (cosh(eta1 - eta2) - cos(deltaphi(phi1, phi2))))",
)
FEATURES = (
    hf.Quantity(
        "pt_mumu",
        r"$p_{\mathrm{T}}^{\mu\mu}$",
        "GeV",
        expression="hypot(pt1 * cos(phi1) + pt2 * cos(phi2), pt1 * sin(phi1) + pt2 * sin(phi2))",
    ),
    hf.Quantity("iso", r"larger isolation", expression="max(iso1, iso2)"),
    hf.Quantity("met", r"$E_{\mathrm{T}}^{\mathrm{miss}}$", "GeV"),
)
SEEN = (0.1, 0.01, 0.003)  # background efficiencies of the cuts


def muons(mass: np.ndarray, recoil: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the muons of dimuons of these masses and transverse momenta (N,), GeV; each decays isotropically."""
    events = len(mass)
    rapidity, azimuth = random.normal(0, 1, events), random.uniform(-np.pi, np.pi, events)
    transverse = np.hypot(mass, recoil)
    boost = np.stack([recoil * np.cos(azimuth), recoil * np.sin(azimuth), transverse * np.sinh(rapidity)], 1)
    energy = transverse * np.cosh(rapidity)
    cosine, turn = random.uniform(-1, 1, events), random.uniform(-np.pi, np.pi, events)
    sine = np.sqrt(1 - cosine**2)
    at_rest = 0.5 * mass[:, None] * np.stack([sine * np.cos(turn), sine * np.sin(turn), cosine], 1)
    columns = {}
    for number, one in enumerate((at_rest, -at_rest), start=1):
        along = np.sum(boost * one, axis=1) / mass
        p = one + boost * ((along / (energy + mass)) + 0.5)[:, None]
        columns[f"pt{number}"] = np.hypot(p[:, 0], p[:, 1])
        columns[f"eta{number}"] = np.arcsinh(p[:, 2] / columns[f"pt{number}"])
        columns[f"phi{number}"] = np.arctan2(p[:, 1], p[:, 0])
    return columns


def generate(events: int, random: np.random.Generator, *, signal: bool) -> dict[str, np.ndarray]:
    """Return events as a table of columns, momenta in GeV."""
    true = np.full(events, MASS) if signal else LOWEST * random.random(events) ** (-1 / SLOPE)
    mass = true * (1 + RESOLUTION * random.normal(size=events))
    invisible = random.gamma(3.0, 40.0, events) if signal else np.zeros(events)
    soft = random.gamma(1.5, 9.0, events)
    noise = np.abs(random.normal(0, 12, events)) + random.exponential(6, events)
    table = muons(mass, np.hypot(invisible, soft), random)
    for muon in (1, 2):
        table[f"iso{muon}"] = random.gamma(1.2, 0.02, events)
    return table | {"met": np.hypot(invisible, noise), "truth": np.full(events, int(signal))}


def write(path: Path, table: dict[str, np.ndarray]) -> Path:
    """Write a table as CSV."""
    np.savetxt(path, np.stack(list(table.values()), 1), "%.9g", ",", header=",".join(table), comments="")
    return path


def read(*paths: Path) -> hf.Sample:
    """Return the events of tables with what is searched and what the classifier sees."""
    source = hf.read(paths, format="table", label_branch="truth", selection="pt1 > 20 and pt2 > 20")
    return hf.features(source, FEATURES, resonance=RESONANCE)


def search(data: hf.Sample, signal: hf.Sample, out: Path, *, seed: int) -> dict[float, hf.stats.BumpHunt]:
    """Return the bump hunt of each selection by its background efficiency, and draw its spectrum into `out`."""
    method = hf.methods.Cwola(width=40.0, bin_width=5.0)
    classifier = hf.classifiers.BoostedTrees(members=3)
    background = method.fit(data, WINDOWS, seed=seed)
    scores = hf.score(classifier, data, background, signal=signal, seed=seed)
    hunts = {}
    selections = hf.cuts(scores, SEEN, bin_width=5.0)
    for cut in [hf.inclusive(data, background, signal, bin_width=5.0), *selections]:
        template = hf.stats.SignalTemplate.of(cut.signal, cut.spectrum.edges) if cut.signal_passes else None
        hunt = hf.stats.bump_hunt(cut.spectrum, template)
        hf.plots.spectrum(hunt).save(out / f"m_mumu_eps{cut.background_efficiency:g}.pdf")
        hunts[cut.background_efficiency] = hunt
    return hunts


@click.command()
@click.option("--injected", default=80, show_default=True, help="Signal events to hide in the data.")
@click.option("--seed", default=1, show_default=True, help="Seed of the events and of every training.")
@click.option("--out", default="runs/dimuons", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--background", type=click.Path(exists=True, path_type=Path), multiple=True, help="Tables of dimuons."
)
@click.option("--signal", type=click.Path(exists=True, path_type=Path), help="The same of the resonance.")
def main(injected: int, seed: int, out: Path, background: tuple[Path, ...], signal: Path | None) -> None:
    """Hide a resonance in dimuons, and search for it."""
    if bool(background) != bool(signal):
        raise click.UsageError("--background and --signal stand together")
    out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    if signal is None:
        background = (write(out / "background.csv", generate(BACKGROUND, random, signal=False)),)
        signal = write(out / "signal.csv", generate(SIGNAL, random, signal=True))
    continuum, resonance = read(*background), read(signal)
    data, rest = hf.inject(resonance, into=continuum, events=injected, seed=seed)
    for efficiency, hunt in search(data, rest, out, seed=seed).items():
        print(f"eps_B {efficiency:<6g} {hunt}")


if __name__ == "__main__":
    main()
