"""``hepflow init`` and ``hepflow check``: a configuration, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.errors import ConfigError


@click.command(epilog=console.example("hepflow init search.yaml"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="hepflow.yaml")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: Path, force: bool) -> None:
    """Write a commented configuration to start from."""
    from hepflow.storage import write_text
    from hepflow.workflow.config import example_yaml

    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; name another file, or replace it with --force")
    write_text(file, example_yaml())
    click.echo(f"wrote {file}: set its inputs and regions, then `hepflow check {file}`", err=True)


@click.command(epilog=console.example("hepflow check search.yaml"))
@click.argument("config", type=click.Path(path_type=Path))
@console.overrides
@console.as_json
def check(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Find everything that can be known wrong before a long run.

    Opens the inputs and looks at keys, columns and regions; trains nothing.
    """
    from hepflow.workflow.check import check as check_inputs
    from hepflow.workflow.config import load_config

    messages = check_inputs(load_config(config, overrides))
    if as_json:
        console.print_json({"config": str(config), "messages": messages})
    else:
        click.echo("\n".join([*messages, f"{config}: ready to run"]))
