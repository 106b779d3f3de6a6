"""``hepflow completion``: what a shell needs to complete commands, options, stages and files."""

from __future__ import annotations

import click

from hepflow.cli import console

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_HEPFLOW_COMPLETE"  # by which click finds out that a shell asks


@click.command(epilog=console.example("hepflow completion bash >> ~/.bashrc"))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that lets a shell complete commands.

    In bash, zsh or fish: read it where the shell starts, in ~/.bashrc, ~/.zshrc or
    ~/.config/fish/completions/hepflow.fish.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # click knows all of SHELLS
    console.echo(found(context.find_root().command, {}, "hepflow", VARIABLE).source())
