"""Who made a figure, as experiments write it: name and status on the left, luminosity and energy on the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mplhep
from matplotlib.axes import Axes

from hepflow.plots.style import FONTS

SIZES = (11, 10, 9, 9)  # points, of experiment, status, luminosity and energy, and what else there is


@dataclass(frozen=True)
class Label:
    """What stands above the corners of a figure.

    Parameters
    ----------
    experiment
        In bold, on the left. For those that mplhep knows (ALICE, ATLAS, CMS, DUNE, LHCb), in their own style.
    status
        Behind it, such as ``Simulation`` or ``Preliminary``.
    luminosity
        Integrated, in inverse femtobarn, on the right.
    energy
        Of the collisions in their centre of mass, TeV, behind the luminosity.
    """

    experiment: str = "hepflow"
    status: str = ""
    luminosity: float | None = None
    energy: float | None = None

    @classmethod
    def of(cls, label: Label | str) -> Label:
        """Return a label, of a text its experiment."""
        return cls(label) if isinstance(label, str) else label

    @property
    def measured(self) -> bool:
        """Whether there is something to say on the right."""
        return self.luminosity is not None or self.energy is not None

    def draw(self, left: Axes, right: Axes) -> None:
        """Write it above the left corner of one panel, and the right corner of another, which may be the same."""
        write = _written_by(self.experiment)
        look: dict[str, Any] = {"loc": 0, "data": True, "fontsize": SIZES, "fontname": FONTS[0]}
        look |= {"scilocator_adjust": False}  # it would draw the figure once more
        write(exp=self.experiment, text=self.status, rlabel="", ax=left, **look)
        if self.measured:
            luminosity, energy = (
                None if one is None else f"{one:g}" for one in (self.luminosity, self.energy)
            )
            write(exp="", text="", lumi=luminosity, com=energy, ax=right, **look)


def _written_by(experiment: str) -> Callable[..., Any]:
    """Return what writes an experiment's label: its own function of mplhep, or the one for all others."""
    known = {name.upper(): getattr(mplhep, name) for name in ("alice", "atlas", "cms", "dune", "lhcb")}
    own = known.get(experiment.upper())
    return mplhep.label.exp_label if own is None else own.label  # type: ignore[no-any-return]
