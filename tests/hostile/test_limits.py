# SPDX-License-Identifier: Apache-2.0
"""Cases 9, 10, 11, 14 and 47: one uid wants more than there is, of buffers, connections, descriptors, rings, answers and
turns of the loop. It is refused, that is counted, and nobody else notices."""

import contextlib
import errno
import resource
import select
import struct
import unittest

from oracle import ATTACKER, INNOCENT, LEFT_BEHIND, HostileTest

import raw
from harness import Child, wait_until
from preload import Preloaded
from ring_test import RingPuppet

CONNECT = """
import socket
held = []
say()
for line in sys.stdin:
    for _ in range(int(line)):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(path)
    say()
"""


class LimitTest(HostileTest):
    def begin_to_connect(self, attacker, count):
        attacker.tell(f"{count}")

    def connect_many(self, attacker, count):
        """Returns when the kernel has taken all of them, which need not mean that the server has."""
        self.begin_to_connect(attacker, count)
        attacker.hear()

    def assert_that_it_pauses(self):
        """Nobody can be accepted: that must cost the server next to nothing."""
        before = self.watch.figures()["accept_pauses"]
        wait_until(lambda: self.watch.figures()["accept_pauses"] > before, "the server to wait")
        self.bystander.tell("rest")
        began = self.server_cpu_ns()
        select.select([], [], [], 1)  # what is to be seen is that little happens
        spent = self.server_cpu_ns() - began
        self.bystander.tell("go")
        self.assertLess(spent, 0.5e9, "of a second; the asker alone takes a few hundredths")
        self.assertLess(self.watch.figures()["accept_pauses"] - before, 10)

    def wait_for(self, name, value):
        wait_until(lambda: self.watch.figures()[name] == value, f"{name} to be {value}: {self.watch.figures()[name]}")

    def assert_that_others_are_served(self):
        """New connections, of root and of an innocent uid."""
        with raw.Raw(self.server.path) as client:
            client.fence()
        code = "c = raw.Raw(path); c.alloc(1, 1, device_id=9); c.free(1, device_id=9); c.fence(); say()"
        other = Child(code, self.server.path, INNOCENT)
        self.addCleanup(other.close)
        other.hear()
        other.close()


SESSIONS, BUFFERS = 40, 1250


