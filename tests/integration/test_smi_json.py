# SPDX-License-Identifier: Apache-2.0
"""tt-smi --json on hosts of all kinds, with and without a server: each document is what the schema promises, holds no
key that the schema does not describe, and says nothing that nobody knows. The schema itself is tried too: it must refuse
documents that are wrong."""

import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import test_smi

try:
    import jsonschema
except ImportError:  # the checker of test_smi always runs
    jsonschema = None

TT_SMI, SCHEMA, MIB, GIB = test_smi.TT_SMI, test_smi.SCHEMA, test_smi.MIB, test_smi.GIB
MAKER = harness.SRC / "tests" / "fixtures" / "make_hosts.py"
N300_ID = 1265652232952550400
N300_PCI = 0x900
SLOW = {"many-processes"}  # ten thousand of them have no key that a few have not, and take a minute to make

# What the contract offers to those who use jq. Where nothing tells of a process's memory, its usage is null.
JQ = '.processes[] | [.pid,.user,(.usage // [] | map(select(.region=="dram").allocated_bytes)|add)]'

ON_NODE_0 = f"""
client = raw.Raw(path)
client.hello(raw.REPORTER)
client.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 0, asic_id={N300_ID}, pci_address={N300_PCI}, arch=2, board=b"n300",
    known=sum(raw.KNOWN[name] for name in "asic_id pci_address arch board".split())))
client.alloc(1, {64 * MIB}, raw.DRAM, 0)
client.alloc(2, {1 * MIB}, raw.L1, 5)
client.fence()
say()
wait()
"""


def closed(schema):
    """The schema, with every key refused that it does not describe."""
    schema = copy.deepcopy(schema)

    def close(node, name=None):
        if isinstance(node, dict):
            if "properties" in node and name != "process_common":  # that one is part of others
                node["unevaluatedProperties"] = False
            for key, value in node.items():
                close(value, key)
        elif isinstance(node, list):
            for value in node:
                close(value)

    close(schema)
    return schema


