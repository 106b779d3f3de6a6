"""Histograms as `hist` knows them, from UHI JSON, ROOT or memory, to the bins of a spectrum."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.errors import InputError, did_you_mean
from hepflow.quantity import of_axis
from hepflow.sample import FloatArray
from hepflow.stats.bins import Bins, check_number

_AVERAGE = 1 << 18  # TH1::kIsAverage
_ALIKE = 1e-6


def from_hist(histogram: Any, where: str = "histogram") -> Bins:
    """Return the bins of a histogram with one axis: of `hist`, or of anything that speaks UHI.

    Raises
    ------
    InputError
        If it has several axes, an axis that is no range of masses, means in its bins, or densities that cannot be
        made events again.
    """
    import hist

    try:
        histogram = histogram.to_hist() if hasattr(histogram, "to_hist") else histogram  # of uproot, of ours
        histogram = histogram if isinstance(histogram, hist.Hist) else hist.Hist(histogram)
    except Exception as error:  # of what others wrote, there is no list of what may be wrong
        raise InputError(f"{where}: not a histogram that hist can read ({_first_line(error)})") from error
    if histogram.ndim != 1:
        raise InputError(
            f"{where}: a histogram of {histogram.ndim} axes; a spectrum has one, project it first"
        )
    axis = histogram.axes[0]
    if isinstance(axis, hist.axis.IntCategory | hist.axis.StrCategory | hist.axis.Boolean):
        raise InputError(f"{where}: its axis has categories; expected a range of a mass in GeV")
    if axis.traits.circular:
        raise InputError(f"{where}: its axis is circular, as of an angle; expected a range of a mass in GeV")
    if histogram.kind != "COUNT":
        raise InputError(
            f"{where}: a profile, whose bins hold means ({histogram.storage_type.__name__}); a spectrum holds events"
        )
    if histogram.variances() is None:
        raise InputError(
            f"{where}: weighted or scaled, in a storage that keeps no variances; fill one with hist.storage.Weight()"
        )
    weighted = issubclass(histogram.storage_type, hist.storage.Weight)
    variances = np.asarray(histogram.variances(), dtype=np.float64) if weighted else None
    found = Bins(np.asarray(axis.edges, dtype=np.float64), np.asarray(histogram.values()), variances, where)
    found = _refused_fractions(events(found)) if variances is None else events(found)
    return found.called(of_axis(axis.name, axis.label))


def from_json(content: Any, where: str) -> Bins:
    """Return the bins of a histogram as `uhi.io.json` writes it, parsed already.

    Raises
    ------
    InputError
        As `from_hist`, or if it is none.
    """
    import hist

    if not isinstance(content, dict) or not {"axes", "storage"} <= content.keys():
        raise InputError(
            f"{where}: neither a histogram as uhi.io.json writes it nor a pyhf workspace, which has channels, "
            "measurements and observations"
        )
    storage = content["storage"]
    try:
        check_number(_bins_of(content["axes"]), where)  # hist would take memory for all of them
        histogram: Any = hist.Hist(content)
        written = (
            None if histogram.kind != "COUNT" else np.asarray(storage["values"], dtype=np.float64).ravel()
        )
        kept = np.asarray(histogram.values(flow=True), dtype=np.float64).ravel()
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError(
            f"{where}: not a histogram as uhi.io.json writes it ({type(error).__name__}: {_first_line(error)})"
        ) from error
    if written is not None and not np.array_equal(written, kept, equal_nan=True):
        raise InputError(
            f"{where}: its values do not go into a storage {storage['type']!r}; write it again with uhi.io.json"
        )
    return from_hist(histogram, where)


def from_root(path: Path, name: str) -> Bins:
    """Return the bins of a TH1 of a ROOT file, by its name where there are several.

    Raises
    ------
    InputError
        As `from_hist`, or if there is no such histogram.
    """
    import uproot

    plain = name.partition(";")[0]
    try:
        with uproot.open(path) as file:
            found = file.keys(filter_classname="TH1*", cycle=False)
            found = list(dict.fromkeys(found))
            if name and plain not in found:
                other = file.classnames(cycle=False).get(plain)
                what = f"{name!r} is a {other}" if other else f"no TH1 {name!r} in it"
                raise InputError(
                    f"{path}: {what}; {did_you_mean(name, found) if found else 'it holds no TH1'}"
                )
            if not name and len(found) != 1:
                what = (
                    f"several TH1 ({', '.join(sorted(found))}): name one as {path}:NAME"
                    if found
                    else "no TH1"
                )
                raise InputError(f"{path} holds {what}")
            where = f"{path}:{name or found[0]}"
            histogram: Any = file[name or found[0]]
            if int(histogram.all_members.get("@fBits", 0)) & _AVERAGE:
                raise InputError(f"{where}: its bins hold averages (kIsAverage); a spectrum holds events")
            check_number(int(histogram.member("fNcells")) - 2, where)
            check_number(int(histogram.member("fXaxis").member("fNbins")), where)
            histogram = histogram.to_hist()
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError(f"{path}: not a ROOT file that uproot can read ({_first_line(error)})") from error
    return from_hist(histogram, where)


def _bins_of(axes: Any) -> int:
    """Return how many bins a histogram of these axes has, as far as that is written."""
    numbers = [axis.get("bins", 1) for axis in axes if isinstance(axis, dict)]
    return math.prod(int(number) for number in numbers if isinstance(number, int | float))


def events(bins: Bins) -> Bins:
    """Return bins that were divided by their widths as events again; others as they are.

    Of events of one weight that were divided by different widths, the weight of a bin is in proportion to one over
    its width, as of no others.

    Raises
    ------
    InputError
        If it looks like a density, but not certainly.
    """
    widths, filled = np.diff(bins.edges), bins.values > 0
    if np.ptp(widths) <= _ALIKE * widths.max() or np.count_nonzero(filled) < 3:
        return bins
    if bins.variances is None:
        if _whole(bins.values) or not _whole(bins.values * widths) or _rounded(bins.values, widths):
            return bins
        raise InputError(
            f"{bins.where}: its values are no whole numbers, but times the widths of their bins they are: a density; "
            "give events per bin"
        )
    weights = bins.variances[filled] / bins.values[filled]
    if not np.all(weights > 0):
        return bins
    spread, as_density = (float(np.std(np.log(x))) for x in (weights, weights * widths[filled]))
    if as_density > 0.25 * spread or spread <= _ALIKE:
        return bins
    if as_density > _ALIKE:
        raise InputError(
            f"{bins.where}: the weights of its events go as one over the widths of the bins: a density of weighted "
            "events; give events per bin"
        )
    return replace(bins, values=bins.values * widths, variances=bins.variances * widths**2)


def _refused_fractions(bins: Bins) -> Bins:
    """Refuse what only a division by the bins' width, or weights, make of events where no variances are kept."""
    times = bins.values * np.diff(bins.edges)
    if np.count_nonzero(bins.values) < 3 or _whole(bins.values):
        return bins
    if _whole(times) or np.isclose(np.sum(times), 1.0, rtol=1e-9):
        raise InputError(
            f"{bins.where}: its values are no whole numbers, but times the width of a bin "
            f"{'they are' if _whole(times) else 'add up to one'}: a density, or weighted; give events per bin, in "
            "hist.storage.Weight() where they are weighted"
        )
    return bins


def _whole(values: FloatArray) -> bool:
    return bool(np.all(np.abs(values - np.round(values)) <= np.clip(_ALIKE * values, 1e-9, 0.01)))


def _rounded(values: FloatArray, widths: FloatArray) -> bool:
    """Return whether values that were rounded to a few digits would be whole numbers times these widths, too."""
    return any(_whole(values * power) and _whole(widths / power) for power in (10.0, 100.0, 1000.0))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
