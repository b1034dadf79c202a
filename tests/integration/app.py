# SPDX-License-Identifier: Apache-2.0
"""The process of helpers/app.c, which uses libtt-alloc as an application does, and is told what to do."""

import contextlib
import os
import re
import signal
import subprocess

from harness import BIN, PATIENCE, client_environment

APP = BIN / "app"
SIZE = 4096  # of each buffer of an app


class App:
    """A process with the library. do() returns when it has done what it was told."""

    def __init__(self, path, uid=-1, **environment):
        self.process = subprocess.Popen(
            [str(APP), *([str(uid)] if uid >= 0 else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**client_environment(path), **environment},
            start_new_session=True,  # so that its child can be ended with it
        )
        self.pid = self.process.pid

    def begin(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def finish(self):
        line = self.process.stdout.readline()
        assert line, f"the app ended with {self.process.poll()}: {self.process.stderr.read()}"
        return line

    def do(self, command):
        self.begin(command)
        line = self.finish()
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)} or int(line)

    def leave(self):
        """It exits with what it holds. Returns what it wrote to stderr."""
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        assert status == 0, f"the app ended with {status}: {self.process.stderr.read()}"
        return self.process.stderr.read()

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
