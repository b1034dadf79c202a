# SPDX-License-Identifier: Apache-2.0
"""client/python/tt_alloc.py and query_stats.py against the real server, from processes of their own."""

import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import raw
from harness import NOBODY, PATIENCE, PYTHON_CLIENT, SRC, Child, Puppet, ServerTest, client_environment, run, wait_until
from raw import CB, DRAM, KERNEL, L1, L1_SMALL, SYSTEM_MEMORY, TRACE

REGION, POOL = 0, 1
CAPTURE = SRC / "scripts" / "captures" / "ttnn-matmul.json"
TT_ALLOC = PYTHON_CLIENT / "tt_alloc.py"
QUERY_STATS = PYTHON_CLIENT / "query_stats.py"
MIB, GIB = 1 << 20, 1 << 30


class Application(Puppet):
    """A process that uses the module `t`. Its questions include all its reports, so none needs a fence."""

    MODULES = "raw, tt_alloc as t"
    CODE = """
say()
for line in sys.stdin:
    exec(line)
    say()
"""

    def error_of(self, statement):
        """(class, message) of the error that a statement ends with."""
        self.run(f"try:\n    found = {statement}\nexcept Exception as e:\n    found = type(e).__name__, str(e)")
        return self.ask("found")


class ClientTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.watch = self.watcher()

    def application(self, environment=None, uid=-1, **options):
        application = Application(self.server.path, uid, environment=environment, **options)
        self.addCleanup(application.close)
        return application

    def held(self, pid):
        """{(device, region, id): (size, references)}"""
        return {
            (b["device_id"], b["region"], b["buffer_id"]): (b["size"], b["references"])
            for b in self.watch.records(raw.LIST_BUFFERS, process_id=pid)
        }


class Reporting(ClientTest):
    def test_off_unless_the_variable_is_exactly_1(self):
        for value in ("", "0", "true", " 1", "11"):
            with self.subTest(value=value):
                a = self.application({"TT_ALLOC_TRACKING_ENABLED": value})
                a.do("t.report_allocation(0, 1, t.DRAM, 1)", "t.report_cb_allocation(0, 1, 1)")
                self.assertIs(a.ask("t.is_enabled()"), False)
                a.leave()
        self.assertEqual(self.watch.figures()["sessions_accepted"], 2)  # the harness's and the watcher's
        self.assertIs(self.application().ask("t.is_enabled()"), True)

    def test_every_kind_of_report(self):
        a = self.application()
        for region in (DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE):
            a.do(f"t.report_allocation(2, {100 + region}, {region}, 0x1000)")
        a.do("t.report_cb_allocation(2, 105, 0x1000)", "t.report_kernel_load(2, 106, 0x1000, 1)")
        a.ask("t.device_count()")
        everything = {(2, region, 0x1000): (100 + region, 1) for region in range(7)}
        self.assertEqual(self.held(a.pid), everything)

        a.do("t.report_deallocation(2, 0x1000, t.L1)", "t.report_cb_deallocation(2, 0, 0x1000)")
        a.do("t.report_kernel_unload(2, 999, 0x1000)", "t.report_deallocation(2, 0x1000)")
        a.ask("t.device_count()")
        for region in (L1, CB, KERNEL, TRACE):  # TRACE was the youngest
            del everything[2, region, 0x1000]
        self.assertEqual(self.held(a.pid), everything)

    def test_frees_of_unknown_buffers_are_the_servers_business(self):
        a = self.application()
        a.do("t.report_allocation(0, 1, t.DRAM, 1)")
        a.do("t.report_deallocation(0, 5)", "t.report_deallocation(0, 5, t.L1)", "t.report_cb_deallocation(0, 1, 5)")
        a.ask("t.device_count()")
        self.assertEqual(self.watch.figures()["unknown_free"], 3)

    def test_a_description(self):
        a = self.application()
        a.do(
            "t.describe_device(3, asic_id=2**63 + 5, pci_address='0001:c2:00.1', arch='blackhole', remote=False,"
            " dram_size=32 << 30, l1_size=200 << 20, l1_small_size=1 << 20, trace_size=2 << 20, num_dram_channels=8,"
            " l1_size_per_core=1572864, board='p150b')",
            "t.report_allocation(3, 1, t.DRAM, 1)",
        )
        expected = {
            "device": 3, "asic_id": 2**63 + 5, "pci_address": "0001:c2:00.1", "arch": "blackhole", "remote": False,
            "dram_size": 32 * GIB, "l1_size": 200 * MIB, "l1_small_size": MIB, "trace_size": 2 * MIB,
            "num_dram_channels": 8, "l1_size_per_core": 1572864, "board": "p150b", "processes": 1,
        }
        (device,) = a.ask("t.devices()")
        self.assertEqual({name: device[name] for name in expected}, expected)
        (record,) = self.watch.entries(raw.LIST_DEVICES)
        self.assertEqual(record["pci_address"], 0x1C201)
        self.assertEqual(record["known"], sum(raw.KNOWN.values()))

    def test_nonsense_is_dropped_and_never_raised(self):
        a = self.application()
        nonsense = (
            "t.report_allocation('0', 1, 0, 1)",
            "t.report_allocation(0, -1, 0, 1)",
            "t.report_allocation(0, 2**64, 0, 1)",
            "t.report_allocation(2**31, 1, 0, 1)",
            "t.report_allocation(0, 1.5, 0, 1)",
            "t.report_allocation(0, 1, 256, 1)",
            "t.report_allocation(0, 1, 0, None)",
            "t.report_deallocation([], {})",
            "t.describe_device(0, arch='abacus')",
            "t.describe_device(0, pci_address='somewhere')",
            "t.describe_device(0, board=5)",
        )
        for statement in nonsense:
            a.do(statement)
        self.assertEqual(a.ask("t.lost_reports()"), len(nonsense))
        a.do("t.report_allocation(0, 77, t.DRAM, 1)")
        for refused in "0, 2**48, 0, 1", "-1, 1, 0, 1", "0, 1, 5, 1":
            a.do(f"t.report_allocation({refused})")
        self.assertEqual(a.ask("t.memory_allocated()"), 77)
        figures = self.watch.figures()
        self.assertEqual([figures[f"refused_{what}"] for what in ("size", "device", "region")], [1, 1, 1])
        self.assertEqual(a.ask("t.lost_reports()"), len(nonsense))

    def test_threads(self):
        a = self.application()
        a.run(
            """
            import threading
            def work(number):
                for n in range(500):
                    t.report_allocation(number % 3, 10, t.DRAM, number << 20 | n)
                    if n % 2:
                        t.report_deallocation(number % 3, number << 20 | n, t.DRAM)
                    if n % 50 == 0:
                        t.memory_allocated(number % 3)
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            """
        )
        self.assertEqual(a.ask("[t.memory_allocated(d) for d in range(3)]"), [3 * 2500, 3 * 2500, 2 * 2500])
        figures = self.watch.figures()
        self.assertEqual(figures["reports"] + figures["caught_up"], 8 * 750)
        self.assertEqual((figures["bad_frames"], figures["unknown_free"], figures["lost_reports"]), (0, 0, 0))

    def test_a_report_inside_a_report(self):
        """As when the garbage collector runs a finalizer in the middle of one: no deadlock, nothing lost or cut."""
        a = self.application()
        a.run(
            """
            class Reports:
                def __index__(self):
                    t.report_allocation(0, 20, t.L1, 2)
                    return 10
            class Asks:
                def __index__(self):
                    return t.device_count()
            """
        )
        a.do("t.report_allocation(0, Reports(), t.L1, 1)")
        self.assertEqual(a.ask("t.memory_allocated(0, 'l1')"), 30)
        a.do("t.report_allocation(0, Asks(), t.L1, 3)")
        self.assertEqual(a.ask("(t.memory_allocated(0, 'l1'), t.lost_reports())"), (30, 1))

    def test_a_process_that_exits_has_exited(self):
        """Not hung up: the interpreter must not close the connection before the kernel does."""
        a = self.application()
        a.do("t.report_allocation(0, 4096, t.DRAM, 1)")
        a.leave()
        self.server.wait_for_line(rf"Process {a.pid} .* exited but left 1 buffer allocated: 4.0 KiB dram")

    def test_asking_makes_nobody_a_reporter(self):
        a = self.application()
        a.ask("t.processes()")
        self.assertEqual(self.watch.entries(raw.LIST_PROCESSES), [])

    def test_the_socket_is_not_inherited(self):
        a = self.application()
        a.do("t.report_allocation(0, 1, t.DRAM, 1)", "import subprocess")
        listing = a.ask("subprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False, capture_output=True).stdout")
        self.assertNotIn(b"socket:", listing)


