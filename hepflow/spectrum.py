"""Spectrum: binned masses of the data beside the background expected in each bin. What selections hand to fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.quantity import M_JJ, Quantity
from hepflow.regions import Windows
from hepflow.sample import FloatArray
from hepflow.shown import show_briefly

if TYPE_CHECKING:
    import hist


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Observed and expected events in bins of the resonant variable.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV; every border of a region is an edge.
    observed
        Data events per bin, shape ``(B,)``; what the fit takes for them where they are blinded.
    expected
        Background events per bin before any fit to the signal region, shape ``(B,)``.
    windows
        The signal region and the sidebands; bins in neither take no part in the fit.
    modes
        Errors that move all bins together: name -> shift of `expected` for one standard deviation, shape ``(B,)``.
        Independent of each other.
    statistical
        Errors that are independent from bin to bin, shape ``(B,)``, in events.
    constraint
        How the fit takes these: "poisson", as of a template of few events, or "gaussian", as of errors that were
        given with a template (`shapesys` and `staterror` of HistFactory).
    sidebands_in_fit
        True after a cut: the sidebands join the fit and share one free factor with the signal region, so that what
        the template misses there is measured. False where `expected` was itself fitted to these sidebands, which
        must not be counted twice.
    blind
        True where `observed` holds no data of the signal region: see `blinded`.
    exposure
        Counts for an event that a smooth function or a signal stands for, shape ``(B,)``: of a weighted spectrum,
        whose `observed` are effective counts. None where all bins have one weight.
    resonance
        What the resonant variable is called; by default m_jj.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> spectrum = hf.Spectrum(
    ...     edges=np.array([2900.0, 3300.0, 3700.0, 4100.0]),
    ...     observed=np.array([410.0, 130.0, 42.0]),
    ...     expected=np.array([400.0, 100.0, 40.0]),
    ...     windows=hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)]),
    ...     modes={"shape": np.array([0.0, 5.0, 0.0])},
    ... )
    >>> spectrum.expected_in_signal()
    (100.0, 5.0)
    >>> spectrum.blinded().data
    array([410.,  nan,  42.])
    """

    edges: FloatArray
    observed: FloatArray
    expected: FloatArray
    windows: Windows
    modes: Mapping[str, FloatArray] = field(default_factory=dict)
    statistical: FloatArray = field(default_factory=lambda: np.zeros(0))
    sidebands_in_fit: bool = False
    blind: bool = False
    exposure: FloatArray | None = None
    constraint: Literal["poisson", "gaussian"] = "poisson"
    resonance: Quantity = M_JJ

    def __post_init__(self) -> None:
        bins = len(self.edges) - 1
        if not np.size(self.statistical):
            object.__setattr__(self, "statistical", np.zeros(bins))
        columns = {"observed": self.observed, "expected": self.expected, "statistical": self.statistical}
        for name, column in {**columns, **self.modes}.items():
            if np.shape(column) != (bins,):
                raise ConfigError(f"Spectrum: expected {name} of shape ({bins},); got {np.shape(column)}")
        for name, column in columns.items():
            if not np.all(np.isfinite(column)) or np.any(np.asarray(column) < 0):
                bad = int(np.argmax(~np.isfinite(column) | (np.asarray(column) < 0)))
                raise InputError(
                    f"Spectrum: {name} is {column[bad]} in bin {self.edges[bad]:g}-{self.edges[bad + 1]:g} GeV; "
                    "expected finite numbers, zero or more"
                )

    @property
    def centres(self) -> FloatArray:
        """Bin centres, shape ``(B,)``, GeV."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def in_signal(self) -> NDArray[np.bool_]:
        """Mask of the bins of the signal region, shape ``(B,)``."""
        return self.windows.in_signal(self.centres)

    @property
    def in_sidebands(self) -> NDArray[np.bool_]:
        """Mask of the bins of the sidebands, shape ``(B,)``."""
        return self.windows.in_sidebands(self.centres)

    def expected_in_signal(self) -> tuple[float, float]:
        """Return the background expected in the signal region and its full error, in events.

        With `sidebands_in_fit` both include the factor ``observed / expected`` measured in the sidebands.
        """
        inside = self.in_signal
        expected = float(self.expected[inside].sum())
        variance = float(np.sum(self.statistical[inside] ** 2))
        variance += sum(float(mode[inside].sum()) ** 2 for mode in self.modes.values())
        if self.sidebands_in_fit and expected > 0:
            factor, error = self.sideband_factor()
            variance = (factor**2) * variance + (expected * error) ** 2
            expected *= factor
        return expected, float(np.sqrt(variance))

    def corrected(self) -> tuple[FloatArray, FloatArray]:
        """Return the expected background per bin as the fit sees it, and its full error, shapes ``(B,)``.

        With `sidebands_in_fit` both include the factor measured in the sidebands.
        """
        variance = self.statistical**2
        for mode in self.modes.values():
            variance = variance + mode**2
        if not self.sidebands_in_fit:
            return self.expected, np.sqrt(variance)
        factor, error = self.sideband_factor()
        return factor * self.expected, np.sqrt(factor**2 * variance + (self.expected * error) ** 2)

    def blinded(self) -> Spectrum:
        """Return the spectrum with what is expected in the signal region in place of the data there.

        These are Asimov data without signal (arXiv:1007.1727, sec. 4), from `corrected`: the sidebands, and nothing
        in the signal region, decide them.
        """
        expected, _ = self.corrected()
        return replace(self, observed=np.where(self.in_signal, expected, self.observed), blind=True)

    @property
    def data(self) -> FloatArray:
        """Data events per bin, shape ``(B,)``, NaN where they are blinded."""
        return np.where(self.in_signal & self.blind, np.nan, self.observed)

    def sideband_factor(self) -> tuple[float, float]:
        """Return observed over expected events in the sidebands and its statistical error.

        Raises
        ------
        InputError
            If nothing is expected there.
        """
        bands = self.in_sidebands
        expected = float(self.expected[bands].sum())
        if expected <= 0:
            raise InputError("Spectrum: no background is expected in the sidebands; loosen the cut")
        observed = float(self.observed[bands].sum())
        statistical = float(np.sqrt(np.sum(self.statistical[bands] ** 2))) / expected
        factor = observed / expected
        return factor, float(np.hypot(np.sqrt(max(observed, 1.0)) / expected, factor * statistical))

    def to_hist(self, what: Literal["data", "expected"] = "data") -> hist.Hist[Any]:
        """Return data or expectation as a `hist.Hist` with one axis, named as the resonant variable.

        Data are NaN where they are blinded. The expectation is that of `corrected`, with its full variance in a
        storage of weights; correlations from bin to bin are lost in it.

        Raises
        ------
        ConfigError
            If it is to be of something else.
        """
        import hist

        if what not in ("data", "expected"):
            raise ConfigError(f'Spectrum.to_hist({what!r}): expected "data" or "expected"')
        axis = hist.axis.Variable(self.edges, name=self.resonance.name, label=self.resonance.axis, flow=False)
        storage: Any = hist.storage.Double()
        contents = self.data
        if what == "expected":
            expected, error = self.corrected()
            storage, contents = hist.storage.Weight(), np.stack([expected, error**2], axis=1)
        histogram = hist.Hist(axis, storage=storage)
        histogram[...] = contents
        return histogram

    # The data as the Universal Histogram Interface has them (https://uhi.readthedocs.io), for what draws histograms.
    kind = "COUNT"

    @property
    def axes(self) -> Any:
        """The one axis, of the resonant variable in GeV."""
        return self.to_hist().axes

    def values(self, flow: bool = False) -> FloatArray:
        """Return the data events per bin, shape ``(B,)``, NaN where blinded; no bins stand beside these."""
        return self.data

    def variances(self, flow: bool = False) -> FloatArray:
        """Return their variances: the events themselves, shape ``(B,)``."""
        return self.data

    def counts(self) -> FloatArray:
        """Return the data events per bin, as `values` does."""
        return self.data

    def __repr__(self) -> str:
        observed = "blinded" if self.blind else f"{self.observed[self.in_signal].sum():.6g}"
        low, high = self.windows.signal
        name = "" if self.resonance == M_JJ else f" of {self.resonance.name}"
        return (
            f"Spectrum({len(self.observed)} bins{name}, {self.edges[0]:g}-{self.edges[-1]:g} GeV; signal region "
            f"{low:g}-{high:g} GeV: observed {observed}, expected {self.expected[self.in_signal].sum():.6g} "
            "before the fit)"
        )

    def _to_uhi_(self) -> dict[str, Any]:
        return self.to_hist()._to_uhi_()

    def _repr_html_(self) -> str:
        return f"{self.to_hist()._repr_html_()}<br>{self!r}"


show_briefly([Spectrum])
