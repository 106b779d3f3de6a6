"""Remote files whose servers fail now and then: what is transient is tried again, with growing pauses.

A server that says nothing has failed, too: no request waits longer than `CONNECTION` and `SILENCE` seconds, however
long a file takes as a whole.
"""

from __future__ import annotations

import atexit
import errno
import logging
import shutil
import tempfile
import time
from asyncio import sleep as pause
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import fsspec.asyn
from fsspec.spec import AbstractBufferedFile

from hepflow.errors import InputError

TRIES = 4
PAUSE = 1.0  # seconds before the second try; twice as long before each that follows
CONNECTION = 30.0  # seconds until a server takes a connection
SILENCE = 60.0  # seconds without a byte of an answer
BUSY = {408, 425, 429}  # HTTP: timeout, too early, too many requests; and all from 500 on
NETWORK = ("ClientConnectionError", "ClientPayloadError", "HTTPClientError", "IncompleteReadError")
ERRNO = {errno.EIO, errno.EBUSY, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNREFUSED}
XROOTD = ("connection error", "socket", "timed out", "expired", "server is overloaded", "redirect limit")

Result = TypeVar("Result")
log = logging.getLogger("hepflow.readers")


class RemoteError(InputError):
    """A server that could not be reached, often enough to give up."""


class _Attempts:
    """Which pause follows which failure, and the error after the last."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.failures = 0

    def failed(self, error: BaseException) -> float:
        """Return the seconds to wait before the next try, or raise."""
        if not is_transient(error):
            raise error
        self.failures += 1
        cause = f"{type(error).__name__}: {error}".rstrip(": ")
        if self.failures == TRIES:
            raise RemoteError(
                f"{self.url}: {TRIES} tries failed, the last with {cause}. Check the network and the server, and "
                "run the same command again"
            ) from error
        pause = PAUSE * 2.0 ** (self.failures - 1)
        log.warning("%s: %s; try %d of %d in %g s", self.url, cause, self.failures + 1, TRIES, pause)
        return pause


def is_transient(error: BaseException) -> bool:
    """Tell whether a failure may be gone in a moment: a lost connection, a timeout, a busy server.

    The packages for the protocols are optional, so that their errors are known by name.
    """
    if (
        isinstance(error, FileNotFoundError) and error.__cause__
    ):  # fsspec's word for whatever HTTP servers answered
        return is_transient(error.__cause__)
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    response = getattr(error, "response", None)  # botocore, requests
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    status = metadata.get("HTTPStatusCode") or getattr(error, "status", None)  # aiohttp
    if isinstance(status, int):
        return status in BUSY or status >= 500
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, ConnectionError | TimeoutError) or names & set(NETWORK):
        return True
    if isinstance(error, OSError):
        return error.errno in ERRNO or any(word in str(error).lower() for word in XROOTD)
    return False


def retried(url: str, call: Callable[[], Result]) -> Result:
    """Return what a call returns, tried again where it fails in passing.

    Raises
    ------
    RemoteError
        If the last try failed, too. Whatever is not transient is raised as it is.
    """
    attempts = _Attempts(url)
    while True:
        try:
            return call()
        except Exception as error:
            time.sleep(attempts.failed(error))


def chained(url: str, call: Callable[[], Result]) -> Result:
    """Return what a call returns that opens a chain of URLs, such as ``simplecache::https://...``.

    The caches of fsspec say that there is no such file, whatever a server answered: it is asked again for what it is.
    """
    server = url.split("::")[-1]

    def told() -> Result:
        try:
            return call()
        except FileNotFoundError as error:
            system, path = filesystem(server)
            if "http" not in system.protocol:
                raise
            _gives_a_part(system, path)
            raise ConnectionError("it did not answer, and does now") from error

    return retried(url, told)


def filesystem(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    system, path = fsspec.core.url_to_fs(url, **patience(url))
    return system, str(path)


def patience(url: str) -> dict[str, Any]:
    """Return the options of fsspec for how long the servers of a URL may be silent.

    Those of aiohttp allow five minutes for a whole file, and thus for none of its bytes; s3fs and xrootd stop by
    themselves.
    """
    protocols = {link.partition("://")[0] for link in url.split("::")} & {"http", "https"}
    if not protocols:
        return {}
    from aiohttp import ClientTimeout  # optional

    timeout = ClientTimeout(total=None, sock_connect=CONNECTION, sock_read=SILENCE)
    return {protocol: {"client_kwargs": {"timeout": timeout}} for protocol in protocols}


def whole_if_needed(url: str) -> str:
    """Return what to open: the URL, or, where its server sends no parts of files, the path of a copy of the whole.

    The copy is made once, and goes with this process.
    """
    return url if _sends_parts(url) else _copy(url)


@cache
def _sends_parts(url: str) -> bool:
    """Tell whether a server sends what is asked for of a file, as all but some of the web do."""
    system, path = filesystem(url)
    return "http" not in system.protocol or retried(url, lambda: _gives_a_part(system, path))


def _gives_a_part(system: Any, path: str) -> bool:
    return bool(fsspec.asyn.sync(system.loop, _ask_for_a_part, system, path))


async def _ask_for_a_part(system: Any, path: str) -> bool:
    session = await system.set_session()
    options = {**system.kwargs, "headers": {**system.kwargs.get("headers", {}), "Range": "bytes=0-0"}}
    async with session.get(system.encode_url(path), **options) as answer:
        if answer.status == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(path)
        answer.raise_for_status()
        parts = answer.status == HTTPStatus.PARTIAL_CONTENT
        if parts:  # else it is the whole file
            await answer.read()
        return bool(parts)


@cache
def _copy(url: str) -> str:
    folder = tempfile.mkdtemp(prefix="hepflow-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    system, path = filesystem(url)
    local = Path(folder) / "whole"
    log.warning("%s: its server sends no parts of files; the whole is copied to %s", url, local)
    retried(url, lambda: system.get_file(path, str(local)))
    return str(local)


class PatientFile(AbstractBufferedFile):  # type: ignore[misc]
    """A remote file to read and seek in, for HDF5 and Parquet."""

    def __init__(self, url: str) -> None:
        system, path = filesystem(url)
        self._url = url
        size = retried(url, lambda: system.size(path))
        super().__init__(system, path, "rb", size=size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(retried(self._url, lambda: self.fs.cat_file(self.path, start=start, end=end)))


class PatientSystem:
    """A file system of fsspec, as uproot uses it, which asks for many ranges at once: those that failed anew."""

    def __init__(self, system: Any, url: str) -> None:
        self._system, self._url = system, url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)

    def size(self, path: str) -> int:
        """Return the bytes of a file."""
        return int(retried(self._url, lambda: self._system.size(path)))

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        """Return a range of a file."""
        return bytes(retried(self._url, lambda: self._system.cat_file(path, start=start, end=end)))

    def cat_ranges(self, paths: list[str], starts: list[int], ends: list[int]) -> list[bytes]:
        """Return many ranges."""
        ranges = zip(paths, starts, ends, strict=True)
        return [self.cat_file(path, start, end) for path, start, end in ranges]

    async def _cat_ranges(self, paths: list[str], starts: list[int], ends: list[int]) -> list[bytes]:
        found: list[Any] = [None] * len(paths)
        missing = list(range(len(paths)))
        attempts = _Attempts(self._url)
        while True:
            wanted = [[every[i] for i in missing] for every in (paths, starts, ends)]
            answers = await self._system._cat_ranges(*wanted, on_error="return")
            for i, answer in zip(missing, answers, strict=True):
                found[i] = answer
            missing = [i for i in missing if isinstance(found[i], BaseException)]
            if not missing:
                return found
            failures = [found[i] for i in missing]
            lasting = (failure for failure in failures if not is_transient(failure))
            await pause(attempts.failed(next(lasting, failures[0])))
