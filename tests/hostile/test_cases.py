# SPDX-License-Identifier: Apache-2.0
"""CASES.md against the tests: each of the fifty cases is in the table once, and in the files that the table names, and in
no other. A check of tests/system says "case NN" in its name."""

import pathlib
import re
import unittest

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = range(1, 51)
TESTED = re.compile(r"def test_(\d\d)_\w+\(|^@check\(\"case (\d+):", re.MULTILINE)


def files_of_table():
    """{number: files}"""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+\.py) \|$", (HERE / "CASES.md").read_text(), re.MULTILINE)
    assert len(dict(rows)) == len(rows), "a number is in the table twice"
    return {int(number): {(HERE / name).resolve() for name in names.split(", ")} for number, names in rows}


def files_of_tests():
    """{number: files}"""
    found = {}
    for path in (*HERE.glob("test_*.py"), *HERE.parent.glob("system/*.py")):
        for numbers in TESTED.findall(path.read_text()):
            found.setdefault(int("".join(numbers)), set()).add(path.resolve())
    return found


class Cases(unittest.TestCase):
    def test_that_table_and_tests_agree(self):
        table, tests = files_of_table(), files_of_tests()
        self.assertEqual(sorted(table), list(NUMBERS))
        for number in NUMBERS:
            with self.subTest(case=number):
                self.assertEqual(tests.get(number, set()), table[number])
        self.assertLessEqual(set(tests), set(NUMBERS))


if __name__ == "__main__":
    unittest.main()