class WithoutServer(ClientTest):
    """The application goes on, says so once, and everything live is told as soon as a server is there."""

    def test_one_warning(self):
        self.server.stop()
        a = self.application(stderr=subprocess.PIPE)
        began = time.monotonic()
        a.do("[t.report_allocation(0, 1, t.DRAM, n) for n in range(10000)]")
        self.assertLess(time.monotonic() - began, 10)
        a.do("sys.stderr.close()")
        a.leave()
        (line,) = a.process.stderr.read().splitlines()
        a.process.stderr.close()
        self.assertIn(self.server.path, line)
        self.assertIn("start tt-allocation-server", line)

    def report_until_heard(self, a):
        """A server that is there is found at the latest after the pause between two tries."""

        def heard():
            a.do("t.report_allocation(9, 1, t.DRAM, 1)", "t.report_deallocation(9, 1, t.DRAM)")
            return self.watch.entries(raw.LIST_PROCESSES)

        wait_until(heard, "the application to find the server")

    def make_state(self, a):
        a.do("t.describe_device(0, asic_id=42, dram_size=12 << 30)")
        a.do("t.report_allocation(0, 100, t.DRAM, 0x10)", "t.report_allocation(0, 100, t.DRAM, 0x10)")
        a.do("t.report_allocation(0, 50, t.L1, 0x10)", "t.report_allocation(0, 60, t.L1, 0x10)")
        a.do("t.report_allocation(1, 7, t.TRACE, 0x20)", "t.report_allocation(1, 7, t.DRAM, 0x30)")
        a.do("t.report_deallocation(1, 0x30)", "t.report_cb_allocation(0, 8, 0x10)", "t.report_kernel_load(0, 9, 5)")

    STATE = {
        (0, DRAM, 0x10): (100, 2), (0, L1, 0x10): (60, 1), (1, TRACE, 0x20): (7, 1), (0, CB, 0x10): (8, 1),
        (0, KERNEL, 5): (9, 1),
    }

    COUNTS = {
        (0, DRAM): (2, 0), (0, L1): (2, 0), (0, CB): (1, 0), (0, KERNEL): (1, 0), (1, TRACE): (1, 0), (1, DRAM): (1, 1),
    }

    def restart(self):
        self.server.start()
        self.watch = self.watcher()

    def test_a_server_that_comes_later(self):
        self.server.stop()
        a = self.application(stderr=subprocess.DEVNULL)
        self.make_state(a)
        self.restart()
        self.report_until_heard(a)
        self.assertEqual(self.held(a.pid), self.STATE)
        self.assertEqual(self.watch.info(0)["total_dram_size"], 12 * GIB)

    def test_a_server_that_is_restarted(self):
        for end in (self.server.stop, self.server.kill9):
            with self.subTest(end=end.__name__):
                a = self.application()
                self.make_state(a)
                a.ask("t.device_count()")
                self.assertEqual(self.held(a.pid), self.STATE)
                end()
                self.restart()
                a.do("t.report_deallocation(7, 7)")
                wait_until(lambda: self.watch.entries(raw.LIST_PROCESSES), "the application to be heard again")
                a.ask("t.device_count()")
                self.assertEqual(self.held(a.pid), self.STATE)
                (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=a.pid)
                counts = {key[::2]: (u["allocations"], u["frees"]) for key, u in process["usage"].items() if not key[1]}
                self.assertEqual(counts, self.COUNTS)
                self.assertEqual((process["lost"], process["flags"]), (0, 0))
                a.close()

    def test_ages_survive_a_restart(self):
        a = self.application()
        a.do("clock = t.time.monotonic_ns", "t.time.monotonic_ns = lambda: clock() - 60 * 10**9")
        a.do("t.report_allocation(0, 100, t.DRAM, 0x10)", "t.time.monotonic_ns = clock")
        a.ask("t.device_count()")
        self.server.kill9()
        self.restart()
        a.ask("t.device_count()")
        (buffer,) = self.watch.records(raw.LIST_BUFFERS, process_id=a.pid)
        self.assertAlmostEqual(buffer["age"] / 1e9, 60, delta=5)

    def test_a_question_finds_the_restarted_server(self):
        a = self.application()
        self.make_state(a)
        self.assertEqual(a.ask("t.memory_allocated(0, 'l1')"), 68)
        self.server.kill9()
        self.restart()
        self.assertEqual(a.ask("t.memory_allocated(0, 'l1')"), 68)
        self.assertEqual(self.held(a.pid), self.STATE)

    def test_a_server_that_is_stopped(self):
        """SIGSTOP: the application is held up for seconds at most, and all is right afterwards."""
        a = self.application(stderr=subprocess.DEVNULL)
        a.do("t.report_allocation(0, 1, t.DRAM, 0)")
        with self.server.is_stopped():
            began = time.monotonic()
            a.do("[t.report_allocation(0, 1, t.DRAM, n) for n in range(1, 20000)]")
            a.do("[t.report_deallocation(0, n, t.DRAM) for n in range(19000)]")
            self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(a.ask("t.memory_allocated()"), 1000)
        wait_until(
            lambda: [p["sessions"] for p in self.watch.entries(raw.LIST_PROCESSES)] == [1], "old connections to end"
        )
        self.assertEqual(self.watch.totals()[0], 1000)

    def test_questions_say_what_is_wrong(self):
        self.server.stop()
        a = self.application(stderr=subprocess.DEVNULL)
        for question in ("t.memory_allocated()", "t.devices()", "t.device_count()", "t.server_figures()"):
            name, message = a.error_of(question)
            self.assertEqual(name, "NoServerError")
            self.assertIn(f"no server at {self.server.path}: No such file or directory; start tt-alloc", message)
        a = self.application({"TT_ALLOC_SOCKET": "/tmp/" + 200 * "x"}, stderr=subprocess.DEVNULL)
        self.assertEqual(a.error_of("t.devices()")[0], "NoServerError")


    def test_questions_to_a_stopped_server(self):
        """Nobody waits for the answers any more, but the connection stays, and so does what was reported on it."""
        a = self.application()
        a.do("t._ANSWER_PATIENCE = 1", "t.report_allocation(0, 70, t.DRAM, 1)")
        self.assertEqual(a.ask("t.memory_allocated()"), 70)
        before = self.watch.figures()["sessions_accepted"]
        with self.server.is_stopped():
            for question in "t.devices()", "t.memory_allocated()":
                self.assertRegex(a.error_of(question)[1], "has not answered for 1 s; is it stopped")
            a.do("t.report_allocation(0, 7, t.DRAM, 2)")
        self.assertEqual(a.ask("t.memory_allocated()"), 77)
        self.assertEqual([device["device"] for device in a.ask("t.devices()")], [0])
        self.assertEqual(self.held(a.pid), {(0, DRAM, 1): (70, 1), (0, DRAM, 2): (7, 1)})
        self.assertEqual(self.watch.figures()["sessions_accepted"], before)
        self.assertEqual(self.server.count_lines("closed its connection"), 0, self.server.log())


