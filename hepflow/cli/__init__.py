"""The command line: parses, calls, prints. Data go to standard output, everything else to standard error.

Nothing heavy is imported before a command runs. The help lists the exit codes, which the errors have.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence

import click

from hepflow.cli import console
from hepflow.cli.about import environment, show_citation
from hepflow.cli.compare import compare
from hepflow.cli.completion import completion
from hepflow.cli.export import export
from hepflow.cli.features import features
from hepflow.cli.fit import fit
from hepflow.cli.generate import generate
from hepflow.cli.integrate import integrate
from hepflow.cli.limit import limit
from hepflow.cli.report import report
from hepflow.cli.run import demo, plot, run
from hepflow.cli.scan import scan
from hepflow.cli.shower import shower
from hepflow.cli.start import check, init
from hepflow.cli.status import reproduce, status
from hepflow.cli.tune import tune
from hepflow.cli.unfold import unfold
from hepflow.engine.logs import without_bars
from hepflow.errors import HepflowError
from hepflow.version import __version__

NO_MEMORY = (
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
    "bad_alloc",
    "out of memory",
)
MEMORY = "Let fewer workers run at once (--workers), read smaller files, or take a larger machine"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    context_settings=SETTINGS,
    epilog=console.example("hepflow demo", "hepflow init search.yaml", "hepflow run search.yaml"),
)
@click.version_option(__version__, prog_name="hepflow", message="%(prog)s %(version)s")
@click.option(
    "--cite",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_citation,
    help="Print how to cite hepflow and the methods, as BibTeX.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log details to standard error.")
@click.option("-q", "--quiet", is_flag=True, help="Log warnings only, and show no progress bars.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (or set HEPFLOW_DEBUG=1).")
@click.pass_context
def cli(context: click.Context, verbose: bool, quiet: bool, debug: bool) -> None:
    """Search for resonances: ROOT or HDF5 files in; p-value, limit and figures out.

    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 a fit that did not converge, 4 a result that failed its
    checks, 130 interrupted.
    """
    if debug:
        os.environ["HEPFLOW_DEBUG"] = "1"
    context.with_resource(console.messages("DEBUG" if verbose else "WARNING" if quiet else "INFO"))
    if quiet:
        context.with_resource(without_bars())


for command in (
    *(
        demo,
        init,
        check,
        features,
        run,
        status,
        reproduce,
        compare,
        tune,
        generate,
        integrate,
        unfold,
        shower,
    ),
    *(fit, limit, scan, plot, report, export, environment, completion),
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and leave Python with its exit code."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(args=arguments, prog_name="hepflow", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.Abort:
        click.echo("interrupted", err=True)
        return console.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except console.InterruptError as error:
        console.echo(str(error), err=True)
        return error.exit_code
    except HepflowError as error:
        _show_traceback()
        console.echo(f"error: {error}", err=True)
        return error.exit_code
    except Exception as error:
        causes = list(_causes(error))
        if any(isinstance(one, KeyboardInterrupt) for one in causes):  # while something was imported
            click.echo("interrupted", err=True)
            return console.INTERRUPTED
        _show_traceback()
        if any(map(_lacks_memory, causes)):
            console.echo(f"error: there is not enough memory ({str(error) or 'it ends'}). {MEMORY}", err=True)
            return 1
        if isinstance(error, OSError):
            console.echo(f"error: {error}", err=True)
            return 1
        console.echo(
            f"unexpected {type(error).__name__}: {error}\n"
            "This is a defect of hepflow. Please report it in the project's issue tracker, with what "
            "`hepflow env` prints, and what this command prints after `export HEPFLOW_DEBUG=1`.",
            err=True,
        )
        return 1


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ended; torch and C++ say so in errors of any class."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY)


def _show_traceback() -> None:
    if os.environ.get("HEPFLOW_DEBUG"):
        traceback.print_exc()
