"""Jets to a Sample: resonant mass, features of the two leading jets, and a cutflow that loses no event.

The two leading jets in pT are taken, and called J1 (the lighter) and J2 (the heavier), as in
arXiv:2109.00546.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.readers.collect import Collected, collect
from hepflow.readers.growing import Rows
from hepflow.readers.join import join
from hepflow.readers.leading import LeadingJets, leading_jets
from hepflow.readers.source import Chunk, Source
from hepflow.sample import Cutflow, FloatArray, Sample

Jet = Mapping[str, FloatArray]
Test = Callable[[FloatArray], NDArray[np.bool_]]
LOWEST_PT, HIGHEST_PT = 5.0, 20_000.0  # GeV, median of the leading jet: below or above, the unit is wrong
NOT_FINITE = "NaN or infinite value"
MOMENTUM = ("pt", "eta", "phi", "mass")
BLOCK = 16384  # events computed at a time: few enough for their columns to stay in the processor's cache


@dataclass(frozen=True)
class Feature:
    """A quantity of the two leading jets.

    Parameters
    ----------
    label
        LaTeX, with the unit, for axes.
    value
        Function of (J1, J2), the lighter and the heavier jet, each a mapping of jet field to array (N,).
    taus
        N-subjettiness that it needs besides the four-momentum, the denominator last.
    signed
        Whether files that hold it may have it with either sign.
    """

    label: str
    value: Callable[[Jet, Jet], FloatArray]
    taus: tuple[str, ...] = ()
    signed: bool = False


def delta_r(first: Jet, second: Jet) -> FloatArray:
    """Return the distance of two jets in pseudorapidity and azimuth, shape (N,)."""
    dphi = (first["phi"] - second["phi"] + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(first["eta"] - second["eta"], dphi)


def dijet_mass(first: Jet, second: Jet) -> FloatArray:
    r"""Return the invariant mass of two jets, shape (N,), in GeV.

    .. math::

        m_{jj}^2 = m_1^2 + m_2^2 + 2 (E_1 E_2 - |p_1| |p_2|)
                   + 4 p_{T,1} p_{T,2} (\sinh^2 \tfrac{\Delta\eta}{2} + \sin^2 \tfrac{\Delta\phi}{2}), \quad
        E_1 E_2 - |p_1| |p_2| = \frac{m_1^2 p_2^2 + m_2^2 p_1^2 + m_1^2 m_2^2}{E_1 E_2 + |p_1| |p_2|}

    has positive terms only, so that nothing cancels however boosted or collinear the jets are.
    """
    p1, p2 = first["pt"] * np.cosh(first["eta"]), second["pt"] * np.cosh(second["eta"])
    m1, m2, p1, p2 = first["mass"] ** 2, second["mass"] ** 2, p1**2, p2**2
    energies, momenta = np.sqrt((p1 + m1) * (p2 + m2)), np.sqrt(p1 * p2)
    angle = np.sinh((first["eta"] - second["eta"]) / 2) ** 2 + np.sin((first["phi"] - second["phi"]) / 2) ** 2
    longitudinal = (m1 * p2 + m2 * p1 + m1 * m2) / (energies + momenta)
    squared: FloatArray = m1 + m2 + 2 * (longitudinal + 2 * first["pt"] * second["pt"] * angle)
    return np.sqrt(squared)


def _of(jet: int, field: str) -> Callable[[Jet, Jet], FloatArray]:
    return lambda *jets: jets[jet - 1][field]


def _ratio(jet: int, above: str, below: str) -> Feature:
    label = rf"$\tau_{{{above[-1]}{below[-1]}}}^{{J_{jet}}}$"
    return Feature(label, lambda *jets: jets[jet - 1][above] / jets[jet - 1][below], (above, below))


FEATURES: dict[str, Feature] = {
    "m_jj": Feature(r"$m_{jj}$ [GeV]", dijet_mass),
    "m_J1": Feature(r"$m_{J_1}$ [GeV]", _of(1, "mass")),
    "m_J2": Feature(r"$m_{J_2}$ [GeV]", _of(2, "mass")),
    "dm_J": Feature(r"$\Delta m_J$ [GeV]", lambda j1, j2: j2["mass"] - j1["mass"], signed=True),
    "tau21_J1": _ratio(1, "tau2", "tau1"),
    "tau21_J2": _ratio(2, "tau2", "tau1"),
    "tau32_J1": _ratio(1, "tau3", "tau2"),
    "tau32_J2": _ratio(2, "tau3", "tau2"),
    "dR_JJ": Feature(r"$\Delta R_{JJ}$", delta_r),
    "pt_J1": Feature(r"$p_{\mathrm{T}}^{J_1}$ [GeV]", _of(1, "pt")),
    "pt_J2": Feature(r"$p_{\mathrm{T}}^{J_2}$ [GeV]", _of(2, "pt")),
}
LABELS: dict[str, str] = {name: feature.label for name, feature in FEATURES.items()}


def features(
    source: Source,
    names: Iterable[str] = ("m_J1", "dm_J", "tau21_J1", "tau21_J2"),
    *,
    progress: bool = True,
) -> Sample:
    """Read all events of a source and compute their features.

    Parameters
    ----------
    source
        What `hepflow.read` returns.
    names
        Which features, of `FEATURES`; for files of format ``hepflow``, of those that they hold.
    progress
        Show a bar on standard error, where that is a terminal and there is more than one chunk.

    Returns
    -------
    Sample
        Mass m_jj and the features, GeV. Its cutflow begins with ``("events read", n)``, ends with
        ``("events kept", n)`` and has between them every event dropped, each under one cause: fewer than two
        jets (of pT > 0); tau1 = 0 or negative N-subjettiness, where a ratio was asked for; negative jet mass;
        NaN or infinite value; of files that hold features, those that are negative and cannot be. Files that were
        skipped stand before all that, and in `Sample.skipped`; where sources were joined, so does what each of those
        with a name contributed.

    Raises
    ------
    ConfigError
        If there is no such feature.
    InputError
        If the source lacks what a feature needs, its momenta cannot be in GeV, or no event is left; if files turn
        out to be damaged (all are named), unless the source skips them: then none of their events is used.

    Examples
    --------
    >>> import hepflow as hf
    >>> from hepflow.demo import config_path
    >>> signal = hf.features(hf.read(config_path().with_name("signal.h5"), format="lhco"), ["m_J1", "tau21_J1"])
    >>> signal
    Sample(8,000 events, 1937-5796 GeV, features m_J1, tau21_J1, 8,000 signal by truth)
    >>> signal.cutflow[-1]
    ('events kept', 8000)
    """
    if not isinstance(source, Source):
        raise ConfigError(
            f"features of {source!r}: expected what hepflow.read returns, as in hepflow.features(hepflow.read(path, "
            'format="nanoaod"), names)'
        )
    names = tuple([names] if isinstance(names, str) else names)
    return join_features(source, names, collect_features(source, names, progress=progress))


def collect_features(source: Source, names: tuple[str, ...], *, progress: bool = True) -> list[Collected]:
    """Compute the features of a source, whole or cut, file by file, for `join_features`.

    Parameters
    ----------
    source
        What is read; of a part of it, from `Source.cut`.
    names, progress
        As of `features`, which says what is raised but for damaged files: here they stand among the others.
    """
    only = fields_for(source, names)

    def measured(chunk: Chunk, first: bool) -> tuple[Rows, Cutflow]:
        return _copied(chunk, names) if source.columns else _computed(chunk, names, source, check=first)

    return collect(source, only, measured, progress=progress)


def join_features(source: Source, names: tuple[str, ...], collected: Iterable[Collected]) -> Sample:
    """Return what `features` returns, to the bit, of what was read of a source at once or in parts.

    Parameters
    ----------
    source
        The whole.
    names
        The features that were computed.
    collected
        From `collect_features` of every part of the source, in their order; used up.

    Raises
    ------
    InputError
        As of `features`; if events of a file are missing.
    """
    rows, cutflow, skipped = join(source, collected)
    return Sample(**rows, names=names, cutflow=cutflow, skipped=skipped)


def fields_for(source: Source, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the source must give for these features: jet fields, or, where it holds features, those."""
    if len(set(names)) < len(names):
        raise ConfigError(f"features {names}: expected each only once")
    for name in names:
        if source.columns and name not in source.columns:
            raise InputError(
                f"{source.description}: no feature {name!r}; {did_you_mean(name, source.columns)}"
            )
        if not source.columns and name not in FEATURES:
            raise ConfigError(f"unknown feature {name!r}: {did_you_mean(name, FEATURES)}")
    if source.columns:
        return tuple(dict.fromkeys(("m_jj", *names)))
    for name in names:
        missing = [tau for tau in FEATURES[name].taus if tau not in source.jet_fields]
        if missing:
            raise InputError(
                f"{source.description}: feature {name!r} needs {' and '.join(missing)} of each jet; the jets "
                f"have {', '.join(source.jet_fields)}. Name the branch, branches: {{{missing[0]}: ...}}, or "
                "leave the feature out"
            )
    return tuple(dict.fromkeys((*MOMENTUM, *(tau for name in names for tau in FEATURES[name].taus))))