def leaves(value, path=()):
    """The path of every number, text, boolean and null in a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, path + (index,))
    else:
        yield path


def with_value(document, path, value):
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


class Hosts(unittest.TestCase):
    """Trees of hosts, read with --root: nobody is asked."""

    @classmethod
    def setUpClass(cls):
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-hosts-"))
        cls.addClassCleanup(shutil.rmtree, cls.out, True)
        maker = [sys.executable, "-B", MAKER]
        names = {line.split()[0] for line in harness.run([*maker, "--list"]).stdout.splitlines() if line.strip()}
        assert "n300" in names, names
        result = harness.run([*maker, cls.out, *sorted(names - SLOW)], timeout=120)
        assert result.returncode == 0, result.stderr
        cls.hosts = sorted(path.name for path in cls.out.iterdir())

    def document(self, host, *arguments, expect=0):
        result = harness.run([TT_SMI, "--root", self.out / host, "--json", *arguments], env=test_smi.environment())
        self.assertEqual((result.returncode, result.stderr), (expect, ""), host)
        return json.loads(result.stdout)

    def test_every_host(self):
        self.assertGreater(len(self.hosts), 15)
        for host in self.hosts:
            for arguments in ((), ("-d", "0"), ("leaks",), ("exited",)):
                if arguments == ("-d", "0") and host in ("no-driver", "no-devices"):
                    continue
                with self.subTest(host=host, arguments=arguments):
                    test_smi.check_schema(self.document(host, *arguments))

    @unittest.skipUnless(jsonschema, "python3-jsonschema is not installed")
    def test_every_key_is_described(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        validator = jsonschema.Draft202012Validator(closed(SCHEMA))
        for host in self.hosts:
            with self.subTest(host=host):
                validator.validate(self.document(host))
        for path in (("new",), ("devices", 0, "new"), ("devices", 0, "telemetry", "new"), ("processes", 0, "new")):
            with self.assertRaises(jsonschema.ValidationError):
                validator.validate(with_value(self.document("n300"), path, 1))

    def test_the_schema_refuses_other_types(self):
        document = self.document("n300")
        paths = list(leaves(document))
        self.assertGreater(len(paths), 150)
        for path in paths:
            for wrong in ([[]], {"a": 1}):
                with self.subTest(path=path), self.assertRaises(AssertionError):
                    test_smi.check_schema(with_value(document, path, wrong))

    def test_the_schema_refuses_numbers_as_text_and_null(self):
        document = self.document("n300")
        for path in (("devices", 0, "pools", 0, "size_bytes"), ("devices", 0, "telemetry", "power_watts"),
                     ("devices", 0, "node"), ("processes", 0, "pid"), ("coverage", "devices"),
                     ("processes", 0, "usage", 0, "allocated_bytes"), ("processes", 0, "shm", "dram")):
            with self.subTest(path=path), self.assertRaises(AssertionError):
                test_smi.check_schema(with_value(document, path, "1"))
        for path in (("devices", 0, "device"), ("devices", 0, "complete"), ("devices", 0, "pools"), ("errors",),
                     ("coverage", "complete"), ("processes", 0, "tracking"), ("sources", "driver", "state"),
                     ("processes", 0, "usage", 0, "allocated_bytes"), ("devices", 0, "telemetry"), ("server",)):
            with self.subTest(path=path), self.assertRaises(AssertionError):
                test_smi.check_schema(with_value(document, path, None))
        with self.assertRaises(AssertionError):
            test_smi.check_schema(with_value(document, ("processes", 0, "usage", 0, "allocated_bytes"), -1))

    def test_n300(self):
        document = self.document("n300")
        self.assertEqual(document["server"], {"state": "not_asked", "path": None, "protocol": None,
                                              "uptime_seconds": None})
        self.assertEqual(document["sources"]["driver"], {"state": "loaded", "version": "2.10.0"})
        self.assertEqual((document["sources"]["totals"]["found"], document["sources"]["totals"]["read"]), (2, 2))
        near, far = document["devices"]
        self.assertEqual([(device["device"], device["label"], device["node"]) for device in (near, far)],
                         [("0", "0", 0), ("0R", "0R", None)])
        self.assertEqual((near["size_source"], near["pools"][0]["size_bytes"]), ("nominal", 12 * GIB))
        self.assertEqual(near["pools"][0]["allocated_bytes"], 8 * GIB + (512 + 192) * MIB)
        self.assertEqual(near["holders"], [{"pid": 4711, "opens": 2}])
        self.assertEqual(near["totals"][0]["memories"]["trace"],
                         {"held_bytes": 192 * MIB, "live_bytes": 192 * MIB, "phantom_bytes": 0})
        self.assertTrue(0 < near["telemetry"]["power_watts"] < 1000)
        process, = document["processes"]
        self.assertEqual((process["pid"], process["tracking"], process["device"], process["held_devices"]),
                         (4711, "shm_only", 0, ["0"]))
        self.assertEqual({(entry["device"], entry["region"], entry["allocated_bytes"]) for entry in process["usage"]
                          if entry["region"] == "dram"}, {("0", "dram", 8 * GIB + 512 * MIB), ("0R", "dram", 7 * GIB)})
        self.assertEqual(process["shm"]["dram"], 15 * GIB + 512 * MIB)
        self.assertEqual(process["user"], "mira", "users are those of the tree")
        self.assertIsNone(document["leaks"])

    def test_official_keys(self):
        document = self.document("n300")
        self.assertEqual(document["host_info"]["Driver"], "TT-KMD 2.10.0")
        self.assertEqual(document["host_info"]["Hostname"], "n300")
        self.assertIsNone(document["host_info"]["Kernel"], "this host's is not that of the tree")
        near, far = document["device_info"]
        self.assertEqual([near["board_info"]["board_type"], far["board_info"]["board_type"]], ["n300 L", "n300 R"])
        self.assertEqual(near["board_info"]["bus_id"], "0000:09:00.0")
        self.assertGreater(float(near["telemetry"]["asic_temperature"]), 0)
        self.assertIsNone(far["telemetry"]["asic_temperature"])
        process, = document["processes"]
        self.assertEqual(process["cmdline"], "python3 train.py --model llama-3.1-8b --batch 32")

    def test_nothing_known_is_null(self):
        document = self.document("no-driver")
        for key in ("devices", "processes", "leaks", "coverage", "device_info"):
            self.assertIsNone(document[key], key)
        self.assertEqual([error["code"] for error in document["errors"]], ["driver_not_loaded"])
        document = self.document("no-devices")
        self.assertEqual((document["devices"], document["processes"], document["errors"]), ([], [], []))
        document = self.document("old-driver")
        self.assertIsNone(document["coverage"]["processes_untracked"])
        self.assertIsNone(document["devices"][0]["holders"])
        self.assertEqual(document["devices"][0]["holders_unavailable"], "not_offered")
        self.assertFalse(document["coverage"]["complete"])
        self.assertEqual([error["code"] for error in document["errors"]], ["holders_unreadable"])

    def test_untracked(self):
        document = self.document("denied")
        process = next(entry for entry in document["processes"] if entry["tracking"] == "untracked")
        self.assertEqual((process["usage"], process["pools"], process["buffers"]), (None, None, None))
        self.assertEqual(document["coverage"]["processes_untracked"], 1)
        self.assertEqual(document["sources"]["totals"]["denied"], 1)
        error, = document["errors"]
        self.assertEqual(error["code"], "totals_denied")
        self.assertRegex(error["path"], r"^/dev/shm/tt_device_\d+_memory$")
        self.assertIn("sudo", error["advice"])

    def test_phantom_memory(self):
        document = self.document("dead-pids")
        memories = document["devices"][0]["totals"][0]["memories"]
        self.assertGreater(memories["dram"]["phantom_bytes"], GIB)
        self.assertEqual(memories["dram"]["held_bytes"],
                         memories["dram"]["live_bytes"] + memories["dram"]["phantom_bytes"])

    def test_in_reset(self):
        telemetry = self.document("in-reset")["devices"][2]["telemetry"]
        self.assertIsNone(telemetry["temperature_celsius"])
        self.assertIn("temperature_celsius", telemetry["unavailable"])

    def test_unsupported_totals(self):
        document = self.document("totals-versions")
        codes = [error["code"] for error in document["errors"]]
        self.assertEqual(codes.count("totals_unsupported"), document["sources"]["totals"]["unsupported"])
        self.assertGreater(len(codes), 0)

    def test_hostile(self):
        commands = [process["command"] for process in self.document("hostile")["processes"]]
        self.assertTrue(any("\033" in command for command in commands), "JSON hides nothing; it escapes")

    def test_container(self):
        document = self.document("container")
        inside = next(process for process in document["processes"] if process["pid"] == 12001)
        self.assertEqual((inside["inner_pid"], inside["container"]), (7, "docker 3f2a90b1c2d4"))
        self.assertIn("docker-3f2a90b1c2d4", inside["cgroup"])
        self.assertEqual(document["coverage"]["hidden_opens"], 2)

    def test_strict_is_complete(self):
        for host in ("n300", "denied", "old-driver"):
            complete = self.document(host)["coverage"]["complete"]
            self.document(host, "--strict", expect=0 if complete else 7)

    @unittest.skipUnless(shutil.which("jq"), "jq is not installed")
    def test_jq(self):
        for host, expected in (("n300", {4711: 15 * GIB + 512 * MIB}), ("denied", {7001: None, 7002: 4 * GIB})):
            text = json.dumps(self.document(host))
            result = harness.run(["jq", "-c", JQ], input=text)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            rows = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual({row[0]: row[2] for row in rows}, expected)


class BothSources(test_smi.SmiTest):
    """A server and the files of a host."""

    @classmethod
    def setUpClass(cls):
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-hosts-"))
        cls.addClassCleanup(shutil.rmtree, cls.out, True)
        result = harness.run([sys.executable, "-B", MAKER, cls.out, "n300", "denied"])
        assert result.returncode == 0, result.stderr

    def both(self, *arguments, expect=0):
        return self.json("--socket", self.server.path, "--root", str(self.out / "n300"), *arguments, expect=expect)

    def test_server_and_host(self):
        serve = self.reporter(ON_NODE_0)
        self.ended(test_smi.LEAK)
        document = self.both()
        by_label = {device["label"]: device for device in document["devices"]}
        self.assertEqual(sorted(by_label), ["0", "0R", "1?", "5?"], "who did not say which chip has a row of his own")
        near = by_label["0"]
        self.assertEqual((near["node"], near["asic_id"]), (0, str(N300_ID)))
        self.assertEqual(near["pools"][0]["regions"][0]["allocated_bytes"], 8 * GIB + (512 + 64) * MIB)
        self.assertIsNone(near["pools"][0]["peak_bytes"], "nobody saw the peak of both together")
        self.assertFalse(near["complete"])
        states = {process["pid"]: process["tracking"] for process in document["processes"]}
        self.assertEqual(states, {serve.pid: "reporting", 4711: "shm_only"})
        reporting = next(process for process in document["processes"] if process["pid"] == serve.pid)
        self.assertIsInstance(reporting["user"], str)
        self.assertEqual(reporting["buffers"], 2)
        self.assertEqual(document["coverage"]["processes_untracked"], 0)
        self.assertEqual(document["coverage"]["leaks"], 1)
        self.assertEqual(len(document["leaks"]), 1)
        self.assertEqual(document["sources"]["server"]["state"], "up")

    def test_verbs(self):
        self.ended(test_smi.LEAK)
        self.assertEqual(len(self.both("leaks", expect=1)["leaks"]), 1)
        self.assertIsNone(self.both("exited")["exited"][0]["cgroup"])

    @unittest.skipUnless(jsonschema, "python3-jsonschema is not installed")
    def test_every_key_is_described(self):
        self.reporter(ON_NODE_0)
        self.ended(test_smi.LEAK)
        validator = jsonschema.Draft202012Validator(closed(SCHEMA))
        for arguments, expect in (((), 0), (("leaks",), 1), (("exited",), 0)):
            validator.validate(self.both(*arguments, expect=expect))

    def test_without_the_server_the_host_is_told(self):
        result = self.smi("--json", "--socket", "/nonexistent/socket", "--root", str(self.out / "n300"), expect=3)
        document = self.check_document(result.stdout)
        self.assertEqual(document["server"]["state"], "unreachable")
        self.assertEqual(document["errors"][0]["code"], "server_unreachable")
        self.assertEqual([device["label"] for device in document["devices"]], ["0", "0R"])
        self.assertEqual([process["pid"] for process in document["processes"]], [4711])
        self.assertIsNone(document["leaks"])
        self.assertIsNone(document["coverage"]["processes_reporting"])
        self.assertFalse(document["coverage"]["complete"])

    def test_watch(self):
        with subprocess.Popen([TT_SMI, "-w", "-n", "0.1", "--json", "--root", self.out / "n300"],
                              stdout=subprocess.PIPE, text=True, env=test_smi.environment()) as process:
            for _ in range(3):
                document = self.check_document(process.stdout.readline())
                self.assertEqual(len(document["devices"]), 2)
            process.terminate()

    def test_own_host(self):
        info = self.json()["host_info"]
        self.assertEqual((info["OS"], info["Hostname"]), ("Linux", self.json()["host"]))
        self.assertRegex(info["Memory"], r"^\d+\.\d\d GB$")


if __name__ == "__main__":
    unittest.main()
