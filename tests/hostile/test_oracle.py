# SPDX-License-Identifier: Apache-2.0
"""The oracle itself: each of the things that it looks at can make a case fail."""

import contextlib
import time
import unittest

from oracle import STALL, HostileTest

from harness import wait_until


class TheOracle(HostileTest):
    @contextlib.contextmanager
    def fails(self, what):
        with self.assertRaisesRegex((AssertionError, TimeoutError), what):
            yield

    def test_that_it_is_content_with_good_behaviour(self):
        with self.attack() as attacker:
            self.repeat(lambda: attacker.do("c.alloc(0x1000, 4096)", "c.free(0x1000)"))

    def test_that_a_pause_of_the_server_is_seen(self):
        with self.fails("an answer out of .* was late"), self.attack():
            with self.server.is_stopped():
                ends = time.monotonic() + 2 * STALL
                wait_until(lambda: time.monotonic() > ends, "the pause to be long enough")

    def test_that_an_unexpected_line_is_seen(self):
        with self.fails("Refused a report"), self.attack() as attacker:
            attacker.do("c.alloc(0x1000, 2**60)")

    def test_that_a_missing_line_is_seen(self):
        self.patience = 1
        with self.fails("waited .* for the line"), self.attack(logs="Refused a report of process {pid}"):
            pass

    def test_that_another_descriptor_is_seen(self):
        """Not only one more: here one goes and another comes."""
        self.patience = 1
        spare = self.connect()
        spare.fence()
        with self.fails("descriptors of before"), self.attack():
            self.connect().fence()
            spare.close()

    def test_that_wrong_figures_are_seen(self):
        with self.fails("'allocations'"), self.attack():
            told = self.bystander.tell

            def lie(word):
                answer = told(word)
                return {**answer, "allocations": answer["allocations"] + 1} if word == "rest" else answer

            self.bystander.tell = lie

    def test_that_dear_calls_are_seen(self):
        with self.fails("a call cost"), self.attack():
            self.stay()
            self.costs[0] = self.costs[-1] / 3


if __name__ == "__main__":
    unittest.main()
