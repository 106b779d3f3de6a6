"""Events of files to a Sample: resonant variable, features, and a cutflow that loses no event.

Of jets, the two leading ones in pT are taken, and called J1 (the lighter) and J2 (the heavier), as in
arXiv:2109.00546. Whatever else stands in a file, or is computed of that, is a feature as well, and may be the
resonant variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.asked import Asked, Feature
from hepflow.columns import check_columns
from hepflow.dijets import FEATURES, LABELS, Jet, dijet_mass
from hepflow.errors import InputError
from hepflow.events import Events
from hepflow.readers.collect import Collected, collect
from hepflow.readers.growing import Rows
from hepflow.readers.join import join
from hepflow.readers.leading import LeadingJets, leading_jets
from hepflow.readers.source import Chunk, Field, Source
from hepflow.sample import Cutflow, FloatArray, Sample

__all__ = ["FEATURES", "LABELS", "collect_features", "events_of", "features", "fields_for", "join_features"]

Test = Callable[[FloatArray], NDArray[np.bool_]]
LOWEST_PT, HIGHEST_PT = 5.0, 20_000.0  # GeV, median of the leading jet: below or above, the unit is wrong
NOT_FINITE = "NaN or infinite value"
BLOCK = 16384  # events computed at a time: few enough for their columns to stay in the processor's cache
DEFAULT = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")


def features(
    source: Source,
    names: Iterable[Feature] = DEFAULT,
    *,
    resonance: Feature | None = None,
    progress: bool = True,
) -> Sample:
    """Read all events of a source and compute their features.

    Parameters
    ----------
    source
        What `hepflow.read` returns.
    names
        Which features. A name is one of `FEATURES` where there are jets, and a column where there are none. A
        `Quantity` with an expression is computed of columns of the files, whatever their format.
    resonance
        The resonant variable: a column, or a `Quantity`. Left out, the mass of the two leading jets, or what files of
        format ``hepflow`` say; tables need one. What is in MeV or TeV becomes GeV.
    progress
        Show a bar on standard error, where that is a terminal and there is more than one chunk.

    Returns
    -------
    Sample
        The resonant variable and the features, masses in GeV. Its cutflow begins with ``("events read", n)``, ends
        with ``("events kept", n)`` and has between them every event dropped, each under one cause: fewer than two
        jets (of pT > 0); tau1 = 0 or negative N-subjettiness, where a ratio was asked for; negative jet mass;
        NaN or infinite value, of columns each by its name; of files that hold features, those that are negative and
        cannot be. Files that were skipped stand before all that, and in `Sample.skipped`; where sources were
        joined, so does what each of those with a name contributed.

    Raises
    ------
    ConfigError
        If there is no such feature, or a feature is the resonant variable.
    InputError
        If the source lacks what a feature needs, its momenta cannot be in GeV, or no event is left; if a column is no
        number, the same in all events, or a function of the resonant variable; if files turn out to be damaged (all
        are named), unless the source skips them: then none of their events is used.

    Examples
    --------
    >>> import hepflow as hf
    >>> from hepflow.demo import config_path
    >>> file = config_path().with_name("signal.h5")
    >>> signal = hf.features(hf.read(file, format="lhco"), ["m_J1", "tau21_J1"])
    >>> signal
    Sample(8,000 events, 1937-5796 GeV, features m_J1, tau21_J1, 8,000 signal by truth)
    >>> signal.cutflow[-1]
    ('events kept', 8000)

    Any columns of a table, and what is computed of them:

    >>> table = hf.read(file, format="table")
    >>> pt = hf.Quantity("pt_j1", unit="GeV", expression="hypot(pxj1, pyj1)")
    >>> hf.features(table, ["mj1", pt], resonance="mj2")
    Sample(8,000 events, mj2 17.21-1101 GeV, features mj1, pt_j1)
    """
    asked = Asked.of(source, names, resonance)
    return _sample(_joined(source, asked, _collected(source, asked, progress)))


def events_of(source: Source, names: Iterable[Feature], *, progress: bool = True) -> Events:
    """Read all events of a source without a resonant variable: columns alone, whatever they mean.

    Parameters
    ----------
    source
        What `hepflow.read` returns.
    names, progress
        As of `features`.

    Returns
    -------
    Events
        The columns, with the cutflow of `features`.

    Raises
    ------
    ConfigError, InputError
        As of `features`.

    Examples
    --------
    >>> import hepflow as hf
    >>> from hepflow.demo import config_path
    >>> table = hf.read(config_path().with_name("signal.h5"), format="table")
    >>> hf.events_of(table, ["mj1", hf.Quantity("pt_j1", unit="GeV", expression="hypot(pxj1, pyj1)")])
    Events(8,000 events, features mj1, pt_j1)
    """
    asked = Asked.of(source, names, searched=False)
    return _joined(source, asked, _collected(source, asked, progress))


def collect_features(
    source: Source,
    names: Iterable[Feature],
    resonance: Feature | None = None,
    *,
    progress: bool = True,
) -> list[Collected]:
    """Compute the features of a source, whole or cut, file by file, for `join_features`.

    Parameters
    ----------
    source
        What is read; of a part of it, from `Source.cut`.
    names, resonance, progress
        As of `features`, which says what is raised but for damaged files: here they stand among the others.
    """
    return _collected(source, Asked.of(source, names, resonance), progress)


def join_features(
    source: Source,
    names: Iterable[Feature],
    collected: Iterable[Collected],
    resonance: Feature | None = None,
) -> Sample:
    """Return what `features` returns, to the bit, of what was read of a source at once or in parts.

    Parameters
    ----------
    source
        The whole.
    names, resonance
        What was computed.
    collected
        From `collect_features` of every part of the source, in their order; used up.

    Raises
    ------
    InputError
        As of `features`; if events of a file are missing.
    """
    return _sample(_joined(source, Asked.of(source, names, resonance), collected))


def fields_for(
    source: Source, names: Iterable[Feature], resonance: Feature | None = None
) -> tuple[Field, ...]:
    """Return what the source must give for these: jet fields, columns, and what is computed of columns."""
    return Asked.of(source, names, resonance).fields


def _collected(source: Source, asked: Asked, progress: bool) -> list[Collected]:
    source.columns_read(asked.fields)  # which names what a file lacks

    def measured(chunk: Chunk, first: bool) -> tuple[Rows, Cutflow]:
        return _computed(chunk, asked, source, check=first) if asked.jets else _copied(chunk, asked)

    return collect(source, asked.fields, measured, progress=progress)


def _joined(source: Source, asked: Asked, collected: Iterable[Collected]) -> Events:
    rows, cutflow, skipped = join(source, collected)
    columns: dict[str, Any] = {
        **rows,
        "names": asked.names,
        "cutflow": cutflow,
        "skipped": skipped,
        "quantities": asked.features,
    }
    found = Events(**columns) if asked.resonance is None else Sample(**columns, resonance=asked.resonance)
    check_columns(found, asked.own, source.description)
    return found


def _sample(events: Events) -> Sample:
    assert isinstance(events, Sample)  # as what is asked for has a resonant variable
    return events


def _copied(chunk: Chunk, asked: Asked) -> tuple[Rows, Cutflow]:
    """Take over columns of files without jets, or of events of which no jet is asked for."""
    rows = _extra(chunk, slice(None))
    if asked.resonance is not None:
        rows["mass"] = asked.scaled(_numpy(chunk, asked.field_of(asked.resonance.name)))
    rows["features"] = np.empty((len(chunk.events), len(asked.names)))
    for index, name in enumerate(asked.names):
        rows["features"][:, index] = _numpy(chunk, asked.field_of(name))
    columns = {} if asked.resonance is None else {asked.resonance.name: rows["mass"]}
    columns |= dict(zip(asked.names, rows["features"].T, strict=True))
    bad = {f"{name} is NaN or infinite": ~np.isfinite(columns[name]) for name in columns if name in asked.own}
    bad |= {NOT_FINITE: ~_finite(rows)} | {
        f"negative {name}": values < 0
        for name, values in columns.items()
        if name in FEATURES and name not in asked.own and not FEATURES[name].signed
    }
    good, dropped = np.ones(len(rows["features"]), dtype=bool), []
    for cause, which in bad.items():
        count = int(np.count_nonzero(which & good))
        dropped += [(f"dropped: {cause}", count)] if count else []
        good &= ~which
    return rows if good.all() else _take(rows, good), tuple(dropped)


def _computed(chunk: Chunk, asked: Asked, source: Source, check: bool) -> tuple[Rows, Cutflow]:
    """Compute the features of the events that have two jets, and count the events dropped, by cause."""
    jets = leading_jets(chunk.events["jets"])
    kept = slice(None) if jets.events is None else jets.events
    rows = _extra(chunk, kept)
    if asked.resonance is not None:
        rows["mass"] = np.empty(len(jets.first))
    rows["features"] = np.empty((len(jets.first), len(asked.names)))
    causes = _causes(asked.of_jets)
    bad = {cause: np.zeros(len(jets.first), dtype=bool) for cause in causes}
    for name in asked.own:  # of the resonant variable, too
        values = _numpy(chunk, asked.field_of(name))[kept]
        bad[f"{name} is NaN or infinite"] = ~np.isfinite(values)
        if name in asked.names:
            rows["features"][:, asked.names.index(name)] = values
        else:
            rows["mass"][:] = asked.scaled(values)
    with np.errstate(all="ignore"):  # whatever is not finite in the end is dropped and counted
        for start in range(0, len(jets.first), BLOCK):
            block = slice(start, start + BLOCK)
            lighter, heavier = _by_mass(jets, block)
            if asked.resonance is not None and asked.resonance.name not in asked.own:
                rows["mass"][block] = dijet_mass(lighter, heavier)
            for index, name in enumerate(asked.names):
                if name not in asked.own:
                    rows["features"][block, index] = FEATURES[name].value(lighter, heavier)
            for cause, (fields, test) in causes.items():
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


def _causes(names: Iterable[str]) -> dict[str, tuple[tuple[str, ...], Test]]:
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
    good = np.isfinite(rows["features"]).all(axis=1)
    for name in ("mass", "weight"):
        if name in rows:
            good = good & np.isfinite(rows[name])
    return np.asarray(good)


def _take(rows: Rows, which: NDArray[np.bool_]) -> Rows:
    return {name: values[which] for name, values in rows.items()}
