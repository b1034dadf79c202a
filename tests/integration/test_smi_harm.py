# SPDX-License-Identifier: Apache-2.0
"""tt-smi on hosts that are large or mean harm: it comes to an end, what it prints is safe to look at, and it touches
nothing but what it reads."""

import os
import re
import shutil
import time
import unittest

import harness
import test_smi
from harness import wait_until
from host_test import NO_SUCH_PID, HostTest
from maker import Device, Process, Slot, Totals  # found through host_test
from test_smi import GIB, MIB, TT_SMI, environment

# What a terminal would act upon, or show as something else than it is.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\udc80-\udcff]")


class Hostile(HostTest):
    TIME_LIMIT = 150

    def check_text(self, *arguments, **options):
        text = self.both(*arguments, **options)
        found = UNSAFE.search(text)
        self.assertIsNone(found, found and ascii(text[max(0, found.start() - 40) : found.end() + 40]))
        return text

    def test_names_of_fixtures(self):
        self.make_named("hostile")
        for arguments in ((), ("--ascii",), ("leaks",), ("exited",)):
            self.check_text(*arguments)
            self.check_text(*arguments, COLUMNS="60")
        self.assertEqual(len(self.document()["processes"]), 9)

    def test_names_of_real_processes(self):
        """Their names come from the server and from the tree, and from totals of containers out of sight."""
        name = b"x\n\033[2J\x7f\xff\xe2\x80\xae"
        child = self.child(test_smi.RENAMED.replace("NAME", repr(name)) + test_smi.SERVE)
        child.hear()
        card = Device(0, "n150")
        mine = Process(child.pid, "root", [name, b"\033]0;title\a", b"two\nlines"], opens=[0], comm=name)
        other = Process(NO_SUCH_PID, 4242, [name], opens=[0], comm=name)
        self.make(card, processes=[mine, other], driver="2.10.0",
                  totals=[Totals(card.asic_id, [Slot(mine, dram=GIB), Slot(other, dram=MIB),
                                                Slot((77, "z"), comm=name, dram=MIB)])])
        for arguments in ((), ("exited",), ("--color=never", "--ascii")):
            self.check_text(*arguments)
        self.assertLessEqual({child.pid, other.pid}, set(self.processes()))
        child.end()
        wait_until(lambda: child.pid in {leak["pid"] for leak in self.document()["leaks"]}, "the leak to be told of")
        for arguments, code in (((), 0), (("leaks",), 1), (("exited",), 0)):
            self.check_text(*arguments, expect=code)

    def test_thirty_two_devices(self):
        self.make_named("galaxy")
        text = self.check_text()
        self.assertIn("  32 devices, 0 reporting, 1 shm only", text)
        self.assertEqual(self.row(text, 51200)[2], "0-31")
        self.assertEqual(len(self.document()["devices"]), 32)

    def test_ten_thousand_processes(self):
        self.make_named("many-processes")
        begun = time.monotonic()
        text = self.check_text()
        self.assertLess(time.monotonic() - begun, harness.PATIENCE)
        self.assertIn("  4 devices, 0 reporting, 256 shm only, 9744 untracked", text)
        self.assertIn("! 9.5G of DRAM, 38.1M of L1 on devices 0-3 are phantom or past the 64 slots of tt-metal's totals.",
                      text)
        self.assertEqual(len(re.findall(r"(?m)^1\d{5} ", text)), 10000)
        self.both("--strict", expect=7)
        self.assertEqual(len(self.document()["processes"]), 10000)


class Traced(HostTest):
    """What the kernel was asked for, by strace."""

    TIME_LIMIT = 120
    CALLS = "trace=%file,%network,%desc"
    CHANGES = re.compile(r"(?:unlink|rename|mkdir|rmdir|symlink|link|chmod|fchmod|chown|fchown|lchown|truncate|ftruncate|"
                         r"mknod|utime|utimes|utimensat|futimesat|setxattr|mount|umount2|fallocate|copy_file_range|"
                         r"sendfile|splice|pwrite64|pwritev|flock)(?:at2?)?$")

    def trace(self, *arguments):
        """The calls of a run that succeeds: (name, the rest of the line)."""
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        log = self.out / "calls"
        command = ["strace", "-f", "-y", "-e", self.CALLS, "-o", log, TT_SMI, "--socket", self.server.path, *arguments]
        result = harness.run(command, env=environment(ASAN_OPTIONS="detect_leaks=0"))  # one tracer at a time
        if "ptrace" in result.stderr:
            self.skipTest(f"tracing is not permitted here: {result.stderr.strip()}")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return re.findall(r"(?m)^\d+ +(\w+)\((.*)$", log.read_text(errors="replace"))

    def check(self, calls):
        names = {name for name, _ in calls}
        self.assertLessEqual({"openat", "write", "connect"}, names, "the trace is one of tt-smi")
        for name, rest in calls:
            self.assertIsNone(self.CHANGES.match(name), (name, rest))
            if name.startswith("open") or name == "creat":
                self.assertNotRegex(rest, r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)|creat")
                self.assertNotRegex(rest, r"dev/tenstorrent")
            if name in ("write", "writev"):
                self.assertRegex(rest, r"^[12]<")
            if name.startswith("send"):
                self.assertRegex(rest, r"^\d+<(?:socket|UNIX)")
            if name == "connect" and "= 0" in rest:
                self.assertIn(f'"{self.server.path}"', rest)

    def test_a_tree_with_devices(self):
        self.make_named("galaxy")
        self.assertTrue((self.root / "dev" / "tenstorrent" / "31").exists())
        for arguments in ((), ("--json",)):
            calls = self.trace("--root", self.root, *arguments)
            self.check(calls)
            self.assertTrue(any("tt_asic_id" in rest for _, rest in calls), "the tree was read")

    def test_this_machine(self):
        self.reporter()
        calls = self.trace()
        self.check(calls)
        self.assertTrue(any("/shm" in rest for _, rest in calls), "the machine was looked at")

    def test_links_to_devices(self):
        """Anybody may put a link to a device where totals are looked for."""
        self.make_named("n150")
        os.symlink("/dev/tenstorrent/0", self.root / "dev" / "shm" / "tt_device_7_memory")
        os.mkfifo(self.root / "dev" / "shm" / "tt_device_8_memory")
        self.check(self.trace("--root", self.root))

    def test_the_check_can_fail(self):
        good = [("openat", 'AT_FDCWD, "/proc/stat", O_RDONLY) = 3'), ("write", '1<pipe:[1]>, "x", 1) = 1'),
                ("connect", f'3<socket:[1]>, {{sa_family=AF_UNIX, sun_path="{self.server.path}"}}, 110) = 0')]
        self.check(good)
        for bad in (("openat", '3</x>, "dev/tenstorrent/0", O_RDONLY) = 4'), ("openat", '3</x>, "a", O_RDWR) = 4'),
                    ("open", '"/proc/self/fd/4", O_RDONLY) = 5</x/dev/tenstorrent/0>'), ("write", '4</x>, "x", 1) = 1'),
                    ("unlinkat", '4</x>, "x", 0) = 0'), ("sendto", '4</x>, "x", 1) = 1')):
            with self.assertRaises(AssertionError, msg=bad):
                self.check([*good, bad])


if __name__ == "__main__":
    unittest.main()
