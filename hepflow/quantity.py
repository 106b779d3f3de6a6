"""Quantity: what a column of events is called, by files, axes and sentences, and what it is computed from."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from hepflow.errors import ConfigError, did_you_mean

GEV = {"eV": 1e-9, "keV": 1e-6, "MeV": 1e-3, "GeV": 1.0, "TeV": 1e3}  # one of each, in GeV


@dataclass(frozen=True)
class Quantity:
    r"""A column of events.

    Parameters
    ----------
    name
        What tables, files and messages call it.
    label
        What axes call it, in LaTeX, without the unit; left out, its name.
    unit
        Such as ``GeV``; empty for a pure number.
    title
        What sentences call it, such as ``dimuon mass``; left out, its name.
    expression
        What it is computed from: a column of the file, or an expression of columns (`hepflow.readers.Expression`);
        left out, the column of its name.

    Examples
    --------
    >>> import hepflow as hf
    >>> mass = hf.Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV", "dimuon mass")
    >>> mass.axis
    '$m_{\\mu\\mu}$ [GeV]'
    >>> hf.Quantity("dphi", expression="abs(deltaphi(phi1, phi2))").axis
    'dphi'
    """

    name: str
    label: str = ""
    unit: str = ""
    title: str = ""
    expression: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConfigError(f"a quantity named {self.name!r}: expected a name")

    @property
    def axis(self) -> str:
        """Its label with the unit, for an axis."""
        return f"{self.symbol} [{self.unit}]" if self.unit else self.symbol

    @property
    def symbol(self) -> str:
        """Its label, or else its name."""
        return self.label or self.name

    @property
    def plain(self) -> str:
        """Its name with the unit, where no LaTeX is understood."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return self.title or self.name

    @property
    def heading(self) -> str:
        """What it is called where a sentence begins; a name stays as it is."""
        return self.title[:1].upper() + self.title[1:] if self.title else self.name

    @property
    def math(self) -> str:
        """Its symbol in LaTeX, to stand between dollars."""
        inner = re.fullmatch(r"\$([^$]+)\$", self.label)
        if inner:
            return inner[1]
        text = re.sub(r"([_%&#$])", r"\\\1", self.symbol)
        return rf"\mathrm{{{text}}}"

    def in_gev(self) -> tuple[Quantity, float]:
        """Return the quantity in GeV, and the factor that brings it there.

        Raises
        ------
        ConfigError
            If its unit is none of energy: regions, bins and fits are in GeV.
        """
        unit = self.unit or "GeV"
        if unit not in GEV:
            raise ConfigError(
                f"unit {unit!r} of {self.name!r}: a resonant variable is in GeV, as regions and bins are; expected "
                f"{', '.join(GEV)}; {did_you_mean(unit, GEV)}"
            )
        factor = GEV[unit]
        return (self if self.unit == "GeV" else replace(self, unit="GeV")), factor


def of_axis(name: str, label: str) -> Quantity:
    r"""Return what the axis of a histogram is called, by its name and its label; m_jj where it has neither.

    A label may hold the unit, ``[GeV]`` or ``(GeV)``, and be written as ROOT does, ``m_{#mu#mu}``.

    Examples
    --------
    >>> from hepflow.quantity import of_axis
    >>> of_axis("xaxis", "m_{#mu#mu} [GeV]")
    Quantity(name='m_mumu', label='$m_{\\mu\\mu}$', unit='GeV', title='', expression='')
    """
    name, label = (
        "" if re.fullmatch(r"|xaxis|Axis \d+", text.strip()) else text.strip() for text in (name, label)
    )
    text, unit = label_of(re.sub(r"\(([^()]+)\)$", r"[\1]", label))
    unit = re.sub(r"/c\^?\{?2\}?$", "", unit)
    if unit and unit not in GEV:
        text, unit = label, ""
    name = name or _plain(text)
    if not name:
        return M_JJ
    symbol = "" if text == name else _from_root(text)
    if name == M_JJ.name:
        return replace(M_JJ, label=symbol or M_JJ.label, unit=unit or M_JJ.unit)
    return Quantity(name, symbol, unit or "GeV")


def _plain(text: str) -> str:
    """Return the letters, digits and ``_`` of a label."""
    words = re.sub(r"[#\\](math)?(it|bf|rm)\b", "", text)
    return re.sub(r"\s+", "_", re.sub(r"[^\w\s]+|_(?=_)", "", words, flags=re.ASCII)).strip("_")


def _from_root(text: str) -> str:
    """Return a text with ROOT's TLatex, if it has some, as LaTeX between dollars."""
    if "$" in text or "\\" in text:
        return text
    fonts = re.sub(r"#(it|bf|rm)\{", r"#math\1{", text)
    return re.sub(r"\S*(#[A-Za-z]|[_^]\{)\S*", lambda found: f"${found[0].replace('#', chr(92))}$", fonts)


def label_of(axis: str) -> tuple[str, str]:
    """Return label and unit of what stands at an axis, such as ``$m$ [GeV]``."""
    found = re.fullmatch(r"(.*\S)\s*\[([^\]]+)\]", axis.strip())
    return (found[1], found[2]) if found else (axis.strip(), "")


def number(value: float) -> str:
    """Return a mass as text: whole numbers where it is large, else four digits."""
    if not math.isfinite(value) or abs(value) >= 1000 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.4g}"


M_JJ = Quantity("m_jj", r"$m_{jj}$", "GeV", "dijet mass")
"""The mass of the two leading jets: what is searched where nothing else is said."""
