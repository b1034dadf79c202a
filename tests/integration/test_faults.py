# SPDX-License-Identifier: Apache-2.0
"""Applications that use libtt-alloc, and servers that stop, die, come late and come back: nothing is lost that is not
counted, an application never hangs, and whatever went wrong, afterwards the server knows what is live.
"""

import os
import signal
import tempfile
import time
import unittest

import raw
from app import SIZE, App
from harness import PATIENCE, ServerTest, wait_until

class FaultTest(ServerTest):
    TIME_LIMIT = 150

    def app(self, **environment):
        app = App(self.server.path, **environment)
        self.addCleanup(app.close)
        return app

    def wait_for_buffers(self, app, count, patience=PATIENCE):
        """Returns the process's entry as soon as the server knows exactly so many live buffers of it, for certain."""
        watcher = self.watcher()

        def find():
            entry = watcher.process(app.pid)
            return entry if entry and entry["buffers"] == count and not entry["flags"] & 1 else None

        return wait_until(find, f"{count} buffers of PID {app.pid}", patience)

    def wait_until_healed(self, app, count, lost):
        watcher = self.watcher()

        def is_healed():
            entry = watcher.process(app.pid)
            return entry["lost"] == lost and entry["buffers"] == count and not entry["flags"] & 1

        wait_until(is_healed, f"{count} buffers of PID {app.pid}, and {lost} lost reports")

    def restart(self, fault):
        """The server is gone, and another one serves the same path."""
        self.server.process.send_signal(fault)
        self.server.process.wait(PATIENCE)
        self.server.start()

    def assert_adds_up(self, made, lost=0):
        """What the apps made is what was applied, what was lost, and what was made before this server was there."""
        figures = self.watcher().figures()
        ends = ["refused_device", "refused_size", "refused_region", "refused_limit", "refused_memory"]
        ends += ["allocations", "frees", "unknown_free", "overtaken"]
        self.assertEqual(figures["reports"], sum(figures[name] for name in ends), figures)
        self.assertEqual(figures["lost_reports"], lost, figures)
        self.assertEqual(made, figures["reports"] + figures["lost_reports"] + figures["caught_up"], figures)
        return figures


