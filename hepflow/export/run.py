"""A whole run for others: one folder with what HEPData takes, likelihoods, histograms and weights."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from hepflow.atomic import write_text
from hepflow.engine.folder import EXPORT, check_as_written
from hepflow.errors import ConfigError, InputError
from hepflow.export.hepdata import run_tables
from hepflow.export.histograms import run_histograms, write_root, write_uhi
from hepflow.export.submission import write_submission
from hepflow.records import Record
from hepflow.results import CutResult, Results

MANIFEST = "export.json"
WEIGHTS = ("stages/scores/classifier.safetensors", "stages/background/density.safetensors")  # of a run


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Parameters
    ----------
    folder
        The folder.
    files
        The files in it, relative to it, without `MANIFEST`, which lists them.
    left_out
        What there was to write and was not, and why.
    """

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Manifest(Record):
    """What an export holds: of which run, whether blinded, its files, and what was left out and why."""

    schema: ClassVar[str] = "hepflow-export-1"

    run: str
    config_hash: str
    blinded: bool
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def export_run(run: str | Path, out: str | Path | None = None, only: Sequence[str] | None = None) -> Exported:
    """Write what others need of a run to a folder, whole or not at all.

    Parameters
    ----------
    run
        Folder of a finished `hepflow run`.
    out
        The folder to make, ``export`` in that of the run by default. One that an earlier export made is replaced.
    only
        Any of `PARTS`: ``hepdata`` (an archive for HEPData, with the workspaces), ``workspaces`` (pyhf),
        ``histograms`` (ROOT and UHI JSON) and ``weights`` (safetensors, and ONNX where it is installed and there is a
        model of the classifier). All by default, without weights where the run keeps none.

    Raises
    ------
    ConfigError
        If a part is unknown, or what it needs is not installed.
    InputError
        If `run` is no run, files of it are missing, damaged, or lead out of its folder; if `out` holds what no export
        made or cannot be written.

    Notes
    -----
    Of a blinded run nothing leaves that knows the data of the signal region behind a cut: no numbers, no spectra, no
    workspace but those with Asimov data, and no classifier, which was trained on them.
    """
    run = Path(run)
    unknown = [part for part in only or () if part not in PARTS]
    if unknown:
        raise ConfigError(f"no part {unknown[0]!r} of a run to export; expected some of {', '.join(PARTS)}")
    source = _Source(run, _results(run), asked=only is not None)
    folder = Path(os.path.realpath(run / EXPORT if out is None else out))
    _check_replaceable(folder)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        try:
            fresh.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made a folder for the export ({error.strerror})") from None
        left_out = [
            one for part, write in PARTS.items() if part in (only or PARTS) for one in write(source, fresh)
        ]
        files = sorted(str(file.relative_to(fresh)) for file in fresh.rglob("*") if file.is_file())
        results = source.results
        manifest = Manifest(results.name, results.config_hash, results.blind, tuple(files), tuple(left_out))
        manifest.write(fresh / MANIFEST)
        _replace(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Exported(folder, tuple(files), tuple(left_out))


@dataclass(frozen=True)
class _Source:
    """A run folder that is read; `asked` tells whether its parts were named one by one."""

    run: Path
    results: Results
    asked: bool

    def file(self, name: str) -> Path:
        """Return a file of the run folder, refusing names and links that lead out of it."""
        path = self.run / name
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in name:
            raise InputError(
                f"{self.run}: {name!r} leads out of the run folder: refused; expected a file in it"
            )
        if not path.resolve().is_relative_to(self.run.resolve()):
            raise InputError(
                f"{path}: a link that leads out of the run folder: refused; put a copy in its place"
            )
        return path

    def workspaces(self) -> dict[str, tuple[Path, str]]:
        """Return file and text of the workspace of each selection, by its name."""
        cuts = (self.results.inclusive, *self.results.cuts)
        return {cut.name: self._workspace(cut) for cut in cuts}

    def _workspace(self, cut: CutResult) -> tuple[Path, str]:
        from hepflow.stats import open_workspace
        from hepflow.stats.model import BLINDED

        path = self.file(f"workspaces/{cut.name}.json")
        try:
            text = path.read_text(encoding="utf-8")
            content: Any = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"{path}: cannot be read as a workspace ({error}); `hepflow run` writes it anew"
            ) from None
        if not isinstance(content, dict):
            raise InputError(f"{path}: a {type(content).__name__}; expected a pyhf workspace")
        try:
            open_workspace(content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if cut.blind and any(one["name"] != BLINDED for one in content["measurements"]):
            raise InputError(
                f"{path}: holds data of the signal region, and the results are blinded: not exported. `hepflow run` "
                "writes workspaces and results anew"
            )
        return path, text


def _hepdata(source: _Source, folder: Path) -> list[str]:
    results = source.results
    if find_spec("hepdata_lib") is None and not source.asked:
        return ["hepdata.tar.gz: needs hepdata_lib: pip install 'hepflow[hepdata]'"]
    files = [path for path, _ in source.workspaces().values()]
    write_submission(
        folder / "hepdata.tar.gz",
        run_tables(results),
        comment=f"{results.name}: search for a resonance in {results.resonance.words}, method {results.method}.",
        likelihoods=dict.fromkeys(files, "HistFactory"),
    )
    return []


def _workspaces(source: _Source, folder: Path) -> list[str]:
    (folder / "workspaces").mkdir()
    for name, (_, text) in source.workspaces().items():
        write_text(folder / "workspaces" / f"{name}.json", text)
    return []


def _histograms(source: _Source, folder: Path) -> list[str]:
    histograms = run_histograms(source.results)
    write_root(folder / "histograms.root", histograms)
    write_uhi(folder / "histograms.json", histograms)
    return []


def _weights(source: _Source, folder: Path) -> list[str]:
    kept = [source.file(name) for name in WEIGHTS if (source.run / name).is_file()]
    if not kept and source.asked:
        raise InputError(f"{source.run}: no {WEIGHTS[0]} there; expected a run that keeps what it trained")
    if not kept:
        return ["weights: the run folder keeps none"]
    # torch takes seconds that tables and histograms need not wait for
    from hepflow.classifiers import CrossFit
    from hepflow.export.onnx_model import has_onnx, write_onnx
    from hepflow.flows import Density, Transport
    from hepflow.selection import Scorer, load_weights, save_weights

    (folder / "weights").mkdir()
    left_out = []
    for path in kept:
        name = f"weights/{path.name}"
        trained: object = load_weights(path, object)
        if source.results.blind and not isinstance(trained, Density | Transport):
            left_out.append(f"{name}: it learned from the data of the signal region, which are blinded")
            continue
        fit = trained.fit if isinstance(trained, Scorer) else trained
        if isinstance(fit, CrossFit):
            fit = fit.without_scores()  # those belong to events that stay where they are
            model = PurePosixPath(name).with_suffix(".onnx")
            if not has_onnx(fit):
                left_out.append(f"{model}: there is no ONNX for {type(fit.classifiers[0]).__name__}")
            elif find_spec("onnx") is None:
                left_out.append(f"{model}: needs onnx: pip install 'hepflow[onnx]'")
            else:
                write_onnx(folder / model, fit)
        save_weights(folder / name, fit)
    return left_out


PARTS: dict[str, Callable[[_Source, Path], list[str]]] = {
    "hepdata": _hepdata,
    "workspaces": _workspaces,
    "histograms": _histograms,
    "weights": _weights,
}


def _results(run: Path) -> Results:
    """Read the results of a run, and refuse what no run writes."""
    path = run / "results.json"
    if not path.is_file():
        raise InputError(f"{run}: no results.json there; expected the folder of a finished `hepflow run`")
    check_as_written(path)
    try:
        results = Results.from_json(path)
        for cut in (results.inclusive, *results.cuts):
            _check(cut)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not whole, or changed by hand ({type(error).__name__}: {error}); `hepflow run` writes it anew"
        ) from error
    return results


