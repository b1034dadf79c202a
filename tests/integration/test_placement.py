# SPDX-License-Identifier: Apache-2.0
"""Processes number their devices themselves; the server finds out from the host which ones they mean.

The host is a tree of files (tests/fixtures) whose lists of holders are written here, with the PIDs of real clients.
"""

import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import raw
from harness import NOBODY, ServerTest, wait_until

sys.path.insert(0, str(harness.SRC / "tests" / "fixtures"))
sys.dont_write_bytecode = True

from maker.devices import Device  # noqa: E402 (found through the path above)
from maker.host import Host  # noqa: E402
from maker.tree import ENODATA, Tree  # noqa: E402

GIB, MIB = 1 << 30, 1 << 20
REGION = 0
WORMHOLE, BLACKHOLE = 2, 3
N150_L1 = 72 * 1_499_136
P150_DRAM = 34_225_520_640
SIZES = ("dram_size", "l1_size", "num_dram_channels", "l1_size_per_core")


class PlacementTest(ServerTest):
    """With the devices 0 and 1, both n150, and 2 and 3, both p150a."""

    CARDS = ("n150", "n150", "p150a", "p150a")
    DRIVER = "2.10.0"

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-host-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.devices = [Device(number, card) for number, card in enumerate(self.CARDS)]
        self.make_host()
        self.OPTIONS = ("--root", self.root)
        super().setUp()
        self.watch = self.watcher()

    def make_host(self):
        Host(self.devices, driver=self.DRIVER).write(Tree(self.root), "host")

    def hold(self, **holders):
        """node0=[PID...]: who has which open. In one step, as a reader of the driver's list sees it."""
        for name, pids in holders.items():
            path = self.root / "proc" / "driver" / "tenstorrent" / name.removeprefix("node") / "pids"
            fresh = path.with_name("fresh")
            fresh.write_text("".join(f"{pid}\n" for pid in pids))
            fresh.replace(path)

    def lose_node(self, number):
        (self.root / "sys" / "class" / "tenstorrent" / f"tenstorrent!{number}").unlink()
        shutil.rmtree(self.root / "proc" / "driver" / "tenstorrent" / str(number))

    def rows(self):
        return {device["device_id"]: device for device in self.watch.entries(raw.LIST_DEVICES)}

    def row_of(self, puppet, device_id=0):
        """The number of the row that a device of the process is on, as its USAGE records tell it."""
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=puppet.pid)
        (number,) = {u["device_id"] for u in process["usage"].values() if u["logical_id"] == device_id}
        return number

    def bytes_on(self, number, region=raw.DRAM):
        (device,) = self.watch.entries(raw.LIST_DEVICES, device_id=number)
        return device["usage"][number, REGION, region]["bytes"]

    def describe(self, puppet, device_id=0, also_known=0, **facts):
        known = sum(raw.KNOWN[name] for name in facts) | also_known
        puppet.do(f"c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, {device_id}, known={known}, **{facts!r}))")

    def report_until_placed(self, puppet, number):
        """It is looked for only when it reports."""

        def probe():
            puppet.do("c.alloc(1, 1, raw.SYSTEM_MEMORY)")
            return self.row_of(puppet) == number

        wait_until(probe, f"PID {puppet.pid} to be placed on {number}")


