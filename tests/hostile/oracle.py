# SPDX-License-Identifier: Apache-2.0
"""What must be true of the server, and of innocent clients beside the attacker, when an attack is over.

The promise is that one uid's misbehaviour changes nothing for another. So every case has two innocents of a uid of
their own beside it (innocents.py): a bystander that reports through libtt-alloc and its ring, holds a known buffer in
each region and times its calls, and an asker that puts one question after the other. A case is

    with self.attack(logs=r"Refused a report of process {pid} \\(uid {uid}\\)") as attacker:
        self.repeat(lambda: attacker.do("c.alloc(0x1000, 2**60)"))

and is judged at the end of the block:

- the server runs, answers, and no sanitizer has found anything;
- it has the descriptors that it had before: not only as many, but the same;
- the bystander's figures are exact, by region and by number of reports: what it made was applied, and nothing lost;
- the processes of a device add up to its row, and each report that arrived ended in one of the counters for it;
- a reporting call cost at most TWICE what it had cost before, in the same process, moments ago;
- the asker was told the truth, and never waited longer than STALL;
- the log has the line that the case expects, once, and none besides but what attackers left behind.

On noise: what a call costs is the best of several medians, so that a batch that was not run to its end, or a neighbour
on a machine with two cores, does not count, and what makes every call dear does. It is judged where the attack lasts
long enough, and repeat() and stay() make it so.
"""

import collections
import contextlib
import os
import pathlib
import re

from innocents import INNOCENT, KEPT, Asker, Bystander

import raw
from harness import PATIENCE, Puppet, ServerTest, read_proc, wait_until
from ring_test import OUTCOMES

__all__ = ["ATTACKER", "INNOCENT", "KEPT", "LEFT_BEHIND", "STALL", "HostileTest"]

ATTACKER = 40001
REGION = 0
# What is told of buffers that attackers held at their end.
LEFT_BEHIND = (
    rf"^Process \d+ \(.*, uid {ATTACKER}\) (exited|closed its connection) but left |^    (\[Device|\.\.\. and )"
    rf"|^Process \d+: the largest of what it left:$"
)

TWICE = 2.0
WINDOWS = 4  # medians, some 20 ms each
# An answer takes a millisecond, also with sanitizers. A loop that blocks, or that does all that one session wants
# before it looks at another, takes hundreds. Between the two is what a busy machine with two cores does to everything.
STALL = 0.25


