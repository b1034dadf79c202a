# SPDX-License-Identifier: Apache-2.0
"""Who is who: the kernel says it, not the message. And who may see and do what.

A PID that returns as another program cannot be arranged from here; the server's unit tests cover it.
"""

import os
import signal
import time
import unittest

import raw
from harness import NOBODY, PATIENCE, ServerTest, read_proc, read_stat, wait_until
from raw import DRAM

REGION = 0


class WhoIsWho(ServerTest):
    def setUp(self):
        super().setUp()
        self.watch = self.watcher()

    def process(self, pid):
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=pid)
        return process

    def test_a_process_that_lies_about_its_pid(self):
        """Its buffers are its own, the victim's stay the victim's, and the lie is counted."""
        victim, liar = self.puppet(), self.puppet()
        victim.do("c.alloc(0x1000, 4096)")
        liar.do(f"c.alloc(0x1000, 111, process_id={victim.pid})", f"c.free(0x2000, process_id={victim.pid})")
        liar.do(f"c.alloc(0x3000, 222, process_id=1)", "c.alloc(0x4000, 333, process_id=-7)")
        self.assertEqual(self.process(victim.pid)["usage"][0, REGION, DRAM]["bytes"], 4096)
        self.assertEqual(self.process(liar.pid)["usage"][0, REGION, DRAM]["bytes"], 666)
        self.assertEqual(self.watch.figures()["pid_mismatch"], 4)
        self.assertEqual([p["process_id"] for p in self.watch.entries(raw.LIST_PROCESSES)], [victim.pid, liar.pid])
        liar.kill()
        self.server.wait_for_line(rf"Process {liar.pid} .* exited but left 3 buffers allocated: 666 B dram")
        self.assertEqual(self.process(victim.pid)["buffers"], 1)

    def test_a_label_is_kept_for_people(self):
        """As a process in a container would send it."""
        inside = self.child("c = raw.Raw(path); c.hello(raw.REPORTER, process_id=17); say(); wait()")
        inside.hear()
        process = self.process(inside.pid)
        self.assertEqual((process["process_id"], process["label_pid"]), (inside.pid, 17))
        inside.end()

    def test_what_the_kernel_tells(self):
        puppet = self.puppet()
        process = self.process(puppet.pid)
        self.assertEqual(process["uid"], os.geteuid())
        self.assertEqual(process["comm"], read_proc(puppet.pid, "comm").strip())
        self.assertEqual(process["command"], read_proc(puppet.pid, "cmdline").rstrip("\0").replace("\0", " "))
        self.assertAlmostEqual((process["start_time"] + process["age"]) / 1e9, time.time(), delta=5)
        since_boot = int(read_stat(puppet.pid)[19]) / os.sysconf("SC_CLK_TCK")
        started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
        self.assertAlmostEqual(process["start_time"] / 1e9, started, delta=1)

    def test_connections_of_one_process_are_one_process(self):
        puppet = self.puppet()
        puppet.do("d = raw.Raw(path, 72)", "d.alloc(0x1000, 10)", "d.query()", "c.alloc(0x1000, 10)")
        process = self.process(puppet.pid)
        self.assertEqual((process["sessions"], process["buffers"]), (2, 1))

    def test_a_forked_child_that_keeps_the_socket(self):
        """The parent is dead when it is dead, however long its child holds on to what it inherited."""
        parent = self.child(
            """
c = raw.Raw(path)
c.hello(raw.REPORTER)
c.alloc(0x1000, 4096)
c.fence()
child = os.fork()
if child == 0:
    signal.pause()
say(child)
wait()
"""
        )
        child = int(parent.hear())
        try:
            parent.kill()
            self.server.wait_for_line(rf"Process {parent.pid} .* exited but left 1 buffer allocated", patience=2)
            os.kill(child, 0)  # and the child lives on, with the socket
            self.assertEqual(self.watch.totals()[0], 0)
        finally:
            os.kill(child, signal.SIGKILL)

    def test_what_a_child_sends_on_an_inherited_socket_is_its_parents(self):
        parent = self.child(
            """
c = raw.Raw(path)
c.hello(raw.REPORTER)
child = os.fork()
if child == 0:
    c.alloc(0x1000, 4096, process_id=os.getpid())
    c.fence()
    say(os.getpid())
    os._exit(0)
os.waitpid(child, 0)
wait()
"""
        )
        child = int(parent.hear())
        process = self.process(parent.pid)
        self.assertEqual((process["buffers"], process["label_pid"]), (1, child))
        self.assertEqual(len(self.watch.entries(raw.LIST_PROCESSES)), 1)
        parent.end()
        self.server.wait_for_line(rf"Process {parent.pid} .* left 1 buffer allocated")

    def test_a_child_with_a_connection_of_its_own(self):
        parent = self.child(
            """
c = raw.Raw(path)
c.hello(raw.REPORTER)
c.alloc(0x1000, 1)
c.fence()
child = os.fork()
if child == 0:
    d = raw.Raw(path)
    d.hello(raw.REPORTER)
    d.alloc(0x1000, 2)
    d.fence()
    say(os.getpid())
    signal.pause()
say()
wait()
"""
        )
        child = int(next(line for line in (parent.hear(), parent.hear()) if line != "ready"))
        try:
            self.assertEqual(self.process(parent.pid)["usage"][0, REGION, DRAM]["bytes"], 1)
            self.assertEqual(self.process(child)["usage"][0, REGION, DRAM]["bytes"], 2)
            parent.kill()
            self.server.wait_for_line(rf"Process {parent.pid} .* exited but left 1 buffer allocated: 1 B dram")
            self.assertEqual(self.process(child)["buffers"], 1)
        finally:
            os.kill(child, signal.SIGKILL)
        self.server.wait_for_line(rf"Process {child} .* exited but left 1 buffer allocated: 2 B dram")

    def test_killed_in_the_middle_of_a_frame(self):
        """Whole frames before it count; the part does not, and the report comes once."""
        puppet = self.puppet()
        puppet.do("c.alloc(0x1000, 4096)")
        before = self.watch.figures()["reports"]
        half = "c.send_bytes(raw.message(raw.ALLOC, size=1)[:71])"
        puppet.tell(f"c.alloc(0x2000, 4096); {half}; c.wait_until_read(); say('cut'); wait()")
        self.assertEqual(puppet.hear(), "cut")
        puppet.kill()
        self.server.wait_for_line(rf"Process {puppet.pid} .* exited but left 2 buffers allocated: 8.0 KiB dram")
        self.assertEqual(self.watch.figures()["reports"] - before, 1)
        self.assertEqual(self.server.count_lines(rf"Process {puppet.pid} "), 1)

    def test_what_was_sent_before_death_counts(self):
        """Frees that are in the socket when their sender dies, more than one read takes, come before the report."""
        puppet = self.puppet()
        puppet.do("[c.alloc(64 * n, 1) for n in range(1500)]")
        with self.server.is_stopped():
            frees = "b''.join(raw.message(raw.FREE, buffer_id=64 * n) for n in range(1, 1500))"
            puppet.tell(f"c.send_bytes({frees}); os.kill(os.getpid(), signal.SIGKILL)")
            self.assertEqual(puppet.process.wait(PATIENCE), -signal.SIGKILL)
        self.server.wait_for_line(rf"Process {puppet.pid} .* exited but left 1 buffer allocated")

    def test_a_stopped_process_is_not_dead(self):
        puppet = self.puppet()
        puppet.do("c.alloc(0x1000, 4096)")
        os.kill(puppet.pid, signal.SIGSTOP)
        wait_until(lambda: read_stat(puppet.pid)[0] == "T", "the stop")
        self.watch.fence()
        self.assertEqual(self.process(puppet.pid)["buffers"], 1)
        os.kill(puppet.pid, signal.SIGCONT)
        puppet.do("c.free(0x1000)")
        self.assertEqual(self.process(puppet.pid)["buffers"], 0)

    def test_a_name_with_everything_in_it(self):
        """One event is one line, whatever a process calls itself."""
        nasty = self.child(
            r"""
open("/proc/self/comm", "w").write("a\nb\x1b[31m%s\\")
c = raw.Raw(path)
c.hello(raw.REPORTER)
c.alloc(0x1000, 1)
c.fence()
say()
wait()
"""
        )
        nasty.hear()
        nasty.kill()
        line = self.server.wait_for_line(rf"Process {nasty.pid} \((.*), uid \d+\) exited but left 1 buffer").group(1)
        self.assertRegex(line, r"^a\S+b\S+\[31m%s\S+$")
        self.assertTrue(line.isprintable())