class Forks(ClientTest):
    def check_apart(self, fork):
        """The child has nothing and its own connection; the parent keeps what it has."""
        parent = self.application()
        parent.do("t.report_allocation(0, 10, t.DRAM, 1)", "t.report_allocation(0, 10, t.DRAM, 2)", "r, w = os.pipe()")
        parent.run(
            f"""
            child = {fork}
            if child == 0:
                t.report_deallocation(0, 1)
                t.report_allocation(0, 500, t.DRAM, 1)
                os.write(w, str(t.memory_allocated()).encode())
                signal.pause()
            """
        )
        child = parent.ask("child")
        try:
            self.assertEqual(parent.ask("os.read(r, 99)"), b"500")
            self.assertEqual(parent.ask("t.memory_allocated()"), 20)
            self.assertEqual(self.held(child), {(0, DRAM, 1): (500, 1)})
            self.assertEqual(self.held(parent.pid), {(0, DRAM, 1): (10, 1), (0, DRAM, 2): (10, 1)})
        finally:
            os.kill(child, signal.SIGKILL)
        self.server.wait_for_line(rf"Process {child} .* exited but left 1 buffer allocated: 500 B dram")
        self.assertEqual(parent.ask("t.memory_allocated()"), 20)

    def test_os_fork(self):
        self.check_apart("os.fork()")

    def test_a_fork_that_python_does_not_know_of(self):
        self.check_apart("__import__('ctypes').CDLL(None).fork()")

    def test_multiprocessing(self):
        parent = self.application()
        parent.run(
            """
            import multiprocessing
            t.report_allocation(0, 1, t.DRAM, 1)
            def work(n):
                t.report_allocation(0, n, t.DRAM, 1)
                return t.memory_allocated()
            pool = multiprocessing.get_context("fork").Pool(4)
            """
        )
        self.assertEqual(sorted(set(parent.ask("pool.map(work, [100] * 50, 1)"))), [100])
        parent.do("pool.close()", "pool.join()")
        self.assertEqual(parent.ask("t.memory_allocated()"), 1)
        self.assertEqual(self.watch.figures()["bad_frames"], 0)

    def test_forks_while_a_thread_reports(self):
        parent = self.application()
        parent.run(
            """
            import threading
            going = True
            def work():
                n = 0
                while going:
                    n += 1
                    t.report_allocation(0, 1, t.DRAM, n)
                    t.report_deallocation(0, n, t.DRAM)
            thread = threading.Thread(target=work)
            thread.start()
            for _ in range(30):
                child = os.fork()
                if child == 0:
                    t.report_allocation(1, 5, t.DRAM, 1)
                    t.device_count()
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            going = False
            thread.join()
            """
        )
        self.assertEqual(parent.ask("t.memory_allocated()"), 0)
        figures = self.watch.figures()
        self.assertEqual((figures["bad_frames"], figures["unknown_free"]), (0, 0))
        wait_until(lambda: self.watch.figures()["leaked_processes"] == 30, "the end of thirty children")


