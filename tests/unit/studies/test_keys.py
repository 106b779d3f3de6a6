"""Keys: a changed line of code makes anew what it had a part in, and nothing else, in every study."""

import os
import pkgutil
import shutil
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from made_up import generation, integration, showers, unfolding

import hepflow
from hepflow.catalogue import CLASSIFIERS, METHODS, STUDIES
from hepflow.engine import code
from hepflow.engine.code import code_of
from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.storage import save_sample
from hepflow.studies.analysis.build import build_classifier, build_method
from hepflow.studies.known import study

ROOT = Path(hepflow.__file__).parent
NO_PART = (
    "engine/",
    "atomic.py",
    "errors.py",
    "printable.py",
    "progress.py",
)  # of what runs while a step is made: no number's
SPLINES = (
    "layers: 1, hidden: 8, bins: 4, epochs: 1, batch_size: 128, best_epochs: 1, ensemble: 1, oversampling: 5"
)
METHODS_COMPARED = f"compare.methods=[{{name: cathode, {SPLINES}}}, cwola, idealized, supervised]"
SETTINGS = {
    "search": (),
    "windows": ("scan.windows=[[3300, 3700], [2900, 3200]]", "scan.range=[2500, 5000]"),
    "comparison": ("compare.seeds=2", "compare.scan=injection", "compare.injections=[0, 60]"),
    "limits": ("injection=null", "limit={injections: [40, 120], seeds: 2}"),
    "tuning": (),
    "generate": ("model.bias=mixture_autoregressive", "limits.observable=score"),
    "unfold": (),
    "shower": (),
    "integrate": (),
}
MADE_UP = {
    "generate": generation,
    "unfold": unfolding,
    "shower": showers,
    "integrate": integration,
}  # of studies with a schema of their own


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Return a copy of the package whose files may be changed, and what forgets how they were."""
    root = shutil.copytree(ROOT, tmp_path / "hepflow", ignore=shutil.ignore_patterns("*.h5", "__pycache__"))
    monkeypatch.setattr(code, "ROOT", root)

    def forget(*more):
        for cached in (code_of, code._hash, *more):
            cached.cache_clear()

    everything = (code._path, code._files, code._imports, code._exports, code._names)
    forget(*everything)
    yield root, forget
    forget(*everything)


def change(file):
    with file.open("a", encoding="utf-8") as stream:
        stream.write("\n# changed\n" if file.suffix == ".py" else "\n/* changed */\n")


@pytest.fixture
def plans(configure, inputs):
    """Return a function that plans every study, with all kinds of inputs and helpers."""
    shutil.copy(inputs / "data.h5", inputs / "keys.h5")
    for made_up in MADE_UP.values():
        made_up.write_tables(inputs)

    def plans():
        found = {}
        for name in STUDIES:
            if name in MADE_UP:
                config = MADE_UP[name].prepare(inputs, "executor=processes", *SETTINGS[name])
            else:
                simulated = "inputs.simulation={path: keys.h5, format: hepflow}"
                config = configure("executor=processes", simulated, *SETTINGS[name])
            found[name] = study(name).plan(study(name).refine(config, None), Blinding())
        return found

    return plans


def test_every_changed_line_counts_where_it_is_used(house, plans):
    """The keys of exactly those steps change whose own code has it, and of those that come after them."""
    root, forget = house
    before = plans()
    files = {file for plan in before.values() for step in plan for file in step.code}
    assert len(files) > 100
    wrong = []
    for file in sorted(files):
        contents = (root / file).read_bytes()
        change(root / file)
        forget()
        for name, older in before.items():
            plan = Plan.of(map(replace, older))  # of the same steps, with the code as it is now
            touched = set()
            for step in plan:
                if file in step.code or touched & set(step.needs.values()):
                    touched.add(step.name)
            changed = {step.name for step in plan if plan.key(step.name) != older.key(step.name)}
            wrong += [(file, name, step) for step in touched ^ changed]
        (root / file).write_bytes(contents)
    assert not wrong
    forget()
    assert {name: plan.steps for name, plan in plans().items()} == {
        name: plan.steps for name, plan in before.items()
    }


@pytest.mark.parametrize(
    ("file", "method", "counts"),
    [
        ("methods/cathode.py", "cathode", True),
        ("methods/feta.py", "cathode", False),
        ("flows/spline.c", "cathode", True),
        ("training/loop.py", "cathode", True),
        ("plots/mjj.py", "cathode", False),
        ("methods/cathode.py", "anode", True),
        ("methods/anode.py", "cathode", False),
        ("methods/cathode.py", "cwola", False),
        ("cli/run.py", "cathode", False),
        ("config/methods.py", "cathode", False),
    ],
)
def test_a_changed_line_of_a_method(house, file, method, counts):
    root, forget = house
    module = METHODS[method].where.partition(":")[0]
    before = code_of(module)
    change(root / file)
    forget()
    assert (code_of(module) != before) is counts


@pytest.mark.parametrize(
    ("step", "without"),
    [
        (
            "features",
            (
                "methods/",
                "classifiers/",
                "stats/",
                "flows/",
                "training/",
                "plots/",
                "report/",
                "catalogue.py",
            ),
        ),
        (
            "background",
            ("classifiers/bdt.py", "stats/", "plots/", "report/", "catalogue.py", "methods/feta.py"),
        ),
        ("scores", ("stats/", "plots/", "report/", "classifiers/mlp.py", "catalogue.py", "methods/feta.py")),
        ("fit/inclusive", ("plots/", "report/", "catalogue.py", "methods/feta.py")),
        ("results", ("plots/", "report/", "methods/feta.py")),
        ("figures", ("methods/feta.py", "report/")),
    ],
)
def test_what_has_no_part_in_a_step(plans, step, without):
    """So that a run is not made anew for a figure's sake, nor its training for that of a fit."""
    found = plans()["search"][step].code
    assert found
    assert not [file for file in found if file.startswith((*without, "cli/", "engine/study.py"))]


