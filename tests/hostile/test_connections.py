# SPDX-License-Identifier: Apache-2.0
"""Connections that come and go in every wrong way: storms of them, half-closed, closed with answers unread, with
descriptors in their mail, and so that the server sees the number of one again while it still acts on another's end.

Lessons of others are in here: a hang-up that is not acted on makes a loop spin (CVE-2021-3468), one descriptor more
than a message may have damages memory (CVE-2014-3635), descriptors in flight shut others out (CVE-2014-3636) or outlive
their sender and keep his connection open (CVE-2014-3637), and one leaked per event exhausts them all (CVE-2002-1372).
"""

import os
import pathlib
import re
import select
import signal
import time
import unittest

from oracle import ATTACKER, HostileTest

import raw
from app import App
from descriptors import CAN_REFUSE, PREFIX_OF_OLDER
from harness import BIN, Child, read_proc, wait_until

SANITIZED = b"__asan_init" in (BIN / "tt-allocation-server").read_bytes()
STORM_SECONDS = 5
STORM_CYCLES = int(os.environ.get("TT_ALLOC_STORM_CYCLES", "0"))  # instead: 1000000 take some minutes
WARM_UP = 25000  # all memory has found its place: from 23,000 to 113,000 connections it was measured to grow 28 KiB

STORM = """
kinds = b"", raw.hello(), raw.message(raw.ALLOC, size=1)[:50], raw.hello(raw.QUIET | raw.REPORTER)
kinds += (raw.message(raw.ALLOC, size=1, buffer_id=1) + raw.message(raw.FREE, buffer_id=1),)
number = 0
say()
while True:
    each = raw.socket.socket(raw.socket.AF_UNIX, raw.socket.SOCK_STREAM)
    each.connect(path)
    each.send(kinds[number % len(kinds)])
    each.close()
    number += 1
    if number % 1000 == 0:
        say(str(number))
"""

# A reporter that ends its connection and lives on.
ENDS = """
c = raw.Raw(path)
c.hello(raw.REPORTER)
c.alloc(0x1000, 4096)
c.fence()
{deed}
say()
wait()
"""
LINGER = """
import contextlib, struct
sink = raw.socket.create_server(("127.0.0.1", 0))
lazy = raw.socket.socket()
lazy.connect(sink.getsockname())
lazy.setblocking(False)
with contextlib.suppress(BlockingIOError):
    while True:
        lazy.send(bytes(65536))
lazy.setsockopt(raw.socket.SOL_SOCKET, raw.socket.SO_LINGER, struct.pack("ii", 1, 2))
is_refused = False
with raw.Raw(path) as other:
    other.hello()
    other.send_bytes(raw.own(raw.LIST_FIGURES) * 50)
    try:
        raw.socket.send_fds(other.socket, [raw.own(raw.LIST_FIGURES)], [lazy.fileno()])
    except PermissionError:
        is_refused = True
    lazy.close()
    for _ in range(50):
        other.read_answer()
"""
WAYS_TO_END = {
    "half-closed": "c.socket.shutdown(raw.socket.SHUT_WR)",
    "half-closed, and it goes on asking for nothing": "c.socket.shutdown(raw.socket.SHUT_RD); c.close()",
    "closed with answers unread": "c.send_bytes(raw.own(raw.LIST_FIGURES) * 50); c.wait_until_read(); c.close()",
    "in the middle of a frame": "c.send_bytes(raw.message(raw.ALLOC, size=1)[:71]); c.wait_until_read(); c.close()",
    "half-closed in the middle of a frame": "c.send_bytes(bytes([1])); c.socket.shutdown(raw.socket.SHUT_WR)",
}


