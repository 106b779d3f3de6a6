"""What is asked of the events of a source: resonant variable and features, each of jets, of a column or computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hepflow.dijets import FEATURES, dijet_quantity
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import OWN, FloatArray
from hepflow.quantity import M_JJ, Quantity
from hepflow.readers.own import Own
from hepflow.readers.source import Field, Source

Feature = str | Quantity
MOMENTUM = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True)
class Asked:
    """Resonant variable and features of a source.

    Parameters
    ----------
    resonance, features
        What is asked for, in this order in a sample; the resonance is in GeV, and None for events without one.
    own
        Of those that are columns, or computed of columns: where they stand.
    jets
        Whether any is of the two leading jets.
    factor
        What brings the resonant variable to GeV.
    fields
        What the source must give.
    """

    resonance: Quantity | None
    features: tuple[Quantity, ...]
    own: Mapping[str, Own]
    jets: bool
    factor: float
    fields: tuple[Field, ...]

    @classmethod
    def of(
        cls,
        source: Source,
        features: Iterable[Feature],
        resonance: Feature | None = None,
        *,
        searched: bool = True,
    ) -> Asked:
        """Return what is asked for, as far as it can be told without a look at events.

        Parameters
        ----------
        source, features, resonance
            As of `hepflow.features`.
        searched
            Whether there is a resonant variable at all.

        Raises
        ------
        ConfigError
            If there is no such feature, one stands there twice, or is the resonant variable.
        InputError
            If the source lacks what a feature needs.
        """
        if not isinstance(source, Source):
            raise ConfigError(
                f"features of {source!r}: expected what hepflow.read returns, as in "
                'hepflow.features(hepflow.read(path, format="nanoaod"), names)'
            )
        given = [features] if isinstance(features, str | Quantity) else list(features)
        found = tuple(_feature(source, one) for one in given)
        names = tuple(one.name for one in found)
        if len(set(names)) < len(names):
            raise ConfigError(f"features {names}: expected each only once")
        mass, factor = _resonance(source, resonance) if searched else (None, 1.0)
        asked = found
        if mass is not None:
            asked = (mass, *found)
            for one in found:
                _check_apart(one, mass)
        own = {one.name: Own(one.expression) for one in asked if one.expression}
        of_jets = [one.name for one in asked if one.name not in own and not source.columns]
        fields: list[Field] = [*own.values(), *_fields(source, asked, own, of_jets)]
        return cls(mass, found, own, bool(of_jets), factor, tuple(dict.fromkeys(fields)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(feature.name for feature in self.features)

    @property
    def of_jets(self) -> tuple[str, ...]:
        """The features that are of the two leading jets."""
        return tuple(name for name in self.names if name not in self.own)

    def field_of(self, name: str) -> str:
        """Return the field of a chunk's events that a quantity stands in."""
        return self.own[name].key if name in self.own else name

    def scaled(self, mass: FloatArray) -> FloatArray:
        """Return the resonant variable in GeV."""
        return mass if self.factor == 1 else self.factor * np.asarray(mass, dtype=np.float64)


def _fields(
    source: Source, asked: tuple[Quantity, ...], own: Mapping[str, Own], of_jets: list[str]
) -> list[str]:
    if source.columns:
        return [name for name in dict.fromkeys(one.name for one in asked) if name not in own]
    if not of_jets:
        return []
    for name in of_jets:
        missing = [tau for tau in FEATURES[name].taus if tau not in source.jet_fields]
        if missing:
            raise InputError(
                f"{source.description}: feature {name!r} needs {' and '.join(missing)} of each jet; the jets "
                f"have {', '.join(source.jet_fields)}. Name the branch, branches: {{{missing[0]}: ...}}, or "
                "leave the feature out"
            )
    return list(dict.fromkeys((*MOMENTUM, *(tau for name in of_jets for tau in FEATURES[name].taus))))


def _feature(source: Source, asked: Feature) -> Quantity:
    """Return a feature with what is known of it; its expression is empty where it is of jets, or stored by name."""
    if isinstance(asked, Quantity) and asked.expression:
        return _valid(asked)
    if not isinstance(asked, str | Quantity):
        raise ConfigError(f"feature {asked!r}: expected a name, or a hepflow.Quantity")
    name = asked if isinstance(asked, str) else asked.name
    if source.columns and source.resonance is None:  # a table
        return _valid(replace(asked, expression=name) if isinstance(asked, Quantity) else _column(name))
    if source.columns and name not in source.columns:
        raise InputError(f"{source.description}: no feature {name!r}; {did_you_mean(name, source.columns)}")
    if not source.columns and name not in FEATURES:
        raise ConfigError(
            f"unknown feature {name!r}: {did_you_mean(name, FEATURES)} Of a column of the file, or computed of some: "
            f"hepflow.Quantity({name!r}, expression='...')"
        )
    if isinstance(asked, Quantity):
        return asked
    stored = next((one for one in source.quantities if one.name == name), None)
    return replace(stored, expression="") if stored is not None else dijet_quantity(name)


def _resonance(source: Source, asked: Feature | None) -> tuple[Quantity, float]:
    """Return the resonant variable, and what brings it to GeV."""
    default = source.resonance if source.columns else M_JJ
    if asked is None:
        if default is None:
            raise ConfigError(
                f"{source.description}: a table does not say which column is searched; give resonance='m_mumu', or "
                f"whatever it is called there: {did_you_mean('m_mumu', source.columns)}"
            )
        return replace(default, expression=""), 1.0
    if isinstance(asked, str):
        asked = Quantity(asked, unit="GeV")
    if default is not None and asked.name == default.name and not asked.expression:
        label, title = asked.label or default.label, asked.title or default.title
        return Quantity(asked.name, label, "GeV", title), asked.in_gev()[1]
    if not asked.expression:
        asked = replace(_column(asked.name), label=asked.label, unit=asked.unit, title=asked.title)
    found, factor = _valid(asked).in_gev()
    return found, factor


def _column(name: str) -> Quantity:
    return Quantity(name, expression=name)


def _valid(asked: Quantity) -> Quantity:
    """Refuse a name that no column of a file could have."""
    name = asked.name
    if not name.replace("_", "").isalnum() or not name.isascii() or name in OWN:
        raise ConfigError(
            f"{name!r} cannot be the name of a feature: expected letters, digits and '_', and neither 'weight' nor "
            f"'label'. Give a column or an expression a name: {{name: ..., expression: {asked.expression!r}}}, in "
            f"Python hepflow.Quantity('...', expression={asked.expression!r})"
        )
    return asked


def _check_apart(feature: Quantity, searched: Quantity) -> None:
    """Refuse a feature that is the resonant variable by its name, or by what it is computed of."""
    if feature.name == M_JJ.name == searched.name and not feature.expression:
        return  # a sample may hold it; the configuration of a search refuses it
    where = searched.expression.strip() or searched.name
    if feature.name == searched.name or where in (feature.name, feature.expression.strip()):
        raise ConfigError(
            f"feature {feature.name!r}: {where!r} is the resonant variable; a classifier that sees it would sculpt "
            "the spectrum. Leave it out of the features"
        )
