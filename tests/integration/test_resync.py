# SPDX-License-Identifier: Apache-2.0
"""Resync (PROTOCOL.md, section 8): whatever was lost, and whoever was restarted, afterwards the server holds what the
client holds; until then it says that it may not. And each report that was made was applied or is counted as lost."""

import random
import unittest

import raw
from harness import wait_until
from raw import DRAM, L1, POOL_DRAM, TRACE
from ring_test import POOL, SUSPECT_UID, BarePuppet, RingTest


class ResyncTest(RingTest):
    def reconnect(self, puppet=None, slots=1024, **hello):
        """A connection and a ring, and nothing in it yet."""
        hello = {"instance": (puppet or self.a).pid, **hello}
        (puppet or self.a).do(
            "made = r.made if 'r' in globals() else 0",
            "c = raw.Raw(path)",
            f"c.hello(raw.REPORTER, features=raw.RING_FEATURES, **{hello})",
            f"r = c.ring({slots})",
            "r.made = made",
        )

    def settled(self):
        """The process, when no sweep goes on."""
        return wait_until(lambda: not self.is_inexact() and self.process(), "the process to be exact")


class Sweep(ResyncTest):
    def test_what_is_not_told_is_swept(self):
        self.a.run("for n in range(100): r.alloc(64 * n, 10, device_id=5)")
        self.a.do("r.resync(*((64 * n, 10, raw.DRAM, 1, ) for n in range(50)))")
        self.assertEqual(len(self.held()), 150)
        self.assertEqual(self.settled()["buffers"], 50)

    def test_effects_of_what_is_told(self):
        self.a.do("r.alloc(0x1000, 64)", "r.alloc(0x2000, 64)", "r.alloc(0x3000, 64)", "r.alloc(0x3000, 64)")
        self.a.do(
            "r.begin(4)",
            "r.tell(0x1000, 64)",  # as it was
            "r.tell(0x2000, 32)",  # another size
            "r.tell(0x3000, 64, references=5, when=raw.tick(100))",
            "r.tell(0x4000, 8, raw.L1, references=2)",  # new
            "r.tell(0x4000, 8, raw.L1, references=2)",  # the same again
            "r.end(4)",
        )
        self.settled()
        self.assertEqual(
            self.held(),
            {
                (0, DRAM, 0x1000): (64, 1),
                (0, DRAM, 0x2000): (32, 1),
                (0, DRAM, 0x3000): (64, 5),
                (0, L1, 0x4000): (8, 2),
            },
        )
        self.assertAlmostEqual(self.ages()[0x3000], 100, delta=5)
        self.assertEqual(
            self.counted(), {"reports": 4, "allocations": 4, "shared": 1, "resyncs": 1, "announced": 5}
        )

    def test_reports_in_between(self):
        self.a.do("[r.alloc(n, 10) for n in range(1, 9)]", "r.begin(7)")
        self.a.do(
            "r.tell(1, 10)",
            "r.free(1)",  # told, then freed
            "r.free(2)",  # freed before it was told
            "r.alloc(20, 5)",  # new, and never told
            "r.alloc(21, 5)",
            "r.tell(21, 5)",  # new, and told all the same
            "r.alloc(3, 10)",  # its free was lost
            "r.free(99)",  # its allocation was lost, and its end overtook the telling
            "[r.tell(n, 10) for n in range(4, 8)]",  # 8 is gone
            "r.end(7)",
        )
        self.settled()
        held = {id_: value for (_, _, id_), value in self.held().items()}
        self.assertEqual(held, {**dict.fromkeys((3, 4, 5, 6, 7), (10, 1)), 20: (5, 1), 21: (5, 1)})
        counted = self.counted()
        self.assertEqual(counted.pop("replaced"), 1)
        self.assertEqual(
            counted,
            {"reports": 14, "allocations": 11, "frees": 2, "overtaken": 1, "resyncs": 1, "announced": 6, "swept": 1},
        )
        self.a.do("r.free(99)")
        self.assertEqual((self.counted()["unknown_free"], self.counted()["overtaken"]), (1, 1))

    def test_counts_and_peaks(self):
        self.a.do("r.alloc(1, 100)", "r.free(1)")
        self.a.do(
            "r.begin(1)",
            "r.tell(2, 30)",
            "r.put(raw.RESYNC_COUNTS, region=raw.DRAM, buffer_id=1000, size=999)",
            "r.put(raw.RESYNC_PEAK, region=raw.DRAM, buffer_id=5000)",
            "r.put(raw.RESYNC_PEAK, region=16 + raw.POOL_DRAM, buffer_id=7000)",
            "r.end(1)",
        )
        self.settled()
        region, pool = self.usage(DRAM), self.usage(POOL_DRAM, POOL)
        self.assertEqual((region["allocations"], region["frees"]), (1000, 999))
        self.assertEqual((region["bytes"], region["peak_bytes"], pool["peak_bytes"]), (30, 5000, 7000))
        self.a.do("r.begin(1)", "r.tell(2, 30)", "r.put(raw.RESYNC_PEAK, region=raw.DRAM, buffer_id=40)", "r.end(1)")
        self.settled()
        self.assertEqual(self.usage(DRAM)["peak_bytes"], 5000)

    def test_a_large_one(self):
        """20000 buffers through 1024 slots, twice; others are served while it is swept."""
        self.a.run("for n in range(20000): r.alloc(64 * n, 1)")
        self.a.run("r.begin(1)\nfor n in range(20000): r.tell(64 * n, 1)\nr.end(20000)")
        self.assertEqual(self.settled()["buffers"], 20000)
        with self.others_are_served():
            self.a.do("r.resync((64, 1))")
        self.assertEqual(self.settled()["buffers"], 1)
        self.assertEqual(self.counted()["swept"], 19999)

    def test_in_frames(self):
        self.a.run(
            """
            c.fence()
            for n in range(100): c.alloc(64 * n, 10)
            records = [raw.record(raw.RESYNC_BUFFER, 64 * n, 10, references=2) for n in range(20)]
            begin = raw.record(raw.RESYNC_BEGIN, 20, 100)
            end = raw.record(raw.RESYNC_END, 20, 100)
            c.send_records(begin, *records, end)
            c.fence()
            """
        )
        self.settled()
        self.assertEqual(self.held(), {(0, DRAM, 64 * n): (10, 2) for n in range(20)})
        self.assertEqual(
            self.counted(), {"reports": 100, "allocations": 100, "resyncs": 1, "announced": 20, "swept": 80}
        )

    def test_random_losses(self):
        """A client of random habits that loses what it likes, and heals it: the server has what it has."""
        dice = random.Random(4711)
        live, references, made, steps = {}, {}, 0, []
        for round_ in range(30):
            losing = False
            for _ in range(dice.randrange(200)):
                losing = dice.random() < (0.9 if losing else 0.02)
                name = (dice.choice((DRAM, L1, TRACE)), 64 * dice.randrange(60))
                region, id_ = name
                if name in live and dice.random() < 0.6:
                    references[name] -= 1
                    step = f"r.free({id_}, {region})"
                    if not references[name]:
                        del live[name], references[name]
                elif name in live:
                    references[name] += 1
                    step = f"r.alloc({id_}, {live[name]}, {region})"
                else:
                    live[name] = dice.randrange(1, 1000)
                    references[name] = 1
                    step = f"r.alloc({id_}, {live[name]}, {region})"
                made += 1
                steps.append("r.lose()" if losing else step)
            if round_ % 3 == 0:
                steps.append("c.wake()")
            told = [(id_, size, region, references[region, id_]) for (region, id_), size in live.items()]
            steps.append(f"r.resync(*{told})")
        self.a.run("\n".join(steps))
        self.settled()
        self.assertEqual(self.held(), {(0, *name): (size, references[name]) for name, size in live.items()})
        counted = self.counted()
        self.assertEqual(counted["reports"] + counted["lost_reports"], made)
        self.assertEqual(counted["lost_reports"], steps.count("r.lose()"))
        self.assertNotIn("resync_mismatch", counted)


