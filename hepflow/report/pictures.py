"""Figures inside the page: vectors where they are small, pixels where a figure has many points."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from hepflow.plots import Figure
from hepflow.report.blocks import Gallery, Picture

VECTOR = 160_000  # bytes; an SVG of more, with its thousands of points, is larger than its pixels
SCREEN = 110  # CSS pixels an inch: text of 10 points is read as in the page


def gallery(drawn: Mapping[str, Picture], *prefixes: str) -> Gallery | None:
    """Return the pictures whose names begin in one of these ways; None where there are none."""
    shown = tuple(one for name, one in drawn.items() if name.startswith(prefixes))
    return Gallery(shown) if shown else None


def picture(figure: Figure, caption: str, alt: str) -> Picture:
    """Return a figure as a data URI. An SVG in an image runs no script and loads nothing."""
    content, kind = figure.encode("svg"), "svg+xml"
    if len(content) > VECTOR:
        content, kind = figure.encode("png"), "png"
    width, height = figure.canvas.get_size_inches()
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return Picture(uri, round(SCREEN * width), round(SCREEN * height), caption, alt)
