# SPDX-License-Identifier: Apache-2.0
"""tt-alloc-bench runs, and says all that it promises. How fast anything is, is not tested: the machine may be busy."""

import json
import math
import os
import subprocess
import tempfile
import unittest

from harness import BIN, run

BENCH = BIN / "tt-alloc-bench"
PATIENCE = 150

GROUPS = ("disabled", "speed", "eight", "syscalls", "latency", "leaks", "idle", "faults")
WAYS = ("model", "older", "socket", "ring")

# Rows whose figures a quick run does not have: they need more live buffers.
NOT_IN_A_QUICK_RUN = (
    "throughput x model, 1,000,000 live",
    "server bytes per buffer, 1,000,000 live",
    "time per report, 10^7 live / 10^3",
    "the same, in random order",
)


def bench(*options):
    done = run([BENCH, *options], timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


class WholeRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.result = json.loads(bench("--quick", "--runs", "1", "--json"))
        cls.figures = cls.result["figures"]

    def assert_figures(self, *names):
        for name in names:
            self.assertIn(name, self.figures)
            figure = self.figures[name]
            self.assertEqual(figure["samples"], 1, name)
            self.assertTrue(math.isfinite(figure["median"]), name)
            self.assertLessEqual(figure["least"], figure["median"])
            self.assertGreaterEqual(figure["most"], figure["median"])

    def test_says_how_it_was_made(self):
        self.assertEqual(self.result["schema"], 1)
        self.assertTrue(self.result["quick"])
        self.assertEqual(self.result["runs"], 1)

    def test_floors(self):
        self.assert_figures(*(f"floor.{name}_ns" for name in ("getppid", "ioctl", "clock", "coarse_clock", "mutex")))

    def test_each_way_at_each_tempo(self):
        for way in WAYS:
            for live in (1000, 10000, 100000):
                for tempo in ("saturated", "bursts"):
                    prefix = f"{way}.fifo.{live}.{tempo}"
                    self.assert_figures(f"{prefix}.client_ns", f"{prefix}.server_ns", f"{prefix}.millions")
            for tempo in ("paced10k", "paced100k"):
                self.assert_figures(f"{way}.fifo.10000.{tempo}.client_ns", f"{way}.fifo.10000.{tempo}.server_ns")
            self.assert_figures(f"{way}.onecore.10000.saturated.millions")
            self.assert_figures(f"{way}.eight.1000.saturated.millions", f"{way}.eight.1000.shared.cpu_percent")
            self.assert_figures(f"{way}.fifo.100000.bytes_per_buffer")

    def test_the_rest(self):
        self.assert_figures("disabled.call_ns", "leaks.summary.ms", "leaks.all.ms")
        for load in ("model", "idle", "shared", "saturated"):
            self.assert_figures(f"latency.{load}.p50_us", f"latency.{load}.p99_us")
        for who in ("alone", "connections", "clients", "their_own"):
            self.assert_figures(f"idle.{who}.wakes_per_s")
        self.assertGreater(self.figures["faults.ring.lost"]["median"], 0)

    def test_every_number_to_hold(self):
        gates = {gate["name"]: gate for gate in self.result["gates"]}
        self.assertGreaterEqual(len(gates), 15)
        for name, gate in gates.items():
            if name in NOT_IN_A_QUICK_RUN:
                self.assertIsNone(gate["value"], name)
                self.assertEqual(gate["verdict"], "-")
            else:
                self.assertIsNotNone(gate["value"], name)
                self.assertIn(gate["verdict"], ("miss", "ok", "ok, aim reached"))

    def test_no_report_goes_astray(self):
        """The one number that does not depend on the machine."""
        reports = self.result["reports"]
        self.assertGreater(reports["sent"], 1_000_000)
        self.assertEqual(reports["sent"], reports["applied"] + reports["lost"] + reports["caught_up"])
        self.assertEqual(reports["astray"], 0)


class Text(unittest.TestCase):
    def test_tables(self):
        text = bench("--quick", "--runs", "1", "--only", "disabled")
        for words in ("Floors: what the machine charges", "getppid by syscall()", "a call, the empty loop left out",
                      "Numbers to hold"):
            self.assertIn(words, text)
        self.assertRegex(text, r"\ncall with reporting off, ns +2\.00 +0\.500 +\S+  (miss|ok|ok, aim reached)\n")
        self.assertRegex(text, r"\nolder clients: server CPU / model's +0\.800 +0\.600 +-  -\n")


class CommandLine(unittest.TestCase):
    def assert_refused(self, words, *options):
        done = run([BENCH, *options])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, words)

    def test_refuses(self):
        self.assert_refused("no group 'nonsense'", "--only", "nonsense")
        self.assert_refused("--runs takes", "--runs", "0")
        self.assert_refused("--runs takes", "--runs", "-1")
        self.assert_refused("unexpected argument", "more")
        self.assert_refused("wrong option", "--faster")

    def test_help_and_version(self):
        self.assertTrue(bench("--help").startswith("Usage: tt-alloc-bench"))
        self.assertRegex(bench("--version"), r"^tt-alloc-bench \d+\.\d+\.\d+\n$")
        for group in GROUPS:
            self.assertIn(group, bench("--help"))

    def test_a_server_that_is_not_there(self):
        done = run([BENCH, "--server", "/nonexistent/server"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/server", done.stderr)


class CleanUp(unittest.TestCase):
    def test_leaves_nothing_behind(self):
        """Neither a socket nor a directory."""
        with tempfile.TemporaryDirectory(prefix="tt-alloc-test-") as directory:
            environment = dict(os.environ, TMPDIR=directory)
            done = subprocess.run([BENCH, "--quick", "--runs", "1", "--only", "leaks"], env=environment,
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.listdir(directory), [])


if __name__ == "__main__":
    unittest.main()
