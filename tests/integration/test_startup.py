# SPDX-License-Identifier: Apache-2.0
"""How the server starts, refuses to start, waits, runs out of descriptors, and stops.

A refusal is one line on stderr that names the path and the cause, an exit status of --help, and nothing left behind.
"""

import contextlib
import errno
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import raw
from harness import BIN, NOBODY, PATIENCE, Server, ServerTest, connect_socket, run, wait_until

BINARY = BIN / "tt-allocation-server"
SANITIZED = b"__asan_init" in BINARY.read_bytes()
LEAVE_WITHIN = 5 if SANITIZED else 1  # seconds; looking for leaks at exit takes time of its own

# Moves the descriptors in argv[1] to 3, 4, ... and becomes argv[2:], as systemd does it.
_PASS_SOCKETS = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 50) for fd in sys.argv[1].split(",")]
for number, fd in enumerate(fds):
    os.dup2(fd, 3 + number)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid() + int(os.environ.get("PID_OFFSET", "0")))
os.environ["LISTEN_FDS"] = str(len(fds))
os.execv(sys.argv[2], sys.argv[2:])
"""


class InDirectory(unittest.TestCase):
    """A test with a directory of its own and a time limit."""

    TIME_LIMIT = 60

    def setUp(self):
        def ring(*_):
            raise TimeoutError(f"the test took more than {self.TIME_LIMIT} s")

        signal.signal(signal.SIGALRM, ring)
        signal.alarm(self.TIME_LIMIT)
        self.addCleanup(signal.alarm, 0)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.path = self.directory / "s.sock"

    def files(self):
        return sorted(os.listdir(self.directory))

    def bind(self, name="s.sock", kind=socket.SOCK_STREAM, backlog=5):
        """A socket with a file; it listens if backlog is not None."""
        made = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(made.close)
        made.bind(str(self.directory / name))
        if backlog is not None:
            made.listen(backlog)
        return made

    def start(self, *command, **options):
        """A server that must be ended by the test, or else is killed."""
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options
        )

        def end():
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)
            process.stderr.close()

        self.addCleanup(end)
        return process

    def wait_for_answer(self, path, process):
        def ask():
            self.assertIsNone(process.poll(), "the server ended")
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), raw.Raw(str(path)) as client:
                return client.info(-1)

        return wait_until(ask, f"a server on {path}")

    def stop(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        _, log = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, log)
        return log

    def assert_refused(self, status, *words, command=(), files=None, **options):
        """It does not start: this status, one line on stderr with all of the words, and no file made or removed."""
        before = self.files()
        result = run([BINARY, *command], **options)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\A[^\n]+\n\Z")
        for word in words:
            self.assertIn(str(word), result.stderr)
        self.assertEqual(self.files(), before if files is None else files)
        return result.stderr


class Usage(InDirectory):
    def test_help_and_version(self):
        for option, words in (
            ("--help", ["Usage: tt-allocation-server", "--socket", "--leak-lines", "--log-level", "Exit status"]),
            ("--version", ["tt-allocation-server 0."]),
        ):
            with self.subTest(option):
                result = run([BINARY, option])
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                for word in words:
                    self.assertIn(word, result.stdout)

    def test_the_help_names_every_exit_status(self):
        text = run([BINARY, "--help"]).stdout
        self.assertRegex(text, r"Exit status: 0 \w.* 1 \w.* 2 \w.* 3 \w")

    def test_wrong_options(self):
        for command, words in (
            (["--sockets", self.path], ["--sockets"]),
            (["--frob"], ["--frob"]),
            (["-x"], ["-x"]),
            (["-xyz"], ["-xyz"]),
            (["--socket", self.path, "-q"], ["-q"]),
            (["--help=yes"], ["--help=yes"]),
            (["--l", "3"], ["--l"]),  # of two options
            (["--socket"], ["--socket", "needs"]),
            (["--leak-lines"], ["--leak-lines", "needs"]),
            (["--socket", ""], ["--socket", "path"]),
            (["--leak-lines", "many"], ["--leak-lines", "many"]),
            (["--leak-lines", "-1"], ["--leak-lines", "-1"]),
            (["--leak-lines", "5x"], ["--leak-lines", "5x"]),
            (["--leak-lines", ""], ["--leak-lines"]),
            (["--leak-lines", "99999999999999999999"], ["--leak-lines"]),
            (["--log-level", "loud"], ["--log-level", "loud"]),
            (["path"], ["path"]),
            (["--socket", self.path, "path"], ["path"]),
            (["--socket=" + str(self.path)] * 17, ["16 sockets"]),
        ):
            with self.subTest(command=command):
                said = self.assert_refused(2, "--help", *words, command=command)
                self.assertNotIn(str(BINARY), said)


class Paths(InDirectory):
    def refuse(self, status, path, *words, **options):
        self.assert_refused(status, path, *words, command=["--socket", path], **options)

    def test_a_regular_file(self):
        self.path.write_text("mine")
        self.refuse(1, self.path, "not a socket", "--socket")
        self.assertEqual(self.path.read_text(), "mine")

    def test_a_symlink(self):
        self.path.symlink_to(self.directory / "elsewhere")
        self.refuse(1, self.path, "not a socket")

    def test_a_path_that_is_too_long(self):
        self.refuse(1, self.directory / ("p" * 120), "107")

    def test_a_missing_directory(self):
        self.refuse(1, self.directory / "none" / "s.sock", os.strerror(errno.ENOENT))

    def test_another_program_answers(self):
        listener = self.bind()
        self.refuse(3, self.path, "another server", "--socket")
        with connect_socket(str(self.path)):  # and goes on answering
            listener.accept()[0].close()

    def test_a_second_server(self):
        with Server() as first, raw.Raw(first.path) as client:
            before = sorted(os.listdir(first.directory))
            result = run([BINARY, "--socket", first.path])
            self.assertEqual(result.returncode, 3)
            self.assertRegex(result.stderr, r"\A[^\n]+\n\Z")
            self.assertIn(first.path, result.stderr)
            self.assertIn("tt-allocation-server", result.stderr)
            self.assertEqual(sorted(os.listdir(first.directory)), before)
            client.info(-1)
            with raw.Raw(first.path) as late:
                late.info(-1)

    def test_two_at_once(self):
        """Whichever wins, exactly one serves."""
        self.bind().close()  # both find a dead socket
        servers = [self.start(BINARY, "--socket", self.path) for _ in range(2)]
        wait_until(lambda: any(server.poll() is not None for server in servers), "one of them to give up")
        loser = next(server for server in servers if server.poll() is not None)
        winner = next(server for server in servers if server is not loser)
        self.assertEqual(loser.returncode, 3)
        self.wait_for_answer(self.path, winner)
        self.stop(winner)
        self.assertEqual(self.files(), [])

    def test_the_second_of_two_paths_is_refused(self):
        blocked = self.directory / "file"
        blocked.write_text("mine")
        result = run([BINARY, "--socket", self.path, "--socket", blocked])
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr.splitlines()[-1], re.escape(str(blocked)))
        self.assertEqual(self.files(), ["file"])  # the first socket went away again

    def test_a_directory_without_permission(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        binary = shutil.copy(BINARY, self.directory / "server")  # where it was built others may not come
        self.directory.chmod(0o755)
        before = self.files()
        result = run(
            [binary, "--socket", self.path], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/"
        )
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"\A[^\n]+\n\Z")
        self.assertIn(str(self.path), result.stderr)
        self.assertIn(os.strerror(errno.EACCES), result.stderr)
        self.assertEqual(self.files(), before)

    def test_what_a_killed_server_left_is_replaced(self):
        first = self.start(BINARY, "--socket", self.path)
        self.wait_for_answer(self.path, first)
        first.kill()
        first.wait(PATIENCE)
        self.assertEqual(self.files(), ["s.sock", "s.sock.lock"])
        second = self.start(BINARY, "--socket", self.path)
        self.wait_for_answer(self.path, second)
        self.stop(second)
        self.assertEqual(self.files(), [])

    def test_several_paths(self):
        names = ["a", "b", "c"]
        options = [option for name in names for option in ("--socket", self.directory / name)]
        server = self.start(BINARY, *options)
        for name in names:
            self.wait_for_answer(self.directory / name, server)
            self.assertEqual(stat.S_IMODE(os.lstat(self.directory / name).st_mode), 0o666)
        self.stop(server)
        self.assertEqual(self.files(), [])


class PassedSockets(InDirectory):
    def start_with(self, *sockets, options=(), **environment):
        fds = [made.fileno() for made in sockets]
        return self.start(
            sys.executable,
            "-c",
            _PASS_SOCKETS,
            ",".join(map(str, fds)),
            BINARY,
            *options,
            pass_fds=fds,
            env={**os.environ, **environment},
        )

    def test_one_and_two(self):
        for count in (1, 2):
            with self.subTest(count=count):
                names = [f"{count}-{number}" for number in range(count)]
                sockets = [self.bind(name) for name in names]
                server = self.start_with(*sockets)
                for name in names:
                    self.wait_for_answer(self.directory / name, server)
                self.stop(server)
                self.assertEqual([name for name in self.files() if name.startswith(f"{count}-")], names)

    def test_a_socket_and_a_path(self):
        server = self.start_with(self.bind("passed"), options=["--socket", self.path])
        self.wait_for_answer(self.directory / "passed", server)
        self.wait_for_answer(self.path, server)
        self.stop(server)
        self.assertEqual(self.files(), ["passed"])

    def test_sockets_for_somebody_else(self):
        server = self.start_with(self.bind("passed"), options=["--socket", self.path], PID_OFFSET="1")
        self.wait_for_answer(self.path, server)
        with connect_socket(str(self.directory / "passed")) as client:  # nobody accepts
            client.sendall(raw.message(raw.INFO_QUERY, device_id=-1))
            with raw.Raw(str(self.path)) as other:
                other.info(-1)
            self.assertFalse(select.select([client], [], [], 0)[0])
        self.stop(server)

    def test_whoever_connected_before_the_server_came_is_served(self):
        listener = self.bind()
        with raw.Raw(str(self.path)) as client:
            client.alloc(1, 100)
            self.start_with(listener)
            self.assertEqual(client.totals()[0], 100)

    def test_the_wrong_kind(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, write_end)
        tcp = socket.create_server(("127.0.0.1", 0))
        for name, wrong in (
            ("datagram", self.bind("d", socket.SOCK_DGRAM, None)),
            ("not listening", self.bind("n", backlog=None)),
            ("TCP", tcp),
            ("pipe", os.fdopen(read_end)),
        ):
            with self.subTest(name), contextlib.closing(wrong):
                server = self.start_with(wrong)
                _, log = server.communicate(timeout=PATIENCE)
                self.assertEqual(server.returncode, 1, log)
                self.assertRegex(log, r"\A[^\n]*[Dd]escriptor 3[^\n]*\n\Z")

    def test_the_wrong_kind_beside_a_right_one(self):
        server = self.start_with(self.bind("a"), self.bind("d", socket.SOCK_DGRAM, None))
        _, log = server.communicate(timeout=PATIENCE)
        self.assertEqual(server.returncode, 1, log)
        self.assertRegex(log, r"\A[^\n]*[Dd]escriptor 4[^\n]*\n\Z")


class Stopping(ServerTest):
    HOLD_A_BUFFER = "client = raw.Raw(path); client.alloc(1, 4096); client.query(); say(); wait()"

    def leave(self, number=signal.SIGTERM):
        begin = time.monotonic()
        self.server.process.send_signal(number)
        log = self.server.stop(PATIENCE)
        self.assertLess(time.monotonic() - begin, LEAVE_WITHIN)
        self.assertEqual(os.listdir(self.server.directory), [])
        return log

    def test_by_either_signal(self):
        self.leave(signal.SIGINT)
        self.server.start()
        self.leave(signal.SIGTERM)

    def test_sighup_is_no_reason_to_go(self):
        self.server.process.send_signal(signal.SIGHUP)
        with self.connect() as client:
            client.info(-1)

    def test_living_clients_left_nothing(self):
        child = self.child(self.HOLD_A_BUFFER)
        child.hear()
        idle = self.connect()
        self.assertNotIn("left", self.leave())
        with self.assertRaises(raw.Closed):
            idle.read()

    def test_what_dead_clients_left_is_told_all_the_same(self):
        """They died while the server could not look."""
        children = [self.child(self.HOLD_A_BUFFER) for _ in range(3)]
        for child in children:
            child.hear()
        self.server.process.send_signal(signal.SIGSTOP)
        for child in children[:2]:
            child.kill()
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.send_signal(signal.SIGCONT)
        self.server.stop(PATIENCE)
        for child in children[:2]:
            self.assertEqual(self.server.count_lines(rf"Process {child.pid} \(.*left 1 buffer"), 1)
        self.assertEqual(self.server.count_lines(rf"Process {children[2].pid} "), 0)

    def test_with_busy_clients_and_one_that_does_not_read(self):
        busy = "import itertools\nclient = raw.Raw(path); client.query(); say()\n" + (
            "frames = b''.join(raw.message(raw.ALLOC, size=1, buffer_id=n) for n in range(500))\n"
            "try:\n    while True: client.send_bytes(frames)\nexcept OSError: say('closed')\n"
        )
        children = [self.child(busy) for _ in range(3)]
        for child in children:
            child.hear()
        deaf = self.connect()
        for number in range(5000):
            deaf.alloc(number, 1)
        deaf.send_bytes(raw.own(raw.LIST_BUFFERS) * 50)
        watcher = self.watcher()
        wait_until(lambda: watcher.figures()["reports"] > 10000, "the clients to be busy")
        self.leave()
        for child in children:
            self.assertEqual(child.hear(), "closed")


class Descriptors(InDirectory):
    """A server that may have 32 descriptors."""

    def setUp(self):
        super().setUp()
        self.server = self.start(
            BINARY,
            "--socket",
            self.path,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)),
        )
        self.wait_for_answer(self.path, self.server)
        with raw.Raw(str(self.path)) as client:
            client.info(-1)
            with_client = self.fd_count()
        wait_until(lambda: self.fd_count() < with_client, "the server to close a connection")
        self.at_start = self.fd_count()

    def knock(self):
        """A client that was let in, or None for one that was turned away."""
        client = raw.Raw(str(self.path))
        try:
            client.info(-1)
        except (raw.Closed, BrokenPipeError):
            client.close()
            return None
        self.addCleanup(client.close)
        return client

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def cpu_ticks(self):
        fields = pathlib.Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def test_more_connections_than_fit(self):
        clients = [self.knock() for _ in range(60)]
        inside = [client for client in clients if client]
        refused = len(clients) - len(inside)
        self.assertGreater(len(inside), 5)
        self.assertGreater(refused, 20)
        self.assertEqual(inside[0].figures()["sessions_refused"], refused)
        for client in inside:  # nobody inside suffers
            client.info(-1)

        # Somebody knocks who does not even wait for the answer: no reason to turn round and round.
        for _ in range(50):
            connect_socket(str(self.path)).close()
        wait_until(lambda: inside[0].figures()["sessions_refused"] == refused + 50, "all to be turned away")
        before = self.cpu_ticks()
        select.select([], [], [], 1)  # what is to be seen is that nothing happens
        self.assertLessEqual(self.cpu_ticks() - before, os.sysconf("SC_CLK_TCK") // 10)

        for client in inside:
            client.close()
        wait_until(lambda: self.fd_count() == self.at_start, "the server to close what was closed")
        again = self.knock()
        self.assertIsNotNone(again)
        self.assertEqual(again.figures()["sessions_refused"], refused + 50)
        self.stop(self.server)

    def test_a_place_becomes_free_one_by_one(self):
        inside = []
        while client := self.knock():
            inside.append(client)
        for _ in range(30):
            before = self.fd_count()
            inside.pop(0).close()
            wait_until(lambda: self.fd_count() < before, "a place to become free")
            late = self.knock()
            self.assertIsNotNone(late)
            inside.append(late)
        self.stop(self.server)


class DeafManager(ServerTest):
    """Under a service manager that does not read what it is told."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(path)
        os.environ["NOTIFY_SOCKET"] = path
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
        super().setUp()
        del os.environ["NOTIFY_SOCKET"]

    def test_processes_come_and_go(self):
        for _ in range(200):
            with self.connect() as client:
                client.alloc(0x1000, 1)
        watch = self.watcher()
        wait_until(lambda: watch.figures()["allocations"] == 200, "all reports to be taken")
        wait_until(lambda: watch.figures()["processes"] == 0, "all to be gone")
        told = self.manager.recv(4096) + self.manager.recv(4096)
        self.assertIn(b"READY=1", told)
        self.assertIn(b"0 processes reporting", told)


