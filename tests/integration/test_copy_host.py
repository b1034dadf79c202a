# SPDX-License-Identifier: Apache-2.0
"""scripts/copy-host, on the trees of hosts that the other tests read: the copy says the same as the original, without
what tt-smi does not look at, and no device was opened for it."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

SRC = pathlib.Path(os.environ.get("TT_ALLOC_SRC", pathlib.Path(__file__).resolve().parents[2]))
COPY_HOST = SRC / "scripts" / "copy-host"
MAKER = SRC / "tests" / "fixtures" / "make_hosts.py"
# All kinds of files, of links and of errors; n300 and p150 for what each architecture has.
HOSTS = ("n300", "p150", "in-reset", "denied", "dead-pids", "container", "hostile", "old-driver", "no-sensors",
         "truncated", "no-driver", "no-devices")
# What differs by intention: users without processes, processes without devices, and what would be read of a device.
LEFT_OUT = ("etc/passwd", "proc/1", "dev/tenstorrent")


def run(*arguments):
    return subprocess.run([str(COPY_HOST), *map(str, arguments)], capture_output=True, text=True, timeout=60)


def describe(path):
    if path.is_symlink():
        return os.readlink(path)
    return "a directory" if path.is_dir() else path.read_bytes()


def contents(root):
    """By path: where a link points, what a file holds. Directories count as well."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = pathlib.Path(directory, name)
            relative = str(path.relative_to(root))
            if not any(relative == left or relative.startswith(f"{left}/") for left in LEFT_OUT):
                found[relative] = describe(path)
    return found


class CopyHost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hosts = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.hosts)
        subprocess.run([sys.executable, MAKER, cls.hosts, *HOSTS], check=True, stdout=subprocess.DEVNULL)
        for device in cls.hosts.glob("*/dev/tenstorrent/*"):
            device.unlink()
            os.mkfifo(device)  # who opens it waits for ever

    def setUp(self):
        self.copies = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.copies)

    def copy(self, host):
        result = run("--from", self.hosts / host, self.copies / host)
        self.assertEqual((result.returncode, result.stderr), (0, ""), host)
        return self.copies / host, result.stdout

    def test_copies_say_the_same(self):
        for host in HOSTS:
            copy, _ = self.copy(host)
            original = contents(self.hosts / host)
            self.assertEqual(contents(copy), original, host)
            self.assertGreater(len(original), 10)

    def test_last_line(self):
        copy, said = self.copy("n300")
        self.assertEqual(said, f"copied to {copy}: devices 1, processes 1, totals 2, unreadable 0\n")

    def test_only_users_who_have_processes(self):
        copy, _ = self.copy("n300")
        self.assertEqual((copy / "etc/passwd").read_text(), "mira:x:1000:1000:::\n")

    def test_devices_are_there_by_name_only(self):
        copy, _ = self.copy("dead-pids")
        devices = sorted((copy / "dev/tenstorrent").iterdir())
        self.assertEqual([device.name for device in devices], ["0", "1", "2"])
        self.assertTrue(all(stat.S_ISREG(device.stat().st_mode) and device.stat().st_size == 0 for device in devices))

    def test_others_cannot_read_it(self):
        copy, _ = self.copy("n300")
        self.assertEqual(copy.stat().st_mode & 0o077, 0)
        self.assertEqual((copy / "proc/4711/cmdline").stat().st_mode & 0o077, 0)

    def test_a_file_that_is_closed_to_us(self):
        """A real error, not what stands for one in the trees. Root would see none, so it becomes somebody else."""
        subprocess.run([sys.executable, MAKER, self.copies, "n150"], check=True, stdout=subprocess.DEVNULL)
        (self.copies / "n150/proc/2411/cgroup").chmod(0)
        self.copies.chmod(0o777)
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        with open(COPY_HOST, "rb") as script:
            result = subprocess.run(["bash", "-s", "--", "--from", self.copies / "n150", self.copies / "copy"],
                                    stdin=script, capture_output=True, text=True, timeout=60, cwd="/", **other)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(os.readlink(self.copies / "copy/proc/2411/cgroup"), "!EACCES")
        self.assertIn("processes 1, ", result.stdout)
        closed = 1 if not other else 2  # root's totals are not for others
        self.assertTrue(result.stdout.endswith(f"unreadable {closed}\n"), result.stdout)

    def test_what_is_no_file_is_not_read(self):
        tree = self.copies / "tree"
        subprocess.run([sys.executable, MAKER, tree, "n150"], check=True, stdout=subprocess.DEVNULL)
        shm = tree / "n150/dev/shm"
        os.mkfifo(shm / "tt_device_1_memory")
        os.symlink("/etc/hostname", shm / "tt_device_2_memory")
        result = run("--from", tree / "n150", self.copies / "copy")
        self.assertEqual(result.returncode, 0)
        self.assertFalse({"tt_device_1_memory", "tt_device_2_memory"} & set(os.listdir(self.copies / "copy/dev/shm")))

    def test_this_host(self):
        result = run(self.copies / "here")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for name in ("proc/stat", "proc/uptime", "proc/sys/kernel/hostname"):
            self.assertTrue((self.copies / "here" / name).is_file(), name)
        self.assertTrue((self.copies / "here/dev/shm").is_dir())

    def test_a_directory_with_something_in_it_is_left_alone(self):
        (self.copies / ".hidden").touch()
        result = run("--from", self.hosts / "n300", self.copies)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, f"copy-host: {self.copies} is not empty; name a new directory\n")
        self.assertEqual(os.listdir(self.copies), [".hidden"])

    def test_usage(self):
        self.assertIn("usage: scripts/copy-host", run("--help").stdout)
        for wrong in ((), ("--form", "x"), ("a", "b"), ("--from",)):
            result = run(*wrong)
            self.assertEqual(result.returncode, 2, wrong)
            self.assertIn("usage:", result.stderr)
        self.assertEqual(run("--from", self.copies / "none", self.copies / "copy").returncode, 1)


if __name__ == "__main__":
    unittest.main()
