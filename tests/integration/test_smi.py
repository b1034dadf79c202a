# SPDX-License-Identifier: Apache-2.0
"""tt-smi against a real server: what it prints, on pipes and on a terminal, what it exits with, and that its JSON is
what its schema promises."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import harness
import raw

try:
    import jsonschema
except ImportError:  # the check of our own below is always made
    jsonschema = None

TT_SMI = str(harness.BIN / "tt-smi")
SCHEMA = json.loads((harness.SRC / "smi" / "json" / "tt-smi.schema.json").read_text())
MIB = 1 << 20
GIB = 1 << 30

SERVE = f"""
client = raw.Raw(path)
client.hello(raw.REPORTER)
for device in (0, 1):
    client.send_bytes(raw.own(raw.DESCRIBE_DEVICE, device, asic_id=(1 << 60) + device, pci_address=0x900 + device * 256,
        arch=2, dram_size={12 * GIB}, l1_size={93 * MIB}, trace_size={576 * MIB}, board=b"n300",
        known=sum(raw.KNOWN[name] for name in "asic_id pci_address arch dram_size l1_size trace_size board".split())))
    client.alloc(1, {1024 * MIB}, raw.DRAM, device)
    client.alloc(2, {200 * MIB}, raw.TRACE, device)
client.alloc(3, {2 * MIB}, raw.L1, 0)
client.free(3, 0, raw.L1)
client.fence()
say()
wait()
"""
LEAK = f"""
client = raw.Raw(path)
client.hello(raw.REPORTER)
client.alloc(1, {256 * MIB}, raw.DRAM, 0)
client.alloc(2, 4096, raw.L1, 0)
client.fence()
say()
wait()
os._exit(0)
"""
CLEAN = LEAK.replace("client.fence()", "client.free(1)\nclient.free(2, region=raw.L1)\nclient.fence()")
RENAMED = """
import ctypes
ctypes.CDLL(None).prctl(15, NAME, 0, 0, 0)
"""


def check_schema(value, schema=SCHEMA, where="$"):
    """Enough of JSON Schema for the words that ours uses; an unknown word is an error of this check."""
    known = {"$schema", "$comment", "$defs", "title", "description"}
    for word, rule in schema.items():
        if word in known:
            continue
        _RULES[word](value, rule, schema, where)


def _one_of(value, schemas, where):
    matches, reasons = 0, []
    for schema in schemas:
        try:
            check_schema(value, schema, where)
            matches += 1
        except AssertionError as error:
            reasons.append(str(error))
    return matches, reasons


def _check_one_of(value, rule, _, where):
    matches, reasons = _one_of(value, rule, where)
    assert matches == 1, (where, matches, reasons)


def _check_any_of(value, rule, _, where):
    matches, reasons = _one_of(value, rule, where)
    assert matches >= 1, (where, reasons)


def _check_type(value, rule, _, where):
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
             "null": type(None)}
    names = rule if isinstance(rule, list) else [rule]
    good = any(isinstance(value, types[name]) and (name not in ("integer", "number") or not isinstance(value, bool))
               for name in names)
    assert good, f"{where}: {value!r} is not {names}"


def _check_required(value, rule, _, where):
    assert not isinstance(value, dict) or set(rule) <= set(value), f"{where} lacks {set(rule) - set(value)}"


def _check_properties(value, rule, _, where):
    for name in set(rule) & set(value if isinstance(value, dict) else ()):
        check_schema(value[name], rule[name], f"{where}.{name}")


def _check_additional(value, rule, schema, where):
    for name in set(value if isinstance(value, dict) else ()) - set(schema.get("properties", ())):
        check_schema(value[name], rule, f"{where}.{name}")


def _check_all_of(value, rule, _, where):
    for schema in rule:
        check_schema(value, schema, where)


def _check_items(value, rule, _, where):
    for index, item in enumerate(value if isinstance(value, list) else ()):
        check_schema(item, rule, f"{where}[{index}]")


def _check_pattern(value, rule, _, where):
    assert not isinstance(value, str) or re.search(rule, value), f"{where}: {value!r} does not match {rule}"


def _check_ref(value, rule, _, where):
    check_schema(value, SCHEMA["$defs"][rule.rsplit("/", 1)[1]], where)


def _expect(good):
    def check(value, rule, _, where):
        assert good(value, rule), f"{where}: {value!r} against {rule!r}"

    return check


_RULES = {
    "type": _check_type,
    "required": _check_required,
    "properties": _check_properties,
    "additionalProperties": _check_additional,
    "items": _check_items,
    "pattern": _check_pattern,
    "oneOf": _check_one_of,
    "anyOf": _check_any_of,
    "allOf": _check_all_of,
    "$ref": _check_ref,
    "const": _expect(lambda value, rule: value == rule),
    "enum": _expect(lambda value, rule: value in rule),
    "minimum": _expect(lambda value, rule: not isinstance(value, int) or value >= rule),
}


def environment(**variables):
    keep = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TT_ALLOC_SOCKET")}
    return {**keep, "LC_ALL": "C.UTF-8", "TERM": "xterm", **variables}


class Screen:
    """tt-smi on a terminal of its own. What it wrote is kept as it came."""

    def __init__(self, *arguments, columns=80, lines=24, **variables):
        self.text = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [TT_SMI, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment(**variables),
            preexec_fn=os.setsid,
        )
        os.close(slave)

    def _read(self, deadline):
        ready = select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]
        assert ready, f"nothing more came; so far: {self.text!r}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            data = b""
        self.text += data.decode(errors="surrogateescape")
        return data

    def wait_for(self, pattern, start=0):
        """The match in what comes behind `start`."""
        deadline = time.monotonic() + harness.PATIENCE
        while not (match := re.search(pattern, self.text[start:])):
            assert self._read(deadline), f"it ended: {self.text!r}"
        return match

    def read_to_end(self):
        deadline = time.monotonic() + harness.PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(harness.PATIENCE)

    def lines(self):
        """What a reader sees of the last frame, without what moves and colours."""
        frame = self.text[self.text.rfind("\033[H") :]
        return re.sub(r"\033\[[?0-9;]*[A-Za-z]", "", frame).replace("\r\n", "\n").split("\n")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(harness.PATIENCE)
        os.close(self.master)


class SmiTest(harness.ServerTest):
    def smi(self, *arguments, expect=0, **variables):
        variables.setdefault("TT_ALLOC_SOCKET", self.server.path)
        result = harness.run([TT_SMI, *arguments], env=environment(**variables))
        self.assertEqual(result.returncode, expect, (arguments, result.stdout, result.stderr))
        if expect in (0, 1):
            self.assertEqual(result.stderr, "")
        return result

    def json(self, *arguments, expect=0):
        text = self.smi("--json", *arguments, expect=expect).stdout
        self.assertEqual(text.count("\n"), 1, "one line when piped")
        return self.check_document(text)

    def check_document(self, text):
        document = json.loads(text)
        check_schema(document)
        if jsonschema:
            jsonschema.Draft202012Validator(SCHEMA).validate(document)
        return document

    def reporter(self, code):
        child = self.child(code)
        child.hear()
        return child

    def ended(self, code):
        child = self.reporter(code)
        child.end()
        self.wait_for_end_of(child.pid, self.watcher())
        return child.pid

    def screen(self, *arguments, **options):
        screen = Screen("--socket", self.server.path, *arguments, **options)
        self.addCleanup(screen.close)
        return screen

    def row(self, text, pid):
        rows = [line.split() for line in text.splitlines() if line.split()[:1] == [str(pid)]]
        self.assertEqual(len(rows), 1, text)
        return rows[0]


class OneShot(SmiTest):
    def test_nothing_was_reported(self):
        text = self.smi().stdout
        self.assertIn("0 devices, 0 reporting", text)
        self.assertIn("No device has been reported on yet.", text)
        self.assertIn("No process reports buffers.", text)

    def test_devices_and_processes(self):
        serve = self.reporter(SERVE)
        text = self.smi().stdout
        self.assertRegex(text, r"(?m)^tt-smi \S+  \S+  \d\d:\d\d:\d\d  server up \d+s  (?:no driver|driver \S+)  2 devices, 1 reporting$")
        self.assertRegex(text, r"(?m)^  0  n300   0000:09:00\.0  █░{9}  1\.0/11\.4G  200/576M  ░{10}  0/93\.0M +-  1\.2G$")
        self.assertRegex(text, r"(?m)^  1  n300   0000:0a:00\.0  █░{9}  1\.0/11\.4G  200/576M  ░{10}  -/93\.0M +-  1\.2G$")
        row = self.row(text, serve.pid)
        self.assertEqual(row[2:9], ["0,1", "2.0G", "400M", "0", "-", "4", "2.4G"])
        self.assertIn("import raw", text, "the command is not cut when piped")

    def test_most_bytes_first(self):
        small, large = self.connect(), self.reporter(SERVE)
        small.hello(raw.REPORTER)
        small.alloc(1, 5 * MIB, raw.DRAM, 7)
        small.fence()
        document = self.json()
        self.assertEqual([process["pid"] for process in document["processes"]], [large.pid, os.getpid()])

    def test_it_never_counts_itself(self):
        self.assertEqual(self.json()["processes"], [])
        self.assertEqual(self.json()["coverage"]["processes_reporting"], 0)

    def test_remark_on_leaks(self):
        self.ended(LEAK)
        self.ended(CLEAN)
        text = self.smi().stdout
        self.assertIn("0 reporting, 1 leak\n", text)
        self.assertIn("\n! 256M of DRAM, 4.0K of L1 on device 0 belonged to a process that ended.   tt-smi leaks\n", text)

    def test_filters(self):
        serve = self.reporter(SERVE)
        mine = self.connect()
        mine.hello(raw.REPORTER)
        mine.alloc(1, 5 * MIB, raw.DRAM, 7)
        mine.fence()
        document = self.json("-d", "7")
        self.assertEqual([process["pid"] for process in document["processes"]], [os.getpid()])
        self.assertEqual(len(document["devices"]), 1)
        self.assertEqual(len(self.json("-d", "0,7")["processes"]), 2)
        self.assertEqual(len(self.json("-p", str(serve.pid))["processes"]), 1)
        self.assertEqual(len(self.json("-u")["processes"]), 2)
        self.assertEqual(len(self.json("-u", "4000000000")["processes"]), 0)
        document = self.json("--region", "trace")
        self.assertEqual([process["pid"] for process in document["processes"]], [serve.pid])
        self.assertEqual({entry["region"] for entry in document["processes"][0]["usage"]}, {"trace"})
        self.assertEqual(document["coverage"]["processes_reporting"], 2)

    def test_no_such_device_or_process(self):
        ended = self.ended(CLEAN)
        self.assertIn("device 99", self.smi("-d", "99", expect=4).stderr)
        self.assertIn("does not report", self.smi("-p", "1", expect=4).stderr)
        self.assertIn(f"tt-smi exited -p {ended}", self.smi("-p", str(ended), expect=4).stderr)
        self.smi("exited", "-p", str(ended))
        self.smi("leaks", "-p", "1", expect=4)

    def test_width(self):
        self.reporter(SERVE)
        self.ended(LEAK)
        for columns in (20, 40, 80, 120, 200):
            for verb in ((), ("exited",)):
                for line in self.smi(*verb, COLUMNS=str(columns)).stdout.splitlines():
                    self.assertLessEqual(len(line), columns)

    def test_ascii(self):
        self.reporter(SERVE)
        self.assertTrue(self.smi("--ascii").stdout.isascii())
        self.assertTrue(self.smi(LC_ALL="C").stdout.isascii())
        self.assertIn("#---------", self.smi("--ascii").stdout)

    def test_color(self):
        self.assertNotIn("\033", self.smi().stdout)
        self.assertIn("\033[1m", self.smi("--color=always").stdout)
        for options, variables, colored in (
            ((), {}, True),
            ((), {"NO_COLOR": "1"}, False),
            ((), {"TERM": "dumb"}, False),
            (("--color=never",), {}, False),
        ):
            screen = self.screen(*options, **variables)
            self.assertEqual(screen.read_to_end(), 0)
            self.assertEqual("\033[1m" in screen.text, colored, (options, variables))

    def test_hostile_names(self):
        name = b"x\n\033[2J\xff\xe2\x80\xae"
        child = self.reporter(RENAMED.replace("NAME", repr(name)) + SERVE)
        other = self.child(f"import sys\nos.execv(sys.executable, [{name!r}, '-c', {STAY!r}, path])")
        other.hear()
        for arguments in ((), ("exited",)):
            text = self.smi(*arguments).stdout
            self.assertNotIn("\033", text)
            self.assertNotIn("\u202e", text)
        rows = {process["pid"]: process for process in self.json()["processes"]}
        self.assertIn(child.pid, rows)
        self.assertTrue(rows[other.pid]["command"])
        self.row(self.smi().stdout, other.pid)


# Reports from a Python that was started under a hostile name.
STAY = """
import socket, struct, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
head = "=B3xiQB3xiQQQQQQ40x"
client.sendall(struct.pack(head, 1, 0, 4096, 0, 0, 1, 0, 0, 0, 0, 0))
client.sendall(struct.pack(head, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
assert client.recv(112, socket.MSG_WAITALL)
print("ready", flush=True)
sys.stdin.readline()
"""


class Json(SmiTest):
    def test_document(self):
        serve = self.reporter(SERVE)
        self.ended(LEAK)
        document = self.json()
        self.assertEqual(document["schema"], 1)
        self.assertEqual(document["server"]["state"], "up")
        device = document["devices"][0]
        self.assertEqual(device["asic_id"], str(1 << 60))
        dram = device["pools"][0]
        self.assertEqual((dram["pool"], dram["size_bytes"], dram["allocated_bytes"]), ("dram", 12 * GIB, 1224 * MIB))
        self.assertEqual(dram["regions"][1]["limit_bytes"], 576 * MIB)
        process = document["processes"][0]
        self.assertEqual((process["pid"], process["uid"]), (serve.pid, os.geteuid()))
        self.assertEqual(sum(entry["allocated_bytes"] for entry in process["usage"] if entry["region"] == "dram"), 2 * GIB)
        leak = document["leaks"][0]
        self.assertIn(leak["reason"], ("owner_exited", "owner_hung_up"))
        self.assertEqual({(entry["region"], entry["allocated_bytes"]) for entry in leak["usage"]},
                         {("dram", 256 * MIB), ("l1", 4096)})

    def test_unknown_is_null(self):
        client = self.connect()
        client.hello(raw.REPORTER)
        client.alloc(1, MIB, raw.DRAM, 7)
        client.fence()
        device = self.json()["devices"][0]
        for key in ("asic_id", "pci_address", "arch", "board", "remote"):
            self.assertIsNone(device[key], key)
        self.assertIsNone(device["pools"][0]["size_bytes"])
        self.assertIsNone(device["pools"][1]["allocated_bytes"])

    def test_verbs(self):
        self.assertEqual(self.json("leaks")["leaks"], [])
        pid = self.ended(LEAK)
        clean = self.ended(CLEAN)
        self.assertEqual([leak["pid"] for leak in self.json("leaks", expect=1)["leaks"]], [pid])
        self.assertEqual([entry["pid"] for entry in self.json("exited")["exited"]], [clean, pid])

    def test_indented_on_a_terminal(self):
        screen = self.screen("--json")
        self.assertEqual(screen.read_to_end(), 0)
        self.assertIn('\r\n  "schema": 1', screen.text)
        self.check_document(screen.text)

    def test_no_server(self):
        result = self.smi("--json", expect=3, TT_ALLOC_SOCKET="/nonexistent/socket")
        document = self.check_document(result.stdout)
        self.assertEqual(document["server"]["state"], "unreachable")
        self.assertIsNone(document["devices"])
        self.assertEqual(document["errors"][0]["code"], "server_unreachable")
        self.assertIn("/nonexistent/socket", result.stderr)

    def test_the_check_can_fail(self):
        document = self.json()
        for key, value in (("schema", 2), ("time", "now"), ("devices", {}), ("errors", None)):
            with self.assertRaises(AssertionError):
                check_schema({**document, key: value})
        with self.assertRaises(AssertionError):
            check_schema({key: value for key, value in document.items() if key != "coverage"})


class Ended(SmiTest):
    def test_no_leaks(self):
        self.assertEqual(self.smi("leaks").stdout, "No leaks: no process has ended.\n")
        self.ended(CLEAN)
        self.assertEqual(self.smi("leaks").stdout, "No leaks: the last 1 ended process left nothing.\n")

    def test_leaks(self):
        self.ended(CLEAN)
        pid = self.ended(LEAK)
        lines = self.smi("leaks", expect=1).stdout.splitlines()
        self.assertEqual(lines[0], "LEAK SUMMARY  1 of the last 2 ended processes left buffers")
        self.assertEqual(lines[1], "  256M of DRAM, 4.0K of L1 in 2 buffers on device 0")
        self.assertEqual(lines[3], "[1] 256M of DRAM, 4.0K of L1 in 2 buffers on device 0")
        self.assertRegex(lines[4], rf"^    owner  pid {pid} \(\S+\) ")
        self.assertRegex(lines[5], r"^    ended  [\d:]{8}, \d+s ago: ")
        self.assertIn("  256M of DRAM in 1 buffer on", self.smi("leaks", "--region", "dram", expect=1).stdout)
        self.smi("leaks", "-u", "4000000000")

    def test_exited(self):
        leaky, clean = self.ended(LEAK), self.ended(CLEAN)
        text = self.smi("exited").stdout
        self.assertEqual(self.row(text, leaky)[2:7], ["256M", "4.0K", "256M", "DRAM,", "4.0K"])
        self.assertEqual(self.row(text, clean)[2:6], ["256M", "4.0K", "0", "0"])
        self.assertLess(text.index(f"{clean} "), text.index(f"{leaky} "), "newest first")


class Watch(SmiTest):
    """What is printed again and again; the full-screen view of terminals that are not dumb has tests of its own."""

    def test_pipe(self):
        with subprocess.Popen([TT_SMI, "-w", "-n", "0.1", "--socket", self.server.path], stdout=subprocess.PIPE,
                              text=True, env=environment()) as process:
            text = ""
            while text.count("server up") < 3:
                text += process.stdout.readline()
            process.terminate()
            self.assertEqual(process.wait(harness.PATIENCE), -signal.SIGTERM)
        self.assertNotIn("\033", text)
        self.assertIn("\n\ntt-smi", text)

    def test_documents_by_line(self):
        with subprocess.Popen([TT_SMI, "-w", "-r", "100", "--json", "--socket", self.server.path],
                              stdout=subprocess.PIPE, text=True, env=environment()) as process:
            documents = [self.check_document(process.stdout.readline()) for _ in range(3)]
            process.terminate()
        self.assertEqual([document["server"]["state"] for document in documents], ["up"] * 3)

    def test_reader_goes_away(self):
        with subprocess.Popen([TT_SMI, "-w", "-n", "0.1", "--socket", self.server.path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment()) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.wait(harness.PATIENCE), -signal.SIGPIPE)
            self.assertEqual(process.stderr.read(), b"")

    def test_terminal(self):
        serve = self.reporter(SERVE)
        for number in (signal.SIGINT, signal.SIGTERM):
            screen = self.screen("-w", "-n", "0.1", columns=80, TERM="dumb")
            screen.wait_for(r"(?s)\033\[H.*\033\[H.*\033\[J")
            for line in screen.lines():
                self.assertLessEqual(len(line), 80)
            self.assertTrue(any(line.lstrip().startswith(f"{serve.pid} ") for line in screen.lines()), screen.text)
            screen.process.send_signal(number)
            self.assertEqual(screen.read_to_end(), -number)
            self.assertGreater(screen.text.rfind("\033[?25h"), screen.text.rfind("\033[?25l"), "the cursor is back")
            self.assertNotIn("\033[2J", screen.text, "it never clears the whole screen")

    def test_low_terminal_does_not_scroll(self):
        self.reporter(SERVE)
        screen = self.screen("-w", "-n", "0.1", lines=4, TERM="dumb")
        frame = screen.wait_for(r"\033\[H[^H]*\033\[J").group()
        self.assertEqual(frame.count("\n"), 3)

    def test_resize(self):
        self.reporter(SERVE)
        screen = self.screen("-w", "-n", "3600", columns=120, TERM="dumb")
        screen.wait_for(r"\033\[J")
        self.assertTrue(any("PCI" in line for line in screen.lines()))
        start = len(screen.text)
        fcntl.ioctl(screen.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        screen.process.send_signal(signal.SIGWINCH)
        screen.wait_for(r"\033\[J", start)
        for line in screen.lines():
            self.assertLessEqual(len(line), 60)

    def test_server_restart(self):
        screen = self.screen("-w", "-n", "0.1", TERM="dumb")
        screen.wait_for(r"server up")
        self.server.kill9()
        screen.wait_for(r"server not reachable, trying again")
        start = len(screen.text)
        self.server.start()
        screen.wait_for(r"server up", start)

    def test_server_comes_late(self):
        path = os.path.join(self.server.directory, "late.sock")
        with subprocess.Popen([TT_SMI, "-w", "-n", "0.1", "--json", "--socket", path], stdout=subprocess.PIPE, text=True,
                              env=environment()) as process:
            self.assertEqual(self.check_document(process.stdout.readline())["server"]["state"], "unreachable")
            os.symlink(self.server.path, path)
            while self.check_document(process.stdout.readline())["server"]["state"] != "up":
                pass
            process.terminate()


class Usage(unittest.TestCase):
    """What needs no server."""

    def refuse(self, *arguments):
        result = harness.run([TT_SMI, "--socket", "/nonexistent", *arguments], env=environment())
        self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        return result.stderr

    def test_usage(self):
        self.assertIn("did you mean --json?", self.refuse("--jsno"))
        self.assertIn("tt-smi leaks", self.refuse("leeks"))
        self.assertIn("unknown option -x", self.refuse("-x"))
        self.assertIn("did you mean --region?", self.refuse("--reg=dram", "--rego"))
        self.assertIn("--query-devices and --query-processes", self.refuse("--query=pid"))
        self.assertIn("--each does not go with leaks   tt-smi --help leaks", self.refuse("leaks", "--each"))
        for arguments in (("-d", "x"), ("-p", "0"), ("--region", "l2"), ("-n", "1"), ("-w", "-n", "0"), ("leaks", "exited")):
            self.refuse(*arguments)
        self.assertNotIn("\033", self.refuse("--\033[2J"))

    def test_reset(self):
        for arguments in (("-r",), ("-r", "0"), ("-r", "500"), ("--reset",), ("-w", "--reset")):
            self.assertIn("Tenstorrent's own tt-smi", self.refuse(*arguments))

    def test_help_and_version(self):
        text = harness.run([TT_SMI, "-h"], env=environment()).stdout
        self.assertLess(text.count("\n"), 24)
        self.assertIn("3 no server", text)
        self.assertIn("tt-smi", text.splitlines()[2], "examples come first")
        for arguments in (("-h",), ("--help",), ("--help", "leaks"), ("top", "-h"), ("doctor", "--help")):
            result = harness.run([TT_SMI, *arguments], env=environment())
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(all(len(line) <= 80 for line in result.stdout.splitlines()), arguments)
        self.assertEqual(harness.run([TT_SMI, "--help", "top"]).stdout, harness.run([TT_SMI, "top", "--help"]).stdout)
        self.assertRegex(harness.run([TT_SMI, "--version"], env=environment()).stdout, r"^tt-smi \d+\.\d+\.\d+ \(tt-alloc\)\n$")

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([TT_SMI, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot write the output", result.stderr)

    def test_no_server(self):
        with tempfile.TemporaryDirectory() as directory:
            missing, stale, long = f"{directory}/no", f"{directory}/stale", f"{directory}/" + "x" * 200
            with harness.socket.socket(harness.socket.AF_UNIX) as listener:
                listener.bind(stale)
            for path, reason in ((missing, "no such socket"), (stale, "nothing listens"), (long, "too long")):
                result = harness.run([TT_SMI], env=environment(TT_ALLOC_SOCKET=path))
                self.assertEqual(result.returncode, 3)
                self.assertRegex(result.stdout, "^tt-smi .*  server not reachable  ")  # and what the host tells
                self.assertIn(path, result.stderr)
                self.assertIn(reason, result.stderr)
                self.assertEqual(result.stderr.count("\n"), 2)

    def test_another_protocol(self):
        with tempfile.TemporaryDirectory() as directory, harness.socket.socket(harness.socket.AF_UNIX) as listener:
            listener.bind(f"{directory}/s")
            listener.listen()
            process = subprocess.Popen([TT_SMI, "--socket", f"{directory}/s"], stderr=subprocess.PIPE, text=True)
            with listener.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 20)
                errors = process.communicate(timeout=harness.PATIENCE)[1]
        self.assertEqual(process.returncode, 6, errors)
        self.assertIn("does not speak our protocol", errors)


if __name__ == "__main__":
    unittest.main()
