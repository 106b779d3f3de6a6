"""The report and the text of an unfolding, from its record alone."""

import tarfile
from dataclasses import replace

import pytest
import yaml
from made_up import unfolding

from hepflow.report.page import write_page
from hepflow.studies.unfolding import verdicts
from hepflow.studies.unfolding.page import page
from hepflow.studies.unfolding.tables import export_unfolding
from hepflow.studies.unfolding.text import text

RECORD = unfolding.record(2)


@pytest.fixture
def html(tmp_path):
    def written(record):
        record.write(tmp_path / "unfolding.json")
        return write_page(page(tmp_path), tmp_path / "report.html").read_text(encoding="utf-8")

    return written


def test_a_report(html):
    shown = html(RECORD)
    for told in (
        "Unfolded yield",
        "20 to 70",
        "Bottom line",
        "herwig",
        "jes",
        "OmniFold: A Method",
        "1607.07038",
    ):
        assert told in shown
    assert "Checks that failed" not in shown


def test_what_failed_stands_first(html):
    failed = replace(RECORD, verdicts=(verdicts.outside(0.02),))
    shown = html(failed)
    assert "Checks that failed" in shown
    assert "Nothing is claimed" in shown
    assert text(failed).splitlines()[1].startswith("- 2 % of the data lies where nothing is simulated")


def test_without_weights_and_counterparts(html):
    bare = [replace(one, seen=None, reference=None, lines=(), systematics=()) for one in RECORD.observables]
    record = replace(
        RECORD, method="bayes", weights=None, coverage=None, reference=None, observables=tuple(bare)
    )
    assert "has no counterpart at detector level" in html(record)
    assert "has no counterpart at detector level" in text(record)
    assert record.observables[0].error == pytest.approx(record.observables[0].unfolded.error)


def test_tables_for_hepdata(tmp_path):
    """Yields with errors by source, and the covariance, in an archive that satisfies HEPData's schemas."""
    pytest.importorskip("hepdata_lib")
    RECORD.write(tmp_path / "unfolding.json")
    path = export_unfolding(tmp_path)
    with tarfile.open(path) as archive:
        documents = {
            one.name: yaml.safe_load(archive.extractfile(one)) for one in archive if "unfolded" in one.name
        }
        names = archive.getnames()
    assert len(names) == 5  # with submission.yaml
    table = documents["unfolded_p_0.yaml"]
    first = table["dependent_variables"][0]["values"][0]
    one = RECORD.observables[0]
    assert first["value"] == pytest.approx(one.unfolded.values[0], rel=1e-5)
    errors = {error["label"]: error for error in first["errors"]}
    assert errors["stat"]["symerror"] == pytest.approx(one.unfolded.error[0], rel=1e-5)
    assert errors["jer"]["symerror"] == pytest.approx(
        -0.01 * first["value"], rel=1e-4
    )  # a shift keeps its sign
