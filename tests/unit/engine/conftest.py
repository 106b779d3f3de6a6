"""Steps by hand, whose functions workers find as well."""

import os
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
sys.path.append(HERE)  # `multiprocessing` gives it to its workers
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), HERE)))


@pytest.fixture
def made():
    """Return the names of the steps that were made in this process, from now on."""
    from steps_for_tests import made

    made.clear()
    return made
