"""Any result as JSON."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from hepflow import ConfigError, InputError, __version__
from hepflow.export import record, write_record
from hepflow.stats import UpperLimit, bump_hunt


def written(result, folder):
    write_record(folder / "record.json", result)
    return json.loads((folder / "record.json").read_text())


def test_a_result_with_its_own_layout(spectrum, signal_at, tmp_path):
    hunt = bump_hunt(spectrum, signal_at(3500))
    content = written(hunt, tmp_path)
    assert (content.pop("kind"), content.pop("hepflow")) == ("BumpHunt", __version__)
    assert content == json.loads(json.dumps(hunt.to_dict()))


def test_results_of_a_run(results, tmp_path):
    content = written(results, tmp_path)
    assert content["schema"] == "hepflow-results-1"
    assert content["inclusive"]["mu_up_exp"] == [0.5, 0.7, 1.0, 1.4, 1.9]


def test_dataclass_arrays_and_missing_numbers(tmp_path):
    assert written(UpperLimit(1.5, (0.5, 0.7, 1.0, 1.4, np.inf)), tmp_path)["expected"][3:] == [1.4, None]

    @dataclass(frozen=True)
    class Pair:
        limit: UpperLimit
        values: np.ndarray

    content = written(Pair(UpperLimit(2.0, ()), np.array([[1.0, np.nan], [3.0, 4.0]])), tmp_path)
    assert content["values"] == [[1.0, None], [3.0, 4.0]]
    assert content["limit"].items() >= {"observed": 2.0, "expected": [], "level": 0.95}.items()


def test_the_file_holds_the_record(tmp_path):
    limit = UpperLimit(1.5, (0.5, 0.7, 1.0, 1.4, np.inf))
    assert written(limit, tmp_path) == json.loads(json.dumps(record(limit)))


@pytest.mark.parametrize("result", [3.0, {"z": 3.0}, UpperLimit, None])
def test_refuses_what_is_no_result(result, tmp_path):
    with pytest.raises(ConfigError, match="no result of hepflow"):
        write_record(tmp_path / "record.json", result)
    assert list(tmp_path.iterdir()) == []


def test_names_what_json_cannot_hold(tmp_path):
    @dataclass(frozen=True)
    class Odd:
        value: object

    with pytest.raises(ConfigError, match=r"\$\.value"):
        write_record(tmp_path / "record.json", Odd(object()))
    with pytest.raises(InputError, match="no folder"):
        write_record(tmp_path / "none" / "record.json", UpperLimit(1.0, ()))
