"""``hepflow compare``: several methods on the same data."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.catalogue import METHODS
from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out


def _one_more(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the list of methods as begun, its last name completed to each of those that are not in it yet."""
    before, comma, begun = incomplete.rpartition(",")
    others = (name for name in METHODS if name not in before.split(","))
    return [f"{before}{comma}{name}" for name in others if name.startswith(begun)]


@click.command(
    epilog=console.example(
        "hepflow compare search.yaml --methods cathode,curtains,cwola,idealized",
        "hepflow compare search.yaml --seeds 5 --scan injection",
    )
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Folder [default: runs/NAME-comparison].")
@click.option(
    "--methods",
    metavar="NAME,NAME",
    shell_complete=_one_more,
    help="Methods, in the place of `compare.methods` [default: all that the inputs allow].",
)
@click.option("--seeds", type=int, metavar="N", help="Repetitions, in the place of `compare.seeds`.")
@click.option(
    "--scan",
    type=click.Choice(["injection"]),
    help="Repeat at each number of events in `compare.injections`.",
)
@console.overrides
@console.skip_bad_files
@console.dry_run
@console.execution
@console.as_json
def compare(
    config: Path,
    out: Path | None,
    methods: str | None,
    seeds: int | None,
    scan: str | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare methods on the same data, over seeds and injections.

    Significance improvement, closure, sculpting and excess of each, and of their combination. A seed is another draw
    of the injected signal, and another training. The folder keeps what is done: after an interrupt, the same command
    goes on from there.
    """
    from hepflow.config import load_search

    given = {"methods": f"[{methods}]" if methods is not None else None, "seeds": seeds, "scan": scan}
    overrides = (*overrides, *(f"compare.{key}={value}" for key, value in given.items() if value is not None))
    settings = load_search(config, (*overrides, *executor), command="hepflow compare")
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    carry_out("comparison", settings, out, as_json, dry_run=dry_run)
