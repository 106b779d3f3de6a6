"""What an unfolding is: pairs read, data unfolded, varied and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.config import Unfolding
from hepflow.config.unfolding import Observable, Simulated
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError, did_you_mean
from hepflow.studies.analysis.pieces import fingerprint, whole_files
from hepflow.studies.analysis.steps import shown
from hepflow.studies.unfolding.record import UnfoldingRecord
from hepflow.studies.unfolding.stages import STAGES

ROOM = "hepflow.studies.unfolding"
IN_BINS = ("bayes", "tikhonov")


class Unfold(Study[Unfolding, UnfoldingRecord]):
    """Data at particle level. Its record is ``unfolding.json``; ``unfolded.h5`` has the weighted events."""

    room = ROOM
    command = "hepflow unfold CONFIG"
    record = f"{ROOM}.record:UnfoldingRecord"
    file = "unfolding.json"
    final = "unfolding"
    beside = ("figures", "report.html")
    stages: ClassVar[tuple[str, ...]] = STAGES
    loads = (f"{ROOM}.results",)
    duration = ""

    def identity(self, config: Unfolding) -> dict[str, Any]:
        """Return name, seed, inputs and columns."""
        told = config.model_dump(mode="json", include={"name", "seed", "inputs", "truth", "reco"})
        return {"unfolding": True, **told}

    def check(self, config: Unfolding) -> None:
        """Refuse expressions of observables that are none, or have a name that is no column."""
        from hepflow.readers.expressions import Expression  # heavy

        for one in config.observables:
            for key, text, level in (
                ("expression", one.expression, "truth"),
                ("seen", config.seen(one), "reco"),
            ):
                names = [column.name for column in config.levels[level]]
                for name in () if text is None or text in names else Expression(text).names:
                    if name not in names:
                        raise ConfigError(
                            f"observables: {key} of {one.name!r}: no column {name!r} in `{level}`; "
                            f"{did_you_mean(name, names)}"
                        )

    def plan(self, config: Unfolding, blinding: Blinding) -> Plan:
        """Return the steps from files to the record, and what shows that."""
        method = config.method.model_dump(mode="json")
        observables = [_observable(config, one) for one in config.observables]
        common = {"seed": config.seed, "observables": observables}
        steps = [_pairs(config), *_factors(config), *_unfolded(config, method, common)]
        weighted = {} if method["name"] in IN_BINS else by_name("unfolded")
        steps += _systematics(config, {**common, "method": method}, weighted)
        reference = _reference(config)
        if reference is not None:
            settings = {**common, "method": config.reference.model_dump(mode="json")}
            steps.append(
                Step("reference", "reference", f"{ROOM}.work:of_reference", settings, by_name("pairs"))
            )
        steps += _checks(config, {**common, "method": method}, weighted)
        told = {
            **common,
            "name": config.name,
            "config_hash": config.hash(),
            "method": method["name"],
            "replicas": method.get("replicas", method.get("toys", 0)),
            "stops": bool(method.get("stop", False)),
            "reference": reference,
        }
        apart = ("folded", "replica/", "weights", "factor/")
        needs = by_name(*(step.name for step in steps if not step.name.startswith(apart)))
        steps.append(Step(self.final, self.final, f"{ROOM}.results:unfolding", told, needs))
        return Plan.of([*steps, *shown(self, config)])

    def failed(self, record: UnfoldingRecord) -> list[str]:
        """Return the names of the verdicts that did not pass."""
        return [verdict.name for verdict in record.failed]

    def hint(self, config: Unfolding, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return where the weights are."""
        if left is not None or config.method.name in IN_BINS:
            return None
        return f"weights of generated events in {out / 'unfolded.h5'}"


def _levels(config: Unfolding) -> dict[str, Any]:
    """Return what readings of pairs have in common."""
    levels = {level: [vars(one) for one in columns] for level, columns in config.levels.items()}
    told = config.model_dump(mode="json", include={"pass_truth", "pass_reco"})
    inputs = config.inputs.model_dump(mode="json", include={"key", "unmatched", "luminosity"})
    return {**levels, **told, **inputs}


