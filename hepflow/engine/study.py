"""Studies: what a command makes whole. One way to run it, and one to say what that would do."""

from __future__ import annotations

import logging
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Generic, NoReturn, Protocol, Self, TypeAlias, TypeVar

from tqdm import tqdm

from hepflow.atomic import write_text
from hepflow.engine.execute import carry_out, todo
from hepflow.engine.executors import Chosen, as_worker, open_pool
from hepflow.engine.folder import RunFolder, check_as_written
from hepflow.engine.job import find
from hepflow.engine.logs import logging_to
from hepflow.engine.plan import HELPERS, Failing, Plan
from hepflow.engine.provenance import (
    DONE,
    REPORTING,
    UNFINISHED,
    read_provenance,
    record_blinding,
    record_run,
    record_unblinding,
)
from hepflow.engine.unblinding import Unblinding, user_name
from hepflow.engine.work import Work
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.records import Record
from hepflow.text import duration

log = logging.getLogger("hepflow.engine")
Bar: TypeAlias = "tqdm[NoReturn]"


class Task(Protocol):
    """A configuration, as far as the engine looks at it."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def seed(self) -> int:
        """The seed of all random draws."""

    @property
    def blind(self) -> bool:
        """Whether data are to be hidden."""

    @property
    def runs_on(self) -> Chosen:
        """Where steps run."""

    def hash(self) -> str:
        """Return a hash of all settings that results depend on."""

    def to_yaml(self, folder: Path | None = None) -> str:
        """Return the configuration as text, paths as seen from a folder."""


C = TypeVar("C", bound=Task)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Blinding:
    """Whether data are hidden, and who has looked at them before."""

    hidden: bool = False
    looked: tuple[Unblinding, ...] = ()


class Study(ABC, Generic[C, R]):
    """What a command makes whole: steps in a run folder, whose last are a record and what shows it.

    A study says what its steps are; all the rest is done here. What shows it, in its room, is imported where it is
    needed, so that a finished study is read without loading anything heavy.
    """

    room: ClassVar[str]  # its package, in whose `text`, `page` and `figures` its record is shown
    command: ClassVar[str]  # as it is typed
    folder: ClassVar[str] = "runs/{name}"  # where it goes unless one is given
    record: ClassVar[str]  # module:class of what becomes `file`
    file: ClassVar[str]
    final: ClassVar[str]  # the step that writes it
    beside: ClassVar[tuple[str, ...]] = ("figures", "report.html")  # what else people look at
    stages: ClassVar[tuple[str, ...]] = ()  # after which it can stop
    first: ClassVar[tuple[str, ...]] = ()  # the steps that tell which others there are
    loads: ClassVar[tuple[str, ...]] = ()  # modules that nearly every step needs
    duration: ClassVar[str] = "`hepflow check CONFIG` measures it"  # what says how long a first run takes
    unblinds: ClassVar[str | None] = None  # the command that shows hidden data, where there is one

    @abstractmethod
    def identity(self, config: C) -> dict[str, Any]:
        """Return what makes a run of this study another than its neighbour."""

    @abstractmethod
    def plan(self, config: C, blinding: Blinding) -> Plan:
        """Return all steps; as far as they are known, where `first` has not been made yet."""

    def check(self, config: C) -> None:
        """Refuse what cannot be made, before there is a folder.

        Raises
        ------
        ConfigError
            With the key at fault.
        """

    def refine(self, config: C, result: Callable[[str], Any] | None) -> C:
        """Return the configuration with what follows from the steps in `first`.

        Parameters
        ----------
        config
            As it was given.
        result
            Returns the result of such a step by its name; None where they were not made yet.
        """
        return config

    def text(self, record: R) -> str:
        """Return what was found as text for a terminal."""
        return str(find(f"{self.room}.text:text")(record))

    def problems(self, record: R) -> list[str]:
        """Return what could not be computed, where the command is to fail for it once all else is shown."""
        return []

    def failed(self, record: R) -> list[str]:
        """Return the checks that the record failed, where the command is to fail for them once all else is shown."""
        return []

    def hint(self, config: C, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return what is worth knowing at the end of a command, or of a dry run, which found so much `left`."""
        return None

    def place(self, config: Any) -> Path:
        """Return the folder that a run of this study goes to unless one is given."""
        return Path(self.folder.format(name=config.name))

    def read(self, out: Path) -> R:
        """Return the record of a finished run.

        Raises
        ------
        InputError
            If there is none, it cannot be read, or it was changed since it was written.
        """
        check_as_written(out / self.file)
        found: type[R] = find(self.record)
        return found.from_json(out / self.file)

    def run(
        self, config: C, out: Path, *, until: str | None = None, unblind: bool = False, by: str | None = None
    ) -> R | None:
        """Make everything; what is done in the folder already is read, not computed again.

        Parameters
        ----------
        config
            The settings.
        out
            Run folder: the record, ``config.yaml``, ``figures/``, ``report.html`` and the steps' own files.
        until
            The last stage to run, of `stages`; None for all.
        unblind
            Look at data that the configuration hides; ``provenance.json`` keeps who did so and when.
        by
            Who unblinds; None for the name of the user.

        Returns
        -------
        Record or None
            None where `until` comes before the record.

        Raises
        ------
        ConfigError
            If the settings make no sense for this study, a folder whose data are hidden is run again without hiding
            them and nobody says `unblind`, or there is no such stage.
        HepflowError
            With the file, key or value at fault.
        """
        self._known(until)
        hidden = config.blind and not unblind
        asked = unblind
        if not (hidden or unblind) and self._hides(out):
            if self.unblinds is not None:
                raise ConfigError(
                    f"fit.blind: the results in {out} are blinded. `{self.unblinds}` shows the data, and "
                    "records who asked; or choose another --out"
                )
            asked = True  # there is no other way to ask
        self.check(config)
        who = (by or user_name()) if asked else None  # before the hours that a run may take
        folder = RunFolder(out, self.identity(config))
        with folder.claimed(), folder.locked(), logging_to(out), ExitStack() as stack:
            # jobs of a farm are submitted once, and only where something is left to do
            pool = cache(lambda: stack.enter_context(open_pool(config.runs_on, self.loads)))
            if hidden:
                self._hide(folder)
            blinding = Blinding(hidden, read_provenance(out).unblinded)
            ahead = self._ahead(config, folder, until, blinding)
            self._announce(config, folder, ahead)
            bar = stack.enter_context(_bar(ahead))
            if self.first:
                reading = _Reading.of(self.plan(config, blinding), folder, self.first)
                if reading.left:
                    _carry_out(config, folder, reading.plan, reading.left, pool(), bar)
                config = self.refine(config, reading.work.result)
            else:
                config = self.refine(config, None)
            write_text(out / "config.yaml", config.to_yaml(out))
            plan = self.plan(config, blinding)
            whole = self.final in plan.until(until, self.stages)
            if who is not None and whole:
                record_unblinding(out, who, config.hash())
                plan = self.plan(config, Blinding(hidden, read_provenance(out).unblinded))
            left = todo(plan, folder, self.wanted(plan, until))
            if left:
                bar.total = bar.n + len(left)  # what was read may have told of more steps
                self._complete(config, folder, plan, left, pool(), bar)
        return self.read(out) if whole else None

    def dry_run(
        self, config: C, out: Path, *, until: str | None = None, unblind: bool = False
    ) -> dict[str, str | None]:
        """Return what `run` would do: each step, and why it would be made, or None where its result is there.

        No input is read. Steps that follow from what inputs hold are guessed until these were read.

        Raises
        ------
        ConfigError
            As `run` does.
        """
        self._known(until)
        self.check(config)
        folder = RunFolder(out, self.identity(config), make=False)
        blinding = Blinding(config.blind and not unblind, read_provenance(out).unblinded)
        return self._ahead(config, folder, until, blinding)

    def look(self, config: C) -> dict[str, Any]:
        """Return what the steps that need no other, those that read, make of their inputs, by name; keep nothing.

        Raises
        ------
        HepflowError
            As `run` does, of what can be known before anything is trained.
        """
        self.check(config)
        plan = self.plan(self.refine(config, None), Blinding())
        with TemporaryDirectory() as place:
            work = Work(plan, RunFolder(Path(place) / config.name, self.identity(config)))
            return {step.name: work.result(step.name) for step in plan if not step.before}

    def _ahead(
        self, config: C, folder: RunFolder, until: str | None, blinding: Blinding
    ) -> dict[str, str | None]:
        """Return the steps of a run as far as they are known, each with why it would be made; None for those done."""
        result = None
        if self.first:
            reading = _Reading.of(self.plan(config, blinding), folder, self.first)
            result = None if reading.left else reading.work.result
        plan = self.plan(self.refine(config, result), blinding)
        left = todo(plan, folder, self.wanted(plan, until))
        return {name: left.get(name) for name in plan.until(until, self.stages)}

    def _announce(self, config: C, folder: RunFolder, ahead: Mapping[str, str | None]) -> None:
        """Say what is made, in how many steps, where, and about how long that takes."""
        left = [step for step, why in ahead.items() if why is not None]
        if not left:
            return
        known = [record.seconds for record in map(folder.record, left) if record is not None]
        if len(known) == len(left):
            long = f"about {duration(sum(known))}, as the last time"
        else:
            long = f"how long: {self.duration}" if self.duration else "a bar shows how far it is"
        what = self.command.replace("CONFIG", config.name)
        log.info("%s: %d of %d steps to do in %s; %s", what, len(left), len(ahead), folder.path, long)

    def wanted(self, plan: Plan, until: str | None = None) -> list[str]:
        """Return the steps whose results are asked for: the last of their kind, and the record."""
        names = plan.until(until, self.stages)
        needed = {need for name in names for need in plan[name].before} - {self.final}
        return [name for name in names if name not in needed]

    def _known(self, until: str | None) -> None:
        if until is not None and not self.stages:
            raise ConfigError(f"until {until!r}: `{self.command}` has no stages to stop after; leave it out")
        if until is not None and until not in self.stages:
            raise ConfigError(f"until {until!r}: no such stage; {did_you_mean(until, self.stages)}")

    def _hide(self, folder: RunFolder) -> None:
        """Remember that data are hidden here; what shows them from before, exports among it, goes first."""
        if read_provenance(folder.path).blinded:
            return
        if self._shows(folder.path):
            folder.forget_published()
        record_blinding(folder.path)

    def _shows(self, out: Path) -> bool:
        try:
            return not getattr(self.read(out), "blind", False)
        except InputError:  # no record, or one that cannot be read: it may show anything
            return (out / self.file).exists()

    def _hides(self, out: Path) -> bool:
        known = read_provenance(out).blinded
        if known is not None:
            return known
        try:  # a folder of before
            return bool(getattr(self.read(out), "blind", False))
        except InputError:  # no run has got as far as showing anything
            return False

    def _complete(
        self,
        config: C,
        folder: RunFolder,
        plan: Plan,
        left: Mapping[str, str],
        pool: Executor | None,
        bar: Bar,
    ) -> None:
        """Make what is left of a plan, and forget what only served to make it."""
        chosen = config.runs_on
        about = {
            "config_hash": config.hash(),
            "seed": config.seed,
            "executor": {"name": type(chosen).__name__.lower(), **asdict(chosen)},
        }
        last = {step: why for step, why in left.items() if plan[step].last}
        before = {step: why for step, why in left.items() if step not in last}
        with record_run(folder, plan, left, **about) as end:
            _carry_out(config, folder, plan, before, pool, bar)
            if last:
                end(REPORTING)  # so that they can tell seconds
                _carry_out(config, folder, plan, last, pool, bar)
            needed = (step for step in left if plan[step].failing is not Failing.LEFT)
            end(UNFINISHED if any(folder.todo(plan, step) for step in needed) else DONE)
        _forget_helpers(plan, folder)
        if all(folder.todo(plan, need) is None for step in plan for need in step.needs.values()):
            folder.forget_checkpoints()  # nothing is left but to show what was found


