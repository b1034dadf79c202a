# SPDX-License-Identifier: Apache-2.0
"""Starts the real programs as separate processes, and makes sure that they end as they should.

A test that uses a Server is also a test that the server survives it, leaks no descriptor, reports no sanitizer finding
and leaves within two seconds when it is told to. Waiting is always for an event, with a deadline; nothing sleeps.

Environment: TT_ALLOC_BIN, the directory of the built programs; TT_ALLOC_LIB, of the libraries; TT_ALLOC_SRC, the
repository (found from this file if unset).
"""

import ast
import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import confine
import raw
from log_pipe import LogPipe

HERE = pathlib.Path(__file__).resolve().parent
SRC = pathlib.Path(os.environ.get("TT_ALLOC_SRC", HERE.parent.parent))
BIN = pathlib.Path(os.environ.get("TT_ALLOC_BIN", SRC / "build" / "bin"))
LIB = pathlib.Path(os.environ.get("TT_ALLOC_LIB", SRC / "build" / "lib"))
PYTHON_CLIENT = SRC / "client" / "python"
NOBODY = 65534


def _is_as_shipped(binary):
    content = binary.read_bytes()
    added = (b"__asan_init", b"__tsan_init", b"__gcov_", b"__llvm_profile")
    return content.startswith(b"\x7fELF") and not any(name in content for name in added)


# As it is shipped, a server runs under the filter of its unit. What sanitizers and the like add makes calls of its own.
IS_CONFINED = confine.is_possible() and _is_as_shipped(BIN / "tt-allocation-server")
CONFINED = confine.prefix() if IS_CONFINED else []

PATIENCE = 20  # seconds; everything waited for takes milliseconds unless the machine is busy
_SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehaviorSanitizer")


def wait_until(condition, what, patience=PATIENCE):
    """Polls until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience} s for {what}")
        select.select([], [], [], 0.002)


def run(command, **options):
    """Runs a command to its end and returns it with its output as text."""
    options.setdefault("timeout", PATIENCE)
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def read_proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def read_stat(pid):
    """The fields of /proc/PID/stat from the state on, which is field 3 of the manual."""
    return read_proc(pid, "stat").rsplit(")", 1)[1].split()


class Server:
    """A tt-allocation-server of our own in a temporary directory. Use as a context manager."""

    def __init__(self, *options):
        self.options = [str(option) for option in options]
        self.wrapper = CONFINED  # a command that becomes the server
        self.environment = {}  # beside ours
        self.directory = tempfile.mkdtemp(prefix="tt-alloc-test-")
        os.chmod(self.directory, 0o755)  # clients of other users must get in
        self.path = os.path.join(self.directory, "s.sock")
        self.process = None
        self._log = LogPipe()
        self._fds_at_start = None

    def start(self):
        command = [*self.wrapper, BIN / "tt-allocation-server", "--socket", self.path, *self.options]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        self._log.follow(self.process.stderr)
        self._wait_until_it_answers()
        return self

    def _wait_until_it_answers(self):
        def connect():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self.log()}")
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return raw.Raw(self.path)

        with wait_until(connect, "the server to listen") as client:
            client.info(-1)
            with_client = self.descriptors()
        # Others may connect meanwhile, so it is not their number that tells.
        wait_until(lambda: not with_client <= self.descriptors(), "the server to close a connection")
        self._fds_at_start = self.fd_count()

    # What it says

    @property
    def lines(self):
        """So far: all, at least, that it had said when it last answered."""
        return self._log.lines()

    def log(self):
        return "\n".join(self.lines)

    def wait_for_line(self, pattern, patience=PATIENCE):
        """The first line so far, or to come, that matches."""
        match = self._log.find(pattern, patience)
        if not match:
            raise AssertionError(f"no line /{pattern}/ in {patience} s; the log:\n{self.log()}")
        return match

    def count_lines(self, pattern):
        return sum(1 for line in self.lines if re.search(pattern, line))

    # What it costs

    def descriptors(self):
        """What the server has open; sockets have a number each."""
        directory = pathlib.Path(f"/proc/{self.process.pid}/fd")
        found = set()
        for entry in directory.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink(entry))
        return found

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", read_proc(self.process.pid, "status")).group(1))

    @contextlib.contextmanager
    def is_stopped(self):
        """A block in which it does not run."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    # How it ends

    def _waited_for_a_core(self):
        """Seconds, so far, in which it and what it started (a sanitizer's search for leaks) could have run."""
        pid, delays = self.process.pid, []
        with contextlib.suppress(OSError):  # it has just left
            children = read_proc(pid, f"task/{pid}/children").split()
            delays = [int(read_proc(each, "schedstat").split()[1]) for each in (pid, *children)]
        return sum(delays) / 1e9

    def _wait(self, patience):
        """Its status, or None. Time in which it waited for a core, or the whole machine stood still, does not count."""
        waited, deadline = 0, time.monotonic() + PATIENCE + patience
        while patience > 0 and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(0.1)
            before, waited = waited, self._waited_for_a_core()
            patience -= 0.1 - min(max(waited - before, 0), 0.1)
        return None

    def stop(self, patience=2):
        """SIGTERM; it must leave in time, with status 0. Returns the whole log."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self._wait(patience)
        if status is None:
            where = []
            with contextlib.suppress(OSError):  # it goes just now
                where += [read_proc(self.process.pid, name) for name in ("wchan", "stat", "syscall")]
            self.kill9()
            raise AssertionError(f"the server did not leave within {patience} s, but is in {where}; the log:\n{self.log()}")
        self._log.join(PATIENCE)
        if status != 0:
            raise AssertionError(f"the server ended with status {status}; the log:\n{self.log()}")
        return self.log()

    def kill9(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self._log.join(PATIENCE)

    def check_descriptors(self):
        """All connections of the test are closed: the server must have as many descriptors as at its start."""
        wait_until(
            lambda: self.fd_count() <= self._fds_at_start,
            f"the server's descriptors to go back to {self._fds_at_start}: "
            + ", ".join(map(_describe_fd, pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir())),
        )

    def check_sanitizers(self):
        if _SANITIZER.search(self.log()):
            raise AssertionError(f"a sanitizer reported:\n{self.log()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None:
                if kind is None:
                    self.check_descriptors()
                self.stop()
            elif self.process.returncode != -signal.SIGKILL:
                self.stop()
            self.check_sanitizers()
        finally:
            if self.process.poll() is None:
                self.kill9()
            shutil.rmtree(self.directory, ignore_errors=True)


def _describe_fd(path):
    try:
        return f"{path.name}={os.readlink(path)}"
    except OSError:
        return f"{path.name}=?"


def client_environment(path):
    """For programs that are to find our Python modules and this server, and report to it."""
    return {
        **os.environ,
        "PYTHONPATH": f"{HERE}{os.pathsep}{PYTHON_CLIENT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TT_ALLOC_SOCKET": path,
        "TT_ALLOC_TRACKING_ENABLED": "1",
    }


_CHILD_PREAMBLE = """
import os, signal, sys, time
import {modules}
path, uid = sys.argv[1], int(sys.argv[2])
if uid >= 0:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
def say(text="ready"):
    print(text, flush=True)
