"""Functions that make steps without any physics, where the engine finds them by their names, in workers too."""

import json
import os
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hepflow.engine import executors
from hepflow.engine import study as engine
from hepflow.engine.job import UnfinishedError, derived, published, stored
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.unblinding import Unblinding
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.records import Record

HERE = "steps_for_tests"
made = []  # names of the steps that were made in this process


def save(folder, value):
    (folder / "value.json").write_text(json.dumps(value), "utf-8")


def load(job, folder):
    return json.loads((folder / "value.json").read_text("utf-8"))


@stored(save, load)
def numbers(job):
    """Return the first few numbers."""
    made.append(job.name)
    return list(range(1, job.settings.get("n", 3) + 1))


@stored(save, load)
def total(job):
    """Return the sum of numbers."""
    made.append(job.name)
    return sum(job["numbers"])


@derived
def squares(job):
    """Return the squares of numbers, which are not kept."""
    made.append(job.name)
    return [number**2 for number in job["numbers"]]


@stored(save, load)
def all_of_it(job):
    """Return the results of all that it needs, by what they are to this step, and what stands in the way of them."""
    made.append(job.name)
    failures = {need: job.failure(need) for need in job}
    return {need: failures[need] if failures[need] is not None else job[need] for need in job}


@stored(save, load)
def joined(job):
    """Return what helpers made, and make what they did not."""
    made.append(job.name)
    found = []
    for settings, read in job.helpers():
        helped = read()
        found.append(f"own {settings['n']}" if helped is None else helped)
    return found


@stored(save, load)
def fails(job):
    """Say of its input or settings that they make no sense."""
    made.append(job.name)
    kind = {"input": InputError, "fit": FitError, "program": ZeroDivisionError}[job.settings["error"]]
    raise kind(f"{job.name}: no luck")


@stored(save, load)
def in_parts(job):
    """Do one part of three a time."""
    made.append(job.name)
    path = job.out / "parts.txt"
    done = int(path.read_text("utf-8")) if path.is_file() else 0
    path.write_text(str(done + 1), "utf-8")
    if done + 1 < 3:
        raise UnfinishedError(f"{done + 1} of 3 parts are done")
    return done + 1


@stored(save, load)
def trained(job):
    """Leave a checkpoint, and take up that of another step."""
    made.append(job.name)
    job.checkpoint().write_text(job.name, "utf-8")
    return [job.name, *(job.checkpoint(need).read_text("utf-8") for need in job if job[need])]


@stored(save, load)
def process(job):
    """Return the number of the process that makes it."""
    return os.getpid()


@published
def table(job):
    """Write files for people to see."""
    made.append(job.name)
    for name in job.settings.get("names", ()):
        (job.out / name).write_text(json.dumps({need: job[need] for need in job}), "utf-8")
        yield job.out / name


class Chosen:
    """What settings choose."""


@stored(save, load)
def of_chosen(job):
    """Return the name of what was chosen."""
    return job.chosen("what").__name__


@dataclass(frozen=True)
class Sums(Record):
    """What the study of sums found."""

    schema: ClassVar[str] = "sums-1"
    sums: dict[str, int]
    unblinded: tuple[Unblinding, ...] = ()
    blind: bool = False


@published
def sums(job):
    """Write the record."""
    made.append(job.name)
    unblinded = tuple(Unblinding(**one) for one in job.settings["unblinded"])
    Sums({need: job[need] for need in job}, unblinded, job.settings["blind"]).write(job.out / "sums.json")
    return [job.out / "sums.json"]


@dataclass(frozen=True)
class Settings:
    """A configuration: as many sums as there are numbers read, unless it says how many."""

    n: int = 3
    sums: int | None = None
    seed: int = 1
    blind: bool = False
    runs_on: executors.Chosen = field(default_factory=executors.Local)
    name: str = "toy"

    def hash(self):
        return str(self.n)

    def to_yaml(self, folder=None):
        return f"n: {self.n}\n"


class Study(engine.Study):
    """Sums of the first numbers, each a step; how many there are is read first."""

    room = HERE
    command = "sums CONFIG"
    record = f"{HERE}:Sums"
    file = "sums.json"
    final = "record"
    beside = ()
    stages = ("read", "add")
    first = ("numbers",)
    unblinds = "sums CONFIG --unblind"

    def identity(self, config):
        return {"name": config.name}

    def check(self, config):
        if config.n < 0:
            raise ConfigError("n: expected a number of at least 0")

    def refine(self, config, result):
        return config if result is None else replace(config, sums=len(result("numbers")))

    def plan(self, config, blinding):
        many = config.sums or 0
        helpers = [
            Step(f"helpers/adding/{n}", "add", f"{HERE}:numbers", {"n": n}) for n in range(2 if many else 0)
        ]
        after, needs = tuple(helper.name for helper in helpers), by_name("numbers")
        sums = [Step(f"sum/{n}", "add", f"{HERE}:total", {"of": n}, needs, after=after) for n in range(many)]
        told = {"blind": blinding.hidden, "unblinded": [vars(one) for one in blinding.looked]}
        page = {"names": ["report.html"]}
        return Plan.of(
            [
                Step("numbers", "read", f"{HERE}:numbers", {"n": config.n}),
                *helpers,
                *sums,
                Step("record", "add", f"{HERE}:sums", told, by_name(*(step.name for step in sums))),
                Step("shown", "show", f"{HERE}:table", page, needs, last=True),
            ]
        )

    def text(self, record):
        return str(record.sums)


STUDY = Study()
