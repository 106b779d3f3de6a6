"""A tuning as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, number

if TYPE_CHECKING:
    from hepflow.studies.tuning.record import Trial, Tuning

SHOWN = 5  # trials of each search


def text(tuning: Tuning) -> str:
    """Return the best trials of each study, and that of the configuration, as text."""
    parts = [f"{tuning.name}: settings judged {tuning.judged}"]
    for study in dict.fromkeys(trial.study for trial in tuning.trials):
        made = [trial for trial in tuning.trials if trial.study == study]
        failed = [trial for trial in made if trial.problem is not None]
        counted = {"failed": len(failed), "stopped early": sum(trial.pruned for trial in made)}
        others = "".join(f", {count} {what}" for what, count in counted.items() if count)
        parts += ["", f"{study}: {len(made)} trials{others}"]
        parts += aligned(_rows(tuning.of(study), tuning.merits.get(study, "value")))
        shares = tuning.importance.get(study)
        if shares:
            parts.append("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
        parts += [f"trial {trial.number} failed: {trial.problem}" for trial in failed[:SHOWN]]
    return "\n".join([*parts, *(["", *tuning.notes] if tuning.notes else [])])


def _rows(trials: tuple[Trial, ...], value: str) -> list[list[str]]:
    shown = [trial for place, trial in enumerate(trials) if place < SHOWN or trial.number == 0]
    names, details = list(shown[0].settings), list(shown[0].details)
    rows = [["trial", value, *(name.replace("_", " ") for name in details), *names]]
    for trial in shown:
        rows.append(
            [
                "as configured" if trial.number == 0 else str(trial.number),
                number(trial.value, ".4f"),
                *(number(trial.details[name]) for name in details),
                *(_setting(trial.settings[name]) for name in names),
            ]
        )
    return rows


def _setting(value: int | float) -> str:
    return str(value) if isinstance(value, int) else number(value)
