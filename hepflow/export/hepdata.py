"""Tables for HEPData (https://www.hepdata.net) from the records of a run or a scan, with hepdata-lib.

A table is a `hepdata_lib.Table`: set its `location` ("Figure 3"), its `keywords` or its `description` before it is
written. Signal strengths, limits, p-values and expected events are given to six significant digits, counts in full.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.quantity import Quantity
from hepflow.results import CutResult, Results
from hepflow.sample import FloatArray
from hepflow.text import with_error

if TYPE_CHECKING:
    from hepdata_lib import Table, Variable

    from hepflow.stats import Scan

Column = Sequence[float | str | None] | FloatArray

MISSING = "-"
_DIGITS = 6
_EXACT = 15
_BANDS = {"2 s.d.": (0, 4), "1 s.d.": (1, 3)}  # label -> columns of the expected limits


def run_tables(results: Results) -> list[Table]:
    """Return the tables of a run: its cutflow and spectra, the significance of each cut, the limits of each cut.

    Parameters
    ----------
    results
        As `hepflow.Results.from_json` reads them. A cut without a limit is left out of the table of limits; "-"
        stands for a number that is missing, and a column of a blinded run that would hold nothing else is left out.
        Of a run that failed its checks no significance and no limit is given. Where the record has limits as
        cross-sections, a table of its own holds them.

    Raises
    ------
    ConfigError
        If hepdata-lib is not installed.
    """
    results = results.shown()
    cuts = (results.inclusive, *results.cuts)
    tables = [_cutflow(results)] if results.cutflow else []
    tables += [_spectrum(cut, results) for cut in cuts]
    tables.append(
        _table(
            "Significance against cut",
            "Events in the signal region, local p-value and significance behind each cut of the classifier. "
            f"Background efficiency 1 is no cut.{_trials(results)}{_failed(results)}",
            _variable("Background efficiency", [cut.background_efficiency for cut in cuts]),
            _variable("Observed events", [cut.n_obs for cut in cuts], digits=_EXACT),
            _variable(
                "Expected background events",
                [cut.n_exp for cut in cuts],
                errors={"total": [cut.n_exp_error for cut in cuts]},
            ),
            _variable("Local p-value", [cut.p0 for cut in cuts]),
            _variable("Local significance", [cut.z for cut in cuts]),
            _variable(
                "Signal strength",
                [cut.mu_hat for cut in cuts],
                errors={"total": [cut.mu_hat_error for cut in cuts]},
            ),
        )
    )
    limited = [cut for cut in cuts if None not in cut.mu_up_exp]
    if limited:
        expected = np.array([cut.mu_up_exp for cut in limited], dtype=np.float64)
        tables.append(
            _table(
                "Upper limits against cut",
                f"95% CLs upper limits on the signal strength. Strength 1: {results.signal_unit}.",
                _variable("Background efficiency", [cut.background_efficiency for cut in limited]),
                *_limits([cut.mu_up_obs for cut in limited], expected),
            )
        )
    tables += _cross_sections(results)
    for table in tables:
        table.location = f"hepflow run {results.name}, method {results.method}, seed {results.seed}"
    return tables


def scan_tables(scan: Scan) -> list[Table]:
    """Return the tables of a scan over masses: p-values with signal strengths and, where there are any, limits.

    Masses at which a number is not finite are left out of the table. A global p-value stands in the description.

    Raises
    ------
    ConfigError
        If hepdata-lib is not installed.
    InputError
        If no mass has a result.
    """
    largest, found = "", scan.global_significance
    if found is not None:
        p = with_error(found.p, found.p_error) if found.reached else f"less than {found.p:.1g}"
        largest = f" The largest excess, at {found.mass:g} GeV, has a global p-value of {p}."
    fitted = np.isfinite([scan.p0, scan.z, scan.mu_hat, scan.mu_hat_error]).all(axis=0)
    tables = []
    if fitted.any():
        tables.append(
            _table(
                "Local p-value against mass",
                f"Local p-value, significance and best-fit signal strength. Strength 1: {scan.unit}.{largest}",
                _variable("Mass", scan.mass[fitted], "GeV"),
                _variable("Local p-value", scan.p0[fitted]),
                _variable("Local significance", scan.z[fitted]),
                _variable(
                    "Signal strength", scan.mu_hat[fitted], errors={"total": scan.mu_hat_error[fitted]}
                ),
            )
        )
    if scan.mu_up_obs is not None and scan.mu_up_exp is not None:
        limited = np.isfinite(scan.mu_up_obs) & np.isfinite(scan.mu_up_exp).all(axis=1)
        if limited.any():
            tables.append(
                _table(
                    "Upper limits against mass",
                    f"{100 * scan.level:g}% CLs upper limits on the signal strength. Strength 1: {scan.unit}.",
                    _variable("Mass", scan.mass[limited], "GeV"),
                    *_limits(scan.mu_up_obs[limited], scan.mu_up_exp[limited]),
                )
            )
    if not tables:
        raise InputError(f"no mass of the scan has a result to publish: {'; '.join(scan.problems[:3])}")
    for table in tables:
        table.location = "hepflow scan"
    return tables


def unfolded_tables(
    quantity: Quantity,
    edges: FloatArray,
    values: FloatArray,
    covariance: FloatArray,
    shifts: Mapping[str, FloatArray],
    *,
    note: str = "",
) -> list[Table]:
    """Return the tables of an unfolded distribution: yields with errors by source, and their statistical covariance.

    Parameters
    ----------
    quantity
        What was unfolded.
    edges, values
        Of the bins, shape ``(B + 1,)``, and the yields in them, ``(B,)``.
    covariance
        Statistical, ``(B, B)``.
    shifts
        What each systematic variation adds, ``(B,)``, by its name; they are correlated from bin to bin in full.
    note
        A sentence at the end of the descriptions.

    Raises
    ------
    ConfigError
        If hepdata-lib is not installed.
    """
    errors: dict[str, Column] = {"stat": np.sqrt(np.diag(covariance))}
    # a shift keeps its sign, which says how bins go together; the other side is its mirror image
    errors |= {name: np.stack([-one, one], axis=1) for name, one in shifts.items()}
    yields = _table(
        f"Unfolded {quantity.name}",
        f"Unfolded yields of {quantity.heading}. Errors: stat, whose covariance is a table of its own, and shifts by "
        f"systematic variations.{note}",
        _bins(quantity.heading, list(edges), quantity.unit),
        _variable("Events", values, errors=errors),
    )
    pairs = [(row, column) for row in range(len(values)) for column in range(len(values))]
    borders = list(pairwise(map(float, edges)))
    both = []
    for side, name in enumerate(("first", "second")):
        one = _bins(f"{quantity.heading}, {name} bin", list(edges), quantity.unit)
        one.values = [borders[pair[side]] for pair in pairs]
        one.is_independent = True
        both.append(one)
    matrix = _table(
        f"Covariance of {quantity.name}",
        f"Statistical covariance of the unfolded yields of {quantity.heading}.{note}",
        both[0],
    )
    matrix.add_variable(both[1])
    matrix.add_variable(_variable("Covariance", [float(covariance[pair]) for pair in pairs]))
    return [yields, matrix]


@contextmanager
def hepdata_library() -> Iterator[ModuleType]:
    """Give `hepdata_lib`, without what it and its validator warn of: an old part of jsonschema, files left open.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="jsonschema")
        warnings.filterwarnings("ignore", category=ResourceWarning)
        try:
            import hepdata_lib
        except ImportError:
            raise ConfigError("HEPData tables need hepdata-lib: pip install 'hepflow[hepdata]'") from None
        yield hepdata_lib


