# SPDX-License-Identifier: Apache-2.0
"""Cases 38, 39, 41 to 43 and 45: whatever takes its time, or takes time away, the loop goes on turning.

Logs that nobody takes, exits by the thousand, clocks that jump, ten thousand clients that do nothing, and signals.
"""

import contextlib
import os
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from oracle import ATTACKER, HostileTest

import raw
from harness import BIN, PATIENCE, Child, ServerTest, read_proc, wait_until
from preload import Preloaded
from ring_test import RingPuppet

SANITIZED = b"libasan" in (BIN / "tt-allocation-server").read_bytes()
LEAKING_TOO_FAST = r"^uid {uid} leaves buffers faster than they can be logged; see them with: tt-smi exited$"


class LeavesBuffers(Child):
    """Dies as often as it is told to, each time with 20 buffers: 22 lines that somebody has to take."""

    CODE = """
def leave():
    child = os.fork()
    if child == 0:
        c = raw.Raw(path)
        c.hello(raw.REPORTER)
        for number in range(20):
            c.alloc(0x1000 + number, 4096)
        c.fence()
        os._exit(0)
    os.waitpid(child, 0)
say()
for line in sys.stdin:
    for _ in range(int(line)):
        leave()
    say()
"""
    LINES = 21

    def __init__(self, path, uid):
        super().__init__(self.CODE, path, uid)
        self.hear()

    def leave(self, times):
        self.tell(f"{times}")
        self.hear()


class LogNobodyReads(HostileTest):
    """stderr is a pipe that the test reads when it wants to."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tt-alloc-test-")
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "log")
        os.mkfifo(path)
        self.pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.pipe)
        self.PREFIX = ("sh", "-c", f'exec "$@" 2>"{path}"', "sh")
        super().setUp()

    def read(self):
        text = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.pipe, 1 << 16):
                text += piece
        return text.decode()

    def lost(self):
        return self.watch.figures()["log_lines_lost"]

    def test_38_what_nobody_reads_is_counted(self):
        self.read()
        with self.attack(LeavesBuffers) as attacker:
            self.deaths = 0

            def leave():
                attacker.leave(5)
                self.deaths += 5

            self.repeat(leave)
            while self.lost() < 100:
                leave()
            wait_until(lambda: self.watch.figures()["leaked_processes"] == self.deaths, "all to be gone")
        lines, lost = self.read(), self.lost()
        self.assertEqual(lines.count("\n") + lost, self.deaths * LeavesBuffers.LINES)

        self.attacker(LeavesBuffers).leave(1)  # now somebody reads, and is told
        wait_until(lambda: self.watch.figures()["leaked_processes"] == self.deaths + 1, "one more to be gone")
        told = self.read()
        self.assertRegex(told, rf"\A{lost} log lines were lost because nobody read them\n")
        self.assertEqual(told.count("\n"), LeavesBuffers.LINES + 1)


class LogOnAFullDisk(HostileTest):
    PREFIX = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")

    def test_38_a_full_disk(self):
        before = self.watch.figures()
        with self.attack(LeavesBuffers) as attacker:
            self.repeat(lambda: attacker.leave(5))
        after = self.watch.figures()
        lost = after["log_lines_lost"] - before["log_lines_lost"]
        deaths = after["leaked_processes"] - before["leaked_processes"]
        self.assertEqual(lost, deaths * LeavesBuffers.LINES)


class StuckJournal(HostileTest):
    """The journal has a socket and does not read it; what it does not take comes to stderr, without its fields."""

    LAUNCH = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None) == 0, ctypes.get_errno()
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
journal.set_inheritable(True)
stderr = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{stderr.st_dev}:{stderr.st_ino}"
os.execv(sys.argv[1], sys.argv[1:])
"""
    PREFIX = ("unshare", "--mount", sys.executable, "-c", LAUNCH)

    def test_38_a_stuck_journal(self):
        with self.attack(LeavesBuffers) as attacker:
            self.repeat(lambda: attacker.leave(5))
        self.assertGreater(self.server.count_lines(rf"uid {ATTACKER}\) exited but left 20 buffers"), 0)


