"""``hepflow init`` and ``hepflow check``: a configuration, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import click

from hepflow.cli import console
from hepflow.errors import ConfigError


@click.command(
    epilog=console.example(
        "hepflow init search.yaml", "hepflow init search.yaml --data 'data/*.root' --signal wprime.root"
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="hepflow.yaml")
@click.option("--data", metavar="FILE", help="Look into these events; a file, a glob or a URL.")
@click.option("--signal", metavar="FILE", help="A signal sample, looked into as well.")
@click.option("--simulation", metavar="FILE", help="Simulated background, looked into as well.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: Path, data: str | None, signal: str | None, simulation: str | None, force: bool) -> None:
    """Write a commented configuration to start from.

    It searches the bundled sample as it stands; with --data your own files, whose format, tree and branches are
    recognised, and for which the regions are a guess.
    """
    if data is None and (signal or simulation):
        raise click.UsageError(
            "--signal and --simulation go with the data that are searched: give --data, too"
        )
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; name another file, or replace it with --force")

    from hepflow.atomic import write_text
    from hepflow.config import example_yaml

    if data is None:
        write_text(file, example_yaml())
    else:
        from hepflow.studies.search.recognise import start_from

        write_text(file, example_yaml(start_from(file.parent, data, signal, simulation)))
    click.echo(f"wrote {file}: look at its inputs and regions, then `hepflow check {file}`", err=True)


@click.command(epilog=console.example("hepflow check search.yaml"))
@click.argument("config", type=click.Path(path_type=Path))
@console.overrides
@console.as_json
def check(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Find everything that can be known wrong before a long run.

    Opens the inputs, looks at keys, columns and regions, and estimates time and memory from a few training steps.
    """
    from hepflow.config import load_config
    from hepflow.studies.search.check import check as check_inputs

    messages = check_inputs(load_config(config, overrides))
    if as_json:
        console.print_json({"config": str(config), "messages": messages})
    else:
        click.echo("\n".join([*messages, f"{config}: ready to run"]))
