"""The folds of a cross-fit as steps of their own, where several steps run at once; nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hepflow.workflow.config import Config
from hepflow.workflow.config.methods import BRINGS_SCORE
from hepflow.workflow.engine.plan import Plan, Step

FOLDS = "folds"


def scoring(
    config: Config, made_from: Mapping[str, Any], needs: Iterable[str], learned: Iterable[str]
) -> list[Step]:
    """Return the step that scores all samples, and before it those that train the classifier of each fold.

    Parameters
    ----------
    config
        The analysis.
    made_from, needs
        Of the step; its key is the same with and without folds.
    learned
        The steps among these that a classifier is trained on.
    """
    folds = []
    if config.executor.name != "local" and config.method.name not in BRINGS_SCORE:
        folds = [
            Step(f"{FOLDS}/{fold}", "scores", {**made_from, "fold": fold}, tuple(learned))
            for fold in range(config.classifier.folds)
        ]
    return [*folds, Step("scores", "scores", made_from, tuple(needs), tuple(step.name for step in folds))]


def folds_of(plan: Plan) -> dict[str, int]:
    """Return the folds that have a step of their own, by its name."""
    return {step.name: step.made_from["fold"] for step in plan if step.name.startswith(f"{FOLDS}/")}
