"""Where texts and lines of a figure are, once it is laid out: what leaves the page, and what stands on what."""

from itertools import combinations

import numpy as np
from matplotlib.transforms import Bbox

from hepflow.plots.style import style

SLACK = 1.5  # pixels


def faults(figure):
    """Return in words what is wrong with the layout of a figure."""
    canvas = figure.canvas
    with style():
        canvas.draw_without_rendering()
    ticks, texts = _ticks(canvas), _texts(canvas)
    found = [f"{name!r} leaves the figure" for name, box in ticks + texts if not _inside(box, canvas.bbox)]
    pairs = [*combinations(texts, 2), *((one, tick) for one in texts for tick in ticks)]
    found += [f"{one!r} stands on {other!r}" for (one, a), (other, b) in pairs if _meet(a, b)]
    lines = [line for ax in canvas.axes for line in _straight(ax)]
    return found + [
        f"a line strikes {name!r}"
        for name, box in _texts(canvas, backed=False)
        if any(_meet(box, one) for one in lines)
    ]


def _ticks(canvas):
    """Return the numbers of all axes, each with where it stands."""
    axes = [axis for ax in canvas.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)]
    labels = [one.label1 for axis in axes for one in axis._update_ticks()]
    return [(one.get_text(), one.get_window_extent()) for one in labels if _seen(one)]


def _texts(canvas, backed=True):
    """Return all other texts, each with where it stands, a legend among them; not on a ground only if `backed`."""
    legends = [*canvas.legends, *(ax.get_legend() for ax in canvas.axes if ax.get_legend() is not None)]
    found = [(f"legend {one.get_texts()[0].get_text()}", one.get_window_extent()) for one in legends]
    axes = [axis for ax in canvas.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)]
    free = [*canvas.texts, *(text for ax in canvas.axes for text in ax.texts)]
    free += [text for axis in axes for text in (axis.label, axis.offsetText)]
    return found + [
        (one.get_text(), one.get_window_extent())
        for one in free
        if _seen(one) and (backed or one.get_bbox_patch() is None)
    ]


def _seen(text):
    return text.get_visible() and text.get_text().strip()


def _straight(ax):
    """Yield where straight lines along an axis go: they mark levels and borders."""
    for line in ax.lines:
        if line.get_linestyle() in ("None", "none", "") or len(line.get_xdata()) != 2:
            continue
        ends = line.get_transform().transform(np.array(line.get_xydata(), dtype=float))
        box = Bbox.intersection(Bbox([ends.min(axis=0), ends.max(axis=0)]), ax.bbox)
        if box is not None and min(box.width, box.height) < 1:
            yield box


def _inside(box, page):
    return (
        box.x0 > page.x0 - SLACK
        and box.y0 > page.y0 - SLACK
        and box.x1 < page.x1 + SLACK
        and box.y1 < page.y1 + SLACK
    )


def _meet(one, other):
    """Whether two boxes meet by more than a little; a line has no width, or no height."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return (
        across > min(SLACK, one.width / 2, other.width / 2) - 1e-9
        and up > min(SLACK, one.height / 2, other.height / 2) - 1e-9
    )
