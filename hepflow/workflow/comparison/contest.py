"""The contest: the steps of a comparison, over all its data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hepflow.comparison import Comparison, Matrix, MethodResult
from hepflow.workflow.comparison.dataset import DataSet
from hepflow.workflow.comparison.samples import Samples
from hepflow.workflow.comparison.steps import COMPARISON, draws, names_of, searches
from hepflow.workflow.config import Config, Method
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import versions
from hepflow.workflow.steps import FIGURES


class Contest(Samples):
    """The steps of a comparison.

    Parameters
    ----------
    config
        The analysis.
    chosen
        From `hepflow.workflow.comparison.chosen.methods_of`.
    plan, folder
        From `compare_plan`, and where results are kept.
    scan
        As of the plan.
    """

    def __init__(
        self, config: Config, chosen: Mapping[str, Method], plan: Plan, folder: RunFolder, *, scan: bool
    ) -> None:
        super().__init__(config, plan, folder)
        self.chosen, self.scan = chosen, scan
        self._last: DataSet | None = None

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if self.plan[step].stage == "features":
            super().perform(step)
        elif step == COMPARISON:
            self.publish(step, self._compare)
        elif step == FIGURES:
            self.publish(step, self._figures)
        else:
            self._data_set("/".join(step.split("/")[:2])).perform(step)

    def _data_set(self, folder: str) -> DataSet:
        """Return one data set; the one before is forgotten, so that memory does not grow with their number."""
        if self._last is None or self._last.draw.folder != folder:
            draw = next(one for one in draws(self.config, scan=self.scan) if one.folder == folder)
            self._last = DataSet(self.config, self.plan, self.folder, draw, self.chosen, self.all)
        return self._last

    def _compare(self) -> list[Path]:
        results: list[MethodResult] = []
        matrices: list[Matrix] = []
        for draw in draws(self.config, scan=self.scan):
            dataset = self._data_set(draw.folder)
            results += [dataset.result(name) for name in names_of(self.chosen)]
            if len(searches(self.chosen)) > 1:
                matrices += dataset.agreement()
        regions = self.config.regions
        comparison = Comparison(
            name=self.config.name,
            config_hash=self.config.hash(),
            versions=versions(),
            regions={"signal": list(regions.signal), "sidebands": [list(band) for band in regions.sidebands]},
            results=tuple(results),
            matrices=tuple(matrices),
        )
        path = self.folder.path / f"{COMPARISON}.json"
        comparison.write(path)
        return [path]

    def _figures(self) -> list[Path]:
        from hepflow.plots import draw_comparison

        comparison = Comparison.from_json(self.folder.path / f"{COMPARISON}.json")
        return draw_comparison(comparison, self.folder.path / "figures")
