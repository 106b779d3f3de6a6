"""Code: the files behind a module, in a package in miniature."""

import ast

import pytest

from hepflow.engine import code
from hepflow.engine.code import code_of, differing

FILES = {
    "__init__.py": "",
    "base.py": "X = 1\n",
    "other.py": "X = 2\n",
    "unused.py": "X = 3\n",
    "types.py": "X = 4\n",
    "shelf/__init__.py": "from hepflow.shelf.one import first\nfrom hepflow.shelf.two import second as two\n",
    "shelf/one.py": "from hepflow.base import X\nfirst = X\nNATIVE = 'fast.c'\n",
    "shelf/two.py": "from hepflow.other import X\nsecond = X\n",
    "shelf/fast.c": "int x;\n",
    "shelf/slow.c": "int y;\n",
    "pages/__init__.py": "",
    "pages/page.py": "PAGE = 'page.html'\n",
    "pages/templates/page.html": "{% import 'parts.html' as parts %}\n",
    "pages/templates/parts.html": "<p>\n",
    "pages/templates/other.html": "<p>\n",
    "plain.py": "import numpy\nimport hepflow.base\n",
    "late.py": "def make():\n    from hepflow.other import X\n    return X\n",
    "typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hepflow.types import X\n",
    "takes_one.py": "from hepflow.shelf import first\n",
    "takes_two.py": "from hepflow.shelf import two\n",
    "takes_submodule.py": "from hepflow.shelf import one\n",
    "takes_all.py": "import hepflow.shelf\n",
    "circle.py": "from hepflow.round import X\n",
    "round.py": "from hepflow.circle import X\n",
}
SHELF = [f"shelf/{name}" for name in ("__init__.py", "fast.c", "one.py", "two.py")]


@pytest.fixture
def forget():
    """Return a function that forgets all that is known of files."""

    def forget():
        for cached in (
            code_of,
            code._hash,
            code._files,
            code._imports,
            code._exports,
            code._names,
            code._path,
        ):
            cached.cache_clear()

    yield forget
    forget()


@pytest.fixture
def house(tmp_path, monkeypatch, forget):
    """Return the folder of the package."""
    root = tmp_path / "hepflow"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(code, "ROOT", root)
        yield root


@pytest.mark.parametrize(
    ("module", "files"),
    [
        ("base", ["base.py"]),
        ("plain", ["base.py", "plain.py"]),
        ("late", ["late.py", "other.py"]),
        ("typed", ["typed.py"]),
        ("takes_one", ["base.py", "shelf/fast.c", "shelf/one.py", "takes_one.py"]),
        ("takes_two", ["other.py", "shelf/two.py", "takes_two.py"]),
        ("takes_submodule", ["base.py", "shelf/fast.c", "shelf/one.py", "takes_submodule.py"]),
        ("takes_all", ["base.py", "other.py", *SHELF, "takes_all.py"]),
        ("pages.page", ["pages/page.py", "pages/templates/page.html", "pages/templates/parts.html"]),
        ("circle", ["circle.py", "round.py"]),
    ],
)
def test_the_files_behind_a_module(house, module, files):
    assert list(code_of(f"hepflow.{module}")) == files


def test_the_files_behind_several(house):
    assert set(code_of("hepflow.base", "hepflow.late")) == {"base.py", "late.py", "other.py"}


def test_modules_of_others_have_no_code_here(house):
    assert not code_of("steps_for_tests")
    assert code_of("steps_for_tests", "hepflow.base") == code_of("hepflow.base")


def test_a_changed_line_counts_where_it_is_used(house, forget):
    before = {module: code_of(f"hepflow.{module}") for module in ("takes_one", "takes_two")}
    assert differing(before["takes_one"]) is None
    (house / "shelf" / "fast.c").write_text("int z;\n", "utf-8")
    forget()
    assert code_of("hepflow.takes_one") != before["takes_one"]
    assert code_of("hepflow.takes_two") == before["takes_two"]
    assert differing(before["takes_one"]) == "shelf/fast.c"
    assert differing(before["takes_two"]) is None
    (house / "shelf" / "two.py").unlink()
    assert differing(before["takes_two"]) == "shelf/two.py"


def every_statement(node):
    """Go through the statements of a tree, but not where only types are imported."""
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):
        for child in getattr(node, block, ()):
            if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
                yield child
                yield from every_statement(child)


def of_hepflow(node):
    names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(name.partition(".")[0] == "hepflow" for name in names)


@pytest.mark.parametrize("path", sorted(code.ROOT.rglob("*.py")), ids=lambda path: path.stem)
def test_imports_found_in_the_text_are_those_of_the_tree(path):
    source = path.read_text("utf-8")
    parsed = [ast.unparse(node) for node in every_statement(ast.parse(source)) if of_hepflow(node)]
    assert sorted(map(ast.unparse, code.import_statements(source))) == sorted(parsed)
