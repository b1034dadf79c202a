# SPDX-License-Identifier: Apache-2.0
"""What reports mean (PROTOCOL.md, section 5), beside an innocent process that must notice nothing of it."""

import random
import re
import time
import unittest

import raw
from harness import ServerTest, wait_until
from raw import CB, DRAM, KERNEL, L1, L1_SMALL, POOL_DRAM, POOL_HOST, POOL_L1, SYSTEM_MEMORY, TRACE

REGION, POOL = 0, 1
MIB, GIB = 1 << 20, 1 << 30
INT64_MAX = (1 << 63) - 1


class AccountingTest(ServerTest):
    """`a` is the process under test. The innocent holds buffers of the same addresses on the same device."""

    INNOCENT = {DRAM: 1111, L1: 2222, SYSTEM_MEMORY: 3333, L1_SMALL: 4444, TRACE: 5555}

    def setUp(self):
        super().setUp()
        self.innocent = self.puppet()
        for region, size in self.INNOCENT.items():
            self.innocent.do(f"c.alloc(0x1000, {size}, {region})")
        self.innocent.do("c.send(raw.CB_ALLOC, size=6666, buffer_id=0x1000)")
        self.innocent.do("c.send(raw.KERNEL_LOAD, size=7777, buffer_id=0x1000)")
        self.watch = self.watcher()
        self.figures_at_start = self.watch.figures()
        self.a = self.puppet()

    def tearDown(self):
        process = self.process(self.innocent)
        bytes_ = {key[2]: u["bytes"] for key, u in process["usage"].items() if key[1] == REGION}
        peaks = {key[2]: u["peak_bytes"] for key, u in process["usage"].items() if key[1] == REGION}
        self.assertEqual(bytes_, {**self.INNOCENT, CB: 6666, KERNEL: 7777})
        self.assertEqual(peaks, bytes_)
        self.assertEqual((process["buffers"], process["lost"], process["flags"]), (7, 0, 0))

    def process(self, puppet):
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=puppet.pid)
        return process

    def usage(self, index, kind=REGION, device=0, puppet=None):
        return self.process(puppet or self.a)["usage"].get((device, kind, index))

    def held(self, **filters):
        """{(device, region, id): (size, references)} of the process under test."""
        return {
            (b["device_id"], b["region"], b["buffer_id"]): (b["size"], b["references"])
            for b in self.watch.records(raw.LIST_BUFFERS, process_id=self.a.pid, **filters)
        }

    def counted(self):
        """The figures that changed since the start."""
        return {
            name: value - self.figures_at_start[name]
            for name, value in self.watch.figures().items()
            if name in COUNTED and value != self.figures_at_start[name]
        }


REFUSALS = {f"refused_{what}" for what in ("device", "size", "region", "limit", "memory")}
COUNTED = {"reports", "allocations", "frees", "unknown_free", "ambiguous_free", "shared", "replaced", *REFUSALS}


