"""The configuration: what is read, and that everything wrong is said at once, with its line and its key."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.catalogue import STUDIES
from hepflow.config import Config, example_yaml, load, load_config, top
from hepflow.config.blocks import BESIDE, FEATURES
from hepflow.errors import ConfigError
from hepflow.regions import Windows

GOOD = """\
name: lhco
seed: 1
inputs:
  data:       {path: events.features.h5, format: lhco, label: 0}
  signal:     {path: events.features.h5, format: lhco, label: 1}
  simulation: {path: ["mc/*.root", "root://host//mc.root"], format: nanoaod, tree: Events}
injection: {events: 300, seed: 7}
features: [m_J1, dm_J, tau21_J1, tau21_J2]
regions: {signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}
method: {name: cathode}
classifier: {name: bdt, folds: 5, ensemble: 10}
selection: {background_efficiency: [0.1, 0.01, 0.001]}
fit: {background: template, blind: false}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a configuration to `c.yaml` in the present folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str = GOOD) -> Path:
        Path("c.yaml").write_text(text, encoding="utf-8")
        return Path("c.yaml")

    return write


def problems(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_reads_the_configuration_of_the_design(write):
    config = load_config(write())
    assert config.inputs.data.path == ("events.features.h5",)
    assert config.regions.windows == Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    assert config.selection.background_efficiency == (0.1, 0.01, 0.001)
    assert config.injection is not None
    assert (config.injection.events, config.method.name, config.classifier.folds) == (300, "cathode", 5)
    assert not config.fit.blind


def test_short_configuration_has_defaults(write):
    text = (
        "inputs: {data: {path: a.h5, format: lhco}}\nregions: {signal: [3, 4], sidebands: [[2, 3], [4, 5]]}"
    )
    config = load_config(write(text))
    assert config.injection is None
    assert config.features == ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
    assert config.fit.bin_width == 50


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("signal: [3300", "sigal: [3300", 9, "regions.sigal: unknown key; did you mean 'signal'?"),
        ("folds: 5", "folds: five", 11, "classifier.folds: expected an integer, got 'five'"),
        ("folds: 5", "folds: '5'", 11, "classifier.folds: expected an integer, got '5'"),
        ("folds: 5", "folds: true", 11, "classifier.folds: expected an integer, got true"),
        ("folds: 5", "folds: 1", 11, "classifier.folds: expected a number of at least 2, got 1"),
        ("folds: 5", "folds:", 11, "classifier.folds: expected an integer, got null"),
        ("seed: 1", "seed: -1", 2, "seed: expected a number of at least 0, got -1"),
        ("name: lhco", "name: ../up", 1, "name: expected letters, digits,"),
        ("name: lhco", "name: 3", 1, "name: expected text, got 3"),
        (
            "format: lhco, label: 0",
            "format: lcho, label: 0",
            4,
            "inputs.data.format: expected 'lhco', 'lhco-raw', 'nanoaod',",
        ),
        (
            "[0.1, 0.01",
            "[0.1, 1.01",
            12,
            "selection.background_efficiency.1: expected a number below 1, got 1.01",
        ),
        ("[0.1, 0.01", "[0.1, 0.1", 12, "selection.background_efficiency: 0.1 stands there twice"),
        ("[0.1, 0.01, 0.001]", "[]", 12, "selection.background_efficiency: expected at least 1 in the list"),
        ("[0.1, 0.01, 0.001]", "0.1", 12, "selection.background_efficiency: expected a list, got 0.1"),
        ("[3300, 3700]", "[3300]", 9, "regions.signal: expected at least 2 in the list, got [3300]"),
        ("[3300, 3700]", "[3300, 3500, 3700]", 9, "regions.signal: expected at most 2 in the list"),
        ("[3300, 3700]", "[3300, .inf]", 9, "regions.signal.1: expected a finite number, got inf"),
        ("[3300, 3700]", "[3300, 3800]", 9, "regions: regions overlap: 3300-3800 GeV and 3700-5000 GeV"),
        ("[3300, 3700]", "[3300, 3300]", 9, "regions: signal region [3300.0, 3300.0]: expected [low, high]"),
        ("[[2500, 3300], [3700, 5000]]", "[[2500, 3300]]", 9, "regions: every sideband stands on one side"),
        ("dm_J", "m_jj", 8, "features: 'm_jj' is the mass that is searched"),
        ("dm_J", "dmJ", 8, "features: no feature 'dmJ'; did you mean 'dm_J'?"),
        ("dm_J", "m_J1", 8, "features: 'm_J1' stands there twice"),
        ("{name: cathode}", "3", 10, "method: expected a name, or a block of keys, got 3"),
        ("{name: cathode}", "{name: cathod}", 10, "method.name: expected 'cathode', 'lacathode', "),
        ("{name: cathode}", "cathod", 10, "method: expected 'cathode', 'lacathode', "),
        (
            "{name: cathode}",
            "{name: feta, layers: 3}",
            10,
            "method.layers: unknown key; known: 'ensemble', 'name', ",
        ),
        ("{name: cathode}", "{name: lacathode, spaces: 9}", 10, "method.spaces: 9 latent spaces of 4 flows"),
        ("{name: cathode}", "{name: idealized}", 10, "method: 'idealized' is a reference"),
        ("  data: ", "  dta: ", 3, "inputs.data: missing; it says: The events to search."),
        ("tree: Events", "branches: {pt: 3}", 6, "inputs.simulation.branches.pt: expected text, got 3"),
        ("format: nanoaod", "format: custom", 6, "inputs.simulation.format: 'custom' needs `branches:"),
    ],
)
def test_says_what_is_wrong_where(write, old, new, line, message):
    assert old in GOOD
    lines = problems(write(GOOD.replace(old, new, 1)))
    assert any(text.startswith(f"c.yaml:{line}: {message}") for text in lines), lines


