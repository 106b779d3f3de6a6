"""``hepflow report``: the record of a run, a scan, a comparison or limits as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console


@click.command(
    epilog=console.example("hepflow report runs/search", "hepflow report runs/search --out search.html")
)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file [default: RUN/report.html].",
)
def report(folder: Path, out: Path | None) -> None:
    """Write the report of any finished study.

    RUN is the folder of a finished `hepflow run`, with `--scan` or without, of `hepflow compare`, of
    `hepflow generate`, of `hepflow unfold`, of `hepflow shower`, of `hepflow integrate`, or of
    `hepflow limit CONFIG --retrain`. One HTML file with its figures inside, for a browser, a phone or a printer; it
    loads nothing from elsewhere.
    """
    from hepflow.engine.folder import refuse_links
    from hepflow.studies.show import write_report

    if out is None:
        refuse_links(folder)
    console.echo(f"report in {write_report(folder, out)}", err=True)