class Asking(ClientTest):
    def test_own_memory(self):
        a, other = self.application(), self.application()
        other.do("t.report_allocation(0, 10**6, t.DRAM, 1)")
        other.ask("t.device_count()")
        a.do("t.report_allocation(0, 100, t.DRAM, 1)", "t.report_allocation(0, 30, t.TRACE, 2)")
        a.do("t.report_allocation(0, 5, t.L1, 1)", "t.report_cb_allocation(0, 6, 1)", "t.report_kernel_load(0, 99, 1)")
        a.do("t.report_deallocation(0, 1, t.DRAM)", "t.report_allocation(1, 9, t.SYSTEM_MEMORY, 1)")
        self.assertEqual(a.ask("t.memory_allocated()"), 30)
        self.assertEqual(a.ask("t.memory_allocated(0, 'l1')"), 11)
        self.assertEqual(a.ask("t.memory_allocated(1, pool='host')"), 9)
        self.assertEqual(a.ask("t.memory_allocated(5)"), 0)
        self.assertEqual(a.ask("t.max_memory_allocated()"), 130)
        a.do("t.reset_peak_memory_stats()")
        self.assertEqual(a.ask("t.max_memory_allocated()"), 30)
        self.assertEqual(other.ask("t.max_memory_allocated()"), 10**6)
        a.do("t.reset_peak_memory_stats(5)")
        self.assertEqual(a.error_of("t.memory_allocated(0, 'vram')")[0], "ValueError")

        stats = a.ask("t.memory_stats()")
        self.assertEqual(stats["allocated_bytes.dram.current"], 30)
        self.assertEqual(stats["allocated_bytes.l1.peak"], 11)
        self.assertEqual(stats["allocation.l1.current"], 2)
        self.assertEqual(stats["region.dram.allocation.freed"], 1)
        self.assertEqual(stats["region.kernel.allocated_bytes.current"], 99)
        self.assertEqual(stats["region.l1_small.allocation.allocated"], 0)
        summary = a.ask("t.memory_summary()")
        self.assertIn("30 B", summary)
        self.assertIn("trace", summary)
        self.assertNotIn("l1_small", summary)

    def test_own_number_of_a_device(self):
        """A device described as another chip has another row; this process's 0 is still its 0."""
        other, a = self.application(), self.application()
        other.do("t.report_allocation(0, 1000, t.DRAM, 1)")
        other.ask("t.device_count()")
        a.do("t.describe_device(0, asic_id=7, dram_size=5000)", "t.report_allocation(0, 30, t.DRAM, 1)")
        self.assertEqual(a.ask("t.memory_allocated(0)"), 30)
        self.assertEqual(a.ask("t.mem_get_info(0)"), (4970, 5000))
        self.assertEqual(a.ask("t.query_device(0)['dram_allocated']"), 30)
        self.assertEqual(other.ask("t.query_device(0)['dram_allocated']"), 1000)
        a.do("t.report_deallocation(0, 1)", "t.reset_peak_memory_stats(0)")
        self.assertEqual(a.ask("t.max_memory_allocated(0)"), 0)
        self.assertEqual(other.ask("t.max_memory_allocated(0)"), 1000)

    def test_nothing_known_is_none(self):
        a = self.application({"TT_ALLOC_TRACKING_ENABLED": "0"})
        self.assertIsNone(a.ask("t.memory_allocated()"))
        self.assertIsNone(a.ask("t.max_memory_allocated(0, 'l1')"))
        self.assertEqual(a.ask("t.memory_stats()"), {})
        self.assertIn("TT_ALLOC_TRACKING_ENABLED=1", a.ask("t.memory_summary()"))
        self.assertEqual(a.ask("t.mem_get_info(0)"), (None, None))
        self.assertEqual(a.ask("t.device_count()"), 0)
        a.do("t.reset_peak_memory_stats()")
        self.assertEqual(self.application().ask("t.memory_allocated()"), 0)

    def test_what_others_in_the_process_report_counts_too(self):
        a = self.application({"TT_ALLOC_TRACKING_ENABLED": "0"})
        a.do("c = raw.Raw(path, 144)", "c.alloc(1, 4096, process_id=os.getpid())", "c.fence()")
        self.assertEqual(a.ask("t.memory_allocated()"), 4096)

    def test_everybody(self):
        a = self.application()
        a.do("t.report_allocation(0, 100, t.DRAM, 1)", "t.report_allocation(4, 200, t.L1, 2)")
        asker = self.application({"TT_ALLOC_TRACKING_ENABLED": "0"})
        a.ask("t.device_count()")

        self.assertEqual([d["device"] for d in asker.ask("t.devices()")], [0, 4])
        (device,) = asker.ask("t.devices(4)")
        self.assertEqual((device["pools"]["l1"]["bytes"], device["regions"]["l1"]["buffers"]), (200, 1))
        self.assertEqual((device["asic_id"], device["dram_size"], device["arch"]), (None, None, None))
        (process,) = asker.ask("t.processes()")
        self.assertEqual((process["pid"], process["buffers"], process["inexact"]), (a.pid, 2, False))
        self.assertEqual((process["peaks_reset"], process["devices"][0]["until"]), (False, None))
        self.assertLess(abs(process["devices"][0]["since"] - time.time()), 60)
        self.assertEqual([d["logical_id"] for d in process["devices"]], [0, 4])
        self.assertIn("tt_alloc", process["command"])
        self.assertEqual(asker.ask("t.processes(device=4)")[0]["devices"][0]["pools"]["l1"]["peak_bytes"], 200)
        self.assertEqual({b["size"] for b in asker.ask("t.buffers()")}, {100, 200})
        self.assertEqual([b["region"] for b in asker.ask("t.buffers(device=4)")], ["l1"])
        self.assertEqual([b["size"] for b in asker.ask("t.buffers(region='dram')")], [100])
        self.assertEqual(len(asker.ask(f"t.buffers(pid={a.pid}, limit=1)")), 1)
        self.assertEqual(asker.ask("t.buffers().hidden"), 0)
        figures = asker.ask("t.server_figures()")
        self.assertEqual((figures["allocations"], figures["announced"]), (1, 1))  # the first came with the connection

        a.kill()
        self.wait_for_end_of(a.pid, self.watch)
        (ended,) = asker.ask("t.ended()")
        self.assertEqual((ended["pid"], ended["reason"], ended["buffers"]), (a.pid, "exited", 2))
        self.assertEqual(ended["devices"][0]["since"], process["devices"][0]["since"])
        self.assertLess(ended["devices"][0]["since"], ended["devices"][0]["until"])
        self.assertGreaterEqual(ended["end_time"], ended["start_time"])

    def test_what_cannot_be_found(self):
        a = self.application()
        message = "the server knows no device 7; list them with devices()"
        self.assertEqual(a.error_of("t.devices(7)"), ("NotFoundError", message))
        self.assertEqual(a.error_of("t.processes(pid=2**30)")[0], "NotFoundError")
        self.assertEqual(a.ask("t.device_count()"), 0)
        self.assertEqual(self.watch.figures()["sessions_accepted"], 3)  # an error answer does not cost the connection

    def test_buffers_of_others_are_hidden(self):
        self.require_root()
        a = self.application()
        a.do("t.report_allocation(0, 100, t.DRAM, 1)")
        a.ask("t.device_count()")
        nobody = self.application(uid=NOBODY)
        nobody.do("t.report_allocation(0, 5, t.DRAM, 1)")
        self.assertEqual(nobody.ask("[(b['size'], b['uid']) for b in t.buffers()]"), [(5, NOBODY)])
        self.assertEqual(nobody.ask("t.buffers().hidden"), 1)
        self.assertEqual(nobody.error_of(f"t.buffers(pid={a.pid})")[0], "NotPermittedError")
        self.assertIsNone(nobody.ask(f"t.processes(pid={a.pid})[0]['command']"))


