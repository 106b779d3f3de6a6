"""The analysis with more and more injected signal, and the record that is made of all trainings."""

from __future__ import annotations

import json
from pathlib import Path

from hepflow.errors import InputError
from hepflow.searches import EfficiencyPoint, RetrainedLimits
from hepflow.selection import signal_efficiency
from hepflow.stats import mean_efficiency
from hepflow.storage import write_json
from hepflow.workflow.engine.provenance import versions
from hepflow.workflow.many.cut_limits import cut_limits
from hepflow.workflow.many.parts import Part, Search
from hepflow.workflow.many.retrain_steps import EFFICIENCY, LIMITS, draw_of, grid, name_of
from hepflow.workflow.steps import fits

LEVEL = 0.95
Efficiencies = dict[float, tuple[float, float]]


class RetrainedPart(Part):
    """The analysis with so much signal in the data."""

    def make(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if step == EFFICIENCY:
            _ = self.efficiencies
        else:
            super().make(step)

    @property
    def efficiencies(self) -> Efficiencies:
        """Efficiency of every cut for the signal that was held out, and its error, by background efficiency."""
        return self.keep(EFFICIENCY, self._measure, _save_efficiencies, _load_efficiencies)

    def _measure(self) -> Efficiencies:
        return {cut: signal_efficiency(self.scores, cut) for cut in fits(self.config).values()}


class RetrainedSearch(Search):
    """The steps of limits with retraining."""

    def make_limits(self) -> list[Path]:
        """Write ``limits.json``."""
        config, path = self.config, self.folder.path / f"{LIMITS}.json"
        found: dict[int, list[Efficiencies]] = {}
        problems = []
        for events in grid(config):
            for number in range(config.limit.seeds):
                part = self._trained(events, number)
                reason = part.failure(EFFICIENCY)
                if reason is None:
                    found.setdefault(events, []).append(part.efficiencies)
                else:
                    problems.append(f"{events} injected, training {number}: {reason}")
        if 0 not in found or len(found) < 2:
            raise InputError(f"no efficiency against injected signal can be measured: {problems[0]}")
        data_as_they_are = self._trained(0, 0)
        cuts = []
        for step, efficiency in fits(config).items():
            reason = data_as_they_are.failure(step)
            if reason is None:
                points = _points(found, efficiency)
                cuts.append(cut_limits(efficiency, points, data_as_they_are.hunt(step)))
            else:
                problems.append(f"background efficiency {efficiency:g}: {reason}")
        signal = self.whole.features[1]
        RetrainedLimits(
            name=config.name,
            method=config.method.name,
            seed=config.seed,
            config_hash=config.hash(),
            versions=versions(),
            signal=config.regions.signal,
            nominal=0.0 if signal is None else float(signal.weight.sum()),
            level=LEVEL,
            cuts=tuple(cuts),
            blind=self.blind,
            problems=tuple(problems),
        ).write(path)
        return [path]

    def make_figures(self) -> list[Path]:
        """Draw efficiencies and limits."""
        from hepflow.plots import save_all
        from hepflow.plots.retrained_limits import figures

        found = RetrainedLimits.from_json(self.folder.path / f"{LIMITS}.json")
        return save_all(figures(found), self.folder.path / "figures")

    def _trained(self, events: int, number: int) -> RetrainedPart:
        part = self.part(name_of(events, number))
        assert isinstance(part, RetrainedPart)
        return part

    def _part(self, name: str) -> Part:
        events, number = (int(word.rpartition("-")[2]) for word in name.split("/"))
        config = self.config.model_copy(update={"seed": self.config.seed + number})
        draw = draw_of(self.config, events, number)
        return RetrainedPart(config, self.plan, self.folder, name, self.whole, blind=self.blind, draw=draw)


def _points(found: dict[int, list[Efficiencies]], cut: float) -> tuple[EfficiencyPoint, ...]:
    points = []
    for events, trainings in sorted(found.items()):
        value, error = mean_efficiency(*zip(*(one[cut] for one in trainings), strict=True))
        points.append(EfficiencyPoint(events, value, error, len(trainings)))
    return tuple(points)


def _save_efficiencies(folder: Path, found: Efficiencies) -> None:
    write_json(folder / "efficiency.json", {str(cut): both for cut, both in found.items()})


def _load_efficiencies(folder: Path) -> Efficiencies:
    content = json.loads((folder / "efficiency.json").read_text(encoding="utf-8"))
    return {float(cut): (float(value), float(error)) for cut, (value, error) in content.items()}
