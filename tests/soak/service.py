# SPDX-License-Identifier: Apache-2.0
"""The service under test: its lives, what it answers, what it has logged, and what it costs."""

import json
import os
import pathlib
import signal
import time

import raw
from support import SOCKETS, UNIT, journal, main_pid, run

PATH = SOCKETS[0]
PROCESS_ENDED = "98e322203f7a4ed290d09fe03c09fe15"  # systemd's own, of one that ended otherwise than by exit(0)
PATIENCE = 30  # seconds; the machine may be busy with other tests


class Life:
    """One run of the server, from its start to its end."""

    def __init__(self, number, pid):
        self.number, self.pid = number, pid
        self.ended = {}  # serial -> what LIST_ENDED said
        self.quiet_uids = set()  # whose leaks are no longer logged
        self.lines_lost = 0  # of its log, as it says
        self.longest_turn_ns = 0
        self.was_stopped = False  # which counts in its longest turn

    def __str__(self):
        return f"life {self.number} (PID {self.pid})"


class Service:
    def __init__(self):
        self.lives = {}  # PID -> Life
        self._cursor = None

    def ask(self, question):
        """question(connection, life), asked again of the next life if this one ends meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with raw.Raw(PATH, timeout=PATIENCE) as connection:
                    return question(connection, self._life(connection.hello()))
            except (raw.Closed, ConnectionError, BlockingIOError):  # the last: its queue of connections is full
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _life(self, welcome):
        pid = welcome["process_id"]
        if pid not in self.lives:
            self.lives[pid] = Life(len(self.lives) + 1, pid)
        return self.lives[pid]

    def life(self):
        return self.ask(lambda _, life: life)

    # Its ends

    def kill(self, after_stop=0.0):
        before = self.life()
        if after_stop:
            before.was_stopped = True
            os.kill(before.pid, signal.SIGSTOP)
            time.sleep(after_stop)
        os.kill(before.pid, signal.SIGKILL)
        self._wait_for_next(before)

    def restart(self):
        before = self.life()
        run("systemctl", "restart", UNIT)
        self._wait_for_next(before)

    def _wait_for_next(self, before):
        deadline = time.monotonic() + PATIENCE
        while self.life() is before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{before} was not followed by another")
            time.sleep(0.05)

    def stop_for(self, seconds):
        life = self.life()
        life.was_stopped = True
        pid = life.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    @staticmethod
    def unclean_ends():
        """What ended its lives, but for those that were told to stop and did."""
        ends = journal(f"MESSAGE_ID={PROCESS_ENDED}", f"UNIT={UNIT}.service")
        return [f"{end['EXIT_CODE']} {end['EXIT_STATUS']}" for end in ends]

    # What it says

    def figures(self):
        def question(connection, life):
            figures = connection.figures()
            life.longest_turn_ns = max(life.longest_turn_ns, figures["longest_turn_ns"])
            return figures

        return self.ask(question)

    def log(self):
        """The entries of its log since the last call."""
        run("journalctl", "--sync")
        options = ["--after-cursor", self._cursor] if self._cursor else []
        said = run("journalctl", "-q", "-o", "json", *options, f"_SYSTEMD_UNIT={UNIT}.service")
        entries = [json.loads(line) for line in said.splitlines()]
        if entries:
            self._cursor = entries[-1]["__CURSOR"]
        return entries

    # What it costs

    def cost(self):
        """(open descriptors, KiB resident)"""
        process = pathlib.Path(f"/proc/{main_pid()}")
        status = (process / "status").read_text().split("VmRSS:")[1]
        return len(list((process / "fd").iterdir())), int(status.split()[0])