class Impostor:
    """Something else that listens: answers the bytes it is given, one list of frames per connection."""

    def __init__(self, path, *conversations):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.settimeout(PATIENCE)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, args=(conversations,))
        self.thread.start()

    def _serve(self, conversations):
        for answers in conversations:
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                for answer in answers:
                    connection.recv(112, socket.MSG_WAITALL)
                    connection.sendall(answer)
                while connection.recv(4096):
                    pass

    def close(self):
        self.thread.join(PATIENCE)
        self.listener.close()


WELCOME = dict(magic=raw.MAGIC, version=1)


class Impostors(ClientTest):
    def impostor(self, *conversations):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        impostor = Impostor(os.path.join(directory.name, "i.sock"), *conversations)
        self.addCleanup(impostor.close)
        return self.application({"TT_ALLOC_SOCKET": impostor.path, "TT_ALLOC_TRACKING_ENABLED": "0"})

    def test_no_server_of_ours(self):
        a = self.impostor([b"HTTP/1.1 400 Bad Request\r\n" + bytes(86)])
        self.assertRegex(a.error_of("t.devices()")[1], "^what listens at .* is no tt-allocation-server; set TT_")

    def test_another_version(self):
        a = self.impostor([raw.own(raw.WELCOME, **{**WELCOME, "version": 9})])
        self.assertRegex(a.error_of("t.devices()")[1], "speaks version 9 of the protocol, this is version 1")

    def test_a_wrong_count(self):
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME), raw.own(raw.END, count=1, request=raw.LIST_FIGURES)])
        message = "the server announced 1 records and sent 0"
        self.assertEqual(a.error_of("t.server_figures()"), ("ProtocolError", message))

    def test_a_server_without_history(self):
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME), raw.own(raw.END, request=raw.LIST_FIGURES)])
        self.assertRegex(a.error_of("t.history()")[1], "^the server keeps no history, it is an older one: ")
        self.assertEqual(a.ask("t.server_figures()"), {})  # the connection is good

    def test_a_server_that_cannot_forget(self):
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME), raw.own(raw.END, request=raw.LIST_FIGURES)])
        self.assertRegex(a.error_of("t.forget()")[1], "^the server cannot forget leaks, it is an older one: ")
        self.assertEqual(a.ask("t.server_figures()"), {})  # the connection is good

    def test_a_history_with_gaps(self):
        pieces = raw.own(raw.HISTORY, index=0, count=20) + raw.own(raw.HISTORY, index=21, count=20)
        end = raw.own(raw.END, count=2, request=raw.LIST_HISTORY)
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME, features=16), pieces + end])
        self.assertEqual(a.error_of("t.history()"), ("ProtocolError", "the server sent a history with gaps"))

    def test_records_of_a_later_version(self):
        figure = raw.own(raw.FIGURE, name=b"buffers", value=5)
        unknown = b"\x5a" + bytes(111)
        end = raw.own(raw.END, count=3, request=raw.LIST_FIGURES)
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME), unknown + figure + unknown + end])
        self.assertEqual(a.ask("t.server_figures()"), {"buffers": 5})

    def test_an_answer_that_breaks_off(self):
        a = self.impostor([raw.own(raw.WELCOME, **WELCOME), raw.own(raw.FIGURE)[:50]])
        a.do("t._ANSWER_PATIENCE = 1")
        self.assertEqual(a.error_of("t.server_figures()")[0], "NoServerError")
        a.close()

    def test_no_answer_at_all(self):
        a = self.impostor([])
        a.do("t._ANSWER_PATIENCE = 1")
        self.assertRegex(a.error_of("t.devices()")[1], "does not answer: no answer in time; is it stopped")
        a.close()

    def test_a_server_of_somebody_else(self):
        """Who made the name in /tmp first gets not one byte, unless he is named as trusted."""
        self.require_root()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        os.chmod(directory.name, 0o777)
        path = os.path.join(directory.name, "stolen.sock")
        thief = Child(
            """
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o777)
listener.listen()
say()
while True:
    connection, _ = listener.accept()
    say(len(connection.recv(4096)))
    connection.close()
""",
            path,
            NOBODY,
        )
        self.addCleanup(thief.close)
        thief.hear()
        a = self.application({"TT_ALLOC_SOCKET": path}, stderr=subprocess.PIPE)
        self.addCleanup(a.process.stderr.close)
        a.do("t.report_allocation(0, 1, t.DRAM, 1)")
        self.assertEqual(thief.hear(), "0")
        name, message = a.error_of("t.devices()")
        self.assertEqual(name, "UntrustedServerError")
        self.assertIn(f"belongs to uid {NOBODY}", message)
        self.assertEqual(thief.hear(), "0")
        a.leave()
        (warning,) = a.process.stderr.read().splitlines()
        self.assertIn(f"TT_ALLOC_SERVER_USER={NOBODY}", warning)

        for name in (str(NOBODY), "nobody"):
            a = self.application({"TT_ALLOC_SOCKET": path, "TT_ALLOC_SERVER_USER": name})
            a.do("t.report_allocation(0, 1, t.DRAM, 1)")
            self.assertEqual(thief.hear(), "112")
            a.close()


