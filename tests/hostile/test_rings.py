# SPDX-License-Identifier: Apache-2.0
"""Rings in hands that are dead, stopped, forked, hostile or too fast, beside a bystander whose own ring must not
notice. integration/test_ring.py, test_wild_rings.py, test_faults.py and test_resync.py look at the insides of these."""

import functools
import os
import signal
import unittest

from oracle import ATTACKER, LEFT_BEHIND, HostileTest

import raw
from app import App
from descriptors import PREFIX_OF_OLDER
from harness import wait_until
from ring_test import RingPuppet

CUT_OFF = r"^Cut off process {pid} \(uid {uid}\): there is in its ring what no client writes$"
LEFT_3 = r"^Process {pid} \(.*, uid {uid}\) exited but left 3 buffers allocated: 3 B dram$"
OTHERS_CUT_OFF = rf"{LEFT_BEHIND}|^Cut off process \d+ \(uid {ATTACKER}\): "
THREE = "[r.alloc(64 * n, 1, device_id=5) for n in range(3)]"
PATIENT = functools.partial(App, TT_ALLOC_FULL_WAIT_MS="10000")

WILD = (  # what is done to a ring with three good records in it
    "r.publish(tail=r.tail + 2**40)",
    "r.publish(tail=r.tail - 2)",
    "r.publish(tail=0x5555555555555555)",
    "r.publish(tail=r.tail + 500)",
    "r.write(r.tail, raw.record(raw.ALLOC, 1, 1, position=r.tail + 7)); r.publish(tail=r.tail + 1)",
)
PUNCH = "ctypes.CDLL(None).fallocate(r.descriptor, 3, ctypes.c_long({}), ctypes.c_long({}))"  # and keep the size
GONE = (  # what is done to its memory
    "r.memory[:] = b'\\xa5' * r.size",
    "r.alloc(1, 1); r.memory[4096:] = bytes(r.size - 4096)",
    "r.alloc(1, 1); " + PUNCH.format(0, "r.size"),
    "r.alloc(1, 1); " + PUNCH.format(4096, 4096),
)
INHERIT = """
parent = os.getpid()
heir = os.fork()
if heir == 0:
    while os.getppid() == parent:
        time.sleep(0.001)
    r.is_quiet = True
    for n in range(50): r.alloc(0x5000 + 64 * n, 77, device_id=5)
    signal.pause()
"""
SCRIBBLE = """
heir = os.fork()
while heir == 0:
    at = 4096 + 32 * random.randrange(r.slots)
    r.memory[at : at + 32] = raw.record(random.choice((raw.ALLOC, raw.FREE, raw.RESYNC_END)), 1, 2**60, 3, 5, 1)
"""
RACE = """
dice = random.Random(26)
r.is_quiet = True
def race(times):
    for _ in range(times):
        for _ in range(dice.randrange(1, 4)):
            r.alloc(64, 1, device_id=5)
            r.free(64, device_id=5)
            c.wake()
            for _ in range(dice.randrange(1000)):
                pass
        r.wait_until_taken()
"""
WRITE_ON = """
try:
    while True:
        r.alloc(r.made % 900 * 64, 64, device_id=5)
        c.wake()
except (OSError, TimeoutError):
    pass
"""


