# SPDX-License-Identifier: Apache-2.0
"""What the checks are written with: running commands, waiting, reading the journal, and three kinds of clients."""

import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
UNIT = "tt-allocation-server"
SOCKETS = ("/tmp/tt_allocation_server.sock", "/run/tt-allocation/server.sock")


class Failure(Exception):
    """A check found something else than it expected."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def run(*command, status=0):
    """The command's output, if it ends with this status."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    expect(done.returncode == status, f"{' '.join(command)} exited with {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def wait_for(what, probe, seconds=10):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        expect(time.monotonic() < deadline, f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return found


def show(name, unit=UNIT + ".service"):
    return run("systemctl", "show", "--value", "-p", name, unit).strip()


def main_pid():
    pid = int(show("MainPID"))
    expect(pid > 0, "the service does not run")
    return pid


def proc_status(pid, name):
    found = re.search(rf"^{name}:\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return found.group(1)


def journal(*matches):
    run("journalctl", "--sync")
    return [json.loads(line) for line in run("journalctl", "-q", "-o", "json", *matches).splitlines()]


def add_settings(name, *lines):
    """Settings for this test, as `systemctl edit --runtime` would make them."""
    directory = pathlib.Path(f"/run/systemd/system/{UNIT}.service.d")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.conf").write_text("\n".join(("[Service]",) + lines) + "\n")
    run("systemctl", "daemon-reload")


def as_user(uid, *groups):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}"] + (
        [f"--groups={','.join(groups)}"] if groups else ["--clear-groups"]
    )


def client_environment(path):
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "/usr/share/tt-alloc/python",
        "TT_ALLOC_TRACKING_ENABLED": "1",
        "TT_ALLOC_SOCKET": path,
    }


def ask(program, uid, *groups):
    """What a program that uses tt_alloc.py prints to this user."""
    command = [*as_user(uid, *groups), "python3", "-c", "import tt_alloc; " + program]
    environment = client_environment(SOCKETS[0])
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return done.stdout.strip()


class Reporter:
    """reporter.py as another user. It holds its buffers until it is killed, at the latest when the block ends."""

    HOLDS = f"{3 << 20} {2 << 16}"
    BUFFERS = 5
    AMOUNTS = "3.0 MiB dram, 128 KiB l1"

    def __init__(self, uid=1000, path=SOCKETS[0], wrapper=(), forks=True):
        """wrapper: a command to run it by. It forks to do so, or becomes it."""
        self._process = subprocess.Popen(
            [*wrapper, *as_user(uid), "python3", str(HERE / "reporter.py")],
            env=client_environment(path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if wrapper else None,  # unshare complains of a killed child
            text=True,
        )
        self.pid = self._process.pid
        try:
            self.expect_answer()
        except Failure:
            self.kill()
            raise
        if wrapper and forks:
            self.pid = int(pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self._process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate(timeout=10)

    def ask_again(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.expect_answer()

    def expect_answer(self):
        answer = self._process.stdout.readline().strip()
        expect(answer == self.HOLDS, f"the server counts {answer or 'nothing'} for a process that holds {self.HOLDS}")


class App:
    """An application that uses the library, of another user. It does what it is told and lives until the block ends."""

    def __init__(self, uid=1000, path=SOCKETS[0], wrapper=()):
        """wrapper: a command that becomes it."""
        self._process = subprocess.Popen(
            [*wrapper, *as_user(uid), str(HERE / "app")],
            env=client_environment(path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate(timeout=10)

    def do(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        expect(self._process.stdout.readline(), f"the application ended at: {command}")

    def wait_for_buffers(self, count):
        """Until tt-smi shows exactly so many live buffers of it, for certain."""

        def is_known():
            found = [process for process in json.loads(run("tt-smi", "--json"))["processes"] if process["pid"] == self.pid]
            return found and found[0]["buffers"] == count and not found[0]["inexact"]

        wait_for(f"tt-smi to show {count} buffers of PID {self.pid}", is_known)


class Question:
    """A question of the oldest kind, asked at once: how much is allocated on device 0?"""

    def __init__(self, path, before=b""):
        """before: what is sent first, on the same connection."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(path)
        self._socket.sendall(before + struct.pack("=B3xi104x", 3, 0))

    def expect_answer(self):
        """Returns how many bytes of DRAM are allocated."""
        with self._socket:
            answer = self._socket.recv(112, socket.MSG_WAITALL)
        expect(len(answer) == 112 and answer[0] == 4, f"no answer on {self._path}, only {answer[:8]!r}")
        return struct.unpack_from("=Q", answer, 40)[0]
