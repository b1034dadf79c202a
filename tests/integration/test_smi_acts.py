# SPDX-License-Identifier: Apache-2.0
"""tt-smi reset-peaks and tt-smi forget, with processes that hold memory and others that left some: what changes, who may,
and what is said where nothing can be done."""

import contextlib
import socket
import tempfile
import threading
import unittest

import raw
from harness import NOBODY, PATIENCE
from test_verbs import Verb, read_document, tt_smi

MIB = 1 << 20
PEAK = f"""
c.alloc(0x1000, {64 * MIB}, raw.DRAM, 0)
c.alloc(0x2000, {32 * MIB}, raw.DRAM, 0)
c.free(0x2000, 0, raw.DRAM)
c.alloc(0x1000, {8 * MIB}, raw.L1, 1)
c.alloc(0x2000, {8 * MIB}, raw.L1, 1)
c.free(0x2000, 1, raw.L1)
"""
LEAK = f"c.alloc(0x1000, {MIB}, raw.DRAM, 0)"
ALLOWED = "only for root, the server's user and the group tt-alloc"
MAY = "only root, the server's user and the group tt-alloc may have"


class ActTest(Verb):
    def fails(self, code, *arguments, **options):
        """What stands on stderr of a call that ends with this code."""
        result = tt_smi(*arguments, "--socket", self.server.path, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stderr

    def document(self, *arguments, **options):
        return read_document(self.ask(*arguments, "--json", **options))


class ResetPeaks(ActTest):
    def busy(self, uid=-1):
        puppet = self.puppet(uid)
        puppet.run(PEAK)
        return puppet

    def peaks(self):
        """MiB at the peak: {("dev", device) or ("pid", pid): {region: peak}}, as tt-smi shows them."""
        document, found = self.document(), {}
        for device in document["devices"]:
            found["dev", device["device"]] = {
                region["region"]: region["peak_bytes"] // MIB
                for pool in device["pools"] for region in pool["regions"] if region["peak_bytes"]
            }
        for process in document["processes"]:
            found["pid", process["pid"]] = {
                (usage["device"], usage["region"]): usage["peak_bytes"] // MIB for usage in process["usage"] or []
            }
        return found

    def test_all(self):
        one, two = self.busy(), self.busy()
        before = self.peaks()
        self.assertEqual(before["pid", one.pid], {("0", "dram"): 96, ("1", "l1"): 16})
        self.assertEqual((before["dev", "0"]["dram"], before["dev", "1"]["l1"]), (160, 24))
        self.assertEqual(self.ask("reset-peaks"),
                         "Peaks start again from what is live: 2 devices and 2 processes\n")
        after = self.peaks()
        for puppet in (one, two):
            self.assertEqual(after["pid", puppet.pid], {("0", "dram"): 64, ("1", "l1"): 8})
        self.assertEqual((after["dev", "0"]["dram"], after["dev", "1"]["l1"]), (128, 16))

        one.run(f"c.alloc(0x3000, {MIB}, raw.DRAM, 0); c.free(0x3000, 0, raw.DRAM)")
        self.assertEqual(self.peaks()["pid", one.pid][("0", "dram")], 65)  # it is counted again from there

    def test_devices(self):
        one, two = self.busy(), self.busy()
        self.assertEqual(self.ask("reset-peaks", "-d", "1"),
                         "Peaks start again from what is live: device 1 and 2 processes there\n")
        after = self.peaks()
        for puppet in (one, two):
            self.assertEqual(after["pid", puppet.pid], {("0", "dram"): 96, ("1", "l1"): 8})
        self.assertEqual((after["dev", "0"]["dram"], after["dev", "1"]["l1"]), (160, 16))
        self.assertEqual(self.ask("reset-peaks", "-d", "0,1"),
                         "Peaks start again from what is live: device 0 and 2 processes there; "
                         "device 1 and 2 processes there\n")

    def test_process(self):
        one, two = self.busy(), self.busy()
        self.assertEqual(self.ask("reset-peaks", "-p", one.pid, "-d", "0"),
                         f"Peaks start again from what is live: process {one.pid} on device 0\n")
        self.assertEqual(self.peaks()["pid", one.pid], {("0", "dram"): 64, ("1", "l1"): 16})
        self.assertEqual(self.ask("reset-peaks", "-p", one.pid),
                         f"Peaks start again from what is live: process {one.pid}\n")
        after = self.peaks()
        self.assertEqual(after["pid", one.pid], {("0", "dram"): 64, ("1", "l1"): 8})
        self.assertEqual(after["pid", two.pid], {("0", "dram"): 96, ("1", "l1"): 16})
        self.assertEqual((after["dev", "0"]["dram"], after["dev", "1"]["l1"]), (160, 24))

    def test_nothing_there(self):
        one = self.busy()
        one.run(f"c.alloc(0x9000, {MIB}, raw.DRAM, 5)")
        self.watcher().hello()
        self.assertIn("nothing was reported on device 7", self.fails(4, "reset-peaks", "-d", "7"))
        self.assertIn("nothing was reported on device 0R", self.fails(4, "reset-peaks", "-d", "0R"))
        self.assertIn("process 1 does not report", self.fails(4, "reset-peaks", "-p", "1"))
        two = self.puppet()
        two.run(LEAK)
        self.assertIn(f"process {two.pid} reported nothing on device 5", self.fails(4, "reset-peaks", "-p", two.pid, "-d", "5"))
        # What can be done is done.
        result = tt_smi("reset-peaks", "-d", "7,0", "--socket", self.server.path)
        self.assertEqual((result.returncode, result.stdout),
                         (4, "Peaks start again from what is live: device 0 and 2 processes there\n"))

    def test_permissions(self):
        self.require_root()
        mine, other = self.busy(NOBODY), self.busy()
        before = self.peaks()
        for arguments in ((), ("-d", "0"), ("-p", other.pid)):
            message = self.fails(5, "reset-peaks", *arguments, user=NOBODY)
            self.assertIn(ALLOWED, message)
            self.assertEqual(message.count("\n"), 1)
        self.assertEqual(self.peaks(), before)
        self.assertEqual(self.watcher().figures()["not_permitted"], 3)
        self.ask("reset-peaks", "-p", mine.pid, user=NOBODY)
        after = self.peaks()
        self.assertEqual(after["pid", mine.pid], {("0", "dram"): 64, ("1", "l1"): 8})
        self.assertEqual(after["pid", other.pid], before["pid", other.pid])

    def test_json(self):
        one = self.busy()
        self.assertEqual(self.document("reset-peaks")["peaks_reset"], [{"device": None, "pid": None, "result": "done"}])
        self.assertEqual(self.document("reset-peaks", "-d", "1,7", "-p", one.pid, code=4)["peaks_reset"],
                         [{"device": "1", "pid": one.pid, "result": "done"},
                          {"device": "7", "pid": one.pid, "result": "not_found"}])

    def test_no_server(self):
        result = tt_smi("reset-peaks", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("start it: ", result.stderr)
        result = tt_smi("reset-peaks", "--json", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, read_document(result.stdout)["peaks_reset"]), (3, None))


class Forget(ActTest):
    def leak(self, uid=-1):
        """The PID of a process that ended and left something."""
        puppet = self.puppet(uid)
        puppet.run(LEAK)
        puppet.leave()
        self.wait_for_end_of(puppet.pid, self.watcher())
        return puppet.pid

    def leaks(self):
        result = tt_smi("leaks", "--json", "--socket", self.server.path)
        found = [leak["pid"] for leak in read_document(result.stdout)["leaks"]]
        self.assertEqual(result.returncode, 1 if found else 0)
        return sorted(found)

    def test_one(self):
        one, two = self.leak(), self.leak()
        self.assertEqual(self.leaks(), sorted((one, two)))
        self.assertIn("\nKnown, and done with?   tt-smi forget PID\n", self.ask("leaks", code=1))
        self.assertEqual(self.ask("forget", one), f"1 leak of process {one} forgotten\n")
        self.assertEqual(self.leaks(), [two])
        self.assertIn("1 leak\n", self.ask().split("\n\n")[0] + "\n")
        self.assertRegex(self.server.log(), rf"Process \d+ \(uid \d+\) had 1 leak of process {one} forgotten")
        figures = self.watcher().figures()
        self.assertEqual((figures["forgotten_leaks"], figures["leaked_processes"]), (1, 2))

        # It is history still, and says so.
        exited = {entry["pid"]: entry for entry in self.document("exited")["exited"]}
        self.assertEqual((exited[one]["forgotten"], exited[two]["forgotten"]), (True, False))
        self.assertEqual(exited[one]["usage"], exited[two]["usage"])
        self.assertRegex(self.ask("exited"), rf"\n *{one} .* 1\.0M DRAM \(forgotten\) ")
        self.assertNotRegex(self.ask("exited"), rf"\n *{two} .*forgotten")

        self.assertEqual(self.ask("forget", two), f"1 leak of process {two} forgotten\n")
        self.assertEqual(self.ask("leaks"),
                         "No leaks: the last 2 ended processes left nothing but what is forgotten   tt-smi exited.\n")
        self.assertNotIn("leak", self.ask())

    def test_all(self):
        self.assertEqual(self.ask("forget", "--all"), "No leaks: there is nothing to forget.\n")
        for _ in range(3):
            self.leak()
        self.assertEqual(self.ask("forget", "--all"), "3 leaks forgotten\n")
        self.assertEqual(self.leaks(), [])
        later = self.leak()
        self.assertEqual(self.leaks(), [later])

    def test_a_pid_that_came_twice(self):
        """A process that hung up, and did it again, has two entries."""
        puppet = self.puppet()
        puppet.run(LEAK)
        puppet.run("c.close(); c = raw.Raw(path); c.hello(raw.REPORTER)")
        watch = self.watcher()
        self.wait_for_end_of(puppet.pid, watch)
        puppet.run(LEAK)
        puppet.leave()
        leaks = self.document("leaks", code=1)["leaks"]
        while len(leaks) < 2:
            leaks = self.document("leaks", code=1)["leaks"]
        self.assertEqual({leak["pid"] for leak in leaks}, {puppet.pid})
        first, second = (f"{leak['pid']}:{leak['serial']}" for leak in leaks)
        text = self.ask("leaks", code=1)
        self.assertIn(f"owner  pid {first} (", text)
        self.assertEqual(self.ask("forget", first), f"1 leak of process {first} forgotten\n")
        self.assertEqual([leak["serial"] for leak in self.document("leaks", code=1)["leaks"]], [leaks[1]["serial"]])
        self.assertIn(f"owner  pid {puppet.pid} (", self.ask("leaks", code=1))
        self.assertEqual(self.ask("forget", "?:" + leaks[1]["serial"]),
                         f"1 leak of process ?:{leaks[1]['serial']} forgotten\n")

    def test_nothing_there(self):
        one = self.leak()
        self.assertEqual(self.fails(4, "forget", "1"),
                         "tt-smi: no leak of process 1 is known   tt-smi leaks lists them\n")
        self.assertEqual(self.fails(4, "forget", f"{one}:999"),
                         f"tt-smi: no leak of process {one}:999 is known   tt-smi leaks lists them\n")
        result = tt_smi("forget", "1", one, "--socket", self.server.path)
        self.assertEqual((result.returncode, result.stdout), (4, f"1 leak of process {one} forgotten\n"))
        self.fails(4, "forget", one)
        alive = self.puppet()
        alive.run(LEAK)
        self.fails(4, "forget", alive.pid)

    def test_permissions(self):
        self.require_root()
        mine, other, another = self.leak(NOBODY), self.leak(), self.leak()
        self.assertIn(f"what process {other} left is another user's   {MAY} it forgotten",
                      self.fails(5, "forget", other, user=NOBODY))
        self.assertEqual(self.leaks(), sorted((mine, other, another)))
        self.assertEqual(self.watcher().figures()["not_permitted"], 1)
        result = tt_smi("forget", "--all", "--socket", self.server.path, user=NOBODY)
        self.assertEqual((result.returncode, result.stdout), (5, "1 leak forgotten\n"))
        self.assertIn(f"2 more are another user's   {MAY} them forgotten", result.stderr)
        self.assertEqual(self.leaks(), sorted((other, another)))
        self.assertIn(f"all leaks are other users'   {MAY} them", self.fails(5, "forget", "--all", user=NOBODY))
        self.assertEqual(self.ask("forget", "--all"), "2 leaks forgotten\n")

    def test_json(self):
        one = self.leak()
        document = self.document("forget", one, "1:2", code=4)
        self.assertEqual(document["forgotten"], [
            {"pid": one, "serial": None, "leaks": 1, "left_standing": 0, "result": "done"},
            {"pid": 1, "serial": "2", "leaks": None, "left_standing": None, "result": "not_found"},
        ])
        self.assertEqual(self.document("forget", "--all")["forgotten"],
                         [{"pid": None, "serial": None, "leaks": 0, "left_standing": 0, "result": "done"}])
        self.assertEqual(self.document()["coverage"]["leaks"], 0)

    def test_no_server(self):
        result = tt_smi("forget", "--all", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        result = tt_smi("forget", "--all", "--json", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, read_document(result.stdout)["forgotten"]), (3, None))


class OlderServer(ActTest):
    """Between tt-smi and the server is one who takes the feature out of WELCOME, and passes on the rest."""

    @contextlib.contextmanager
    def older(self):
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            path = f"{directory}/s"
            listener.bind(path)
            listener.listen()
            thread = threading.Thread(target=self.pass_on, args=(listener,))
            thread.start()
            yield path
            thread.join(PATIENCE)

    def pass_on(self, listener):
        connection, _ = listener.accept()
        with connection, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server.path)
            server.sendall(connection.recv(112, socket.MSG_WAITALL))
            welcome = bytearray(server.recv(112, socket.MSG_WAITALL))
            welcome[24] &= ~raw.FORGET_FEATURE & 0xFF
            connection.sendall(welcome)
            back = threading.Thread(target=self.pump, args=(server, connection))
            back.start()
            self.pump(connection, server)
            back.join(PATIENCE)

    @staticmethod
    def pump(source, target):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def test_forget(self):
        with self.older() as path:
            result = tt_smi("forget", "--all", "--socket", path)
        self.assertEqual((result.returncode, result.stdout), (6, ""))
        self.assertEqual(result.stderr, "tt-smi: the server cannot forget leaks, it is an older one   "
                                        "install this version's and restart it\n")

    def test_json(self):
        with self.older() as path:
            result = tt_smi("forget", "12", "--json", "--socket", path)
        self.assertEqual((result.returncode, read_document(result.stdout)["forgotten"][0]["result"]),
                         (6, "not_supported"))

    def test_reset_peaks(self):
        with self.older() as path:
            self.assertEqual(tt_smi("reset-peaks", "--socket", path).returncode, 0)


if __name__ == "__main__":
    unittest.main()