def wait():
    sys.stdin.readline()
"""


class Child:
    """A client process of its own. Its code finds `raw`, the socket's `path`, say() and wait() (for a line from us)."""

    MODULES = "raw"  # imported before another uid may have no access to them

    def __init__(self, code, path, uid=-1, environment=None, **options):
        code = _CHILD_PREAMBLE.format(modules=self.MODULES) + code
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, path, str(uid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**client_environment(path), **(environment or {})},
            start_new_session=True,  # so that children of its own can be ended with it
            **options,
        )
        self.pid = self.process.pid
        self._heard = b""

    def hear(self):
        """The next line it says."""
        while b"\n" not in self._heard:
            ready = select.select([self.process.stdout], [], [], PATIENCE)[0]
            news = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not news:
                raise AssertionError(f"the child said nothing; its status: {self.process.poll()}")
            self._heard += news
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def tell(self, word=""):
        """A line for it. Lets it go on behind wait()."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self):
        """Lets it go on, and waits until it has exited by itself with status 0."""
        self.tell()
        status = self.process.wait(PATIENCE)
        assert status == 0, f"the child ended with status {status}"

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class Puppet(Child):
    """A reporting process with a connection `c` that executes what it is told, statement by statement."""

    CODE = """
c = raw.Raw(path)
c.hello(raw.REPORTER)
say()
for line in sys.stdin:
    exec(line)
    c.fence()
    say()
"""

    def __init__(self, path, uid=-1, **options):
        super().__init__(self.CODE, path, uid, **options)
        self.hear()

    def do(self, *statements):
        """Returns when the statements were executed, and the server has acted on what `c` was made to send."""
        self.tell("; ".join(statements))
        self.hear()

    def run(self, code):
        """The same for code of several lines."""
        self.do(f"exec({textwrap.dedent(code)!r}, globals())")

    def ask(self, expression):
        """The value of an expression there: plain values, tuples, lists, dicts."""
        self.tell(f"say(repr({expression}))")
        answer = self.hear()
        self.hear()
        return ast.literal_eval(answer)

    def leave(self):
        """Lets it exit by itself."""
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        assert status == 0, f"the puppet ended with status {status}"


class ServerTest(unittest.TestCase):
    """A test with a server of its own and a time limit. Clients made through its methods are closed at its end."""

    OPTIONS = ()
    PREFIX = ()
    TIME_LIMIT = 60

    def setUp(self):
        self._start_clock()
        self.server = self.make_server()
        self.server.__enter__()
        self.addCleanup(self._leave_server)

    def make_server(self):
        server = Server(*self.OPTIONS)
        server.wrapper = [*self.PREFIX, *server.wrapper]
        return server

    def _start_clock(self):
        def ring(*_):
            raise TimeoutError(f"the test took more than {self.TIME_LIMIT} s")

        signal.signal(signal.SIGALRM, ring)
        signal.alarm(self.TIME_LIMIT)
        self.addCleanup(signal.alarm, 0)

    def _leave_server(self):
        failed = any(error for _, error in getattr(self._outcome, "errors", [])) or not self._outcome.success
        self.server.__exit__(RuntimeError if failed else None)
        if failed:
            print(f"--- the server's log of {self.id()}:\n{self.server.log()}", file=sys.stderr)

    def connect(self, frame_size=112, **options):
        client = raw.Raw(self.server.path, frame_size, **options)
        self.addCleanup(client.close)
        return client

    def watcher(self):
        """A client that only asks."""
        client = self.connect()
        client.hello()
        return client

    def child(self, code, uid=-1):
        child = Child(code, self.server.path, uid)
        self.addCleanup(child.close)
        return child

    def puppet(self, uid=-1):
        puppet = Puppet(self.server.path, uid)
        self.addCleanup(puppet.close)
        return puppet

    def require_root(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")

    def wait_for_end_of(self, pid, client):
        """The entry of a process in the list of those that ended."""

        def find():
            entries = client.entries(raw.LIST_ENDED, process_id=pid)
            return entries[-1] if entries else None

        return wait_until(find, f"PID {pid} to be listed as ended")


def connect_socket(path):
    """A bare connected socket, for those who do not want to speak the protocol."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(PATIENCE)
    client.connect(path)
    return client
