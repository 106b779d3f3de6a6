"""The tests on every Python, and on the oldest dependencies that pyproject.toml allows: ``nox -l`` lists them."""

from pathlib import Path

import nox

nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False  # one that is not there is skipped

# What the tests use where it is installed. Not "hs3": it needs a newer pydantic than hepflow does.
EXTRAS = ("test", "generate", "remote", "dask", "hepdata", "onnx", "tune", "peers")
NOT_SLOW = ("tests", "-m", "not slow")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests with the versions of constraints.txt; what stands after ``--`` goes to pytest."""
    session.install("--constraint", "constraints.txt", "--editable", ".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or NOT_SLOW), env=ONE_THREAD)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Run the tests with the lowest version of every dependency.

    A version after ``--`` replaces the lowest one, as in ``nox -s oldest -- torch==2.13.0``; all else there goes to
    pytest.
    """
    instead = [argument for argument in session.posargs if "==" in argument]
    options = [argument for argument in session.posargs if "==" not in argument]
    folder = Path(session.create_tmp())
    overrides, lowest = folder / "overrides.txt", folder / "lowest.txt"
    overrides.write_text("\n".join(instead), encoding="utf-8")
    lowest.unlink(missing_ok=True)  # uv would keep to the versions of an earlier run
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    session.install("--constraint", "constraints.txt", "uv")
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", *extras, "--resolution", "lowest-direct"),
        *("--overrides", str(overrides), "--output-file", str(lowest), "--no-header", "--quiet"),
    )
    session.install("--constraint", str(lowest), "--editable", f".[{','.join(EXTRAS)}]")
    session.run("python", "-m", "pytest", *(options or NOT_SLOW), env=ONE_THREAD)
