"""Remote files: servers on this machine that fail on purpose, and what is tried again."""

import gc
import os
import re
import shutil
import socket
import subprocess
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import hdf5, read, remote
from hepflow.readers.remote import RemoteError, is_transient, retried


class Handler(BaseHTTPRequestHandler):
    """Serves byte ranges of a folder's files; `failures` of the server happen first, in turn."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        with self.server.lock:
            self.server.requests += 1
            failure = self.server.failures.pop(0) if with_body and self.server.failures else None
            failure = failure or self.server.always
        path = self.server.folder / self.path.strip("/")
        if not path.is_file():
            failure = 404
        if failure == "silent":
            self.server.over.wait(60)
            self.close_connection = True
            return
        if isinstance(failure, int):
            self.send_response(failure)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        contents = path.read_bytes()
        asked = self.server.parts and re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(contents) - 1
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
        body = contents[first : last + 1]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(contents)}")
        self.send_header("Accept-Ranges", "bytes" if self.server.parts else "none")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body and failure == "drop":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif with_body:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve `tmp_path` on this machine; the address is `url`."""
    pytest.importorskip("aiohttp", reason="https:// needs aiohttp (extra remote)")
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.daemon_threads = True
    served.folder, served.failures, served.requests, served.lock = tmp_path, [], 0, threading.Lock()
    served.parts, served.always, served.over = True, None, threading.Event()
    served.url = f"http://127.0.0.1:{served.server_address[1]}"
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.over.set()
    served.shutdown()
    served.server_close()
    thread.join(timeout=10)


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """No test waits; the pauses asked for are written down."""
    asked = []
    monkeypatch.setattr(remote.time, "sleep", asked.append)

    async def sleep(seconds):
        asked.append(seconds)

    monkeypatch.setattr(remote, "pause", sleep)
    return asked


@pytest.fixture
def hdf5_file(tmp_path):
    path = tmp_path / "events.h5"
    with h5py.File(path, "w") as file:
        file["events"] = np.random.default_rng(1).uniform(50, 100, (200_000, 8))
        file["events"].attrs["columns"] = [f"{q}j{i}" for i in (1, 2) for q in ("px", "py", "pz", "m")]
    return path


@pytest.mark.parametrize("failures", [[], [503], ["drop"], [429, 503, "drop"]])
def test_root_is_read_as_if_nothing_had_failed(server, tree_file, pauses, failures, caplog):
    server.failures = list(failures)
    url = f"{server.url}/{tree_file.name}"
    sample = features(read(url, "nanoaod", chunk=100))
    assert np.array_equal(sample.mass, features(read(tree_file, "nanoaod")).mass)
    assert not server.failures
    assert pauses == [1.0, 2.0, 4.0][: len(failures)]
    assert len(caplog.records) == len(failures)
    assert all(url in record.message for record in caplog.records)


def test_failures_while_the_chunks_are_read(server, tree_file, pauses):
    chunks = read(f"{server.url}/{tree_file.name}", "nanoaod", chunk=100).chunks()
    events = len(next(chunks).events)
    server.failures = ["drop", 500, "drop"]
    assert events + sum(len(chunk.events) for chunk in chunks) == 500
    assert not server.failures
    assert pauses


@pytest.mark.parametrize("failures", [[], [503, "drop"]])
def test_servers_without_parts_of_files(server, tree_file, hdf5_file, pauses, failures, caplog):
    """What can only be had whole is copied once."""
    server.parts = False
    for path, options in ((tree_file, {"format": "nanoaod"}), (hdf5_file, {"format": "lhco"})):
        server.failures = list(failures)
        sample = features(read(f"{server.url}/{path.name}", chunk=300, **options), ["m_J1"])
        assert np.array_equal(sample.mass, features(read(path, **options), ["m_J1"]).mass)
        assert server.failures == []
        copied = [record.message for record in caplog.records if "sends no parts of files" in record.message]
        assert [message.partition(": its")[0] for message in copied][-1] == f"{server.url}/{path.name}"
    assert len(copied) == 2
    with pytest.raises(InputError, match=r"absent\.root: cannot be read as ROOT \(FileNotFoundError"):
        read(f"{server.url}/absent.root", "nanoaod")


