# SPDX-License-Identifier: Apache-2.0
"""Servers into which a library of helpers/ is preloaded, that does what a page says which it shares with the test."""

import mmap
import os
import tempfile

from harness import LIB

SIZE = 4096


class Preloaded:
    """To be put before the class of a test. `page` begins as zeros."""

    LIBRARY = ""

    def make_server(self):
        file = tempfile.NamedTemporaryFile(prefix="tt-alloc-page-")
        self.addCleanup(file.close)
        file.truncate(SIZE)
        self.page = mmap.mmap(file.fileno(), SIZE)
        self.addCleanup(self.page.close)
        server = super().make_server()
        server.environment = {
            "LD_PRELOAD": str(LIB / f"lib{self.LIBRARY}.so"),
            "TT_SHARED_PAGE": file.name,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
        }
        return server
