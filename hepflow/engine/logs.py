"""Logs: what a run says goes into its folder too, and progress bars only where one process shows them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from hepflow.printable import LONGEST, printable

FILE = "run.log"


class _Log(logging.FileHandler):
    """A log that a run can do without: a full disk stops what writes the results, with a message of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        pass


class _Lines(logging.Formatter):
    """Messages in UTC, which hold no control characters: a line of a log is one that hepflow wrote."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        record.message = printable(record.message, LONGEST).replace("\n", "\n  ")
        return super().formatMessage(record)


class _NoTerminal:
    """Standard error as if it were a file: progress bars are shown on terminals alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep progress bars off standard error."""
    with redirect_stderr(cast(TextIO, _NoTerminal(sys.stderr))):
        yield


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Append the messages of hepflow to ``run.log`` in a folder, with the time (UTC) and the process."""
    handler = _Log(folder / FILE, encoding="utf-8", delay=True)
    form = "%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s"
    lines = _Lines(form, "%Y-%m-%dT%H:%M:%S")
    lines.converter = time.gmtime
    handler.setFormatter(lines)
    logger = logging.getLogger("hepflow")
    level = logger.level
    if level == logging.NOTSET:  # as in the process of a worker
        logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
