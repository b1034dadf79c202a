# SPDX-License-Identifier: Apache-2.0
"""What happens between a ring and its session: rings asked for late, one that takes over, sweeps whose reporter is gone,
and the end of the server while a reporter comes again.
"""

import unittest

from harness import wait_until
from ring_test import BarePuppet, RingTest


class RoundTest(RingTest):
    SUSPECT = BarePuppet


class ServerStops(RoundTest):
    FORMER = """
b = raw.Raw(path)
b.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=77)
r = b.ring(8192)
r.is_quiet = True
r.resync()
b.fence()
for n in range(6000): r.alloc(n, 1)
"""

    def test_while_a_reporter_that_comes_again_waits(self):
        """Its old ring has more than is taken at once."""
        self.a.run("c = raw.Raw(path); c.fence()")
        self.a.run(self.FORMER)
        with self.server.is_stopped():
            self.a.do("c.send_bytes(raw.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=77))")
            self.server.process.terminate()
        self.server.stop()

    def test_while_a_reporter_that_comes_again_does_not_read(self):
        """Its HELLO is looked at in the server's end, and closes the session that stands behind its own."""
        self.a.run("c = raw.Raw(path); c.fence()")
        self.a.run(self.FORMER)
        self.a.do("c.send_bytes(raw.own(raw.LIST_FIGURES) * 200)", "c.wait_until_read()")
        self.a.do("c.send_bytes(raw.hello(raw.REPORTER | raw.QUIET, features=raw.RING_FEATURES, instance=77))")
        self.server.stop()


class Features(RoundTest):
    def test_a_ring_that_was_thought_of_later(self):
        """HELLO may come again and ask for more: such a ring is a ring like any other."""
        self.a.do("c = raw.Raw(path)", "c.hello(raw.REPORTER)", "c.hello(features=raw.RING_FEATURES)", "r = c.ring()")
        self.a.do("r.resync()", "r.alloc(1, 4711, device_id=9)")
        self.assertEqual(self.watch.totals(9)[0], 4711)

    def test_a_ring_of_who_reported_before_hello(self):
        self.a.do("c = raw.Raw(path)", "c.alloc(2, 1, device_id=9)", "c.hello(features=raw.RING_FEATURES)", "r = c.ring()")
        self.a.do("r.made = 1", "r.publish()", "r.alloc(1, 4711, device_id=9)")
        self.assertEqual(self.watch.totals(9)[0], 4712)

    def test_figures_behind_a_switch(self):
        """The old ring's memory is given back when it is empty, not when its owner says something."""
        before = self.watch.figures()
        self.a.do("c = raw.Raw(path)", "c.hello(raw.REPORTER, features=raw.RING_FEATURES)", "r = c.ring()", "n = c.ring()")
        self.a.do("r.resync()", "r = r.switch_to(n)", "r.alloc(1, 1, device_id=9)")
        self.assertEqual(self.watch.totals(9)[0], 1)
        after = self.watch.figures()
        self.assertEqual(after["rings"] - before["rings"], 1)
        self.assertEqual(after["ring_bytes"] - before["ring_bytes"], 4096 + 32 * 1024)


class Sweeps(RoundTest):
    def test_who_resynced_is_gone(self):
        """The sweep goes on, although the other session of the process says nothing."""
        self.a.run(
            """
            c = raw.Raw(path)
            c.hello(raw.REPORTER, features=raw.RING_FEATURES)
            r = c.ring(65536)
            r.resync()
            for n in range(50000): r.alloc(n, 1, device_id=9)
            c.fence()
            r.begin()
            c.fence()
            other = raw.Raw(path)
            other.hello(raw.REPORTER)
            r.end()
            c.wake()
            c.close()
            """
        )
        wait_until(lambda: self.process()["buffers"] == 0, "the sweep to end")
        self.assertFalse(self.is_inexact())


if __name__ == "__main__":
    unittest.main()