class AllIsWell(FaultTest):
    def test_a_million_reports(self):
        app = self.app(TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("fill 1000")
        app.do("churn 1000000")
        self.wait_for_buffers(app, 1000)
        figures = self.assert_adds_up(1_001_000)
        for name in ("unknown_free", "ambiguous_free", "replaced", "shared", "bad_frames", "cut_off", "resync_mismatch"):
            self.assertEqual(figures[name], 0, name)
        self.assertEqual(self.watcher().totals()[0], 1000 * SIZE)
        app.do("empty")
        self.wait_for_buffers(app, 0)
        self.assertEqual(app.do("lost"), 0)
        self.assertEqual(app.leave(), "")

    def test_eight_threads(self):
        app = self.app(TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("threads 8 50000")
        self.wait_for_buffers(app, 800)
        self.assert_adds_up(8 * 50_100)
        watcher = self.watcher()
        for device in range(1, 9):
            self.assertEqual(watcher.totals(device)[0], 100 * SIZE)
        self.assertEqual(app.leave(), "")
        self.server.wait_for_line(rf"Process {app.pid} .* exited but left 800 buffers allocated: 3.1 MiB dram")

    def test_a_resync_against_a_flood(self):
        """It needs as long as the server needs for its records, and no pauses: thousands of them fill the ring often."""
        app = self.app(TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("fill 400000")
        started = time.monotonic()
        self.wait_for_buffers(app, 400_000)
        self.assertLess(time.monotonic() - started, 8)
        self.assert_adds_up(400_000)

    def test_a_process_that_leaves_at_once(self):
        """What it left is known, although it hardly lived long enough to connect."""
        app = self.app()
        app.begin("fill 5")
        app.leave()
        self.server.wait_for_line(rf"Process {app.pid} .* left 5 buffers")

    def test_killed_in_the_middle(self):
        """Everything that reached the ring counts before the verdict."""
        app = self.app(TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("fill 3000")
        self.wait_for_buffers(app, 3000)
        app.begin("churn 500000000")
        watcher = self.watcher()
        wait_until(lambda: watcher.figures()["reports"] > 100_000, "the churn to have begun")
        app.process.kill()
        ended = self.wait_for_end_of(app.pid, watcher)
        self.assertIn(ended["buffers"], (2999, 3000))
        self.server.wait_for_line(rf"Process {app.pid} .* exited but left {ended['buffers']} buffers")

    def test_forked_child(self):
        """It is a process of its own, and keeps nothing of its parent alive."""
        app = self.app()
        app.do("fill 7")
        self.wait_for_buffers(app, 7)
        child = app.do("fork 3")
        self.addCleanup(os.kill, child, signal.SIGKILL)
        watcher = self.watcher()
        wait_until(lambda: (watcher.process(child) or {}).get("buffers") == 3, "the child's buffers")
        self.assertEqual(watcher.process(app.pid)["buffers"], 7)
        app.process.kill()
        self.server.wait_for_line(rf"Process {app.pid} .* exited but left 7 buffers")
        self.assertEqual(watcher.process(child)["buffers"], 3)

    def test_socket_transport(self):
        app = self.app(TT_ALLOC_TRANSPORT="socket", TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("fill 1000")
        app.do("churn 100000")
        self.wait_for_buffers(app, 1000)
        figures = self.assert_adds_up(101_000)
        self.assertEqual(figures["rings"], 0)
        self.assertEqual(app.leave(), "")


class StoppedServer(FaultTest):
    """SIGSTOP: the socket is there, the ring fills up, nobody answers."""

    def stop_server(self):
        os.kill(self.server.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.server.process.pid, signal.SIGCONT)

    def let_server_go_on(self):
        os.kill(self.server.process.pid, signal.SIGCONT)

    def check_gap(self, **environment):
        """The innocent reports nothing meanwhile, so it loses nothing."""
        app = self.app(**environment)
        innocent = self.app()
        app.do("fill 1000")
        innocent.do("fill 10")
        self.wait_for_buffers(app, 1000)
        self.wait_for_buffers(innocent, 10)

        self.stop_server()
        took = app.do("churn 400000")
        lost = app.do("lost")
        self.assertGreater(lost, 100_000)
        # With a wait in every call it would be minutes; the bound is for a busy machine.
        self.assertLess(took["total_ns"], 10_000_000_000)
        self.let_server_go_on()

        self.wait_until_healed(app, 1000, lost)
        self.assertEqual(app.do("lost"), lost)
        figures = self.assert_adds_up(401_000 + 10, lost)
        self.assertEqual(figures["resync_mismatch"], 0)
        self.assertEqual(self.watcher().process(innocent.pid)["lost"], 0)
        self.assertEqual(self.watcher().totals()[0], 1010 * SIZE)
        self.assertEqual(app.leave(), "")
        self.server.wait_for_line(rf"Process {app.pid} .* exited but left 1000 buffers")  # not "at most"

    def test_gap_and_resync(self):
        self.check_gap()

    def test_gap_and_resync_over_the_socket(self):
        self.check_gap(TT_ALLOC_TRANSPORT="socket")

    def die_in_a_gap(self, **environment):
        app = self.app(**environment)
        app.do("fill 1000")
        self.wait_for_buffers(app, 1000)
        self.stop_server()
        app.do("churn 400000")
        lost = app.do("lost")
        app.process.kill()
        app.process.wait(PATIENCE)
        self.let_server_go_on()
        ended = self.wait_for_end_of(app.pid, self.watcher())
        self.assertEqual(ended["flags"] & 1, 1)
        return ended, lost

    def test_death_in_a_gap(self):
        """The application dies before the gap could be healed: the report says "at most", and the loss is counted."""
        ended, lost = self.die_in_a_gap()
        self.assertEqual(ended["lost"], lost)
        self.assert_adds_up(401_000, lost)
        self.server.wait_for_line(rf"Process {ended['process_id']} .* exited but left at most 1,?000 buffers")

    def test_death_in_a_gap_of_the_socket(self):
        """Only that reports did not fit could be told, and not how many: that is enough for "at most"."""
        ended, lost = self.die_in_a_gap(TT_ALLOC_TRANSPORT="socket")
        self.assertGreaterEqual(ended["lost"], 1)
        self.assertLess(ended["lost"], lost)
        self.server.wait_for_line(rf"Process {ended['process_id']} .* exited but left at most \d+ buffers")


    def test_stopped_when_an_application_connects(self):
        """It is not taken for an older server, which would be told without resync and, with its WELCOME, left."""
        self.stop_server()
        app = self.app()
        app.do("fill 1000")
        connected = time.monotonic()
        wait_until(lambda: time.monotonic() > connected + 2.5, "more than the time that an older server is given")
        self.let_server_go_on()
        self.wait_for_buffers(app, 1000)
        figures = self.assert_adds_up(1000)
        self.assertEqual((figures["leaked_buffers"], self.server.count_lines("but left")), (0, 0))


class ServerComesAndGoes(FaultTest):
    def test_server_comes_later(self):
        """An application that was there first shows up complete, also when it never reports again."""
        self.server.stop()
        app = self.app()
        app.do("fill 1234")
        self.server.start()
        entry = self.wait_for_buffers(app, 1234, 5)
        self.assertEqual(entry["lost"], 0)
        self.assert_adds_up(1234)
        self.assertEqual(self.watcher().totals()[0], 1234 * SIZE)

    def test_restart(self):
        for fault in (signal.SIGKILL, signal.SIGTERM):
            for transport in ("ring", "socket"):
                with self.subTest(fault=fault, transport=transport):
                    app = self.app(TT_ALLOC_TRANSPORT=transport, TT_ALLOC_FULL_WAIT_MS="10000")
                    app.do("fill 5000")
                    app.do("churn 10001")
                    self.wait_for_buffers(app, 4999)
                    self.restart(fault)
                    self.wait_for_buffers(app, 4999)
                    app.do("empty")
                    self.wait_for_buffers(app, 0)
                    self.assertEqual(self.watcher().figures()["unknown_free"], 0)
                    self.assertEqual(app.do("lost"), 0)
                    app.leave()
        self.assertEqual(self.server.count_lines("but left"), 0)

    def test_restart_while_reports_flow(self):
        app = self.app(TT_ALLOC_FULL_WAIT_MS="10000")
        app.do("fill 20000")
        self.wait_for_buffers(app, 20_000)
        app.begin("churn 3000000")
        self.restart(signal.SIGKILL)
        app.finish()
        self.wait_for_buffers(app, 20_000)
        lost = self.watcher().figures()["lost_reports"]
        figures = self.assert_adds_up(3_020_000, lost)
        self.assertLessEqual(lost, app.do("lost"))  # the killed server's own gap is among what the next one caught up on
        self.assertEqual(figures["resync_mismatch"], 0)
        self.assertEqual(figures["unknown_free"], 0)
        self.assertEqual(self.watcher().totals()[0], 20_000 * SIZE)

    def test_a_hundred_clients_with_a_million_buffers(self):
        apps = [self.app() for _ in range(100)]
        for app in apps:
            app.begin("fill 10000")
        for app in apps:
            app.finish()
        for app in apps:
            self.wait_for_buffers(app, 10_000, 60)

        self.server.process.kill()
        self.server.process.wait(PATIENCE)
        self.server.start()
        started = time.monotonic()
        watcher = self.watcher()

        def is_complete():
            entries = watcher.entries(raw.LIST_PROCESSES)
            return sum(entry["buffers"] for entry in entries) == 1_000_000 and not any(
                entry["flags"] & 1 for entry in entries
            )

        wait_until(is_complete, "a million buffers to be known again", 60)
        print(f"back after {time.monotonic() - started:.2f} s", flush=True)
        self.assertEqual(watcher.totals()[0], 1_000_000 * SIZE)
        figures = watcher.figures()
        self.assertEqual(figures["leaked_buffers"], 0)
        self.assertEqual(figures["resync_mismatch"], 0)
        self.assertEqual(self.server.count_lines("but left"), 0)
        for app in apps:
            app.process.kill()
        for app in apps:
            app.process.wait(PATIENCE)
        wait_until(lambda: watcher.figures()["leaked_buffers"] == 1_000_000, "all to be reported as left")


class NoServer(unittest.TestCase):
    def test_one_warning_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as directory:
            app = App(os.path.join(directory, "nobody"))
            self.addCleanup(app.close)
            app.do("fill 100000")
            self.assertEqual(app.do("lost"), 0)
            text = app.leave()
        self.assertLessEqual(text.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
