"""Plans and keys: what a result depends on, and nothing else."""

import os
import shutil

import pytest

from hepflow.workflow.build import build_classifier, build_method
from hepflow.engine import code
from hepflow.engine.code import code_of
from hepflow.engine.plan import Plan, Step, differences
from hepflow.workflow.run import wanted
from hepflow.workflow.steps import BLOCK, CLASSIFIERS, METHODS, analysis_plan, fingerprint


def test_keys_depend_on_all_that_comes_before():
    def plan(first, second):
        return Plan.of([Step("one", "a", {"x": first}), Step("two", "b", {"y": second}, ("one",))])

    keys = [plan(1, 2).key("two"), plan(3, 2).key("two"), plan(1, 3).key("two")]
    assert len(set(keys)) == 3
    assert plan(1, 2).key("two") == keys[0]
    assert plan(1, 2).key("one") == plan(1, 3).key("one")


def test_a_step_that_only_saves_work_is_no_part_of_the_key():
    def plan(**options):
        return Plan.of([Step("one", "a", {}), Step("two", "b", {}, **options)])

    assert plan(after=("one",)).key("two") == plan().key("two") != plan(needs=("one",)).key("two")
    assert plan(after=("one",))["two"].before == ("one",)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"method": {"layers": 5}}, {"method": {"layers": 6}}, ["method.layers: 5 -> 6"]),
        (
            {"code": {"a.py": "1", "b.py": "2"}},
            {"code": {"a.py": "1", "c.py": "2"}},
            ["code of b.py", "code of c.py"],
        ),
        ({"files": {"e.h5": [1, 2, "x"]}}, {"files": {"e.h5": [1, 3, "x"]}}, ["file e.h5"]),
        ({"steps": {"scores": "k"}}, {"steps": {"scores": "l"}}, ["after scores"]),
        ({"seed": 1}, {"seed": 1}, []),
    ],
)
def test_differences_in_words(before, now, said):
    assert differences(before, now) == said


@pytest.fixture
def plans(configure):
    """Return a function that plans a run with some settings changed."""
    return lambda *overrides, **options: analysis_plan(configure(*overrides, **options), blind=False)


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("selection.background_efficiency=[0.1, 0.05]", {"fit/eps0.05", "results"}),
        ("fit.toys=200", {"fit/inclusive", "fit/eps0.1", "fit/eps0.03", "results"}),
        ("classifier.folds=3", {"scores", "validation/bands"}),
        ("regions.validation=150", {"validation/bands"}),
        ("method.epochs=3", {"background", "validation/bands"}),
        ("features=[m_J1]", {"features"}),
        ("fit.bin_width=50", {"background", "scores", "validation/bands", "fit/inclusive"}),
        ("compare.seeds=3", {"results"}),
        ("executor=processes", set()),
    ],
)
def test_a_setting_changes_what_depends_on_it_and_nothing_else(plans, override, changed):
    before, now = plans(), plans(override)
    helpers = {helper for step in now for helper in step.after}  # whose results no key depends on
    own = {
        step.name
        for step in now
        if step.name not in before.steps or dict(step.made_from) != dict(before[step.name].made_from)
    } - helpers
    assert changed <= own <= changed | {"fit/inclusive", "fit/eps0.1", "fit/eps0.03", "scores", "results"}
    for step in now:
        if step.name in before.steps and not _reaches(now, step.name, own):
            assert now.key(step.name) == before.key(step.name)


def _reaches(plan, step, changed):
    return step in changed or any(_reaches(plan, need, changed) for need in plan[step].needs)


def test_what_a_run_wants_in_the_end(plans):
    plan = plans()
    assert wanted(plan, None) == ["results", "figures", "report"]
    assert wanted(plan, "fit") == ["results"]
    assert wanted(plan, "features") == ["features"]


def test_the_code_of_every_method_and_classifier(configure):
    """The table that the keys are made with names the module that is really used."""
    for name, module in METHODS.items():
        if name in ("idealized", "supervised", "feta", "salad"):
            continue
        assert type(build_method(configure(f"method={name}"))).__module__ == module
    for name, module in CLASSIFIERS.items():
        assert type(build_classifier(configure(f"classifier={name}"))).__module__ == module


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Return a copy of the package whose files may be changed."""
    root = shutil.copytree(
        code.ROOT, tmp_path / "hepflow", ignore=shutil.ignore_patterns("*.h5", "__pycache__")
    )
    monkeypatch.setattr(code, "ROOT", root)

    def forget():
        for cached in (code._hash, code._imports, code._exports, code._names):
            cached.cache_clear()

    forget()
    yield root, forget
    forget()


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
    ],
)
def test_a_changed_line_counts_where_it_is_used(house, file, method, counts):
    root, forget = house
    before = code_of(METHODS[method])
    with (root / file).open("a", encoding="utf-8") as stream:
        stream.write("\n# changed\n" if file.endswith(".py") else "\n/* changed */\n")
    forget()
    assert (code_of(METHODS[method]) != before) is counts


def test_fingerprint(tmp_path):
    path = tmp_path / "events.h5"
    path.write_bytes(b"events")
    url = "root://eos/events.root"
    before = fingerprint([str(path), url])
    assert before == fingerprint([str(path), url])
    assert before[url] == (0, 0, "")
    os.utime(path, ns=(1, 1))
    assert fingerprint([str(path)])[str(path)] != before[str(path)]
    os.utime(path, ns=(1, before[str(path)][1]))
    assert fingerprint([str(path)])[str(path)] == before[str(path)]
    path.write_bytes(b"eventz")
    os.utime(path, ns=(1, before[str(path)][1]))
    assert fingerprint([str(path)])[str(path)] != before[str(path)]


def test_a_file_is_the_same_from_wherever_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "events.h5").write_bytes(b"events")
    whole = fingerprint([str(tmp_path / "events.h5")])
    monkeypatch.chdir(tmp_path)
    assert fingerprint(["events.h5"]) == whole


def test_both_ends_of_a_large_file_count(tmp_path):
    path = tmp_path / "events.h5"
    content = bytearray(40 * BLOCK)
    path.write_bytes(content)
    before = fingerprint([str(path)])[str(path)]
    for place in (0, len(content) - 1):
        changed = bytearray(content)
        changed[place] = 1
        path.write_bytes(changed)
        os.utime(path, ns=(1, before[1]))
        assert fingerprint([str(path)])[str(path)] != before
