"""Options that several commands share, and the names under which commands find them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hepflow.errors import ConfigError

if TYPE_CHECKING:
    from hepflow.sample import FloatArray

Function = TypeVar("Function", bound=Callable[..., Any])

FUNCTIONS = ("dijet", "ua2", "modified-exponential")
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
MOST = 2000  # steps of a grid: more are a slip in a unit


def grid(option: str, values: tuple[float, float, float]) -> FloatArray:
    """Return the numbers LOW, LOW + STEP, ... up to HIGH, which is among them if it is a step away.

    Raises
    ------
    ConfigError
        If they make no sense; the message names the option.
    """
    import numpy as np

    low, high, step = values
    if not (0 <= low <= high < np.inf and 0 < step < np.inf) or high - low > MOST * step:
        raise ConfigError(
            f"{option} {low:g} {high:g} {step:g}: expected LOW HIGH STEP with 0 <= LOW <= HIGH, STEP > 0 and at most "
            f"{MOST} steps"
        )
    steps = np.arange(int((high - low) / step + 1e-9) + 1, dtype=np.float64)
    return low + step * steps


def _together(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    def give(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return give


smoothness = _together(
    click.option(
        "--max-shape",
        type=int,
        metavar="N",
        help="Most shape parameters that the F-test may take [default: all of the function].",
    ),
    click.option(
        "--sqrt-s",
        type=float,
        default=13_000.0,
        show_default=True,
        metavar="GEV",
        help="Collision energy, the scale of the function.",
    ),
)

regions = _together(
    click.option(
        "--signal-region",
        type=float,
        nargs=2,
        metavar="LOW HIGH",
        help="Signal region of a spectrum, GeV.",
    ),
    click.option(
        "--sideband",
        "sidebands",
        type=float,
        nargs=2,
        metavar="LOW HIGH",
        multiple=True,
        help="A sideband, GeV, as often as wanted [default: all outside the signal region].",
    ),
    click.option(
        "--background",
        type=click.Choice([*FUNCTIONS, "template"]),
        default=FUNCTIONS[0],
        show_default=True,
        help="A smooth function, or the shape in --template.",
    ),
    click.option("--template", metavar="SPECTRUM", help="Expected background events in the same bins."),
    click.option(
        "--fit-range",
        type=click.Choice(["sidebands", "all"]),
        default="sidebands",
        show_default=True,
        help="Fit the function to the sidebands alone, or to all bins together with the signal.",
    ),
    click.option(
        "--signal-mass", type=float, metavar="GEV", help="Mean of a Gaussian signal [default: count]."
    ),
    click.option("--signal-width", type=float, metavar="GEV", help="Standard deviation of that signal."),
    smoothness,
)

masses = _together(
    click.option(
        "--masses",
        type=float,
        nargs=3,
        metavar="LOW HIGH STEP",
        help="Masses of the signal, GeV, HIGH among them.",
    ),
    click.option(
        "--width",
        type=float,
        default=0.03,
        show_default=True,
        metavar="FRACTION",
        help="Standard deviation of a Gaussian signal over its mass.",
    ),
    click.option(
        "--signal",
        "signals",
        multiple=True,
        metavar="MASS=FILE",
        help="In place of the Gaussian: the mass histogram of signal simulated at a mass in GeV, at strength one, "
        "twice or more; masses between them are interpolated.",
    ),
    click.option(
        "--window",
        type=float,
        metavar="FRACTION",
        help="Fit only bins within this fraction of the mass on either side [default: all bins].",
    ),
)

cross_section = _together(
    click.option(
        "--luminosity",
        type=float,
        metavar="FB",
        help="Integrated luminosity, inverse femtobarn: strengths are then cross-sections times branching ratio "
        "times acceptance.",
    ),
    click.option(
        "--efficiency",
        metavar="VALUE|FILE",
        help="With --luminosity: share of the accepted signal that is selected, or a CSV file of mass and share "
        "[default: 1].",
    ),
    click.option(
        "--theory",
        metavar="FILE",
        help="With --luminosity: a CSV file of mass (GeV) and predicted cross-section (fb), drawn beside limits "
        "and as expected p0.",
    ),
)

resonance = click.option(
    "--resonance",
    metavar="NAME",
    help="What axes call the mass of a spectrum, such as m_mumu [default: as the file does, or m_jj].",
)

calculator = _together(
    click.option(
        "--calculator",
        type=click.Choice(["auto", "asymptotic", "toys"]),
        default="auto",
        show_default=True,
        help="Of p-values and limits; auto takes toys where fewer than 20 events are expected under the signal.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of all toys."),
    click.option(
        "--level", type=float, default=0.95, show_default=True, help="Confidence level of the limits."
    ),
)

toys = click.option(
    "--toys",
    type=int,
    metavar="N",
    help="Toys of each hypothesis, where toys are thrown [default: as many as each number needs].",
)
