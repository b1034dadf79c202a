# SPDX-License-Identifier: Apache-2.0
"""Two processes of another uid that do, beside an attack, what everybody does: one reports, one asks."""

import ast
import contextlib
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import raw
from harness import BIN, PATIENCE, Child, client_environment

INNOCENT = 40002
KEPT = {  # what the bystander holds on device 0
    raw.DRAM: 1111,
    raw.L1: 2222,
    raw.SYSTEM_MEMORY: 3333,
    raw.L1_SMALL: 4444,
    raw.TRACE: 5555,
    raw.CB: 6666,
    raw.KERNEL: 7777,
}


class Bystander:
    """Reports through libtt-alloc all the time, and knows what its calls cost: see integration/helpers/bystander.c."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [str(BIN / "bystander"), str(INNOCENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=client_environment(path),
        )
        self.pid = self.process.pid

    def tell(self, word):
        """What it answers, as numbers by name."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the bystander ended with {self.process.wait(PATIENCE)}"
        return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", answer)}

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


class Asker(Child):
    """Asks every 5 ms what the bystander holds, and for the totals of its device, and checks what it can know. The time
    that an answer takes is without that in which server or asker were ready to run, and the machine ran others."""

    CODE = """
import select
bystander, server, kept = eval(os.environ["KNOWN"])
c = raw.Raw(path)
c.hello()

def waited():
    return sum(int(open(f"/proc/{pid}/schedstat").read().split()[1]) / 1e9 for pid in (server, os.getpid()))

def timed(question):
    began, without = time.monotonic(), waited()
    answer = question()
    took.append(time.monotonic() - began - (waited() - without))
    return answer

def held():
    (process,) = c.entries(raw.LIST_PROCESSES, process_id=bystander)
    return {key[2]: u["bytes"] for key, u in process["usage"].items() if key[1] == 0}

def is_right(found):
    passing = found[raw.DRAM] - kept[raw.DRAM]  # buffers of 4096 bytes that come and go
    return {**found, raw.DRAM: kept[raw.DRAM]} == kept and passing in range(0, 4096 * 16 + 1, 4096)

took, wrong = [], []
say()
while True:
    if select.select([sys.stdin], [], [], 0.005)[0]:
        word = sys.stdin.readline()
        if not word:
            break
        if word == "pause\\n":
            say()
            wait()
            say()
            continue
        say(repr((len(took), max(took, default=0), wrong[:3])))
        took, wrong = [], []
    found = timed(held)
    timed(c.totals)
    if not is_right(found):
        wrong.append(found)
"""

    def __init__(self, server, bystander):
        known = bystander.pid, server.process.pid, KEPT
        super().__init__(self.CODE, server.path, INNOCENT, {"KNOWN": repr(known)})
        self.hear()

    def judge(self):
        """(questions, the longest that an answer took, wrong ones) since the last time."""
        self.tell()
        return ast.literal_eval(self.hear())

    @contextlib.contextmanager
    def is_silent(self):
        """A block in which it asks nothing: a question makes the server look into all rings."""
        self.tell("pause")
        self.hear()
        yield
        self.tell()
        self.hear()
