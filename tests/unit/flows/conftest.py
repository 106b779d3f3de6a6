"""What tests of the compiled code share."""

import pytest

from hepflow.flows import native


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Forget the library of this process, and build into an empty folder."""
    monkeypatch.setenv("HEPFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(native.tempfile, "gettempdir", lambda: str(tmp_path / "temp"))
    native.library.cache_clear()
    yield tmp_path
    native.library.cache_clear()
