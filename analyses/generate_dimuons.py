"""Generate dimuons with Pythia 8 for the search in them: ``python analyses/generate_dimuons.py background.csv``.

Drell-Yan pairs above 120 GeV; with ``--signal`` a scalar of 250 GeV that decays to muons, made beside a Z that decays
to neutrinos. Of each event the two leading muons within abs(eta) < 2.4 and above 20 GeV, their isolation (transverse
momentum of other visible particles within 0.3, over that of the muon) and the missing transverse momentum. Muons are
measured to 1.5 %, each component of the missing momentum to 15 GeV. There are no multiple interactions, which would
take ten times as long. The seed fixes the file. Needs the extra ``generate``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import awkward as ak
import click
import numpy as np
from tqdm import tqdm

BATCH = 500  # events generated in one call of Pythia
RESOLUTION, NOISE = 0.015, 15.0  # of a muon, relative; of each component of the missing momentum, GeV
CONE, PT_MIN, ETA_MAX = 0.3, 20.0, 2.4
COLUMNS = ("pt1", "eta1", "phi1", "iso1", "pt2", "eta2", "phi2", "iso2", "met", "truth")
COMMON = "Print:quiet = on; Next:numberShowEvent = 0; Random:setSeed = on; Beams:eCM = 13000.; PartonLevel:MPI = off"
SETTINGS = {
    False: "WeakSingleBoson:ffbar2gmZ = on; PhaseSpace:mHatMin = 120.; 23:onMode = off; 23:onIfAny = 13",
    True: "HiggsSM:ffbar2HZ = on; 25:m0 = 250.; 25:mWidth = 0.1; 25:doForceWidth = on; 25:mMin = 249.; "
    "25:mMax = 251.; 25:onMode = off; 25:onIfMatch = 13 -13; 23:onMode = off; 23:onIfAny = 12 14 16",
}


def tabulate(particles: Any, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (K, 9) of the events with two muons, and which of them those are."""
    p, code = particles.p, abs(particles.id)
    pt = np.hypot(p.px, p.py)
    neutrino = (code == 12) | (code == 14) | (code == 16)
    final = (particles.status > 0) & ~neutrino & (pt > 0.01)
    seen = ak.zip(
        {
            "pt": pt[final],
            "eta": np.arcsinh(p.pz[final] / pt[final]),
            "phi": np.arctan2(p.py[final], p.px[final]),
            "muon": code[final] == 13,
        }
    )
    met_x, met_y = (
        -ak.to_numpy(ak.sum(seen.pt * part, axis=1)) for part in (np.cos(seen.phi), np.sin(seen.phi))
    )
    muons = seen[seen.muon & (abs(seen.eta) < ETA_MAX) & (seen.pt > PT_MIN)]
    muons = muons[ak.argsort(muons.pt, axis=1, ascending=False)]
    two = ak.to_numpy(ak.num(muons)) >= 2
    visible = seen[(abs(seen.eta) < ETA_MAX + CONE) & (seen.pt > 0.5)][two]
    columns = []
    for place in (0, 1):
        muon = muons[two][:, place]
        away = (visible.phi - muon.phi + np.pi) % (2 * np.pi) - np.pi
        near = np.hypot(visible.eta - muon.eta, away) < CONE
        around = ak.to_numpy(ak.sum(visible.pt[near], axis=1) - muon.pt)
        measured = ak.to_numpy(muon.pt) * (1 + RESOLUTION * random.standard_normal(int(two.sum())))
        isolation = np.maximum(around, 0.0) / measured
        columns += [measured, ak.to_numpy(muon.eta), ak.to_numpy(muon.phi), isolation]
    noise = NOISE * random.standard_normal((2, int(two.sum())))
    columns.append(np.hypot(met_x[two] + noise[0], met_y[two] + noise[1]))
    return np.stack(columns, axis=1), two


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--signal", is_flag=True, help="The resonance, in place of Drell-Yan pairs.")
@click.option(
    "--events", default=60_000, show_default=True, type=click.IntRange(min=1), help="Kept in the file."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1, 890_000_000))
def main(path: Path, signal: bool, events: int, seed: int) -> None:
    """Generate dimuons and write them to the CSV file PATH."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    settings = [*COMMON.split("; "), *SETTINGS[signal].split("; "), f"Random:seed = {seed}"]
    if not all(pythia.readString(line) for line in settings) or not pythia.init():
        raise click.ClickException(f"Pythia does not start with {settings}")
    random, rows, flow = np.random.default_rng(seed), [], Counter[str]()
    with tqdm(total=events, desc=path.stem, unit="event") as bar:
        while flow["kept"] < events:
            batch = ak.drop_none(pythia.nextBatch(BATCH, errorMode="none"), axis=0)
            found, two = tabulate(batch.prt, random)
            found = found[: events - flow["kept"]]
            rows.append(found)
            flow.update({"kept": len(found), "fewer than two muons": int(np.sum(~two))})
            bar.update(len(found))
    table = np.concatenate(rows)
    table = np.column_stack([table, np.full(len(table), int(signal))])
    np.savetxt(path, table, "%.7g", ",", header=",".join(COLUMNS), comments="")
    click.echo(f"{path}: {dict(flow)}")


if __name__ == "__main__":
    main()
