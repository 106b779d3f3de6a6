"""Tables of a run and of a scan hold its numbers, and HEPData's own validator accepts them."""

import tarfile
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import yaml

from hepflow import ConfigError, InputError
from hepflow.export import run_tables, scan_tables, signal_patches, write_submission
from hepflow.parts import TrialsRecord
from hepflow.stats import GlobalSignificance, Scan
from hepflow.verdicts import sculpting, sideband_fit

pytestmark = pytest.mark.skipif(find_spec("hepdata_lib") is None, reason="needs hepflow[hepdata]")


def column(table, name):
    """Return the values of a variable, and its entries as they are written."""
    variable = next(one for one in table.variables if one.name == name)
    return variable.values, variable.make_dict()["values"]


def named(tables):
    return {table.name: table for table in tables}


def test_counts_are_exact_and_errors_stand_beside_their_values(results):
    table = named(run_tables(results))["Spectrum without a cut"]
    assert column(table, "Dijet mass")[0] == [(3000.0, 3100.0), (3100.0, 3250.0)]
    assert column(table, "Observed events")[1][0] == {"value": 121352.0}
    (first, second) = column(table, "Expected background events")[1]
    assert first == {"value": 121000.0, "errors": [{"symerror": 11.5, "label": "total"}]}
    assert second == {"value": 100.25, "errors": [{"symerror": 2.0, "label": "total"}]}
    assert column(table, "Signal events")[0] == [7.0, 0.5]
    assert "450 events" in table.description


def test_a_table_for_each_cut_and_two_for_all(results):
    tables = named(run_tables(results))
    assert list(tables) == [
        "Cutflow",
        "Spectrum without a cut",
        "Spectrum at background efficiency 0.01",
        "Spectrum at background efficiency 0.001",
        "Significance against cut",
        "Upper limits against cut",
    ]
    assert all(one.location == "hepflow run lhco, method cathode, seed 7" for one in tables.values())
    assert "Signal events" not in [
        one.name for one in tables["Spectrum at background efficiency 0.001"].variables
    ]
    strengths = column(tables["Significance against cut"], "Signal strength")[1]
    assert strengths[1] == {"value": 0.5, "errors": [{"symerror": 0.52, "label": "total"}]}
    assert strengths[2] == {"value": "-"}
    assert column(tables["Significance against cut"], "Local p-value")[1][0]["value"] == 0.1644


def test_what_failed_its_checks_is_named_or_withheld(results):
    bad = named(run_tables(replace(results, verdicts=(sideband_fit(2768.0, 87, 0.0),))))
    assert "Upper limits against cut" not in bad
    table = bad["Significance against cut"]
    assert "Checks that failed: sideband fit." in table.description
    assert "Local significance" not in [one.name for one in table.variables]
    cut = named(run_tables(replace(results, verdicts=(sculpting(0.0, 0.01),))))["Significance against cut"]
    assert "Checks that failed: sculpting at eps_B 0.01." in cut.description
    assert "Local significance" in [one.name for one in cut.variables]


def test_the_cutflow_and_the_trials(results):
    trials = TrialsRecord(0.01, 2.5, 0.0062, 2.2, 0.0123, 0.004, 2.0, False, 2000)
    tables = named(run_tables(replace(results, trials=trials)))
    assert column(tables["Cutflow"], "Step")[1] == [{"value": "events read"}]
    assert column(tables["Cutflow"], "Events")[1] == [{"value": 300000.0}]
    assert "at 0.01, has a p-value of 0.0123 +- 0.0040 with" in tables["Significance against cut"].description
    assert "extrapolated" not in tables["Significance against cut"].description
    beyond = named(run_tables(replace(results, trials=replace(trials, extrapolated=True))))
    assert "selections, whose factor is extrapolated" in beyond["Significance against cut"].description
    assert "Cutflow" not in named(run_tables(replace(results, cutflow=())))


def test_bands_are_errors_of_the_median(results):
    table = named(run_tables(results))["Upper limits against cut"]
    assert column(table, "Background efficiency")[0] == [1.0, 0.01]  # none of the signal passes the third
    assert column(table, "Observed limit")[0] == [1.5, 0.9]
    entry = column(table, "Expected limit")[1][0]
    assert entry["value"] == 1.0
    found = {one["label"]: (one["asymerror"]["minus"], one["asymerror"]["plus"]) for one in entry["errors"]}
    assert found == {"2 s.d.": pytest.approx((-0.5, 0.9)), "1 s.d.": pytest.approx((-0.3, 0.4))}


def test_blinded_results_show_no_data(results):
    hidden = dict.fromkeys(("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs"))
    cut = replace(
        results.cuts[0], **hidden, spectrum=replace(results.inclusive.spectrum, observed=(None, 90.0))
    )
    tables = named(run_tables(replace(results, inclusive=cut, cuts=())))
    assert column(tables["Spectrum without a cut"], "Observed events")[0] == ["-", 90.0]
    assert [one.name for one in tables["Significance against cut"].variables] == [
        "Background efficiency",
        "Expected background events",
    ]
    assert [one.name for one in tables["Upper limits against cut"].variables] == [
        "Background efficiency",
        "Expected limit",
    ]


