"""Unfold six observables of jets at once: ``python analyses/unfold_jets.py --out runs/jets``.

A study as in arXiv:1911.09107, on events of Pythia 8: a jet beside a Z that is not seen. "Data" are of the Monash
tune, the simulation is of the A14 tune with a smaller alpha_s in the shower; both are measured by the same simple
detector (`DETECTOR`). Multiple interactions, which would take most of the time, are left out. The leading anti-kt jet
(R = 0.8, pT > 200 GeV) has a mass, a multiplicity, a width and tau21, and after soft drop (z > 0.1) a momentum share
z_g and a groomed mass. OmniFold unfolds all six together, iterative Bayes one after the other; both are compared with
what was generated. Needs the extra ``generate``.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import awkward as ak
import click
import numpy as np

import hepflow as hf
from hepflow.plots.figure import WIDE, Figure, canvas, finished, header, stacked
from hepflow.plots.style import DATA, NEUTRAL, TRUTH, WIDTH, styled
from hepflow.readers.clustering import load_fastjet
from hepflow.text import aligned
from hepflow.unfolding import IterativeBayes, OmniFold, Pairs, Unfolded, UnfoldedHistogram

BATCH, BLOCK = 250, 2500  # events generated in one call of Pythia, and kept with one seed
RADIUS, PT_MIN, Z_CUT = 0.8, 200.0, 0.1  # GeV
COMMON = (
    "Print:quiet = on; Next:numberShowEvent = 0; Random:setSeed = on; Beams:eCM = 13000.; "
    "WeakBosonAndParton:qqbar2gmZg = on; WeakBosonAndParton:qg2gmZq = on; WeakZ0:gmZmode = 2; "
    "PhaseSpace:pTHatMin = 190.; PartonLevel:MPI = off; 23:onMode = off; 23:onIfAny = 12 14 16"
)
TUNES = {"data": "Tune:pp = 14", "simulation": "Tune:pp = 21; TimeShower:alphaSvalue = 0.118"}
DETECTOR = """visible particles, |eta| < 2.5, pT > 0.5 GeV; one of ten is lost; pT to 2 % if charged, else to
50 %/sqrt(pT/GeV) and 5 %; directions to 0.005 if charged, else to 0.04"""
OBSERVABLES = (
    hf.Quantity("mass", "Jet mass", "GeV"),
    hf.Quantity("multiplicity", "Particles"),
    hf.Quantity("width", "Width"),
    hf.Quantity("tau21", r"$\tau_{21}$"),
    hf.Quantity("z_g", r"$z_g$"),
    hf.Quantity("log_rho", r"Groomed $\log_{10}(m^2 / p_\mathrm{T}^2)$"),
)
NAMES = tuple(one.name for one in OBSERVABLES)
BINS = 12  # of each observable, of about equal content
LOW_RHO = -6.0  # where groomed jets without a mass stand


def visible(particles: ak.Array) -> tuple[ak.Array, ak.Array]:
    """Return pT, eta and phi of the visible particles, and whether they are charged."""
    p, code = particles.p, abs(particles.id)
    pt = np.hypot(p.px, p.py)
    neutral = (code == 22) | (code == 130) | (code == 2112) | (code == 310) | (code == 3122) | (code == 3322)
    neutrino = (code == 12) | (code == 14) | (code == 16)
    seen = (particles.status > 0) & ~neutrino & (pt > 0.5) & (abs(p.pz) < np.sinh(2.5) * pt)
    fields = {
        "pt": pt[seen],
        "eta": np.arcsinh(p.pz[seen] / pt[seen]),
        "phi": np.arctan2(p.py[seen], p.px[seen]),
    }
    return ak.zip(fields), ~neutral[seen]


def detected(particles: ak.Array, charged: ak.Array, random: np.random.Generator) -> ak.Array:
    """Return particles as `DETECTOR` measures them."""
    counts, flat = ak.num(particles), ak.flatten(particles)
    pt, charge = ak.to_numpy(flat.pt), ak.to_numpy(ak.flatten(charged))
    resolution = np.where(charge, 0.02, np.hypot(0.5 / np.sqrt(pt), 0.05))
    noise, blur = random.standard_normal((3, len(pt))), np.where(charge, 0.005, 0.04)
    fields = {
        "pt": pt * np.maximum(1 + resolution * noise[0], 0.01),
        "eta": ak.to_numpy(flat.eta) + blur * noise[1],
        "phi": ak.to_numpy(flat.phi) + blur * noise[2],
    }
    return ak.unflatten(ak.zip(fields), counts)[ak.unflatten(random.random(len(pt)) < 0.9, counts)]


def observables(particles: ak.Array) -> np.ndarray:
    """Return the six observables of the leading jet of each event, ``(N, 6)``; NaN without a jet above 200 GeV."""
    fastjet = load_fastjet()
    px, py, pz = (
        particles.pt * part for part in (np.cos(particles.phi), np.sin(particles.phi), np.sinh(particles.eta))
    )
    momenta = ak.zip({"px": px, "py": py, "pz": pz, "E": np.hypot(particles.pt, pz)}, with_name="Momentum4D")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    constituents = fastjet.ClusterSequence(momenta, definition).constituents(PT_MIN)
    sums = ak.zip({name: ak.sum(constituents[name], axis=2) for name in ("px", "py")})
    leading = ak.argsort(np.hypot(sums.px, sums.py), axis=1, ascending=False)[:, :1]
    there = ak.to_numpy(ak.num(leading)) > 0
    found = np.full((len(there), len(NAMES)), np.nan)
    if there.any():
        found[there] = _of_jets(ak.to_packed(ak.flatten(constituents[leading], axis=1)))
    return found


def _of_jets(particles: ak.Array) -> np.ndarray:
    """Return the observables (N, 6) of N jets, each a list of particles."""
    fastjet = load_fastjet()
    total = {name: ak.to_numpy(ak.sum(particles[name], axis=1)) for name in ("px", "py", "pz", "E")}
    jet_pt = np.hypot(total["px"], total["py"])
    mass = np.sqrt(np.maximum(total["E"] ** 2 - jet_pt**2 - total["pz"] ** 2, 0))
    pt = np.hypot(particles.px, particles.py)
    rapidity = np.arctanh(particles.pz / particles.E) - np.arctanh(total["pz"] / total["E"])
    away = np.arctan2(particles.py, particles.px) - np.arctan2(total["py"], total["px"])
    distance = np.hypot(rapidity, (away + np.pi) % (2 * np.pi) - np.pi)
    width = ak.to_numpy(ak.sum(pt * distance, axis=1) / ak.sum(pt, axis=1))
    again = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0))
    tau = np.asarray(
        again.njettiness(
            measure_definition="NormalizedMeasure",
            axes_definition="OnePass_KT_Axes",
            njets=[1, 2],
            beta=1.0,
            R0=RADIUS,
        )
    )
    groomed = again.exclusive_jets_softdrop_grooming(1, beta=0, symmetry_cut=Z_CUT, R0=RADIUS)
    share, groomed_mass = (ak.to_numpy(groomed[name]) for name in ("symmetrysoftdrop", "msoftdrop"))
    rho = np.maximum(groomed_mass / jet_pt, 10 ** (LOW_RHO / 2)) ** 2
    tau21 = np.divide(tau[:, 1], tau[:, 0], out=np.zeros(len(tau)), where=tau[:, 0] > 0)
    return np.column_stack(
        [mass, ak.to_numpy(ak.num(particles)), width, tau21, np.maximum(share, 0), np.log10(rho)]
    )


def block(kind: str, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Generate with one seed; return the observables as generated and as measured, of events that have either."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    settings = [*COMMON.split("; "), *TUNES[kind].split("; "), f"Random:seed = {seed}"]
    if not all(pythia.readString(line) for line in settings) or not pythia.init():
        raise click.ClickException(f"Pythia does not start with {settings}")
    random, kept, count = np.random.default_rng(seed), [], 0
    while count < number:
        true, charged = visible(ak.drop_none(pythia.nextBatch(BATCH, errorMode="none"), axis=0).prt)
        both = np.stack([observables(true), observables(detected(true, charged, random))])
        kept.append(both[:, np.isfinite(both[:, :, 0]).any(axis=0)])
        count += kept[-1].shape[1]
    levels = np.concatenate(kept, axis=1)[:, :number]
    return levels[0], levels[1]


def generate(kind: str, number: int, seed: int, processes: int) -> Pairs:
    """Return pairs of as many jets."""
    sizes = [min(BLOCK, number - start) for start in range(0, number, BLOCK)]
    work, seeds = partial(block, kind), range(seed, seed + len(sizes))
    if processes == 1 or len(sizes) == 1:
        parts = list(map(work, seeds, sizes))
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(work, seeds, sizes))
    levels = [np.concatenate(each) for each in zip(*parts, strict=True)]
    passes = [np.isfinite(level[:, 0]) for level in levels]
    return Pairs(*(hf.Events(level, NAMES, quantities=OBSERVABLES) for level in levels), *passes)


def binning(pairs: Pairs, name: str) -> np.ndarray:
    """Return edges of bins with about as many generated events each; whole particles are not divided."""
    x = pairs.generated[name]
    edges = np.quantile(x, np.linspace(0, 1, BINS + 1))
    if name == "multiplicity":
        edges = np.round(edges) + 0.5
        edges[0] = np.floor(x.min()) - 0.5
    return np.unique(edges)


def distance(found: np.ndarray, true: np.ndarray) -> float:
    """Return a thousand times the triangular discriminator of two histograms."""
    p, q = found / found.sum(), true / true.sum()
    return float(500 * np.sum((p - q) ** 2 / np.maximum(p + q, 1e-300)))


@styled
def drawn(found: UnfoldedHistogram, true: np.ndarray) -> Figure:
    """Draw what was generated, what was simulated and what was unfolded, and below both over the first."""
    figure = canvas(WIDTH, 4.4, left=WIDE)
    upper, lower = stacked(figure, (2.2, 1.0))
    edges, width = found.edges, np.diff(found.edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    scale = true.sum() / found.prior.sum()  # of shapes: the simulation has a yield of its own
    for axes, divisor in ((upper, width), (lower, np.maximum(true, 1e-300))):
        axes.stairs(true / divisor, edges, baseline=None, color=TRUTH, label="Generated in data")
        axes.stairs(
            scale * found.prior / divisor,
            edges,
            baseline=None,
            color=NEUTRAL,
            linestyle="--",
            label="Simulation",
        )
        axes.errorbar(
            middle, found.values / divisor, found.error / divisor, fmt="o", color=DATA, label="OmniFold"
        )
    upper.set_ylim(0, 1.5 * np.max(true / width))
    upper.set_ylabel(f"Jets / {found.quantity.unit or 'unit'}")
    upper.legend()
    lower.set_ylim(0.7, 1.3)
    lower.set_ylabel("Over generated", loc="center")
    lower.set_xlabel(found.quantity.axis)
    lower.set_xlim(edges[0], edges[-1])
    header(upper, "Pythia 8")
    return finished(figure)


def report(unfolded: Unfolded, pairs: Pairs, data: Pairs, out: Path, seed: int) -> str:
    """Draw every observable, and return a table of distances from what was generated, and of pulls."""
    rows = [("observable", "simulation", "OmniFold", "iterative Bayes", "RMS of pulls", "of iterative Bayes")]
    for name in NAMES:
        edges = binning(pairs, name)
        true = np.histogram(data.generated[name], edges)[0].astype(float)
        found = unfolded.histogram(edges, name)
        bayes = IterativeBayes(5).unfold(pairs, data.reconstructed, edges, of=name, seen=name, seed=seed)
        drawn(found, true).save(out / f"{name}.pdf")
        away = (distance(values, true) for values in (found.prior, found.values, bayes.values))
        pulls = (np.sqrt(np.mean(((one.values - true) / one.error) ** 2)) for one in (found, bayes))
        rows.append((name, *(f"{one:.2f}" for one in (*away, *pulls))))
    return "\n".join(aligned(rows))


@click.command()
@click.option(
    "--events", "number", default=20_000, show_default=True, help="Jets of data, and of simulation."
)
@click.option("--replicas", default=10, show_default=True, help="Bootstraps, from which errors come.")
@click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(min=1), help="Of the generation."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1, 400_000_000))
@click.option("--out", default="runs/jets", show_default=True, type=click.Path(path_type=Path))
def main(number: int, replicas: int, processes: int, seed: int, out: Path) -> None:
    """Generate jets, unfold all observables together, print how far they are from the truth, and draw them."""
    out.mkdir(parents=True, exist_ok=True)
    data, pairs = (
        generate(kind, number, start, processes)
        for kind, start in (("data", seed), ("simulation", seed + 400_000_000))
    )
    print(f"data: {data}\nsimulation: {pairs}")
    method = OmniFold(hf.classifiers.SmoothRatio(6, moments=True), replicas=replicas)
    unfolded = method.unfold(pairs, data.reconstructed, seed=seed)
    print(unfolded.text())
    print(f"A thousand times the triangular discriminator:\n{report(unfolded, pairs, data, out, seed)}")


if __name__ == "__main__":
    main()