def _check(cut: CutResult) -> None:
    """Refuse a cut whose name could be a path, or whose spectrum is none."""
    efficiency, record = cut.background_efficiency, cut.spectrum
    if isinstance(efficiency, bool) or not isinstance(efficiency, int | float) or not 0 < efficiency <= 1:
        raise ValueError(f"background_efficiency {efficiency!r}; expected a number above 0, at most 1")
    bins = len(record.edges) - 1
    columns = [
        record.observed,
        record.expected,
        record.expected_error,
        *([record.signal] if record.signal else []),
    ]
    if bins < 1 or any(len(column) != bins for column in columns):
        raise ValueError(f"spectrum of {cut.name}: expected one number for each of {bins} bins")
    if any(low >= high for low, high in zip(record.edges, record.edges[1:], strict=False)):
        raise ValueError(f"spectrum of {cut.name}: expected edges that rise")


def _check_replaceable(folder: Path) -> None:
    """Refuse a place that holds anything but an earlier export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: a file stands where the export should be; name another folder")
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}
    made: set[str] = set()
    if MANIFEST in there:
        made = {MANIFEST, *Manifest.from_json(folder / MANIFEST).files}
    others = sorted(there - made)
    if others:
        raise InputError(
            f"{folder}: holds {others[0]!r}, which no export made; name another folder, as this one would be replaced"
        )


def _replace(folder: Path, fresh: Path) -> None:
    """Put a finished folder in the place of an earlier one."""
    old = fresh.with_name(f"{fresh.name}-old")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
