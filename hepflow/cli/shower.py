"""``hepflow shower``: showers in a calorimeter, learned, generated and judged."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out
from hepflow.studies.showers.stages import STAGES


@click.command(
    epilog=console.example("hepflow shower photons.yaml", "hepflow shower photons.yaml --set model.epochs=30")
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Run folder [default: runs/NAME].")
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage.")
@console.overrides
@console.dry_run
@console.execution
@console.as_json
def shower(
    config: Path,
    out: Path | None,
    until: str | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Learn showers in a calorimeter, generate others, judge them.

    Showers are those of files in the layout of the CaloChallenge, or of the package's own generator
    (`inputs.simulate`). The generated ones stand in showers.h5, in the same layout. Networks say how well they are
    told from showers that were held out. The folder keeps what is done: after an interrupt, the same command goes on
    from there. Exit code 4 means that all is there, but checks failed.
    """
    from hepflow.config import load_showers

    settings = load_showers(config, (*overrides, *executor), command="hepflow shower")
    carry_out("shower", settings, out, as_json, dry_run=dry_run, until=until)