def node(node_type, connections=(), **params):
    return {"counter": 0, "node_type": node_type, "params": params, "connections": list(connections)}


def expected_of(captures):
    """An independent, naive reading: ({(device, pool): [live, peak]}, live {(device, region): [sizes]})."""
    pool_of = {DRAM: "dram", TRACE: "dram", L1: "l1", L1_SMALL: "l1", CB: "l1", SYSTEM_MEMORY: "host"}
    figures = collections.defaultdict(lambda: [0, 0])
    live = collections.defaultdict(list)

    def change(device, region, size, sign):
        if sign > 0:
            live[device, region].append(size)
        else:
            live[device, region].remove(size)
        figure = figures[device, pool_of[region]]
        figure[0] += sign * size
        figure[1] = max(figure)

    circular = []
    for nodes in captures:
        by_node = {}
        for item in nodes:
            params = item["params"] or {}
            if item["node_type"] == "buffer_allocate":
                by_node[item["connections"][0]] = (params["device_id"], params["buffer_type"], params["size"])
                change(*by_node[item["connections"][0]], +1)
            elif item["node_type"] == "buffer_deallocate":
                change(*by_node.pop(item["connections"][0]), -1)
            elif item["node_type"] == "circular_buffer_allocate" and params["globally_allocated"] == "0":
                circular.append((params["device_id"], CB, params["size"]))
                change(*circular[-1], +1)
            elif item["node_type"] == "circular_buffer_deallocate_all":
                for buffer in circular:
                    change(*buffer, -1)
                circular = []
    return dict(figures), {key: sorted(sizes) for key, sizes in live.items() if sizes}


