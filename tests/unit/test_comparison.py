"""Records of a comparison: what is written is read back, and means and ratios over seeds are right."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodCut, MethodResult
from hepflow.errors import InputError
from hepflow.selection.agreement import Agreement


def cut(sic, z=2.0):
    return MethodCut(0.001, 12.0, 8.0, 1.5, 1.3, z, 0.1, Estimate(sic, 0.5), 0.2, 0.0011, Estimate(0.1, 0.2))


def result(method, seed, sic, injected=300, **changes):
    return MethodResult(
        method=method,
        title=method.upper(),
        uses_truth=method == "idealized",
        seed=seed,
        injected=injected,
        signal=240.0,
        background=12_000.0,
        max_sic=Estimate(1.5 * sic, 1.0),
        rejection_20=Estimate(1000.0, 100.0),
        cuts=(cut(sic),),
        closure={"SR": Estimate(0.51, 0.01)},
        background_efficiency=(1.0, 0.1, 0.01),
        signal_efficiency=(1.0, 0.8, 0.5),
        seconds=12.5,
        warnings=("a warning",),
        **changes,
    )


def comparison(*results):
    agreement = Agreement(
        ("A", "B"), np.array([[1, np.nan], [np.nan, 1]]), np.array([[0, np.nan], [np.nan, 0]])
    )
    return Comparison(
        name="lhco",
        config_hash="0" * 16,
        versions={"hepflow": "0.1.0"},
        regions={"signal": [3300, 3700]},
        results=results,
        matrices=(Matrix.of("overlap", agreement, 1, 300, 0.01),),
    )


@pytest.fixture
def three_seeds():
    values = {"idealized": (10.0, 12.0, 8.0), "cathode": (9.0, 6.0, 6.0)}
    return comparison(
        *(result(name, seed, sic) for name, sics in values.items() for seed, sic in enumerate(sics))
    )


def test_what_is_written_is_read_back(three_seeds, tmp_path):
    path = tmp_path / "comparison.json"
    three_seeds.write(path)
    assert Comparison.from_json(path) == three_seeds
    assert json.loads(path.read_text())["schema"] == "hepflow-comparison-1"
    assert three_seeds.matrices[0].value == ((1.0, None), (None, 1.0))


def test_a_result_without_truth_is_read_back(tmp_path):
    bare = MethodResult("cwola", "CWoLa", False, 1, 0, problems=("the fit failed",))
    comparison(bare).write(tmp_path / "comparison.json")
    assert Comparison.from_json(tmp_path / "comparison.json").results == (bare,)


def test_entries_of_later_versions_are_passed_over(three_seeds, tmp_path):
    content = three_seeds.to_dict() | {"later": 1}
    content["results"][0]["later"] = content["results"][0]["cuts"][0]["later"] = 1
    (tmp_path / "comparison.json").write_text(json.dumps(content))
    assert Comparison.from_json(tmp_path / "comparison.json") == three_seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as hepflow-comparison-1"),
        ("[]", "expected schema 'hepflow-comparison-1', found 'list'"),
        ('{"schema": "hepflow-results-1"}', "found 'hepflow-results-1'"),
    ],
)
def test_other_files(tmp_path, text, message):
    path = tmp_path / "comparison.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Comparison.from_json(path)
    with pytest.raises(InputError, match="No such file"):
        Comparison.from_json(tmp_path / "none.json")


def test_means_and_errors_over_seeds(three_seeds):
    idealized, cathode = three_seeds.summary()
    assert (cathode.method, cathode.title, cathode.uses_truth) == ("cathode", "CATHODE", False)
    assert (cathode.seeds, cathode.injected, idealized.uses_truth) == (3, 300, True)
    assert cathode.mean["sic at 0.001"].value == pytest.approx(7.0)
    assert cathode.mean["sic at 0.001"].error == pytest.approx(math.sqrt(3) / math.sqrt(3))  # (4 + 1 + 1) / 2
    assert cathode.mean["rejection_20"] == Estimate(1000.0, 0.0)
    assert cathode.mean["closure SR"].value == pytest.approx(0.51)
    assert cathode.mean["signal_over_background"].value == pytest.approx(0.02)
    assert "auc" not in cathode.mean


def test_ratios_to_the_idealized_of_the_same_seed(three_seeds):
    idealized, cathode = three_seeds.summary()
    assert cathode.relative["sic at 0.001"].value == pytest.approx(np.mean([0.9, 0.5, 0.75]))
    assert cathode.relative["max_sic"].value == pytest.approx(np.mean([0.9, 0.5, 0.75]))
    assert idealized.relative["max_sic"] == Estimate(1.0, 0.0)
    assert set(cathode.relative) == {"sic at 0.001", "max_sic"}


def test_one_seed_has_statistical_errors():
    _, cathode = comparison(result("idealized", 1, 10.0), result("cathode", 1, 5.0)).summary()
    assert cathode.mean["sic at 0.001"] == Estimate(5.0, 0.5)
    assert cathode.mean["z at 0.001"] == Estimate(2.0)
    ratio = cathode.relative["sic at 0.001"]
    assert ratio.value == 0.5
    assert ratio.error == pytest.approx(0.5 * math.hypot(0.5 / 5, 0.5 / 10))


def test_seeds_without_a_number_or_a_reference_do_not_count():
    lost = replace(cut(1.0), sic=None)
    results = result("idealized", 1, 10.0), result("cathode", 1, 5.0), result("cathode", 2, 7.0)
    _, cathode = comparison(*results).summary()
    assert cathode.relative["sic at 0.001"].value == 0.5
    _, cathode = comparison(*results[:2], replace(results[2], cuts=(lost,))).summary()
    assert cathode.mean["sic at 0.001"] == Estimate(5.0, 0.5)


def test_injections_are_told_apart():
    found = comparison(*(result("cathode", 1, 3.0, injected) for injected in (300, 0, 150)))
    assert found.injections == (0, 150, 300)
    assert [one.injected for one in found.summary()] == [300, 0, 150]


def test_an_estimate_of_nothing():
    assert Estimate.of(None) is None
    assert Estimate.of((1.0, 0.5)) == Estimate(1.0, 0.5)
