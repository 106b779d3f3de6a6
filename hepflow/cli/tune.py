"""``hepflow tune``: better settings of what a study trains."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out


@click.command(
    epilog=console.example("hepflow tune search.yaml --trials 50", "hepflow tune search.yaml --timeout 60")
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--trials", type=int, metavar="N", help="Trials of each search, in the place of `tune.trials`.")
@click.option(
    "--timeout",
    type=float,
    metavar="MINUTES",
    help="Begin no trial after this time, in the place of `tune.timeout`.",
)
@click.option("--out", type=FOLDER, help="Folder [default: runs/NAME-tuning].")
@console.overrides
@console.dry_run
@console.as_json
def tune(
    config: Path,
    trials: int | None,
    timeout: float | None,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Search better settings of what a study trains.

    A search's flow and classifier are judged in the validation bands, without data of the signal region; the flows
    and ratios of a generation, an unfolding or showers by events that they did not learn from. The folder keeps every
    trial: after an interrupt, the same command goes on from there.
    """
    from hepflow.config import load_config

    given = {"trials": trials, "timeout": timeout}
    overrides = (*overrides, *(f"tune.{key}={value}" for key, value in given.items() if value is not None))
    settings = load_config(config, overrides)
    carry_out("tuning", settings, out, as_json, dry_run=dry_run)