def test_injection_needs_a_signal(write):
    lines = problems(write("\n".join(line for line in GOOD.splitlines() if "signal:  " not in line)))
    assert lines == ["c.yaml:6: injection: needs a signal sample; give `inputs.signal`, or leave this out"]


def test_lists_all_problems_at_once(write):
    lines = problems(write(GOOD.replace("seed: 1", "sed: 1").replace("folds: 5", "folds: five")))
    assert lines == [
        "2 problems in the configuration:",
        "c.yaml:11: classifier.folds: expected an integer, got 'five'",
        "c.yaml:2: sed: unknown key; did you mean 'seed'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c.yaml: the file is empty"),
        ("- 1\n", "c.yaml: expected keys such as"),
        ("seed: 1\nname: a\nseed: 2\n", "c.yaml:3: 'seed' stands here twice, first at c.yaml:1"),
        ("fit:\n  blind: true\n  blind: false\n", "c.yaml:3: 'blind' stands here twice"),
        ("a: [1\nb: 2\n", "c.yaml:2: not valid YAML"),
        ("\ta: 1\n", "c.yaml:1: not valid YAML"),
        ("a: *nowhere\n", "c.yaml:1: not valid YAML: found undefined alias"),
        ("a: &x [*x]\n", "c.yaml:1: aliases make this file endless"),
        ("a: !!python/object/apply:os.system [ls]\n", "c.yaml:1: the tag"),
        ("a: !!python/name:os.system x\n", "c.yaml:1: the tag"),
        ("? [1]\n: 2\n", "c.yaml:1: a key must be a word"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: not valid YAML"),
        ("a: \x01\n", "c.yaml: not valid YAML"),
        ("a: " + "[" * 600 + "]" * 600, "c.yaml: not a configuration: nested"),
    ],
)
def test_refuses_what_is_no_configuration(write, text, message):
    assert problems(write(text))[0].startswith(message)


