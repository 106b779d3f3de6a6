"""The schema: where events come from, what they weigh, and how a signal may vary."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from hepflow.config.blocks import BESIDE, Block, Paths, problem


def _as_text(value: Any) -> Any:
    """Take a year for its name."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Format = Literal[
    "lhco", "lhco-raw", "nanoaod", "physlite", "delphes", "treemaker", "parquet", "hepflow", "custom", "table"
]
Branches = dict[str, str | tuple[str, ...]]
Positive = Annotated[float, Field(gt=0)]
Period = Annotated[str, BeforeValidator(_as_text)]
Nuisance = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
PB: dict[str, Any] = {"unit": "pb", BESIDE: True}
PB_FB = 1000.0  # fb per pb
LEFT_OUT: dict[str, Any] = {BESIDE: True}


class InputSample(Block):
    """One of several samples or data-taking periods that are read as one; what it leaves out is as for the others."""

    path: Paths = Field(min_length=1, description="A file, a glob, a URL, or a list of these.")
    name: str | None = Field(
        None,
        description="What the cutflow calls it; left out, its period. Samples of one name are counted together.",
    )
    period: Period | None = Field(None, description="Data-taking period, of those in `luminosity`.")
    tree: str | None = Field(None, description="Its own tree.")
    branches: Branches | None = Field(None, description="Its own columns of jet quantities.")
    weight: str | None = Field(None, description="Its own column of event weights.")
    selection: str | None = Field(None, description="Its own selection, such as the triggers of a period.")
    cross_section: Positive | None = Field(
        None, json_schema_extra=PB, description="Cross-section of the process."
    )
    generated: Positive | str | None = Field(
        None, description="Sum of its generated weights, as of an input."
    )
    scale: Positive | None = Field(None, description="Factor on its weights.")


class Varied(Block):
    """A signal sample with one systematic effect moved by one standard deviation; what it leaves out is as it was."""

    path: Paths | None = Field(None, description="Other files.")
    branches: Branches | None = Field(None, description="Other columns of single jet quantities.")
    weight: str | None = Field(None, description="Another column of event weights.")

    @model_validator(mode="after")
    def _varies_something(self) -> Varied:
        if self.path is None and self.branches is None and self.weight is None:
            raise ValueError("varies nothing; expected path, branches or weight")
        return self


class Variation(Block):
    """A systematic effect on the signal: the sample at plus and at minus one standard deviation."""

    up: Varied = Field(description="Plus one standard deviation.")
    down: Varied = Field(description="Minus one standard deviation.")


class Input(Block):
    """Where events come from, and how to read them."""

    path: Paths = Field(
        (),
        examples=["events.h5"],
        description="A file, a glob, a URL, or a list of these; relative to this configuration's folder. "
        "Needed, unless there are `samples`.",
    )
    format: Format = Field(examples=["lhco"], description="Layout of the files.")
    tree: str | None = Field(
        None, description="TTree, RNTuple or HDF5 key to read, where it is not the format's usual one."
    )
    branches: Branches | None = Field(
        None,
        description="For `format: custom`: the column of each jet quantity (pt, eta, phi, mass, tau1, tau2, "
        "tau3), or a list with one flat column per jet. For other formats: replaces single columns.",
    )
    unit: Literal["GeV", "MeV"] | None = Field(
        None, description="Unit of momenta and masses in the files; left out, the format's own."
    )
    weight: str | None = Field(
        None, description="Column with the weight of each event; left out, all count one."
    )
    label_branch: str | None = Field(
        None,
        description="Column with the truth of each event (1 signal, 0 background), for evaluation alone.",
    )
    label: Literal[0, 1] | None = Field(
        None, description="Keep only events of this truth (R&D sets mix both); leave out on real data."
    )
    selection: str | None = Field(
        None, description="Expression over event and jet columns that the kept events fulfil."
    )
    skip_bad_files: bool = Field(
        False, description="Leave damaged files out, and say so in cutflow and results, instead of stopping."
    )
    samples: tuple[InputSample, ...] = Field(
        (),
        json_schema_extra=LEFT_OUT,
        description="In the place of `path`: several samples or periods, read as one.",
    )
    period: Period | None = Field(None, description="Data-taking period, of those in `luminosity`.")
    cross_section: Positive | None = Field(
        None,
        json_schema_extra=PB,
        description="Of simulation: cross-section of the process; weights then add up to its yield.",
    )
    generated: Positive | str | None = Field(
        None,
        json_schema_extra=LEFT_OUT,
        description="Beside a cross-section: the sum of the weights of all generated events, or the column to sum "
        "over all events of the files; left out, the column of the weights.",
    )
    scale: Positive = Field(1.0, description="Factor on all weights, such as a K-factor.")
    variations: dict[Nuisance, Variation] = Field(
        {},
        json_schema_extra=LEFT_OUT,
        description="Of the signal: systematic effects by the name of their nuisance parameter.",
    )

    @model_validator(mode="after")
    def _custom_names_its_branches(self) -> Input:
        if (
            self.format == "custom"
            and not self.branches
            and not all(one.branches for one in self.samples or [self])
        ):
            raise problem(
                "format", "'custom' needs `branches: {pt: NAME, eta: NAME, phi: NAME, mass: NAME, ...}`"
            )
        return self

    @model_validator(mode="after")
    def _files_stand_in_one_place(self) -> Input:
        if not self.path and not self.samples:
            raise problem("path", "missing; expected a file, a glob, a URL, or a list of these; or `samples`")
        given = {"path": self.path, "period": self.period, "cross_section": self.cross_section}
        beside = [key for key, value in {**given, "generated": self.generated}.items() if value]
        if self.samples and beside:
            raise problem(beside[0], "has no meaning beside `samples`; give it to each of them")
        for name, variation in self.variations.items():
            if self.samples and (variation.up.path or variation.down.path):
                raise problem(
                    "variations", f"{name!r} has a path, but the signal has samples; vary branches or weight"
                )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, those of samples and variations too."""
        varied = [side for one in self.variations.values() for side in (one.up, one.down)]
        nested: list[InputSample | Varied] = [*self.samples, *varied]
        return tuple(dict.fromkeys([*self.path, *(path for one in nested for path in one.path or ())]))

    def each(self, side: Varied | None = None) -> Iterator[tuple[str, Input]]:
        """Yield name and settings of each sample, as an input of its own; `side` is a systematic effect on it."""
        own = self.model_copy(update={"samples": (), "variations": {}})
        if not self.samples:
            yield self.period or "", own._varied(side)
        for sample in self.samples:
            given = {key: value for key, value in sample if value is not None and key != "name"}
            yield sample.name or sample.period or "", own.model_copy(update=given)._varied(side)

    def _varied(self, side: Varied | None) -> Input:
        update = {key: value for key, value in side or () if value is not None}
        if "branches" in update:
            update["branches"] = {**(self.branches or {}), **update["branches"]}
        if "weight" in update and self.cross_section is not None and self.generated is None:
            update["generated"] = self.weight or ""  # still of the nominal weights: the yield varies, too
        return self.model_copy(update=update)


Luminosity = Positive | dict[str, Positive] | None


def luminosity_of(luminosity: float | dict[str, float] | None, entry: Input) -> float | None:
    """Return the luminosity of an entry's period, fb^-1."""
    return luminosity.get(entry.period or "") if isinstance(luminosity, dict) else luminosity


