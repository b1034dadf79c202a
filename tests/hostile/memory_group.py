# SPDX-License-Identifier: Apache-2.0
"""A memory cgroup for a server alone, below the one that the tests run in. Only version 1 of cgroups lets a group that
has processes have groups with limits too; elsewhere the tests that need this say so and are skipped."""

import pathlib
import re
import tempfile
import unittest

MOUNT = pathlib.Path("/sys/fs/cgroup/memory")


def _own():
    found = re.search(r"^\d+:(?:\w+,)*memory(?:,\w+)*:(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    if not found or not (MOUNT / "memory.limit_in_bytes").exists():
        raise unittest.SkipTest("there is no memory cgroup of version 1 to make one in")
    return MOUNT / found[1].lstrip("/")


class MemoryGroup:
    """prefix: of a command that shall run in it."""

    def __init__(self, limit):
        try:
            self.path = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-", dir=_own()))
        except OSError as error:
            raise unittest.SkipTest(f"no memory cgroup can be made: {error}") from None
        self.prefix = ("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.path))
        self.limit(limit)

    def limit(self, size):
        """Bytes; -1 for as many as there are."""
        (self.path / "memory.limit_in_bytes").write_text(str(size))

    def usage(self):
        return int((self.path / "memory.usage_in_bytes").read_text())

    def remove(self):
        """When nobody is in it any more."""
        self.path.rmdir()
