"""``hepflow export``: a run for others to use."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hepflow.cli import console

PARTS = ("hepdata", "workspaces", "histograms", "weights")


@click.command(
    epilog=console.example("hepflow export runs/search", "hepflow export runs/search --only histograms")
)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to make [default: RUN/export]."
)
@click.option(
    "--only", type=click.Choice(PARTS), multiple=True, help="One part, as often as wanted [default: all]."
)
@console.as_json
def export(folder: Path, out: Path | None, only: tuple[str, ...], as_json: bool) -> None:
    """Write a run for others: HEPData, pyhf, ROOT, UHI, weights.

    RUN is the folder of a finished run, or of an unfolding, which has tables for HEPData; of a scan, a comparison or
    limits with retraining, scan.json, comparison.json or limits.json has the numbers. The export is written whole or
    not at all. Of a blinded run no data behind a cut leave.
    """
    if (folder / "unfolding.json").is_file():
        _export_unfolding(folder, out, only, as_json)
        return
    from hepflow.export import export_run

    exported = export_run(folder, out, only or None)
    if as_json:
        console.print_json({**asdict(exported), "folder": str(exported.folder)})
    else:
        console.echo("\n".join(str(exported.folder / file) for file in exported.files))
    for reason in exported.left_out:
        console.echo(f"left out: {reason}", err=True)


def _export_unfolding(folder: Path, out: Path | None, only: tuple[str, ...], as_json: bool) -> None:
    from hepflow.errors import ConfigError
    from hepflow.studies.unfolding.tables import export_unfolding

    others = [part for part in only if part != "hepdata"]
    if others:
        raise ConfigError(
            f"--only {others[0]}: of an unfolding there is `hepdata` alone; weights and models are in {folder}"
        )
    path = export_unfolding(folder, out)
    if as_json:
        console.print_json({"folder": str(path.parent), "files": [path.name], "left_out": []})
    else:
        console.echo(str(path))
