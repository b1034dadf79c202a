# SPDX-License-Identifier: Apache-2.0
"""The history of devices (PROTOCOL.md, HISTORY): what clients do over some seconds is what it shows afterwards."""

import collections
import select
import time
import unittest

import raw
from harness import PATIENCE, ServerTest, wait_until
from raw import DRAM, L1, POOL_DRAM, POOL_HOST, POOL_L1, SYSTEM_MEMORY
from test_python_client import ClientTest

UNIT = 4096
SECOND, MINUTE = 1000, 60000


def wait_for_second(fraction=0.3):
    """Returns shortly after the begin of a second of the clock that the server counts by."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    wait_until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) >= int(now) + 1 + fraction, "the next second")


class History(ServerTest):
    def setUp(self):
        super().setUp()
        self.watch = self.connect()
        self.watch.hello(features=raw.HISTORY_FEATURE)

    def reporter(self, **fields):
        client = self.connect()
        client.hello(raw.REPORTER, features=raw.RING_FEATURES, **fields)
        return client

    def samples(self, pool=POOL_DRAM, **filters):
        return self.watch.history(**filters)[0, pool][1]

    def test_seconds_of_frames(self):
        client = self.reporter()
        wait_for_second()
        begin = time.time()
        client.alloc(1, 5 * UNIT)
        client.alloc(2, 1, L1)
        wait_for_second()
        client.alloc(3, 20 * UNIT)
        client.free(3)
        wait_for_second()
        wait_for_second()
        client.free(1)
        client.alloc(4, 7 * UNIT, SYSTEM_MEMORY)
        client.fence()
        history = self.watch.history()
        self.assertEqual(history.keys(), {(0, POOL_DRAM), (0, POOL_L1), (0, POOL_HOST)})
        self.assertEqual(history[0, POOL_DRAM][1], [5, 5, 25, 5])
        self.assertEqual(history[0, POOL_L1][1], [1, 1, 1, 1])
        self.assertEqual(history[0, POOL_HOST][1], [7, 0, 0, 0])
        for time_, _ in history.values():
            self.assertAlmostEqual(time_ / 1e9, begin + 3 - 0.3, delta=0.25)
        wait_for_second()
        self.assertEqual(self.samples(limit=3), [0, 5, 5])
        self.assertEqual(max(self.samples(resolution=MINUTE)), 25)

    def test_seconds_of_a_ring_that_nobody_looked_at(self):
        """All is taken in with the question, and drawn where it was."""
        client = self.reporter()
        ring = client.ring()
        self.addCleanup(ring.close)
        ring.resync()
        for second, units in enumerate((3, 1, 4, 1, 5)):
            wait_for_second()
            ring.alloc(second, units * UNIT)
            ring.free(second)
        self.assertEqual(self.samples(), [5, 1, 4, 1, 3])

    def test_a_quiet_process_beside_a_loud_one(self):
        """What one reported over minutes is learned at once; the other's reports had come in all the time."""
        loud, quiet = self.reporter(), self.reporter()
        ring = quiet.ring()
        self.addCleanup(ring.close)
        ring.resync()
        wait_for_second()
        loud.alloc(1, 10 * UNIT)
        loud.fence()
        for ago in range(60, 0, -10):
            ring.alloc(ago, UNIT, when=raw.tick(ago))
        samples = self.samples()
        self.assertEqual(samples, [16])  # the row begins with the first event that came
        for _ in range(4):
            wait_for_second()
        loud.alloc(2, 10 * UNIT)
        loud.fence()
        ring.alloc(1000, 100 * UNIT, when=raw.tick(3.9))
        ring.free(1000, when=raw.tick(3.1))
        samples = self.samples()
        self.assertEqual(len(samples), 5)
        self.assertEqual((samples[0], samples[1], samples[2]), (26, 16, 16))
        self.assertIn(116, samples[3:])
        self.assertLess(max(samples), 120)

    def test_a_resync_after_a_gap(self):
        client = self.reporter(instance=7)
        ring = client.ring()
        self.addCleanup(ring.close)
        ring.resync()
        wait_for_second()
        ring.alloc(1, 10 * UNIT)
        self.watch.query()
        wait_for_second()
        ring.lose(2)  # it was freed, and another allocated
        ring.begin(1)
        ring.tell(2, 12 * UNIT)
        self.watch.query()
        wait_for_second()
        self.assertEqual(self.samples(), [10, 10, 10])
        ring.end(1)
        client.wake()
        wait_until(lambda: self.samples()[0] == 12, "the sweep")
        self.assertEqual(set(self.samples()), {10, 12})

    def test_questions(self):
        client = self.reporter()
        self.assertEqual(self.watch.history(), {})
        for device in range(3):
            client.alloc(1, (device + 1) * UNIT, device_id=device)
        client.fence()
        history = {key: samples[:1] for key, (_, samples) in self.watch.history().items()}
        self.assertEqual(history, {(0, POOL_DRAM): [1], (1, POOL_DRAM): [2], (2, POOL_DRAM): [3]})
        self.assertEqual(list(self.watch.history(device_id=1)), [(1, POOL_DRAM)])
        for resolution in (0, 1, 999, 1001, 60001, 2**32 - 1):
            self.assertEqual(self.watch.status(raw.LIST_HISTORY, resolution=resolution), "EINVAL")
        self.assertEqual(self.watch.status(raw.LIST_HISTORY, resolution=SECOND, device_id=3), "ENODEV")
        self.assertEqual(self.watch.status(raw.LIST_HISTORY, resolution=SECOND, device_id=-2), "EINVAL")

    def test_it_goes_on_when_the_processes_are_gone(self):
        client = self.reporter()
        wait_for_second()
        client.alloc(1, 9 * UNIT)
        client.fence()
        client.close()
        wait_until(lambda: self.watch.figures()["leaked_buffers"] == 1, "the end of the connection")
        wait_for_second()
        wait_for_second()
        samples = self.samples()
        self.assertEqual((samples[0], samples[-1]), (0, 9))
        self.assertIn(len(samples), (3, 4))

    def test_a_day_of_32_devices(self):
        """What a ring holds that was not looked at for as long as a tick can tell, or for as long as the host runs."""
        client = self.reporter()
        self.assertEqual(self.watch.figures()["history_bytes"], 0)
        past = min(18 * 3600, time.clock_gettime(time.CLOCK_BOOTTIME) - 1)
        for device in range(32):
            for step in range(25):
                when = raw.tick(past * (24 - step) / 24)
                client.send_records(raw.record(raw.ALLOC, step, UNIT, device_id=device, when=when))
        client.fence()
        self.assertLess(self.watch.figures()["history_bytes"], 1024 * 1024)
        self.assertGreater(self.watch.figures()["history_bytes"], 32 * 4 * 3 * (900 + 1440))
        for resolution, most in ((SECOND, 900), (MINUTE, 1440)):
            history = self.watch.history(resolution)
            self.assertEqual(len(history), 32)
            for _, samples in history.values():
                self.assertAlmostEqual(len(samples), min(most, past * 1000 / resolution + 1), delta=2)
                self.assertEqual(samples[0], 25)
                self.assertEqual(samples, sorted(samples, reverse=True))
        self.assertIn(samples[-1], (1, 2))

    def test_a_reader_that_takes_its_time(self):
        """More than a socket holds: 200 devices with three pools of 900 samples."""
        client = self.reporter()
        for device in range(200):
            for region in (DRAM, L1, SYSTEM_MEMORY):
                client.send_records(
                    raw.record(raw.ALLOC, 1, UNIT, region, device, when=raw.tick(1000)),
                    raw.record(raw.ALLOC, 2, UNIT, region, device),
                )
        client.fence()
        self.watch.send_bytes(raw.own(raw.LIST_HISTORY, -1, resolution=SECOND))
        client.alloc(3, UNIT)
        client.fence()  # it is served while the answer waits
        answer = self.watch.read_answer()
        self.assertEqual(answer.end["status"], 0)
        told = collections.Counter()
        for record in answer.records:
            self.assertEqual(record["index"], told[record["device_id"], record["pool"]])
            told[record["device_id"], record["pool"]] += record["count"]
        self.assertEqual(len(told), 200 * 3)
        past = time.clock_gettime(time.CLOCK_BOOTTIME)
        for count in told.values():
            self.assertAlmostEqual(count, min(900, past), delta=5)

    def test_it_wakes_nobody(self):
        client = self.reporter()
        client.alloc(1, UNIT)
        client.fence()
        self.samples()

        def switches():
            with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
                return [line for line in status if line.startswith("voluntary")]

        def quiet():
            before = switches()
            select.select([], [], [], 0.05)
            return before == switches()

        wait_until(quiet, "the server to come to rest", PATIENCE)
        before = switches()
        for _ in range(3):
            wait_for_second()
        self.assertEqual(switches(), before)
        self.assertEqual(set(self.samples()), {1})


class PythonClient(ClientTest):
    def test_history(self):
        a = self.application()
        a.do("t.report_allocation(0, 8192, t.DRAM, 1)", "t.report_allocation(0, 1, t.L1, 1)")
        dram, l1 = a.ask("t.history()")
        self.assertEqual((dram["device"], dram["pool"], dram["resolution"]), (0, "dram", 1))
        self.assertEqual((dram["samples"][-1], l1["samples"][-1]), (8192, 4096))
        self.assertAlmostEqual(dram["time"], time.time(), delta=5)
        wait_for_second()
        a.do("t.report_deallocation(0, 1, t.DRAM)")
        wait_for_second()
        samples = a.ask("t.history(0)")[0]["samples"]
        self.assertEqual((samples[0], samples[-1]), (8192, 0))
        self.assertEqual(a.ask("t.history(0, limit=2)")[0]["samples"][-1], 0)
        self.assertLessEqual(len(a.ask("t.history(0, 60)")[0]["samples"]), 2)
        self.assertEqual(a.error_of("t.history(0, 2)")[0], "ValueError")
        self.assertEqual(a.error_of("t.history(77)")[0], "NotFoundError")


if __name__ == "__main__":
    unittest.main()
