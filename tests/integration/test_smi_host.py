# SPDX-License-Identifier: Apache-2.0
"""tt-smi where server and host both tell, one of them, or neither: what is known of whom, what is missing, and that it
is said."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import harness
import raw
from harness import NOBODY, wait_until
from host_test import DESCRIBE, NO_SUCH_PID, HostTest, dram_of, dram_of_devices
from maker import EACCES, Container, Device, Process, Slot, Totals  # found through host_test
from test_smi import GIB, MIB, TT_SMI, environment

HAS_DRIVER = os.path.exists("/sys/module/tenstorrent")


class Together(HostTest):
    def setUp(self):
        super().setUp()
        self.cards = [Device(0, "n150"), Device(1, "n150")]
        self.asic_id = self.cards[0].asic_id

    def make_with(self, reporter, others=(), dram=GIB):
        """The reporter has card 0 open, and tt-metal counts so much for it; the others have what they have."""
        mine = Process(reporter.pid, "root", "python3 train.py", opens=[0])
        slots = [Slot(mine, dram=dram)] + [Slot(other, dram=2 * GIB) for other in others if 0 in other.opens]
        self.make(*self.cards, processes=[mine, *others], totals=[Totals(self.asic_id, slots)])

    def test_side_by_side(self):
        reporter, shm_only, untracked = self.reporter(self.asic_id), self.idler(), self.idler()
        leaky = self.puppet()
        leaky.do(DESCRIBE.format(device=0, asic_id=self.asic_id), f"c.alloc(1, {256 * MIB})")
        leaky.leave()
        self.wait_for_end_of(leaky.pid, self.watcher())
        self.make_with(reporter, [Process(shm_only.pid, 40001, "python3 serve.py", opens=[0]),
                                  Process(untracked.pid, 40002, "python3 probe.py", opens=[1])])
        document = self.document()
        processes = {process["pid"]: process for process in document["processes"]}
        self.assertEqual({pid: process["tracking"] for pid, process in processes.items()},
                         {reporter.pid: "reporting", shm_only.pid: "shm_only", untracked.pid: "untracked"})
        self.assertEqual(dram_of(processes[reporter.pid]), {"0": GIB})
        self.assertEqual(dram_of(processes[shm_only.pid]), {"0": 2 * GIB})
        self.assertIsNone(processes[untracked.pid]["usage"])
        self.assertEqual(dram_of_devices(document), {"0": 3 * GIB, "1": None})
        self.assertEqual([leak["pid"] for leak in document["leaks"]], [leaky.pid])
        self.check_table(self.both(), reporter, shm_only, untracked, leaky)

    def check_table(self, text, reporter, shm_only, untracked, leaky):
        self.assertRegex(text.splitlines()[0], r"  driver 2\.10\.0  totals 1  2 devices, 1 reporting, 1 shm only, 1 untracked, 1 leak$")
        self.assertEqual(self.row(text, reporter.pid)[2:7], ["0", "reporting", "1.0G", "-", "-"])
        self.assertEqual(self.row(text, shm_only.pid)[1:9], ["40001", "0", "shm", "only", "2.0G", "0", "0", "0"])
        self.assertEqual(self.row(text, untracked.pid)[1:7], ["40002", "1", "untracked", "?", "?", "?"])
        self.assertEqual(self.row(text, leaky.pid)[2:5], ["0", "exited", "256M"])
        self.assertIn("! 1 process has a device open and nothing tells of its memory.", text)
        self.assertIn("! 256M of DRAM on device 0 belonged to a process that ended.", text)

    def test_the_server_wins_and_the_difference_is_shown(self):
        reporter = self.reporter(self.asic_id)
        for shm, difference in ((GIB + 512 * MIB, "+512M"), (GIB // 2, "-512M"), (GIB, None)):
            self.make_with(reporter, dram=shm)
            document = self.document()
            (process,) = document["processes"]
            self.assertEqual((process["tracking"], dram_of(process)), ("reporting", {"0": GIB}))
            self.assertEqual(dram_of_devices(document)["0"], GIB)
            text = self.both()
            self.assertEqual("SHM DIFF" in text, difference is not None)
            if difference:
                self.assertIn(difference, self.row(text, reporter.pid))

    def test_several_users(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become other users")
        held = {0: 10 * MIB, NOBODY: 20 * MIB, 12345: 30 * MIB}
        puppets = {self.reporter(self.asic_id, dram, uid).pid: uid for uid, dram in held.items()}
        self.make(*self.cards, processes=[Process(pid, uid, "python3 x.py", opens=[0]) for pid, uid in puppets.items()])
        document = self.document()
        self.assertEqual({process["pid"]: process["uid"] for process in document["processes"]}, puppets)
        for process in document["processes"]:
            self.assertEqual(dram_of(process), {"0": held[process["uid"]]})
        self.assertEqual(dram_of_devices(document)["0"], 60 * MIB)
        self.assertEqual([process["uid"] for process in self.document("-u", "12345")["processes"]], [12345])
        text = self.both()
        for pid, uid in puppets.items():
            self.assertEqual(self.row(text, pid)[1], {0: "root", NOBODY: "nobody"}.get(uid, str(uid)))

    def test_processes_in_a_pid_namespace(self):
        """They call themselves 1 and 2; server and driver see their numbers on the host, tt-metal writes down theirs."""
        reporter, shm_only = self.start_in_namespace()
        container = Container("docker", "3f2a90b1c2d45e6f", 4026539999)
        processes = [Process(pid, "root", f"python3 {name}", opens=[0], inner=inner, container=container)
                     for pid, name, inner in ((reporter, "told.py", 1), (shm_only, "shm.py", 2))]
        container.totals = [Totals(self.asic_id, [Slot(processes[0], dram=GIB), Slot(processes[1], dram=2 * GIB)])]
        self.make(*self.cards, processes=sorted(processes, key=lambda process: process.pid))
        found = self.processes()
        self.assertEqual({pid: (process["tracking"], dram_of(process), process["label_pid"])
                          for pid, process in found.items()},
                         {reporter: ("reporting", {"0": GIB}, 1), shm_only: ("shm_only", {"0": 2 * GIB}, 2)})
        self.assertEqual(dram_of_devices(self.document())["0"], 3 * GIB)
        text = self.both()
        for pid in (reporter, shm_only):
            self.assertIn("3f2a90b1c2d4", self.row(text, pid))
        self.assertNotIn("SHM DIFF", text)

    def start_in_namespace(self):
        """The PIDs, as they are here, of a process that reports and one that does not, in a new PID namespace."""
        child = self.child(IN_NAMESPACE.format(asic_id=self.asic_id))
        answer = child.hear()
        if answer == "no":
            self.skipTest("a PID namespace needs root, or is not permitted here")
        self.assertEqual(child.hear(), "1 2")
        first = int(answer)
        second = int(harness.read_proc(first, f"task/{first}/children").split()[0])
        return first, second

    def test_it_never_lists_itself(self):
        """Also if it is told to report, as its environment may be that of a workload."""
        reporter = self.reporter(self.asic_id)
        self.make_with(reporter)
        for _ in range(2):
            text = self.both("--json", TT_ALLOC_TRACKING_ENABLED="1")
            self.assertEqual([process["pid"] for process in json.loads(text)["processes"]], [reporter.pid])
        self.assertEqual(self.watcher().entries(raw.LIST_ENDED), [])

    def test_only_a_root_asks_nobody(self):
        reporter = self.reporter(self.asic_id)
        self.make_with(reporter)
        text = self.smi("--root", str(self.root)).stdout
        self.assertIn("server not asked", text)
        self.assertIn("shm", self.row(text, reporter.pid))


IN_NAMESPACE = f"""
import ctypes
if ctypes.CDLL(None).unshare(0x20000000) != 0:
    say("no")
    wait()
    os._exit(0)
