"""Where the code of a function is; of a module in a package, that package is imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hepflow.config.integration import PYTHON
from hepflow.errors import InputError


def source(target: str) -> list[str]:
    """Return the file of a function's module, in a list; an empty one where its module has none.

    Raises
    ------
    InputError
        If there is no such module.
    """
    module, _, _ = target.rpartition(":")
    if module.endswith(PYTHON):
        if not Path(module).is_file():
            raise InputError(f"{target}: no file {module}")
        return [module]
    try:
        found = importlib.util.find_spec(module)
    except Exception as error:  # of the package's own code
        raise InputError(f"{target}: the module cannot be imported ({error})") from error
    if found is None:
        raise InputError(
            f"{target}: the module cannot be imported (no module named {module!r}); is its package installed? "
            f"A file of your own is named as such: {module}.py:{target.rpartition(':')[2]}"
        )
    return [found.origin] if found.has_location and found.origin else []
