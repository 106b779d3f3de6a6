"""Parts: analyses that a search is made of, as steps of one plan in one folder, on events that are read once."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.sample import Sample, inject
from hepflow.storage import write_text
from hepflow.workflow.analysis import Analysis
from hepflow.workflow.config import Config, Injection
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.work import Work
from hepflow.workflow.many.part_steps import EVENTS

T = TypeVar("T")
FAILURE = "failure.txt"
log = logging.getLogger("hepflow.workflow")


class NoResultError(InputError):
    """A step that this one needs has no result; the reason was given before."""


class Part(Analysis):
    """One analysis among others.

    A step that cannot be made keeps the reason in place of a result, and so do all that need it; other parts go on.

    Parameters
    ----------
    config
        The analysis, with the settings of this part.
    plan, folder
        Of the whole search.
    name
        Of this part; its steps stand below.
    whole
        Who has the events.
    blind
        As of an `Analysis`.
    draw
        Signal to inject into the data, on top of what these hold; None for the data as they are.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        folder: RunFolder,
        name: str,
        whole: Analysis,
        *,
        blind: bool,
        draw: Injection | None = None,
    ) -> None:
        super().__init__(config, plan, folder, blind=blind)
        self.name, self.whole, self.draw = name, whole, draw

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, or why there is none."""
        try:
            self.make(step)
        except (InputError, FitError, ConfigError) as error:
            reason = str(error)
            if not isinstance(error, NoResultError):
                log.warning("%s/%s: %s", self.name, step, reason)
            super().keep(self._own(step), lambda: reason, _save_failure, _load_failure)

    def make(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        super().perform(step)

    def keep(
        self, step: str, make: Callable[[], T], save: Callable[[Path, T], None], load: Callable[[Path], T]
    ) -> T:
        """Read or make the result of a step, as `Work.keep`; the reason is raised where there is none.

        Raises
        ------
        NoResultError
            With what stood in the way.
        """
        reason = self.failure(step)
        if reason is not None:
            raise NoResultError(reason)
        return super().keep(self._own(step), make, save, load)

    def failure(self, step: str) -> str | None:
        """Return why a step has no result; None where it has one, or was not tried."""
        place = self.folder.of(self._own(step))
        if (place / FAILURE).is_file() and self.folder.todo(self.plan, self._own(step)) is None:
            return _load_failure(place)
        return None

    def checkpoint(self, step: str) -> Path:
        """Return where a step keeps its training as it goes."""
        return super().checkpoint(self._own(step))

    @cached_property
    def features(self) -> tuple[Sample, Sample | None]:
        """The data with what is injected, and the rest of the signal."""
        data, signal = self.whole.features
        if self.draw is None or signal is None:
            return data, signal
        return inject(signal, data, self.draw.events, self.draw.seed)

    @cached_property
    def simulation(self) -> Sample:
        """The simulated background."""
        return self.whole.simulation

    @cached_property
    def variations(self) -> dict[str, tuple[Sample, Sample]]:
        """The signal with each systematic effect; none where signal is injected, since nothing is fitted there."""
        return self.whole.variations if self.draw is None else {}

    def _own(self, step: str) -> str:
        return f"{self.name}/{step}"


class Search(Work):
    """The steps of a search made of parts, each named with two words and a slash between.

    Parameters
    ----------
    config
        The analysis.
    plan, folder
        The steps of all parts, and where results are kept.
    blind
        As of an `Analysis`.
    """

    def __init__(self, config: Config, plan: Plan, folder: RunFolder, *, blind: bool) -> None:
        super().__init__(plan, folder)
        self.config, self.blind = config, blind
        self.whole = Analysis(config, plan, folder, blind=blind)
        self._last: Part | None = None

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if self.plan[step].stage == EVENTS:
            self.whole.perform(step)
        elif "/" in step:
            words = step.split("/")
            self.part("/".join(words[:2])).perform("/".join(words[2:]))
        else:
            self.publish(step, getattr(self, f"make_{step}"))

    def part(self, name: str) -> Part:
        """Return a part; the one before is forgotten, so that memory does not grow with their number."""
        if self._last is None or self._last.name != name:
            self._last = self._part(name)
        return self._last

    @abstractmethod
    def _part(self, name: str) -> Part: ...


def _save_failure(folder: Path, reason: str) -> None:
    write_text(folder / FAILURE, reason)


def _load_failure(folder: Path) -> str:
    return (folder / FAILURE).read_text(encoding="utf-8")
