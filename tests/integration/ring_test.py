# SPDX-License-Identifier: Apache-2.0
"""What the tests of rings have in common: a process that reports through one, and an innocent one beside it.

A ring's process never asks anything by itself, since a question makes the server look at all rings. Who wants to know
asks through `watch`.
"""

import contextlib
import os
import time

import raw
from harness import Puppet, ServerTest
from raw import CB, DRAM, KERNEL, L1, TRACE

REGION, POOL = 0, 1
INNOCENT_UID, SUSPECT_UID = 23456, 12345
REFUSALS = {f"refused_{what}" for what in ("device", "size", "region", "limit", "memory")}
OUTCOMES = {"allocations", "frees", "unknown_free", "overtaken"} | REFUSALS
COUNTED = OUTCOMES | {"reports", "ambiguous_free", "shared", "replaced", "lost_reports", "caught_up", "resyncs"}
COUNTED |= {"announced", "swept", "resync_mismatch", "cut_off", "bad_frames"}


class RingPuppet(Puppet):
    """Executes what it is told, with a connection `c` and its ring `r`. Its reporter has begun with an empty resync."""

    MODULES = "ctypes, fcntl, random, raw"
    CODE = """
c = raw.Raw(path)
c.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=os.getpid())
r = c.ring()
r.resync()
say()
for line in sys.stdin:
    exec(line)
    say()
"""


class BarePuppet(RingPuppet):
    """The same without a connection: it makes its own."""

    CODE = """
say()
for line in sys.stdin:
    exec(line)
    say()
"""


class RingTest(ServerTest):
    """`a` is the process under test. The innocent, of another user, holds buffers of the same names all the time."""

    INNOCENT = {DRAM: 1111, L1: 2222, TRACE: 5555, CB: 6666, KERNEL: 7777}
    SUSPECT = RingPuppet

    def setUp(self):
        super().setUp()
        self.innocent = self.ring_puppet(INNOCENT_UID)
        for region, size in self.INNOCENT.items():
            self.innocent.do(f"r.alloc(0x1000, {size}, {region})")
        self.watch = self.watcher()
        self.figures_at_start = self.watch.figures()
        self.a = self.ring_puppet(SUSPECT_UID, self.SUSPECT)

    def tearDown(self):
        if self.server.process.poll() is not None:
            return  # the test has stopped it
        self.check_innocent()
        figures = self.watch.figures()
        self.assertEqual(figures["reports"], sum(figures[name] for name in OUTCOMES), figures)

    def check_innocent(self):
        process = self.process(self.innocent)
        bytes_ = {key[2]: u["bytes"] for key, u in process["usage"].items() if key[1] == REGION}
        self.assertEqual(bytes_, self.INNOCENT)
        self.assertEqual((process["buffers"], process["lost"]), (len(self.INNOCENT), 0))
        self.assertFalse(process["flags"] & raw.INEXACT)

    def ring_puppet(self, uid=-1, kind=RingPuppet):
        """Of the given uid if we can choose, else of our own."""
        puppet = kind(self.server.path, uid if os.geteuid() == 0 else -1)
        self.addCleanup(puppet.close)
        return puppet

    def process(self, puppet=None):
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=(puppet or self.a).pid)
        return process

    def usage(self, index, kind=REGION, device=0):
        return self.process()["usage"].get((device, kind, index))

    def held(self):
        """{(device, region, id): (size, references)} of the process under test."""
        return {
            (b["device_id"], b["region"], b["buffer_id"]): (b["size"], b["references"])
            for b in self.watch.records(raw.LIST_BUFFERS, process_id=self.a.pid)
        }

    def ages(self):
        """{id: seconds} of the process under test."""
        return {
            b["buffer_id"]: b["age"] / 1e9 for b in self.watch.records(raw.LIST_BUFFERS, process_id=self.a.pid)
        }

    def is_inexact(self):
        return bool(self.process()["flags"] & raw.INEXACT)

    def counted(self):
        """The figures that changed since the start, but for the empty resync with which `a` began."""
        now = self.watch.figures()
        changes = {name: now[name] - self.figures_at_start[name] for name in COUNTED}
        changes["resyncs"] -= self.SUSPECT is RingPuppet
        return {name: change for name, change in changes.items() if change}

    @contextlib.contextmanager
    def others_are_served(self, limit=1.0):
        """Somebody else asks before and behind the block; neither answer may take long."""
        for step in range(2):
            began = time.monotonic()
            self.watch.fence()
            self.assertLess(time.monotonic() - began, limit)
            if step == 0:
                yield