@dataclass(frozen=True)
class _Reading:
    """The steps that tell which others there are, and which of them are left to be made."""

    plan: Plan
    work: Work
    left: Mapping[str, str]

    @classmethod
    def of(cls, plan: Plan, folder: RunFolder, first: tuple[str, ...]) -> Self:
        return cls(plan, Work(plan, folder), todo(plan, folder, first))


def _carry_out(
    config: Task, folder: RunFolder, plan: Plan, steps: Mapping[str, str], pool: Executor | None, bar: Bar
) -> None:
    perform = partial(_perform_elsewhere, config.runs_on, folder.path, plan)
    carry_out(Work(plan, folder), steps, pool, perform, bar)


def _bar(ahead: Mapping[str, str | None]) -> Bar:
    """Return a bar over all steps of a run, on terminals alone; bars of single steps stand below it."""
    done = sum(why is None for why in ahead.values())
    return tqdm(
        total=len(ahead),
        initial=done,
        desc="steps",
        unit="step",
        leave=False,
        disable=None,
        dynamic_ncols=True,
    )


def _perform_elsewhere(chosen: Chosen, out: Path, plan: Plan, step: str) -> None:
    """Make a step, in whichever process this is."""
    with as_worker(chosen, out):
        Work(plan, RunFolder(out, None)).perform(step)


def _forget_helpers(plan: Plan, folder: RunFolder) -> None:
    """Remove what steps left that only saved others work, once these are done: it stands in their results."""
    waiting = (step for step in plan if folder.todo(plan, step.name) is not None)
    needed = {helper.split("/")[1] for step in waiting for helper in step.after}
    place = folder.of(HELPERS)
    for kind in list(place.iterdir()) if place.is_dir() else ():
        if kind.name not in needed:
            shutil.rmtree(kind, ignore_errors=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