class StuckManager(HostileTest):
    """The service manager does not read, and its queue is full."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tt-alloc-test-")
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "notify")
        self.manager = raw.socket.socket(raw.socket.AF_UNIX, raw.socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(path)
        with unittest.mock.patch.dict(os.environ, NOTIFY_SOCKET=path):
            super().setUp()
        with raw.socket.socket(raw.socket.AF_UNIX, raw.socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"STATUS=full", path)

    def test_38_a_stuck_service_manager(self):
        # The status is told a second after something has changed.
        ends = raw.time.monotonic() + 1.5
        with self.attack() as attacker:
            while raw.time.monotonic() < ends:
                self.repeat(lambda: attacker.do("raw.Raw(path).alloc(1, 1)"))


def check_longest_turn(test, watch):
    ns = watch.figures()["longest_turn_ns"]
    print(f"the longest turn: {ns / 1e6:.2f} ms", file=sys.stderr)
    test.assertLess(ns, 250e6)


class ManyExits(HostileTest):
    TIME_LIMIT = 150

    OPTIONS = ("--max-log-lines", "500")
    PROCESSES = 300 if SANITIZED else 1000
    MANY = """
count = COUNT
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(count):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        c = raw.Raw(path)
        c.alloc(0x1000, 4096)
        signal.pause()
    if number % 50 == 49:
        say()
wait()
os.killpg(0, signal.SIGTERM)
for number in range(count):
    os.wait()
say()
wait()
"""

    def test_39_a_thousand_exits_at_once(self):
        before = self.watch.figures()
        with self.attack(Child, self.MANY.replace("COUNT", str(self.PROCESSES)), logs=LEAKING_TOO_FAST) as attacker:

            def grown(name):
                return self.watch.figures()[name] - before[name]

            for _ in range(self.PROCESSES // 50):
                attacker.hear()
            wait_until(lambda: grown("processes") == self.PROCESSES, "all to have reported")
            attacker.tell()
            attacker.hear()
            wait_until(lambda: grown("leaked_processes") == self.PROCESSES, "all to be gone")
            self.stay()
        self.assertEqual(self.watch.figures()["leaked_buffers"], before["leaked_buffers"] + self.PROCESSES)
        check_longest_turn(self, self.watch)

    COUNT = 200_000 if SANITIZED else 1_000_000

    def test_39_a_million_leaks(self):
        with self.attack():
            app = subprocess.Popen(
                [BIN / "flood", "-n", str(self.COUNT), "-l", str(self.COUNT), self.server.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                user=ATTACKER,
                group=ATTACKER,
                extra_groups=[],
            )
            with app:
                app.stdout.readline()
                app.stdin.close()
            self.server.wait_for_line(rf"exited but left {self.COUNT} buffers")
            self.server.wait_for_line(rf"\.\.\. and {self.COUNT - 20} more")
            self.stay()
        self.assertEqual(self.server.count_lines(rf"left {self.COUNT} buffers"), 1)
        check_longest_turn(self, self.watch)


class LeaksWithoutEnd(HostileTest):
    OPTIONS = ("--leak-lines", "0", "--max-log-lines", "300")

    def test_39_exits_that_go_on(self):
        """Some lines come back all the time, and are used up again: that there are no more is not told each time."""
        with self.attack(LeavesBuffers, logs=LEAKING_TOO_FAST) as attacker:

            def told():
                return self.server.count_lines(rf"uid {ATTACKER}\) exited but left 20 buffers")

            self.repeat(lambda: attacker.leave(5))
            while not self.server.count_lines("faster than they can be logged"):
                attacker.leave(5)
            before = told()
            while told() < before + 2:
                attacker.leave(1)


class WrongClock(Preloaded, HostileTest):
    """The host's clock is set, and only what tells the time of day notices."""

    LIBRARY = "wrong_clock"
    HOUR = 3600 * 10**9

    def set(self, ns):
        self.page[:8] = struct.pack("=q", ns)

    def ages(self, pid):
        """Of the process, of its buffers, since its last report, and of the server; in seconds."""
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=pid)
        buffers = self.watch.records(raw.LIST_BUFFERS, process_id=pid)
        ages = [process["age"], process["idle"], self.watch.figures()["uptime_ns"]] + [b["age"] for b in buffers]
        return [age / 1e9 for age in ages]

    def test_41_the_clock_is_set(self):
        with self.attack() as attacker:
            attacker.do("c.alloc(0x1000, 4096)", "c.alloc(0x2000, 4096)")
            before = self.ages(attacker.pid)
            for offset in (self.HOUR, -self.HOUR, 10**6 * self.HOUR, -400_000 * self.HOUR, 0):
                self.set(offset)
                attacker.do("c.alloc(0x3000, 4096)", "c.free(0x3000)")
                now = self.ages(attacker.pid)
                for then, age in zip(before, now):
                    self.assertLess(age, then + 60)
                for then, age in zip((before[0], *before[2:]), (now[0], *now[2:])):
                    self.assertGreaterEqual(age, then)
                before = now
            self.set(-self.HOUR)
            attacker.leave()
            ended = self.wait_for_end_of(attacker.pid, self.watch)
            self.assertLess(before[0] - 1, ended["age"] / 1e9)
            self.assertLess(ended["age"] / 1e9, before[0] + 60)
            an_hour_ago = time.time() - self.HOUR / 1e9
            self.assertAlmostEqual(ended["end_time"] / 1e9, an_hour_ago, delta=60)  # so the clock was wrong indeed
            self.set(0)
            self.stay()
        self.assertEqual(self.server.count_lines(r"\(age: \d+ s\)"), 0)