def inheritable(pid):
    """What an exec would leave open, but for the standard streams."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        flags = int(re.search(r"flags:\s+(\d+)", entry.read_text()).group(1), 8)
        if int(entry.name) > 2 and not flags & os.O_CLOEXEC:
            found.append(os.readlink(f"/proc/{pid}/fd/{entry.name}"))
    return found


def is_silent(pid):
    """Whether a process does not run for a moment that is long for a machine: nothing that it waits for comes."""

    def switches():
        return re.findall(r"ctxt_switches:\s+(\d+)", read_proc(pid, "status"))

    before = switches()
    select.select([], [], [], 0.2)
    return switches() == before


class Connections(HostileTest):
    TIME_LIMIT = 60 + STORM_CYCLES // 1000

    def share_of_a_processor(self):
        """Of the server while we wait, and while the machine had one for it: what innocents cost it is some percent, and
        a loop that spins takes all."""

        def times():
            ran, waited = read_proc(self.server.process.pid, "schedstat").split()[:2]
            return int(ran), time.monotonic_ns() - int(waited)

        before = times()
        self.stay()
        ran, could_run = (now - then for now, then in zip(times(), before))
        return ran / could_run

    def test_12_a_storm_of_connections(self):
        """However many come and go: no descriptor, no memory and no timer stays. As many as fit into some seconds, and
        as many as TT_ALLOC_STORM_CYCLES says if it is set."""
        with self.attack(Child, STORM) as attacker:
            attacker.hear()
            ends = time.monotonic() + STORM_SECONDS
            self.repeat(attacker.hear)
            count, resident = 0, 0
            least = STORM_CYCLES or (0 if SANITIZED else 2 * WARM_UP)
            while count < least or (not STORM_CYCLES and time.monotonic() < ends):
                count = int(attacker.hear())
                if count == WARM_UP:
                    resident = self.server.rss_kib()
            grown = self.server.rss_kib() - resident
        if not SANITIZED:  # that keeps freed memory back, and looks for what was forgotten itself
            self.assertLessEqual(grown, 1024, f"KiB after {count} connections")
        self.bystander.tell("rest")
        os.kill(self.asker.pid, signal.SIGSTOP)
        wait_until(lambda: is_silent(self.server.process.pid), "the server to have nothing to wait for")


    def test_13_every_way_to_hang_up(self):
        """Each ends the process's only connection, and is told of once, whatever was left unread or unsaid. The loop
        does not spin over a peer that is half gone."""
        for name, deed in WAYS_TO_END.items():
            logs = r"^Process {pid} \(.*, uid {uid}\) closed its connection but left 1 buffer allocated: 4.0 KiB dram$"
            with self.subTest(way=name), self.attack(Child, ENDS.format(deed=deed), logs=logs) as attacker:
                attacker.hear()
                self.wait_for_end_of(attacker.pid, self.watch)
                self.assertLess(self.share_of_a_processor(), 0.5)

    @unittest.skipUnless(CAN_REFUSE, "Linux before 6.16 cannot refuse descriptors")
    def test_15_descriptors_that_linger(self):
        """Whoever lets go of a TCP socket last waits for it as long as its owner wished. So that this is not the
        server, nobody can send it one: here it would find it behind answers, and be the last that has it."""
        with self.attack() as attacker:
            attacker.run(LINGER)
            self.stay()
            self.assertTrue(attacker.ask("is_refused"))

    def test_16_answers_to_nobody(self):
        """Peers that ask and are gone before the answer, or take nothing any more: no signal, no line, no rest."""
        with self.attack() as attacker:
            attacker.run(
                """
                def ask_and_go(count):
                    for number in range(count):
                        with raw.Raw(path) as each:
                            each.send_bytes(raw.hello() + raw.own(raw.LIST_FIGURES) * 20 + raw.message(raw.QUERY) * 20)
                            if number % 2:
                                each.socket.shutdown(raw.socket.SHUT_RD)
                                each.wait_until_read()
                """
            )
            self.repeat(lambda: attacker.do("ask_and_go(20)"))

    def test_20_exec_with_all_that_was_open(self):
        """Every descriptor of the library and of the server is closed by an exec. The program that comes then is
        another owner with the same PID: what the one before held is told of, and it begins with nothing."""
        logs = r"^Process {pid} \(.*, uid {uid}\) closed its connection but left 5 buffers allocated: 20 KiB dram$"
        with self.attack(App, logs=logs) as app:
            app.do("fill 5")
            self.wait_for_buffers(app.pid, 5)
            for pid in (app.pid, self.server.process.pid):
                self.assertEqual(inheritable(pid), [])
            app.begin("again")
            self.wait_for_end_of(app.pid, self.watch)
            app.do("fill 2")
            self.wait_for_buffers(app.pid, 2)
            app.do("empty")


class SameTurn(HostileTest):
    IS_STOPPED = True  # so that all that happened meanwhile is there for it at once
    OLD, NEW = 300, 40

    def test_49_a_number_that_is_used_again_at_once(self):
        """One process's sessions end while another's begin, all within what the loop sees in one turn, so that
        descriptors get the numbers of those that had events waiting or that are still being closed. Each of the new
        ones is taken for itself."""
        with self.attack() as attacker:
            attacker.run(
                f"""
                def begin():
                    global old
                    old = [raw.Raw(path) for _ in range({self.OLD})]
                    for each in old:
                        each.query()
                def change():
                    for each in old:  # each has two reasons to be handled, and the first ends it
                        each.send_bytes(raw.message(raw.QUERY) + (b"\\xee" + bytes(111)) * 15)
                        each.send_bytes(raw.message(raw.ALLOC, size=1 << 40, buffer_id=1, device_id=5)[:90])
                        each.close()
                    say()
                """
            )
            other = self.attacker()
            other.run(
                f"""
                def change():
                    global new
                    new = [raw.Raw(path) for _ in range({self.NEW})]
                    for at, each in enumerate(new):
                        each.alloc(at, 1 << at, device_id=6)
                    say()
                def end():
                    for at, each in enumerate(new):
                        each.free(at, device_id=6)
                        each.fence()
                        each.close()
                """
            )
            self.repeat(lambda: self.turn(attacker, other))
            self.assertEqual(self.watch.totals(5)[0], 0)

    def turn(self, attacker, other):
        attacker.do("begin()")
        with self.server.is_stopped():
            for puppet in (attacker, other):
                puppet.tell("change()")
                puppet.hear()
        for puppet in (attacker, other):
            puppet.hear()
        expected = {attacker.pid: 0, other.pid: self.NEW}
        wait_until(lambda: self.held(expected) == expected, "each session's report to be its process's")
        other.do("end()")

    def held(self, pids):
        found = self.watch.entries(raw.LIST_PROCESSES)
        return {process["process_id"]: process["buffers"] for process in found if process["process_id"] in pids}


class OlderKernel(HostileTest):
    """One that cannot refuse descriptors."""

    PREFIX = PREFIX_OF_OLDER

    def test_15_descriptors_in_the_mail(self):
        """One, as many as a message can have, the sender's own socket, one that listens: all are closed at once, and
        the server has no more than before. A client whose socket is in its own mail is dead when its process is."""
        logs = r"^Process {pid} \(.*, uid {uid}\) exited but left 1 buffer allocated: 4.0 KiB dram$"
        with self.attack(logs=logs) as attacker:
            attacker.run(
                """
                c.alloc(0x1000, 4096)
                nothing = os.open("/dev/null", os.O_RDONLY)
                listener = raw.socket.socket(raw.socket.AF_UNIX, raw.socket.SOCK_STREAM)
                listener.bind("")
                listener.listen()
                own = c.socket.fileno()
                def mail(*descriptors):
                    raw.socket.send_fds(c.socket, [raw.message(raw.QUERY)], descriptors)
                    c.read()
                """
            )
            before = self.server.fd_count()
            for mail in ("nothing", "*[nothing] * 253", "*[own] * 253", "own", "listener.fileno()"):
                self.repeat(lambda: attacker.do(f"mail({mail})"))
                self.assertEqual(self.server.fd_count(), before, mail)
            attacker.kill()
            self.server.wait_for_line(logs.format(pid=attacker.pid, uid=ATTACKER))

    def test_own_sockets_in_flight_between_the_dead(self):
        """Sockets that are only in each other's mail, which the server had no time to read, end with their process."""
        with self.attack() as attacker:
            attacker.run(
                """
                for _ in range(50):
                    each, other = raw.Raw(path), raw.Raw(path)
                    both = [each.socket.fileno(), other.socket.fileno()]
                    for one in (each, other):
                        raw.socket.send_fds(one.socket, [raw.message(raw.ALLOC, size=1, buffer_id=1)[:100]], both)
                """
            )
            attacker.kill()
            wait_until(lambda: self.watch.figures()["processes"] == 1, "the attacker's end")


if __name__ == "__main__":
    unittest.main()