class Numbering(PlacementTest):
    def test_the_same_number_and_different_nodes(self):
        a, b = self.puppet(), self.puppet()
        self.hold(node0=[a.pid], node1=[b.pid, b.pid])
        a.do("c.alloc(0x1000, 100)")
        b.do("c.alloc(0x1000, 200)")
        wait_until(lambda: (self.row_of(a), self.row_of(b)) == (0, 1), "both to be placed")
        self.assertEqual((self.bytes_on(0), self.bytes_on(1)), (100, 200))
        self.assertEqual(sorted(self.rows()), [0, 1])

    def test_the_first_report_is_placed_before_a_question_is_answered(self):
        puppet = self.puppet()
        self.hold(node2=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        self.assertEqual(self.row_of(puppet), 2)

    def test_nodes_are_numbered_in_ascending_order(self):
        puppet = self.puppet()
        self.hold(node3=[puppet.pid], node1=[1, puppet.pid])
        puppet.do("c.alloc(0x1000, 100, device_id=1)", "c.alloc(0x1000, 200, device_id=0)")
        wait_until(lambda: [self.row_of(puppet, n) for n in (0, 1)] == [1, 3], "both to be placed")
        self.assertEqual((self.bytes_on(1), self.bytes_on(3)), (200, 100))

    def test_two_processes_on_one_node(self):
        a, b = self.puppet(), self.puppet()
        self.hold(node1=[a.pid, b.pid], node0=[b.pid])
        a.do("c.alloc(0x1000, 100)")
        b.do("c.alloc(0x2000, 200, device_id=1)")
        wait_until(lambda: (self.row_of(a), self.row_of(b, 1)) == (1, 1), "both to be placed")
        self.assertEqual(self.bytes_on(1), 300)
        self.assertEqual(self.rows()[1]["processes"], 2)

    def test_a_remote_chip_has_no_node(self):
        """Its row has no node's number, and none of the host's facts."""
        puppet = self.puppet()
        self.hold(node1=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)", "c.alloc(0x1000, 200, device_id=1)")
        wait_until(lambda: self.row_of(puppet) == 1, "the local chip to be placed")
        remote = self.row_of(puppet, 1)
        self.assertEqual(remote, len(self.CARDS))
        self.assertEqual(self.rows()[remote]["known"], 0)

    def test_a_device_that_is_used_later_is_placed_too(self):
        puppet = self.puppet()
        self.hold(node1=[puppet.pid], node2=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(puppet) == 1, "the first one")
        puppet.do("c.alloc(0x1000, 100, device_id=1)")
        wait_until(lambda: self.row_of(puppet, 1) == 2, "the second one")

    def test_questions_of_the_process_are_about_its_own_device(self):
        puppet = self.puppet()
        self.hold(node2=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        self.assertEqual(puppet.ask("c.query(0)['dram_allocated']"), 100)
        self.assertEqual(puppet.ask("c.info(0)['total_dram_size']"), P150_DRAM)
        self.assertEqual(self.watch.query(0)["dram_allocated"], 0)
        self.assertEqual(self.watch.query(2)["dram_allocated"], 100)


class Time(PlacementTest):
    def test_a_process_that_opens_its_device_late(self):
        puppet = self.puppet()
        puppet.do("c.alloc(0x1000, 100)", "c.alloc(0x2000, 11, raw.L1)")
        self.assertEqual(self.row_of(puppet), len(self.CARDS))
        self.hold(node1=[puppet.pid])
        self.report_until_placed(puppet, 1)
        self.assertEqual((self.bytes_on(1), self.bytes_on(1, raw.L1)), (100, 11))
        self.assertEqual(sorted(self.rows()), [1])

    def test_what_others_hold_under_that_number_stays(self):
        late, other = self.puppet(), self.puppet()
        late.do("c.alloc(0x1000, 100)")
        other.do("c.alloc(0x1000, 200)")
        shared = self.row_of(late)
        self.assertEqual(self.row_of(other), shared)
        self.hold(node0=[late.pid])
        self.report_until_placed(late, 0)
        self.assertEqual((self.bytes_on(0), self.bytes_on(shared)), (100, 200))
        self.assertEqual(self.row_of(other), shared)

    def test_what_it_said_before_it_was_placed_goes_along(self):
        first, late = self.puppet(), self.puppet()
        self.hold(node0=[first.pid])
        first.do("c.alloc(0x1000, 1)")
        late.do("c.alloc(0x1000, 1)")
        self.describe(late, dram_size=7 * GIB)
        self.hold(node0=[first.pid, late.pid])
        self.report_until_placed(late, 0)
        self.assertEqual(self.rows()[0]["dram_size"], 7 * GIB)

    def test_a_node_that_goes_away_leaves_its_row(self):
        stays, comes = self.puppet(), self.puppet()
        self.hold(node0=[stays.pid])
        stays.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(stays) == 0, "it to be placed")
        self.lose_node(0)
        self.hold(node1=[comes.pid])
        comes.do("c.alloc(0x1000, 200)")
        wait_until(lambda: self.row_of(comes) == 1, "the other to be placed")
        stays.do("c.alloc(0x2000, 1)")
        self.assertEqual((self.bytes_on(0), self.bytes_on(1)), (101, 200))
        self.assertEqual(self.rows()[0]["asic_id"], self.devices[0].asic_id)

    def test_another_card_under_the_same_number_is_another_row(self):
        stays, comes = self.puppet(), self.puppet()
        self.hold(node3=[stays.pid])
        stays.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(stays) == 3, "it to be placed")
        self.lose_node(3)
        self.hold(node2=[comes.pid])
        comes.do("c.alloc(0x1000, 200)")  # the server learns that the node is gone
        wait_until(lambda: self.row_of(comes) == 2, "the other to be placed")
        self.devices = [*self.devices[:3], Device(3, "p150a", board=77)]
        shutil.rmtree(self.root)
        self.make_host()
        last = self.puppet()
        self.hold(node3=[last.pid])
        last.do("c.alloc(0x1000, 400)")
        wait_until(lambda: self.rows()[self.row_of(last)]["asic_id"] == self.devices[3].asic_id, "the third one")
        self.assertEqual(self.bytes_on(3), 100)
        self.assertEqual(self.bytes_on(self.row_of(last)), 400)

    def test_a_driver_that_is_loaded_later(self):
        self.server.stop()
        shutil.rmtree(self.root / "sys")
        shutil.rmtree(self.root / "proc" / "driver")
        with harness.Server("--root", self.root) as server:
            puppet = harness.Puppet(server.path)
            self.addCleanup(puppet.close)
            with raw.Raw(server.path) as self.watch:
                self.watch.hello()
                self.assertEqual(self.watch.info(-1)["num_devices"], 0)
                shutil.rmtree(self.root)
                self.make_host()
                self.hold(node2=[puppet.pid])
                puppet.do("c.alloc(0x1000, 100)")
                self.assertEqual(self.row_of(puppet), 0)
                wait_until(lambda: self.row_of(puppet) == 2, "the new devices to be read")
            puppet.leave()

    def test_a_crowd_that_comes_at_once(self):
        children = [self.puppet() for _ in range(24)]
        self.hold(**{f"node{n}": [child.pid for child in children[n::4]] for n in range(4)})
        for child in children:
            child.do("c.alloc(0x1000, 10)")
        wait_until(lambda: [self.row_of(child) for child in children] == [0, 1, 2, 3] * 6, "all to be placed")
        self.assertEqual([self.bytes_on(n) for n in range(4)], [60] * 4)

    def test_an_idle_server_looks_at_nothing(self):
        """A process that cannot be placed costs nothing while it is silent."""
        puppet = self.puppet()
        puppet.do("c.alloc(0x1000, 100)")
        self.row_of(puppet)

        def switches():
            status = harness.read_proc(self.server.process.pid, "status")
            return [line for line in status.splitlines() if "ctxt_switches" in line]

        def is_quiet():
            before = switches()
            select.select([], [], [], 0.2)
            return switches() == before

        wait_until(is_quiet, "the server to have done what there was to do")
        before = switches()
        with self.assertRaises(TimeoutError):
            wait_until(lambda: switches() != before, "a wake-up", patience=2.5)


