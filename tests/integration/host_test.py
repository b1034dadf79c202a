# SPDX-License-Identifier: Apache-2.0
"""Tests of tt-smi where server and host both tell: a real server, real clients, and the files of a host in a tree whose
lists name the PIDs of these clients."""

import os
import pathlib
import shutil
import sys
import tempfile

import harness
import test_smi
from test_smi import GIB

FIXTURES = harness.SRC / "tests" / "fixtures"
sys.path.insert(0, str(FIXTURES))
sys.dont_write_bytecode = True

import make_hosts  # noqa: E402 (found through the path above)
from maker import Host  # noqa: E402
from maker.tree import Tree  # noqa: E402

DESCRIBE = "c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, {device}, asic_id={asic_id}, known=raw.KNOWN['asic_id']))"
IDLE = "say()\nwait()\n"
NO_SUCH_PID = 2**22  # as pid_max allows


def _directory():
    """A new one that all users can read; in memory if there is room, since a tree may have 100,000 files."""
    shm = "/dev/shm"
    has_room = os.path.isdir(shm) and shutil.disk_usage(shm).free > 1 << 30
    path = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-host-", dir=shm if has_room else None))
    path.chmod(0o755)
    return path


class HostTest(test_smi.SmiTest):
    """A tree that is made anew for each test."""

    def setUp(self):
        self.out = _directory()
        self.addCleanup(shutil.rmtree, self.out)
        self.root = self.out / "host"
        super().setUp()

    def make(self, *devices, **parts):
        """The tree with what is given to a Host."""
        shutil.rmtree(self.root, ignore_errors=True)
        Host(devices, **parts).write(Tree(self.root), "host")

    def make_named(self, name):
        self.root = make_hosts.make(name, self.out)

    def both(self, *arguments, **options):
        """What tt-smi prints of the server and the tree."""
        return self.smi("--root", str(self.root), "--socket", self.server.path, *arguments, **options).stdout

    def document(self, *arguments, **options):
        return self.check_document(self.both("--json", *arguments, **options))

    def processes(self):
        """Of the document, by PID."""
        return {process["pid"]: process for process in self.document()["processes"]}

    def reporter(self, asic_id=None, dram=GIB, uid=-1, device=0):
        """A process that holds one buffer, on a chip that it describes if it has an id."""
        puppet = self.puppet(uid)
        describe = [DESCRIBE.format(device=device, asic_id=asic_id)] if asic_id else []
        puppet.do(*describe, f"c.alloc(1, {dram}, raw.DRAM, {device})")
        return puppet

    def idler(self):
        """A process that reports nothing."""
        child = self.child(IDLE)
        child.hear()
        return child


def dram_of(process):
    """Bytes by device."""
    return {usage["device"]: usage["allocated_bytes"] for usage in process["usage"] if usage.get("region") == "dram"}


def dram_of_devices(document):
    """The same of all, where None is not known."""
    return {device["device"]: pool["allocated_bytes"] for device in document["devices"] for pool in device["pools"]
            if pool["pool"] == "dram"}