class Reports(AccountingTest):
    def test_a_new_buffer(self):
        for region in range(CB):
            self.a.do(f"c.alloc(0x1000, 4096, {region})")
            usage = self.usage(region)
            self.assertEqual((usage["bytes"], usage["buffers"], usage["peak_bytes"]), (4096, 1, 4096))
            self.assertEqual((usage["allocations"], usage["frees"], usage["logical_id"]), (1, 0, 0))
        self.assertEqual(self.counted(), {"reports": 5, "allocations": 5})
        self.assertEqual(self.process(self.a)["buffers"], 5)

    def test_a_second_reference(self):
        self.a.do("c.alloc(0x1000, 4096)", "c.alloc(0x1000, 4096)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (4096, 2)})
        self.assertEqual(self.usage(DRAM)["bytes"], 4096)
        self.assertEqual(self.counted(), {"reports": 2, "allocations": 2, "shared": 1})
        self.a.do("c.free(0x1000)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (4096, 1)})
        self.a.do("c.free(0x1000)")
        self.assertEqual(self.held(), {})
        self.assertEqual(self.usage(DRAM)["bytes"], 0)
        self.assertEqual(self.counted(), {"reports": 4, "allocations": 2, "frees": 2, "shared": 1})

    def test_a_replacement(self):
        self.a.do("c.alloc(0x1000, 4096)", "c.alloc(0x1000, 4096)", "c.alloc(0x1000, 512)")
        self.assertEqual(self.held(), {(0, DRAM, 0x1000): (512, 1)})
        self.assertEqual((self.usage(DRAM)["bytes"], self.usage(DRAM)["peak_bytes"]), (512, 4096))
        self.assertEqual(self.counted(), {"reports": 3, "allocations": 3, "shared": 1, "replaced": 1})
        self.a.do("c.free(0x1000)")
        self.assertEqual(self.usage(DRAM)["bytes"], 0)

    def test_a_free_that_names_its_region(self):
        self.a.do("c.alloc(0x2000, 1, raw.DRAM)", "c.alloc(0x2000, 2, raw.L1)", "c.alloc(0x2000, 4, raw.TRACE)")
        self.a.do("c.free(0x2000, region=raw.L1)")
        self.assertEqual(self.held().keys(), {(0, DRAM, 0x2000), (0, TRACE, 0x2000)})
        self.a.do("c.free(0x2000, region=raw.L1)")
        self.assertEqual(self.held().keys(), {(0, DRAM, 0x2000), (0, TRACE, 0x2000)})
        self.a.do("c.free(0x2000, region=255)")
        self.assertEqual(self.held().keys(), {(0, DRAM, 0x2000)})
        self.assertEqual(
            self.counted(), {"reports": 6, "allocations": 3, "frees": 2, "unknown_free": 1, "ambiguous_free": 1}
        )

    def test_a_free_without_region(self):
        """As the older clients send it: the only match, else the youngest. buffer_type is not looked at."""
        self.a.do("c.close()", "c = raw.Raw(path)", "c.alloc(0x2000, 1, raw.L1)", "c.alloc(0x2000, 2, raw.DRAM)")
        self.a.do("c.alloc(0x3000, 4, raw.TRACE)", "c.free(0x3000)")
        self.assertEqual(self.held().keys(), {(0, L1, 0x2000), (0, DRAM, 0x2000)})
        self.assertNotIn("ambiguous_free", self.counted())
        self.a.do("c.free(0x2000, region=raw.L1)")
        self.assertEqual(self.held().keys(), {(0, L1, 0x2000)})
        self.assertEqual(self.counted()["ambiguous_free"], 1)
        self.a.do("c.free(0x2000)")
        self.assertEqual(self.held(), {})
        self.assertEqual(self.counted()["ambiguous_free"], 1)

    def test_a_free_does_not_find_circular_buffers(self):
        self.a.do("c.send(raw.CB_ALLOC, size=64, buffer_id=0x2000)")
        self.a.do("c.send(raw.KERNEL_LOAD, size=64, buffer_id=0x2000)")
        self.a.do("c.free(0x2000, region=255)")
        self.assertEqual(self.held().keys(), {(0, CB, 0x2000), (0, KERNEL, 0x2000)})
        self.assertEqual(self.counted(), {"reports": 3, "allocations": 2, "unknown_free": 1})

    def test_frees_of_what_is_not_there(self):
        self.a.do("c.alloc(0x2000, 4096)", "c.free(0x2000)")
        self.a.do("c.free(0x2000)", "c.free(0x9999)", "c.free(1, device_id=9)")
        self.assertEqual(self.usage(DRAM)["bytes"], 0)
        self.assertEqual(self.counted(), {"reports": 5, "allocations": 1, "frees": 1, "unknown_free": 3})
        self.assertEqual([d["device_id"] for d in self.watch.entries(raw.LIST_DEVICES)], [0])

    def test_a_free_of_what_another_process_holds(self):
        for region in range(CB):
            self.a.do(f"c.free(0x1000, region={region}, process_id={self.innocent.pid})")
        self.a.do("c.free(0x1000, region=255)", "c.send(raw.CB_FREE, buffer_id=0x1000, size=6666)")
        self.assertEqual(self.counted(), {"reports": 7, "unknown_free": 7})

    def test_no_bytes_at_all(self):
        self.a.do("c.alloc(0x2000, 0)")
        self.assertEqual(self.held(), {(0, DRAM, 0x2000): (0, 1)})
        self.assertEqual((self.usage(DRAM)["buffers"], self.usage(DRAM)["bytes"]), (1, 0))
        self.a.do("c.free(0x2000)")
        self.assertEqual(self.held(), {})
        self.assertEqual(self.counted(), {"reports": 2, "allocations": 1, "frees": 1})

    def test_absurd_sizes(self):
        self.a.do(f"c.alloc(0x2000, {2**48 - 1})", "c.free(0x2000)")
        for size in (2**48, 2**63 - 1, 2**63, 2**64 - 1):
            self.a.do(f"c.alloc(0x3000, {size})")
        self.assertEqual(self.held(), {})
        self.assertEqual(self.usage(DRAM)["peak_bytes"], 2**48 - 1)
        self.assertEqual(self.counted(), {"reports": 6, "allocations": 1, "frees": 1, "refused_size": 4})
        self.assertEqual(self.process(self.a)["lost"], 4)

    def test_absurd_regions(self):
        for region in (CB, KERNEL, 7, 100, 255):
            self.a.do(f"c.alloc(0x2000, 1, {region})")
        self.a.do("c.free(0x1000, region=9)")
        self.assertEqual(self.counted(), {"reports": 6, "refused_region": 6})
        self.assertEqual(self.held(), {})

    def test_device_numbers(self):
        for device in (-1, -5, -(2**31)):
            self.a.do(f"c.alloc(0x2000, 1, device_id={device})")
        self.assertEqual(self.counted(), {"reports": 3, "refused_device": 3})
        self.a.do(f"c.alloc(0x2000, 4096, device_id={2**31 - 1})")
        self.assertEqual(self.held(), {(2**31 - 1, DRAM, 0x2000): (4096, 1)})
        self.assertEqual(self.watch.totals(2**31 - 1)[0], 4096)

    def test_many_devices(self):
        """64 without ado, up to 256; the 257th meets a limit, and nothing else of the process suffers."""
        for device in range(64):
            self.a.do(f"c.alloc(0x2000, {device + 1}, device_id={device})")
        self.assertEqual({key[0]: size for key, (size, _) in self.held().items()}, {d: d + 1 for d in range(64)})
        self.a.do("[c.alloc(0x2000, 1, device_id=d) for d in range(64, 256)]")
        self.assertEqual(self.process(self.a)["flags"], 0)
        self.a.do("c.alloc(0x2000, 1, device_id=256)", "c.alloc(0x3000, 1, device_id=255)")
        self.assertEqual(self.counted(), {"reports": 258, "allocations": 257, "refused_limit": 1})
        self.assertEqual(len(self.held()), 257)
        process = self.process(self.a)
        self.assertEqual((process["flags"], process["lost"]), (1, 1))

    def test_sums_beyond_all_bounds(self):
        """They are cut off where they are told, and exact again when they come back."""
        size, count = 2**48 - 1, 40000
        self.a.do(f"[c.alloc(64 * n, {size}, device_id=5) for n in range({count})]")
        self.assertGreater(size * count, INT64_MAX)
        self.assertEqual(self.usage(DRAM, device=5)["bytes"], INT64_MAX)
        self.assertEqual(self.usage(POOL_DRAM, POOL, 5)["bytes"], INT64_MAX)
        self.assertEqual(self.watch.totals(5), (INT64_MAX, 0, 0, 0))
        self.a.do(f"[c.free(64 * n, device_id=5) for n in range(1, {count})]")
        self.assertEqual(self.usage(DRAM, device=5)["bytes"], size)
        self.assertEqual(self.usage(DRAM, device=5)["peak_bytes"], INT64_MAX)
        self.assertEqual(self.watch.totals(5), (size, 0, 0, 0))

    def test_circular_buffers_and_kernels(self):
        for allocate, free, region in (("CB_ALLOC", "CB_FREE", CB), ("KERNEL_LOAD", "KERNEL_UNLOAD", KERNEL)):
            with self.subTest(region=region):
                for _ in range(2):
                    self.a.do(f"c.send(raw.{allocate}, size=1000, buffer_id=7)")
                self.assertEqual(self.held(), {(0, region, 7): (1000, 2)})
                self.a.do(f"c.send(raw.{allocate}, size=300, buffer_id=7)")
                self.assertEqual(self.held(), {(0, region, 7): (300, 1)})
                self.a.do(f"c.send(raw.{free}, size=10**15, buffer_id=8)")
                self.assertEqual(self.usage(region)["bytes"], 300)
                self.a.do(f"c.send(raw.{free}, size=10**15, buffer_id=7)")
                self.assertEqual((self.held(), self.usage(region)["bytes"]), ({}, 0))
        self.assertEqual(
            self.counted(),
            {"reports": 10, "allocations": 6, "frees": 2, "shared": 2, "replaced": 2, "unknown_free": 2},
        )

    def test_pools(self):
        sizes = {DRAM: 1, L1: 2, SYSTEM_MEMORY: 4, L1_SMALL: 8, TRACE: 16}
        for region, size in sizes.items():
            self.a.do(f"c.alloc(0x2000, {size}, {region})")
        self.a.do("c.send(raw.CB_ALLOC, size=32, buffer_id=1)", "c.send(raw.KERNEL_LOAD, size=64, buffer_id=1)")
        pools = {key[2]: u["bytes"] for key, u in self.process(self.a)["usage"].items() if key[1] == POOL}
        self.assertEqual(pools, {POOL_DRAM: 1 + 16, POOL_L1: 2 + 8 + 32, POOL_HOST: 4})
        self.assertEqual(self.usage(POOL_L1, POOL)["buffers"], 3)

    def test_the_peak_of_a_pool_is_not_the_sum_of_peaks(self):
        self.a.do("c.alloc(0x2000, 100, raw.DRAM)", "c.free(0x2000)", "c.alloc(0x2000, 70, raw.TRACE)")
        self.assertEqual(self.usage(DRAM)["peak_bytes"], 100)
        self.assertEqual(self.usage(TRACE)["peak_bytes"], 70)
        self.assertEqual(self.usage(POOL_DRAM, POOL)["peak_bytes"], 100)
        self.a.do("c.alloc(0x3000, 50, raw.DRAM)")
        self.assertEqual(self.usage(POOL_DRAM, POOL)["peak_bytes"], 120)

    def test_peaks_of_a_device_are_those_of_all_processes_together(self):
        others = self.puppet()
        self.a.do("c.alloc(1, 100, device_id=3)")
        others.do("c.alloc(1, 100, device_id=3)", "c.free(1, device_id=3)")
        self.a.do("c.alloc(2, 50, device_id=3)")
        (device,) = self.watch.entries(raw.LIST_DEVICES, device_id=3)
        usage = device["usage"][3, REGION, DRAM]
        self.assertEqual((usage["bytes"], usage["peak_bytes"], usage["buffers"]), (150, 200, 2))
        self.assertEqual((usage["allocations"], usage["frees"]), (3, 1))
        self.assertEqual(device["processes"], 2)

    def test_resetting_ones_own_peaks(self):
        self.a.do("c.alloc(0x2000, 100)", "c.free(0x2000)")
        self.a.do("c.alloc(0x2000, 30, device_id=1)", "c.free(0x2000, device_id=1)")
        self.a.do("assert c.status(raw.RESET_PEAKS, device_id=0) is None")
        self.assertEqual((self.usage(DRAM)["peak_bytes"], self.usage(DRAM, device=1)["peak_bytes"]), (0, 30))
        self.a.do("assert c.status(raw.RESET_PEAKS) is None")
        self.assertEqual(self.usage(DRAM, device=1)["peak_bytes"], 0)

    def test_two_processes_at_the_same_addresses(self):
        b = self.puppet()
        self.a.do("c.alloc(0x2000, 10)", "c.alloc(0x2000, 20, raw.L1)")
        b.do("c.alloc(0x2000, 100)", "c.alloc(0x2000, 200, raw.L1)")
        innocent = self.INNOCENT
        self.assertEqual(self.watch.totals()[:2], (innocent[DRAM] + 110, innocent[L1] + 220))
        self.a.do("c.free(0x2000)")
        self.assertEqual((self.usage(DRAM)["bytes"], self.usage(DRAM, puppet=b)["bytes"]), (0, 100))
        b.kill()
        self.wait_for_end_of(b.pid, self.watch)
        self.assertEqual(self.watch.totals()[:2], (innocent[DRAM], innocent[L1] + 20))

    def test_against_a_model(self):
        """A thousand random reports on few buffers, with every rule of the table; then all is compared."""
        dice = random.Random(42)
        live, frames = {}, []
        expected = dict.fromkeys(("frees", "unknown_free", "ambiguous_free", "shared", "replaced"), 0)
        for step in range(1000):
            device, region, id_ = dice.randrange(3), dice.randrange(CB), dice.randrange(4)
            if dice.random() < 0.55:
                size = dice.choice((0, 100, 2**40))
                frames.append(dict(type_=raw.ALLOC, device_id=device, size=size, buffer_type=region, buffer_id=id_))
                old = live.get((device, region, id_))
                if old and old[0] == size:
                    old[1] += 1
                    expected["shared"] += 1
                else:
                    expected["replaced"] += old is not None
                    live[device, region, id_] = [size, 1, step]
                continue
            holders = [r for r in range(CB) if (device, r, id_) in live]
            if dice.random() < 0.5:
                expected["ambiguous_free"] += len(holders) > 1
                frames.append(dict(type_=raw.FREE, device_id=device, buffer_type=255, buffer_id=id_))
                region = max(holders, key=lambda r: live[device, r, id_][2], default=None)
            else:
                frames.append(dict(type_=raw.FREE, device_id=device, buffer_type=region, buffer_id=id_))
            if (device, region, id_) in live:
                expected["frees"] += 1
                live[device, region, id_][1] -= 1
                if live[device, region, id_][1] == 0:
                    del live[device, region, id_]
            else:
                expected["unknown_free"] += 1

        for start in range(0, len(frames), 100):
            self.a.do(f"[c.send(**f) for f in {frames[start : start + 100]!r}]")
        self.assertEqual(self.held(), {key: (size, references) for key, (size, references, _) in live.items()})
        for device in range(3):
            for region in range(CB):
                total = sum(v[0] for k, v in live.items() if k[:2] == (device, region))
                self.assertEqual(self.usage(region, device=device)["bytes"], total)
        counted = self.counted()
        self.assertEqual({name: counted.get(name, 0) for name in expected}, expected)
        self.assertEqual(counted["reports"], 1000)
        self.assertEqual(counted["allocations"], sum(f["type_"] == raw.ALLOC for f in frames))

    def test_every_report_is_counted_once(self):
        dice = random.Random(7)
        for _ in range(20):
            type_, device = dice.choice((1, 2, 8, 9, 10, 11)), dice.choice((0, 1, 300, -1))
            size = dice.choice((0, 5, 2**48, 2**64 - 1))
            report = f"c.send({type_}, device_id={device}, size={size}, buffer_type=n % 9, buffer_id=n % 5)"
            self.a.do(f"[{report} for n in range(10)]")
        counted = self.counted()
        ends = {"allocations", "frees", "unknown_free", *REFUSALS}
        self.assertEqual(counted["reports"], 200)
        self.assertEqual(sum(value for name, value in counted.items() if name in ends), 200)


class Chips(AccountingTest):
    """Devices are rows of chips once somebody has said which chip they are."""

    def describe(self, puppet, device, **facts):
        known = sum(raw.KNOWN[name] for name in facts)
        puppet.do(f"c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, {device}, known={known}, **{facts!r}))")

    def device(self, number):
        (device,) = self.watch.entries(raw.LIST_DEVICES, device_id=number)
        return device

    def row_of(self, puppet, logical_id):
        """The server's number of a device, as the process's USAGE records tell it."""
        numbers = {u["device_id"] for u in self.process(puppet)["usage"].values() if u["logical_id"] == logical_id}
        self.assertEqual(len(numbers), 1, numbers)
        return numbers.pop()

    def test_facts(self):
        facts = {
            "asic_id": 0x1234567890ABCDEF,
            "pci_address": 0x0900,
            "arch": 3,
            "dram_size": 32 * GIB,
            "l1_size": 200 * MIB,
            "l1_small_size": 3 * MIB,
            "trace_size": 64 * MIB,
            "num_dram_channels": 8,
            "l1_size_per_core": 1536 * 1024,
            "board": b"p150b",
            "remote": 0,
        }
        self.describe(self.a, 4, **facts)
        self.a.do("c.alloc(1, 1, device_id=4)")
        device = self.device(4)
        self.assertEqual({name: device[name] for name in facts}, {**facts, "board": "p150b"})
        self.assertEqual(device["known"], sum(raw.KNOWN.values()))

    def test_what_is_not_known_is_not_told(self):
        self.describe(self.a, 4, asic_id=9)
        self.a.do("c.alloc(1, 1, device_id=4)")
        self.assertEqual(self.device(4)["known"], raw.KNOWN["asic_id"])
        self.describe(self.a, 4, asic_id=9, dram_size=12 * GIB)
        device = self.device(4)
        self.assertEqual(device["known"], raw.KNOWN["asic_id"] | raw.KNOWN["dram_size"])
        self.assertEqual(device["dram_size"], 12 * GIB)

    def test_facts_without_identity(self):
        self.describe(self.a, 0, dram_size=12 * GIB)
        self.assertEqual(self.device(0)["dram_size"], 12 * GIB)

    def test_two_chips_called_0(self):
        b = self.puppet()
        self.describe(self.a, 0, asic_id=111)
        self.describe(b, 0, asic_id=222)
        self.a.do("c.alloc(0x2000, 10)")
        b.do("c.alloc(0x2000, 200)")
        rows = {self.row_of(puppet, 0) for puppet in (self.a, b, self.innocent)}
        self.assertEqual(len(rows), 3)
        self.assertEqual(self.device(self.row_of(self.a, 0))["asic_id"], 111)
        self.assertEqual(self.device(self.row_of(b, 0))["asic_id"], 222)
        self.a.do("assert c.totals(0)[0] == 10")
        b.do("assert c.totals(0)[0] == 200")

    def test_one_chip_of_two_names(self):
        b = self.puppet()
        for number, facts in ((10, {"asic_id": 111}), (20, {"pci_address": 0x0900})):
            with self.subTest(facts=facts):
                self.describe(self.a, number, **facts)
                self.describe(b, number + 1, **facts)
                self.a.do(f"c.alloc(0x2000, 10, device_id={number})")
                b.do(f"c.alloc(0x2000, 200, device_id={number + 1})")
                row = self.row_of(self.a, number)
                self.assertEqual(row, self.row_of(b, number + 1))
                self.assertEqual(self.device(row)["usage"][row, REGION, DRAM]["bytes"], 210)
                self.assertEqual(self.device(row)["processes"], 2)

    def test_a_remote_chip_is_not_named_by_a_pci_address(self):
        """The address is its gateway's. Such a description once made a new row each time it came."""
        for _ in range(50):
            self.describe(self.a, 3, pci_address=0x0900, remote=1)
        self.assertEqual([d["device_id"] for d in self.watch.entries(raw.LIST_DEVICES)], [0, 3])

    def test_a_stranger_cannot_fix_the_facts_of_a_chip(self):
        self.require_root()
        stranger, user = self.puppet(uid=12345), self.puppet(uid=2222)
        self.describe(stranger, 5, asic_id=111, dram_size=1)
        stranger.kill()
        wait_until(lambda: self.device(5)["processes"] == 0, "the stranger to be gone")
        self.describe(user, 5, asic_id=111, dram_size=12 * GIB)
        self.assertEqual(self.device(5)["dram_size"], 12 * GIB)
        another = self.puppet(uid=12345)
        self.describe(another, 5, asic_id=111, dram_size=1)
        self.assertEqual(self.device(5)["dram_size"], 12 * GIB)
        self.describe(self.a, 5, asic_id=111, dram_size=13 * GIB)  # root
        user.kill()
        another.do("c.alloc(1, 1, device_id=5)")
        wait_until(lambda: self.device(5)["processes"] == 2, "the user to be gone")
        self.a.kill()
        wait_until(lambda: self.device(5)["processes"] == 1, "root's process to be gone")
        self.describe(another, 5, asic_id=111, dram_size=1)
        self.assertEqual(self.device(5)["dram_size"], 13 * GIB)

    def test_two_names_of_one_process_for_one_chip(self):
        self.describe(self.a, 10, asic_id=111)
        self.a.do("c.alloc(0x2000, 10, device_id=10)", "c.alloc(0x2000, 200, device_id=11)")
        self.describe(self.a, 11, asic_id=111)
        (row,) = (d["device_id"] for d in self.watch.entries(raw.LIST_DEVICES) if d["asic_id"] == 111)
        self.assertEqual(self.device(row)["usage"][row, REGION, DRAM]["bytes"], 210)
        self.assertEqual(self.device(row)["processes"], 1)
        self.a.kill()
        wait_until(lambda: self.device(row)["processes"] == 0, "the row to be without a process")
        self.assertEqual(self.device(row)["usage"][row, REGION, DRAM]["bytes"], 0)

    def test_remote_chips_share_a_pci_address(self):
        self.describe(self.a, 1, asic_id=111, pci_address=0x0900, remote=0)
        self.describe(self.a, 2, asic_id=112, pci_address=0x0900, remote=1)
        self.a.do("c.alloc(1, 10, device_id=1)", "c.alloc(1, 20, device_id=2)")
        self.assertNotEqual(self.row_of(self.a, 1), self.row_of(self.a, 2))

    def test_what_was_reported_before_moves_along(self):
        self.a.do("c.alloc(0x2000, 10)", "c.alloc(0x3000, 20, raw.L1)")
        self.assertEqual(self.row_of(self.a, 0), self.row_of(self.innocent, 0))
        self.describe(self.a, 0, asic_id=111)
        row = self.row_of(self.a, 0)
        self.assertNotEqual(row, self.row_of(self.innocent, 0))
        usage = self.device(row)["usage"]
        self.assertEqual((usage[row, REGION, DRAM]["bytes"], usage[row, REGION, L1]["bytes"]), (10, 20))
        self.assertEqual(self.watch.totals(0)[:2], (self.INNOCENT[DRAM], self.INNOCENT[L1]))
        self.a.do("c.free(0x2000)", "c.alloc(0x4000, 5)")
        self.assertEqual(self.device(row)["usage"][row, REGION, DRAM]["bytes"], 5)

    def test_impossible_descriptions(self):
        self.a.do("c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, -1, known=1, asic_id=5))")
        self.assertEqual(self.watch.figures()["refused_description"], 1)
        self.assertEqual([d["device_id"] for d in self.watch.entries(raw.LIST_DEVICES)], [0])


class Leaks(AccountingTest):
    OPTIONS = ("--leak-lines", "3")
    BUFFER_LINE = r"^    \[Device (\d+)\] Buffer (0x[0-9a-f]+): (\d+) bytes (\w+) \(age: \d+s\)$"

    def leak(self, puppet, how, what):
        return rf"^Process {puppet.pid} \(\S+, uid \d+\) {how} but left {what}$"

    def lines_after(self, pattern):
        log = self.server.log().split("\n")
        at = next(n for n, line in enumerate(log) if re.search(pattern, line))
        return [line for line in log[at + 1 :] if line.startswith("    ")]

    def test_a_process_that_is_killed(self):
        self.a.do("c.alloc(0x800000000, 4 << 20)", "c.alloc(0x18b00, 768 << 10, raw.L1, device_id=2)")
        self.a.kill()
        pattern = self.leak(self.a, "exited", "2 buffers allocated: 4.0 MiB dram, 768 KiB l1")
        self.server.wait_for_line(pattern)
        self.server.wait_for_line("Buffer 0x18b00")
        found = [re.match(self.BUFFER_LINE, line).groups() for line in self.lines_after(pattern)]
        self.assertEqual(found, [("0", "0x800000000", "4194304", "DRAM"), ("2", "0x18b00", "786432", "L1")])
        self.watch.fence()
        self.innocent.do("pass")
        self.assertEqual(self.server.count_lines(rf"Process {self.a.pid} "), 1)

    def test_a_process_that_exits(self):
        self.a.do("c.alloc(0x1000, 4096)")
        self.a.leave()
        self.server.wait_for_line(rf"Process {self.a.pid} .* left 1 buffer allocated: 4.0 KiB dram")

    def test_a_process_that_hangs_up_and_lives_on(self):
        self.a.do("c.alloc(0x1000, 4096)", "c.close()", "c = raw.Raw(path)")
        self.server.wait_for_line(self.leak(self.a, "closed its connection", "1 buffer allocated: 4.0 KiB dram"))
        self.assertEqual(self.watch.entries(raw.LIST_ENDED)[-1]["reason"], raw.HUNG_UP)

    def test_of_two_connections_the_last_counts(self):
        self.a.do("d = raw.Raw(path)", "d.hello(raw.REPORTER)")
        self.a.do("c.alloc(0x1000, 10)", "d.alloc(0x2000, 20)", "d.fence()")
        self.assertEqual(self.process(self.a)["sessions"], 2)
        self.a.do("d.close()")
        wait_until(lambda: self.process(self.a)["sessions"] == 1, "the server to notice the end of one connection")
        self.assertEqual(self.process(self.a)["buffers"], 2)
        self.a.do("c.free(0x2000)")
        self.assertEqual(self.held().keys(), {(0, DRAM, 0x1000)})
        self.assertEqual(self.server.count_lines(" left "), 0)

    def test_the_largest_and_how_many_more(self):
        self.a.do("[c.alloc(0x1000 * n, n * 100) for n in range(1, 11)]")
        self.a.kill()
        self.server.wait_for_line(r"^    \.\.\. and 7 more$")
        lines = self.lines_after(rf"Process {self.a.pid}")
        self.assertEqual([int(re.match(self.BUFFER_LINE, line).group(3)) for line in lines[:3]], [1000, 900, 800])
        self.assertEqual(len(lines), 4)

    def test_kernels_are_told_apart(self):
        self.a.do("c.send(raw.KERNEL_LOAD, size=3072, buffer_id=5)")
        self.a.kill()
        self.server.wait_for_line(self.leak(self.a, "exited", "1 buffer allocated: 3.0 KiB kernels"))
        self.server.wait_for_line(r"Buffer 0x5: 3072 bytes KERNEL")

    def test_a_clean_process(self):
        self.a.do("c.alloc(0x1000, 4096)", "c.free(0x1000)", "c.send(raw.CB_ALLOC, size=1, buffer_id=1)")
        self.a.do("c.send(raw.CB_FREE, buffer_id=1)")
        self.a.leave()
        ended = self.wait_for_end_of(self.a.pid, self.watch)
        self.assertEqual(ended["buffers"], 0)
        self.assertEqual(self.server.count_lines(" left "), 0)

    def test_who_was_there_at_one_time(self):
        """One that came when another was gone, and one that was there before and is there still."""

        def times(process):
            (moments,) = {(used["since"], used["until"]) for used in process["usage"].values()}
            return moments

        self.a.do("c.alloc(0x1000, 100)")
        began = time.time_ns()
        since, until = times(self.process(self.a))
        self.assertEqual(until, 0)
        self.assertLess(abs(since - began), 60e9)
        innocent = times(self.process(self.innocent))
        self.assertLess(innocent[0], since)
        self.a.kill()
        ended = times(self.wait_for_end_of(self.a.pid, self.watch))
        self.assertEqual(ended[0], since)
        self.assertLess(since, ended[1])
        b = self.puppet()
        b.do("c.alloc(0x1000, 100)")
        self.assertLess(ended[1], times(self.process(b))[0])
        self.assertEqual(times(self.process(self.innocent)), innocent)
        (device,) = self.watch.entries(raw.LIST_DEVICES)
        self.assertEqual(times(device), (0, 0))

    def test_the_list_of_those_that_ended(self):
        self.a.do("c.alloc(0x1000, 100)", "c.alloc(0x2000, 50)", "c.free(0x1000)", "c.alloc(0x3000, 7, raw.L1)")
        alive = self.process(self.a)
        self.a.kill()
        ended = self.wait_for_end_of(self.a.pid, self.watch)
        for name in ("process_id", "uid", "start_time", "serial", "comm", "command", "label_pid"):
            self.assertEqual(ended[name], alive[name], name)
        self.assertEqual((ended["reason"], ended["sessions"], ended["buffers"]), (raw.EXITED, 0, 2))
        self.assertGreaterEqual(ended["end_time"], ended["start_time"])
        dram = ended["usage"][0, REGION, DRAM]
        self.assertEqual((dram["bytes"], dram["buffers"], dram["peak_bytes"]), (50, 1, 150))
        self.assertEqual((dram["allocations"], dram["frees"]), (2, 1))
        self.assertEqual(ended["usage"][0, POOL, POOL_L1]["bytes"], 7)
        self.assertEqual(self.watch.status(raw.LIST_PROCESSES, process_id=self.a.pid), "ESRCH")
        figures = self.watch.figures()
        self.assertEqual((figures["leaked_processes"], figures["leaked_buffers"]), (1, 2))

    def test_those_that_ended_stand_in_order(self):
        puppets = [self.puppet() for _ in range(4)]
        for puppet in puppets:
            puppet.leave()
            self.wait_for_end_of(puppet.pid, self.watch)
        self.assertEqual([e["process_id"] for e in self.watch.entries(raw.LIST_ENDED)], [p.pid for p in puppets])

    def test_a_server_that_stops_accuses_nobody(self):
        log = self.server.stop()
        self.assertNotIn(" left ", log)
        self.tearDown = lambda: None  # nobody is there to be asked about the innocent


if __name__ == "__main__":
    unittest.main()
