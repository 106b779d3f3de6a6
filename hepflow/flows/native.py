"""Compiled code, built once with the machine's own C compiler and kept in the user's cache; and the compiled spline.

Where there is no compiler, or ``HEPFLOW_NATIVE=0`` is set, torch does the same in several times the time: of the
spline (`spline.c`) `portable.py` gives the same numbers, to the last bit; those of whole flows (`autoregressive.c`)
are the same but for the order of their sums.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from hepflow.atomic import atomic_write

MAX_BINS = 64  # as in spline.c
PRECISIONS = {torch.float32: ("float", []), torch.float64: ("double", ["-DDOUBLE"])}
# None of these changes a number of the spline: in it multiplications are not fused with additions, which some
# processors cannot.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-std=c11"]
SOURCES = {
    Path(__file__).with_name("spline.c"): ["-ffp-contract=off"],
    Path(__file__).with_name("autoregressive.c"): ["-ffp-contract=fast"],
}
ENOUGH_FOR_THREADS = 50_000  # values below which starting threads costs more than they save


def forward(x: Tensor, parameters: Tensor, bound: float, edge: float) -> tuple[Tensor, Tensor]:
    """Return values and log-determinants.

    Parameters
    ----------
    x
        Contiguous, shape ``(G, B)``.
    parameters
        Contiguous, shape ``(G, 3 K - 1, B)``.
    bound, edge
        Half width of the spline's domain, and the unnormalised derivative at its ends.
    """
    y, log_determinant = torch.empty_like(x), torch.empty_like(x)
    _call("forward", bound, edge, x, parameters, y, log_determinant)
    return y, log_determinant


def inverse(y: Tensor, parameters: Tensor, bound: float, edge: float) -> tuple[Tensor, Tensor]:
    """Return the values that `forward` maps to these, and the log-determinants of the inverse."""
    x, log_determinant = torch.empty_like(y), torch.empty_like(y)
    _call("inverse", bound, edge, y, parameters, x, log_determinant)
    return x, log_determinant


def backward(
    x: Tensor, parameters: Tensor, by_y: Tensor, by_log_determinant: Tensor, bound: float, edge: float
) -> tuple[Tensor, Tensor]:
    """Return the derivatives by values and parameters, from those by what `forward` returns."""
    by_x, by_parameters = torch.empty_like(x), torch.empty_like(parameters)
    _call("backward", bound, edge, x, parameters, by_y, by_log_determinant, by_x, by_parameters)
    return by_x, by_parameters


def _call(
    function: str, bound: float, edge: float, values: Tensor, parameters: Tensor, *others: Tensor
) -> None:
    """Run a function of spline.c on rows of events; `others` are further inputs, then outputs."""
    compiled = library()
    assert compiled is not None
    run = getattr(compiled, f"{function}_{PRECISIONS[values.dtype][0]}")
    rows, events = values.shape
    bins = (parameters.shape[1] + 1) // 3
    arrays = (values, parameters, *others)

    def part(first: int, last: int) -> None:
        pointers = [
            ctypes.c_void_p(each.data_ptr() + first * each.stride(0) * each.element_size()) for each in arrays
        ]
        sizes = ctypes.c_long(last - first), ctypes.c_long(events), ctypes.c_int(bins)
        run(*sizes, ctypes.c_double(bound), ctypes.c_double(edge), *pointers)

    in_threads(part, rows, rows * events >= ENOUGH_FOR_THREADS)


def in_threads(part: Callable[[int, int], None], tasks: int, worth: bool) -> None:
    """Do tasks 0 to `tasks`, each call of `part` those from one number to another, on several threads if worth it."""
    threads = min(torch.get_num_threads(), tasks)
    if threads < 2 or not worth:
        part(0, tasks)
        return
    borders = [tasks * k // threads for k in range(threads + 1)]
    list(_threads(threads).map(part, borders[:-1], borders[1:]))


@functools.cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="hepflow-flows")


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the compiled code, building it the first time; None where that cannot be done."""
    if os.environ.get("HEPFLOW_NATIVE") == "0" or sys.platform == "win32":
        return None
    identity = [
        *(source.read_text() for source in SOURCES),
        *(flag for flags in SOURCES.values() for flag in flags),
        _processor(),
        *FLAGS,
    ]  # of which compiler, makes no difference to the numbers
    name = f"flows-{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}.so"
    for folder in (_cache_folder(), Path(tempfile.gettempdir()) / f"hepflow-{os.getuid()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _only_ours(folder):
                continue  # others could put their code there for us to run
            target = folder / name
            if not _whole(target):
                _build(target)
            return ctypes.CDLL(str(target))
        except (OSError, subprocess.SubprocessError):
            continue
    return None


def _only_ours(path: Path) -> bool:
    """Return whether a file or folder is no link, belongs to this user, and cannot be written by others."""
    found = path.lstat()
    kind = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
    return kind and found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _digest_of(target: Path) -> Path:
    return target.with_suffix(".sha256")


def _whole(target: Path) -> bool:
    """Return whether a library is there as it was built: a truncated one would end the process."""
    digest = _digest_of(target)
    return (
        all(path.exists() and _only_ours(path) for path in (target, digest))
        and hashlib.sha256(target.read_bytes()).hexdigest() == digest.read_text().strip()
    )


def _compiler() -> list[str]:
    """Return the command of the C compiler, such as ``["ccache", "gcc"]``."""
    chosen = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not chosen:
        raise OSError("there is no C compiler")
    return shlex.split(chosen)


def _build(target: Path) -> None:
    """Compile all sources in both precisions into one library, in a folder of its own, and move it into place."""
    compiler = _compiler()
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        objects = []
        for (source, own), (suffix, definitions) in itertools.product(SOURCES.items(), PRECISIONS.values()):
            made = Path(folder) / f"{source.stem}_{suffix}.o"
            options = [*FLAGS, *own, *definitions, "-c", str(source), "-o", str(made)]
            try:
                _run([*compiler, "-march=native", *options])
            except subprocess.CalledProcessError:
                _run([*compiler, *options])  # a compiler that does not know this processor
            objects.append(str(made))
        linked = Path(folder) / target.name
        _run([*compiler, "-shared", *objects, "-o", str(linked), "-lm"])
        linked.chmod(0o700)
        with atomic_write(_digest_of(target)) as digest:
            digest.write_text(hashlib.sha256(linked.read_bytes()).hexdigest())
            digest.chmod(0o600)
        linked.replace(target)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _cache_folder() -> Path:
    if "HEPFLOW_CACHE" in os.environ:
        return Path(os.environ["HEPFLOW_CACHE"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hepflow"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hepflow"


def _processor() -> str:
    """Name what the compiler optimises for: a home folder may be shared by machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()} {platform.node()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