class LowLimits(LimitTest):
    OPTIONS = ("--max-sessions", SESSIONS, "--max-buffers", BUFFERS, "--max-answer-bytes", "2M", "--max-ring-bytes", "3M")

    def test_09_endless_allocations(self):
        """What is beyond the limit is counted and not stored."""
        refusal = r"Refused a report of process {pid} \(uid {uid}\): too many buffers"
        with self.attack(logs=refusal) as attacker:
            attacker.do("n = 0")

            def allocate():
                attacker.do("[c.alloc(64 * (n + i), 64) for i in range(5000)]", "n += 5000")

            self.repeat(allocate)
            made = attacker.ask("n")
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            self.assertEqual((process["buffers"], process["lost"]), (BUFFERS, made - BUFFERS))
            self.assertTrue(process["flags"] & raw.INEXACT)
            figures = self.watch.figures()
            self.assertEqual((figures["refused_limit"], figures["max_buffers"]), (made - BUFFERS, BUFFERS))
            self.assertEqual((figures["max_buffers_refused"], figures["max_buffers_uid"]), (made - BUFFERS, ATTACKER))

    def test_09_more_processes_are_not_more_buffers(self):
        refusal = r"Refused a report of process {pid} \(uid {uid}\): too many buffers"
        others = rf"|^Refused a report of process \d+ \(uid {ATTACKER}\): too many buffers"  # once for each process
        with self.attack(logs=refusal, besides=LEFT_BEHIND + others) as attacker:
            attacker.do(f"[c.alloc(64 * i, 64) for i in range({BUFFERS} + 1)]")
            attacker.do("[c.free(64 * i) for i in range(10)]")
            other = self.attacker()
            other.do("[c.alloc(64 * i, 64) for i in range(13)]")
            buffers = [entry["buffers"] for entry in self.watch.entries(raw.LIST_PROCESSES) if entry["uid"] == ATTACKER]
            self.assertEqual(buffers, [BUFFERS - 10, 10])
            self.stay()
        late = self.attacker()  # when they are gone, there is room again
        late.do(f"[c.alloc(64 * i, 64) for i in range({BUFFERS})]")
        self.assertEqual(self.watch.figures()["refused_limit"], 1 + 3)

    def test_10_connections_that_say_nothing(self):
        refusal = r"Refused a connection of process {pid} \(uid {uid}\): this user has 40, as many as --max-sessions"
        with self.attack(Child, CONNECT, logs=refusal) as attacker:
            attacker.hear()
            before = self.watch.figures()
            rounds = []
            self.repeat(lambda: rounds.append(self.connect_many(attacker, 100)))
            refused = 100 * len(rounds) - SESSIONS
            self.wait_for("max_sessions_refused", refused)
            after = self.watch.figures()
            self.assertEqual(after["sessions"] - before["sessions"], SESSIONS)
            self.assertEqual((after["sessions_refused"], after["max_sessions_uid"]), (refused, ATTACKER))
            self.assert_that_others_are_served()

    def test_14_answers_that_nobody_reads(self):
        """The connection that makes the server keep too much is closed, and those that did not stay open."""
        drop = r"Dropped process {pid} \(uid {uid}\): its user leaves more unread than --max-answer-bytes allows"
        late = rf"|^Dropped process \d+ \(uid {ATTACKER}\): it asked and did not read"  # if this takes seconds
        with self.attack(logs=drop, besides=LEFT_BEHIND + late) as attacker:
            # The records of one process are made in one go: these are more than a socket takes.
            attacker.do("[c.alloc(1, 1, region, device_id=d) for d in range(250) for region in range(5)]")
            attacker.do("asks = raw.own(raw.LIST_PROCESSES) * 4", "many = [raw.Raw(path) for _ in range(30)]")
            attacker.do("[d.send_bytes(asks) for d in many]")
            self.stay()
            wait_until(lambda: self.watch.figures()["refused_answers"] > 0, "too much to wait")
            figures = self.watch.figures()
            self.assertEqual(figures["max_answer_bytes_refused"], figures["refused_answers"])
            self.assertEqual(figures["max_answer_bytes_uid"], ATTACKER)

    def test_14_rings_for_every_connection(self):
        """They get smaller ones when there is not enough, and then none."""
        refusal = r"Refused a ring to process {pid} \(uid {uid}\): its user has as much as --max-ring-bytes allows"
        with self.attack(RingPuppet, logs=refusal) as attacker:
            attacker.do("many = [raw.Raw(path) for _ in range(35)]")
            attacker.do("[d.hello(raw.REPORTER, features=raw.RING_FEATURES) for d in many]")
            got = attacker.ask("[(d['slots'], d['status']) for d in [d.request_ring(65536)[0] for d in many]]")
            self.assertEqual(got[:2], [(65536, 0), (1024, 0)])
            self.assertEqual((got[-1], len(got)), ((0, -errno.EDQUOT), 35))
            refused = got.count((0, -errno.EDQUOT))
            figures = self.watch.figures()
            self.assertEqual((figures["max_ring_bytes_refused"], figures["max_ring_bytes_uid"]), (refused, ATTACKER))
            self.assertEqual(figures["rings"], 2 + 35 - refused)
            self.stay()