@pytest.fixture
def scan():
    """Return a scan of three masses; the fit of the last one failed, its limit did not."""
    return Scan(
        mass=np.array([3000.0, 3100.0, 3200.0]),
        z=np.array([0.0, 3.1, np.nan]),
        p0=np.array([0.5, 0.000967603, np.nan]),
        mu_hat=np.array([-0.1, 1.2, np.nan]),
        mu_hat_error=np.array([0.4, 0.4, np.nan]),
        mu_up_obs=np.array([2.5, 3.5, 1.0]),
        mu_up_exp=np.outer([3.0, 2.0, 1.0], [0.5, 0.7, 1.0, 1.4, 1.9]),
        calculator=("asymptotic",) * 3,
        unit="1 fb",
        level=0.9,
    )


def test_scan(scan):
    tables = named(scan_tables(scan))
    p_values, limits = tables["Local p-value against mass"], tables["Upper limits against mass"]
    assert column(p_values, "Mass")[0] == [3000.0, 3100.0]
    assert p_values.variables[0].units == "GeV"
    assert column(p_values, "Local p-value")[0] == [0.5, 0.000967603]
    assert column(limits, "Mass")[0] == [3000.0, 3100.0, 3200.0]
    assert column(limits, "Observed limit")[0] == [2.5, 3.5, 1.0]
    assert column(limits, "Expected limit")[1][1]["errors"][1]["asymerror"] == {"minus": -0.6, "plus": 0.8}
    assert "90% CLs" in limits.description
    assert "1 fb" in limits.description
    assert len(scan_tables(replace(scan, mu_up_obs=None, mu_up_exp=None))) == 1


def test_refuses_a_scan_of_failures(scan):
    nothing = dict.fromkeys(("z", "mu_up_obs"), np.full(3, np.nan))
    with pytest.raises(InputError, match=r"no mass of the scan .* 3000 GeV: no fit"):
        scan_tables(replace(scan, **nothing, problems=("3000 GeV: no fit",)))


def test_a_scan_tells_its_global_p_value(scan):
    assert "global" not in scan_tables(scan)[0].description
    found = GlobalSignificance(3100.0, 3.1, 0.00097, 2.0, 0.0225, 0.004, np.zeros(1), 1.0, 0.1, 0.02, 2.05)
    table = scan_tables(replace(scan, global_significance=found))[0]
    assert "at 3100 GeV, has a global p-value of 0.0225 +- 0.0040." in table.description


def test_the_archive_is_valid_and_whole(results, scan, points, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    background, patchset = signal_patches(points).write("likelihoods")
    write_submission(
        "hepdata.tar.gz",
        [*run_tables(results), *scan_tables(scan)],
        comment="A search.",
        keywords={"cmenergies": [13000.0]},
        likelihoods={background: "HistFactory", patchset: "HistFactory"},
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hepdata.tar.gz", "likelihoods"]
    with tarfile.open("hepdata.tar.gz") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    about, *tables = yaml.safe_load_all(files["submission.yaml"])
    assert about["comment"] == "A search."
    assert [one["type"] for one in about["additional_resources"]] == ["HistFactory"] * 2
    assert files["patchset.json"] == patchset.read_bytes()
    assert len(tables) == 8
    for table in tables:
        assert {"name": "cmenergies", "values": [13000.0]} in table["keywords"]
        content = yaml.safe_load(files[table["data_file"]])
        lengths = [len(one["values"]) for kind in content.values() for one in kind]
        assert len(set(lengths)) == 1
    assert set(files) == {
        "submission.yaml",
        "background_only.json",
        "patchset.json",
        *(one["data_file"] for one in tables),
    }
    assert capsys.readouterr() == ("", "")


def test_hepdata_refuses_and_nothing_is_written(results, tmp_path):
    table = run_tables(results)[1]
    table.description = None
    with pytest.raises(InputError, match=r"hepdata.tar.gz: not written, as HEPData would refuse it: .*None"):
        write_submission(tmp_path / "hepdata.tar.gz", [table])
    assert list(tmp_path.iterdir()) == []


def test_refuses_before_writing(results, tmp_path):
    tables, path = run_tables(results), tmp_path / "hepdata.tar.gz"
    with pytest.raises(ConfigError, match="different names"):
        write_submission(path, [])
    with pytest.raises(ConfigError, match="different names"):
        write_submission(path, [tables[0], tables[0]])
    with pytest.raises(ConfigError, match=r"ends in \.tar\.gz"):
        write_submission(tmp_path / "hepdata.zip", tables)
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        write_submission(path, tables, likelihoods={tmp_path / "none.json": "HS3"})
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "workspace.json").write_text("{}")
    likelihoods = {tmp_path / folder / "workspace.json": "HS3" for folder in ("one", "two")}
    with pytest.raises(ConfigError, match="same file name"):
        write_submission(path, tables, likelihoods=likelihoods)
    with pytest.raises(ConfigError, match="kind 'pyhf'; expected one of"):
        write_submission(path, tables, likelihoods=dict.fromkeys(likelihoods, "pyhf"))
    assert not path.exists()


def test_says_what_to_install(results, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hepdata_lib", None)
    with pytest.raises(ConfigError, match=r"pip install 'hepflow\[hepdata\]'"):
        run_tables(results)