class Descriptions(PlacementTest):
    def test_a_description_wins_over_what_the_process_holds(self):
        puppet = self.puppet()
        self.hold(node0=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(puppet) == 0, "it to be placed")
        self.describe(puppet, asic_id=self.devices[3].asic_id)
        self.assertEqual(self.row_of(puppet), 3)
        self.assertEqual(self.bytes_on(3), 100)
        puppet.do("c.alloc(0x2000, 1)")
        self.assertEqual(self.row_of(puppet), 3)

    def test_an_address_or_an_id_alone_gets_the_rest(self):
        by_pci, by_asic, by_board = self.puppet(), self.puppet(), self.puppet()
        self.describe(by_pci, pci_address=3 << 8)  # node 2 is 0000:03:00.0
        self.describe(by_asic, asic_id=self.devices[2].asic_id)
        self.describe(by_board, asic_id=self.devices[2].serial << 5)
        for puppet in (by_pci, by_asic, by_board):
            puppet.do("c.alloc(0x1000, 100)")
            self.assertEqual(self.row_of(puppet), 2)
        row = self.rows()[2]
        self.assertEqual((row["asic_id"], row["pci_address"]), (self.devices[2].asic_id, 3 << 8))
        self.assertEqual((row["board"], row["arch"], row["dram_size"]), ("p150a", BLACKHOLE, P150_DRAM))

    def test_a_chip_of_which_the_host_knows_nothing(self):
        puppet = self.puppet()
        self.hold(node0=[puppet.pid])
        self.describe(puppet, asic_id=1)
        puppet.do("c.alloc(0x1000, 100)")
        row = self.rows()[self.row_of(puppet)]
        self.assertEqual((row["device_id"], row["known"]), (len(self.CARDS), raw.KNOWN["asic_id"]))

    def test_sizes_that_a_client_tells_are_not_nominal(self):
        puppet = self.puppet()
        self.hold(node0=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(puppet) == 0, "it to be placed")
        row = self.rows()[0]
        self.assertTrue(row["known"] & raw.NOMINAL)
        self.assertEqual([row[name] for name in SIZES], [12 * GIB, N150_L1, row["num_dram_channels"], 1_499_136])
        self.describe(puppet, dram_size=11 * GIB)
        self.assertTrue(self.rows()[0]["known"] & raw.NOMINAL)  # the L1 is
        self.describe(puppet, also_known=raw.NOMINAL, l1_size=100 * MIB)
        row = self.rows()[0]
        self.assertFalse(row["known"] & raw.NOMINAL)
        self.assertEqual((row["dram_size"], row["l1_size"]), (11 * GIB, 100 * MIB))

    def test_what_a_client_calls_nominal_is_not(self):
        puppet = self.puppet()
        self.describe(puppet, also_known=raw.NOMINAL, asic_id=1, dram_size=GIB)
        puppet.do("c.alloc(0x1000, 100)")
        self.assertFalse(self.rows()[self.row_of(puppet)]["known"] & raw.NOMINAL)

    def test_wrong_descriptions_by_others(self):
        """They change nothing that the host has told, not even by one who is alone, and no size that somebody told."""
        self.require_root()
        liar, honest = self.puppet(NOBODY), self.puppet(NOBODY - 1)
        lie = {"arch": WORMHOLE, "pci_address": 0x4200, "remote": 1}
        self.describe(liar, asic_id=self.devices[2].asic_id, **lie)
        liar.do("c.alloc(0x1000, 1)")
        self.hold(node2=[honest.pid])
        honest.do("c.alloc(0x1000, 100)")
        wait_until(lambda: self.row_of(honest) == 2, "the other one to be placed")
        self.describe(honest, dram_size=30 * GIB)
        self.describe(liar, asic_id=self.devices[2].asic_id, dram_size=1, **lie)
        row = self.rows()[2]
        self.assertEqual((row["arch"], row["pci_address"], row["board"], row["remote"]), (3, 3 << 8, "p150a", 0))
        self.assertEqual(row["dram_size"], 30 * GIB)
        self.assertEqual(self.bytes_on(2), 101)