def test_the_class_that_a_row_names_is_the_one_that_is_used(configure):
    for name, row in METHODS.items():
        if not (row.needs_simulation or row.needs_truth):
            built = type(build_method(configure(f"method={name}")))
            assert f"{built.__module__}:{built.__name__}" == row.where
    for name, row in CLASSIFIERS.items():
        built = type(build_classifier(configure(f"classifier={name}")))
        assert f"{built.__module__}:{built.__name__}" == row.where


@pytest.fixture(scope="module")
def large(toy, inputs):
    """Write data with enough events for templates made of events, and simulation of as many."""
    save_sample(toy.background(20_000, seed=5), inputs / "keys_large.h5")
    save_sample(toy.background(20_000, seed=6), inputs / "keys_simulation.h5")


@contextmanager
def watched():
    """Note the files of hepflow of which a function is called while a step is made, by the name of the step.

    What reads the result of another step for it belongs to that step.
    """
    for module in pkgutil.walk_packages([str(ROOT)], "hepflow."):
        if not module.name.endswith("__main__"):
            import_module(module.name)  # so that nothing is called by an import
    seen, stack, root = defaultdict(set), [], f"{ROOT}{os.sep}"

    def note(frame, event, _):
        if event == "call" and stack and frame.f_code.co_filename.startswith(root):
            seen[stack[-1]].add(frame.f_code.co_filename.removeprefix(root))

    def inside(original):
        def made(work, name, how):
            stack.append(name)
            sys.setprofile(note)
            try:
                return original(work, name, how)
            finally:
                stack.pop()
                sys.setprofile(note if stack else None)

        return made

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_made", "_publish"):
            patch.setattr(Work, name, inside(getattr(Work, name)))
        yield seen


SIMULATION = "inputs.simulation={path: keys_simulation.h5, format: hepflow}"
NETWORKS = "classifier={name: mlp, folds: 2, ensemble: 1, hidden: [8]}"
TWO_WINDOWS = ("regions.validation=0", "scan.range=[2500, 5000]", "scan.windows=[[3300, 3700], [2900, 3200]]")
TUNE = (
    "regions.validation=300",
    "tune={trials: 2, ensemble: 1, significance: 1, background_efficiency: 0.1}",
    "tune.flow={layers: [1, 1], hidden: [4, 8], bins: [3, 4], epochs: [1, 2], batch_size: [64, 128]}",
    "tune.trees={max_iter: [2, 6], max_leaf_nodes: [3, 9], min_samples_leaf: [10, 40]}",
)


@pytest.mark.usefixtures("_quick_closure", "large")
@pytest.mark.parametrize(
    ("name", "overrides", "until"),
    [
        ("search", (SIMULATION,), None),
        ("search", ("method={name: feta, ensemble: 1}", SIMULATION), "fit"),
        ("search", (f"method={{name: anode, {SPLINES}}}", NETWORKS), "fit"),
        ("search", ("method={name: outlier, detector: {name: vae, ensemble: 1, epochs: 1}}",), "fit"),
        ("search", ("fit.background=dijet", "fit.resonance=0.25", "fit.calculator=toys"), "fit"),
        ("windows", TWO_WINDOWS, None),
        ("comparison", (METHODS_COMPARED, "compare.scan=injection", "compare.injections=[0, 60]"), None),
        (
            "limits",
            ("regions.validation=0", "limit={injections: [40, 120], seeds: 1}", "injection=null"),
            None,
        ),
        ("tuning", TUNE, None),
        ("generate", SETTINGS["generate"], None),
        ("unfold", SETTINGS["unfold"], None),
        ("shower", SETTINGS["shower"], None),
    ],
)
def test_all_code_that_runs_while_a_step_is_made_is_in_its_key(
    name, overrides, until, configure, inputs, tmp_path
):
    if name == "tuning":
        pytest.importorskip("optuna")
    made = study(name)
    if name in MADE_UP:
        MADE_UP[name].write_tables(inputs)
        config = MADE_UP[name].prepare(inputs, *overrides)
    else:
        config = configure(*overrides, data="keys_large.h5")
    with watched() as seen:
        assert made.run(config, tmp_path / "run", until=until) is not None
    result = None
    if made.first:  # which tell what other steps there are
        result = Work(made.plan(config, Blinding()), RunFolder(tmp_path / "run", None)).result
    plan = made.plan(made.refine(config, result), Blinding())
    assert set(seen) == set(plan.until(until, made.stages))
    missing = {
        (file, plan[step].made_by)
        for step, files in seen.items()
        for file in files
        if file not in plan[step].code and not file.startswith(NO_PART)
    }
    assert not missing
