# SPDX-License-Identifier: Apache-2.0
"""tt-smi --query-devices and --query-processes: what scripts get that read columns."""

import csv
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import raw
import test_smi

TT_SMI, MIB, GIB = test_smi.TT_SMI, test_smi.MIB, test_smi.GIB
MAKER = harness.SRC / "tests" / "fixtures" / "make_hosts.py"


class Query(test_smi.SmiTest):
    @classmethod
    def setUpClass(cls):
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-hosts-"))
        cls.addClassCleanup(shutil.rmtree, cls.out, True)
        result = harness.run([sys.executable, "-B", MAKER, cls.out, "n300", "denied", "hostile", "no-driver"])
        assert result.returncode == 0, result.stderr

    def on(self, host, *arguments):
        result = harness.run([TT_SMI, "--root", self.out / host, *arguments], env=test_smi.environment())
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def rows(self, host, *arguments):
        return list(csv.DictReader(io.StringIO(self.on(host, "--format=csv,nounits", *arguments))))

    def test_devices(self):
        self.assertEqual(
            self.on("n300", "--query-devices=index,board,dram_size_bytes,dram_used_bytes,dram_free_bytes"),
            "index,board,dram_size_bytes [B],dram_used_bytes [B],dram_free_bytes [B]\n"
            f"0,n300,{12 * GIB},{8 * GIB + 704 * MIB},\n"
            f"0R,n300,{12 * GIB},{7 * GIB + 192 * MIB},\n")

    def test_processes_of_a_server(self):
        serve = self.reporter(test_smi.SERVE)
        text = self.smi("--query-processes=pid,tracking,devices,dram_bytes,trace_bytes,l1_small_bytes,buffers",
                        "--format=csv,noheader").stdout
        self.assertEqual(text, f'{serve.pid},reporting,"0,1",{2 * GIB},{400 * MIB},0,4\n')
        text = self.smi("--query-devices=device,dram_used_bytes,dram_free_bytes,processes", "-d", "1",
                        "--format=csv,noheader,nounits").stdout
        self.assertEqual(text, f"1,{1224 * MIB},{12 * GIB - 1224 * MIB},1\n")

    def test_unknown_is_empty(self):
        rows = {row["pid"]: row for row in self.rows("denied", "--query-processes=all")}
        self.assertEqual((rows["7001"]["tracking"], rows["7001"]["dram_bytes"], rows["7001"]["buffers"]),
                         ("untracked", "", ""))
        self.assertEqual((rows["7002"]["tracking"], rows["7002"]["dram_bytes"], rows["7002"]["dram_peak_bytes"]),
                         ("shm_only", str(4 * GIB), ""))
        far = self.rows("n300", "--query-devices=all")[1]
        self.assertEqual((far["device"], far["node"], far["power_watts"], far["holders"]), ("0R", "", "", ""))

    def test_hostile_commands(self):
        text = self.on("hostile", "--query-processes=all")
        self.assertNotIn("\033", text)
        self.assertNotIn("\r", text)
        self.assertNotIn("\u202e", text)
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual({len(row) for row in rows}, {len(rows[0])}, "every row has all cells")
        self.assertEqual(len(rows), text.count("\n"), "a row is a line")
        for row in rows[1:]:
            self.assertFalse([cell for cell in row if cell[:1] in "=+-@" and cell[:1]], row)
        self.assertIn("'=HYPERLINK(\"http://x\",\"y\")", " ".join(row[-1] for row in rows))

    def test_fields_are_all_listed(self):
        text = harness.run([TT_SMI, "--help-fields"], env=test_smi.environment()).stdout
        listed = [[line.split()[0] for line in part.splitlines()[1:] if line.strip()]
                  for part in text.split("\n--query-")[1:]]
        for option, names in zip(("--query-devices=all", "--query-processes=all"), listed):
            self.assertEqual(self.on("n300", option, "--format=csv,nounits").splitlines()[0], ",".join(names))

    def test_unknown_field(self):
        for field, said in (("dram_usd_bytes", "did you mean dram_used_bytes?"), ("x" * 99, "--help-fields lists"),
                            ("", "--help-fields")):
            for more in ((), ("-w",)):
                result = harness.run([TT_SMI, f"--query-devices=device,{field}", *more], env=test_smi.environment())
                self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1))
                self.assertIn(said, result.stderr)

    def test_no_server(self):
        result = self.smi("--query-devices=device", expect=3, TT_ALLOC_SOCKET="/nonexistent/socket")
        self.assertEqual(result.stdout.splitlines()[0], "device")
        self.assertIn("/nonexistent/socket", result.stderr)
        self.assertEqual(self.on("no-driver", "--query-devices=device"), "device\n")

    def test_watch_has_one_header(self):
        command = [TT_SMI, "-w", "-n", "0.1", "--query-devices=device", "--root", self.out / "n300"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=test_smi.environment()) as process:
            lines = [process.stdout.readline() for _ in range(7)]
            process.terminate()
        self.assertEqual(lines, ["device\n", *["0\n", "0R\n"] * 3])

    def test_watch_without_a_server_prints_rows_only(self):
        path = os.path.join(self.server.directory, "late.sock")
        command = [TT_SMI, "-w", "-n", "0.1", "--socket", path, "--root", self.out / "n300",
                   "--query-processes=pid,tracking", "--format=csv,noheader"]
        client = self.connect()
        client.hello(raw.REPORTER)
        client.alloc(1, MIB, raw.DRAM, 0)
        client.fence()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=test_smi.environment()) as process:
            self.assertEqual(process.stdout.readline(), "4711,shm_only\n")
            os.symlink(self.server.path, path)
            seen = set()
            while f"{os.getpid()},reporting\n" not in seen:
                line = process.stdout.readline()
                self.assertTrue(line, seen)
                seen.add(line)
            process.terminate()
        self.assertEqual(seen, {"4711,shm_only\n", f"{os.getpid()},reporting\n"})

    def test_on_a_terminal_it_is_the_same(self):
        screen = test_smi.Screen("--root", str(self.out / "n300"), "--query-devices=device")
        self.addCleanup(screen.close)
        self.assertEqual(screen.read_to_end(), 0)
        self.assertEqual(screen.text, "device\r\n0\r\n0R\r\n")


if __name__ == "__main__":
    unittest.main()