def test_refuses_exponential_aliases(write):
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join(['*a' + str(i - 1)] * 10)}]" for i in range(1, 12)]
    assert "aliases make this file endless" in problems(write("\n".join(rows)))[0]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(GOOD.splitlines()),
    st.text(alphabet="abc:-[]{}&*!|>'\"#%@`,.0 \n\t", max_size=30),
)
def test_whatever_is_written_is_read_or_refused(tmp_path_factory, line, text):
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_text(GOOD.replace(line, line[: len(line) // 2] + text, 1))
    with contextlib.suppress(ConfigError):
        load_config(path)


def test_missing_folder_and_binary_files(tmp_path):
    assert "`hepflow init" in problems(tmp_path / "none.yaml")[0]
    assert "cannot read" in problems(tmp_path)[0]
    (tmp_path / "binary.yaml").write_bytes(b"\x89HDF\xff\xfe")
    assert "cannot read" in problems(tmp_path / "binary.yaml")[0]


def test_numbers_as_physicists_write_them_and_merged_blocks(write):
    text = GOOD.replace("{name: cathode}", "{name: cathode, learning_rate: 1e-3, oversampling: 6}")
    assert load_config(write(text)).method.learning_rate == 1e-3
    text = text.replace("data:       {", "data: &all {").replace(
        "signal:     {path: events.features.h5, format: lhco, label: 1}", "signal: {<<: *all, label: 1}"
    )
    assert load_config(write(text)) == load_config(
        write(text.replace("<<: *all, label: 1", "label: 1, <<: *all"))
    )
    assert load_config(write(text)).inputs.signal == load_config(write()).inputs.signal
    text = text.replace("signal: {<<", "signal: &signal {<<").replace(
        "simulation: {", "simulation: *signal  # {"
    )
    assert load_config(write(text)).inputs.simulation == load_config(write()).inputs.signal


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("classifier.folds=3", ("classifier", "folds", 3)),
        ("regions.sidebands.0=[2000, 3300]", ("regions", "sidebands", ((2000, 3300), (3700, 5000)))),
        ("method.learning_rate=5e-4", ("method", "learning_rate", 5e-4)),
        ("inputs.data.selection=pt == 3", ("inputs", "data", "selection", "pt == 3")),
        ("injection=", ("injection", None)),
    ],
)
def test_overrides(write, override, value):
    config = load_config(write(), [override])
    *keys, expected = value
    for key in keys:
        config = getattr(config, key)
    assert config == expected


def test_a_block_that_stands_as_its_name_takes_keys(write):
    config = load_config(
        write(), ["method=cathode", "method.epochs=3", "classifier=bdt", "classifier.folds=3"]
    )
    assert (config.method.name, config.method.epochs) == ("cathode", 3)
    assert (config.classifier.name, config.classifier.folds) == ("bdt", 3)
    assert problems(write(), "method=cathode", "method.epochs=few")[0].startswith("--set method.epochs=few")
    assert problems(write(), "method=cathod", "method.epochs=3")[0].startswith("--set method=cathod")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "classifier.folds=five",
            "--set classifier.folds=five: classifier.folds: expected an integer, got 'five'",
        ),
        ("clasifier.folds=3", "--set clasifier.folds=3: clasifier: unknown key; did you mean 'classifier'?"),
        ("folds", "--set folds: expected KEY=VALUE, such as classifier.folds=5"),
        ("seed.deep=3", "--set seed.deep=3: seed holds 1, which has no key 'deep'"),
        ("features.9=m_J1", "--set features.9=m_J1: features holds ["),
        ("fit={blind: [}", "--set fit={blind: [}: not valid YAML"),
    ],
)
def test_wrong_overrides_are_named_as_the_place(write, override, message):
    assert problems(write(), override)[0].startswith(message)


def test_paths_start_at_the_folder_of_the_file(write, tmp_path):
    write()
    (tmp_path / "runs").mkdir()
    config = load_config(tmp_path / "c.yaml")
    assert config.folder == tmp_path
    assert config.inputs.simulation is not None
    assert config.opened(config.inputs.simulation).paths == (
        str(tmp_path / "mc/*.root"),
        "root://host//mc.root",
    )
    (tmp_path / "runs" / "c.yaml").write_text(config.to_yaml(tmp_path / "runs"))
    again = load_config(tmp_path / "runs" / "c.yaml")
    assert (
        Path(again.opened(again.inputs.data).paths[0]).resolve()
        == (tmp_path / "events.features.h5").resolve()
    )


def test_hash_and_round_trip(write):
    config = load_config(write())
    digits = config.hash()
    assert len(digits) == 16
    assert int(digits, 16) >= 0
    assert load_config(write(config.to_yaml())) == config
    reordered = "# a remark\n" + "\n".join(
        sorted(GOOD.splitlines(), key=lambda line: line.startswith("name"))
    )
    assert load_config(write(reordered)).hash() == digits
    default = config.classifier.max_iter
    assert load_config(write(GOOD + "\n"), [f"classifier.max_iter={default}"]).hash() == digits
    assert load_config(write(), [f"classifier.max_iter={default + 1}"]).hash() != digits


def test_configuration_is_immutable(write):
    config = load_config(write())
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 2


