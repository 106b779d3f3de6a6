"""The analyses of all windows of a spectrum, and the record that is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hepflow.searches import Excess, WindowCut, WindowResult, WindowScan
from hepflow.searches.windows import read_window
from hepflow.stats import BumpHunt, trials_of_cuts, trials_of_windows
from hepflow.stats.trials import TOYS
from hepflow.storage import write_json
from hepflow.workflow.config import Regions
from hepflow.workflow.engine.provenance import unblindings, versions
from hepflow.workflow.many.parts import Part, Search
from hepflow.workflow.many.window_steps import RESULT, SCAN, name_of, regions_of
from hepflow.workflow.steps import fits


class WindowPart(Part):
    """The analysis of one window, for its significance alone: limits by toys take longer than all else."""

    limits = False

    def make(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if step == RESULT:
            _ = self.result
        else:
            super().make(step)

    @property
    def result(self) -> WindowResult:
        """What was found in this window, and what could not be."""
        return self.keep(
            RESULT,
            self._measure,
            lambda folder, found: write_json(folder / "window.json", found),
            lambda folder: read_window(folder / "window.json"),
        )

    def _measure(self) -> WindowResult:
        found: list[BumpHunt] = []
        cuts: list[WindowCut] = []
        problems: dict[str, None] = {}  # a failure that all cuts share is told once
        for step, efficiency in fits(self.config).items():
            reason = self.failure(step)
            if reason is not None:
                problems[reason] = None
                continue
            one = self.hunt(step)
            found.append(one)
            cuts.append(
                WindowCut(
                    efficiency,
                    one.n_exp,
                    one.n_exp_error,
                    n_obs=one.n_obs,
                    z=one.z,
                    p0=one.p0,
                    p0_error=one.p0_error,
                    calculator=one.calculator,
                )
            )
        factor = None
        if found and not self.blind:
            factor = trials_of_cuts(found, toys=self.config.fit.toys or TOYS, seed=self.config.seed).factor
        windows = self.windows
        return WindowResult(windows.signal, windows.sidebands, tuple(cuts), factor, tuple(problems))


class WindowSearch(Search):
    """The steps of a search in many windows."""

    def make_scan(self) -> list[Path]:
        """Write ``scan.json``."""
        windows = []
        for signal, regions in regions_of(self.config).items():
            if isinstance(regions, str):
                windows.append(WindowResult(signal, (), problems=(regions,)))
                continue
            part = self.part(name_of(signal))
            assert isinstance(part, WindowPart)
            reason = part.failure(RESULT)
            if reason is None:
                windows.append(part.result)
            else:
                windows.append(WindowResult(signal, regions.sidebands, problems=(reason,)))
        config, path = self.config, self.folder.path / f"{SCAN}.json"
        WindowScan(
            name=config.name,
            method=config.method.name,
            seed=config.seed,
            config_hash=config.hash(),
            versions=versions(),
            windows=tuple(windows),
            excess=None if self.blind else _largest(windows),
            blind=self.blind,
            unblinded=tuple(vars(one) for one in unblindings(self.folder.path)),
        ).write(path)
        return [path]

    def make_figures(self) -> list[Path]:
        """Draw the local p-values, where there are any."""
        from hepflow.plots import save_all
        from hepflow.plots.window_scan import figures

        found = WindowScan.from_json(self.folder.path / f"{SCAN}.json")
        return save_all(figures(found), self.folder.path / "figures")

    def _part(self, name: str) -> Part:
        regions = next(
            one
            for signal, one in regions_of(self.config).items()
            if name_of(signal) == name and isinstance(one, Regions)
        )
        config = self.config.model_copy(update={"regions": regions})
        return WindowPart(config, self.plan, self.folder, name, self.whole, blind=self.blind)


def _largest(windows: list[WindowResult]) -> Excess | None:
    """Return the window with the smallest p-value, and what it is worth among all."""
    tested = [(one, one.best, one.p) for one in windows]
    known = [(one, best, p) for one, best, p in tested if best is not None and p is not None]
    if not known:
        return None
    trials = trials_of_windows([one.signal for one, _, _ in known], np.array([p for _, _, p in known]))
    window, best, p = known[trials.largest]
    if best.z is None or best.p0 is None:
        return None
    return Excess(
        signal=window.signal,
        background_efficiency=best.background_efficiency,
        z=best.z,
        p0=best.p0,
        p_window=p,
        windows=trials.windows,
        disjoint=trials.disjoint,
        p_global=trials.p,
        z_global=trials.z,
        p_least=trials.p_least,
        z_least=trials.z_least,
    )
