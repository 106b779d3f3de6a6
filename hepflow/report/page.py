"""From a page's blocks to HTML: templates with autoescape, one style sheet, and a policy that forbids the rest."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hepflow.atomic import write_text
from hepflow.engine.job import Job, published
from hepflow.plots.label import Label
from hepflow.printable import printable
from hepflow.report.blocks import Page
from hepflow.version import __version__

# Browsers themselves refuse whatever would come from elsewhere, and scripts from anywhere.
POLICY = "default-src 'none'; img-src data:; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


def render(page: Page) -> str:
    """Return a page as HTML; text is escaped, the style sheet stands inside."""
    environment = Environment(
        loader=PackageLoader("hepflow.report"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    sections = [section for section in page.sections if section.blocks]
    return environment.get_template("page.html").render(
        page=page,
        sections=sections,
        style=Markup(style),
        policy=POLICY.format(digest),
        version=__version__,
    )


def _seen(value: object) -> object:
    """Return what a template shows; text with its control characters written out."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@published
def report(job: Job) -> list[Path]:
    """Write the report that a study has of its record."""
    return [write_page(job.chosen("page")(job.out, Label(**job.settings["label"])), job.out / "report.html")]


def write_page(page: Page, path: Path) -> Path:
    """Write a page as one HTML file with its style and figures inside, whole or not at all.

    The same records give the same bytes.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_text(path, render(page))
    return path
