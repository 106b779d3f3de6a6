"""``hepflow init`` and ``hepflow check``: a configuration, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.errors import CheckError, ConfigError, HepflowError

if TYPE_CHECKING:
    from hepflow.config.reference import Start

YAML = (".yaml", ".yml")


@click.command(
    epilog=console.example(
        "hepflow init search.yaml",
        "hepflow init dimuons.csv",
        "hepflow init search.yaml --data 'data/*.root' --signal wprime.root",
    )
)
@click.argument("name", metavar="[FILE]", type=click.Path(dir_okay=False), default="hepflow.yaml")
@click.option("--data", metavar="FILE", help="Look into these events; a file, a glob or a URL.")
@click.option("--signal", metavar="FILE", help="A signal sample, looked into as well.")
@click.option("--simulation", metavar="FILE", help="Simulated background, looked into as well.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(name: str, data: str | None, signal: str | None, simulation: str | None, force: bool) -> None:
    """Write a commented configuration to start from.

    It searches the bundled sample as it stands; with --data your own files, whose format, tree and branches are
    recognised, and for which the regions are a guess. A FILE that holds events is taken as the data, and the
    configuration is named after it.
    """
    file = Path(name)
    start = None
    if data is None and _holds_events(name):
        start, data = _recognised(Path(), name, signal, simulation), name
        file = Path(f"{start.values['name']}.yaml")
        console.echo(f"{name} is taken as the data; the configuration is {file}", err=True)
    if data is None and (signal or simulation):
        raise click.UsageError(
            "--signal and --simulation go with the data that are searched: give --data, too"
        )
    from hepflow.atomic import write_text
    from hepflow.config import example_yaml, is_configuration

    meant = f"; did you mean `hepflow init search.yaml --data {file}`?" if data is None else ""
    if file.suffix.lower() not in ("", *YAML):
        raise ConfigError(f"{file}: a configuration is YAML, expected a name such as search.yaml{meant}")
    if file.exists() and not is_configuration(file):
        raise ConfigError(
            f"{file} is there, and is no configuration of hepflow: it is not replaced, not even with --force{meant}"
        )
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; name another file, or replace it with --force")

    if data is None:
        write_text(file, example_yaml())
    else:
        start = start or _recognised(file.parent, data, signal, simulation)
        write_text(file, example_yaml(start))
        console.echo("\n".join([*start.header.splitlines(), *start.notes.values()]), err=True)
    console.echo(f"wrote {file}: look at its inputs and regions, then `hepflow check {file}`", err=True)
    console.echo("\n".join(_usable(file)), err=True)


def _recognised(folder: Path, data: str, signal: str | None, simulation: str | None) -> Start:
    from hepflow.studies.search.recognise import start_from

    return start_from(folder, data, signal, simulation)


def _holds_events(name: str) -> bool:
    """Return whether a path, glob or URL is one of files that events can be read from."""
    from hepflow.readers.files import container, find_files

    if Path(name).suffix.lower() in YAML:
        return False
    try:
        container(find_files(name)[0])
    except HepflowError:
        return False
    return True


def _usable(file: Path) -> list[str]:
    """Return what else can be run with a configuration, or what that lacks."""
    from hepflow.config import load_search
    from hepflow.studies.known import study

    config, lines = load_search(file, command="hepflow init"), []
    for name in ("windows", "comparison", "limits"):
        command = study(name).command.replace("CONFIG", str(file))
        try:
            study(name).check(config)
        except ConfigError as error:
            lines.append(f"  `{command}` wants more: {error}")
        else:
            lines.append(f"  `{command}` works with it, too")
    return lines


@click.command(epilog=console.example("hepflow check search.yaml"))
@click.argument("config", type=click.Path(path_type=Path))
@console.overrides
@console.as_json
def check(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Find everything that can be known wrong before a long run.

    Opens the inputs, looks at keys, columns and regions, fits the sidebands, and estimates time and memory from a few
    training steps. Of any other task it reads the inputs, as that would, and says what follows. Exit code 4 says that
    a run would not give a result to trust.
    """
    from hepflow.config import Config as Search
    from hepflow.config import load_config
    from hepflow.studies.checking import check as check_reading
    from hepflow.studies.known import study
    from hepflow.studies.search.check import check as check_search

    settings = load_config(config, overrides)
    found = (
        check_search(settings)
        if isinstance(settings, Search)
        else check_reading(study(settings.task), settings)
    )
    if as_json:
        console.print_json({"config": str(config), "messages": found.lines, "problems": found.problems})
    else:
        end = f"{config}: not ready, see below" if found.problems else f"{config}: ready to run"
        console.echo("\n".join([*found.lines, end]))
    if found.problems:
        raise CheckError("\n       ".join(found.problems))
