"""Upper limits against the mass of the signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.bands import draw_bands
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.masses import draw_masses, left_out, set_mass_axis
from hepflow.plots.style import SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray
from hepflow.text import FEMTOBARN

if TYPE_CHECKING:
    from hepflow.stats.scan import Scan

CROSS_SECTION = r"$\sigma \times B \times A$ [fb]"
FILLED = 0.68  # share of the height below the largest limit; the legend stands above
THEORY: dict[str, Any] = {"color": SIGNAL, "linestyle": "-."}


@styled
def brazil(
    scan: Scan,
    *,
    theory: tuple[ArrayLike, ArrayLike] | None = None,
    theory_name: str = "Theory",
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw observed and expected CLs upper limits on the signal strength against the mass of the signal.

    Full points are asymptotic limits, open ones come from toys.

    Parameters
    ----------
    scan
        What `hepflow.stats.MassScan.run` returned.
    theory
        A prediction to compare with: masses in GeV and values in the unit of the limits, each of shape ``(N,)``.
    theory_name
        Its name in the legend.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the scan was run without limits, or `theory` is not two columns of one length.
    """
    if scan.mu_up_obs is None or scan.mu_up_exp is None:
        raise ConfigError("this scan holds no limits to draw: run it with limits=True")
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    bands = draw_bands(ax, scan.mass, scan.mu_up_exp)
    entries = draw_masses(ax, scan.mass, scan.mu_up_obs, scan.calculator, "Observed") | bands
    shown = [scan.mu_up_obs, scan.mu_up_exp.ravel()]
    if theory is not None:
        mass, value = _columns(theory)
        ax.plot(mass, value, zorder=4.5, **THEORY)
        entries[theory_name] = Line2D([], [], **THEORY)
        shown.append(value[(mass >= scan.mass[0]) & (mass <= scan.mass[-1])])
    artists.set_range(ax, np.concatenate(shown), FILLED)
    known = scan.unit == FEMTOBARN
    unit = None if known else rf"Unit of $\mu$: {scan.unit}"
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2, title=unit)
    set_mass_axis(ax, scan.mass)
    ax.set_ylabel(rf"{100 * scan.level:g}% CL$_s$ upper limit on " + (CROSS_SECTION if known else r"$\mu$"))
    header(ax, label, right)
    footnotes(figure, left_out(scan.mass, scan.mu_up_obs, "limit"))
    return finished(figure)


def _columns(theory: tuple[ArrayLike, ArrayLike]) -> tuple[FloatArray, FloatArray]:
    mass, value = (np.asarray(column, dtype=np.float64) for column in theory)
    if mass.ndim != 1 or mass.shape != value.shape:
        raise ConfigError(f"theory: expected masses (N,) and values (N,); got {mass.shape} and {value.shape}")
    return mass, value