class RealLimits(LimitTest):
    def test_10_twenty_thousand_connections(self):
        refusal = r"Refused a connection of process \d+ \(uid {uid}\): this user has 4096, as many as --max-sessions"
        with self.attack(Child, CONNECT, logs=refusal) as attacker:
            crowd = [attacker, self.attacker(Child, CONNECT), self.attacker(Child, CONNECT)]
            for each in crowd:
                each.hear()
            for each in crowd:
                self.begin_to_connect(each, 20000 // 3 + 1)
            for each in crowd:
                each.hear()
            self.wait_for("max_sessions_refused", 3 * (20000 // 3 + 1) - 4096)
            self.assert_that_others_are_served()
            self.stay()

    def test_47_a_storm_of_questions(self):
        """Through many connections, with long answers that are read: a user has a share of each turn of the loop and no
        more. So the asker waits no longer than ever, and no report of the bystander is late or lost."""
        storm = """
many = [raw.Raw(path) for _ in range(30)]
ask = raw.own(raw.LIST_PROCESSES, process_id=os.getpid())
size = 112 * (len(c.list(raw.LIST_PROCESSES, process_id=os.getpid()).records) + 1)
def ask_and_read():
    for d in many:
        d.send_bytes(2 * ask)
    for d in many:
        d.read_bytes(2 * size)
"""
        with self.attack() as attacker:
            attacker.do("[c.alloc(1, 1, region, device_id=d) for d in range(250) for region in range(5)]")
            attacker.run(storm)
            self.repeat(lambda: attacker.do("ask_and_read()"))


class Descriptors(LimitTest):
    """The system has none left for the server."""

    def limit(self, descriptors):
        hard = resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(self.server.process.pid, resource.RLIMIT_NOFILE, (descriptors, hard))

    def test_11_one_is_kept_to_turn_others_away(self):
        refusal = r"Refused a connection of process {pid} \(uid {uid}\): Too many open files; more are only counted"
        with self.attack(Child, CONNECT, logs=refusal) as attacker:
            attacker.hear()
            self.limit(self.server.fd_count())
            rounds = []
            self.repeat(lambda: rounds.append(self.connect_many(attacker, 100)))
            self.wait_for("sessions_refused_system", 100 * len(rounds))
            self.assertEqual(self.watch.figures()["accept_pauses"], 0)
            self.limit(20000)
            self.assert_that_others_are_served()

    def test_11_none_at_all(self):
        """Connections wait in the queue; the loop does not turn for that, and goes on accepting when it can."""
        with self.attack(Child, CONNECT, logs="Nobody can connect for now: Too many open files") as attacker:
            attacker.hear()
            accepted = self.watch.figures()["sessions_accepted"]
            self.limit(5)
            self.connect_many(attacker, 100)
            self.assert_that_it_pauses()
            self.limit(20000)
            self.wait_for("sessions_accepted", accepted + 100)
            self.stay()


class FullTable(Preloaded, LimitTest):
    """The host has no open file left for anybody: see integration/helpers/full_table.c."""

    LIBRARY = "full_table"

    @contextlib.contextmanager
    def full(self, error):
        self.page[:4] = struct.pack("=I", error)
        try:
            yield
        finally:
            self.page[:4] = bytes(4)

    def test_11_the_table_of_the_host(self):
        """All wait in the queue, and none is turned away: who frees one is somebody else, and at any time. ENFILE and
        ENOMEM are also what there is to hear at the limit of a memory cgroup."""
        pause = "Nobody can connect for now: Too many open files in system; connections wait"
        with self.attack(Child, CONNECT, logs=pause) as attacker:
            attacker.hear()
            for error in (errno.ENFILE, errno.ENOMEM):
                before = self.watch.figures()
                with self.full(error):
                    self.connect_many(attacker, 100)
                    self.assert_that_it_pauses()
                    during = self.watch.figures()
                    for name in ("sessions_accepted", "sessions_refused"):
                        self.assertEqual(during[name], before[name], name)
                self.wait_for("sessions_accepted", before["sessions_accepted"] + 100)
                self.assertEqual(self.watch.figures()["sessions_refused"], before["sessions_refused"])
            self.assert_that_others_are_served()
            self.stay()


if __name__ == "__main__":
    unittest.main()
