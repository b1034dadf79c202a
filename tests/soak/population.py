# SPDX-License-Identifier: Apache-2.0
"""The clients: how they are started and told, and when they have ended.

A client here is what the server must tell of as one: a process from one beginning to the next end. One that executes
anew, or hangs up and connects again, is followed by another client with the same PID.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

import journal
from service import PATH

HERE = pathlib.Path(__file__).resolve().parent
DIRECTORY = pathlib.Path("/run/soak")
PR_SET_CHILD_SUBREAPER = 36
UIDS = range(20001, 20009)
ROGUE_UID = 30001
EXITED, HUNG_UP = 1, 2  # TT_ALLOC_REASON_*
PATIENCE = 60


class Client:
    def __init__(self, name, uid, book, pid=None):
        self.name, self.uid, self.book = name, uid, book
        self.kind, self.pid = book.kind, book.pid
        self.began = time.monotonic()
        self.exact_in = set()  # lives of the server that were seen to know exactly what it holds
        self.stopped_until = None
        self.is_given_up = False  # the server was found wrong about it
        self.reason = None  # why it ended
        self.ended_at = None
        self.states = []  # what it may have held then
        self.records = []  # (life, what LIST_ENDED said)
        self.history = []

    def __str__(self):
        return f"{self.name} ({journal.KINDS[self.kind]}, PID {self.pid}, uid {self.uid})"

    def note(self, what):
        self.history.append(f"{time.monotonic() - self.began:.1f} s {what}")

    def end(self, reason):
        self.reason, self.ended_at, self.states = reason, time.monotonic(), self.book.states()
        self.note("ended" if reason == EXITED else "hung up")

    def forget_journal(self):
        self.book.close()
        os.unlink(self.book.path)

    def made(self):
        return self.states[0].made if self.states else self.book.word("made")


class Population:
    def __init__(self, random_):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        DIRECTORY.mkdir()
        DIRECTORY.chmod(0o1777)
        self._random = random_
        self._count = 0
        self.living = []
        self.ended = []
        self.crashes = []  # what nobody told to end
        self.rogues = {}  # pid -> sort, of those that live
        self.rogue_pids = set()  # of all that ever lived

    # Beginnings

    def _start(self, command, uid, environment):
        paths = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{HERE}:/usr/share/tt-alloc/python"}
        process = subprocess.Popen(
            command, user=uid, group=uid, extra_groups=[], env={**paths, **environment}, stdin=subprocess.DEVNULL
        )
        process.returncode = 0  # reap() waits for it, and nobody else
        return process.pid

    def spawn(self, kind):
        self._count += 1
        uid = UIDS[self._count % len(UIDS)]
        slots = self._random.choice((64, 512) if kind == journal.PYTHON else (64, 512, 2048, 2048, 8192))
        seed, name = self._random.randrange(1, 2**32), f"client-{self._count}"
        path = str(DIRECTORY / name)
        if kind == journal.PYTHON:
            command = ["python3", "-B", str(HERE / "python_client.py"), str(seed), str(slots), path]
        else:
            command = [str(HERE / "client"), str(kind), str(seed), str(slots), path, PATH]
        environment = {"TT_ALLOC_TRACKING_ENABLED": "1", "TT_ALLOC_SOCKET": PATH}
        if kind == journal.SOCKET:
            environment["TT_ALLOC_TRANSPORT"] = "socket"
        self._start(command, uid, environment)
        return self._add(path, uid)

    def _add(self, path, uid):
        client = Client(pathlib.Path(path).name, uid, journal.wait_until_ready(path))
        self.living.append(client)
        return client

    def spawn_rogue(self, sort, seconds):
        seed = self._random.randrange(2**32)
        command = ["python3", "-B", str(HERE / "rogue.py"), sort, str(seed), str(seconds), PATH]
        pid = self._start(command, ROGUE_UID, {})
        self.rogues[pid] = sort
        self.rogue_pids.add(pid)

    # Commands

    def tell(self, client, command, argument=0):
        client.note(f"told: {journal.COMMANDS[command]}")
        return client.book.tell(command, argument)

    def wait(self, client, word):
        deadline = time.monotonic() + PATIENCE
        while not client.book.is_done(word):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{client} has not done what it was told for {PATIENCE} s")
            time.sleep(0.002)

    def fork(self, client):
        self.wait(client, self.tell(client, journal.FORK))
        self.tell(client, journal.RUN)
        return self._add(f"{client.book.path}.{client.book.word('children')}", client.uid)

    def execute_anew(self, client):
        """client is at rest."""
        path = f"{client.book.path}+{client.book.word('children') + 1}"
        self.tell(client, journal.EXEC)
        successor = self._add(path, client.uid)
        self._finish(client, HUNG_UP)
        client.forget_journal()
        return successor

    def hang_up(self, client):
        """client is at rest, and an older one."""
        states = client.book.states()
        self.wait(client, self.tell(client, journal.HANG_UP))
        self._finish(client, HUNG_UP)
        client.states = states
        successor = self._add(client.book.path, client.uid)
        client.book.close()
        return successor

    # Ends

    def kill(self, client):
        client.note("killed")
        os.kill(client.pid, signal.SIGKILL)

    def stop(self, client, seconds):
        client.note(f"stopped for {seconds:.1f} s")
        client.stopped_until = time.monotonic() + seconds
        os.kill(client.pid, signal.SIGSTOP)

    def wake_up(self, everybody=False):
        for client in self.living:
            if client.stopped_until and (everybody or client.stopped_until <= time.monotonic()):
                client.stopped_until = None
                os.kill(client.pid, signal.SIGCONT)

    def _finish(self, client, reason):
        client.end(reason)
        self.living.remove(client)
        self.ended.append(client)

    def reap(self):
        """Notes who has died. Only we wait for anybody, so no PID is free before we have seen its end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.rogues.pop(pid, None)
            for client in [client for client in self.living if client.pid == pid]:
                self._finish(client, EXITED)
                client.forget_journal()
                if status not in (0, signal.SIGKILL):
                    self.crashes.append((client, status))

    def end_rogues(self):
        for pid in self.rogues:
            os.kill(pid, signal.SIGKILL)
        self.wait_for_ends(lambda: not self.rogues)

    def wait_for_ends(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.reap()
            if time.monotonic() > deadline:
                raise TimeoutError("a process that was told to end lives")
            time.sleep(0.01)