class HostileTest(ServerTest):
    """A test with a server, the innocents, and attackers, which attack() and attacker() make."""

    patience = PATIENCE  # for what must come behind an attack
    IS_STOPPED = False  # the test stops the server, so that innocents wait and may lose reports, which are counted

    def setUp(self):
        self.require_root()
        super().setUp()
        self.attackers = []
        self.bystander = Bystander(self.server.path)
        self.addCleanup(self.bystander.close)
        self.watch = self.watcher()
        wait_until(self._has_grown, "the bystander's ring to have its final size")
        self.asker = Asker(self.server, self.bystander)
        self.addCleanup(self.asker.close)

    def _has_grown(self):
        figures = self.watch.figures()
        return figures["rings"] == 1 and figures["ring_bytes"] > 1 << 20

    # Attacking

    def attacker(self, kind=Puppet, *arguments):
        """A process of the attacker's uid, gone at the end of the attack: Puppet, RingPuppet, BarePuppet, App, or Child
        with its code, or a class made from one of them."""
        made = kind(*arguments, self.server.path, uid=ATTACKER)
        self.addCleanup(made.close)
        self.attackers.append(made)
        return made

    @contextlib.contextmanager
    def attack(self, kind=Puppet, *arguments, logs=None, besides=LEFT_BEHIND):
        """A block with an attacker, and the judgement behind it.

        logs: the line that the log must have then, exactly once; {uid} and {pid} are the attacker's. besides: lines
        that may come in any number. Any other line fails the test.
        """
        self._begin()
        attacker = self.attacker(kind, *arguments)
        yield attacker
        questions = self.asker.judge()
        for each in self.attackers:
            each.close()
        self.attackers = []
        self._judge_server()
        self._judge_log(logs and logs.format(uid=ATTACKER, pid=attacker.pid), besides)
        self._judge_figures()
        self._judge_waiting(questions)

    def repeat(self, action):
        """Does it until it has lasted long enough to see what calls of innocents cost meanwhile."""
        self.bystander.tell("begin")
        while (measured := self.bystander.tell("measure"))["windows"] < WINDOWS:
            action()
        self.costs.append(measured["call_ns"])

    def stay(self):
        """The same while attackers act by themselves."""
        self.repeat(lambda: wait_until(self._another_window(), "the bystander to measure"))

    def _another_window(self):
        already = self.bystander.tell("measure")["windows"]
        return lambda: self.bystander.tell("measure")["windows"] > already

    def restart_server(self):
        """Kills it and starts another one. The innocent that asks begins anew, the one that reports finds it."""
        self.asker.close()
        self.server.kill9()
        self.server.start()
        self._lines, self._open = len(self.server.lines), None  # whose are which cannot be told while all come back
        self.watch = self.watcher()
        wait_until(lambda: self.bystander.pid in self.pids(), "the bystander to be back")
        self.asker = Asker(self.server, self.bystander)
        self.addCleanup(self.asker.close)

    def pids(self):
        """Of processes that report."""
        return {process["process_id"] for process in self.watch.entries(raw.LIST_PROCESSES)}

    def wait_for_buffers(self, pid, count):
        """Until the server knows so many, and has nothing that it is not certain of."""

        def is_known():
            process = self.watch.process(pid)
            return process and process["buffers"] == count and not process["flags"] & raw.INEXACT

        wait_until(is_known, f"{count} buffers of PID {pid}")

    def server_cpu_ns(self):
        """How long the server has been running on a processor."""
        return int(read_proc(self.server.process.pid, "schedstat").split()[0])

    # Judging

    def _begin(self):
        self.costs = []  # of a call of the bystander: before, and at times in the attack
        self.stay()
        self.asker.judge()
        self._lines, self._open = len(self.server.lines), self._descriptors()

    def _descriptors(self):
        """What each descriptor of the server is. Sockets have numbers, so another one is another."""
        found = collections.Counter()
        for entry in pathlib.Path(f"/proc/{self.server.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[os.readlink(entry)] += 1
        return found

    def _judge_log(self, expected, besides):
        def find():
            return [line for line in self.server.lines[self._lines :] if expected and re.search(expected, line)]

        if expected:
            wait_until(find, f"the line {expected}", self.patience)
        self.watch.fence()
        lines, matching = self.server.lines[self._lines :], find()
        self.assertEqual(len(matching), 1 if expected else 0, "\n".join(lines))
        self.assertEqual([line for line in lines if line not in matching and not re.search(besides, line)], [])

    def _judge_server(self):
        self.assertIsNone(self.server.process.poll(), self.server.log())
        self.server.check_sanitizers()
        wait_until(
            lambda: self._open in (None, self._descriptors()),
            f"the server to have the descriptors of before: {self._open} and not {self._descriptors()}",
            self.patience,
        )

    def _judge_figures(self):
        made = self.bystander.tell("rest")
        if self.IS_STOPPED:
            wait_until(lambda: not self._bystander()["flags"] & raw.INEXACT, "the bystander's resync")
        else:
            self.assertEqual(made["lost"], 0, "reports of the bystander were lost")
        self._judge_bystander(made)
        self.check_sums()
        self.bystander.tell("go")

    def _bystander(self):
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=self.bystander.pid)
        return process

    def _judge_bystander(self, made):
        process = self._bystander()
        usage = {key[2]: used for key, used in process["usage"].items() if key[1] == REGION}
        self.assertEqual({region: used["bytes"] for region, used in usage.items()}, KEPT)
        self.assertEqual((process["buffers"], process["uid"], process["flags"]), (len(KEPT), INNOCENT, 0))
        applied = {name: sum(used[name] for used in usage.values()) for name in ("allocations", "frees")}
        self.assertEqual({**applied, "lost": process["lost"]}, made)

    def check_sums(self):
        """Of a moment at which nobody reports: processes add up to devices, and reports to what became of them."""
        sums = collections.Counter()
        for process in self.watch.entries(raw.LIST_PROCESSES):
            for key, used in process["usage"].items():
                sums.update({(*key, name): used[name] for name in ("bytes", "buffers")})
        rows = collections.Counter()
        for device in self.watch.entries(raw.LIST_DEVICES):
            for key, used in device["usage"].items():
                rows.update({(*key, name): used[name] for name in ("bytes", "buffers")})
        self.assertEqual(+sums, +rows)
        figures = self.watch.figures()
        self.assertEqual(figures["reports"], sum(figures[name] for name in OUTCOMES), figures)

    def _judge_waiting(self, questions):
        asked, longest, wrong = questions
        before, *during = self.costs
        if self.IS_STOPPED:
            return
        self.assertEqual(wrong, [], "the asker was told what cannot be")
        self.assertLess(longest, STALL, f"an answer out of {asked} was late")
        for cost in during:
            self.assertLessEqual(cost / before, TWICE, f"a call cost {before} ns before, and {cost} during the attack")