class Rings(HostileTest):
    def check_cut_off(self, deeds):
        """Each by a process of its own, with three good records before it. A wake-up, or a question, makes the server look."""
        with self.attack(RingPuppet, logs=CUT_OFF, besides=OTHERS_CUT_OFF) as first:
            for number, deed in enumerate(deeds):
                attacker = self.attacker(RingPuppet) if number else first
                attacker.do(THREE, "c.fence()", deed, "c.wake_if_open()", "c.wait_for_close()")
                self.server.wait_for_line(rf"^Cut off process {attacker.pid} ")
            self.assertEqual(self.server.count_lines("^Cut off"), len(deeds))
            self.assertEqual(self.watch.totals(5)[0], 0)

    def test_17_killed_while_it_wrote_a_record(self):
        """A half of a record is in the slot, or the other half, or all of it, and the tail is before it: it is not
        applied. All before it are, though nobody makes the server look, and only then comes the report of the death."""
        with self.attack(RingPuppet, logs=LEFT_3) as first:
            for number, written in enumerate(("whole[:16] + bytes(16)", "bytes(16) + whole[16:]", "whole")):
                attacker = self.attacker(RingPuppet) if number else first
                with self.asker.is_silent():
                    attacker.do("r.is_quiet = True", THREE)
                    attacker.do("whole = raw.record(raw.ALLOC, 9, 9, position=r.tail)", f"r.write(r.tail, {written})")
                    attacker.kill()
                    self.server.wait_for_line(LEFT_3.format(pid=attacker.pid, uid=ATTACKER))
                ended = self.wait_for_end_of(attacker.pid, self.watch)
                self.assertEqual((ended["buffers"], ended["lost"]), (3, 0))

    def test_18_a_child_that_holds_socket_and_ring_of_the_dead(self):
        """The death is seen at once, by the process and not by the socket. What the child writes afterwards into what
        it inherited goes nowhere: that was its parent's."""
        with self.attack(RingPuppet, logs=LEFT_3) as attacker:
            attacker.do(THREE)
            attacker.run(INHERIT)
            attacker.kill()
            self.wait_for_end_of(attacker.pid, self.watch)
            self.stay()
            self.assertEqual((self.pids(), self.watch.totals(5)[0]), ({self.bystander.pid}, 0))

    def test_19_parent_and_child_both_report(self):
        """The library of a child knows that it is one: the child has a connection and a ring of its own, nothing of the
        parent's is taken for the child's, and there are never two writers in one ring."""
        with self.attack(PATIENT) as app:
            app.do("fill 7")
            self.wait_for_buffers(app.pid, 7)  # AddressSanitizer's locks survive no fork beside a busy thread
            child = app.do("fork 3")
            self.repeat(lambda: app.do("churn 2000"))
            self.wait_for_buffers(child, 3)
            self.wait_for_buffers(app.pid, 7)
            self.assertEqual([self.watch.process(pid)["sessions"] for pid in (app.pid, child)], [1, 1])
            wait_until(lambda: self.watch.figures()["rings"] == 3, "a ring each, and the bystander's")
            self.assertEqual(app.do("lost"), 0)
            os.kill(child, signal.SIGKILL)
            self.wait_for_end_of(child, self.watch)
            self.wait_for_buffers(app.pid, 7)

    def test_21_threads_that_come_and_go(self):
        """Ring and connection belong to the process: a thousand threads, fifteen at a time, need no second, and what
        each of them reported is there when it is gone."""
        with self.attack(PATIENT) as app:
            app.do("fill 1")
            self.wait_for_buffers(app.pid, 1)
            before = self.watch.figures()
            with self.asker.is_silent():
                for _ in range(67):
                    app.do("threads 15 4")
            after, entry = self.watch.figures(), self.watch.process(app.pid)
            self.assertLessEqual(after["rings"], 3)  # the bystander's, ours, and one that follows it
            self.assertEqual([after[name] - before[name] for name in ("resyncs", "sessions_accepted")], [0, 0])
            told = [entry["usage"][device, 0, raw.DRAM] for device in range(1, 16)]
            told = [(used["bytes"], used["allocations"], used["frees"]) for used in told]
            self.assertEqual(told, [(100 * 4096, 67 * 102, 67 * 2)] * 15)
            self.assertEqual(app.do("lost"), 0)

    def test_22_stopped_with_a_ring_half_full(self):
        """Who is stopped is not dead and not late: nobody waits for him, and what he published is known."""
        with self.attack(RingPuppet) as attacker:
            attacker.do("r.is_quiet = True", "[r.alloc(64 * n, 1, device_id=5) for n in range(512)]")
            os.kill(attacker.pid, signal.SIGSTOP)
            self.stay()
            self.assertEqual(self.watch.totals(5)[0], 512)
            self.wait_for_buffers(attacker.pid, 512)

    def test_23_tails_and_slots_that_no_client_writes(self):
        """Each is cut off from its ring at once, counted and told of by name; nothing behind the lie is believed. A
        record is copied before it is checked, so that a second writer gains nothing by being quick."""
        self.check_cut_off(WILD)
        with self.attack(RingPuppet, logs=CUT_OFF) as attacker:
            attacker.run(SCRIBBLE)
            attacker.run(WRITE_ON)
            self.stay()

    def test_24_memory_that_is_taken_away(self):
        """The server made it and sealed its size, so that it cannot become shorter; holes and zeros are no records."""
        with self.attack(RingPuppet) as attacker:
            attacker.run(
                """
                def is_refused(attempt, *arguments):
                    try:
                        attempt(*arguments)
                    except PermissionError:
                        return True
                verdict = [is_refused(os.ftruncate, r.descriptor, size) for size in (0, 4096, r.size - 1, r.size + 1)]
                verdict += [is_refused(fcntl.fcntl, r.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)]
                """
            )
            self.assertEqual(attacker.ask("verdict"), [True] * 5)
        self.check_cut_off(GONE)

    def test_26_no_wake_up_is_lost(self):
        """One client fills its ring as fast as it can, and would wait for 10 s and then count losses. Another wakes
        the server for each pair of reports, often just when it goes to sleep, and waits until it has the last.
        Nobody asks meanwhile, since that would do for a wake-up."""
        with self.attack(PATIENT) as app, self.asker.is_silent():
            racer = self.attacker(RingPuppet)
            racer.run(RACE)
            longest = 0

            def hurry():
                nonlocal longest
                longest = max(longest, app.do("churn 100000")["longest_ns"])
                racer.do("race(100)")

            app.do("fill 100")
            self.repeat(hurry)
            self.assertLess(longest, 5e9)
            self.assertEqual(app.do("lost"), 0)
            self.wait_for_buffers(app.pid, 100)
            self.wait_for_buffers(racer.pid, 0)

    def test_50_counters_that_wrap(self):
        """Rings begin 1024 records before 2^64, so that every client passes it early, the bystander too. Nothing is
        lost or told twice there, nor where the 32 bits in a record wrap."""
        with self.attack(RingPuppet) as attacker:
            begun = attacker.ask("r.tail")
            self.assertGreater(begun, 2**64 - 1025)
            attacker.run("for n in range(3000): r.alloc(64 * n, 1, device_id=5)")
            self.assertLess(attacker.ask("r.tail"), 4000)
            self.wait_for_buffers(attacker.pid, 3000)
            again = "for n in range(500): r.free(64 * n, device_id=5); r.alloc(64 * n, 1, device_id=5)"
            self.repeat(lambda: attacker.run(again))
            self.wait_for_buffers(attacker.pid, 3000)
            entry, made = self.watch.process(attacker.pid), attacker.ask("r.made")
            used = entry["usage"][5, 0, raw.DRAM]
            self.assertEqual((used["allocations"] + used["frees"], used["bytes"], entry["lost"]), (made, 3000, 0))


