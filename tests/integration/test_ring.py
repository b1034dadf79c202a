# SPDX-License-Identifier: Apache-2.0
"""Reports through a ring (PROTOCOL.md, section 7): what is in it counts when somebody asks, in the order in which it
was written, to the last record of a process that was killed; and nobody gets more rings than he may have."""

import os
import random
import signal
import unittest

import raw
from harness import read_stat, wait_until
from raw import DRAM, L1, SYSTEM_MEMORY
from ring_test import SUSPECT_UID, BarePuppet, RingTest

TICK = (1 << 23) / 1e9


def has_ended(pid):
    """Whoever inherits it may not have waited for it yet."""
    try:
        return read_stat(pid)[0] == "Z"
    except FileNotFoundError:
        return True


class Reports(RingTest):
    def test_a_question_sees_what_no_wake_announced(self):
        wakes = self.watch.figures()["wakes"]
        self.a.do("r.alloc(0x1000, 1000, device_id=5)", "r.alloc(0x2000, 24, device_id=5)", "r.free(0x1000)")
        self.assertEqual(self.a.ask("r.waiting()"), 3)
        self.assertEqual(self.watch.totals(5)[0], 1024)
        self.assertEqual(self.a.ask("r.waiting()"), 0)
        self.a.do("r.free(0x1000, device_id=5)")
        self.assertEqual(self.watch.totals(5)[0], 24)
        self.assertEqual(self.counted(), {"reports": 4, "allocations": 2, "frees": 1, "unknown_free": 1})
        self.assertEqual(self.watch.figures()["wakes"], wakes)

    def test_each_kind_of_question_sees_it(self):
        """One reader per kind: each is the first to ask since the last report."""
        questions = {
            "QUERY": lambda c: c.totals(6)[0],
            "DEVICE_INFO_QUERY": lambda c: c.info(6)["is_available"] and self.a.ask("r.waiting()") == 0,
            "LIST_DEVICES": lambda c: c.entries(raw.LIST_DEVICES, device_id=6)[0]["usage"][6, 0, DRAM]["bytes"],
            "LIST_PROCESSES": lambda c: c.entries(raw.LIST_PROCESSES, process_id=self.a.pid)[0]["buffers"],
            "LIST_BUFFERS": lambda c: len(c.records(raw.LIST_BUFFERS, process_id=self.a.pid)),
            "LIST_FIGURES": lambda c: c.figures()["allocations"] - self.figures_at_start["allocations"],
        }
        for number, (name, ask) in enumerate(questions.items(), 1):
            self.a.do(f"r.alloc(64 * {number}, 1, device_id=6)")
            self.assertEqual(ask(self.watch), 1 if name == "DEVICE_INFO_QUERY" else number, name)

    def test_every_region_and_a_free_that_knows_none(self):
        for region in range(7):
            self.a.do(f"r.alloc(0x1000, {10 + region}, {region})")
        self.assertEqual(self.held(), {(0, region, 0x1000): (10 + region, 1) for region in range(7)})
        self.a.do("r.free(0x1000, raw.CB)", "r.free(0x1000, raw.KERNEL)", "r.free(0x1000, 255)")
        self.assertEqual(self.held().keys(), {(0, region, 0x1000) for region in range(4)})
        self.a.do("r.alloc(0x9000, 1, raw.L1)", "r.free(0x9000, 255)", "r.free(0x7777, 255)")
        self.assertEqual(
            self.counted(),
            {"reports": 13, "allocations": 8, "frees": 4, "unknown_free": 1, "ambiguous_free": 1},
        )

    def test_references_and_replacements(self):
        self.a.do("r.alloc(0x1000, 64)", "r.alloc(0x1000, 64)", "r.alloc(0x2000, 1)", "r.alloc(0x2000, 2)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (64, 2), (0, DRAM, 0x2000): (2, 1)})
        self.assertEqual(self.counted(), {"reports": 4, "allocations": 4, "shared": 1, "replaced": 1})

    def test_reports_that_are_refused(self):
        """They count as they do in frames, and the connection lives: no record is a reason to doubt the next."""
        for _ in range(20):
            self.a.do("r.alloc(1, 1, device_id=-5)", "r.alloc(1, 2**48)", "r.alloc(1, 1, 9)", "r.free(1, 9)")
        self.a.do("r.alloc(0x1000, 64)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (64, 1)})
        counted = self.counted()
        self.assertEqual(counted["reports"], 81)
        self.assertEqual((counted["refused_device"], counted["refused_size"], counted["refused_region"]), (20, 20, 40))
        self.assertEqual(self.process()["lost"], 80)
        self.assertNotIn("lost_reports", counted)

    def test_ages(self):
        self.a.do("r.alloc(1, 1)", "r.alloc(2, 1, when=raw.tick(30))", "r.alloc(3, 1, when=raw.tick(-3600))")
        ages = self.ages()
        self.assertAlmostEqual(ages[1], 0, delta=5)
        self.assertAlmostEqual(ages[2], 30, delta=5)
        self.assertAlmostEqual(ages[3], 0, delta=0.1)

    def test_ages_of_a_clock_that_is_not_ours(self):
        """Far ahead of ours, or about to wrap: only differences count."""
        for number, (sent_at, when) in enumerate(((0x80000000, 0x80000000), (5, 5), (0xFFFFFFFF, 0xFFFFFFFF)), 1):
            ago = round(20 / TICK)
            puppet = self.ring_puppet(SUSPECT_UID, BarePuppet)
            puppet.do(
                "c = raw.Raw(path)",
                f"c.hello(raw.REPORTER, features=raw.RING_FEATURES, sent_at={sent_at})",
                "r = c.ring()",
                f"r.alloc({number}, 1, when={(when - ago) % 2**32})",
                f"r.alloc({number + 10}, 1, when={when})",
            )
            self.a = puppet
            ages = self.ages()
            self.assertAlmostEqual(ages[number], 20, delta=5)
            self.assertAlmostEqual(ages[number + 10], 0, delta=5)

    def test_the_counters_wrap(self):
        self.a.run("for n in range(5000): r.alloc(64 * n, n + 1, device_id=5)")
        self.assertEqual(self.watch.totals(5)[0], 5000 * 5001 // 2)
        records = 5000 + 2  # with the resync
        self.assertEqual(self.a.ask("(r.tail, r.head())"), ((raw.Ring.START + records) % 2**64,) * 2)
        self.assertEqual(self.counted(), {"reports": 5000, "allocations": 5000})

    def test_each_quarter_wakes(self):
        self.a.run("for n in range(256): r.alloc(64 * n, 1)")
        self.a.do("r.wait_until_taken(2)")

    def test_a_full_ring_is_taken_when_it_is_said(self):
        self.a.run(
            """
            r.is_quiet = True
            while r.waiting() < r.slots: r.alloc(64 * r.made, 1)
            assert r.waiting() == 1024
            c.wake()
            r.wait_until_taken()
            """
        )
        self.assertEqual(self.process()["buffers"], self.a.ask("r.made"))

    def test_any_frame_of_the_connection_wakes(self):
        self.a.do("r.alloc(64, 1)", "c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 0))", "r.wait_until_taken()")

    def test_records_in_frames(self):
        frames = "c.send_records(*(raw.record(raw.{}, 64 * n, {}, raw.L1, 5) for n in range(100)))"
        self.a.do("c.fence()", frames.format("ALLOC", "n"), "c.fence()")
        self.assertEqual(self.watch.totals(5)[1], 99 * 100 // 2)
        self.a.do(frames.format("FREE", "0"), "c.fence()")
        self.a.do("c.records_frame(raw.record(raw.ALLOC, 1, 7, raw.DRAM, 5, when=raw.tick(30)))", "c.fence()")
        self.assertEqual(self.held(), {(5, DRAM, 1): (7, 1)})
        self.assertAlmostEqual(self.ages()[1], 30, delta=5)
        self.assertEqual(self.counted(), {"reports": 201, "allocations": 101, "frees": 100})

    def test_frames_that_hold_no_records(self):
        record = "raw.record(raw.ALLOC, 1, 1)"
        self.a.do("c.fence()")
        for records, count in (("", 0), (record, 4), (record, 2**64 - 1), ("raw.record(200)", 1), ("bytes(32)", 1)):
            self.a.do(f"c.records_frame(*[{records}], count={count})", "c.fence()")
        self.assertEqual(self.counted(), {"bad_frames": 5})


class Order(RingTest):
    def test_the_next_ring_begins_where_the_last_ended(self):
        self.a.do("r.alloc(0x1000, 64)", "n = c.ring(4096)", "r = r.switch_to(n)", "r.free(0x1000)")
        self.assertEqual(self.held(), {})
        self.assertEqual(self.counted(), {"reports": 2, "allocations": 1, "frees": 1})
        self.assertEqual(self.a.ask("(r.slots, r.waiting())"), (4096, 0))

    def test_what_is_in_the_next_ring_waits_for_the_first(self):
        """Both have records before the server looks at either, and a wake-up comes between."""
        self.a.do("n = c.ring(2048)", "n.made = 1", "n.alloc(0x1000, 64)", "c.wake()", "r.alloc(0x1000, 32)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (32, 1)})
        self.a.do("r.put(raw.RING_SWITCH)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (64, 1)})
        self.assertEqual(self.counted(), {"reports": 2, "allocations": 2, "replaced": 1})

    def test_a_switch_in_a_full_ring(self):
        self.a.run(
            """
            r.is_quiet = True
            while r.waiting() < r.slots - 1: r.alloc(64, 1)
            n = c.ring(1024)
            while r.waiting() < r.slots - 1: r.alloc(64, 1)
            r = r.switch_to(n)
            made = r.made
            for _ in range(made): r.free(64)
            """
        )
        self.assertEqual(self.held(), {})
        made = self.a.ask("made")
        self.assertEqual(
            self.counted(), {"reports": 2 * made, "allocations": made, "frees": made, "shared": made - 1}
        )

    def test_random_reports_across_many_rings(self):
        dice = random.Random(20261122)
        live, steps = {}, []
        for number in range(6000):
            name = (dice.randrange(3), dice.choice((DRAM, L1, SYSTEM_MEMORY)), 64 * dice.randrange(200))
            if name in live and dice.random() < 0.6:
                del live[name]
                steps.append(f"r.free({name[2]}, {name[1]}, device_id={name[0]})")
            elif name not in live:
                live[name] = (number + 1, 1)
                steps.append(f"r.alloc({name[2]}, {number + 1}, {name[1]}, device_id={name[0]})")
            if number % 700 == 699:
                steps.append(f"r = r.switch_to(c.ring({dice.choice((1024, 2048, 4096))})); c.fence()")
        self.a.run("\n".join(steps))
        self.assertEqual(self.held(), live)
        counted = self.counted()
        self.assertEqual(counted["allocations"] - counted["frees"], len(live))
        self.assertEqual(counted.keys(), {"reports", "allocations", "frees"})
        self.assertEqual(self.watch.figures()["rings"], 2)


class Ends(RingTest):
    def make_and_die(self, how):
        self.a.run("for n in range(300): r.alloc(64 * n, 1024)\nfor n in range(100): r.free(64 * n)")
        self.a.tell(how)

    def check_report(self, how, count=200):
        line = rf"Process {self.a.pid} \(.*\) {how} but left {count} buffers allocated"
        self.server.wait_for_line(line)
        ended = self.wait_for_end_of(self.a.pid, self.watch)
        self.assertEqual((ended["buffers"], ended["flags"], ended["lost"]), (count, raw.ACCOUNTED, 0))
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} \("), 1)

    def test_killed_with_records_in_the_ring(self):
        self.make_and_die("os.kill(os.getpid(), signal.SIGKILL)")
        self.check_report("exited")
        self.assertEqual(self.counted()["frees"], 100)

    def test_hung_up_with_records_in_the_ring(self):
        self.make_and_die("c.close()")
        self.check_report("closed its connection")

    def test_a_stream_that_ends_in_the_middle_of_a_frame(self):
        self.make_and_die("c.send_bytes(raw.own(raw.RING_WAKE)[:50]); c.close()")
        self.check_report("closed its connection")

    def test_killed_while_it_wrote(self):
        """What lies behind the tail was never reported, half or whole."""
        self.make_and_die(
            "r.write(r.tail, raw.record(raw.FREE, 64 * 299, position=r.tail));"
            "r.write(r.tail + 1, raw.record(raw.FREE, 64 * 298)[:16] + bytes(16)); os.kill(os.getpid(), signal.SIGKILL)"
        )
        self.check_report("exited")

    def test_killed_with_two_rings(self):
        self.make_and_die(
            "n = c.ring(4096); r = r.switch_to(n); [r.free(64 * n) for n in range(100, 200)];"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        self.check_report("exited", 100)

    def test_killed_while_the_server_was_about_to_stop(self):
        """The end of both at once: the process is judged by all it has reported."""
        with self.server.is_stopped():
            self.make_and_die("os.kill(os.getpid(), signal.SIGKILL)")
            self.a.process.wait()
            self.server.process.terminate()
        self.server.stop()
        self.server.wait_for_line(rf"Process {self.a.pid} \(.*\) exited but left 200 buffers allocated")

    def test_a_forked_child_keeps_socket_and_ring(self):
        """The process is gone when it is gone; what the child writes later into its parent's ring is nobody's."""
        self.a.run(
            """
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            heir = os.fork()
            if heir == 0:
                signal.sigwait({signal.SIGUSR1})
                for n in range(50): r.alloc(64 * n + 32, 4096)
                os._exit(0)
            """
        )
        heir = self.a.ask("heir")
        descriptors = self.server.fd_count()
        self.make_and_die("os.kill(os.getpid(), signal.SIGKILL)")
        self.check_report("exited")
        wait_until(lambda: self.server.fd_count() < descriptors, "the server to let go of the connection")
        os.kill(heir, signal.SIGUSR1)
        wait_until(lambda: has_ended(heir), "the heir to have written")
        self.assertEqual(self.watch.status(raw.LIST_PROCESSES, process_id=self.a.pid), "ESRCH")
        self.assertEqual(self.counted()["allocations"], 300)

    def test_stopped_with_a_ring_half_full(self):
        self.a.run("r.is_quiet = True\nfor n in range(512): r.alloc(64 * n, 1, device_id=5)")
        os.kill(self.a.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.a.pid, signal.SIGCONT)
        with self.others_are_served():
            self.assertEqual(self.watch.totals(5)[0], 512)
        self.innocent.run("for n in range(3000): r.alloc(64, 1); r.free(64)")
        self.assertEqual(self.process()["buffers"], 512)
        self.assertFalse(self.is_inexact())
        os.kill(self.a.pid, signal.SIGCONT)
        self.a.do("r.free(0, device_id=5)")
        self.assertEqual(self.watch.totals(5)[0], 511)


class SetUp(RingTest):
    SUSPECT = BarePuppet
    CONNECT = "c = raw.Raw(path); c.hello(raw.REPORTER, features=raw.RING_FEATURES)"

    def statuses(self, *slots):
        return [-status for status in self.a.ask(f"[c.request_ring(n)[0]['status'] for n in {slots}]")]

    def test_what_a_new_ring_looks_like(self):
        self.a.do(self.CONNECT, "reply, fds = c.request_ring(4096)")
        reply = self.a.ask("reply")
        self.assertEqual((reply["slots"], reply["size"], reply["status"]), (4096, 4096 + 32 * 4096, 0))
        self.a.do("r = raw.Ring(c, reply, *fds)")
        self.assertEqual(self.a.ask("(r.head(), r.tail, r.peek(r.MADE_AT))"), (raw.Ring.START, raw.Ring.START, 0))
        self.assertEqual(self.a.ask("r.memory[4096:].count(0)"), 32 * 4096)
        figures = self.watch.figures()
        self.assertEqual(figures["rings"], 2)
        self.assertGreaterEqual(figures["ring_bytes"], 2 * 4096 + 32 * (1024 + 4096))

    def test_numbers_of_slots_that_are_none(self):
        silly = (0, 1, 512, 1000, 1023, 1025, 4095, 65535, 65537, 131072, 2**32, 2**63, 2**64 - 1)
        self.a.do(self.CONNECT)
        self.assertEqual(self.statuses(*silly), [22] * len(silly))
        self.assertEqual(self.watch.figures()["rings"], 1)
        for slots in (1024, 2048, 65536):
            self.a.do(self.CONNECT, f"r = c.ring({slots})")
            self.assertEqual(self.a.ask("r.slots"), slots)

    def test_one_ring_in_use_and_one_to_follow(self):
        self.a.do(self.CONNECT)
        self.assertEqual(self.statuses(1024, 1024, 1024, 1024), [0, 0, 16, 16])
        self.assertEqual(self.watch.figures()["rings"], 3)

    def test_many_requests(self):
        self.a.do(self.CONNECT)
        descriptors = self.server.fd_count()
        with self.others_are_served():
            self.assertEqual(self.statuses(*[65536] * 500), [0, 0] + [16] * 498)
        self.assertEqual(self.server.fd_count(), descriptors)
        self.assertEqual(self.watch.figures()["rings"], 3)

    def test_many_requests_that_do_not_wait_for_the_answer(self):
        """They get one ring or two; what else becomes of this connection is its own affair."""
        descriptors = self.server.fd_count()
        self.a.do(self.CONNECT)
        with self.others_are_served():
            self.a.do("c.send_bytes(raw.own(raw.RING_REQUEST, slots=65536) * 500)")
        self.assertLessEqual(self.watch.figures()["rings"], 3)
        self.a.do("c.close()")
        wait_until(lambda: self.server.fd_count() == descriptors, "the server to forget it")
        wait_until(lambda: self.watch.figures()["rings"] == 1, "the rings to go")

    def test_a_ring_costs_no_descriptor(self):
        self.a.do(self.CONNECT)
        descriptors = self.server.fd_count()
        self.a.do("r = c.ring()", "c.fence()")  # the server closes its own when it has sent it
        self.assertEqual(self.server.fd_count(), descriptors)

    def test_who_did_not_ask_for_the_feature(self):
        for hello in ("", "c.hello(raw.REPORTER, features=raw.FREE_REGION)"):
            self.a.do("c = raw.Raw(path)", hello or "pass", "c.fence()")
            for type_ in ("RING_REQUEST", "RECORDS"):
                before = self.watch.figures()["bad_frames"]
                self.a.do(f"c.send_bytes(raw.own(raw.{type_}))", "c.fence()")
                self.assertEqual(self.watch.figures()["bad_frames"], before + 1, (hello, type_))

    def test_hanging_up_at_each_stage(self):
        descriptors = self.server.fd_count()
        request = "c.send_bytes(raw.own(raw.RING_REQUEST, slots=1024))"
        stages = (
            "pass",
            request,
            f"{request}; c.wait_until_read()",
            f"{request}; c.socket.recv(50)",
            "c.request_ring(1024)",
            "c.ring()",
            f"c.ring(); {request}",
            "c.ring(); c.ring(2048)",
            "r = c.ring(); r.begin(100)",
            "r = c.ring(); r.resync((1, 1)); r.put(raw.FREE, buffer_id=1)",
        )
        for stage in stages:
            for _ in range(5):
                self.a.do(self.CONNECT, stage, "c.close()")
            wait_until(lambda: self.server.fd_count() == descriptors, f"the server to forget: {stage}")
            self.assertEqual(self.watch.figures()["rings"], 1, stage)

    def test_a_flood_of_wake_ups(self):
        self.a.do(self.CONNECT, "r = c.ring()", "r.resync()")
        wakes = self.watch.figures()["wakes"]
        with self.others_are_served():
            self.a.do("c.send_bytes(raw.own(raw.RING_WAKE) * 20000)")
        self.a.do("r.alloc(1, 64)", "c.fence()")
        self.assertEqual(self.watch.figures()["wakes"] - wakes, 20000)
        self.assertEqual(self.process()["buffers"], 1)

    def test_a_wake_up_without_a_ring(self):
        self.a.do(self.CONNECT, "c.wake()", "c.fence()", "r = c.ring()", "r.alloc(1, 1)")
        self.assertEqual(self.process()["buffers"], 1)

    def test_rings_are_bounded_per_user(self):
        self.require_root()
        self.a.run(
            """
            many, statuses = [], []
            while len(many) < 900 and not (statuses and statuses[-1]):
                many.append(raw.Raw(path))
                many[-1].hello(raw.REPORTER, features=raw.RING_FEATURES)
                for _ in range(2):
                    reply, fds = many[-1].request_ring(65536)
                    statuses.append(-reply["status"])
                    for fd in fds: os.close(fd)
            """
        )
        statuses = self.a.ask("statuses")
        self.assertEqual(statuses[-1], 122)
        self.assertGreater(statuses.count(0), 8)
        self.assertLessEqual(self.watch.figures()["ring_bytes"], 1 << 30)
        self.a.do("many[-1].alloc(1, 77, device_id=5)", "many[-1].fence()")
        self.assertEqual(self.watch.totals(5)[0], 77)
        other = self.ring_puppet()
        other.do("r.alloc(1, 23, device_id=5)")
        self.assertEqual(self.watch.totals(5)[0], 100)
        self.a.run("for one in many: one.close()")
        wait_until(lambda: self.watch.figures()["rings"] == 2, "the rings to go")


if __name__ == "__main__":
    unittest.main()
