"""``hepflow generate``: events from flows, judged, and what they allow."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out
from hepflow.studies.generation.stages import STAGES


@click.command(
    epilog=console.example(
        "hepflow generate higgs.yaml", "hepflow generate higgs.yaml --set output.events=1000000"
    )
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Run folder [default: runs/NAME].")
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage.")
@console.overrides
@console.skip_bad_files
@console.dry_run
@console.execution
@console.as_json
def generate(
    config: Path,
    out: Path | None,
    until: str | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Learn events, and make as many others as wanted.

    The generated events go to a file with a manifest; the report says what tells them from real ones, how large the
    error of a histogram of them is, and from which number on more of them bring nothing. The folder keeps what is
    done: after an interrupt, the same command goes on from there. Exit code 4 means that all is there, but the events
    failed checks.
    """
    from hepflow.config import load_generation

    settings = load_generation(config, (*overrides, *executor), command="hepflow generate")
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    carry_out("generate", settings, out, as_json, dry_run=dry_run, until=until)
