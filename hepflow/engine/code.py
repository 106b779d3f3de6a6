"""Code: which files of the package a result depends on, so that a changed line remakes that result and no other."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import hepflow

ROOT = Path(hepflow.__file__).parent
# Found as text: to parse two hundred whole files takes half a second, before a command's first line.
IMPORT = re.compile(
    r"^[ \t]*((?:from hepflow[\w.]* import (?:\([^)]*\)|.*))|import hepflow\b.*)", re.MULTILINE
)
FOR_TYPES = re.compile(r"^([ \t]*)if .*\bTYPE_CHECKING\b.*\n(?:(?:\1[ \t]+.*)?\n)+", re.MULTILINE)
DATA = (".c", ".css", ".html")  # files beside a module, or in its templates, which it names: code as well


@cache
def code_of(*modules: str) -> Mapping[str, str]:
    """Return a hash of each file behind some modules, and behind all of hepflow that they import.

    Parameters
    ----------
    *modules
        Such as ``"hepflow.methods.cathode"``; those that are none of hepflow, such as those of tests, have no code.

    Returns
    -------
    Mapping
        Path within the package -> hash. Of a package, only those modules are there that a name is taken from.
    """
    found: set[str] = set()
    waiting = [module for module in modules if module.partition(".")[0] == ROOT.name]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(module)
    files = sorted({file for module in found for file in _files(module)})
    return {str(file.relative_to(ROOT)): _hash(file) for file in files}


def differing(code: Mapping[str, str]) -> str | None:
    """Return the first file of an answer of `code_of` that is another here; None where all are the same."""
    for name, known in code.items():
        file = ROOT / name
        if not file.is_file() or _hash(file) != known:
            return name
    return None


@cache
def _hash(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()


@cache
def _path(module: str) -> Path:
    """Return the file of a module; of a package, its ``__init__.py``."""
    place = ROOT.parent.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def _files(module: str) -> list[Path]:
    path = _path(module)
    places = (place for place in (path.parent, path.parent / "templates") if place.is_dir())
    near = sorted(file for place in places for file in place.iterdir() if file.suffix in DATA)
    found = [path]
    for file in found:  # a template names others
        text = file.read_text(encoding="utf-8")
        found += [other for other in near if other.name in text and other not in found]
    return found


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the modules of hepflow that one imports, wherever in it."""
    if _path(module).name == "__init__.py":
        return tuple(sorted(set(_exports(module).values()) - {module}))
    return tuple(source for source, _ in _names(module))


@cache
def _exports(package: str) -> dict[str, str]:
    """Return where a package has its names from."""
    return {name: source for source, name in _names(package)}


@cache
def _names(module: str) -> tuple[tuple[str, str], ...]:
    """Return ``(module, name)`` of everything that is imported, but for types alone."""
    found = []
    for node in import_statements(_path(module).read_text(encoding="utf-8")):
        if isinstance(node, ast.ImportFrom):
            found += [(_home(str(node.module), one.name), one.asname or one.name) for one in node.names]
        else:
            found += [(one.name, one.name) for one in node.names if one.name.startswith("hepflow.")]
    return tuple(found)


def import_statements(source: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield what a module's text imports of hepflow, wherever in it, but not for types alone."""
    for found in IMPORT.finditer(FOR_TYPES.sub("", source)):
        for node in ast.parse(found[1]).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node


def _home(module: str, name: str) -> str:
    """Return the module that a name comes from: a submodule, where a package has it from, or the module itself."""
    if _path(module).name == "__init__.py":
        if _path(f"{module}.{name}").is_file():
            return f"{module}.{name}"
        return _exports(module).get(name, module)
    return module
