"""Figure: a drawing that is saved whole or not at all, the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import SubplotSpec
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from hepflow.atomic import atomic_write
from hepflow.engine.job import Job, published
from hepflow.errors import ConfigError, InputError
from hepflow.plots.fonts import without_layout
from hepflow.plots.label import Label
from hepflow.plots.style import DPI, NEUTRAL, style

METADATA: dict[str, dict[str, Any]] = {  # without what differs from run to run
    "pdf": {"CreationDate": None},
    "png": {},
    "svg": {"Date": None},
}
WIDE, NARROW, TOP = 0.74, 0.64, 0.28  # margins on the left and above, inches
X_LABEL = 0.26  # inches from the axes to the title of x
Y_LABEL = 0.21  # inches from the title of y to the figure's edge
LINE, NOTE = 0.17, 0.13  # heights of a second line above, and of a line below the figure, inches
APART = 0.04  # inches between the title of x and footnotes
LETTERS = 20  # of a footnote on an inch
GAP = 0.06  # inches between panels that share their x axis


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawn figure.

    Parameters
    ----------
    canvas
        The matplotlib figure, for changes of one's own before it is saved. pyplot does not know it, so that nothing
        needs to be closed.
    """

    canvas: Canvas

    def save(self, path: str | Path) -> Path:
        """Write the figure, whole or not at all; the suffix of `path` decides the format.

        Raises
        ------
        ConfigError
            If the suffix is none of .pdf, .png and .svg.
        InputError
            If the folder does not exist, or cannot be written to.
        """
        path = Path(path)
        kind = file_format(path.suffix.removeprefix("."), str(path))
        with atomic_write(path) as temporary:
            temporary.write_bytes(self.encode(kind))
        return path

    def encode(self, kind: str, dpi: int = DPI) -> bytes:
        """Return what a file of the figure holds; `kind` is pdf, png or svg.

        Raises
        ------
        ConfigError
            If it is none of these.
        """
        kind = file_format(kind, "kind")
        with style(), without_layout() if kind == "pdf" else nullcontext():
            try:
                return self._saved(kind, dpi)
            except ValueError:  # which names no text
                if not _as_written(self.canvas):
                    raise
                return self._saved(kind, dpi)

    def _saved(self, kind: str, dpi: int) -> bytes:
        stream = io.BytesIO()
        self.canvas.savefig(stream, format=kind, dpi=dpi, metadata=METADATA[kind])
        return stream.getvalue()

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return self.encode("png", DPI // 2)


def save_all(
    figures: Iterable[tuple[str, Figure]], folder: str | Path, formats: Sequence[str] = ("pdf", "png")
) -> list[Path]:
    """Write figures, each by its name in every format, to a folder that is made if need be; return the files.

    Raises
    ------
    ConfigError
        If a format is unknown.
    InputError
        If the folder cannot be made or written to.
    """
    formats, folder = [file_format(name, "formats") for name in formats], Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder for figures ({error.strerror})") from None
    return [figure.save(folder / f"{name}.{suffix}") for name, figure in figures for suffix in formats]


@published
def draw(job: Job) -> list[Path]:
    """Draw what a study has to show of its record."""
    record = job.chosen("record").from_json(job.out / job.settings["file"])
    label = Label(**job.settings["label"])
    return save_all(job.chosen("figures")(record, label=label), job.out / "figures")


def file_format(name: str, where: str) -> str:
    """Return a format's name in lower case.

    Raises
    ------
    ConfigError
        If figures cannot be written in it.
    """
    if name.lower() not in METADATA:
        raise ConfigError(f"{where}: no figure format {name!r}; expected one of {', '.join(METADATA)}")
    return name.lower()


def canvas(
    width: float, height: float, *, left: float = NARROW, right: float = 0.22, bottom: float = 0.5
) -> Canvas:
    """Return an empty figure with the margins (inches) that labels need; `WIDE` on the left for "30,000" events."""
    figure = Canvas(figsize=(width, height))
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - TOP / height)
    return figure


def stacked(figure: Canvas, ratios: Sequence[float], cell: SubplotSpec | None = None) -> list[Axes]:
    """Return axes one above the other, heights in `ratios`, that share their x axis, the labels on the lowest.

    They fill the figure, or a `cell` of its grid.
    """
    rows = len(ratios)
    inside = figure.add_gridspec(1, 1)[0] if cell is None else cell
    available = inside.get_position(figure).height * figure.get_size_inches()[1]
    gap = GAP / ((available - GAP * (rows - 1)) / rows)  # matplotlib wants it in units of the mean height
    grid = inside.subgridspec(rows, 1, height_ratios=ratios, hspace=gap)
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(grid[row], sharex=axes[0]) for row in range(1, rows)]
    for upper in axes[:-1]:
        upper.tick_params(labelbottom=False)
    return axes


def header(ax: Axes, label: Label | str, right: str = "", *, last: Axes | None = None) -> None:
    """Write who made the figure above its upper left corner, and what it shows above the right one.

    That stands above luminosity and energy, where `label` has them.

    Parameters
    ----------
    ax
        The first panel.
    label, right
        The two texts.
    last
        The panel in the upper right corner; left out, the first.
    """
    label, last = Label.of(label), ax if last is None else last
    label.draw(ax, last)
    if not right:
        return
    if label.measured:
        _grow(ax.figure, above=LINE)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
    height = 4 + (72 * LINE if label.measured else 0)
    last.annotate(right, (1, 1), (0, height), va="bottom", size=9, color=NEUTRAL, **place)


def footnotes(figure: Canvas, *notes: str) -> None:
    """Write what a symbol means, or what is left out, below the figure, each on lines of its own; empty ones on none.

    Legends beside the axes are placed after this.
    """
    letters = round(LETTERS * figure.get_size_inches()[0])
    written = [line for note in notes for line in wrap(note, letters)]
    _grow(figure, below=NOTE * len(written) + (APART if written else 0.0))
    width, height = figure.get_size_inches()
    for line, note in enumerate(reversed(written)):
        figure.text(NOTE / width, (0.05 + NOTE * line) / height, note, size=7.5, color=NEUTRAL, va="bottom")


def _as_written(figure: Canvas) -> bool:
    """Have labels whose LaTeX matplotlib cannot set stand as they were written; return whether there is one."""
    parser, found = MathTextParser("path"), False
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_parse_math():
            try:
                parser.parse(text.get_text())
            except ValueError:
                text.set_parse_math(False)
                found = True
    return found


def _grow(figure: Any, above: float = 0.0, below: float = 0.0) -> None:
    """Make room (inches) above or below the axes, which keep their size."""
    width, height = figure.get_size_inches()
    margins, new = figure.subplotpars, height + above + below
    bottom, top = margins.bottom * height + below, (1 - margins.top) * height + above
    figure.set_size_inches(width, new)
    figure.subplots_adjust(bottom=bottom / new, top=1 - top / new)


def finished(figure: Canvas) -> Figure:
    """Put the axes' titles where they stand in all figures, which also saves matplotlib a long look for room."""
    width, height = figure.get_size_inches()
    left = figure.subplotpars.left * width - Y_LABEL
    for ax in figure.axes:
        box = ax.get_position()
        across, up = box.width * width, box.height * height  # inches
        ax.yaxis.set_label_coords(-left / across, ax.yaxis.label.get_position()[1])
        ax.xaxis.set_label_coords(ax.xaxis.label.get_position()[0], -X_LABEL / up)
    return Figure(figure)
