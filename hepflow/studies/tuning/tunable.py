"""What a task says of its own tuning: which settings are searched, and what they are worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from numpy.typing import NDArray

from hepflow.config.budget import Budget, Ranges
from hepflow.config.task import TaskBlock
from hepflow.engine.plan import Step
from hepflow.studies.tuning.record import Settings

C = TypeVar("C", bound=TaskBlock)
EPOCHS = "epochs"  # the setting that a first look holds at the lowest of its range
Judge = Callable[[C], tuple[float, dict[str, float]]]


@dataclass(frozen=True)
class Search(Generic[C]):
    """One search: which settings, where they stand now, and what others would be worth.

    Parameters
    ----------
    name
        Such as ``flow`` or ``classifier``.
    ranges
        ``(low, high)`` of each setting, integers where the setting is one.
    current
        The settings of the configuration, which are tried first; a range that leaves one out is widened to it.
    apply
        Returns a configuration with settings put into it.
    prepare
        Makes what all trials share, once and only if one is left to be made; returns what judges a configuration: its
        value, to be maximised, and other numbers behind it.
    template
        As of `Trial`.
    """

    name: str
    ranges: Mapping[str, tuple[float, float]]
    current: Settings
    apply: Callable[[C, Settings], C]
    prepare: Callable[[], Judge[C]]
    template: Settings = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Bench(Generic[C]):
    """What trials are made with, once the inputs are read.

    Parameters
    ----------
    columns
        All data that a trial depends on: another key is another tuning.
    search
        Returns the search of a name, around a configuration that has the best settings of those before.
    """

    columns: tuple[NDArray[Any], ...]
    search: Callable[[str, C], Search[C]]


class Tunable(ABC, Generic[C]):
    """What a task says of its own tuning; `hepflow tune` does the rest.

    No merit may look at what decides about the result: the signal region of a search, events that are held out for a
    judgement, any truth of data.
    """

    merits: ClassVar[
        Mapping[str, str]
    ]  # what each search maximises, as tables show it; in the order of searches
    blocks: ClassVar[Mapping[str, str]]  # where its settings stand in the configuration
    judged: ClassVar[str]  # by which events, in words
    runs: ClassVar[str]  # the command that takes the best configuration
    beside: ClassVar[Mapping[str, Any]] = {}  # of the configuration, what else no trial depends on

    @abstractmethod
    def left_out(self, config: C) -> dict[str, str]:
        """Return why something is not searched, by its name.

        Raises
        ------
        ConfigError
            If nothing is.
        """

    @abstractmethod
    def reading(self, config: C) -> Iterable[Step]:
        """Return the steps that read; the trials have the result of the last."""

    @abstractmethod
    def bench(self, config: C, read: Any) -> Bench[C]:
        """Return what trials are made with, of what was read."""

    def chosen(self, config: C) -> Mapping[str, str]:
        """Return ``module:class`` of what the settings choose, by role."""
        return {}


def budget(config: TaskBlock) -> Budget:
    """Return how long is searched."""
    found: Budget = config.tune  # type: ignore[attr-defined]
    return found


def ends(ranges: Ranges, names: Iterable[str] | None = None) -> dict[str, tuple[float, float]]:
    """Return ranges as a search has them, of some settings or all."""
    return {name: pair for name, pair in ranges if names is None or name in names}


def put(config: C, block: str, settings: Mapping[str, Any]) -> C:
    """Return a configuration with settings put into a block of it, `a.b` for one inside another."""
    first, _, rest = block.partition(".")
    inner = getattr(config, first)
    changed = put(inner, rest, settings) if rest else inner.model_copy(update=dict(settings))
    return config.model_copy(update={first: changed})


def put_widths(config: C, block: str, settings: Settings) -> C:
    """Return a configuration with as many hidden layers, all as wide, as settings say."""
    return put(config, block, {"hidden": (int(settings["width"]),) * int(settings["layers"])})