class Replay(ClientTest):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.environment = client_environment(self.server.path)
        del self.environment["TT_ALLOC_TRACKING_ENABLED"]  # replay turns it on

    def file(self, content, name="capture.json"):
        path = pathlib.Path(self.directory.name, name)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def replay(self, *arguments):
        return run([sys.executable, TT_ALLOC, "replay", *arguments], env=self.environment)

    def ended(self):
        (ended,) = self.watch.entries(raw.LIST_ENDED)
        return ended

    def check(self, captures, *arguments, times=1):
        """Replays, and compares what the server saw with the naive reading."""
        figures, live = expected_of(captures)
        result = self.replay(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stderr)
        wait_until(lambda: self.watch.entries(raw.LIST_ENDED), "the end of the replay")
        usage = self.ended()["usage"].values()
        pools = ("dram", "l1", "host")
        told = {
            (u["logical_id"], pools[u["index"]]): [u["bytes"], u["peak_bytes"]] for u in usage if u["kind"] == POOL
        }
        self.assertEqual(told, figures)
        self.assertEqual(self.ended()["buffers"], sum(map(len, live.values())))
        allocations = sum(item["node_type"] == "buffer_allocate" for nodes in captures for item in nodes)
        self.assertEqual(
            sum(u["allocations"] for u in usage if u["kind"] == REGION and u["index"] != CB), times * allocations
        )
        counted = self.watch.figures()
        for anomaly in ("unknown_free", "ambiguous_free", "replaced", "shared", "bad_frames", "pid_mismatch"):
            self.assertEqual(counted[anomaly], 0, anomaly)
        return result.stdout

    def test_the_shipped_capture(self):
        out = self.check([json.loads(CAPTURE.read_text())], CAPTURE)
        self.assertIn("reported 2 buffers, 1 of them freed, and 3 circular buffers\n", out)
        self.assertIn("device 1 l1:   peak 2.0 MiB, live at the end 0 B in 0 buffers\n", out)
        self.assertIn("device 1 dram: peak 22.0 KiB, live at the end 22.0 KiB in 1 buffer\n", out)
        self.assertIn("device 0 l1:   peak 768.0 KiB, live at the end 768.0 KiB in 3 buffers\n", out)
        self.server.wait_for_line(r"exited but left 4 buffers allocated: 22 KiB dram, 768 KiB l1")
        self.server.wait_for_line(r"Buffer 0xfefff000: 22528 bytes DRAM")
        self.server.wait_for_line(r"Buffer 0x5b400: 524288 bytes CB")

    def test_on_a_chip(self):
        """Both devices of the capture are one chip, and stand in its row."""
        out = self.replay(CAPTURE, "--chip", "0=0xabc", "--chip", "1=2748")
        self.assertEqual((out.returncode, out.stderr), (0, ""))
        self.assertIn("device 1 dram: peak 22.0 KiB, live at the end 22.0 KiB in 1 buffer\n", out.stdout)
        self.assertIn("device 0 l1:   peak 768.0 KiB, live at the end 768.0 KiB in 3 buffers\n", out.stdout)
        self.assertEqual([d["asic_id"] for d in self.watch.entries(raw.LIST_DEVICES)].count(0xABC), 1)

    def test_impossible_chips(self):
        for chip in ("0", "0=", "=1", "-1=5", "0=-5", "0=x", "2147483648=1", f"0={2**64}"):
            with self.subTest(chip=chip):
                out = self.replay(CAPTURE, f"--chip={chip}")
                self.assertEqual(out.returncode, 2)
                self.assertIn("must be DEVICE=ASIC_ID", out.stderr)

    def test_many_times(self):
        out = self.check([json.loads(CAPTURE.read_text())], CAPTURE, "--times", "50", times=50)
        self.assertIn("50 times", out)

    def test_several_files(self):
        capture = json.loads(CAPTURE.read_text())
        self.check([capture, capture, capture], CAPTURE, CAPTURE, CAPTURE)

    def test_without_dispatch(self):
        """All addresses are 0, all buffers are different ones."""
        nodes = [
            node("buffer_allocate", [1], address=0, size=100, buffer_type=DRAM, device_id=3),
            node("buffer_allocate", [2], address=0, size=200, buffer_type=DRAM, device_id=3),
            node("buffer_allocate", [3], address=0, size=200, buffer_type=L1, device_id=3),
            node("circular_buffer_allocate", address=0, size=7, globally_allocated="0", device_id=3),
            node("circular_buffer_allocate", address=0, size=7, globally_allocated="0", device_id=3),
            node("circular_buffer_allocate", address=0, size=999, globally_allocated="1", device_id=3),
            node("buffer_deallocate", [1], address=0, size=100, buffer_type=DRAM, device_id=3),
            node("circular_buffer_deallocate_all", device_id=3),
            node("circular_buffer_allocate", address=0, size=9, globally_allocated="0", device_id=3),
            node("buffer_allocate", [4], address=0, size=50, buffer_type=L1_SMALL, device_id=3),
            node("buffer_deallocate", [3], address=0, size=200, buffer_type=L1, device_id=3),
        ]
        out = self.check([nodes], self.file(nodes))
        self.assertIn("left out 1 circular buffer inside buffers\n", out)

    def test_circular_buffers_at_one_address(self):
        """On different cores: they are two."""
        cb = {"address": 4096, "globally_allocated": "0", "device_id": 0}
        nodes = [node("circular_buffer_allocate", size=size, **cb) for size in (10, 10, 30)]
        self.check([nodes], self.file(nodes))

    def test_deallocating_all_frees_all(self):
        """Whatever device it names: the mesh, the chip, none, or another."""
        cb = node("circular_buffer_allocate", address=4096, size=64, globally_allocated="0", device_id=0)
        for params in ({"device_id": 1}, {"device_id": 0}, {}, {"device_id": 77}):
            with self.subTest(params=params):
                result = self.replay(self.file([cb, node("circular_buffer_deallocate_all", **params)]))
                self.assertIn("device 0 l1:   peak 64 B, live at the end 0 B in 0 buffers", result.stdout)

    def test_older_captures(self):
        """Numbers as text, no device, no buffer_type, frees without address or size."""
        nodes = [
            node("buffer", size="24576", type="L1", layout="INTERLEAVED"),
            node("buffer_allocate", [0], address="1953396066", size="24576", type="L1", layout="INTERLEAVED"),
            node("buffer_allocate", [9], address="0", size="1024", type="DRAM"),
            node("circular_buffer_allocate", address="0", size="4096", globally_allocated="false"),
            node("circular_buffer_allocate", address="0", size="512", globally_allocated="true"),
            node("buffer_deallocate", [0], size="0", type="L1"),
        ]
        result = self.replay(self.file(nodes))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("device 0 dram: peak 1.0 KiB, live at the end 1.0 KiB in 1 buffer\n", result.stdout)
        self.assertIn("device 0 l1:   peak 28.0 KiB, live at the end 4.0 KiB in 1 buffer\n", result.stdout)

    def test_newer_captures(self):
        """Dataflow buffers and scratchpads live as long as a program, like circular buffers."""
        nodes = [
            node("dataflow_buffer_allocate", address=1, size=10, borrows_memory="0", device_id=0),
            node("dataflow_buffer_allocate", address=2, size=99, borrows_memory="1", device_id=0),
            node("scratchpad_allocate", address=3, size=20, device_id=0),
        ]
        result = self.replay(self.file(nodes))
        self.assertIn("device 0 l1:   peak 30 B, live at the end 30 B in 2 buffers\n", result.stdout)
        result = self.replay(self.file(nodes + [node("circular_buffer_deallocate_all", device_id=0)]))
        self.assertIn("device 0 l1:   peak 30 B, live at the end 0 B in 0 buffers\n", result.stdout)

    def test_shapes_of_files(self):
        nodes = json.loads(CAPTURE.read_text())
        for name, content, count in (
            ("report", {"version": 1, "graph": nodes, "devices": []}, 1),
            ("list of captures", [nodes, nodes], 2),
            ("list of reports", [{"graph": nodes}, {"graph": nodes}], 2),
        ):
            with self.subTest(name):
                result = self.replay(self.file(content))
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                expected = f"reported {2 * count} buffers, {count} of them freed, and {3 * count} circular"
                self.assertIn(expected, result.stdout)

    def test_frees_from_before_the_capture(self):
        nodes = [
            node("buffer_deallocate", [5], address=4096, size=1, buffer_type=L1, device_id=0),
            node("buffer_allocate", [6], address=4096, size=64, buffer_type=L1, device_id=0),
            node("buffer_deallocate", [5], address=4096, size=1, buffer_type=DRAM, device_id=0),
        ]
        result = self.replay(self.file(nodes))
        self.assertIn("left out 2 frees of buffers from before the capture\n", result.stdout)
        self.assertIn("device 0 l1:   peak 64 B, live at the end 64 B in 1 buffer\n", result.stdout)
        self.assertEqual(self.watch.figures()["unknown_free"], 0)

    def test_a_capture_that_allocates_nothing(self):
        result = self.replay(self.file([node("capture_start"), node("capture_end")]))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("reported 0 buffers", result.stdout)

    def test_holding(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                command = [sys.executable, TT_ALLOC, "replay", CAPTURE, "--hold", "--socket", self.server.path]
                environment = {**self.environment, "TT_ALLOC_SOCKET": "/nowhere"}
                holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
                with holder:
                    last = next(line for line in holder.stdout if "holds" in line)
                    self.assertEqual(last, f"PID {holder.pid} holds 4 buffers; look with tt-smi, end with Ctrl-C\n")
                    self.assertEqual(len(self.held(holder.pid)), 4)
                    holder.send_signal(number)
                    self.assertEqual(holder.wait(PATIENCE), 0)
                self.server.wait_for_line(rf"Process {holder.pid} .* exited but left 4 buffers")

    MALFORMED = {
        b"": "no JSON: Expecting value: line 1 column 1",
        b"{": "no JSON: .*line 1 column 2",
        b'[\n {"node_type": "x"},\n {"node_type" "y"}]': "no JSON: .*line 3 column 15",
        b"\xff\xfe\x00": "no JSON: byte 0 is not UTF-8",
        b"[" * 100000: "no JSON that can be read: ",
        b"[1" + b"0" * 5000 + b"]": "(no JSON that can be read: |node 0: not an object)",
        b"[]": "no graph capture",
        b"{}": "no graph capture",
        b"17": "no graph capture",
        b"null": "no graph capture",
        b'"text"': "no graph capture",
        b'{"graph": []}': "no graph capture",
        b'{"graph": {"nodes": []}}': "no graph capture",
        b'[[{"node_type": "x"}], []]': "no graph capture",
        b"[1, 2]": "node 0: not an object",
        b'[{"counter": 0}]': 'node 0: no "node_type"',
        b'[{"node_type": 5}]': 'node 0: no "node_type"',
        b'[{"node_type": "x"}, null]': "node 1: not an object",
        b'[{"node_type": "buffer_allocate"}]': r'node 0 \(buffer_allocate\): "type" is null, no memory of a device',
        b'[{"node_type": "buffer_allocate", "params": {"buffer_type": 0}}]': r'node 0 \(.*\): "size" is missing',
        b'[{"node_type": "buffer_allocate", "params": [1]}]': r'"params" is not an object',
        b'[{"node_type": "circular_buffer_allocate", "params": "x"}]': r'"params" is not an object',
        b'[{"node_type": "buffer_deallocate", "connections": 7, "params": {}}]': '"connections" is not a list',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": -1}}]': '"size" is -1, not a whole number',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": 1.5}}]': '"size" is 1.5, not a whole',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": NaN}}]': '"size" is NaN, not a whole',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": true}}]': '"size" is true, not a whole',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": "12x"}}]': '"size" is "12x", not a whole',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": {}}}]': '"size" is {}, not a whole',
        b'[{"node_type": "scratchpad_allocate", "params": {"size": 281474976710656}}]': "from 0 to 281474976710655",
        b'[{"node_type": "scratchpad_allocate", "params": {"size": 1, "device_id": 2147483648}}]': '"device_id" is',
        b'[{"node_type": "circular_buffer_allocate", "params": {"size": 1, "address": -4}}]': '"address" is -4',
        b'[{"node_type": "buffer_allocate", "params": {"size": 1, "buffer_type": 5}}]': '"buffer_type" is 5',
        b'[{"node_type": "buffer_allocate", "params": {"size": 1, "type": "CACHE"}}]': '"type" is "CACHE", no memory',
    }

    def test_malformed_files(self):
        """One clear line, status 1, no traceback; and nothing of a file is reported unless all of them are good."""
        for content, complaint in self.MALFORMED.items():
            with self.subTest(content[:60]):
                path = self.file(content)
                result = self.replay(CAPTURE, path)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertEqual(result.stdout, "")
                self.assertRegex(result.stderr, rf"\Att_alloc\.py: {path}: [^\n]*{complaint}[^\n]*\n\Z")
        self.assertEqual(self.watch.figures()["reports"], 0)

    def test_files_that_cannot_be_read(self):
        complaints = {self.directory.name: "Is a directory", "/no/such/file": "No such file or directory"}
        for path, complaint in complaints.items():
            result = self.replay(path)
            self.assertEqual((result.returncode, result.stderr), (1, f"tt_alloc.py: {path}: {complaint}\n"))

    def test_without_server(self):
        self.server.stop()
        result = self.replay(CAPTURE)
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertRegex(result.stderr, rf"\Att_alloc.py: no server at {self.server.path}: [^\n]*\n\Z")

    def test_wrong_usage(self):
        for arguments in ([], [CAPTURE, "--times", "0"], [CAPTURE, "--times", "x"], [CAPTURE, "--loud"]):
            self.assertEqual(self.replay(*arguments).returncode, 2)
        self.assertEqual(run([sys.executable, TT_ALLOC], env=self.environment).returncode, 2)


