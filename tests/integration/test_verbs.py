# SPDX-License-Identifier: Apache-2.0
"""tt-smi top and tt-smi doctor: against a real server, against none, against things that are no server, and on the
trees of hosts that make_hosts.py makes."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import raw
import test_smi

TT_SMI = str(harness.BIN / "tt-smi")
MAKER = harness.SRC / "tests" / "fixtures" / "make_hosts.py"
MIB = 1 << 20
NOBODY = 65534

FILL = f"""
for index in range(64):
    c.alloc(0x1000 + index, {64 * MIB}, raw.DRAM, 0)
for index in range(10):
    c.alloc(0x10 + index, {MIB}, raw.L1, 1)
c.alloc(0x9, {200 * MIB}, raw.TRACE, 1)
"""


def environment(**more):
    names = [name for name in os.environ if name.startswith("TT_ALLOC_")]
    return {**{key: value for key, value in os.environ.items() if key not in names}, "LC_ALL": "C.UTF-8", **more}


def read_document(text):
    document = json.loads(text)
    test_smi.check_schema(document)
    return document


def tt_smi(*arguments, **options):
    return subprocess.run([TT_SMI, *map(str, arguments)], capture_output=True, text=True, timeout=harness.PATIENCE,
                          env=environment(), **options)


class Verb(harness.ServerTest):
    def ask(self, *arguments, code=0, **options):
        result = tt_smi(*arguments, "--socket", self.server.path, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout

    def fill(self, uid=-1):
        puppet = self.puppet(uid)
        puppet.run(FILL)
        return puppet


class Top(Verb):
    def rows(self, *arguments, **options):
        """What stands between the heading and the end, without what changes."""
        lines = self.ask("top", *arguments, **options).split("\n\n")[1].splitlines()
        return [line.split()[:3] for line in lines[1:]]

    def test_groups(self):
        puppet = self.fill()
        text = self.ask("top")
        self.assertTrue(text.startswith("device 0  DRAM 4.0G in 64 buffers\n"
                                        "device 1  L1 10.0M in 10 buffers, TRACE 200M in 1 buffer\n\nBYTES "), text)
        self.assertEqual(self.rows(), [["4.0G", "64", "64.0M"], ["200M", "1", "200M"], ["10.0M", "10", "1.0M"]])
        self.assertIn(str(puppet.pid), text)
        self.assertEqual([row[:2] for row in self.rows("--by", "owner")], [["4.2G", "65"], ["10.0M", "10"]])
        self.assertIn("and 74 more buffers   tt-smi top --each -k 75\n", self.ask("top", "--each", "-k", 1))

    def test_filters(self):
        first, second = self.fill(), self.fill()
        self.assertEqual(len(self.rows()), 6)
        self.assertEqual(self.rows("-p", first.pid, "-d", 0), [["4.0G", "64", "64.0M"]])
        self.assertEqual(len(self.rows("-d", 1, "--region", "l1")), 2)
        self.assertEqual(len(self.rows("-d", "0,1")), 6)
        self.assertEqual(len(self.rows("-u", os.geteuid())), 6)
        self.assertEqual(self.ask("top", "-u", NOBODY), "No live buffer is among these.\n")
        self.ask("top", "-d", 7, code=4)
        self.ask("top", "-d", "0R", code=4)
        self.ask("top", "-p", 1, code=4)
        second.leave()
        self.wait_for_end_of(second.pid, self.watcher())
        self.ask("top", "-p", second.pid, code=4)

    def test_json(self):
        puppet = self.fill()
        document = read_document(self.ask("top", "--json", "-k", 2))
        self.assertEqual([(entry["bytes"], entry["buffers"], entry["each_bytes"]) for entry in document["top"]],
                         [(4096 * MIB, 64, 64 * MIB), (200 * MIB, 1, 200 * MIB)])
        self.assertEqual((document["top"][0]["pid"], document["top"][0]["devices"]), (puppet.pid, ["0"]))
        self.assertEqual((document["schema"], document["buffers_hidden"]), (1, 0))
        buffers = read_document(self.ask("top", "--json", "--each", "-k", 1000))["buffers"]
        self.assertEqual(len(buffers), 75)
        self.assertEqual(len({(entry["device"], entry["region"], entry["address"]) for entry in buffers}), 75)
        self.assertEqual(buffers[0]["address"], "0x9")

    def test_others_are_hidden(self):
        self.require_root()
        mine, other = self.fill(NOBODY), self.fill()
        shown = self.ask("top", user=NOBODY)
        self.assertIn("75 buffers of other users are not shown   ask for the group tt-alloc\n", shown)
        self.assertIn(str(mine.pid), shown)
        self.assertNotIn(str(other.pid), shown)
        self.assertNotIn("not shown", self.ask("top", "-u", NOBODY, user=NOBODY))
        self.assertIn("75 buffers of other users", self.ask("top", "-u", "root", user=NOBODY))
        self.assertIn("10 buffers of other users", self.ask("top", "--region", "l1", user=NOBODY))
        self.assertIn("75 buffers of other users", self.ask("top", "-p", other.pid, user=NOBODY, code=5))
        self.ask("top", "--strict", user=NOBODY, code=7)
        self.assertEqual(read_document(self.ask("top", "--json", user=NOBODY))["buffers_hidden"], 75)
        self.assertNotIn("not shown", self.ask("top"))

    def test_again_and_again(self):
        self.fill()
        with subprocess.Popen([TT_SMI, "top", "-w", "-n", "0.1", "--socket", self.server.path], text=True,
                              stdout=subprocess.PIPE, env=environment()) as process:
            text = ""
            while text.count("DRAM 4.0G in 64 buffers") < 3:
                text += process.stdout.readline()
            process.send_signal(signal.SIGTERM)
        self.assertIn("server up", text)

    def test_nothing(self):
        self.assertEqual(self.ask("top"), "No live buffer is known.\n")
        result = tt_smi("top", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertEqual(read_document(tt_smi("top", "--json", "--each", "--socket", "/nonexistent").stdout)["buffers"],
                         None)
        result = tt_smi("top", "--root", "/")
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertIn("--socket PATH", result.stderr)

    def test_lists_of_the_past_without_a_server(self):
        for verb in ("leaks", "exited"):
            result = tt_smi(verb, "--root", "/")
            self.assertEqual((result.returncode, result.stdout), (3, ""))
            self.assertEqual(result.stderr, "tt-smi: only a server knows which processes ended, and what they left   "
                                            "beside --root name one: --socket PATH\n")
            self.assertIsNone(read_document(tt_smi(verb, "--root", "/", "--json").stdout)[verb])
            self.ask(verb, "--root", "/")


def checks(text):
    """Statuses by the names of checks, the worst of each."""
    order = ["-", "ok", "warn", "FAIL"]
    found = {}
    for status, name in re.findall(r"^(-|ok|warn|FAIL) +([a-z-]+) ", text, re.MULTILINE):
        found[name] = max(found.get(name, "-"), status, key=order.index)
    return found


NAMES = ["driver", "devices", "holders", "server", "protocol", "server-figures", "permissions", "client", "totals",
         "coverage", "disagreement"]
# What is wrong with each host; those that are not here are well.
HOSTS = {
    "container": {"holders": "warn", "coverage": "warn"},
    "dead-pids": {"totals": "warn", "coverage": "warn"},
    "denied": {"totals": "warn", "coverage": "warn"},
    "hostile": {"devices": "warn"},
    "in-reset": {"devices": "FAIL"},
    "no-devices": {"devices": "FAIL"},
    "no-driver": {"driver": "FAIL"},
    "old-driver": {"driver": "warn"},
    "p300": {"coverage": "warn"},
    "totals-versions": {"totals": "warn", "coverage": "warn"},
    "truncated": {"totals": "warn"},
}


class Doctor(Verb):
    @classmethod
    def setUpClass(cls):
        cls.hosts = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.hosts)
        names = subprocess.run([sys.executable, str(MAKER), "--list"], check=True, capture_output=True, text=True)
        names = [line.split()[0] for line in names.stdout.splitlines()]
        names.remove("many-processes")  # which take long to make
        subprocess.run([sys.executable, str(MAKER), str(cls.hosts), *names], check=True, capture_output=True)

    def test_all_is_well(self):
        text = self.ask("doctor", "--root", self.hosts / "n300")
        self.assertEqual(list(checks(text)), NAMES)
        self.assertEqual(checks(text)["server"], "ok")
        self.assertIn(self.server.path, text)
        self.assertTrue(text.endswith("\nall is well\n"), text)

    def test_hosts(self):
        for host in sorted(path.name for path in self.hosts.iterdir()):
            with self.subTest(host):
                result = tt_smi("doctor", "--root", self.hosts / host)
                found = checks(result.stdout)
                self.assertEqual(list(found), NAMES)
                wrong = {name: status for name, status in found.items() if status in ("warn", "FAIL")}
                self.assertEqual(wrong, HOSTS.get(host, {}), result.stdout)
                code = 2 if "FAIL" in wrong.values() else 1 if wrong else 0
                self.assertEqual((result.returncode, result.stderr), (code, ""))
                self.assertNotIn("\033", result.stdout)

    def test_remedies(self):
        text = tt_smi("doctor", "--root", self.hosts / "dead-pids").stdout
        self.assertRegex(text, r"phantom: counts 5\.0G of DRAM, 33\.0M of L1 for pid 9005 \(pytest\), which is gone   "
                               r"once no tt-metal process runs: rm /dev/shm/tt_device_\d+_memory\n")
        text = tt_smi("doctor", "--root", self.hosts / "totals-versions").stdout
        self.assertRegex(text, r"unsupported version 5 at /dev/shm/tt_device_\d+_memory   ")
        text = tt_smi("doctor", "--root", self.hosts / "denied").stdout
        self.assertRegex(text, r"denied: /dev/shm/tt_device_\d+_memory ")

    def test_json(self):
        document = read_document(self.ask("doctor", "--json", "--root", self.hosts / "in-reset", code=2))
        self.assertEqual(sorted({entry["name"] for entry in document["checks"]}), sorted(NAMES))
        for entry in document["checks"]:
            self.assertEqual(set(entry), {"name", "status", "message", "next"})
            self.assertIn(entry["status"], ("skipped", "ok", "warning", "failure"))
            self.assertTrue(entry["next"] or entry["status"] in ("skipped", "ok"))

    def test_server_counts_trouble(self):
        client = self.connect()
        client.hello(raw.REPORTER)
        client.alloc(1, 1 << 60, raw.DRAM, 0)  # refused
        client.fence()
        text = self.ask("doctor", "--root", self.hosts / "n300", code=1)
        self.assertIn("refused_size: 1 reports were refused", text)
        self.assertEqual(checks(text)["server-figures"], "warn")

    def test_permissions(self):
        self.require_root()
        os.chmod(self.hosts, 0o755)
        text = self.ask("doctor", "--root", self.hosts / "n300", user=NOBODY, code=1)
        self.assertEqual(checks(text)["permissions"], "warn")

    def test_environment(self):
        result = subprocess.run([TT_SMI, "doctor", "--socket", self.server.path], capture_output=True, text=True,
                                timeout=harness.PATIENCE,
                                env=environment(TT_ALLOC_TRACKING_ENABLED="yes", LD_LIBRARY_PATH=str(harness.LIB)))
        self.assertIn("TT_ALLOC_TRACKING_ENABLED is 'yes'", result.stdout)

    def test_no_server(self):
        result = tt_smi("doctor", "--root", self.hosts / "n300", "--socket", "/nonexistent/socket")
        self.assertEqual((result.returncode, result.stderr), (2, ""))
        self.assertEqual(checks(result.stdout)["server"], "FAIL")
        self.assertIn("\n0 warnings, 1 failure     next: start it: ", result.stdout)

    def listen(self, answer):
        """Something at a path that is no server of ours; what doctor says of it, and how long it took."""
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{directory}/s")
            listener.listen()
            began = time.monotonic()
            with subprocess.Popen([TT_SMI, "doctor", "--root", str(self.hosts / "n300"), "--socket", f"{directory}/s"],
                                  stdout=subprocess.PIPE, text=True, env=environment()) as process:
                with listener.accept()[0] as connection:
                    connection.sendall(answer)
                    text = process.communicate(timeout=harness.PATIENCE)[0]
            self.assertEqual(process.returncode, 2, text)
            return checks(text), text, time.monotonic() - began

    def test_silent_server(self):
        found, text, seconds = self.listen(b"")
        self.assertEqual(found["server"], "FAIL")
        self.assertIn("does not answer in time", text)
        self.assertLess(seconds, 12)  # one question's time limit is 5 s

    def test_another_protocol(self):
        found, _, _ = self.listen(b"HTTP/1.1 400 Bad Request\r\n" * 20)
        self.assertEqual((found["server"], found["protocol"]), ("warn", "FAIL"))

    def test_refused_options(self):
        for option in ("-w", "-d0", "--strict", "-u"):
            self.assertEqual(tt_smi("doctor", option).returncode, 2)


if __name__ == "__main__":
    unittest.main()