class Exactness(ResyncTest):
    def test_reports_that_never_came(self):
        self.a.do("r.alloc(1, 1)", "r.lose(7)", "r.alloc(2, 1)")
        process = self.process()
        self.assertEqual((process["flags"], process["lost"]), (raw.INEXACT, 7))
        self.a.do("r.lose(3)")
        self.assertEqual(self.process()["lost"], 10)
        self.assertEqual(self.counted(), {"reports": 2, "allocations": 2, "lost_reports": 10})
        self.a.do("r.resync((1, 1), (2, 1), (3, 1))")
        process = self.settled()
        self.assertEqual((process["buffers"], process["lost"]), (3, 10))
        self.a.do("r.alloc(4, 1)", "r.free(1)")
        self.assertFalse(self.is_inexact())
        self.assertEqual(self.counted()["lost_reports"], 10)

    def test_losses_that_only_a_resync_tells(self):
        """Without a ring there is no counter to look at."""
        self.a.do("c.fence()", "c.alloc(1, 1)", "c.send_records(raw.record(raw.RESYNC_BEGIN, 1, 6))", "c.fence()")
        self.assertEqual((self.process()["lost"], self.counted()["lost_reports"]), (5, 5))
        self.assertTrue(self.is_inexact())
        self.a.do("c.send_records(raw.record(raw.RESYNC_BUFFER, 1, 1, references=1))")
        self.a.do("c.send_records(raw.record(raw.RESYNC_END, 1, 6))", "c.fence()")
        self.assertEqual(self.settled()["lost"], 5)

    def test_losses_during_a_resync(self):
        """They make it worthless: what was lost may have been about a buffer that was told."""
        self.a.do("r.begin(1)", "r.tell(1, 1)", "r.lose(2)", "r.end(1)")
        self.assertEqual(self.counted()["lost_reports"], 2)
        self.assertTrue(self.is_inexact())
        self.a.do("r.resync((1, 1))")
        self.assertEqual(self.settled()["buffers"], 1)

    def test_while_a_resync_runs(self):
        self.a.do("r.alloc(1, 1)", "r.begin(1)")
        self.assertTrue(self.is_inexact())
        self.a.do("r.tell(1, 1)")
        self.assertTrue(self.is_inexact())
        self.a.do("r.end(1)")
        self.settled()

    def test_an_end_that_tells_another_number(self):
        self.a.do("r.begin(3)", "r.tell(1, 1)", "r.tell(2, 1)", "r.end(3)")
        wait_until(lambda: self.counted().get("resync_mismatch") == 1, "the mismatch to be counted")
        self.assertTrue(self.is_inexact())
        self.a.do("r.resync((1, 1), (2, 1))")
        self.settled()

    def test_begun_again_before_it_ended(self):
        self.a.do("[r.alloc(n, 1) for n in range(10)]", "r.begin(10)", "[r.tell(n, 1) for n in range(7)]")
        self.a.do("r.resync((1, 1), (2, 1))")
        self.assertEqual(self.settled()["buffers"], 2)
        self.assertEqual(self.counted()["swept"], 8)

    def test_begun_a_thousand_times(self):
        self.a.do("r.alloc(1, 1)")
        self.a.run("for _ in range(3000): r.begin(1); r.tell(1, 1)\nr.end(1)")
        self.assertEqual(self.settled()["buffers"], 1)
        self.assertEqual(self.counted()["announced"], 3000)

    def test_dead_in_the_middle(self):
        """What it left is told, and that it may be off."""
        self.a.do("[r.alloc(n, 1) for n in range(10)]", "r.begin(10)", "r.tell(1, 1)")
        self.a.kill()
        self.server.wait_for_line(rf"Process {self.a.pid} \(.*\) exited but left at most 10 buffers")
        self.assertTrue(self.wait_for_end_of(self.a.pid, self.watch)["flags"] & raw.INEXACT)

    def test_dead_in_a_gap(self):
        self.a.do("[r.alloc(n, 1) for n in range(10)]", "r.lose(1)")
        self.a.kill()
        self.server.wait_for_line(rf"Process {self.a.pid} \(.*\) exited but left at most 10 buffers")
        ended = self.wait_for_end_of(self.a.pid, self.watch)
        self.assertEqual((ended["flags"], ended["lost"]), (raw.INEXACT | raw.ACCOUNTED, 1))

    def test_reports_from_before_this_connection(self):
        """They were not lost: the resync tells what became of them."""
        self.a.do("c.close()")
        self.wait_for_end_of(self.a.pid, self.watch)
        caught_up = self.counted().get("caught_up", 0)
        self.reconnect()
        self.a.do("r.made = 500", "r.alloc(9, 1)", "r.resync((9, 1), (10, 1))", "r.alloc(11, 1)")
        self.assertEqual(self.settled()["buffers"], 3)
        self.assertEqual((self.counted()["caught_up"] - caught_up, self.process()["lost"]), (500, 0))


