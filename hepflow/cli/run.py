"""``hepflow run``, ``hepflow demo`` and ``hepflow plot``: an analysis, and its figures anew."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hepflow.cli import console
from hepflow.cli.summary import summary
from hepflow.errors import InputError

STAGES = ("features", "background", "scores", "validation", "selection", "fit", "figures")


@click.command(
    epilog=console.example(
        "hepflow run search.yaml", "hepflow run search.yaml --set injection.events=600 --out runs/600"
    )
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder [default: runs/NAME]."
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
@console.as_json
def run(
    config: Path,
    out: Path | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    until: str | None,
    unblind: bool,
    unblind_by: str | None,
    as_json: bool,
) -> None:
    """Run an analysis, from files to p-value, limit and figures.

    The run folder keeps what is done: after an interrupt, the same command goes on from there.
    """
    if unblind_by is not None and not unblind:
        raise click.UsageError("--unblind-by NAME says who unblinds: give --unblind with it")
    _run(
        config,
        out,
        overrides,
        as_json,
        skip_bad_files=skip_bad_files,
        until=until,
        unblind=unblind,
        by=unblind_by,
    )


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

    _run(config_path(), out, overrides, as_json)


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


def _run(
    path: Path,
    out: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    *,
    skip_bad_files: bool = False,
    until: str | None = None,
    unblind: bool = False,
    by: str | None = None,
) -> None:
    """Run the stages and print what came out."""
    from hepflow.workflow.config import load_config

    config = load_config(path, overrides)
    config = config.skipping_bad_files() if skip_bad_files else config
    out = out or Path("runs") / config.name
    try:
        from hepflow.workflow.run import run as run_stages

        results = run_stages(config, out, until, unblind=unblind, by=by)
    except KeyboardInterrupt:
        raise console.InterruptError(
            f"interrupted; what is done stays in {out}, and the same command goes on from there"
        ) from None
    if results is None:
        click.echo(f"stopped after {until!r}; the same command without --until goes on from {out}", err=True)
        return
    text = results_file(out).read_text(encoding="utf-8")
    click.echo(text.rstrip("\n") if as_json else summary(json.loads(text)))
    click.echo(f"results and figures in {out}", err=True)
