"""Executors: the processes of this machine, or the workers of a Dask cluster, as pools of `concurrent.futures`."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from hepflow.engine.execute import Workers
from hepflow.engine.logs import logging_to, without_bars
from hepflow.errors import ConfigError, InputError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LOOPBACK = "127.0.0.1:8787"  # of the dashboard, unless told otherwise; another port where that is taken
T = TypeVar("T")
log = logging.getLogger("hepflow.engine")


@dataclass(frozen=True)
class Local:
    """One step after another, in this process."""


@dataclass(frozen=True)
class Processes:
    """Processes of this machine.

    Parameters
    ----------
    workers
        How many; None for as many as fit.
    threads
        Of each.
    """

    workers: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Dask:
    """Workers of a Dask cluster, which see the same files as this machine.

    Parameters
    ----------
    workers, threads
        As of `Processes`; workers are jobs of a batch farm where the cluster is one.
    scheduler
        Address of a running one; None to make a cluster.
    cluster
        The one that is made.
    memory
        Of each worker.
    options
        Passed on to the cluster.
    timeout
        How long to wait for the first worker, in seconds.
    """

    workers: int | None = None
    threads: int = 1
    scheduler: str | None = None
    cluster: Literal["local", "slurm", "htcondor", "lsf", "pbs"] = "local"
    memory: str = "4GB"
    options: dict[str, Any] = field(default_factory=dict)
    timeout: float = 120.0


Chosen: TypeAlias = Local | Processes | Dask


@contextmanager
def open_pool(chosen: Chosen, modules: Iterable[str] = ()) -> Iterator[Executor | None]:
    """Give the pool that is asked for; None where all is done in this process.

    Parameters
    ----------
    chosen
        Where steps run.
    modules
        What the steps need: workers of a cluster load it at once, while they wait for the first.

    Raises
    ------
    ConfigError
        If a package or the command that submits jobs is missing, or a cluster cannot be made of its options.
    InputError
        If a scheduler does not answer, no worker begins, or these have no hepflow.
    """
    if isinstance(chosen, Local):
        yield None
    elif isinstance(chosen, Processes):
        spawn = multiprocessing.get_context("spawn")  # a fork of threads that hold locks may hang
        workers = chosen.workers or max(1, (os.cpu_count() or 1) // chosen.threads)
        others = multiprocessing.active_children()
        with ProcessPoolExecutor(workers, spawn, initializer=_begin_worker) as pool:
            try:
                yield pool
            except BaseException:
                for worker in multiprocessing.active_children():
                    if worker not in others:  # in the middle of a step, which may take hours
                        worker.terminate()
                raise
    else:
        with _client(chosen, tuple(modules)) as client:
            at = client.scheduler_info()["address"], client.dashboard_link
            log.info("Dask: %d worker(s); scheduler %s, dashboard %s", len(client.nthreads()), *at)
            yield DaskWorkers(client)


class DaskWorkers(Workers):
    """The workers of a Dask cluster, one step each at a time.

    Dask assigns what it is sent at once: a step would wait behind a long one while another worker has nothing to do.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._executor = client, client.get_executor(pure=False)

    def submit(self, fn: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Have a worker call a function."""
        future: Future[T] = self._executor.submit(fn, *arguments, **named)
        return future

    def count(self) -> int:
        """Return how many workers there are now."""
        return len(self._client.nthreads())


def _begin_worker() -> None:
    """Leave Ctrl-C to the process that the worker belongs to, and end with that process, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def as_worker(chosen: Chosen, out: Path) -> Iterator[None]:
    """Work as one of several on a run folder: few threads, messages to its log, no bars on the terminal of all."""
    with _few_threads(chosen), without_bars(), logging_to(out):
        yield


@contextmanager
def _few_threads(chosen: Chosen) -> Iterator[None]:
    """Keep numerical libraries to as many threads as each worker has."""
    if isinstance(chosen, Local):
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    _keep_freed_memory()
    torch.set_num_threads(chosen.threads)
    with threadpool_limits(chosen.threads):
        yield


def _keep_freed_memory() -> None:
    """Have the C library keep what is freed for what comes next, as it does by itself in other processes.

    Dask starts workers with MALLOC_TRIM_THRESHOLD_ at 64 kB: every array that a training frees would go back to the
    system, and be asked for again, which nearly doubles its time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:  # glibc
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)


@contextmanager
def _client(chosen: Dask, modules: tuple[str, ...]) -> Iterator[Any]:
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise ConfigError(
            "executor: 'dask' needs the package distributed; try pip install 'hepflow[dask]'"
        ) from None
    if chosen.scheduler is not None:
        try:
            client = distributed.Client(chosen.scheduler, timeout=chosen.timeout)
        except (OSError, TimeoutError) as error:
            raise InputError(
                f"executor.scheduler: {chosen.scheduler} does not answer ({type(error).__name__}); start one "
                "with `dask scheduler`, and give the address that it prints"
            ) from None
        with client:
            _begin(client, chosen, modules, distributed)
            yield client
        return
    with _cluster(chosen, distributed) as cluster, distributed.Client(cluster) as client:
        _begin(client, chosen, modules, distributed)
        yield client


def _begin(client: Any, chosen: Dask, modules: tuple[str, ...], distributed: Any) -> None:
    """Return once a worker has done something, and have all load what takes seconds, at once.

    A task brings those that a cluster starts only when needed.
    """
    try:
        client.submit(_greet, pure=False).result(timeout=chosen.timeout)
        for address in client.nthreads():
            loading = client.submit(_load, modules, workers=[address], allow_other_workers=True, pure=False)
            distributed.fire_and_forget(loading)
    except TimeoutError:
        where = "look for the jobs in the queue and at their logs"
        if chosen.scheduler is not None:
            where = f"start some with `dask worker {chosen.scheduler}`"
        raise InputError(
            f"executor: no worker began within {chosen.timeout:g} s; {where}, or wait longer with executor.timeout"
        ) from None
    except (ImportError, RuntimeError) as error:
        missing = error if isinstance(error, ImportError) else error.__cause__
        if not isinstance(missing, ImportError):
            raise
        raise InputError(
            f"executor: scheduler or workers cannot begin: {missing}. Start them where the same hepflow is installed"
        ) from None


def _greet() -> None:
    """Do nothing, with all that a worker imports for it: hepflow has to be there."""


def _load(modules: tuple[str, ...]) -> None:
    """Import what steps need, before there is one."""
    for module in modules:
        importlib.import_module(module)


def _guarded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for a cluster that talks over the network: with certificates of its own, if they do not say.

    Whoever reaches a scheduler without them can have its workers run code.
    """
    found = {"scheduler_options": {"dashboard_address": LOOPBACK}, **options}
    if "security" in options or "protocol" in options:
        return found
    if importlib.util.find_spec("cryptography") is None:
        log.warning(
            "executor: scheduler and workers talk over the network without TLS, and whoever reaches them can run "
            "code as you; pip install cryptography, or give `options: {security: ...}`"
        )
        return found
    return {**found, "security": True}


def _cluster(chosen: Dask, distributed: Any) -> Any:
    """Return a cluster on this machine, or one whose workers are jobs of a batch farm."""
    if chosen.cluster == "local":
        workers = chosen.workers or max(1, (os.cpu_count() or 1) // chosen.threads)
        options = {"dashboard_address": LOOPBACK, **chosen.options}
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=chosen.memory, **options
        )
    try:
        dask_jobqueue: Any = importlib.import_module("dask_jobqueue")
    except ImportError:
        raise ConfigError(
            f"executor.cluster: {chosen.cluster!r} needs the package dask-jobqueue; try pip install 'hepflow[dask]'"
        ) from None
    kind = {"slurm": "SLURMCluster", "htcondor": "HTCondorCluster", "lsf": "LSFCluster", "pbs": "PBSCluster"}
    extra = [
        "--nthreads",
        "1",
        *chosen.options.get("worker_extra_args", ()),
    ]  # one step, on all cores of the job
    options = {**_guarded(chosen.options), "worker_extra_args": extra}
    try:
        cluster = getattr(dask_jobqueue, kind[chosen.cluster])(
            cores=chosen.threads, processes=1, memory=chosen.memory, **options
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"executor.options of {chosen.cluster!r}: {error}") from None
    submit = cluster.job_cls.submit_command.split()[0]
    if shutil.which(submit) is None:
        cluster.close()
        raise ConfigError(
            f"executor.cluster: {chosen.cluster!r} needs the command {submit}, which is not found here; begin on a "
            "machine that submits jobs, or choose another executor"
        )
    cluster.scale(jobs=chosen.workers or 1)
    return cluster
