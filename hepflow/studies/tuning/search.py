"""The search of a tuning: trial after trial, each seeded by its number, so that it can be interrupted and go on."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from hepflow.errors import ConfigError, HepflowError
from hepflow.studies.tuning.record import Settings, Trial
from hepflow.studies.tuning.tunable import EPOCHS, C, Judge, Search, budget

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Space = dict[str, BaseDistribution]

FEWEST = 10  # trials whose spread says something of the settings
LOOKS = 5  # first looks before one stops a trial


def trials_of(
    search: Search[C], config: C, done: tuple[Trial, ...], trials: int, deadline: float | None
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
            asked = known.ask(space) if number else None
            settings = search.current if asked is None else asked.params
            trial = _tried(search, judge, config, number, settings, _hurdle(config, done))
            _tell(known, asked, trial, space)
            best = max((value for value in (best, trial.value) if value is not None), default=None)
            bar.update()
            bar.set_postfix_str("none worked yet" if best is None else f"best {best:.4f}")
            done = (*done, trial)
            yield trial


def importance(search: Search[Any], trials: tuple[Trial, ...], seed: int) -> dict[str, float]:
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


def _hurdle(config: C, done: tuple[Trial, ...]) -> float | None:
    """Return what a first look must not be below: the median of those before, once there are some."""
    looks = [trial.early for trial in done if trial.early is not None]
    return statistics.median(looks) if budget(config).prune and len(looks) >= LOOKS else None


def _tried(
    search: Search[C], judge: Judge[C], config: C, number: int, settings: Settings, hurdle: float | None
) -> Trial:
    """Judge one set of settings; one that cannot be trained is a finding, too."""
    begun = time.monotonic()
    value = early = problem = None
    details: dict[str, float] = {}
    try:
        few = _fewest(search, settings) if budget(config).prune else None
        if few is not None:
            early, _ = judge(search.apply(config, {**settings, EPOCHS: few}))
        if early is None or hurdle is None or early >= hurdle:
            value, details = judge(config if number == 0 else search.apply(config, settings))
    except ConfigError:
        raise  # which no other settings would mend
    except HepflowError as error:
        problem = str(error)
    seconds = round(time.monotonic() - begun, 2)
    return Trial(
        search.name, number, dict(settings), value, details, problem, search.template, seconds, early
    )


def _fewest(search: Search[Any], settings: Settings) -> int | None:
    """Return the epochs of a first look, the same for all trials; None where it would be no shorter than the trial.

    Each is a whole training, its learning rate brought down at the end, and so can be held against any other.
    """
    if EPOCHS not in search.ranges:
        return None
    few = int(search.ranges[EPOCHS][0])
    return few if few < settings[EPOCHS] else None


def _space(search: Search[Any]) -> Space:
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


def _tell(known: Any, asked: Any, trial: Trial, space: Space) -> None:
    """Tell Optuna of a trial that it asked for; of the first, which it did not, all."""
    told = _told(trial, space)
    if asked is None:
        known.add_trial(told)
        return
    for step, value in told.intermediate_values.items():
        asked.report(value, step)
    known.tell(asked, trial.value, state=told.state)


def _told(trial: Trial, space: Space) -> FrozenTrial:
    optuna = import_optuna()
    states = optuna.trial.TrialState
    state = states.PRUNED if trial.pruned else states.FAIL if trial.value is None else states.COMPLETE
    told: FrozenTrial = optuna.create_trial(
        state=state,
        value=trial.value,
        params=dict(trial.settings),
        distributions=space,
        intermediate_values={0: trial.early} if trial.pruned else {},
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