def _trials(run: Results) -> str:
    """Return a sentence on the largest excess behind all cuts, where there is one."""
    found = run.trials
    if found is None:
        return ""
    return (
        f" The largest excess, at {found.background_efficiency:g}, has a p-value of "
        f"{with_error(found.p, found.p_error)} with the trials of all selections"
        f"{' that passed their checks' if run.failed else ''}"
        f"{', whose factor is extrapolated from toys' if found.extrapolated else ''}."
    )


def _failed(run: Results) -> str:
    """Return the checks that failed, where some did."""
    names = ", ".join(verdict.name for verdict in run.failed)
    return f" Checks that failed: {names}." if names else ""


def _cutflow(run: Results) -> Table:
    steps, events = zip(*run.cutflow, strict=True)
    return _table(
        "Cutflow",
        "Events of the data in all regions: those read, those dropped by cause, those kept.",
        _variable("Step", steps),
        _variable("Events", events, digits=_EXACT),
    )


def _spectrum(cut: CutResult, run: Results) -> Table:
    inclusive = cut is run.inclusive
    where = "without a cut" if inclusive else f"at background efficiency {cut.background_efficiency:.12g}"
    record = cut.spectrum
    variables = [
        _variable("Observed events", record.observed, digits=_EXACT),
        _variable("Expected background events", record.expected, errors={"total": record.expected_error}),
    ]
    if record.signal is not None:
        variables.append(_variable("Signal events", record.signal))
    low, high = run.regions["signal"]
    return _table(
        f"Spectrum {where}",
        f"{record.resonance.heading} {where} of the classifier. The background is expected from outside the signal "
        f"region {low:g}-{high:g} GeV; its errors are correlated from bin to bin. Signal strength 1: "
        f"{run.signal_unit}.",
        _bins(record.resonance.heading, record.edges),
        *variables,
    )


