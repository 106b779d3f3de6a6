"""``hepflow run``, ``hepflow demo`` and ``hepflow plot``: an analysis, and its figures anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.cli.summary import summary
from hepflow.cli.window_scan import window_scan_text
from hepflow.errors import InputError

if TYPE_CHECKING:
    from hepflow.workflow.config import Config

STAGES = ("features", "background", "scores", "validation", "fit", "figures")


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

    The run folder keeps what is done: after an interrupt, the same command goes on from there.
    """
    if unblind_by is not None and not unblind:
        raise click.UsageError("--unblind-by NAME says who unblinds: give --unblind with it")
    if scan and until is not None:
        raise click.UsageError("--scan runs all stages of every window: leave --until out")
    from hepflow.workflow.config import load_config

    settings = load_config(config, (*overrides, *executor))
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    out = out or Path("runs") / (f"{settings.name}-scan" if scan else settings.name)
    if dry_run:
        _show_plan(settings, out, until, unblind, scan, as_json)
    elif scan:
        _scan(settings, out, as_json, unblind=unblind, by=unblind_by)
    else:
        _run(settings, out, as_json, until=until, unblind=unblind, by=unblind_by)


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

    The whole analysis, in about two minutes.
    """
    from hepflow.demo import config_path
    from hepflow.workflow.config import load_config

    _run(load_config(config_path(), overrides), out, as_json)


@click.command(epilog=console.example("hepflow plot runs/search --out figures"))
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures [default: RUN/figures].",
)
def plot(folder: Path, out: Path | None) -> None:
    """Draw the figures of a run anew, as PDF and PNG."""
    results = results_file(folder)
    from hepflow.plots import draw_run
    from hepflow.results import Results
    from hepflow.workflow.engine.folder import refuse_links

    if out is None:
        refuse_links(folder)
    out = out or folder / "figures"
    draw_run(Results.from_json(results), out)
    click.echo(f"figures in {out}", err=True)


def results_file(folder: Path) -> Path:
    """Return the ``results.json`` of a run folder.

    Raises
    ------
    InputError
        If there is none.
    """
    if not (folder / "results.json").is_file():
        raise InputError(f"{folder}: no results.json there; expected the folder of a finished `hepflow run`")
    return folder / "results.json"


def _show_plan(
    config: Config, out: Path, until: str | None, unblind: bool, scan: bool, as_json: bool
) -> None:
    """Print what a run would do."""
    from hepflow.workflow import run
    from hepflow.workflow.many import window_scan

    steps = (
        window_scan.dry_run(config, out, unblind=unblind)
        if scan
        else run.dry_run(config, out, until, unblind=unblind)
    )
    console.print_plan(steps, out, as_json)


def _run(
    config: Config,
    out: Path,
    as_json: bool,
    *,
    until: str | None = None,
    unblind: bool = False,
    by: str | None = None,
) -> None:
    """Run the stages and print what came out."""
    try:
        from hepflow.workflow.run import run as run_stages

        results = run_stages(config, out, until, unblind=unblind, by=by)
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    if results is None:
        click.echo(f"stopped after {until!r}; the same command without --until goes on from {out}", err=True)
        return
    text = results_file(out).read_text(encoding="utf-8")
    click.echo(text.rstrip("\n") if as_json else summary(json.loads(text)))
    written = "results" if until == "fit" else "results, figures and report.html"
    click.echo(f"{written} in {out}", err=True)


def _scan(config: Config, out: Path, as_json: bool, *, unblind: bool, by: str | None) -> None:
    """Search all windows and print what came out."""
    try:
        from hepflow.workflow.many.window_scan import scan

        found = scan(config, out, unblind=unblind, by=by)
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    if as_json:
        console.print_json(found.to_dict())
    else:
        click.echo(window_scan_text(found))
    click.echo(f"scan.json, figures and report.html in {out}", err=True)
    if not any(one.cuts for one in found.windows):
        console.raise_problems(found.problems)


def _interrupted(out: Path) -> console.InterruptError:
    return console.InterruptError(
        f"interrupted; what is done stays in {out}, and the same command goes on from there"
    )