class Connections(ResyncTest):
    def test_the_server_is_killed_and_comes_back(self):
        self.a.do("[r.alloc(64 * n, n + 1, raw.L1, when=raw.tick(50)) for n in range(100)]", "r.alloc(64, 2, raw.L1)")
        self.a.do("r.free(0, raw.L1)", "r.lose(3)")
        before, made = self.held(), self.a.ask("r.made")
        self.server.kill9()
        self.server.start()
        self.watch = self.watcher()
        self.reconnect(self.innocent)
        self.innocent.do(f"r.resync(*((0x1000, size, region) for region, size in {self.INNOCENT}.items()))")
        self.reconnect()
        self.a.run(
            """
            r.begin(99)
            for n in range(1, 100): r.tell(64 * n, n + 1, raw.L1, 2 if n == 1 else 1, when=raw.tick(50))
            r.put(raw.RESYNC_COUNTS, region=raw.L1, buffer_id=101, size=1)
            r.put(raw.RESYNC_PEAK, region=raw.L1, buffer_id=5050)
            r.end(99)
            """
        )
        self.assertEqual(self.settled()["lost"], 0)
        self.assertEqual(self.held(), before)
        usage = self.usage(L1)
        self.assertEqual((usage["allocations"], usage["frees"], usage["peak_bytes"]), (101, 1, 5050))
        self.assertEqual({round(age / 10) for age in self.ages().values()}, {5})
        figures = self.watch.figures()
        self.assertEqual((figures["caught_up"], figures["lost_reports"]), (made + len(self.INNOCENT), 0))
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} "), 0)

    def test_the_same_reporter_again(self):
        """The older connection's ring is emptied, then it is closed; nothing was left behind."""
        self.a.do("[r.alloc(n, 1) for n in range(10)]", "old = c", "old_ring = r")
        sessions = self.watch.figures()["sessions"]
        self.reconnect()
        self.a.do("old.wait_for_close()")
        self.assertEqual(self.a.ask("old_ring.waiting()"), 0)
        self.assertEqual(self.watch.figures()["sessions"], sessions)
        self.assertEqual(self.process()["sessions"], 1)
        self.a.do("r.begin(9)", "[r.tell(n, 1) for n in range(1, 10)]", "r.end(9)")
        self.assertEqual(self.settled()["buffers"], 9)
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} "), 0)
        self.assertEqual(self.counted()["swept"], 1)
        self.assertEqual(self.process()["lost"], 0)

    def test_the_same_reporter_again_with_much_in_its_old_rings(self):
        """However much it is: all of it comes before the first word of the new connection."""
        self.a.run(
            """
            r = r.switch_to(c.ring(65536))
            r.is_quiet = True
            for n in range(60000): r.alloc(64 * n, 1)
            """
        )
        self.reconnect()
        self.a.do("r.alloc(7, 7)", "r.resync((7, 7), (64, 1))")
        self.settled()
        self.assertEqual(self.held(), {(0, DRAM, 7): (7, 1), (0, DRAM, 64): (1, 1)})
        self.assertEqual(self.counted()["swept"], 59999)
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} "), 0)

    def test_the_same_reporter_again_with_a_wild_ring(self):
        """The old connection is over in any case, and its successor is not to blame."""
        self.a.do("r.alloc(1, 1)", "old = c", "r.publish(tail=r.tail + 5000)")
        self.reconnect()
        self.a.do("old.wait_for_close()", "r.resync((1, 1))")
        self.assertEqual(self.settled()["buffers"], 1)
        self.assertEqual(self.process()["sessions"], 1)

    def test_the_same_reporter_again_in_the_middle_of_a_resync(self):
        self.a.do("[r.alloc(n, 1) for n in range(10)]", "r.begin(10)", "r.tell(1, 1)")
        self.reconnect()
        self.a.do("r.resync((1, 1), (2, 1))")
        self.assertEqual(self.settled()["buffers"], 2)

    def test_another_process_with_the_same_instance(self):
        """The number is a process's own: nobody closes other people's connections by guessing it."""
        self.a.do("r.alloc(1, 1)")
        for uid in (SUSPECT_UID, SUSPECT_UID + 1):
            other = self.ring_puppet(uid, BarePuppet)
            self.reconnect(other, instance=1)
            self.reconnect(other, instance=self.a.pid)
            other.do("r.resync((5, 5))")
        self.a.do("r.alloc(2, 1)")
        self.assertEqual((self.process()["buffers"], self.process()["sessions"]), (2, 1))

    def test_without_an_instance_nothing_is_closed(self):
        self.a.do("c = raw.Raw(path)", "c.hello(raw.REPORTER, features=raw.RING_FEATURES)", "r = c.ring()")
        self.a.do("d = raw.Raw(path)", "d.hello(raw.REPORTER, features=raw.RING_FEATURES)", "s = d.ring()")
        self.a.do("r.alloc(1, 1)", "s.alloc(2, 1)")
        self.assertEqual(self.process()["buffers"], 2)

    def test_two_reporters_in_one_process(self):
        """Neither sweeps what the other has told."""
        self.a.do("r.alloc(1, 1)", "first, first_ring = c, r")
        self.reconnect(instance=4711)
        self.a.do("r.made = 0", "r.resync((2, 1), (3, 1))")
        self.assertEqual(self.settled()["buffers"], 3)
        self.a.do("first_ring.resync((1, 1))")
        self.assertEqual(self.settled()["buffers"], 3)
        self.assertEqual(self.process()["sessions"], 2)
        counted = self.counted()
        self.assertEqual([counted.get(name, 0) for name in ("swept", "resync_mismatch", "lost_reports")], [0, 0, 0])
        self.a.do("first.close()")
        self.a.do("r.resync((2, 1))")
        wait_until(lambda: self.process()["sessions"] == 1, "the first reporter to go")
        self.a.do("r.resync((2, 1))")
        self.assertEqual(self.settled()["buffers"], 1)

    def test_two_reporters_at_once(self):
        """Both resync at the same time, each through a ring of its own."""
        self.a.do("first, first_ring = c, r")
        self.reconnect(instance=4711)
        self.a.run(
            """
            r.made = 0
            first_ring.begin(50); r.begin(50)
            for n in range(50):
                first_ring.tell(64 * n, 1, raw.DRAM); r.tell(64 * n, 1, raw.L1)
                c.wake()
            first_ring.end(50); r.end(50)
            """
        )
        self.assertEqual(self.settled()["buffers"], 100)

    def sockets(self):
        """How many the server has; it has files of /proc open now and then, too."""
        return sum(name.startswith("socket:") for name in self.server.descriptors())

    def test_a_thousand_reconnections(self):
        """Of one reporter that never closes: one session is left, and no descriptor or ring."""
        self.settled()
        descriptors = self.sockets()
        self.a.run(
            """
            for n in range(300):
                old, c = c, raw.Raw(path)
                c.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=os.getpid())
                made, r = r.made, c.ring()
                r.made = made
                r.resync((1, 1), (2, 1))
                r.alloc(3, 1); r.free(3)
            """
        )
        self.assertEqual(self.settled()["buffers"], 2)
        self.assertEqual((self.process()["sessions"], self.watch.figures()["rings"]), (1, 2))
        wait_until(lambda: self.sockets() == descriptors, "the server to close what was replaced")
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} "), 0)


if __name__ == "__main__":
    unittest.main()