def _cross_sections(results: Results) -> list[Table]:
    """Return the table of the limits as cross-sections, with the theory's; none without a luminosity."""
    told = results.cross_section
    limited = [
        cut for cut in (results.inclusive, *results.cuts) if told and None not in cut.cross_section_exp
    ]
    if told is None or not limited:
        return []
    besides = "" if told.efficiency == 1 else f", efficiency {told.efficiency:g}"
    theory = (
        ""
        if told.theory is None
        else f" A theory ({told.theory_file}) has {told.theory:g} fb at {told.theory_mass:g} GeV."
    )
    expected = np.array([cut.cross_section_exp for cut in limited], dtype=np.float64)
    return [
        _table(
            "Upper limits on the cross-section against cut",
            f"95% CLs upper limits on {told.quantity}: {told.meaning}. Luminosity {told.luminosity:g} fb^-1{besides}."
            f"{theory}{_failed(results)}",
            _variable("Background efficiency", [cut.background_efficiency for cut in limited]),
            *_limits([cut.cross_section_obs for cut in limited], expected, "fb"),
        )
    ]


def _limits(observed: Column, expected: FloatArray, units: str = "") -> list[Variable]:
    """Return observed (M,) and expected limits, from (M, 5), with the bands as errors of their median."""
    median = expected[:, 2]
    bands = {
        label: np.stack([expected[:, low] - median, expected[:, high] - median], axis=1)
        for label, (low, high) in _BANDS.items()
    }
    return [
        _variable("Observed limit", observed, units),
        _variable("Expected limit", median, units, errors=bands),
    ]


def _table(name: str, description: str, independent: Variable, *dependent: Variable) -> Table:
    with hepdata_library() as library:
        table = library.Table(name)
    table.description = description
    independent.is_independent = True
    for variable in (independent, *dependent):
        if set(variable.values) != {MISSING}:
            table.add_variable(variable)
    return table


def _bins(name: str, edges: Sequence[float], units: str = "GeV") -> Variable:
    with hepdata_library() as library:
        variable = library.Variable(name, units=units, values=list(pairwise(edges)))
    variable.digits = _EXACT
    return variable


def _variable(
    name: str,
    values: Column,
    units: str = "",
    errors: Mapping[str, Column] | None = None,
    digits: int = _DIGITS,
) -> Variable:
    """Return a variable with errors by label: symmetric ones (M,), or lower and upper differences (M, 2)."""
    with hepdata_library() as library:
        variable = library.Variable(
            name,
            is_independent=False,
            is_binned=False,
            units=units,
            values=[
                MISSING if value is None else value if isinstance(value, str) else float(value)
                for value in values
            ],
            zero_uncertainties_warning=False,
        )
        variable.digits = digits
        for label, error in (errors or {}).items():
            uncertainty = library.Uncertainty(
                label, is_symmetric=not (isinstance(error, np.ndarray) and error.ndim == 2)
            )
            uncertainty.values = error
            variable.add_uncertainty(uncertainty)
    return variable