@pytest.mark.parametrize("failures", [[], ["drop", 502]])
def test_hdf5_is_read_as_if_nothing_had_failed(server, hdf5_file, pauses, failures):
    source = read(f"{server.url}/{hdf5_file.name}", "lhco")
    server.failures = list(failures)
    sample = features(source, ["m_J1"])
    assert np.array_equal(sample.mass, features(read(hdf5_file, "lhco"), ["m_J1"]).mass)
    assert pauses == [1.0, 2.0][: len(failures)]


@pytest.mark.parametrize("kind", ["root", "hdf5", "whole"])
def test_a_server_that_says_nothing_is_asked_again(server, tree_file, hdf5_file, pauses, kind, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE", 0.2)
    path, layout = (hdf5_file, "lhco") if kind == "hdf5" else (tree_file, "nanoaod")
    server.parts = kind != "whole"
    server.failures = ["silent"]
    sample = features(read(f"{server.url}/{path.name}", layout), ["m_J1"])
    assert np.array_equal(sample.mass, features(read(path, layout), ["m_J1"]).mass)
    assert (server.failures, pauses) == ([], [1.0])


@pytest.mark.parametrize("kind", ["root", "hdf5"])
def test_a_chain_of_urls_is_not_waited_for_either(server, tree_file, hdf5_file, pauses, kind, monkeypatch):
    monkeypatch.setattr(remote, "SILENCE", 0.2)
    path, layout = (tree_file, "nanoaod") if kind == "root" else (hdf5_file, "lhco")
    url = f"simplecache::{server.url}/{path.name}"
    server.failures = ["silent"]
    assert len(features(read(url, layout), ["m_J1"])) == len(features(read(path, layout), ["m_J1"]))
    assert pauses == [1.0]


class Fetching:
    """A file whose bytes are fetched by a thread that makes garbage of what it is given, such as a loop of h5py."""

    def __init__(self, path, litter):
        self.stream, self.litter, self.stuck = path.open("rb"), litter, 0

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def readinto(self, buffer):
        fetcher = threading.Thread(target=self.fetch, daemon=True)
        fetcher.start()
        fetcher.join(timeout=0.5)
        self.stuck += fetcher.is_alive()
        return self.stream.readinto(buffer)

    def fetch(self):
        loop = [self.litter.pop()] if self.litter else []
        loop.append(loop)
        del loop
        self.kept = [[] for _ in range(100)]  # enough for a collection of garbage to begin


def test_no_garbage_is_collected_where_hdf5_waits_for_bytes(hdf5_file, monkeypatch):
    """An object of h5py that goes in the thread of the fetch needs the lock that the reader of its bytes holds."""
    with h5py.File(hdf5_file) as file:
        stream = Fetching(hdf5_file, [file["events"].id for _ in range(100)])
    monkeypatch.setattr(hdf5, "opened", lambda file: nullcontext(stream))
    before = gc.get_threshold()
    gc.set_threshold(5)
    try:
        assert len(features(read(hdf5_file, "lhco"), ["m_J1"])) == 200_000
    finally:
        gc.set_threshold(*before)
        stream.close()
    assert len(stream.litter) < 100
    assert stream.stuck == 0
    assert gc.isenabled()


def test_a_server_that_stays_away_is_an_error_that_is_never_skipped(server, tree_file, pauses):
    server.failures = [503] * 1000
    url = f"{server.url}/{tree_file.name}"
    with pytest.raises(
        InputError, match=rf"{url}: 4 tries failed, the last with .*503.*run the same command again"
    ):
        read([url, str(tree_file)], "nanoaod", skip_bad_files=True)
    assert pauses == [1.0, 2.0, 4.0]
    server.server_close()  # refuses connections from now on
    with pytest.raises(RemoteError, match="4 tries failed"):
        read(url, "nanoaod")


@pytest.mark.parametrize("chain", ["", "simplecache::"])
def test_a_busy_server_has_not_lost_its_files(server, tree_file, hdf5_file, pauses, chain):
    """What fails for a size, too, was once "no such file", and skipped."""
    server.always = 503
    for path, layout in ((tree_file, "nanoaod"), (hdf5_file, "lhco")):
        url = f"{chain}{server.url}/{path.name}"
        with pytest.raises(RemoteError, match=rf"{path.name}: 4 tries failed.*run the same command again"):
            read([url, str(path)], layout, skip_bad_files=True)


@pytest.mark.parametrize(("failure", "cause"), [(404, "FileNotFoundError"), (403, "403")])
def test_what_stays_wrong_is_not_tried_again(server, tree_file, pauses, failure, cause):
    server.failures = [failure] * 1000
    name = "absent.root" if failure == 404 else tree_file.name
    with pytest.raises(InputError, match=rf"{name}: cannot be read as ROOT \(.*{cause}"):
        read(f"{server.url}/{name}", "nanoaod")
    assert pauses == []
    server.failures = []
    source = read([f"{server.url}/absent.root", str(tree_file)], "nanoaod", skip_bad_files=True)
    assert [one.file for one in source.skipped] == [f"{server.url}/absent.root"]


class ResponseError(Exception):
    def __init__(self, status):
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class ClientPayloadError(Exception):
    pass


def not_found_because(cause):
    error = FileNotFoundError("https://server/events.root")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (ClientPayloadError(), True),
        (ResponseError(503), True),
        (ResponseError(429), True),
        (ResponseError(404), False),
        (OSError(5, "Input/output error"), True),
        (OSError("File did not open properly: [FATAL] Connection error"), True),
        (
            OSError(
                "File did not open properly: [ERROR] Server responded with an error: [3011] no such file"
            ),
            False,
        ),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (not_found_because(TimeoutError()), True),
        (not_found_because(ResponseError(404)), False),
        (ValueError("not a ROOT file"), False),
    ],
)
def test_transient_errors_are_told_from_lasting_ones(error, transient):
    assert is_transient(error) is transient


