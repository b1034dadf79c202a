# SPDX-License-Identifier: Apache-2.0
"""tt-smi --demo: that each story shows what it promises, the same each time, and that nothing of it stays behind."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import unittest

import harness
from harness import wait_until

TT_SMI = harness.BIN / "tt-smi"
STORIES = ("leak", "crash", "multi", "galaxy")


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def family(pid):
    """All processes below one, and when each started: a number alone may soon be another's."""
    found = {}
    for child in children(pid):
        found[child] = harness.read_stat(child)[19]
        found.update(family(child))
    return found


def is_alive(pid, start):
    try:
        fields = harness.read_stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] != "Z" and fields[19] == start


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.addCleanup(self.check_nothing_is_left)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TT_ALLOC_")}
        self.environment = {**ours, "TMPDIR": str(self.place), "LC_ALL": "C.UTF-8",
                            "TT_ALLOC_SOCKET": str(self.place / "nobody.sock")}

    def check_nothing_is_left(self):
        wait_until(lambda: not list(self.place.iterdir()), f"an empty directory: {list(self.place.iterdir())}")
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                environment = path.read_bytes()
            except OSError:
                continue
            if f"TMPDIR={self.place}\0".encode() in environment:
                pid, start = int(path.parent.name), harness.read_stat(path.parent.name)[19]
                wait_until(lambda: not is_alive(pid, start), f"process {pid} to end")

    def demo(self, *words, code=0, **more):
        result = harness.run([TT_SMI, "--demo", *words], env={**self.environment, **more})
        self.assertEqual((result.returncode, result.stderr), (code, ""))
        return result.stdout

    def start(self, *words):
        process = subprocess.Popen([TT_SMI, "--demo", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=self.environment)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()


class Stories(DemoTest):
    def test_leak(self):
        text = self.demo("leak")
        self.assertRegex(text, r"^tt-smi \S+  demo  .*  2 devices, 1 reporting, 1 leak\n")
        self.assertRegex(text, r"\d +\S+ +0,1 +reporting .* serve.py --model llama \(demo\)\n")
        self.assertRegex(text, r"\d +\S+ +1 +exited .* LEAK, gone .*: train.py --epochs 3 \(demo\)\n")
        self.assertRegex(text, r"\nLEAK SUMMARY  1 of the last 1 ended process left buffers\n")

    def test_crash(self):
        text = self.demo("crash")
        self.assertRegex(text, r"serve.py --model whisper \(demo\)\n")
        ended = re.search(r"\n +PID  USER  DRAM PEAK .*\n.* (\d+) +\S+ +[\d:]+ +exited  bench.py --batch 256 \(demo\)\n",
                          text)
        self.assertGreater(int(ended.group(1)), 200)
        self.assertRegex(text, r"exited +[\d.]+G +[\d.]+M +[\d.]+M .* LEAK, gone .*: bench.py")
        self.assertIn("\nLEAK SUMMARY  1 of the last 1 ended", text)

    def test_multi(self):
        text = self.demo("multi")
        self.assertRegex(text, r"2 devices, 3 reporting\n")
        self.assertRegex(text, r"PID  USER  DEV +DRAM  TRACE +L1  L1_SMALL +CB  HOST  KERNEL ")
        self.assertEqual(len(re.findall(r"\(demo\)\n", text)), 3)
        self.assertNotIn("LEAK", text)

    def test_galaxy(self):
        text = self.demo("galaxy")
        self.assertRegex(text, r"32 devices, 3 reporting\n")
        self.assertEqual(len(re.findall(r"\n +\d+  galaxy-wormhole ", text)), 32)
        self.assertRegex(text, r" 0-31 .* mesh.py --mesh 8x4 \(demo\)\n")

    def test_processes_are_what_they_seem(self):
        watched = self.start("multi", "-w")
        self.assertTrue(watched.stdout.readline())
        names = {}
        for pid in family(watched.pid):
            names[harness.read_proc(pid, "comm").strip()] = harness.read_proc(pid, "cmdline").split("\0")[:-1]
        self.assertEqual(names["serve.py"], ["serve.py", "--model", "llama", "(demo)"])
        self.assertEqual(names["jupyter-kernel"], ["jupyter-kernel", "matmul.ipynb", "(demo)"])


class Figures(DemoTest):
    def test_are_the_same_each_time(self):
        for story in STORIES:
            first, second = (self.fixed(self.demo(story)) for _ in range(2))
            self.assertEqual(first, second, story)
            self.assertRegex(first, r"\d\.\dG")

    @staticmethod
    def fixed(text):
        """Without what is of the moment: the header, process ids, times of day and ages."""
        body = text.split("\n", 1)[1]
        body = re.sub(r"(?m)^ *\d+(?=  \S+ +\S+ .*\(demo\)$)|(?<=pid )\d+|\d\d:\d\d:\d\d|\b\d+s\b", "#", body)
        return re.sub(r" +", " ", body)

    def test_fit_on_the_devices(self):
        for story in STORIES:
            for device in json.loads(self.demo(story, "--json"))["devices"]:
                for pool in device["pools"]:
                    if pool["size_bytes"] is not None:
                        self.assertLessEqual(pool["peak_bytes"], pool["size_bytes"], (story, device["device"], pool["pool"]))

    def test_stand_still(self):
        """Nobody goes on while what was asked for is shown: figures are the same to the byte."""
        fields = "device,asic_id,dram_used_bytes,dram_peak_bytes,l1_used_bytes,l1_peak_bytes,cb_used_bytes"
        queries = {self.demo("multi", "--query-devices", fields) for _ in range(3)}
        self.assertEqual(len(queries), 1)


class Options(DemoTest):
    def refuse(self, *words):
        result = harness.run([TT_SMI, *words], env=self.environment)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        return result.stderr

    def test_unknown_story(self):
        self.assertEqual(self.refuse("--demo", "lake"),
                         "tt-smi: --demo takes one of leak crash multi galaxy, not 'lake'\n")

    def test_what_it_does_not_go_with(self):
        self.assertIn("leave out --socket", self.refuse("--demo", "leak", "--socket", "/s"))
        self.assertIn("leave out --root", self.refuse("--demo", "leak", "--root", "/"))
        self.assertIn("--demo does not go with run", self.refuse("run", "--demo", "leak", "--", "true"))

    def test_verbs_show_just_that(self):
        self.assertRegex(self.demo("leak", "leaks", code=1), r"^LEAK SUMMARY ")
        self.assertNotIn("LEAK SUMMARY", self.demo("leak", "exited"))
        self.assertEqual(self.demo("crash", "--json").count("\n"), self.demo("crash", "--json").rstrip().count("\n") + 1)

    def test_without_a_server_program(self):
        alone = self.place / "bin"
        alone.mkdir()
        shutil.copy(TT_SMI, alone)
        result = harness.run([alone / "tt-smi", "--demo", "leak"], env={**self.environment, "PATH": "/nonexistent"})
        shutil.rmtree(alone)
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("tt-allocation-server: No such file", result.stderr)
        self.assertIn("beside tt-smi or into a directory of PATH", result.stderr)


class Ends(DemoTest):
    def watch_and_end_with(self, number, *words):
        process = self.start(*words, "-w", "-n", "0.1")
        frames = 0
        while frames < 2:
            line = process.stdout.readline()
            self.assertTrue(line, "the watching ended")
            frames += line.startswith("tt-smi ")
        everybody = family(process.pid)
        self.assertGreater(len(everybody), 3)  # keeper, server, director and an application
        process.send_signal(number)
        self.assertEqual(process.wait(harness.PATIENCE), -number)
        for pid, start in everybody.items():
            wait_until(lambda: not is_alive(pid, start), f"process {pid} to end")
        self.assertEqual(process.stderr.read(), "")

    def test_by_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.watch_and_end_with(number, "leak")

    def test_by_kill(self):
        for story in STORIES:
            self.watch_and_end_with(signal.SIGKILL, story)

    def test_by_nobody_reading(self):
        process = self.start("multi", "-w", "-n", "0.1")
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        self.assertEqual(process.wait(harness.PATIENCE), -signal.SIGPIPE)

    def test_by_a_key(self):
        """On a terminal; the table is not printed behind the live view."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process = subprocess.Popen([TT_SMI, "--demo", "leak", "-w"], stdin=theirs, stdout=theirs, stderr=theirs,
                                   env={**self.environment, "TERM": "xterm"})
        self.addCleanup(os.close, ours)
        self.addCleanup(self.end, process)
        os.close(theirs)
        self.read_until(ours, b"(demo)")
        os.write(ours, b"q")
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
            self.read_until(ours, b"LEAK SUMMARY")
            self.fail("more was shown")
        self.assertEqual(process.wait(harness.PATIENCE), 0)

    def read_until(self, terminal, text):
        screen = b""
        while text not in screen:
            self.assertTrue(select.select([terminal], [], [], harness.PATIENCE)[0], f"no {text} on {screen}")
            screen += os.read(terminal, 65536)

    def test_before_the_point(self):
        """In all likelihood; whatever has begun by then must end."""
        process = self.start("galaxy")
        wait_until(lambda: process.poll() is not None or len(family(process.pid)) > 2, "somebody to begin")
        process.kill()
        process.wait(harness.PATIENCE)

    def test_goes_on(self):
        """On a live screen the server of the story grows."""
        process = self.start("leak", "-w", "-n", "0.1", "--query-processes", "buffers,command")
        counts = []
        while len(set(counts)) < 3:
            line = process.stdout.readline()
            self.assertTrue(line, "the watching ended")
            match = re.match(r"(\d+), *serve\.py", line)
            counts += [int(match.group(1))] if match else []
        self.assertGreater(counts[-1], counts[0])


if __name__ == "__main__":
    unittest.main()
