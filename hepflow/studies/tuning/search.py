"""The search of a tuning: trial after trial, each seeded by its number, so that it can be interrupted and go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

from tqdm import tqdm

from hepflow.catalogue import METHODS
from hepflow.config import Config, methods
from hepflow.errors import ConfigError, HepflowError
from hepflow.studies.tuning.record import Settings, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Space = dict[str, BaseDistribution]

FEWEST = 10  # trials whose spread says something of the settings
Judge = Callable[[Config], tuple[float, dict[str, float]]]


@dataclass(frozen=True)
class Search:
    """One search: which settings, where they stand now, and what others would be worth.

    Parameters
    ----------
    name
        ``flow`` or ``classifier``.
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
    apply: Callable[[Config, Settings], Config]
    prepare: Callable[[], Judge]
    template: Settings = field(default_factory=dict)


def left_out(config: Config) -> dict[str, str]:
    """Return why something is not searched, by its name.

    Raises
    ------
    ConfigError
        If nothing is.
    """
    notes = {}
    name = config.method.name
    if not isinstance(config.method, methods.Splines):
        notes["flow"] = f"flow: method {name!r} has no settings of a flow"
    if not METHODS[name].takes_classifier:
        notes["classifier"] = f"classifier: the score of {name!r} is a ratio of densities"
    elif config.inputs.signal is None:
        notes["classifier"] = (
            "classifier: without inputs.signal there is nothing to find in the validation bands, and the best "
            "classifier would be one that learns nothing"
        )
    if len(notes) == 2:
        raise ConfigError(
            "nothing to tune: " + "; ".join(notes.values()) + ". Give inputs.signal, or choose another method"
        )
    return notes


def trials_of(
    search: Search, config: Config, done: tuple[Trial, ...], trials: int, deadline: float | None
) -> Iterator[Trial]:
    """Yield further trials of a study, as each is finished, by a tree of Parzen estimators (Optuna's TPE).

    What a trial tries depends on the seed, its number and the trials before it alone. So a search that goes on from
    the trials of another tries what that one would have tried.

    Parameters
    ----------
    search, config
        What is searched, and the configuration around it.
    done
        Trials that were made before.
    trials
        How many there are to be in the end.
    deadline
        Of `time.monotonic`: no trial begins after it, but for the first; None for none.

    Notes
    -----
    Trials are told to Optuna anew in each process: its own journal cannot be read any more once a process was killed
    while it wrote there.
    """
    if len(done) >= trials:
        return
    optuna, space, judge = import_optuna(), _space(search), search.prepare()
    with (
        _silent(),
        tqdm(
            total=trials, initial=len(done), desc=f"tuning {search.name}", unit="trial", disable=None
        ) as bar,
    ):
        known = optuna.create_study(direction="maximize")
        known.add_trials([_told(trial, space) for trial in done])
        best = max((trial.value for trial in done if trial.value is not None), default=None)
        for number in range(len(done), trials):
            if number and deadline is not None and time.monotonic() > deadline:
                return
            known.sampler = optuna.samplers.TPESampler(seed=(config.seed + number) % 2**32)
            settings = search.current if number == 0 else known.ask(space).params
            trial = _tried(search, judge, config, number, settings)
            if number == 0:
                known.add_trial(_told(trial, space))
            elif trial.value is None:
                known.tell(number, state=optuna.trial.TrialState.FAIL)
            else:
                known.tell(number, trial.value)
            best = max((value for value in (best, trial.value) if value is not None), default=None)
            bar.update()
            bar.set_postfix_str("none worked yet" if best is None else f"best {best:.4f}")
            yield trial


def importance(search: Search, trials: tuple[Trial, ...], seed: int) -> dict[str, float]:
    """Return the share of the variance of the values that each setting explains (fANOVA); empty for few trials."""
    judged = [trial for trial in trials if trial.value is not None]
    space = _space(search)
    if len(judged) < FEWEST or len({trial.value for trial in judged}) < 2:
        return {}
    optuna = import_optuna()
    with _silent():
        known = optuna.create_study(direction="maximize")
        known.add_trials([_told(trial, space) for trial in judged])
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        return dict(optuna.importance.get_param_importances(known, evaluator=evaluator))


def _tried(search: Search, judge: Judge, config: Config, number: int, settings: Settings) -> Trial:
    """Judge one set of settings; one that cannot be trained is a finding, too."""
    begun = time.monotonic()
    value: float | None = None
    details: dict[str, float] = {}
    problem = None
    try:
        value, details = judge(config if number == 0 else search.apply(config, settings))
    except ConfigError:
        raise  # which no other settings would mend
    except HepflowError as error:
        problem = str(error)
    seconds = round(time.monotonic() - begun, 2)
    return Trial(search.name, number, dict(settings), value, details, problem, search.template, seconds)


def _space(search: Search) -> Space:
    """Return where Optuna searches; a range over more than a factor of four is searched in its logarithm."""
    optuna = import_optuna()
    space: Space = {}
    for name, ends in search.ranges.items():
        low, high = min(ends[0], search.current[name]), max(ends[1], search.current[name])
        if isinstance(search.current[name], int):
            space[name] = optuna.distributions.IntDistribution(int(low), int(high), log=high > 4 * low)
        else:
            space[name] = optuna.distributions.FloatDistribution(low, high, log=high > 4 * low)
    return space


def _told(trial: Trial, space: Space) -> FrozenTrial:
    optuna = import_optuna()
    state = optuna.trial.TrialState.FAIL if trial.value is None else optuna.trial.TrialState.COMPLETE
    told: FrozenTrial = optuna.create_trial(
        state=state, value=trial.value, params=dict(trial.settings), distributions=space
    )
    return told


def import_optuna() -> ModuleType:
    """Return Optuna.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"a tuning needs Optuna ({error}): pip install 'hepflow[tune]'") from None
    return optuna


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Optuna's own reports off the terminal."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
