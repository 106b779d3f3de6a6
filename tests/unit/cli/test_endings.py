"""How commands end where Python would show a traceback: interrupts while something loads, and memory that ends."""

import ast
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hepflow import cli as room
from hepflow.cli import cli

INTERRUPTED = """
import runpy, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv = ["hepflow", *{arguments!r}]
runpy.run_module("hepflow", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("click", ["env"]), ("hepflow.cli.about", ["env"]), ("numpy", ["fit", "mjj.csv"])],
)
def test_interrupts_while_something_is_imported(module, arguments, tmp_path):
    (tmp_path / "mjj.csv").write_text("1,2,3\n")
    code = INTERRUPTED.format(module=module, arguments=arguments)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 130
    assert ended.stderr == "interrupted\n" or ended.stderr == "\ninterrupted\n"


@pytest.fixture
def failing(monkeypatch):
    """Return a function that gives the command line a command that raises an error."""

    def failing(error):
        @click.command("fails")
        def fails():
            raise error

        monkeypatch.setitem(cli.commands, "fails", fails)

    return failing


def caused(error, cause):
    error.__cause__ = cause
    return error


def test_an_interrupt_that_an_import_hides(failing, hepflow):
    failing(caused(ImportError("numpy._core"), KeyboardInterrupt()))
    assert hepflow("fails") == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 8. TiB for an array"),
        RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code 12"
        ),
        OSError(12, "Cannot allocate memory"),
        caused(ValueError("not read"), MemoryError()),
    ],
)
def test_memory_that_ends(error, failing, hepflow):
    failing(error)
    code, out, err = hepflow("fails")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is not enough memory (")
    assert "defect" not in err


def test_what_a_machine_says_of_itself_is_written_out(hepflow, monkeypatch):
    monkeypatch.setattr("hepflow.cli.about.arithmetic", lambda: {"processor": "fast\x1b[31m"})
    code, out, _ = hepflow("env")
    assert code == 0
    assert r"fast\x1b[31m" in out
    assert "\x1b" not in out


def test_all_text_on_the_terminal_goes_one_way():
    """`console.echo` writes control characters out; only words of hepflow's own go without it."""
    for path in Path(room.__file__).parent.glob("*.py"):
        if path.name == "console.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "click.echo",
                "click.secho",
                "print",
            ):
                assert isinstance(node.args[0], ast.Constant), f"{path.name}, line {node.lineno}"


def test_control_characters_of_errors_are_written_out(failing, hepflow):
    failing(click.ClickException("fine"))
    assert hepflow("fails")[0] == 1
    failing(OSError("\x1b[2Jgone\x07" + "x" * 10_000))
    err = hepflow("fails")[2]
    assert r"\x1b[2Jgone\x07" in err
    assert "\x1b" not in err
    assert len(err) < 5_000