def test_example_is_valid_and_shows_every_key(write):
    config = load_config(write(example_yaml()))
    assert config.seed == 1
    assert config.fit.blind  # a search of one's own starts blinded
    assert max(map(len, example_yaml().splitlines())) <= 110

    def keys(model):
        for name, field in model.model_fields.items():
            if (field.json_schema_extra or {}).get(BESIDE):  # of simulation, or in the place of other keys
                continue
            yield name
            if hasattr(field.annotation, "model_fields"):
                yield from keys(field.annotation)

    for name in keys(Config):
        assert f"{name}:" in example_yaml()


def test_example_with_its_remarks_taken_off_is_valid(write):
    """Every key behind `#` can be used as it stands there."""
    lines = []
    for line in example_yaml().splitlines():
        body = line.strip()
        setting = body.removeprefix("# ")
        key = setting.split(":")[0]
        commented = body.startswith("# ") and ": " in setting and key.isidentifier() and "`" not in key
        lines.append(line.replace("# ", "", 1) if commented else line)
    config = load_config(write("\n".join(lines)))
    assert config.injection is not None
    assert config.inputs.simulation is not None
    assert config.inputs.data.branches


@pytest.mark.parametrize(
    ("overrides", "name", "workers"),
    [
        ((), "local", None),
        (("executor.workers=4",), "processes", 4),
        (("executor.name=dask", "executor.workers=4"), "dask", 4),
    ],
)
def test_workers_alone_are_processes(write, overrides, name, workers):
    executor = load_config(write(), overrides).executor
    assert (executor.name, getattr(executor, "workers", None)) == (name, workers)


def test_knows_the_features_and_the_formats():
    features = pytest.importorskip("hepflow.features")
    schemas = pytest.importorskip("hepflow.readers.schemas")
    assert set(FEATURES) == set(features.FEATURES) - {"m_jj"}
    formats = Config.model_json_schema()["$defs"]["Input"]["properties"]["format"]["enum"]
    assert set(formats) == set(schemas.SCHEMAS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!!binary aGVsbG8=", "the tag 'tag:yaml.org,2002:binary' is not plain data; leave it out"),
        ("!!timestamp 2020-01-01", "the tag 'tag:yaml.org,2002:timestamp' is not plain data"),
        ("!!python/object/apply:os.system [id]", "is not plain data"),
        ("!own 3", "the tag '!own' is not plain data"),
        ("!!bool maybe", "'maybe' is not of the kind 'tag:yaml.org,2002:bool'"),
        ("!!int x", "'x' is not of the kind 'tag:yaml.org,2002:int'"),
        (str(2**63), f"{2**63} is no integer that 64 bits hold"),
        (str(-(2**63)), "is no integer that 64 bits hold"),
        ("0x" + "f" * 40, "is no integer that 64 bits hold"),
        ("9" * 5000, "is not of the kind 'tag:yaml.org,2002:int'"),
    ],
)
def test_values_that_are_not_plain(write, value, message):
    place, _, said = problems(write(GOOD.replace("seed: 1\n", f"seed: {value}\n")))[0].partition(": ")
    assert place == "c.yaml:2"
    assert message in said


def test_plain_tags_may_stand(write):
    assert load_config(write(GOOD.replace("seed: 1\n", "seed: !!int 5\n"))).seed == 5


@pytest.mark.parametrize("width", ["0.05", "1e-9", "1e-300"])
def test_bins_that_are_too_many(write, width):
    text = GOOD.replace("blind: false}", f"blind: false, bin_width: {width}}}")
    assert problems(write(text)) == [
        f"c.yaml:13: fit.bin_width: bins of {float(width):g} GeV from 2500 to 5000 GeV are more than 20,000; "
        "expected wider ones"
    ]


def test_no_events_are_no_injection(write):
    assert load_config(write(GOOD.replace("events: 300", "events: 0"))).injection is None
    without = GOOD.replace("  signal:     {path: events.features.h5, format: lhco, label: 1}\n", "")
    assert load_config(write(without.replace("events: 300", "events: 0"))).injection is None
    assert "needs a signal sample" in problems(write(without))[0]


def test_each_study_is_a_task_of_a_search_or_of_a_schema_of_its_own():
    assert set(load.OTHERS) == {name for name, row in STUDIES.items() if row.own_schema}
    assert not set(load.OTHERS) & set(top.TASKS)
    assert "shower" not in (Config.model_fields["task"].description or "")