def test_a_call_is_repeated_until_it_returns(pauses):
    outcomes = [TimeoutError("slow"), ConnectionResetError("lost"), 7]

    def call():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retried("s3://bucket/e.root", call) == 7
    assert pauses == [1.0, 2.0]
    outcomes = [ValueError("wrong"), 7]
    with pytest.raises(ValueError, match="wrong"):
        retried("s3://bucket/e.root", call)


def test_s3(tree_file, monkeypatch):
    pytest.importorskip("s3fs", reason="s3:// needs s3fs (extra remote)")
    server = pytest.importorskip("moto.server", reason="needs moto[server], which serves s3 on this machine")
    import fsspec

    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    try:
        host, port = started.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        }.items():
            monkeypatch.setenv(name, value)
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("events")
        system.pipe("events/toy.root", tree_file.read_bytes())
        local = features(read(tree_file, "nanoaod"))
        for address in ("s3://events/toy.root", "s3://events/*.root"):
            assert np.array_equal(features(read(address, "nanoaod")).mass, local.mass)
        with pytest.raises(InputError, match=r"s3://events/gone.root: cannot be read as ROOT"):
            read("s3://events/gone.root", "nanoaod")
    finally:
        started.stop()


@pytest.fixture
def xrootd(tmp_path):
    """Serve a folder by xrootd on this machine."""
    pytest.importorskip("fsspec_xrootd", reason="root:// needs fsspec-xrootd (extra remote)")
    program = shutil.which("xrootd")
    if program is None:
        pytest.skip("no xrootd server on this machine (Debian: xrootd-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path / "xrootd.cfg"
    settings.write_text(
        f"all.export {tmp_path}\nall.adminpath {tmp_path}/admin\nall.pidpath {tmp_path}/admin\n"
        f"xrd.port {port}\nxrd.network nodnr\n"
    )
    command = [program, "-c", str(settings), "-l", str(tmp_path / "xrootd.log"), "-I", "v4"]
    if os.geteuid() == 0:  # it refuses to be run by root, and nobody must see the folder
        command += ["-R", "nobody"]
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(0o777)
    process = subprocess.Popen(command, cwd=tmp_path)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            threading.Event().wait(0.05)  # `time.sleep` is not to be had here
        else:
            pytest.fail(f"xrootd does not answer: {(tmp_path / 'xrootd.log').read_text()[-500:]}")
        yield f"root://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_xrootd(xrootd, tree_file):
    sample = features(read(f"{xrootd}/{tree_file}", "nanoaod", chunk=100))
    assert np.array_equal(sample.mass, features(read(tree_file, "nanoaod")).mass)
    with pytest.raises(InputError, match=r"gone.root: cannot be read as ROOT"):
        read(f"{xrootd}/{tree_file.with_name('gone.root')}", "nanoaod")