class OlderKernel(HostileTest):
    """One that cannot refuse descriptors."""

    PREFIX = PREFIX_OF_OLDER

    def test_24_memory_that_is_replaced(self):
        """Descriptors that a client sends in its ring's place are closed unread, whatever they are of: other memory, a
        pipe, which keeps what is in it, or what can only be looked at. The ring stays."""
        with self.attack(RingPuppet) as attacker:
            attacker.run(
                """
                read_end, write_end = os.pipe()
                os.write(write_end, bytes(4096))
                theirs, ours = raw.socket.socketpair()
                ours.send(bytes(4096))
                memory = os.memfd_create("own")
                os.truncate(memory, r.size)
                others = [memory, read_end, write_end, theirs.fileno(), os.open("/", os.O_RDONLY)]
                others += [os.open("/dev/null", os.O_PATH), os.dup(r.descriptor), c.socket.fileno()]
                for number, each in enumerate(others):
                    raw.socket.send_fds(c.socket, [raw.own(raw.RING_WAKE)], [each] * 10)
                    r.alloc(64 * number, 1, device_id=5)
                c.fence()
                """
            )
            self.assertEqual(self.watch.totals(5)[0], attacker.ask("len(others)"))
            self.assertEqual(attacker.ask("(len(os.read(read_end, 8192)), len(theirs.recv(8192)))"), (4096, 4096))


class Stopped(HostileTest):
    """The server itself is stopped or killed, so the innocents wait too; what they may not is lose without counting."""

    IS_STOPPED = True

    def test_25_a_ring_that_stays_full(self):
        """An application waits once, for a moment, and then counts what it loses; when the server goes on, both agree
        on the number to the report, and the figures are exact again."""
        with self.attack(App) as app:
            app.do("fill 100")
            self.wait_for_buffers(app.pid, 100)
            with self.server.is_stopped():
                took = app.do("churn 200000")
                lost = app.do("lost")
            self.assertLess(took["total_ns"], 1e9)  # of which the one that waits has a millisecond
            self.assertGreater(lost, 100_000)
            wait_until(lambda: self.watch.process(app.pid)["lost"] == lost, "the server to know how many were lost")
            self.wait_for_buffers(app.pid, 100)

    def test_27_killed_with_many_live_buffers(self):
        """Another server is told by all clients what they hold. Nothing is lost, and nobody is said to have left
        anything: that the server died says nothing about its clients."""
        with self.attack(PATIENT, besides="^Listening on ") as app:
            app.do("fill 100000")
            self.wait_for_buffers(app.pid, 100_000)
            self.restart_server()
            self.wait_for_buffers(app.pid, 100_000)
            app.do("empty")
            self.wait_for_buffers(app.pid, 0)
            self.assertEqual(app.do("lost"), 0)


if __name__ == "__main__":
    unittest.main()