class Inputs(Block):
    """The samples of the analysis."""

    data: Input = Field(examples=[{}], description="The events to search.")
    signal: Input | None = Field(
        None, description="A signal sample, for injection, efficiencies, limits and significance improvement."
    )
    simulation: Input | None = Field(
        None,
        description="Simulated background: the method is tried on it, where it holds as many events as the data; the "
        "methods that start from one (FETA, SALAD) need it.",
    )
    reference: Input | None = Field(
        None,
        description="A second sample of true background, for the idealized and supervised references of "
        "`hepflow compare`; left out, they take the labelled background of the data.",
    )
    luminosity: Luminosity = Field(
        None,
        json_schema_extra={"unit": "fb^-1"},
        description="Integrated luminosity of the data, or that of each period, which a cross-section is times.",
    )

    @model_validator(mode="after")
    def _weights_have_a_meaning(self) -> Inputs:
        if any(one.cross_section is not None or one.scale != 1 for _, one in self.data.each()):
            raise problem("data", "data count one each: cross_section and scale are for simulation")
        for key in ("data", "simulation", "reference"):
            if key in self.given and self.given[key].variations:
                raise problem(key, "variations are of the signal alone")
        for key, entry in self.given.items():
            for _, one in entry.each():
                if one.generated is not None and one.cross_section is None:
                    raise problem(key, "generated has a meaning only beside a cross_section")
                if one.cross_section is not None and luminosity_of(self.luminosity, one) is None:
                    known = ", ".join(self.luminosity) if isinstance(self.luminosity, dict) else ""
                    expected = f"its period as one of {known}" if known else "inputs.luminosity, in fb^-1"
                    raise problem(
                        key, f"cross_section {one.cross_section:g} pb needs {expected}; got {one.period!r}"
                    )
        return self

    @property
    def of_data(self) -> float | None:
        """Luminosity of the data, all their periods together, fb^-1; None where it is not known."""
        if not isinstance(self.luminosity, dict):
            return self.luminosity
        periods = {one.period for _, one in self.data.each()} & set(self.luminosity)
        return sum(self.luminosity[name] for name in periods or self.luminosity if name is not None)

    @property
    def predicted(self) -> float | None:
        """Cross-section of the signal in all data, its `scale` included, fb; None where it is not one number."""
        entries = [] if self.signal is None else [one for _, one in self.signal.each()]
        known = {one.cross_section * one.scale * PB_FB for one in entries if one.cross_section is not None}
        covered = sum(luminosity_of(self.luminosity, one) or 0.0 for one in entries)
        whole = self.of_data is not None and math.isclose(covered, self.of_data)
        one_process = len(known) == 1 and all(one.cross_section is not None for one in entries)
        return known.pop() if one_process and whole else None

    @property
    def given(self) -> dict[str, Input]:
        """The samples that are there, by name."""
        return {name: value for name, value in self if isinstance(value, Input)}

    def skipping_bad_files(self) -> Inputs:
        """Return the same inputs, of which damaged files are left out."""
        skip = {"skip_bad_files": True}
        return self.model_copy(update={name: one.model_copy(update=skip) for name, one in self.given.items()})
