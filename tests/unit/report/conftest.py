"""A folder with a report for each kind of record."""

import pytest
from made_up.comparison import COMPARISON

from hepflow.studies.show import write_report


@pytest.fixture(scope="session")
def folders(run_folder, scan, limits, tmp_path_factory):
    """Return a folder with a report for each kind of record, every figure drawn."""
    found = {"run": run_folder}
    for name, record in (("scan", scan), ("comparison", COMPARISON), ("limits", limits)):
        found[name] = folder = tmp_path_factory.mktemp("reported")
        record.write(folder / f"{name}.json")
        write_report(folder)
    return found
