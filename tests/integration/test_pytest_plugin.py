# SPDX-License-Identifier: Apache-2.0
"""tt_alloc_pytest.py in a real pytest: what passes, what fails and where, and what could not be checked."""

import os
import pathlib
import re
import shutil
import sys
import tempfile
import textwrap
import unittest

import harness
from harness import ServerTest

TT_SMI = harness.BIN / "tt-smi"


def find_pytest():
    """An interpreter that has it: Debian's may be another one than ours."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        if harness.run([interpreter, "-c", "import pytest"]).returncode == 0:
            return interpreter
    return None


PYTEST = find_pytest()
HAS_XDIST = PYTEST and harness.run([PYTEST, "-c", "import xdist"]).returncode == 0

PREAMBLE = """
import os, subprocess, sys
import pytest, tt_alloc
from tt_alloc import DRAM, L1
alloc, free = tt_alloc.report_allocation, tt_alloc.report_deallocation
tt_memory = pytest.mark.tt_memory
"""


@unittest.skipUnless(PYTEST, "there is no pytest here")
class Plugin(ServerTest):
    def setUp(self):
        super().setUp()
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.place)

    def pytest(self, code, *options, before=(), **environment):
        """Runs the tests in the code, and returns pytest's exit code and {test: outcome}."""
        (self.place / "test_it.py").write_text(PREAMBLE + textwrap.dedent(code))
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TT_ALLOC_")}
        result = harness.run(
            [*before, PYTEST, "-B", "-m", "pytest", "-p", "tt_alloc_pytest", "-p", "no:cacheprovider", "-v", "-rA",
             "--strict-markers", *options, "test_it.py"], cwd=self.place,
            env={**ours, "PYTHONPATH": str(harness.PYTHON_CLIENT), "TT_ALLOC_SOCKET": self.server.path, **environment})
        self.out = result.stdout + result.stderr
        self.assertNotIn("INTERNALERROR", self.out)
        return result.returncode, dict(re.findall(r"^test_it\.py::(\w+) (\w+)", self.out, re.M))

    def test_peaks(self):
        status, outcomes = self.pytest("""
            def hold(size):
                alloc(0, size, DRAM, 1)
                free(0, 1)
            @tt_memory(dram="1M")
            def test_within():
                hold(1 << 20)
            @tt_memory(dram="1M")
            def test_beyond():
                hold((1 << 20) + 1)
            @tt_memory(dram="1.5M", l1=0)
            def test_after_a_larger_one():
                hold(1 << 20)
            @tt_memory(l1=2047)
            def test_other_pool():
                alloc(1, 2048, L1, 1)
                free(1, 1)
            """)
        self.assertEqual((status, outcomes), (1, {"test_within": "PASSED", "test_beyond": "FAILED",
                                                  "test_after_a_larger_one": "PASSED", "test_other_pool": "FAILED"}), self.out)
        self.assertIn("tt_memory: dram of device 0 held 1.0M, limit 1.0M", self.out)
        self.assertIn("tt_memory: l1 of device 1 held 2.0K, limit 2.0K", self.out)

    def test_leaks(self):
        status, outcomes = self.pytest("""
            @pytest.fixture
            def buffer():
                alloc(0, 10, DRAM, 100)
                yield
                free(0, 100)
            @pytest.fixture(scope="module", autouse=True)
            def of_the_module():
                alloc(0, 10, DRAM, 200)
                yield
                free(0, 200)
            @tt_memory(leaks=0)
            def test_clean(buffer):
                alloc(0, 10, DRAM, 1); free(0, 1)
            @tt_memory(leaks=0)
            def test_leaking(buffer):
                alloc(0, 3 << 20, DRAM, 0x20); alloc(0, 10, DRAM, 3)
            @tt_memory(leaks=1)
            def test_allowed():
                alloc(0, 10, DRAM, 4)
            @tt_memory(leaks=0)
            def test_child():
                code = "import tt_alloc; tt_alloc.report_allocation(0, 10, 0, 1)"
                subprocess.run([sys.executable, "-c", code], check=True)
            def test_not_marked():
                alloc(0, 10, DRAM, 5)
            @tt_memory(leaks=0)
            def test_failing():
                alloc(0, 10, DRAM, 6)
                assert False
            """)
        self.assertEqual(status, 1)
        self.assertEqual({"test_clean": "PASSED", "test_leaking": "ERROR", "test_allowed": "PASSED",
                          "test_child": "ERROR", "test_not_marked": "PASSED", "test_failing": "FAILED"}, outcomes, self.out)
        self.assertIn("tt_memory: 2 buffers were left, allowed 0\ndevice 0, dram, 3.0M at 0x20\n", self.out)
        self.assertRegex(self.out, r"1 buffers of pid \d+, which has ended: .*python")
        self.assertRegex(self.out, r"2 errors?|2 error")

    def test_what_cannot_be_checked(self):
        code = """
            @tt_memory(leaks=0, dram="1G")
            def test_it():
                pass
            """
        self.assertEqual(self.pytest(code), (0, {"test_it": "PASSED"}))
        self.assertIn("tt_memory: 0 tests checked, 1 could not be\n", self.out)
        self.assertIn("tt_memory: not checked: no process reported anything\n", self.out)
        self.assertEqual(self.pytest(code, "--tt-memory=require"), (1, {"test_it": "FAILED"}))
        self.assertIn("this test could not be checked: no process reported anything", self.out)
        self.assertEqual(self.pytest(code, "--tt-memory=require", TT_ALLOC_SOCKET="/nonexistent/s"), (1, {"test_it": "FAILED"}))
        self.assertIn("no server at /nonexistent/s", self.out)
        self.assertEqual(self.pytest(code, TT_ALLOC_SOCKET="/nonexistent/s"), (0, {"test_it": "PASSED"}))
        self.assertEqual(self.pytest(code, "--tt-memory=off"), (0, {"test_it": "PASSED"}))
        self.assertNotIn("tt_memory:", self.out)

    def test_who_fails_was_checked_too(self):
        status, _ = self.pytest("""
            @tt_memory(dram=1)
            def test_beyond():
                alloc(0, 2, DRAM, 1); free(0, 1)
            @tt_memory(leaks=0)
            def test_leaking():
                alloc(0, 2, DRAM, 2)
            @tt_memory(leaks=0)
            def test_skipped():
                pytest.skip()
            """)
        self.assertEqual(status, 1)
        self.assertIn("tt_memory: 2 tests checked, 0 could not be\n", self.out)

    @unittest.skipUnless(HAS_XDIST, "there is no pytest-xdist here")
    def test_in_workers(self):
        """Each worker has peaks of its own, and what it could not check is told by the process that has the terminal."""
        code = """
            @pytest.mark.parametrize("number", range(8))
            @tt_memory(dram=4, leaks=0)
            def test_it(number):
                alloc(0, 8 - number, DRAM, 1); free(0, 1)
            @tt_memory(leaks=0)
            def test_leaking():
                alloc(0, 9, DRAM, 2)
            """
        status, _ = self.pytest(code, "-n", "2")
        self.assertEqual(status, 1, self.out)
        self.assertRegex(self.out, "4 failed, 5 passed, 1 error")
        self.assertIn("tt_memory: 9 tests checked, 0 could not be\n", self.out)
        self.assertEqual(self.pytest(code, "-n", "2", TT_ALLOC_SOCKET="/nonexistent/s")[0], 0)
        self.assertIn("tt_memory: 0 tests checked, 9 could not be\n", self.out)
        self.assertIn("tt_memory: not checked: no server at /nonexistent/s", self.out)
        self.assertEqual(self.pytest(code, "-n", "2", "--tt-memory=require", TT_ALLOC_SOCKET="/nonexistent/s")[0], 1)

    def test_bad_markers(self):
        for marker in ("dram='10GB'", "leaks=-1", "leaks=True", "drum='1G'", "'1G'", "l1=-1", "host=True"):
            status, _ = self.pytest(f"""
                @tt_memory({marker})
                def test_it():
                    pass
                """)
            self.assertNotEqual(status, 0, marker)
            self.assertIn("tt_memory", self.out)

    def test_within_a_run(self):
        """The peak of the whole run is still known, so that of a later test is not."""
        code = """
            def hold(size):
                alloc(0, size, DRAM, 1)
                free(0, 1)
            @tt_memory(dram="3M", leaks=0)
            def test_large():
                hold(2 << 20)
            @tt_memory(dram="1M")
            def test_small():
                hold(4096)
            @tt_memory(dram="2M")
            def test_larger():
                hold(3 << 20)
            """
        status, outcomes = self.pytest(code, before=[str(TT_SMI), "run", "--max-peak", "dram=2M", "--"])
        self.assertEqual((status, outcomes), (1, {"test_large": "PASSED", "test_small": "PASSED", "test_larger": "FAILED"}))
        self.assertIn("tt_memory: not checked: an earlier test held more, and the peak of its process was not reset", self.out)
        self.assertIn("tt-smi: LIMIT passed: peak DRAM 3.0M on device 0, limit 2.0M", self.out)


if __name__ == "__main__":
    unittest.main()
