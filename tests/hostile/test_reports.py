# SPDX-License-Identifier: Apache-2.0
"""Reports that lie, name what is another's, or cannot be: what a report means for somebody else is nothing, and for its
sender it is defined and counted. integration/test_accounting.py has the tables."""

import os
import unittest

from oracle import ATTACKER, KEPT, HostileTest

import raw
from harness import BIN, Child, run

IDS = 40_000
INT64_MAX = (1 << 63) - 1


class Named(Child):
    MODULES = "ctypes, raw"


class Reports(HostileTest):
    def changes(self, before):
        after = self.watch.figures()
        return {name: after[name] - before[name] for name in after}

    def test_04_messages_that_name_somebody_else(self):
        """The kernel says who it is. Reports in the bystander's name are the attacker's own, and counted as such; what
        it says of a chip that root has described changes nothing; and no message has a uid to lie about."""
        known = raw.KNOWN["asic_id"] | raw.KNOWN["dram_size"]
        describe = "send_bytes(raw.own(raw.DESCRIBE_DEVICE, {}, known={}, asic_id=7, dram_size={}))"
        owner = self.puppet()
        owner.do("c." + describe.format(9, known, 1000), "c.alloc(1, 1, device_id=9)")
        before = self.watch.figures()
        victim = self.bystander.pid
        with self.attack() as attacker:
            attacker.do(f"d = raw.Raw(path); d.hello(raw.REPORTER, process_id={victim})")
            attacker.do("c." + describe.format(9, known, 2000), "c.alloc(1, 1, device_id=9)")
            lies = [f"c.alloc(0x1000, 64, process_id={victim})", "c.free(0x1000, process_id=1)"]
            self.repeat(lambda: attacker.do(*lies))
            (lied,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            self.assertEqual(lied["uid"], ATTACKER)
            self.assertEqual(self.watch.info(9)["total_dram_size"], 1000)
            pids = {process["process_id"] for process in self.watch.entries(raw.LIST_PROCESSES)}
            self.assertEqual(pids, {victim, attacker.pid, owner.pid})
        self.assertGreaterEqual(self.changes(before)["pid_mismatch"], 2)

    def test_05_frees_of_what_is_the_bystanders(self):
        """They find nothing: the key of a buffer holds the process that the kernel names."""
        before = self.watch.figures()
        with self.attack() as attacker:
            frees = [f"c.free(0x1000, region={region}, process_id={self.bystander.pid})" for region in (*range(5), 255)]
            frees += [f"c.send(raw.{kind}, buffer_id=0x1000, size=6666)" for kind in ("CB_FREE", "KERNEL_UNLOAD")]
            attacker.do(*frees)
            self.assertEqual(self.changes(before)["unknown_free"], 8)
            self.repeat(lambda: attacker.do(*frees))

    def test_06_frees_of_nothing_and_doubles(self):
        """Each is an anomaly with a counter of its own; nothing goes below zero, and nothing is left."""
        before = self.watch.figures()
        with self.attack() as attacker:
            attacker.do("c.free(0x9999)", "c.alloc(0x2000, 64)", "c.free(0x2000)", "c.free(0x2000)")
            attacker.do("[c.alloc(0x3000, 64) for _ in range(3)]", "c.alloc(0x3000, 65)")
            attacker.do("c.free(0x3000)", "c.free(0x3000)")
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            self.assertEqual((process["buffers"], process["usage"][0, 0, raw.DRAM]["bytes"]), (0, 0))
            changes = self.changes(before)
            self.assertEqual((changes["unknown_free"], changes["shared"], changes["replaced"]), (3, 2, 1))

    def test_07_sizes_that_overflow(self):
        """What no chip has is refused, and told once; what many such sizes add up to is shown cut off, never wrapped,
        and is exact again when they are gone."""
        count, largest = 40_000, 2**48 - 1
        logs = r"Refused a report of process {pid} \(uid {uid}\): absurd size; more of this kind are only counted"
        with self.attack(logs=logs) as attacker:
            for size in (2**64 - 1, 2**63, 2**48):
                attacker.do(f"c.alloc(1, {size})", f"c.send(raw.CB_ALLOC, size={size}, buffer_id=1)")
            attacker.do(f"[c.alloc(64 * n, {largest}) for n in range({count})]")
            self.assertEqual(self.watch.totals(0)[0], INT64_MAX)
            attacker.do(f"[c.free(64 * n) for n in range(1, {count})]")
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            self.assertEqual(process["usage"][0, 0, raw.DRAM]["bytes"], largest)
            self.assertIn(self.watch.totals(0)[0] - largest - KEPT[raw.DRAM], range(0, 4096 * 16 + 1, 4096))

    def test_08_ids_chosen_to_collide(self):
        """Families of ids that a simple hash puts into one place cost the server at most twice what ids in a row cost.
        They cannot be chosen better than that, because the hash has a secret in it."""
        families = {
            "multiples of 2^12": "n << 12",
            "multiples of 2^48": "n << 48",
            "bits reversed": "int(f'{n:064b}'[::-1], 2)",
            "against the golden ratio": "n * 0xF1DE83E19937733D % 2**64",
        }
        with self.attack() as attacker:
            attacker.run(
                """
                def reports(ids):
                    return b"".join(
                        raw.message(type_, buffer_id=i, size=1) for type_ in (raw.ALLOC, raw.FREE) for i in ids
                    )
                """
            )
            in_a_row = min(self.cost_of_ids(attacker, "n") for _ in range(2))
            for name, formula in families.items():
                with self.subTest(family=name):
                    costs = (self.cost_of_ids(attacker, formula) for _ in range(3))  # the next only if it takes one
                    self.assertTrue(any(cost <= 2 * in_a_row for cost in costs), in_a_row)

    def cost_of_ids(self, attacker, formula):
        """Nanoseconds of the server's own."""
        attacker.do(f"data = reports([{formula} for n in range({IDS})])")
        before = self.server_cpu_ns()
        attacker.do("c.send_bytes(data)")
        return self.server_cpu_ns() - before

    def test_40_names_with_everything_in_them(self):
        """Newlines, escape codes and bytes that are no UTF-8 in name and command line: one event is one line, in the
        log and in tt-smi, and nothing of it reaches a terminal raw."""
        name = r"b'a\nb\x1b[31m%s\\\xff\xc2\x9b7'"
        code = f"""
# \x1b]0;title\x07 \x9b31m \u202e is in the command line, as these lines are.
ctypes.CDLL(None).prctl(15, {name})  # PR_SET_NAME
c = raw.Raw(path)
c.hello(raw.REPORTER, name={name})
c.alloc(0x1000, 4096)
c.fence()
say()
wait()
"""
        logs = r"^Process {pid} \(a\\x0ab\\x1b\[31m%s\\x5c\\xff\\xc2\\x9b7, uid {uid}\) exited but left 1 buffer "
        with self.attack(Named, code, logs=logs) as attacker:
            attacker.hear()
            smi = {**os.environ, "TT_ALLOC_SOCKET": self.server.path, "LC_ALL": "C.UTF-8"}
            for options in ((), ("--json",), ("top",)):
                told = run([BIN / "tt-smi", *options], env=smi)
                self.assertTrue(all(line.isprintable() for line in told.stdout.split("\n")), repr(told.stdout))
                self.assertEqual(told.returncode, 0, told.stderr)


if __name__ == "__main__":
    unittest.main()