class OtherTimeNamespace(HostileTest):
    """The server's clocks have run a day longer than those of its clients, or so it seems to it."""

    PREFIX = ("unshare", "--time", "--monotonic", "86400", "--boottime", "90000")

    def test_41_the_server_in_another_time_namespace(self):
        with self.attack(RingPuppet) as attacker:
            attacker.do("r.alloc(0x1000, 4096)", "r.alloc(0x2000, 4096)", "c.wake()")
            self.stay()
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            ages = [b["age"] for b in self.watch.records(raw.LIST_BUFFERS, process_id=attacker.pid)]
            self.assertEqual(len(ages), 2)
            for age in (*ages, process["age"], process["idle"]):
                self.assertLess(age, 60e9)


class TenThousand(ServerTest):
    TIME_LIMIT = 120

    def setUp(self):
        self.limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit[1], self.limit[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, self.limit)
        super().setUp()

    def switches(self):
        text = read_proc(self.server.process.pid, "status")
        return int(re.search(r"ctxt_switches:\s+(\d+)", text).group(1))

    def rest(self, seconds):
        before = self.switches()
        select.select([], [], [], seconds)  # what is to be seen is that nothing happens
        return self.switches() - before

    def next_timer(self):
        """Seconds until the server would wake up by itself, of the call in which it sleeps: epoll_wait()."""
        return int(read_proc(self.server.process.pid, "syscall").split()[4], 16) / 1000

    def knock(self):
        with contextlib.suppress(BlockingIOError):
            return raw.Raw(self.server.path)

    def test_42_idle_clients(self):
        """Two descriptors each, so half as many as there may be at most, and a sixteenth of it is for other users."""
        count = min(10_000, (self.limit[1] // 2 - 100) * 15 // 16)
        watch = self.watcher()
        report = raw.message(raw.ALLOC, size=100, buffer_id=1, buffer_type=raw.DRAM)
        with contextlib.ExitStack() as stack:
            for number in range(count):
                client = stack.enter_context(wait_until(self.knock, "room in the queue of the socket"))
                if number % 2:
                    client.send_bytes(report)

            def accepted():
                figures = watch.figures()
                self.assertEqual(figures["sessions_refused"], 0)
                return figures["sessions"] == count + 1

            wait_until(accepted, "all to be accepted")
            self.assertEqual(watch.figures()["reports"], count // 2)
            wait_until(lambda: self.rest(0.05) == 0, "the server to come to rest")
            memory = self.server.rss_kib()
            self.assertEqual(self.rest(2), 0)
            self.assertGreater(self.next_timer(), 59, "libev sleeps for no longer than a minute")
            self.assertEqual(self.server.rss_kib(), memory)
        wait_until(lambda: watch.figures()["sessions"] == 1, "all to be forgotten")
        check_longest_turn(self, watch)
        wait_until(lambda: self.rest(0.05) == 0, "the server to come to rest")


class Terminated(HostileTest):
    FULL = 1024

    def test_43_full_rings_and_busy_clients(self):
        """What was in the rings of the dead is told, the living lose nothing, and the next server knows it all."""
        full = [self.attacker(RingPuppet) for _ in range(5)]
        busy = self.attacker(
            Child,
            "c = raw.Raw(path); c.alloc(1, 1); c.fence(); say()\n"
            "frames = b''.join(raw.message(raw.ALLOC, size=1, buffer_id=n) for n in range(500))\n"
            "try:\n    while True: c.send_bytes(frames)\nexcept OSError: say('closed')\n",
        )
        busy.hear()
        self.server.process.send_signal(signal.SIGSTOP)
        for puppet in full:
            puppet.do("r.is_quiet = True", f"[r.alloc(0x1000 + n, 64) for n in range({self.FULL})]")
        for puppet in full[:4]:
            puppet.kill()
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.send_signal(signal.SIGCONT)
        self.server.stop(PATIENCE if SANITIZED else 2)
        self.assertEqual(busy.hear(), "closed")
        for puppet in full[:4]:
            self.assertEqual(self.server.count_lines(rf"Process {puppet.pid} .*left {self.FULL} buffers"), 1)
        self.assertEqual(self.server.count_lines(rf"Process ({full[4].pid}|{busy.pid}) "), 0)

        for attacker in self.attackers:
            attacker.close()
        self.asker.close()
        self.server.start()
        self.watch = self.watcher()
        wait_until(lambda: self.watch.figures()["resyncs"] == 1, "the bystander to tell the next server")
        made = self.bystander.tell("rest")
        self.assertEqual(self._bystander()["lost"], made["lost"])


class Signals(HostileTest):
    """Whoever may send them: signals interrupt system calls, and nothing is lost or done twice for that."""

    IS_STOPPED = True
    HARMLESS = signal.SIGHUP, signal.SIGWINCH, signal.SIGURG, signal.SIGCONT, signal.SIGCHLD

    def storm(self, *processes):
        for _ in range(50):
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            for number in self.HARMLESS[1:]:
                for process in processes:
                    os.kill(process, number)
            os.kill(self.server.process.pid, signal.SIGHUP)

    def test_45_a_storm(self):
        reports = 0
        with self.attack() as attacker, contextlib.ExitStack() as stack:
            ring = stack.enter_context(contextlib.closing(self.attacker(RingPuppet)))
            for puppet in (attacker, ring):
                puppet.run("seen = [0]\nsignal.signal(signal.SIGUSR1, lambda *_: seen.__setitem__(0, seen[0] + 1))")

            def round_():
                nonlocal reports
                for puppet, to in ((attacker, "c"), (ring, "r")):
                    code = f"[({to}.alloc(0x1000 + n, 64), {to}.free(0x1000 + n)) for n in range(200)]"
                    puppet.tell(code)
                reports += 400
                self.storm(self.server.process.pid, self.bystander.pid, attacker.pid, ring.pid)
                for _ in range(200):
                    os.kill(attacker.pid, signal.SIGUSR1)
                    os.kill(ring.pid, signal.SIGUSR1)
                for puppet in (attacker, ring):
                    puppet.hear()

            self.repeat(round_)
            for puppet in (attacker, ring):
                (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=puppet.pid)
                used = process["usage"][0, 0, raw.DRAM]
                counts = (used["allocations"], used["frees"], used["bytes"], process["lost"])
                self.assertEqual(counts, (reports // 2, reports // 2, 0, 0))
                self.assertGreater(puppet.ask("seen[0]"), 0)


if __name__ == "__main__":
    unittest.main()
