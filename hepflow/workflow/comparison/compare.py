"""Several methods on the same data: `hepflow compare`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from hepflow.comparison import Comparison, Matrix, MethodResult
from hepflow.errors import ConfigError
from hepflow.sample import Sample
from hepflow.storage import load_sample, save_sample, write_text
from hepflow.workflow.comparison.chosen import methods_of
from hepflow.workflow.comparison.dataset import DataSet
from hepflow.workflow.comparison.steps import (
    COMPARISON,
    SAMPLES,
    SHOWN,
    compare_plan,
    draws,
    names_of,
    samples_plan,
    searches,
)
from hepflow.workflow.complete import complete
from hepflow.workflow.config import Config, Method
from hepflow.workflow.engine.execute import carry_out, todo
from hepflow.workflow.engine.executors import as_worker, open_pool
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.logs import logging_to
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import versions
from hepflow.workflow.engine.work import Work
from hepflow.workflow.pieces import read_features, read_piece
from hepflow.workflow.steps import FIGURES


def compare(config: Config, out: Path, *, scan: bool = False) -> Comparison:
    """Run several methods on the same data, over seeds and, if asked, over injections.

    Parameters
    ----------
    config
        The analysis; its `compare` block says which methods, how many seeds, and the injections of a scan. What is
        expected of a cut comes from asymptotic formulae, unless `fit.calculator` asks for toys.
    out
        Folder: ``comparison.json``, ``config.yaml``, ``figures/``, ``report.html`` and, for each data set, the steps
        of every method. What is done there already is read, not computed again.
    scan
        Repeat everything at each of ``compare.injections``, in the place of ``injection.events``.

    Returns
    -------
    Comparison
        One result a method, seed and injection. A method that its input does not allow to run is among them, with the
        reason in `problems`.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, a scan has no signal to inject, or the analysis is
        blinded.
    InputError
        If evaluation events stand among those that are trained on, or files cannot be read.
    """
    _check(config, scan)
    folder = RunFolder(out, identity(config))
    with folder.locked(), logging_to(out), ExitStack() as stack:
        pool = cache(
            lambda: stack.enter_context(open_pool(config.executor))
        )  # jobs of a farm are submitted once
        samples = _Samples(config, samples_plan(config), folder)
        if samples.plan[SAMPLES].after and (unread := todo(samples.plan, folder, [SAMPLES])):
            carry_out(samples.plan, unread, partial(read_samples, config, samples.plan, out), pool())
        chosen = methods_of(config, truth=samples.truth)
        write_text(out / "config.yaml", config.to_yaml(out))
        work = Contest(config, chosen, compare_plan(config, chosen, scan=scan), folder, scan=scan)
        left = todo(work.plan, folder, SHOWN)
        if left:
            complete(work, config, left, partial(perform, config, work.plan, chosen, out, scan), pool())
    return Comparison.from_json(out / f"{COMPARISON}.json")


def dry_run(config: Config, out: Path, *, scan: bool = False) -> dict[str, str | None]:
    """Return what `compare` would do: each step, and why it would be made, or None where its result is there.

    No input is read. Until they were, data are taken to have the truth that listed methods need; without a list, to
    have it where their rows are chosen by it.

    Raises
    ------
    ConfigError
        As `compare` does.
    """
    _check(config, scan)
    folder = RunFolder(out, identity(config), make=False)
    samples = _Samples(config, samples_plan(config), folder)
    if todo(samples.plan, folder, [SAMPLES]):
        truth = config.inputs.data.label is not None or config.compare.methods is not None
    else:
        truth = samples.truth
    plan = compare_plan(config, methods_of(config, truth=truth), scan=scan)
    left = todo(plan, folder, SHOWN)
    return {step.name: left.get(step.name) for step in plan}


def perform(
    config: Config, plan: Plan, chosen: Mapping[str, Method], out: Path, scan: bool, step: str
) -> None:
    """Make one step of a comparison, in whichever process this is."""
    with as_worker(config.executor, out):
        Contest(config, chosen, plan, RunFolder(out, None), scan=scan).perform(step)


def read_samples(config: Config, plan: Plan, out: Path, step: str) -> None:
    """Read all inputs, or a piece of one, in whichever process this is."""
    with as_worker(config.executor, out):
        _Samples(config, plan, RunFolder(out, None)).perform(step)


def identity(config: Config) -> dict[str, Any]:
    """Return what makes a comparison another than its neighbour."""
    return config.model_dump(mode="json", include={"name", "inputs"})


def _check(config: Config, scan: bool) -> None:
    """Refuse what cannot be compared."""
    if config.fit.blind:
        raise ConfigError(
            "fit.blind: a comparison shows the data of the signal region; on generated or R&D data say "
            "`--set fit.blind=false`"
        )
    if scan and config.inputs.signal is None:
        raise ConfigError("--scan injection adds signal to the data: give `inputs.signal`")


class _Samples(Work):
    """The features of all inputs."""

    @cached_property
    def all(self) -> dict[str, Sample]:
        """Samples by the names of the inputs."""
        return self.keep(SAMPLES, self._read, _save_samples, _load_samples)

    @property
    def truth(self) -> bool:
        """Whether the data have truth labels."""
        return self.all["data"].label is not None

    def __init__(self, config: Config, plan: Plan, folder: RunFolder) -> None:
        super().__init__(plan, folder)
        self.config = config

    def _read(self) -> dict[str, Sample]:
        return {name: read_features(self, self.config, name) for name in self.config.inputs.given}

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if step == SAMPLES:
            _ = self.all
        else:
            read_piece(self, self.config, step)


class Contest(_Samples):
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


def _save_samples(folder: Path, samples: Mapping[str, Sample]) -> None:
    for name, sample in samples.items():
        save_sample(sample, folder / f"{name}.h5")


def _load_samples(folder: Path) -> dict[str, Sample]:
    return {path.stem: load_sample(path) for path in sorted(folder.glob("*.h5"))}
