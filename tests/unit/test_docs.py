"""Documentation that is made from the code, and must not fall behind it."""

from pathlib import Path

import click
import pytest

from hepflow.cli import cli
from hepflow.config import config_reference

ROOT = Path(__file__).parents[2]
COMMAND = "python -m hepflow.config > docs/configuration.md"


def test_configuration_reference_is_up_to_date():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == config_reference(), f"run: {COMMAND}"
    assert COMMAND in page


def test_every_key_has_a_meaning():
    keys = [line for line in config_reference().splitlines() if line.startswith("| `")]
    assert len(keys) > 50
    for line in keys:
        assert line.rstrip("| ").endswith("."), line


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_an_example(name):
    command = cli.commands[name]
    text = command.get_help(click.Context(command, info_name=f"hepflow {name}"))
    assert f"Example:\n    hepflow {name}" in text
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_short_help_is_not_cut(name):
    assert "..." not in cli.commands[name].get_short_help_str(66)
