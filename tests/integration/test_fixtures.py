# SPDX-License-Identifier: Apache-2.0
"""The trees of hosts that other tests read are what their descriptions say. Binary files are taken apart here by the
offsets of tt-metal's layout, not by the code that made them."""

import filecmp
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SRC = pathlib.Path(os.environ.get("TT_ALLOC_SRC", pathlib.Path(__file__).resolve().parents[2]))
MAKER = SRC / "tests" / "fixtures" / "make_hosts.py"
HOSTS = {
    "n150", "n300", "t3k", "p150", "p300", "galaxy", "no-driver", "no-devices", "no-sensors", "in-reset", "old-driver",
    "totals-versions", "truncated", "denied", "underflow", "dead-pids", "container", "hostile", "visible-devices",
    "locks", "many-processes",
}
GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
N300_ID = 1265652232952550400  # by its decimal name, as tt-metal writes it


def run(*arguments):
    command = [sys.executable, str(MAKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def number(data, offset, size):
    return int.from_bytes(data[offset:offset + size], "little")


def column(data, offset):
    """The five figures at an offset: DRAM, L1, L1_SMALL, TRACE, CB."""
    return [number(data, offset + 8 * index, 8) for index in range(5)]


def slots(data):
    """PID, name and figures of the slots in use."""
    for offset in range(856, 8536, 120):
        pid = struct.unpack_from("<i", data, offset)[0]
        if pid:
            yield pid, data[offset + 56:offset + 120].rstrip(b"\0"), column(data, offset + 8)


def chips(data):
    for offset in range(88, 856, 48):
        if number(data, offset, 4) != 0xFFFFFFFF:
            yield number(data, offset, 4), number(data, offset + 4, 4), column(data, offset + 8)


def leads_out(root, link):
    """Whether a link in the tree points to nothing there. Links of /proc that are no paths, and those that stand for
    an error, point nowhere by intention."""
    target = os.readlink(link)
    if re.fullmatch(r"!E[A-Z]+|pid:\[\d+\]", target):
        return False
    path = root / target.lstrip("/") if target.startswith("/") else link.parent.resolve() / target
    resolved = pathlib.Path(os.path.normpath(path))
    return not (resolved.exists() and (resolved == root or root in resolved.parents))


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.out)
        result = run(cls.out)
        assert result.returncode == 0, result.stderr

    def read(self, path):
        return (self.out / path).read_bytes()

    def only(self, pattern):
        found = list(self.out.glob(pattern))
        self.assertEqual(len(found), 1, (pattern, found))
        return found[0]

    def pids(self, host, device):
        return self.read(f"{host}/proc/driver/tenstorrent/{device}/pids").decode().split()

    # The command

    def test_every_host_is_made_and_listed(self):
        self.assertEqual({path.name for path in self.out.iterdir()}, HOSTS)
        listed = run("--list").stdout.splitlines()
        self.assertEqual({line.split()[0] for line in listed}, HOSTS)
        self.assertTrue(all(len(line.split()) > 3 for line in listed))

    def test_one_host_again_gives_the_same(self):
        again = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, again)
        result = run(again, "n300", "n300")
        self.assertEqual(result.stdout.split(), [str(again / "n300")] * 2)
        shm = sorted(os.listdir(again / "n300" / "dev" / "shm"))
        self.assertEqual(filecmp.cmpfiles(again / "n300/dev/shm", self.out / "n300/dev/shm", shm, shallow=False),
                         (shm, [], []))
        self.assertEqual(os.listdir(again), ["n300"])

    def test_unknown_name(self):
        result = run(self.out, "n301")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no host n301", result.stderr)

    def test_a_directory_of_something_else_is_left_alone(self):
        with tempfile.TemporaryDirectory() as other:
            precious = pathlib.Path(other, "n300", "precious")
            precious.parent.mkdir()
            precious.touch()
            self.assertNotEqual(run(other, "n300").returncode, 0)
            self.assertTrue(precious.exists())

    # Every tree

    def test_links_stay_inside_the_tree(self):
        for host in HOSTS:
            root = self.out / host
            links = [pathlib.Path(directory, name) for directory, directories, files in os.walk(root)
                     for name in directories + files if os.path.islink(os.path.join(directory, name))]
            self.assertTrue(links)
            self.assertEqual([link for link in links if leads_out(root, link)], [], host)

    def test_time_is_the_same_everywhere(self):
        for host in HOSTS:
            boot = re.search(rb"^btime (\d+)$", self.read(f"{host}/proc/stat"), re.MULTILINE).group(1)
            self.assertEqual(int(boot), 1795413600)
            self.assertEqual(float(self.read(f"{host}/proc/uptime").split()[0]), 187200)
            self.assertEqual(self.read(f"{host}/proc/sys/kernel/hostname").decode(), f"{host}\n")

    def test_totals_are_for_their_user_only(self):
        for path in self.out.glob("*/dev/shm/tt_device_*"):
            if not path.is_symlink():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)

    def test_holders_are_processes(self):
        for path in self.out.glob("*/proc/driver/tenstorrent/*/pids"):
            gone = {pid for pid in path.read_text().split() if not (path.parents[3] / pid / "stat").exists()}
            self.assertLessEqual(gone, {"0", "9006"}, path)

    # One whole host, looked at closely

    def test_n300_totals(self):
        data = self.read(f"n300/dev/shm/tt_device_{N300_ID}_memory")
        held = [8 * GIB + 512 * MIB, 61 * MIB, 128 * KIB, 192 * MIB, 14 * MIB]
        self.assertEqual(len(data), 8576)
        self.assertEqual([number(data, offset, 4) for offset in (0, 4, 16)], [3, 1, 1])
        self.assertEqual(number(data, 8, 8), (1795413600 + 187200 - 2) * 10**9)
        self.assertEqual([number(data, 24, 8), number(data, 32, 8)], [0, N300_ID])
        self.assertEqual(column(data, 48), held)
        self.assertEqual(list(chips(data)), [(0, 0, held)])
        self.assertEqual(list(slots(data)), [(4711, b"python3", held)])
        self.assertEqual(data[8536:], bytes(40))

    def test_n300_remote_chip(self):
        data = self.read(f"n300/dev/shm/tt_device_{N300_ID + 1}_memory")
        self.assertEqual([chip[:2] for chip in chips(data)], [(1, 1)])
        self.assertEqual([slot[0] for slot in slots(data)], [4711])

    def test_n300_lock(self):
        data = self.read("n300/dev/shm/TT_UMD_LOCK.CHIP_IN_USE_0_PCIe")
        self.assertEqual(len(data), 56)
        self.assertEqual(number(data, 40, 8), 0x5454554D444D5458)
        self.assertEqual(struct.unpack_from("<ii", data, 48), (4711, 4711))

    def test_n300_device(self):
        link = self.out / "n300/sys/class/tenstorrent/tenstorrent!0"
        self.assertEqual(os.readlink(link),
                         "../../devices/pci0000:00/0000:00:01.0/0000:09:00.0/tenstorrent/tenstorrent!0")
        self.assertEqual((link / "device").resolve().name, "0000:09:00.0")
        self.assertEqual((link / "tt_asic_id").read_text(), f"{N300_ID:016X}\n")
        self.assertRegex((link / "tt_serial").read_text(), r"^[0-9A-F]{16}\n$")
        self.assertEqual((link / "tt_card_type").read_text(), "n300\n")
        self.assertEqual(len(os.listdir(link / "pcie_perf_counters")), 12)
        self.assertEqual((link / "device/device").read_text(), "0x401e\n")
        self.assertEqual((link / "device/current_link_speed").read_text(), "16.0 GT/s PCIe\n")
        self.assertEqual((link / "device/hwmon/hwmon2/name").read_text(), "wormhole\n")
        self.assertEqual((link / "device/hwmon/hwmon2/temp1_input").read_text(), "58437\n")
        self.assertEqual((link / "device/hwmon/hwmon2/temp1_label").read_text(), "asic1_temp\n")

    def test_n300_process(self):
        self.assertEqual(self.pids("n300", 0), ["4711", "4711"])
        fields = self.read("n300/proc/4711/stat").rsplit(b")", 1)[1].split()
        self.assertEqual(len(fields), 50)
        self.assertEqual(int(fields[19]), (187200 - 5400) * 100)  # field 22 of the manual
        status = self.read("n300/proc/4711/status")
        self.assertIn(b"\nUid:\t1000\t1000\t1000\t1000\n", status)
        self.assertIn(b"\nNSpid:\t4711\n", status)
        self.assertEqual(self.read("n300/proc/4711/cmdline").split(b"\0")[:2], [b"python3", b"train.py"])
        self.assertEqual(os.readlink(self.out / "n300/proc/4711/ns/pid"),
                         os.readlink(self.out / "n300/proc/self/ns/pid"))
        self.assertEqual(os.readlink(self.out / "n300/proc/4711/root"), "/")
        self.assertIn("mira:x:1000:", (self.out / "n300/etc/passwd").read_text())

    # What is particular about the others

    def test_counts_of_devices_and_files(self):
        for host, devices, files in (("n150", 1, 1), ("t3k", 4, 8), ("p150", 1, 1), ("p300", 2, 2), ("galaxy", 32, 32),
                                     ("no-devices", 0, 0), ("many-processes", 4, 4)):
            self.assertEqual(len(list(self.out.glob(f"{host}/sys/class/tenstorrent/*"))), devices, host)
            self.assertEqual(len(list(self.out.glob(f"{host}/dev/shm/tt_device_*"))), files, host)
            self.assertEqual(len(list(self.out.glob(f"{host}/dev/tenstorrent/*"))), devices, host)

    def test_no_driver(self):
        self.assertFalse((self.out / "no-driver/sys").exists())
        self.assertFalse((self.out / "no-driver/proc/driver").exists())
        self.assertTrue((self.out / "no-devices/sys/module/tenstorrent/version").exists())

    def test_old_driver(self):
        self.assertFalse((self.out / "old-driver/proc/driver").exists())
        names = os.listdir(self.out / "old-driver/sys/class/tenstorrent/tenstorrent!0")
        self.assertIn("tt_serial", names)
        self.assertFalse({"tt_asic_id", "tt_heartbeat", "pcie_perf_counters"} & set(names))

    def test_blackhole(self):
        device = self.out / "p150/sys/class/tenstorrent/tenstorrent!0"
        self.assertEqual((device / "device/device").read_text(), "0xb140\n")
        self.assertTrue((device / "device/hwmon/hwmon2/fan1_input").exists())
        self.assertFalse((device / "tt_eth_fw_ver").exists())
        data = self.only("p150/dev/shm/tt_device_*").read_bytes()
        self.assertEqual([number(data, 0, 4), number(data, 8536, 4)], [4, 0x52454459])
        serials = {path.read_text() for path in self.out.glob("p300/sys/class/tenstorrent/*/tt_serial")}
        self.assertEqual(len(serials), 1)
        shifted = int(serials.pop(), 16) << 5
        for location in (0, 1):
            self.assertTrue((self.out / f"p300/dev/shm/tt_device_{shifted + location}_memory").exists())

    def test_reading_that_fails(self):
        for number_, errno_name in ((1, "!ENODATA"), (2, "!ENODEV")):
            device = self.out / f"in-reset/sys/class/tenstorrent/tenstorrent!{number_}"
            for path in (device / "tt_card_type", device / f"device/hwmon/hwmon{number_ + 2}/temp1_input"):
                self.assertEqual(os.readlink(path), errno_name)
        self.assertFalse((self.out / "in-reset/sys/class/tenstorrent/tenstorrent!0/tt_card_type").is_symlink())
        closed = [path for path in self.out.glob("denied/dev/shm/*") if path.is_symlink()]
        self.assertEqual([os.readlink(path) for path in closed], ["!EACCES"])
        self.assertEqual(os.readlink(self.out / "denied/proc/7001/root"), "!EACCES")

    def test_no_sensors(self):
        hwmons = list(self.out.glob("no-sensors/sys/class/hwmon/*"))
        self.assertEqual([path.name for path in hwmons], ["hwmon3"])
        self.assertEqual(set(os.listdir(hwmons[0])), {"name", "device"})

    def test_versions(self):
        found = []
        for path in self.out.glob("totals-versions/dev/shm/tt_device_*"):
            data = path.read_bytes()
            self.assertLess(int(path.name.split("_")[2]), 2**64)
            ready = number(data, 8536, 4) if number(data, 0, 4) >= 4 else 0
            found.append((number(data, 0, 4), len(data), ready))
        ready = 0x52454459
        self.assertEqual(sorted(found), [(1, 8576, 0), (1, 9280, 0), (2, 8576, 0), (3, 8576, 0), (4, 8576, 1),
                                         (4, 8576, ready), (5, 8576, ready)])

    def test_prototype_has_a_column_more(self):
        data = next(path for path in self.out.glob("totals-versions/dev/shm/tt_device_*")
                    if path.stat().st_size == 9280).read_bytes()
        self.assertEqual(column(data, 48)[:2], [2 * GIB, 2 * MIB])
        self.assertEqual(column(data, 96 + 8)[:2], [2 * GIB, 2 * MIB])
        self.assertEqual(number(data, 992, 4), 6001)
        self.assertEqual(column(data, 992 + 8)[:2], [2 * GIB, 2 * MIB])
        self.assertEqual(data[992 + 64:992 + 72], b"python3\0")

    def test_truncated(self):
        sizes = sorted(path.stat().st_size for path in self.out.glob("truncated/dev/shm/tt_device_*"))
        self.assertEqual(sizes, [0, 4, 87, 856, 8535, 8575, 8576, 9000])

    def test_underflow(self):
        files = [path.read_bytes() for path in sorted(self.out.glob("underflow/dev/shm/tt_device_*"))]
        below_zero = 2**64 - 4096
        self.assertEqual(number(files[0], 48, 8), below_zero)
        self.assertEqual([slot[2][0] for slot in slots(files[1])], [below_zero])
        self.assertEqual([chip[2][1] for chip in chips(files[2])], [below_zero])
        self.assertEqual(number(files[1], 48, 8), 3 * GIB)

    def test_dead_pids(self):
        first, second = (path.read_bytes() for path in sorted(self.out.glob("dead-pids/dev/shm/tt_device_*")))
        self.assertEqual([slot[0] for slot in slots(first)], [9002, 9001, 9003, 9004, -1])
        self.assertEqual(column(first, 48)[0], (1024 + 2048 + 512 + 256 + 128 + 64) * MIB)
        self.assertEqual(number(second, 16, 4), 1)
        for pid, exists in ((9001, True), (9002, False), (9003, True), (9004, True), (9005, False), (9006, False)):
            self.assertEqual((self.out / f"dead-pids/proc/{pid}").exists(), exists, pid)

    def test_containers(self):
        root = self.out / "container"
        shm = [(root / f"proc/{pid}/root/dev/shm").resolve() for pid in (12001, 12002, 12003, 12005)]
        self.assertEqual(shm[0], shm[1])
        self.assertEqual(len(set(shm)), 3)
        data = next(shm[0].glob("tt_device_*")).read_bytes()
        self.assertEqual([slot[0] for slot in slots(data)], [7, 8])
        self.assertEqual(os.listdir(shm[3]), ["TT_UMD_LOCK.CHIP_IN_USE_3_PCIe"])
        self.assertIn("\nNSpid:\t12002\t8\n", (root / "proc/12002/status").read_text())
        self.assertEqual(os.readlink(root / "proc/12002/ns/pid"), os.readlink(root / "proc/12001/ns/pid"))
        self.assertRegex((root / "proc/12001/cgroup").read_text(), r"^0::/system\.slice/docker-[0-9a-f]{64}\.scope\n$")
        self.assertIn("kubepods", (root / "proc/12004/cgroup").read_text())
        self.assertEqual(self.pids("container", 4), ["0", "0"])

    def test_hostile_names(self):
        self.assertTrue(self.read("hostile/proc/13002/stat").startswith(b"13002 (a) R 1 (b) S 1 "))
        self.assertEqual(self.read("hostile/proc/13001/comm"), b"two\nlines\n")
        self.assertIn(b"Name:\ttwo\\nlines\n", self.read("hostile/proc/13001/status"))
        self.assertIn("\u202e".encode(), self.read("hostile/proc/13003/comm"))
        self.assertIn(b"\xff\xfe", self.read("hostile/proc/13004/cmdline"))
        self.assertGreater(len(self.read("hostile/proc/13006/cmdline")), 20000)
        self.assertEqual(self.read("hostile/proc/13008/cmdline"), b"")
        self.assertIn(b"\nUid:\t4242\t", self.read("hostile/proc/13001/status"))
        self.assertNotIn(b"4242", self.read("hostile/etc/passwd"))

    def test_locks(self):
        locks = {path.name[len("TT_UMD_LOCK.CHIP_IN_USE_"):-len("_PCIe")]: number(path.read_bytes(), 52, 4)
                 for path in self.out.glob("locks/dev/shm/TT_UMD_LOCK*")}
        self.assertEqual(locks, {"1": 5001, "2": 5002, "3": 5002})

    def test_many_processes(self):
        counts = [len(set(self.pids("many-processes", device))) for device in range(4)]
        self.assertEqual(counts, [2500] * 4)
        data = sorted(self.out.glob("many-processes/dev/shm/tt_device_*"))[0].read_bytes()
        self.assertEqual(len(list(slots(data))), 64)
        self.assertEqual(column(data, 48)[0], 2500 * MIB)


if __name__ == "__main__":
    unittest.main()
