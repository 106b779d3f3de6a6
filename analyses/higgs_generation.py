"""Events from flows in an analysis: the HIGGS study of arXiv:2310.08994, with the error that the training leaves.

    python analyses/higgs_generation.py --out runs/higgs
    python analyses/higgs_generation.py --data HIGGS.csv --out runs/higgs

Background events of the HIGGS data set (UCI, arXiv:1402.4735) are learned in 18 continuous columns, as in the paper:
the b-tags, which have three values, and the azimuths, which are uniform, are left out. A signal is searched for in
m_bb, at 5 % of the background, known to 5, 10 and 20 %. The paper gives generated events the error of their number
alone; here the limit holds what the training leaves, and stops falling once there are about as many events as were
learned from.
Without `--data` and without `../shared/data/higgs/higgs_sample.csv` a toy with such columns is learned.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import yaml

from hepflow.config import load_generation
from hepflow.errors import HepflowError
from hepflow.studies import study

SAMPLE = Path(__file__).parents[1] / "shared" / "data" / "higgs" / "higgs_sample.csv"
JETS = [f"jet_{jet}_{what}" for jet in range(1, 5) for what in ("pt", "eta")]
MASSES = ["m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb"]
HIGGS = ["lepton_pT", "lepton_eta", "missing_energy_magnitude", *JETS, *MASSES]
TOY = ["pt", "eta", "m_lv", "m_bb"]
TOY_EVENTS = 12_000


def toy(path: Path, seed: int) -> None:
    """Write events with a skewed, a bounded, a sharply peaked column and a mass; half of them are signal."""
    random = np.random.default_rng(seed)
    signal = random.random(TOY_EVENTS) < 0.5
    pt = random.gamma(2.0, 0.5, TOY_EVENTS)
    eta = 2.5 * np.tanh(0.4 * random.normal(size=TOY_EVENTS))
    lepton = 1 + 0.02 * random.standard_t(3, TOY_EVENTS)
    wide = 0.4 + random.gamma(1.5, 0.4, TOY_EVENTS) + 0.2 * pt
    mass = np.where(signal, random.normal(1.0, 0.12, TOY_EVENTS), wide)
    table = np.column_stack([pt, eta, lepton, mass, signal])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, table, delimiter=",", header=",".join([*TOY, "label"]), comments="")


def settings(data: Path, columns: list[str], seed: int, replicas: int) -> dict:
    """Return the configuration of the study."""
    both = {"path": str(data.resolve()), "format": "table", "label_branch": "label"}
    return {
        "task": "generate",
        "name": "higgs-generation",
        "seed": seed,
        "inputs": {"training": {**both, "label": 0}, "signal": {**both, "label": 1}},
        "columns": columns,
        "held_out": 0.5,
        "model": {"replicas": replicas, "epochs": 12, "batch_size": 128},
        "output": {"events": 200_000, "format": "parquet"},
        "judgement": {"planted": [0.55, 0.6, 0.65], "replicas": 99},
        "limits": {
            "observable": "m_bb",
            "range": [0.0, 3.0],
            "background": 100_000,
            "events": [300, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000],
        },
    }


@click.command(help=__doc__.splitlines()[0])
@click.option(
    "--data", type=click.Path(path_type=Path), help="CSV of HIGGS with a header and a column `label`."
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/higgs-generation"), show_default=True
)
@click.option("--seed", default=1, show_default=True)
@click.option("--replicas", default=16, show_default=True, help="Trainings whose spread is the error.")
def main(data: Path | None, out: Path, seed: int, replicas: int) -> None:
    columns = HIGGS
    if data is None and SAMPLE.is_file():
        data = SAMPLE
    elif data is None:
        data, columns = out.with_name(f"{out.name}-toy.csv"), TOY
        toy(data, seed)
        print(f"no {SAMPLE}: learning a toy, in {data}")
    elif not data.is_file():
        raise click.ClickException(
            f"{data}: no such file; give the CSV of HIGGS, or leave --data out for a toy"
        )
    config = out.with_name(f"{out.name}.yaml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(settings(data, columns, seed, replicas)), encoding="utf-8")
    generation = study("generate")
    try:
        found = generation.run(load_generation(config, command="higgs_generation.py"), out)
    except HepflowError as error:
        raise click.ClickException(str(error)) from error
    print(generation.text(found))
    print(f"figures and report in {out}")


if __name__ == "__main__":
    main()
