"""What the commands share: logging beside progress bars, JSON on standard output, options, examples."""

from __future__ import annotations

import functools
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import click

from hepflow.catalogue import CLASSIFIERS, METHODS
from hepflow.errors import CheckError, FitError, HepflowError
from hepflow.printable import LONGEST, printable

INTERRUPTED = 130
Function = TypeVar("Function", bound=Callable[..., Any])


class InterruptError(HepflowError):
    """The user pressed Ctrl-C, and can go on later."""

    exit_code = INTERRUPTED


class _BesideBars(logging.Handler):
    """Writes to standard error without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm = sys.modules.get("tqdm")  # no bar can be there unless someone imported it
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        message = level + printable(self.format(record), LONGEST)
        if tqdm is None:
            click.echo(message, err=True)
        else:
            tqdm.tqdm.write(message, file=sys.stderr)


@contextmanager
def messages(level: str) -> Iterator[None]:
    """Show the messages of hepflow from this level up on standard error, and Python's warnings as such messages."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # without file and line
        logger.warning(str(message))

    logger, handler = logging.getLogger("hepflow"), _BesideBars()
    shown, level_before = warnings.showwarning, logger.level
    warnings.showwarning = show
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level_before)
        warnings.showwarning = shown


def echo(text: str, *, err: bool = False) -> None:
    """Write text, in which names from files may stand, to standard output or error."""
    click.echo(printable(text, LONGEST if err else None), err=err)


def example(*lines: str) -> str:
    """Return the end of a command's help: how it is typed. The backspace keeps click from wrapping it."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(values: Any) -> None:
    """Write JSON to standard output, null for a number that is not finite."""
    from hepflow.records import without_nan

    click.echo(json.dumps(without_nan(values), indent=2, allow_nan=False))


def print_plan(steps: Mapping[str, str | None], out: Path, as_json: bool) -> None:
    """Print the steps of a dry run: why each would be made in the folder `out`, or that it is done."""
    if as_json:
        print_json({"out": str(out), "steps": steps})
        return
    width = max(map(len, steps))
    for step, why in steps.items():
        echo(f"{step:<{width}}  {'done' if why is None else f'to do: {why}'}")
    left = sum(why is not None for why in steps.values())
    echo(f"{left} of {len(steps)} steps to do in {out}", err=True)


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Say, where the user presses Ctrl-C, that what is done stays in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptError(
            f"interrupted; what is done stays in {out}, and the same command goes on from there"
        ) from None


def raise_problems(problems: Sequence[str]) -> None:
    """Raise FitError (exit 3) if some numbers could not be computed, once those that could be are printed."""
    if problems:
        raise FitError("\n       ".join(problems))


def raise_failed(checks: Sequence[str]) -> None:
    """Raise CheckError (exit 4) if a result failed checks, once it is printed."""
    if checks:
        raise CheckError(f"failed checks: {', '.join(checks)}; do not quote what they concern")


def _choices(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the methods and classifiers that a shell may complete to."""
    methods = [f"method={name}" for name, row in METHODS.items() if not row.needs_truth]
    classifiers = [f"classifier={name}" for name in CLASSIFIERS]
    return [text for text in (*methods, *classifiers) if text.startswith(incomplete)]


def overrides(function: Function) -> Function:
    """Give a command ``--set key=value``, as often as wanted."""
    return click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Replace a value of the configuration, as often as wanted: --set classifier.folds=3.",
        shell_complete=_choices,
    )(function)


def skip_bad_files(function: Function) -> Function:
    """Give a command ``--skip-bad-files``."""
    return click.option(
        "--skip-bad-files",
        is_flag=True,
        help="Leave damaged files out instead of stopping; the cutflow and the results say which.",
    )(function)


def dry_run(function: Function) -> Function:
    """Give a command ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Say which steps would be made, and why; make none.")(
        function
    )


def execution(function: Function) -> Function:
    """Give a command ``--executor``, ``--workers`` and ``--scheduler``: as settings of `executor`, in `executor`."""

    @functools.wraps(function)
    def with_settings(
        *arguments: Any, executor: str | None, workers: int | None, scheduler: str | None, **options: Any
    ) -> Any:
        if scheduler is not None and executor is None:
            executor = "dask"
        given = {"name": executor, "workers": workers, "scheduler": scheduler}
        settings = [f"executor.{key}={value}" for key, value in given.items() if value is not None]
        if executor in (
            "local",
            "processes",
        ):  # what a configuration says of a cluster means nothing to these
            settings[0] = f"executor={{name: {executor}}}"
        return function(*arguments, executor=tuple(settings), **options)

    options = (
        click.option(
            "--executor",
            type=click.Choice(["local", "processes", "dask"]),
            help="Where steps run: one after another here, in several processes, or on a Dask cluster.",
        ),
        click.option(
            "--workers",
            type=int,
            metavar="N",
            help="How many steps at once, in processes unless a cluster is chosen [default: as many as fit].",
        ),
        click.option("--scheduler", metavar="ADDRESS", help="Of a running Dask cluster: tcp://HOST:PORT."),
    )
    for option in reversed(options):
        with_settings = option(with_settings)
    return cast(Function, with_settings)


def as_json(function: Function) -> Function:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)
