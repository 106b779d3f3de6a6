"""Logs: what a run says goes into its folder too."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE = "run.log"


class _Log(logging.FileHandler):
    """A log that a run can do without: a full disk stops what writes the results, with a message of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        pass


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Append the messages of hepflow to ``run.log`` in a folder, with the time (UTC) and the process."""
    handler = _Log(folder / FILE, encoding="utf-8", delay=True)
    form = logging.Formatter(
        "%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    form.converter = time.gmtime
    handler.setFormatter(form)
    logger = logging.getLogger("hepflow")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
