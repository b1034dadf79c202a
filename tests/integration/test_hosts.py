# SPDX-License-Identifier: Apache-2.0
"""What tt-smi says about each host of tests/fixtures/hosts when no server answers, in every form, word for word.

The files in tests/fixtures/expected/HOST are for reading: each begins with its command and ends with the exit status.
After a change of what is shown, `--update [HOST...]` writes them anew, and `git diff` tells what has become of them.
Time is the tree's own and all paths are relative, so nothing but the version is replaced. Of what is too long to be
read there is a beginning, and a checksum of all.
"""

import contextlib
import difflib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import test_smi

try:
    import jsonschema
except ImportError:  # the check of test_smi is always made
    jsonschema = None

FIXTURES = harness.SRC / "tests" / "fixtures"
EXPECTED = FIXTURES / "expected"
HOSTS = sorted(path.stem for path in (FIXTURES / "hosts").glob("*.py"))
SOCKET = "none.sock"
DEVICE_FIELDS = "all"
PROCESS_FIELDS = "all"

# name of the file: columns of the terminal, arguments
FORMS = {
    "table-80": (80, []),
    "table-160": (160, []),
    "table-80-ascii": (80, ["--ascii"]),
    "table-160-ascii": (160, ["--ascii"]),
    "json": (80, ["--json"]),
    "devices-csv": (80, [f"--query-devices={DEVICE_FIELDS}", "--format=csv"]),
    "processes-csv": (80, [f"--query-processes={PROCESS_FIELDS}", "--format=csv"]),
    "doctor": (80, ["doctor"]),
}

MOST_LINES = 3000
SHOWN_OF_MORE = 60
MOST_WRONG_LINES = 80
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")
SANITIZER = re.compile(r"Sanitizer|runtime error:")


@contextlib.contextmanager
def tree_of(host):
    """A directory with the tree of the host."""
    with tempfile.TemporaryDirectory(prefix="tt-alloc-test-") as directory:
        subprocess.run([sys.executable, FIXTURES / "make_hosts.py", directory, host], check=True,
                       stdout=subprocess.DEVNULL)
        yield directory


def environment(columns):
    ours = {name: value for name, value in os.environ.items()
            if not name.startswith("TT_ALLOC_") and name not in ("NO_COLOR", "LANG", "LANGUAGE")}
    return {**ours, "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm", "COLUMNS": str(columns)}


def version():
    return harness.run([harness.BIN / "tt-smi", "--version"]).stdout.split()[1]


def run(directory, host, columns, arguments):
    command = [harness.BIN / "tt-smi", "--root", host, "--socket", SOCKET, *arguments]
    return subprocess.run(command, cwd=directory, env=environment(columns), capture_output=True, text=True,
                          timeout=3 * harness.PATIENCE)


def check(form, result):
    """What holds for every host, however it is shown."""
    bad = CONTROL.search(result.stdout + result.stderr)
    assert bad is None, f"a control character: {bad[0]!r}"
    assert not SANITIZER.search(result.stderr), result.stderr
    assert result.returncode >= 0, f"ended by signal {-result.returncode}"
    if form.endswith("-ascii"):
        assert result.stdout.isascii(), result.stdout
    if form == "json":
        check_json(result.stdout)


def check_json(text):
    document = json.loads(text)
    test_smi.check_schema(document)
    if jsonschema:
        jsonschema.Draft202012Validator(test_smi.SCHEMA).validate(document)


def shorten(lines):
    if len(lines) <= MOST_LINES:
        return lines
    checksum = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return [*lines[:SHOWN_OF_MORE], f"... {len(lines) - SHOWN_OF_MORE} more lines; sha256 of all: {checksum}"]


def compose(host, form, result):
    """The text of the file: command, standard output, standard error if any, exit status."""
    columns, arguments = FORMS[form]
    out = result.stdout
    if form == "json":
        out = json.dumps(json.loads(out), indent=2) + "\n"
    lines = shorten(out.replace(version(), "VERSION").splitlines())
    errors = [f"stderr: {line}" for line in result.stderr.splitlines()]
    command = " ".join([f"$ COLUMNS={columns} tt-smi --root {host} --socket {SOCKET}", *arguments])
    return "\n".join([command, *lines, *errors, f"exit status {result.returncode}", ""])


def show(directory, host, form):
    result = run(directory, host, *FORMS[form])
    check(form, result)
    return compose(host, form, result)


def file_of(host, form):
    return EXPECTED / host / f"{form}.txt"


def difference(host, form, shown):
    path = file_of(host, form)
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = list(difflib.unified_diff(expected.splitlines(), shown.splitlines(), str(path.relative_to(harness.SRC)),
                                      "now", lineterm=""))
    return "\n".join(lines[:MOST_WRONG_LINES])


class Hosts(unittest.TestCase):
    """One test for each host, added below."""

    def check_host(self, host):
        with tree_of(host) as directory:
            for form in FORMS:
                with self.subTest(form=form):
                    wrong = difference(host, form, show(directory, host, form))
                    if wrong:
                        self.fail(f"\n{wrong}\nIf it should be so: {pathlib.Path(__file__).name} --update {host}")

    def test_unknown_amounts_are_missing(self):
        with tree_of("underflow") as directory:
            command = [harness.BIN / "tt-smi", "--root", "underflow", "--strict"]
            result = subprocess.run(command, cwd=directory, env=environment(80), capture_output=True, text=True,
                                    timeout=3 * harness.PATIENCE)
        self.assertEqual(result.returncode, 7, result.stderr)

    def test_no_file_is_left_over(self):
        wanted = {file_of(host, form) for host in HOSTS for form in FORMS}
        self.assertEqual({path for path in EXPECTED.rglob("*") if path.is_file()}, wanted)


for _host in HOSTS:
    setattr(Hosts, f"test_{_host}", lambda self, host=_host: self.check_host(host))


def update(names):
    for host in names or HOSTS:
        shutil.rmtree(EXPECTED / host, ignore_errors=True)
        (EXPECTED / host).mkdir(parents=True)
        with tree_of(host) as directory:
            for form in FORMS:
                file_of(host, form).write_text(show(directory, host, form), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--update"]:
        update(sys.argv[2:])
    else:
        unittest.main()
