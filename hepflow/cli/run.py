"""``hepflow run``, ``hepflow demo`` and ``hepflow plot``: an analysis, and its figures anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hepflow.cli import console
from hepflow.cli.studies import carry_out
from hepflow.studies.search.stages import STAGES


@click.command(
    epilog=console.example(
        "hepflow run search.yaml",
        "hepflow run search.yaml --set injection.events=600 --out runs/600",
        "hepflow run search.yaml --executor dask --scheduler tcp://head:8786",
        "hepflow run search.yaml --scan --set scan.width=0.1",
    )
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run folder [default: runs/NAME, with --scan runs/NAME-scan].",
)
@console.overrides
@console.skip_bad_files
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage.")
@click.option(
    "--unblind",
    is_flag=True,
    help="Show the data that `fit.blind` hides; the run folder keeps who asked, and when.",
)
@click.option("--unblind-by", metavar="NAME", help="Who unblinds [default: the name of the user].")
@click.option(
    "--scan", is_flag=True, help="Slide the signal region over the whole spectrum, as the block `scan` says."
)
@console.dry_run
@console.execution
@console.as_json
def run(
    config: Path,
    out: Path | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    until: str | None,
    unblind: bool,
    unblind_by: str | None,
    scan: bool,
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run an analysis, from files to p-value, limit and figures.

    With another `task` in the configuration, that. The run folder keeps what is done: after an interrupt, the same
    command goes on from there. Exit code 4 means that all is there, but the result failed checks that say whether it
    can be trusted: the text names them first and last.
    """
    if unblind_by is not None and not unblind:
        raise click.UsageError("--unblind-by NAME says who unblinds: give --unblind with it")
    if scan and until is not None:
        raise click.UsageError("--scan runs all stages of every window: leave --until out")
    from hepflow.config import load_config, load_search

    given = (*overrides, *executor)
    settings = (
        load_search(config, given, command="hepflow run --scan") if scan else load_config(config, given)
    )
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    task = "windows" if scan else settings.task
    options: dict[str, Any] = {"until": until, "unblind": unblind, "by": unblind_by}
    carry_out(task, settings, out, as_json, dry_run=dry_run, **options)


@click.command(epilog=console.example("hepflow demo", "hepflow demo --out demo --set seed=2"))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="runs/demo",
    show_default=True,
    help="Run folder.",
)
@console.overrides
@console.as_json
def demo(out: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Find a hidden resonance in the bundled sample.

    The whole analysis, in about three minutes.
    """
    console.echo(
        "a resonance is hidden in the bundled sample; to find it takes about three minutes", err=True
    )
    from hepflow.config import load_config
    from hepflow.demo import config_path

    carry_out("search", load_config(config_path(), overrides), out, as_json)


@click.command(epilog=console.example("hepflow plot runs/search --out figures"))
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures [default: RUN/figures].",
)
def plot(folder: Path, out: Path | None) -> None:
    """Draw the figures of a run anew, as PDF and PNG.

    RUN is the folder of a finished study: a run, a scan, a comparison, a generation, an unfolding, showers, an
    integral or limits with retraining.
    """
    from hepflow.engine.folder import refuse_links
    from hepflow.studies.show import draw

    if out is None:
        refuse_links(folder)
    files = draw(folder, out)
    console.echo(f"figures in {files[0].parent}", err=True)