class QueryStats(ClientTest):
    NAMES = ("dram_allocated", "l1_allocated", "l1_small_allocated", "trace_allocated")

    def run_it(self, *arguments):
        return run([sys.executable, QUERY_STATS, *arguments], env=client_environment(self.server.path))

    def test_the_function(self):
        self.watch.alloc(1, 111, DRAM, device_id=2)
        self.watch.alloc(1, 222, L1, device_id=2)
        self.watch.alloc(1, 333, L1_SMALL, device_id=2)
        self.watch.alloc(1, 444, TRACE, device_id=2)
        self.watch.fence()
        a = self.application()
        a.do("from query_stats import query_device_stats")
        self.assertEqual(a.ask("query_device_stats(2)"), dict(zip(self.NAMES, (111, 222, 333, 444))))
        self.assertEqual(a.ask("query_device_stats(0)['dram_allocated']"), 0)

    def test_the_command(self):
        self.watch.alloc(1, 111, DRAM)
        self.watch.fence()
        result = self.run_it("0")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        expected = "dram_allocated 111\nl1_allocated 0\nl1_small_allocated 0\ntrace_allocated 0\n"
        self.assertEqual(result.stdout, expected)
        self.assertEqual(self.run_it().stdout, expected)

    def test_wrong_usage(self):
        for arguments in (["x"], ["-1"], ["2147483648"], ["0", "1"], ["--all"]):
            result = self.run_it(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)

    def test_without_server(self):
        self.server.stop()
        result = self.run_it("0")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertRegex(result.stderr, rf"\Aquery_stats.py: no server at {self.server.path}: [^\n]*\n\Z")
        a = self.application()
        a.do("from query_stats import query_device_stats")
        self.assertEqual(a.error_of("query_device_stats(0)")[0], "NoServerError")


if __name__ == "__main__":
    unittest.main()
