"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data():
    """Return the path of a file in the folder of real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def find(relative):
        path = folder / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}; set HEPFLOW_SHARED_DATA to their folder")
        return path

    return find
