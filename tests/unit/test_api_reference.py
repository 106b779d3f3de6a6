"""The pages of the Python interface: every public name stands on one, and says what it is for."""

import ast
import importlib
import inspect
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import hepflow

PAGES = Path(__file__).parents[2] / "docs" / "api"
ROOMS = {name for name in hepflow.__all__ if isinstance(getattr(hepflow, name), ModuleType)}
PUBLIC = {room: importlib.import_module(f"hepflow.{room}") for room in sorted({*ROOMS, "readers"})}
PUBLIC = {"index": hepflow, **PUBLIC}


def names(page):
    """Return what a page must show."""
    return sorted(set(PUBLIC[page].__all__) - ROOMS)


def text_of(page):
    return (PAGES / f"{page}.md").read_text(encoding="utf-8")


def shown(page):
    """Return what a page shows: last name -> the object that its ``:::`` line names."""
    lines = re.findall(r"^::: (\S+)$", text_of(page), re.MULTILINE)
    assert len(set(lines)) == len(lines)
    found = {}
    for line in lines:
        module, _, name = line.rpartition(".")
        found[name] = getattr(importlib.import_module(module), name)
    return found


def explained(module, name):
    """Whether a constant has a string under it, in the module that defines it."""
    for path in Path(module.__file__).parent.rglob("*.py"):
        for statement, after in pairwise(ast.parse(path.read_text(encoding="utf-8")).body):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return isinstance(getattr(getattr(after, "value", None), "value", None), str)
    return False


@pytest.mark.parametrize("page", PUBLIC)
def test_every_public_name_stands_on_its_page(page):
    at_the_top = shown("index")
    here, text = shown(page), text_of(page)
    for name in names(page):
        linked = f"(index.md#hepflow.{name})" in text  # it is a name of hepflow itself
        assert linked or name in here, f"add '::: {PUBLIC[page].__name__}.{name}' to docs/api/{page}.md"
        assert (at_the_top if linked else here)[name] is getattr(PUBLIC[page], name)
    assert set(here) <= set(names(page)), "a name that is not public"


@pytest.mark.parametrize("page", PUBLIC)
def test_every_public_name_has_a_docstring(page):
    for name in names(page):
        value = getattr(PUBLIC[page], name)
        if inspect.isclass(value) or inspect.isfunction(value):
            text = value.__doc__ or f"{name}("  # as a dataclass says of itself
            assert not text.startswith(f"{name}("), f"{name} has no docstring"
        else:
            assert explained(PUBLIC[page], name), f"add a string below {name}, which says what it is"


def test_every_page_can_be_found():
    navigation = (PAGES.parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    assert {page.stem for page in PAGES.glob("*.md")} == set(PUBLIC)
    for page in PUBLIC:
        assert f"api/{page}.md" in navigation
        assert page == "index" or f"({page}.md)" in text_of("index")
