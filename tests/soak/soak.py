# SPDX-License-Identifier: Apache-2.0
"""The soak: rounds of faults, each followed by a calm in which everything must add up. soak.py MINUTES SEED

Runs as root on a throw-away machine whose PID 1 is systemd (tests/system). In the first half of its time the server is
killed and restarted too; in the second it lives on, so that what grows with its age can be seen. Exits with 1 if
anything the server said was not so.
"""

import random
import subprocess
import sys
import time

import journal
import raw
from checker import Checker
from nemesis import Nemesis
from population import Population
from service import Service
from support import UNIT, Failure, add_settings, run

ROUND = 8  # seconds of faults, at most
BURST = {journal.PYTHON: 500, journal.RING: 100000, journal.SOCKET: 20000}
RSS_GROWTH_MAX = 16384  # KiB; a list of a thousand ended processes fills up meanwhile
WARM, LAST = "warm, with clients", "at the last, with clients"


class Soak:
    def __init__(self, minutes, seed):
        random_ = random.Random(seed)
        self._deadline = time.monotonic() + 60 * minutes
        self._half_time = time.monotonic() + 30 * minutes
        self._minutes, self._seed, self._began = minutes, seed, time.monotonic()
        self._service = Service()
        self._population = Population(random_)
        self._checker = Checker(self._service, self._population, seed)
        self._nemesis = Nemesis(random_, self._service, self._population, self._checker)
        self._costs = {}  # when -> (descriptors, KiB)
        self._made_before = 0
        self._rounds = 0

    def run(self):
        try:
            self._live()
        except (OSError, raw.Closed, Failure, subprocess.SubprocessError) as error:  # not done in time
            self._checker.mismatch(f"{type(error).__name__}: {error}")
        return self._tell()

    def _live(self):
        self._service.life()
        self._costs["at the start"] = self._service.cost()
        self._nemesis.everybody()
        while time.monotonic() < self._deadline or WARM not in self._costs:
            self._round()
        self._end_everybody()
        self._costs["at the end"] = self._service.cost()
        self._check_costs()
        self._check_lives()

    def _round(self):
        with_restarts = time.monotonic() < self._half_time
        left = self._deadline - time.monotonic()
        self._nemesis.rage(min(ROUND, max(1, left)), with_restarts)
        self._nemesis.calm_down()
        self._rounds += 1
        self._calm()
        if not with_restarts:
            self._costs.setdefault(WARM, self._service.cost())
            self._costs[LAST] = self._service.cost()
        for client in self._population.living:
            self._population.tell(client, journal.RUN)
        print(f"round {self._rounds}, {time.monotonic() - self._began:.0f} s: {self._reports()} reports", flush=True)

    def _calm(self):
        self._checker.check_everybody()
        self._checker.check_all_reported()
        self._checker.check_log()
        self._checker.check_sums()
        self._checker.check_books(self._burst, self._nemesis.disturb)

    def _burst(self, disturb):
        clients = list(self._population.living)
        words = [
            self._population.tell(client, journal.BURST, BURST.get(client.kind, 10000)) for client in clients
        ]
        disturb()
        for client, word in zip(clients, words):
            self._population.wait(client, word)

    def _end_everybody(self):
        for client in list(self._population.living):
            self._population.kill(client)
        self._population.wait_for_ends(lambda: not self._population.living)
        self._checker.check_all_reported()
        self._checker.check_log()
        self._checker.check_sums()

    def _check_costs(self):
        before, after = self._costs["at the start"][0], self._costs["at the end"][0]
        if before != after:
            self._checker.mismatch(f"{before} descriptors were open at the start and {after} at the end")
        before, after = (self._costs[when][1] for when in (WARM, LAST))
        if after - before > RSS_GROWTH_MAX:
            self._checker.mismatch(f"{before} KiB were resident when it was warm, and {after} at the end")

    def _check_lives(self):
        """Nobody but us ended a server, neither a crash nor the system call filter."""
        faults, ends = self._nemesis.faults, self._service.unclean_ends()
        wanted = ["killed 9"] * (faults["server killed"] + faults["server killed while stopped"])
        if ends != wanted:
            self._checker.mismatch(f"servers ended by {ends}, and we killed {len(wanted)}")
            print(run("journalctl", "--no-pager", "-n", "40", "-u", UNIT), flush=True)

    def _reports(self):
        everybody = self._population.living + self._population.ended
        return sum(client.made() for client in everybody)

    def _longest_turn(self, was_stopped):
        lives = [life for life in self._service.lives.values() if life.was_stopped == was_stopped]
        longest = max((life.longest_turn_ns for life in lives), default=0)
        return f"{longest / 1e6:.2f} ms" if longest else "-"

    def _tell(self):
        checker = self._checker
        turn, turn_with_stops = self._longest_turn(False), self._longest_turn(True)
        lines = {
            "seed": self._seed,
            "duration": f"{time.monotonic() - self._began:.0f} s, {self._rounds} rounds",
            "reports": self._reports(),
            **{f"faults, {name}": count for name, count in sorted(self._nemesis.faults.items())},
            "clients": len(self._population.ended),
            "lives of the server": len(self._service.lives),
            **dict(sorted(checker.counts.items())),
            **{f"server {when}": f"{cost[0]} descriptors, {cost[1]} KiB" for when, cost in self._costs.items()},
            "longest turn of the loop": f"{turn}; {turn_with_stops} where the server was stopped",
            "lost beyond what was counted": checker.lost_uncounted,
            "mismatches": len(checker.mismatches),
        }
        for name, value in lines.items():
            print(f"{name + ':':42}{value}", flush=True)
        return 1 if checker.mismatches else 0


def main():
    minutes, seed = float(sys.argv[1]), int(sys.argv[2])
    run("systemd-sysusers")
    add_settings("filter", "SystemCallErrorNumber=kill")
    run("systemctl", "start", UNIT)
    return Soak(minutes, seed).run()


if __name__ == "__main__":
    sys.exit(main())
