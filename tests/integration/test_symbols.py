# SPDX-License-Identifier: Apache-2.0
"""What libtt-alloc.so shows to the program that loads it: exactly what tt_alloc.h declares, and nothing but libc
underneath."""

import os
import re
import subprocess
import unittest

LIBRARY = os.path.join(os.environ["TT_ALLOC_LIB"], "libtt-alloc.so")
HEADER = os.path.join(os.environ["TT_ALLOC_SRC"], "client", "tt_alloc.h")

STATIC_LIBRARY = os.path.join(os.environ["TT_ALLOC_LIB"], "libtt-alloc.a")

LIBC = re.compile(r"(libc|libpthread|ld-linux[^.]*)\.so(\.\d+)?|libc\.musl-.*")
SANITIZERS = re.compile(r"lib(asan|ubsan|tsan|clang_rt\..*)\.so(\.\d+)?")
# gcc's sanitizer runtimes bring these along.
SANITIZER_COMPANIONS = re.compile(r"(libm|libdl|librt|libgcc_s|libstdc\+\+|libresolv)\.so(\.\d+)?")


def declared_names():
    with open(HEADER, encoding="utf-8") as header:
        declarations = re.findall(r"^TT_ALLOC_PUBLIC\b([^;{]*)[;{]", header.read(), re.MULTILINE)
    return [re.search(r"(\w+)\s*(\(|$)", declaration).group(1) for declaration in declarations]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def exported_symbols():
    lines = run("nm", "--dynamic", "--defined-only", "--with-symbol-versions", LIBRARY).splitlines()
    return [line.split()[-1] for line in lines if line.split()[-2] != "A"]


def static_symbols():
    lines = run("nm", "--extern-only", "--defined-only", STATIC_LIBRARY).splitlines()
    names = [line.split()[-1] for line in lines if len(line.split()) == 3]
    return [name for name in names if not name.startswith("__odr_asan.")]  # AddressSanitizer's own


def needed_libraries():
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", LIBRARY))


class Symbols(unittest.TestCase):
    def test_exports_what_the_header_declares(self):
        declared = declared_names()
        self.assertGreater(len(declared), 20)
        self.assertEqual(len(declared), len(set(declared)))
        self.assertEqual(sorted(exported_symbols()), sorted(name + "@@TT_ALLOC_0" for name in declared))

    def test_static_library_shows_no_more(self):
        self.assertEqual(sorted(static_symbols()), sorted(declared_names()))

    def test_needs_libc_only(self):
        needed = needed_libraries()
        sanitized = any(SANITIZERS.fullmatch(name) for name in needed)
        others = [name for name in needed if not LIBC.fullmatch(name)]
        if sanitized:
            others = [name for name in others
                      if not SANITIZERS.fullmatch(name) and not SANITIZER_COMPANIONS.fullmatch(name)]
        self.assertEqual(others, [])

    def test_stays_loaded(self):
        self.assertIn("NODELETE", run("readelf", "--dynamic", "--wide", LIBRARY))


if __name__ == "__main__":
    unittest.main()