def _sources(config: Unfolding, block: Simulated) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the sources of pairs as plain settings, and their files."""
    entries = {name: config.opened(entry) for name, entry in block.simulated.items()}
    files = fingerprint(file for entry in entries.values() for file in whole_files(entry))
    return {name: entry.model_dump(mode="json") for name, entry in entries.items()}, files


def _pairs(config: Unfolding) -> Step:
    sources, files = _sources(config, config.inputs)
    data = config.opened(config.inputs.data)
    settings = {
        **_levels(config),
        "sources": sources,
        "data": data.model_dump(mode="json"),
    }
    files = {**files, **fingerprint(whole_files(data))}
    return Step("pairs", "pairs", f"{ROOM}.work:pairs", settings, files=files)


def _factors(config: Unfolding) -> Iterator[Step]:
    """Yield a step for each factor: another one is read without anything unfolded anew."""
    sources, files = _sources(config, config.inputs)
    for name, factor in config.factors.items():
        settings = {**_levels(config), "sources": sources, "factor": factor}
        yield Step(f"factor/{name}", "pairs", f"{ROOM}.work:factor", settings, files=files)


def _unfolded(config: Unfolding, method: dict[str, Any], common: dict[str, Any]) -> Iterator[Step]:
    """Yield the steps that unfold; each replica of OmniFold is one of its own."""
    own = {"seed": config.seed, "method": method}
    if method["name"] in IN_BINS:
        yield Step(
            "histograms", "unfolded", f"{ROOM}.work:of_bins", {**common, "method": method}, by_name("pairs")
        )
        return
    if method["name"] == "omnifold":
        single = {key: value for key, value in method.items() if key != "replicas"} | {"replicas": 0}
        alone = {"seed": config.seed, "method": single}
        yield Step("folded", "unfolded", f"{ROOM}.work:folded", alone, by_name("pairs"))
        replicas = [f"replica/{number}" for number in range(method["replicas"])]
        for number, name in enumerate(replicas):
            yield Step(
                name,
                "unfolded",
                f"{ROOM}.work:replica",
                {**alone, "number": number},
                by_name("pairs", "folded"),
            )
        yield Step("unfolded", "unfolded", f"{ROOM}.work:joined", own, by_name("pairs", "folded", *replicas))
    else:
        yield Step("unfolded", "unfolded", f"{ROOM}.work:unfolded", own, by_name("pairs"))
    yield Step("weights", "unfolded", f"{ROOM}.work:weights", {}, by_name("unfolded"))
    yield Step("histograms", "unfolded", f"{ROOM}.work:of_weights", common, by_name("unfolded"))


def _systematics(config: Unfolding, common: dict[str, Any], weighted: dict[str, str]) -> Iterator[Step]:
    for one in config.systematics:
        name = f"systematic/{one.name}"
        sources, files = _sources(config, one)
        needs = {**by_name("pairs"), **weighted}
        settings = dict(common)
        if one.factor is None:
            settings |= {**_levels(config), "sources": sources}
        else:
            needs["factor"] = f"factor/{name}"
        yield Step(name, "systematics", f"{ROOM}.work:systematic", settings, needs, files=files)


def _checks(config: Unfolding, common: dict[str, Any], weighted: dict[str, str]) -> Iterator[Step]:
    made_by, needs = f"{ROOM}.checks:halves", by_name("pairs")
    if config.checks.closure:
        yield Step("closure", "checks", made_by, {**common, "name": "closure"}, needs)
    for one in config.checks.stress:
        name = f"stress/{one.name}"
        yield Step(
            name, "checks", made_by, {**common, "name": one.name}, {**needs, "factor": f"factor/{name}"}
        )
    if config.method.name == "posterior":
        own = {"seed": config.seed, "method": common["method"]}
        yield Step("coverage", "checks", f"{ROOM}.checks:coverage", own, needs)
    models = [one.name for one in config.checks.models]
    settings = {"observables": common["observables"], "models": models}
    needs = {**by_name("pairs", "histograms"), **weighted}
    needs |= {f"models/{name}": f"factor/models/{name}" for name in models}
    yield Step("seen", "checks", f"{ROOM}.checks:seen", settings, needs)


def _reference(config: Unfolding) -> str | None:
    """Return the method in bins that stands beside the result; none beside itself."""
    name = config.reference.name
    there = any(config.seen(one) is not None for one in config.observables)
    return None if name in ("none", config.method.name) or not there else name


def _observable(config: Unfolding, one: Observable) -> dict[str, Any]:
    return {
        "name": one.name,
        "of": one.of,
        "label": one.label or _of_column(config, one, "label"),
        "unit": one.unit or _of_column(config, one, "unit"),
        "edges": one.borders,
        "seen": config.seen(one),
        "seen_edges": one.seen_borders,
    }


def _of_column(config: Unfolding, one: Observable, what: str) -> str:
    """Return label or unit of the generated column that an observable is."""
    found = (column for column in config.levels["truth"] if column.name == one.of)
    return next((str(getattr(column, what)) for column in found), "")


STUDY = Unfold()