def _copied(chunk: Chunk, names: tuple[str, ...]) -> tuple[Rows, Cutflow]:
    """Take over features that were computed before."""
    rows = _extra(chunk, slice(None))
    rows["mass"] = _numpy(chunk, "m_jj")
    rows["features"] = np.empty((len(rows["mass"]), len(names)))
    for index, name in enumerate(names):
        rows["features"][:, index] = _numpy(chunk, name)
    columns = {"m_jj": rows["mass"], **dict(zip(names, rows["features"].T, strict=True))}
    bad = {NOT_FINITE: ~_finite(rows)} | {
        f"negative {name}": values < 0
        for name, values in columns.items()
        if name in FEATURES and not FEATURES[name].signed
    }
    good, dropped = np.ones(len(rows["mass"]), dtype=bool), []
    for cause, which in bad.items():
        count = int(np.count_nonzero(which & good))
        dropped += [(f"dropped: {cause}", count)] if count else []
        good &= ~which
    return rows if good.all() else _take(rows, good), tuple(dropped)


def _computed(chunk: Chunk, names: tuple[str, ...], source: Source, check: bool) -> tuple[Rows, Cutflow]:
    """Compute the features of the events that have two jets, and count the events dropped, by cause."""
    jets = leading_jets(chunk.events["jets"])
    rows = _extra(chunk, slice(None) if jets.events is None else jets.events)
    rows["mass"] = np.empty(len(jets.first))
    rows["features"] = np.empty((len(jets.first), len(names)))
    bad = {cause: np.zeros(len(jets.first), dtype=bool) for cause in _causes(names)}
    with np.errstate(all="ignore"):  # whatever is not finite in the end is dropped and counted
        for start in range(0, len(jets.first), BLOCK):
            block = slice(start, start + BLOCK)
            lighter, heavier = _by_mass(jets, block)
            rows["mass"][block] = dijet_mass(lighter, heavier)
            for index, name in enumerate(names):
                rows["features"][block, index] = FEATURES[name].value(lighter, heavier)
            for cause, (fields, test) in _causes(names).items():
                for field in fields:
                    bad[cause][block] |= test(lighter[field]) | test(heavier[field])
    dropped = [("dropped: fewer than two jets", len(chunk.events) - len(jets.first))]
    bad[NOT_FINITE] = ~_finite(rows)
    good = np.ones(len(jets.first), dtype=bool)
    for cause, which in bad.items():
        dropped.append((f"dropped: {cause}", int(np.count_nonzero(which & good))))
        good &= ~which
    if check and good.any():
        _check_unit(source, float(np.median(jets.columns["pt"][jets.first[good]])))
    return rows if good.all() else _take(rows, good), tuple(dropped)