class Idle(ServerTest):
    def switches(self):
        text = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return [int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", text)][0]

    def assert_asleep(self):
        """It makes no system call: each that waits is a switch, and one that polls waits."""

        def quiet():
            before = self.switches()
            select.select([], [], [], 0.05)
            return before == self.switches()

        wait_until(quiet, "the server to come to rest")
        before = self.switches()
        select.select([], [], [], 1)
        self.assertEqual(self.switches(), before)

    def test_nobody_is_there(self):
        self.assert_asleep()

    def test_200_clients_that_say_nothing(self):
        clients = [connect_socket(self.server.path) for _ in range(200)]
        for client in clients:
            self.addCleanup(client.close)
        watcher = self.watcher()
        wait_until(lambda: watcher.figures()["sessions"] == 201, "all to be accepted")
        self.assert_asleep()

    def test_200_clients_that_reported(self):
        clients = [self.connect() for _ in range(200)]
        for number, client in enumerate(clients):
            client.alloc(number, 100)
            client.fence()
        self.assert_asleep()

    def test_connecting_and_closing_leaves_nothing(self):
        def cycle():
            with self.connect() as client:
                client.alloc(1, 100)
                client.free(1)
                client.fence()

        def cycles(count):
            for _ in range(count):
                cycle()
            wait_until(lambda: self.server.fd_count() == fds, "the connections to be closed")

        fds = self.server.fd_count()
        cycles(1000)
        if SANITIZED:  # it keeps freed memory back, and looks for leaks itself
            return
        cycles(3500)  # the list of ended processes is full and its memory has found its place
        before = self.server.rss_kib()
        cycles(3000)
        self.assertLessEqual((self.server.rss_kib() - before) * 1024 / 3000, 64, "bytes per connection")


if __name__ == "__main__":
    unittest.main()