class Permissions(ServerTest):
    """The server runs as root, the stranger as nobody."""

    def setUp(self):
        super().setUp()
        self.require_root()
        self.watch = self.watcher()
        self.own = self.puppet()
        self.own.do("c.alloc(0x1000, 100)", "c.alloc(0x2000, 200)")
        self.stranger = self.puppet(NOBODY)
        self.stranger.do("c.alloc(0x1000, 7)")

    def test_who_is_authorised(self):
        self.assertEqual(self.stranger.ask("raw.Raw(path).hello()['flags']"), 0)
        self.assertEqual(self.connect().hello()["flags"], raw.AUTHORISED)

    def test_single_buffers(self):
        answer = self.stranger.ask("c.list(raw.LIST_BUFFERS)[:]")
        self.assertEqual([(b["uid"], b["size"]) for b in answer[0]], [(NOBODY, 7)])
        self.assertEqual(answer[1]["hidden"], 2)
        self.assertEqual(self.stranger.ask(f"c.status(raw.LIST_BUFFERS, process_id={self.own.pid})"), "EPERM")

        answer = self.watch.list(raw.LIST_BUFFERS)
        self.assertEqual(sorted(b["size"] for b in answer.records), [7, 100, 200])
        self.assertEqual(answer.end["hidden"], 0)
        self.assertEqual(len(self.watch.records(raw.LIST_BUFFERS, process_id=self.stranger.pid)), 1)

    def test_totals_are_for_everybody(self):
        self.assertEqual(self.stranger.ask("c.totals(0)[0]"), 307)
        processes = {p["process_id"]: p for p in self.stranger.ask("c.entries(raw.LIST_PROCESSES)")}
        self.assertEqual(processes[self.own.pid]["usage"][0, REGION, DRAM]["bytes"], 300)
        self.assertEqual(processes[self.stranger.pid]["uid"], NOBODY)

    def test_command_lines(self):
        processes = {p["process_id"]: p for p in self.stranger.ask("c.entries(raw.LIST_PROCESSES)")}
        self.assertEqual(processes[self.own.pid]["command"], "")
        self.assertNotEqual(processes[self.own.pid]["comm"], "")
        self.assertIn("raw", processes[self.stranger.pid]["command"])
        processes = {p["process_id"]: p for p in self.watch.entries(raw.LIST_PROCESSES)}
        self.assertIn("raw", processes[self.stranger.pid]["command"])

        pid = self.own.pid
        self.own.kill()
        self.wait_for_end_of(pid, self.watch)
        (ended,) = self.stranger.ask(f"c.entries(raw.LIST_ENDED, process_id={pid})")
        self.assertEqual((ended["command"], ended["buffers"]), ("", 2))

    def test_a_dump_by_an_authorised_peer(self):
        for frame_size in (72, 112, 144):
            with self.subTest(frame_size=frame_size):
                lines = self.server.count_lines(r"Buffer 0x2000: 200 bytes DRAM")
                client = self.connect(frame_size)
                client.send(raw.DUMP_REMAINING)
                client.fence()
                wait_until(lambda: self.server.count_lines(r"Buffer 0x2000: 200 bytes DRAM") > lines, "the dump")
        self.server.wait_for_line(rf"Process {self.own.pid} \(.*\) holds 2 buffers: 300 B dram")
        self.assertEqual(self.server.count_lines("left"), 0)

    def test_many_dumps_at_once(self):
        """Those who ask before a dump begins share it; each turn of the loop once added another."""
        others = [self.puppet() for _ in range(12)]
        for other in others:
            other.do("c.alloc(0x3000, 30)")
        client = self.connect()
        client.send_bytes(raw.message(raw.DUMP_REMAINING, 112) * 40000)
        client.fence()
        pid = self.own.pid
        self.own.kill()

        def after_its_end():
            lines = self.server.log().split("\n")
            at = [i for i, line in enumerate(lines) if f"Process {pid} (" in line and "exited but left" in line]
            return "\n".join(lines[at[0] :]) if at else ""

        # Reports are finished one after another, so its buffers are named behind all dumps that were queued before.
        wait_until(lambda: "Buffer 0x2000: 200 bytes DRAM" in after_its_end(), "the queue to come to an end")
        self.assertLessEqual(after_its_end().count(f"Process {others[0].pid} ("), 2)

    def test_a_dump_by_somebody_else(self):
        self.stranger.do("c.send(raw.DUMP_REMAINING)", "c.send(raw.DUMP_KERNELS)")
        self.server.wait_for_line(rf"{self.stranger.pid} \(uid {NOBODY}\)")
        self.assertEqual(self.watch.figures()["not_permitted"], 2)
        self.assertEqual(self.server.count_lines("Buffer 0x"), 0)

    def test_resetting_peaks(self):
        self.own.do("c.free(0x2000)")
        self.stranger.do("c.alloc(0x2000, 1)", "c.free(0x2000)")
        for pid in (self.own.pid, -1):
            self.assertEqual(self.stranger.ask(f"c.status(raw.RESET_PEAKS, process_id={pid})"), "EPERM")
        self.assertIsNone(self.stranger.ask("c.status(raw.RESET_PEAKS)"))
        peaks = {
            p["process_id"]: p["usage"][0, REGION, DRAM]["peak_bytes"] for p in self.watch.entries(raw.LIST_PROCESSES)
        }
        self.assertEqual(peaks, {self.own.pid: 300, self.stranger.pid: 7})

        self.assertIsNone(self.watch.status(raw.RESET_PEAKS, process_id=self.own.pid))
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=self.own.pid)
        self.assertEqual(process["usage"][0, REGION, DRAM]["peak_bytes"], 100)
        self.assertIsNone(self.watch.status(raw.RESET_PEAKS, process_id=-1))
        (device,) = self.watch.entries(raw.LIST_DEVICES)
        self.assertEqual(device["usage"][0, REGION, DRAM]["peak_bytes"], 107)

    def test_a_description_by_a_stranger_does_not_override(self):
        described = "c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 5, known={}, asic_id=99, dram_size={}))"
        both = raw.KNOWN["asic_id"] | raw.KNOWN["dram_size"]
        self.own.do(described.format(both, 1000), "c.alloc(1, 1, device_id=5)")
        self.stranger.do(described.format(both, 2000), "c.alloc(1, 1, device_id=5)")
        self.assertEqual(self.watch.info(5)["total_dram_size"], 1000)
        self.own.do(described.format(both, 3000))
        self.assertEqual(self.watch.info(5)["total_dram_size"], 3000)

    def test_the_uid_is_that_of_the_connection(self):
        """A process that gives up root after it connected is still charged to root."""
        changed = self.child(
            f"""
c = raw.Raw(path)
c.hello(raw.REPORTER)
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
c.alloc(0x1000, 1)
c.fence()
say()
wait()
"""
        )
        changed.hear()
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=changed.pid)
        self.assertEqual(process["uid"], 0)
        changed.end()

    def test_leaks_name_the_uid(self):
        self.stranger.kill()
        line = self.server.wait_for_line(rf"Process {self.stranger.pid} \(.*, uid (\d+)\) exited but left 1 buffer")
        self.assertEqual(int(line.group(1)), NOBODY)

    def test_refused_reports_are_told_of_once(self):
        self.stranger.do("[c.alloc(1, 1, device_id=-1) or c.query() for _ in range(3000)]")
        self.assertEqual(self.watch.figures()["refused_device"], 3000)
        self.own.kill()
        self.server.wait_for_line(rf"Process {self.own.pid} .* exited but left 2 buffers")  # behind all of them
        self.assertEqual(self.server.count_lines(rf"Refused .*{self.stranger.pid}"), 1)


if __name__ == "__main__":
    unittest.main()
