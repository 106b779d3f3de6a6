"""The look of all figures: mplhep's style at the size of a paper's column, and colours that survive print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib.style
import mplhep

P = ParamSpec("P")
R = TypeVar("R")

WIDTH = 4.6  # inches; reduced to a column of 86 mm, the text measures 7 points
DPI = 200

# Petroff's palettes (arXiv:2107.02270): told apart by colour-blind readers and in grey
DATA = "black"
EXPECTED = "#3f90da"
SIGNAL = "#bd1f01"
TRUTH = "#832db6"
NEUTRAL = "#717581"
SIDEBAND = "#00897b"
SEQUENCE = ("#717581", "#3f90da", "#bd1f01", "#e69500", "#832db6", "#a96b59", "#00897b", "#b9ac70")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
ONE_SIGMA, TWO_SIGMA = "#607641", "#f5bb54"  # the bands of CMS limits

FONTS = ("Fira Sans", "DejaVu Sans")  # TrueType, which PDF can hold as Type 42; mplhep brings the first

STYLE: dict[str, Any] = {
    **mplhep.style.ATLAS,
    "font.family": "sans-serif",
    "font.sans-serif": list(FONTS),
    "mathtext.fontset": "stixsans",  # upright digits and sans-serif Greek
    "font.size": 10,
    "axes.labelsize": 11,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9,
    "legend.title_fontsize": 9,
    "legend.borderpad": 0.2,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.8,
    "axes.linewidth": 0.8,
    "axes.labelpad": 4,
    "axes.autolimit_mode": "data",
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-4, 5),
    "xtick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,  # outlines, no Type 3: what journals take, and editors can change
    "svg.hashsalt": "hepflow",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in hepflow's style inside the block, whatever the user has set, and leave the user's settings alone."""
    with matplotlib.style.context([STYLE], after_reset=True):
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in hepflow's style."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return draw(*args, **kwargs)

    return inside


def sequence(count: int) -> list[tuple[str, str]]:
    """Return `count` pairs of colour and marker; the first is the neutral one, for the inclusive selection."""
    return [(SEQUENCE[i % len(SEQUENCE)], MARKERS[i % len(MARKERS)]) for i in range(count)]
