"""What a search is: one analysis, from files to p-value, limit and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from hepflow.catalogue import DETECTORS
from hepflow.config import Config
from hepflow.config.methods import Outlier
from hepflow.engine.plan import Failing, Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.results import Results
from hepflow.studies.analysis.pieces import fingerprint
from hepflow.studies.analysis.steps import analysis_steps, fits, shown
from hepflow.studies.search.stages import STAGES

ROOM = "hepflow.studies.search"


class Search(Study[Config, Results]):
    """One analysis. Its record is ``results.json``; pyhf workspaces stand in ``workspaces/``."""

    room = ROOM
    command = "hepflow run CONFIG"
    record = "hepflow.results:Results"
    file = "results.json"
    final = "results"
    stages: ClassVar[tuple[str, ...]] = STAGES
    loads = ("hepflow.studies.analysis.scores",)
    unblinds = "hepflow run CONFIG --unblind"

    def identity(self, config: Config) -> dict[str, Any]:
        """Return name, seed, inputs and injection."""
        return config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"})

    def check(self, config: Config) -> None:
        """Refuse a theory that is not there, or does not reach to the signal region."""
        if config.theory is not None:
            from hepflow.studies.search.cross_sections import theory_at  # heavy

            theory_at(config.theory, _mass(config))

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return the steps of the analysis, its record and what shows that."""
        behind = [name for name, efficiency in fits(config).items() if efficiency != 1]
        steps = [
            replace(step, failing=Failing.KEPT) if step.name in behind else step
            for step in analysis_steps(config, blind=blinding.hidden, answers=True)
        ]
        validations = [step.name for step in steps if step.stage == "validation"]
        told = {
            "name": config.name,
            "method": config.method.variant_name,
            "score": _score(config),
            "config_hash": config.hash(),
            "seed": config.seed,
            "injected": config.injection.events if config.injection else 0,
            "fits": fits(config),
            "toys": config.fit.toys,
            "resonance": config.fit.resonance,
            "tries_simulation": "validation/simulation" in validations,
            "blind": blinding.hidden,
            "cross_section": _cross_section(config),
            "unblinded": [vars(one) for one in blinding.looked],
        }
        needs = by_name("features", "background", "scores", *validations, *fits(config))
        files = {} if config.theory is None else fingerprint([str(config.theory)])
        steps.append(Step(self.final, "fit", f"{ROOM}.results:results", told, needs, files=files))
        return Plan.of([*steps, *shown(self, config)])

    def failed(self, record: Results) -> list[str]:
        """Return the names of the verdicts that did not pass."""
        return [verdict.name for verdict in record.failed]


def _score(config: Config) -> dict[str, Any]:
    """Return what the score is, in what coordinates, and whether the template is the background of its fits."""
    method = config.method
    if not isinstance(method, Outlier):
        return {"what": "log density ratio, data to template"}
    features = ", ".join(one if isinstance(one, str) else one.name for one in config.features)
    return {
        "what": DETECTORS[method.detector.name].title,
        "coordinates": f"{method.detector.seen_in} ({features})",
        "fitted": config.fit.background,
    }


def _cross_section(config: Config) -> dict[str, Any] | None:
    """Return what makes strengths cross-sections; None without a luminosity."""
    if config.luminosity is None:
        return None
    return {
        "luminosity": config.luminosity,
        "efficiency": config.cross_section.efficiency,
        "resonance": config.fit.resonance is not None,
        "predicted": None if config.injection or config.fit.resonance else config.inputs.predicted,
        "theory": None if config.theory is None else str(config.theory),
        "theory_file": config.cross_section.theory,
        "mass": _mass(config),
    }


def _mass(config: Config) -> float:
    return config.cross_section.mass or 0.5 * sum(config.regions.signal)


STUDY = Search()