def _causes(names: tuple[str, ...]) -> dict[str, tuple[tuple[str, ...], Test]]:
    """Return why an event may be dropped: a test, and the jet fields that it is made on."""
    taus = tuple(dict.fromkeys(tau for name in names for tau in FEATURES[name].taus))
    causes: dict[str, tuple[tuple[str, ...], Test]] = {}
    for name in names:
        for below in FEATURES[name].taus[-1:]:
            causes[f"{below} = 0"] = ((below,), lambda value: value == 0)
    if taus:
        causes["negative N-subjettiness"] = (taus, lambda value: value < 0)
    causes["negative jet mass"] = (("mass",), lambda value: value < 0)
    return causes


def _by_mass(jets: LeadingJets, block: slice) -> tuple[Jet, Jet]:
    """Return the lighter and the heavier of the two jets, in float64."""
    first, second = jets.first[block], jets.second[block]
    swap = jets.columns["mass"][second] < jets.columns["mass"][first]
    order = np.where(swap, second, first), np.where(swap, first, second)
    lighter, heavier = ({n: c[index].astype(np.float64) for n, c in jets.columns.items()} for index in order)
    return lighter, heavier


def _check_unit(source: Source, pt: float) -> None:
    """Refuse momenta that are a thousand times too large or too small for large-radius jets."""
    if LOWEST_PT <= pt <= HIGHEST_PT:
        return
    unit = "MeV" if pt > HIGHEST_PT else "GeV"
    raise InputError(
        f"{source.description}: the median pT of the leading jet is {pt:g} GeV; expected {LOWEST_PT:g} to "
        f"{HIGHEST_PT:g} GeV. The file seems to be in {unit}: set unit: {unit}"
    )


def _extra(chunk: Chunk, events: slice | NDArray[np.int64]) -> Rows:
    there = [name for name in ("weight", "label") if name in chunk.events.fields]
    return {name: _numpy(chunk, name)[events] for name in there}


def _numpy(chunk: Chunk, name: str) -> NDArray[Any]:
    return np.asarray(ak.to_numpy(chunk.events[name]))


def _finite(rows: Rows) -> NDArray[np.bool_]:
    good: NDArray[np.bool_] = np.isfinite(rows["mass"]) & np.isfinite(rows["features"]).all(axis=1)
    return good & np.isfinite(rows["weight"]) if "weight" in rows else good


def _take(rows: Rows, which: NDArray[np.bool_]) -> Rows:
    return {name: values[which] for name, values in rows.items()}
