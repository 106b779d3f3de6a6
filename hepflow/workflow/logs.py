"""Logs: what a run says goes into its folder too."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "run.log"


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Append the messages of hepflow to ``run.log`` in a folder, with the time (UTC) and the process."""
    handler = logging.FileHandler(folder / FILE, encoding="utf-8", delay=True)
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
