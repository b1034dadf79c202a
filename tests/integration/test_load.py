# SPDX-License-Identifier: Apache-2.0
"""Much at once: every report that was sent is counted, exactly, however fast it came; and what a process leaves by the
hundred thousand is told without keeping others waiting. Nothing here depends on how fast the machine is.

The clients are tests/integration/helpers/flood.c: 112-byte frames, one send() per report, as older programs have it.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import unittest

import raw
from harness import BIN, ServerTest, wait_until

FLOOD = BIN / "flood"


class Flood:
    """A client process. What it sent is in .told once wait() has returned; it holds its buffers until end() or kill()."""

    def __init__(self, path, **options):
        letters = {"reports": "-n", "rate": "-r", "live": "-l", "device": "-d", "size": "-s"}
        command = [FLOOD]
        for name, value in options.items():
            command += [letters[name], value]
        self.process = subprocess.Popen(
            [str(part) for part in (*command, path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        self.told = {}

    def wait(self):
        line = self.process.stdout.readline()
        self.told = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", line)}
        assert self.told, f"flood said {line!r}"
        return self.told

    def end(self):
        """It exits and leaves what it holds."""
        self.process.stdin.close()
        status = self.process.wait(60)
        assert status == 0, f"flood ended with {status}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()


def is_reachable(path):
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError), raw.Raw(path):
        return True


class LoadTest(ServerTest):
    TIME_LIMIT = 150

    def flood(self, **options):
        flood = Flood(self.server.path, **options)
        self.addCleanup(flood.close)
        return flood

    def assert_adds_up(self, figures):
        ends = [name for name in figures if name.startswith("refused_") and name != "refused_description"]
        ends += ["allocations", "frees", "unknown_free"]
        self.assertEqual(figures["reports"], sum(figures[name] for name in ends), figures)


class Flooding(LoadTest):
    def test_two_million_reports(self):
        flood = self.flood(reports=2_000_000, live=10_000, size=4096)
        told = flood.wait()
        figures = self.watcher().figures()
        self.assertEqual(told["sent"], 2_000_000)
        self.assertEqual(figures["reports"], 2_000_000)
        self.assertEqual(figures["allocations"], told["allocated"])
        self.assertEqual(figures["frees"], told["freed"])
        self.assertEqual(figures["buffers"], told["live"])
        for name in ("unknown_free", "ambiguous_free", "shared", "replaced", "bad_frames", "pid_mismatch"):
            self.assertEqual(figures[name], 0, name)
        self.assert_adds_up(figures)
        self.assertEqual(self.watcher().totals()[0], told["live"] * 4096)

    def test_four_at_once_and_one_who_asks(self):
        floods = [self.flood(reports=200_000, live=1000 * (n + 1), device=n // 2, size=n + 1) for n in range(4)]
        asking = self.watcher()
        answers = 0
        waiting = [threading.Thread(target=flood.wait) for flood in floods]
        for thread in waiting:
            thread.start()
        while any(thread.is_alive() for thread in waiting):
            self.assert_adds_up(asking.figures())  # at every moment, not only at the end
            answers += 1
        self.assertGreater(answers, 10)

        figures = asking.figures()
        self.assertEqual(figures["reports"], 800_000)
        self.assertEqual(figures["buffers"], sum(flood.told["live"] for flood in floods))
        for device in range(2):
            held = sum(flood.told["live"] * (n + 1) for n, flood in enumerate(floods) if n // 2 == device)
            self.assertEqual(asking.totals(device)[0], held)

    def test_what_was_sent_before_the_death_counts(self):
        """A sender that is killed in the middle: whole frames that reached the socket are taken into account."""
        flood = self.flood(reports=50_000_000, live=5000)
        watcher = self.watcher()
        wait_until(lambda: watcher.figures()["reports"] > 20_000, "the flood to have begun")
        flood.process.kill()
        ended = self.wait_for_end_of(flood.pid, watcher)
        figures = watcher.figures()
        self.assert_adds_up(figures)
        self.assertEqual(ended["buffers"], figures["allocations"] - figures["frees"])
        self.assertEqual(figures["leaked_buffers"], ended["buffers"])
        self.assertEqual(figures["unknown_free"] + figures["bad_frames"], 0)
        self.server.wait_for_line(r"\.\.\. and \d+ more")
        self.assertEqual(self.server.count_lines(rf"Process {flood.pid} .*left"), 1)


class LeavingMuch(LoadTest):
    COUNT = 300_000

    def leave(self, count):
        flood = self.flood(reports=count, live=count, size=1024)
        flood.wait()
        flood.end()
        return flood

    def test_300000_buffers(self):
        watcher = self.watcher()
        flood = self.leave(self.COUNT)
        self.server.wait_for_line(rf"Process {flood.pid} \(flood, uid \d+\) exited but left {self.COUNT} buffers")
        watcher.info(-1)  # while the rest is being written
        self.server.wait_for_line(rf"\.\.\. and {self.COUNT - 20} more")
        self.assertEqual(self.server.count_lines(r"\[Device 0\] Buffer 0x"), 20)
        self.assertEqual(self.server.count_lines(rf"Process {flood.pid} .*left"), 1)
        figures = watcher.figures()
        self.assertEqual(figures["leaked_buffers"], self.COUNT)
        self.assertEqual(figures["buffers"], 0)
        self.assertEqual(watcher.totals()[0], 0)

    def test_several_at_once(self):
        floods = [self.flood(reports=60_000, live=60_000, device=n) for n in range(4)]
        for flood in floods:
            flood.wait()
        for flood in floods:
            flood.process.kill()
        watcher = self.watcher()
        for flood in floods:
            self.server.wait_for_line(rf"Process {flood.pid} .*left 60000 buffers")
        wait_until(lambda: self.server.count_lines(r"and 59980 more") == 4, "all four reports")
        self.assertEqual(watcher.figures()["leaked_buffers"], 240_000)


class LeavingAtTheServersEnd(LoadTest):
    """A hundred die while the server cannot look, and then it is told to go: it cannot see them all in one turn."""

    def test_each_is_told_once(self):
        dead = [self.flood(reports=2, live=2) for _ in range(100)]
        alive = [self.flood(reports=2, live=2) for _ in range(20)]
        for flood in dead + alive:
            flood.wait()
        self.server.process.send_signal(signal.SIGSTOP)
        for flood in dead:
            flood.process.kill()
            flood.process.wait(60)
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.send_signal(signal.SIGCONT)
        self.server.stop(20)
        for flood in dead:
            self.assertEqual(self.server.count_lines(rf"Process {flood.pid} \(flood, .* exited but left 2 "), 1)
        for flood in alive:
            self.assertEqual(self.server.count_lines(rf"Process {flood.pid} "), 0)


class ManyLeakLines(LoadTest):
    """More lines than a uid may cause in a burst: the administrator asked for them, so they are written."""

    OPTIONS = ("--leak-lines", "5000")
    COUNT = 3000

    def leave(self, path):
        flood = Flood(path, reports=self.COUNT, live=self.COUNT)
        self.addCleanup(flood.close)
        flood.wait()
        flood.end()
        return flood

    def test_into_a_pipe_none_is_unaccounted_for(self):
        """A line that would block is left out and counted, so both together are all."""
        flood = self.leave(self.server.path)
        self.server.wait_for_line(rf"Process {flood.pid} .*left {self.COUNT} buffers")
        watcher = self.watcher()

        def written_and_lost():
            return self.server.count_lines(r"\[Device 0\] Buffer 0x") + watcher.figures()["log_lines_lost"]

        wait_until(lambda: written_and_lost() >= self.COUNT, "all lines to be written or counted")
        self.assertEqual(written_and_lost(), self.COUNT)
        self.assertEqual(self.server.count_lines("faster than they can be logged"), 0)

    def test_into_a_file_all_are_written(self):
        with tempfile.TemporaryDirectory(prefix="tt-alloc-test-") as directory:
            path, log = os.path.join(directory, "s.sock"), os.path.join(directory, "log")
            with open(log, "w") as stderr:
                server = subprocess.Popen(
                    [BIN / "tt-allocation-server", "--socket", path, *self.OPTIONS], stderr=stderr
                )
            try:
                wait_until(lambda: is_reachable(path), "the server to listen")
                self.leave(path)
                with raw.Raw(path) as watcher:
                    wait_until(lambda: watcher.figures()["leaked_buffers"] == self.COUNT, "the end to be noticed")
            finally:
                server.terminate()
                self.assertEqual(server.wait(20), 0)
            with open(log) as lines:
                self.assertEqual(sum("[Device 0] Buffer 0x" in line for line in lines), self.COUNT)


if __name__ == "__main__":
    unittest.main()
