"""What ``make constraints-hashed.txt`` writes: every version with its hash, and no host."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "hashed_constraints.py"


def package(name, version, **hashes):
    url = f"https://user:word@mirror.example/simple/{name}-{version}.whl"
    return {
        "metadata": {"name": name, "version": version},
        "download_info": {"url": url, "archive_info": {"hash": "sha256=old", "hashes": hashes}},
    }


def written(*packages):
    return subprocess.run(
        [sys.executable, SCRIPT],
        input=json.dumps({"pip_version": "25.0", "install": packages}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_versions_and_hashes_without_hosts():
    found = written(
        package("torch", "2.13.0+cpu", sha256="b" * 64), package("Awkward", "2.9.0", sha256="a" * 64)
    )
    lines = [line for line in found.stdout.splitlines() if not line.startswith("#")]
    assert lines == [
        f"Awkward==2.9.0 --hash=sha256:{'a' * 64}",
        f"torch==2.13.0+cpu --hash=sha256:{'b' * 64}",
    ]
    assert not any(word in found.stdout for word in ("://", "example", "user"))


@pytest.mark.parametrize("hashes", [{}, {"md5": "a" * 32}, {"sha256": "a" * 63}])
def test_a_file_without_a_hash_is_refused(hashes):
    found = written(package("torch", "2.13.0", **hashes))
    assert found.returncode == 1
    assert "torch 2.13.0: pip reports" in found.stderr
    assert not found.stdout
