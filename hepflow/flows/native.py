"""The compiled spline: `spline.c` built once with the machine's own C compiler, and kept in the user's cache.

Where there is no compiler, or ``HEPFLOW_NATIVE=0`` is set, the torch code of `spline.py` does the same work, several
times slower.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("spline.c")
MAX_BINS = 64  # as in spline.c
PRECISIONS = {
    torch.float32: ("float", ["-DREAL=float", "-DEXP=expf", "-DLOG=logf", "-DSQRT=sqrtf"]),
    torch.float64: ("double", ["-DREAL=double", "-DEXP=exp", "-DLOG=log", "-DSQRT=sqrt"]),
}
FLAGS = ["-O3", "-ffast-math", "-fPIC", "-std=c11"]
ENOUGH_FOR_THREADS = 50_000  # values below which starting threads costs more than they save


def available(inputs: Tensor, bins: int) -> bool:
    """Return whether the compiled spline takes a tensor: on the CPU, of a known precision, with few enough bins."""
    return (
        inputs.device.type == "cpu"
        and inputs.dtype in PRECISIONS
        and bins <= MAX_BINS
        and library() is not None
    )


def call(
    function: str, bound: float, edge: float, values: Tensor, parameters: Tensor, *others: Tensor
) -> None:
    """Run ``forward``, ``inverse`` or ``backward`` on rows of events; `others` are further inputs, then outputs.

    Parameters
    ----------
    function
        Its name in spline.c.
    bound, edge
        Half width of the spline's domain, and the unnormalised derivative at its ends.
    values
        Contiguous, shape ``(G, B)``, as are `others` unless they stand for parameters.
    parameters
        Contiguous, shape ``(G, 3 K - 1, B)``.
    """
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

    threads = min(torch.get_num_threads(), rows)
    if threads < 2 or rows * events < ENOUGH_FOR_THREADS:
        part(0, rows)
        return
    borders = [rows * k // threads for k in range(threads + 1)]
    list(_threads(threads).map(part, borders[:-1], borders[1:]))


@functools.cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="hepflow-spline")


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the compiled spline, building it the first time; None where that cannot be done."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if os.environ.get("HEPFLOW_NATIVE") == "0" or compiler is None or sys.platform == "win32":
        return None
    identity = [SOURCE.read_text(), compiler, _processor(), *FLAGS]
    name = f"spline-{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}.so"
    for folder in (_cache_folder(), Path(tempfile.gettempdir()) / f"hepflow-{_user()}"):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.stat().st_uid != os.getuid():
                continue  # somebody else's folder: what lies there is not ours to run
            if not (folder / name).exists():
                _build(compiler, folder / name)
            return ctypes.CDLL(str(folder / name))
        except (OSError, subprocess.SubprocessError):
            continue
    return None


def _build(compiler: str, target: Path) -> None:
    """Compile both precisions into one library, in a folder of its own, and move it into place."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        objects = []
        for suffix, definitions in PRECISIONS.values():
            made = Path(folder) / f"{suffix}.o"
            options = [*FLAGS, *definitions, f"-DSUFFIX=_{suffix}", "-c", str(SOURCE), "-o", str(made)]
            try:
                _run([compiler, "-march=native", *options])
            except subprocess.CalledProcessError:
                _run([compiler, *options])  # a compiler that does not know this processor
            objects.append(str(made))
        # linked without -ffast-math, which would change how the whole process treats tiny numbers
        linked = Path(folder) / target.name
        _run([compiler, "-shared", *objects, "-o", str(linked), "-lm"])
        linked.replace(target)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _cache_folder() -> Path:
    if "HEPFLOW_CACHE" in os.environ:
        return Path(os.environ["HEPFLOW_CACHE"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hepflow"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hepflow"


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _processor() -> str:
    """Name what the compiler optimises for: a home folder may be shared by machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()} {platform.node()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
