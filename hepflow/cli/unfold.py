"""``hepflow unfold``: data at particle level, with errors and checks."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out
from hepflow.studies.unfolding.stages import STAGES


@click.command(
    epilog=console.example("hepflow unfold jets.yaml", "hepflow unfold jets.yaml --set method.iterations=8")
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Run folder [default: runs/NAME].")
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage.")
@console.overrides
@console.skip_bad_files
@console.dry_run
@console.execution
@console.as_json
def unfold(
    config: Path,
    out: Path | None,
    until: str | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Unfold data to particle level.

    Yields in bins come with their errors by source; methods without bins also write weights of the generated events,
    for any later observable. Closure, stress, refolding and the bottom line say whether to believe it. The folder
    keeps what is done: after an interrupt, the same command goes on from there. Exit code 4 means that all is there,
    but checks failed.
    """
    from hepflow.config import load_unfolding

    settings = load_unfolding(config, (*overrides, *executor), command="hepflow unfold")
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    carry_out("unfold", settings, out, as_json, dry_run=dry_run, until=until)