first = os.fork()
if first > 0:
    say(str(first))
    os.waitpid(first, 0)
    os._exit(0)
second = os.fork()
if second == 0:
    signal.pause()
c = raw.Raw(path)
c.hello(raw.REPORTER)
c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 0, asic_id={{asic_id}}, known=raw.KNOWN["asic_id"]))
c.alloc(1, {GIB}, raw.DRAM, 0)
c.fence()
os.write(1, f"{{{{os.getpid()}}}} {{{{second}}}}\\n".encode())
wait()
"""


class Strict(HostTest):
    """Status 7 says that something is missing, whatever it is."""

    def setUp(self):
        super().setUp()
        self.card = Device(0, "n150")
        self.puppet_ = self.reporter(self.card.asic_id)
        self.mine = Process(self.puppet_.pid, "root", "python3 train.py", opens=[0])

    def strict(self, expect):
        self.both("--strict", expect=expect)
        self.both("--strict", "--json", expect=expect)
        self.both()

    def test_complete(self):
        self.make(self.card, processes=[self.mine])
        self.strict(0)
        self.make(self.card, processes=[self.mine], totals=[Totals(self.card.asic_id, [Slot(self.mine, dram=GIB)])])
        self.strict(0)

    def test_untracked(self):
        self.make(self.card, processes=[self.mine, Process(NO_SUCH_PID, "jun", "python3 probe.py", opens=[0])])
        self.strict(7)

    def test_hidden(self):
        self.make(Device(0, "n150", hidden_opens=1), processes=[self.mine])
        self.strict(7)
        self.assertIn("in PID namespaces that cannot be seen from here", self.both())

    def test_totals_that_cannot_be_read(self):
        for totals in (Totals(self.card.asic_id, [Slot(self.mine, dram=GIB)], cut=500),
                       Totals(self.card.asic_id, content=EACCES)):
            self.make(self.card, processes=[self.mine], totals=[totals])
            self.strict(7)

    def test_inexact(self):
        self.make(self.card, processes=[self.mine])
        self.puppet_.do("d = raw.Raw(path)", "d.hello(raw.REPORTER, features=raw.RING_FEATURES)", "r = d.ring()",
                        "r.resync((1, 4096))", "r.lose(3)", "r.alloc(2, 64)", "d.wake()", "d.fence()")
        wait_until(lambda: self.processes()[self.puppet_.pid]["inexact"], "the loss to be noticed")
        self.strict(7)


class Alone(HostTest):
    """One of the two does not tell, or neither."""

    @unittest.skipIf(HAS_DRIVER, "this machine has a driver")
    def test_this_machine(self):
        reporter = self.reporter()
        text = self.smi("--socket", self.server.path).stdout
        self.assertRegex(text.splitlines()[0], r"  server up \S+  no driver  1 device, 1 reporting$")
        self.assertEqual(self.row(text, reporter.pid)[2:5], ["0", "1.0G", "-"])

    def test_no_driver(self):
        self.make_named("no-driver")
        text = self.both()
        self.assertIn("  no driver  0 devices, 0 reporting", text)
        self.assertIn("! The driver of Tenstorrent devices is not loaded.   sudo modprobe tenstorrent", text)
        self.make_named("no-devices")
        self.assertIn("! The driver found no Tenstorrent device.", self.both())

    def start(self, path, name="n150"):
        if not (self.out / name).exists():
            self.make_named(name)
        return subprocess.Popen([TT_SMI, "--root", self.root, "--socket", path], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=environment())

    def finish(self, process, path, code, reason):
        """Without an answer from there the host is shown all the same, and two lines say why there is none."""
        output, errors = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, code, errors)
        self.assertIn(reason, errors)
        self.assertIn(str(path), errors)
        self.assertEqual(errors.count("\n"), 2, errors)
        return output

    def fail_at(self, path, code, reason, name="n150"):
        return self.finish(self.start(path, name), path, code, reason)

    def test_no_server(self):
        text = self.fail_at(self.out / "none", 3, "there is no such socket")
        self.assertIn("server not reachable  driver 2.", text)
        self.assertRegex(text, r"(?m)^  0  n150 ")

    def test_neither(self):
        text = self.fail_at(self.out / "none", 3, "there is no such socket", "no-driver")
        self.assertIn("server not reachable  no driver  0 devices", text)
        self.assertIn("The driver of Tenstorrent devices is not loaded.", text)

    def fake(self, answer):
        """A server that does what it likes with each connection."""
        path = self.out / f"fake{len(list(self.out.iterdir()))}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        self.addCleanup(listener.close)

        def serve():
            with listener.accept()[0] as connection:
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        return path

    def test_another_version_of_the_protocol(self):
        def answer(connection):
            connection.recv(112, socket.MSG_WAITALL)
            connection.sendall(raw.own(raw.WELCOME, magic=raw.MAGIC, version=2))
            connection.recv(1)

        text = self.fail_at(self.fake(answer), 6, "it speaks another version of the protocol")
        self.assertRegex(text, r"(?m)^  0  n150 ")

    def test_it_goes_away(self):
        text = self.fail_at(self.fake(lambda connection: connection.recv(112)), 3, "it went away")
        self.assertRegex(text, r"(?m)^  0  n150 ")

    def test_it_hangs(self):
        """Before it has answered, behind its first answer, and one that is stopped; all at a time."""
        done = threading.Event()
        self.addCleanup(done.set)

        def welcome_and_hang(connection):
            connection.recv(112, socket.MSG_WAITALL)
            connection.sendall(raw.own(raw.WELCOME, magic=raw.MAGIC, version=1))
            done.wait()

        paths = [self.fake(lambda _: done.wait()), self.fake(welcome_and_hang), self.server.path]
        self.server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        begun = time.monotonic()
        for path, process in [(path, self.start(path)) for path in paths]:
            text = self.finish(process, path, 3, "it does not answer in time")
            self.assertRegex(text, r"(?m)^  0  n150 ")
        self.assertLess(time.monotonic() - begun, 15)

    def test_no_such_tree(self):
        result = self.smi("--root", str(self.out / "none"), "--socket", self.server.path, expect=2)
        self.assertIn(str(self.out / "none"), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
