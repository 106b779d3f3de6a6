"""Progress bars over what takes more than two seconds: on terminals alone, and gone when it is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
PATIENCE = 2.0  # seconds that pass without a bar


def progress(items: Iterable[T], title: str, unit: str, *, total: int | None = None) -> Iterable[T]:
    """Return items that show, as they are gone through, how many are done and the time that is left.

    Parameters
    ----------
    items
        What is gone through.
    title, unit
        What the bar says: what is done, and the name of one item.
    total
        The number of items, where they have no length.
    """
    # disable=None: shown where standard error is a terminal
    return tqdm(items, desc=title, unit=unit, total=total, leave=False, delay=PATIENCE, disable=None)