class DeviceInformation(PlacementTest):
    """What monitors of the older generations are told of devices that nobody described."""

    def test_every_generation_gets_capacities(self):
        for frame_size in (112, 144):
            info = self.connect(frame_size).info(2)
            self.assertEqual(info["total_dram_size"], P150_DRAM, frame_size)
            self.assertEqual(info["arch_type"], BLACKHOLE)
            self.assertEqual((info["num_dram_channels"], info["l1_size_per_core"]), (8, 1_572_864))
            self.assertEqual(info["dram_size_per_channel"], P150_DRAM // 8)
            self.assertEqual((info["total_l1_size"], info["is_available"]), (120 * 1_572_864, 1))

    def test_an_older_client_that_reports_is_placed(self):
        client = self.connect(144)
        self.hold(node1=[os.getpid()])
        client.send(raw.CB_ALLOC, device_id=0, size=100, buffer_id=1)
        self.assertEqual(client.info(0)["total_dram_size"], 12 * GIB)
        self.assertEqual(self.watch.entries(raw.LIST_DEVICES)[0]["device_id"], 1)

    def test_devices_of_the_host_count_though_nobody_reports(self):
        self.assertEqual(self.watch.info(-1)["num_devices"], 4)
        puppet = self.puppet()
        self.hold(node1=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)", "c.alloc(0x1000, 100, device_id=1)")
        wait_until(lambda: self.row_of(puppet) == 1, "it to be placed")
        self.assertEqual(self.watch.info(-1)["num_devices"], 5)  # and the one that is remote
        self.assertEqual(self.watch.info(5)["is_available"], 0)
        self.assertEqual(sorted(self.rows()), [1, 4])


class Library(PlacementTest):
    def test_reports_through_a_ring_are_placed(self):
        app = subprocess.Popen(
            [harness.BIN / "app"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=harness.client_environment(self.server.path),
        )
        self.addCleanup(app.stdout.close)
        self.addCleanup(app.wait, harness.PATIENCE)
        self.addCleanup(app.stdin.close)
        self.hold(node3=[app.pid])
        app.stdin.write("fill 100\n")
        app.stdin.flush()
        app.stdout.readline()

        def is_placed():
            row = self.rows().get(3)
            return row and row["usage"][3, REGION, raw.DRAM]["buffers"] == 100

        wait_until(is_placed, "it to be placed")
        self.assertEqual(sorted(self.rows()), [3])

    def test_the_python_module_tells_nominal_sizes(self):
        puppet = self.puppet()
        self.hold(node2=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)")
        puppet.do("import tt_alloc")
        (device,) = puppet.ask("tt_alloc.devices()")
        self.assertEqual((device["device"], device["nominal"], device["board"]), (2, True, "p150a"))
        self.assertEqual(device["pci_address"], "0000:03:00.0")
        puppet.do(f"tt_alloc.describe_device(0, dram_size={GIB}, l1_size={MIB})")
        wait_until(lambda: not puppet.ask("tt_alloc.devices()[0]['nominal']"), "the description to arrive")


class OldDriver(PlacementTest):
    DRIVER = "2.4.0"  # before its list of holders

    def test_nothing_is_guessed(self):
        puppet = self.puppet()
        puppet.do("c.alloc(0x1000, 100)")
        row = self.rows()[self.row_of(puppet)]
        self.assertEqual((row["device_id"], row["known"]), (4, 0))
        self.assertEqual(self.watch.info(0)["total_dram_size"], 12 * GIB)

    def test_descriptions_find_their_node(self):
        puppet = self.puppet()
        self.describe(puppet, asic_id=self.devices[1].asic_id)
        puppet.do("c.alloc(0x1000, 100)")
        self.assertEqual(self.row_of(puppet), 1)


class InReset(PlacementTest):
    """Device 1 has a name and answers nothing."""

    def make_host(self):
        self.devices[1] = Device(1, "n150", fails=ENODATA)
        super().make_host()

    def test_the_others_are_placed(self):
        puppet = self.puppet()
        self.hold(node1=[puppet.pid], node2=[puppet.pid])
        puppet.do("c.alloc(0x1000, 100)", "c.alloc(0x1000, 200, device_id=1)")
        wait_until(lambda: [self.row_of(puppet, n) for n in (0, 1)] == [1, 2], "both to be placed")
        row = self.rows()[1]
        self.assertFalse(row["known"] & raw.KNOWN["asic_id"])
        self.assertEqual(row["arch"], WORMHOLE)


class NoDriver(PlacementTest):
    CARDS = ()
    DRIVER = None

    def test_numbers_are_the_processes_own(self):
        a, b = self.puppet(), self.puppet()
        a.do("c.alloc(0x1000, 100)")
        b.do("c.alloc(0x1000, 200)", "c.alloc(0x1000, 300, device_id=3)")
        self.assertEqual(sorted(self.rows()), [0, 3])
        self.assertEqual(self.bytes_on(0), 300)
        self.assertEqual(self.watch.info(-1)["num_devices"], 2)


class Options(unittest.TestCase):
    def test_a_root_that_is_not_there(self):
        done = harness.run([harness.BIN / "tt-allocation-server", "--socket", "/tmp/unused.sock", "--root", "/nowhere"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("Cannot read the devices of the host below /nowhere: No such file or directory", done.stderr)

    def test_it_needs_a_directory(self):
        done = harness.run([harness.BIN / "tt-allocation-server", "--root", ""])
        self.assertEqual(done.returncode, 2)
        self.assertIn("--root needs a directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
