# SPDX-License-Identifier: Apache-2.0
"""tt-smi run, with real commands: what it counts, what it exits with, and that nothing of it stays behind.

Commands are programs in Python that report through the Python client or frame by frame. They find `say`, which prints a
line, and `wait`, which waits for a line from the test; the test waits for what it can see, and never for time.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import harness
import raw
from harness import ServerTest, wait_until

sys.path.insert(0, str(harness.SRC / "tests" / "fixtures"))
sys.dont_write_bytecode = True

from maker.devices import Device  # noqa: E402 (found through the path above)
from maker.host import Host  # noqa: E402
from maker.tree import Tree  # noqa: E402

TT_SMI = harness.BIN / "tt-smi"
MIB = 1 << 20
LEAKS, INCOMPLETE = 23, 7

PREAMBLE = f"""
import os, signal, sys
sys.path[:0] = [{str(harness.PYTHON_CLIENT)!r}, {str(harness.HERE)!r}]
import raw, tt_alloc
DRAM, L1 = tt_alloc.DRAM, tt_alloc.L1
path = os.environ.get("TT_ALLOC_SOCKET")
alloc, free = tt_alloc.report_allocation, tt_alloc.report_deallocation
def say(text):
    print(text, flush=True)
def wait():
    sys.stdin.readline()
"""

CLEAN = "alloc(0, 1 << 20, DRAM, 1); free(0, 1)"
LEAKING = "alloc(0, 1 << 20, DRAM, 1); alloc(1, 3 << 10, L1, 2); alloc(0, 5, DRAM, 3); free(0, 3)"
HOLDING = "say(os.getpid()); wait()"
PAUSING = "say(os.getpid()); signal.pause()"


def program(code):
    return [sys.executable, "-S", "-B", "-c", PREAMBLE + code]


class Base:
    """What all tests need: a directory for whatever the tool may leave behind, and a look at whether it did."""

    def make_place(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.addCleanup(self.check_nothing_is_left)

    def environment(self):
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TT_ALLOC_")}
        return {**ours, "TT_ALLOC_SOCKET": self.socket_path(), "TMPDIR": str(self.place), "LC_ALL": "C.UTF-8"}

    def command(self, options, command):
        return [str(word) for word in (TT_SMI, "run", *options, "--", *command)]

    def start(self, code, *options, **more):
        process = subprocess.Popen(
            self.command(options, program(code)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=self.environment(), **more)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()

    def finish(self, process, line="\n"):
        """Lets it go on behind wait(); returns its exit code, and keeps what it said."""
        self.out, self.err = process.communicate(line, timeout=harness.PATIENCE)
        self.assertNotRegex(self.err, "Sanitizer|runtime error:")
        return process.returncode

    def run_command(self, command, *options, **more):
        more.setdefault("env", self.environment())
        result = subprocess.run(self.command(options, command), capture_output=True, text=True,
                                timeout=harness.PATIENCE, **more)
        self.out, self.err = result.stdout, result.stderr
        self.assertNotRegex(self.err, "Sanitizer|runtime error:")
        return result.returncode

    def err_of(self):
        return getattr(self, "err", "")

    def run_code(self, code, *options, **more):
        return self.run_command(program(code), *options, **more)

    def processes_of_this_test(self):
        mark = f"TMPDIR={self.place}".encode()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes())
        return found

    def check_nothing_is_left(self):
        wait_until(lambda: not self.processes_of_this_test(), "all processes to be gone")
        self.assertEqual([name for name in os.listdir(self.place) if name.startswith("tt-smi")], [])


class WithServer(Base, ServerTest):
    def setUp(self):
        super().setUp()
        self.make_place()

    def socket_path(self):
        return self.server.path


class Results(WithServer):
    """What a command did, and what comes of it; a server is running, and others report to it as well."""

    def test_clean(self):
        self.assertEqual(self.run_code(CLEAN + "; say('mine')", "--strict"), 0, self.err_of())
        self.assertEqual(self.out, "mine\n")
        self.assertIn("tt-smi: 1 process reported, 1 allocation, 1 free, peak DRAM 1.0M\n", self.err)
        self.assertIn("tt-smi: coverage complete: no untracked process used the devices, 0 reports lost\n", self.err)
        self.assertTrue(self.err.endswith("tt-smi: command passed, gate passed\n"), self.err)

    def test_leaking(self):
        self.assertEqual(self.run_code(LEAKING), LEAKS)
        self.assertIn("1 process reported, 3 allocations, 1 free, peak DRAM 1.0M, peak L1 3.0K\n", self.err)
        leaks = re.findall(r"^tt-smi: LEAK (.*)$", self.err, re.M)
        self.assertEqual(len(leaks), 2, self.err)
        self.assertRegex(leaks[0], rf"^1 buffer, 1\.0M DRAM, device 0, pid \d+, {re.escape(sys.executable)} ")
        self.assertRegex(leaks[1], r"^1 buffer, 3\.0K L1, device 1, pid \d+, ")
        self.assertTrue(self.err.endswith("tt-smi: command passed, leak gate FAILED\n"), self.err)

    def test_others_do_not_count(self):
        other = self.puppet()
        other.do("c.alloc(1, 5 << 20)")
        process = self.start(CLEAN + ";" + HOLDING, "--strict", "--leaks", "any")
        process.stdout.readline()
        other.do("c.alloc(2, 5 << 20)")
        other.process.stdin.close()
        other.process.wait()
        self.assertEqual(self.finish(process), 0, self.err_of())
        self.assertIn("1 process reported, 1 allocation, 1 free, peak DRAM 1.0M\n", self.err)

    def test_many_leaks(self):
        self.assertEqual(self.run_code("for i in range(8): alloc(i, (i + 1) << 20, DRAM, i)"), LEAKS)
        leaks = re.findall(r"^tt-smi: LEAK (.*)$", self.err, re.M)
        self.assertEqual([leak.split(",")[1] for leak in leaks[:5]],
                         [" 8.0M DRAM", " 7.0M DRAM", " 6.0M DRAM", " 5.0M DRAM", " 4.0M DRAM"])
        self.assertEqual(leaks[5:], ["... and 3 more; 8 buffers in all"])

    def test_a_leak_that_it_had_forgotten(self):
        self.assertEqual(self.run_code("""
child = os.fork()
if child == 0:
    alloc(0, 1 << 20, DRAM, 1)
    tt_alloc.devices()
    os._exit(0)
os.waitpid(child, 0)
while not tt_alloc.ended(pid=child):
    pass
assert tt_alloc.forget(child) == 1 and tt_alloc.ended(pid=child)[0]["forgotten"]
"""), LEAKS)
        self.assertIn("tt-smi: LEAK 1 buffer, 1.0M", self.err)

    def test_codes_and_classes(self):
        self.assertEqual(self.run_code(LEAKING, "--leak-exitcode", "99"), 99)
        self.assertEqual(self.run_code(LEAKING, "--leak-exitcode", "0"), 0)
        self.assertIn("tt-smi: LEAK 1 buffer, 1.0M", self.err)
        self.assertEqual(self.run_code(LEAKING, "--leaks", "none", "--strict"), 0)
        self.assertNotIn("LEAK", self.err)

    def test_the_failure_of_the_command_wins(self):
        self.assertEqual(self.run_code(LEAKING + "; sys.exit(5)", "--max-peak", "dram=1K"), 5)
        self.assertIn("tt-smi: LEAK", self.err)
        self.assertTrue(self.err.endswith("command FAILED with 5, leak and limit gates FAILED\n"), self.err)
        self.assertEqual(self.run_code(LEAKING + "; os.kill(os.getpid(), signal.SIGSEGV)"), 128 + signal.SIGSEGV)
        self.assertEqual(len(re.findall("^tt-smi: LEAK", self.err, re.M)), 2, self.err)

    def test_limits(self):
        self.assertEqual(self.run_code(CLEAN, "--max-peak", "dram=1M", "--max-peak=l1=0", "--strict"), 0)
        self.assertIn("peak DRAM 1.0M (limit 1.0M), peak L1 - (limit 0)\n", self.err)
        self.assertEqual(self.run_code(CLEAN, "--max-peak", "dram=1048575"), 1)
        self.assertRegex(self.err, r"\ntt-smi: LIMIT passed: peak DRAM 1\.0M on device 0, limit .*\n")
        self.assertTrue(self.err.endswith("command passed, limit gate FAILED\n"), self.err)

    def test_a_limit_between_what_is_known(self):
        """Two processes at one time, whose peaks need not have come together: nobody can tell."""
        code = f"""
alloc(0, 1 << 20, DRAM, 2)
if os.fork() == 0:
    {CLEAN}
    os._exit(0)
os.wait()
free(0, 2)
"""
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1536K"), 0)
        self.assertIn("peak DRAM 1.0M to 2.0M (limit 1.5M)\n", self.err)
        self.assertIn("whether the limit of DRAM was passed is not known, because of a shared server only the peaks of "
                      "single processes are known\n", self.err)
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1536K", "--strict"), INCOMPLETE)
        self.assertTrue(self.err.endswith("command passed, gate CANNOT TELL\n"), self.err)
        self.assertEqual(self.run_code(code, "--max-peak", "dram=2M", "--strict"), 0)
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1000K"), 1)

    def test_a_child_that_begins_at_once(self):
        """Its parent is there for a moment yet."""
        code = f"""
alloc(0, 1 << 20, DRAM, 2)
ours, theirs = os.pipe()
if os.fork() == 0:
    {CLEAN}
    watch = raw.Raw(path)
    while not watch.entries(raw.LIST_PROCESSES, process_id=os.getpid()):
        pass
    os.write(theirs, b"known")
    os._exit(0)
os.read(ours, 5)
free(0, 2)
os._exit(0)
"""
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1536K", "--strict"), INCOMPLETE, self.err_of())
        self.assertIn("peak DRAM 1.0M to 2.0M (limit 1.5M)\n", self.err)

    RESETTING = "alloc(0, 1 << 20, DRAM, 1); free(0, 1); tt_alloc.reset_peak_memory_stats(0); alloc(0, 9, DRAM, 1); free(0, 1)"

    def test_peaks_that_were_reset(self):
        """What there was before is not known any more, so nobody can tell that a limit was kept."""
        self.assertEqual(self.run_code(self.RESETTING, "--max-peak", "dram=1K", "--strict"), INCOMPLETE, self.err_of())
        self.assertIn("peak DRAM at least 9B (limit 1.0K)\n", self.err)
        self.assertIn("whether the limit of DRAM was passed is not known, because peaks were reset\n", self.err)
        self.assertEqual(self.run_code(self.RESETTING, "--max-peak", "dram=1K"), 0)
        self.assertEqual(self.run_code(self.RESETTING, "--max-peak", "dram=8"), 1)
        self.assertEqual(self.run_code(self.RESETTING, "--strict"), 0, self.err_of())
        self.assertIn("peak DRAM at least 9B\n", self.err)

    def test_a_reset_that_loses_nothing(self):
        code = "tt_alloc.reset_peak_memory_stats(); alloc(0, 9, DRAM, 1); tt_alloc.reset_peak_memory_stats(0); free(0, 1)"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=9", "--strict"), 0, self.err_of())
        self.assertIn("peak DRAM 9B (limit 9B)\n", self.err)

    def test_processes_one_after_another_do_not_add_up(self):
        code = f"import subprocess\nfor i in range(3): subprocess.run({program(CLEAN)!r}, check=True)"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1M", "--strict"), 0, self.err_of())
        self.assertIn("3 processes reported, 3 allocations, 3 frees, peak DRAM 1.0M (limit 1.0M)\n", self.err)

    def test_a_process_that_makes_no_reports(self):
        """It names its device and ends, as where a test is skipped: the server was told that there is no more."""
        code = "tt_alloc.describe_device(0, dram_size=1 << 30)"
        self.assertEqual(self.run_code(code, "--strict", "--max-peak", "dram=1"), 0, self.err_of())
        self.assertIn("tt-smi: 1 process reported, 0 allocations, 0 frees", self.err)
        code = "raw.Raw(path).hello(raw.REPORTER)"
        self.assertEqual(self.run_code(code, "--strict"), INCOMPLETE, self.err_of())
        self.assertIn("1 process connected and was not heard of again, such as pid ", self.err)

    def test_suppressions(self):
        rules = self.place / "rules"
        rules.write_text(f"# known\n\nleak:{sys.executable} *:l1\nleak:nothing\n")
        self.assertEqual(self.run_code(LEAKING, "--suppressions", rules), LEAKS)
        self.assertEqual(len(re.findall("^tt-smi: LEAK", self.err, re.M)), 1, self.err)
        self.assertIn("tt-smi: 1 buffer suppressed\n", self.err)
        rules.write_text("leak:python*\n")
        self.assertEqual(self.run_code(LEAKING, "--suppressions", rules, "--strict"), 0, self.err_of())
        self.assertIn("tt-smi: 2 buffers suppressed\n", self.err)

    def test_bad_suppressions(self):
        mark = self.place / "mark"
        touch = ["touch", mark]
        rules = self.place / "rules"
        for text, line in (("leak:*\nlaek:x\n", 2), ("leak:*\nleak:a\0b\n", 2), ("# a\n\nleak:\n", 3), ("leak::dram\n", 1)):
            rules.write_text(text)
            self.assertEqual(self.run_command(touch, "--suppressions", rules), 2)
            self.assertRegex(self.err, rf"^tt-smi: {rules}:{line}: .*\n$")
        self.assertEqual(self.run_command(touch, "--suppressions", self.place / "none"), 2)
        self.assertEqual(self.run_command(touch, "--junit", self.place / "none" / "j.xml"), 2)
        self.assertEqual(self.run_command(touch, "--junit", self.place), 2)
        self.assertEqual(self.run_command(touch, "--root", self.place / "none"), 2)
        self.assertFalse(mark.exists())

    def test_a_command_that_tells_nothing(self):
        self.assertEqual(self.run_command(["true"]), 0)
        self.assertIn("tt-smi: 0 processes reported\n", self.err)
        self.assertIn("coverage INCOMPLETE: no process reported anything\n", self.err)
        self.assertEqual(self.run_command(["true"], "--strict"), INCOMPLETE)

    def test_no_command(self):
        self.assertEqual(self.run_command(["/nonexistent/x"]), 127)
        self.assertEqual(self.err, "tt-smi: cannot run /nonexistent/x: No such file or directory\n")
        self.assertEqual(self.run_command(["/"]), 126)
        for words in (["run"], ["run", "true"], ["run", "--"], ["leaks", "run", "--", "true"], ["run", "-w", "--", "true"],
                      ["leaks", "--leaks", "any"]):
            result = harness.run([TT_SMI, *words], env=self.environment())
            self.assertEqual((result.returncode, result.stdout), (2, ""), words)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_streams_that_are_closed(self):
        """They are closed for the command as well; the result stands, and no word of ours gets to the server instead."""
        for closed in ([0], [1], [2], [0, 1, 2]):
            look = " && ".join(f"! [ -e /proc/$$/fd/{fd} ]" for fd in closed)
            command = ["sh", "-c", f'{look} && exec "$@"', "sh", *program(LEAKING)]

            def close():
                for fd in closed:
                    os.close(fd)

            self.assertEqual(self.run_command(command, preexec_fn=close), LEAKS, (closed, self.err_of()))
        self.assertEqual(self.watcher().figures()["bad_frames"], 0)

    def test_options_of_the_command_are_its_own(self):
        self.assertEqual(self.run_command(["echo", "--version", "--strict", "-w", "--", "x"]), 0)
        self.assertEqual(self.out, "--version --strict -w -- x\n")


class Trees(WithServer):
    """Which processes belong to a run."""

    def test_forked(self):
        code = f"""
children = []
for i in range(4):
    if os.fork() == 0:
        alloc(0, 1 << 10, DRAM, i)
        sys.exit(0)
for i in range(4):
    os.wait()
{CLEAN}
"""
        self.assertEqual(self.run_code(code), LEAKS)
        self.assertIn("tt-smi: 5 processes reported, 5 allocations, 1 free", self.err)
        self.assertEqual(len(re.findall("^tt-smi: LEAK 1 buffer, 1.0K DRAM", self.err, re.M)), 4, self.err)

    def test_exec(self):
        """What a program leaves when it becomes another one, nobody can free any more."""
        code = f"{LEAKING}\nos.execv(sys.executable, {program(CLEAN)!r})"
        self.assertEqual(self.run_code(code), LEAKS)
        self.assertIn("tt-smi: 2 processes reported, 4 allocations, 2 frees", self.err)
        self.assertEqual(len(re.findall("^tt-smi: LEAK", self.err, re.M)), 2, self.err)
        self.assertEqual(self.run_code(f"{CLEAN}\nos.execv(sys.executable, {program(CLEAN)!r})", "--strict"), 0)

    DAEMON = """
if os.fork() > 0:
    {parent}
    os._exit(0)
os.setsid()
if os.fork() > 0:
    os._exit(0)
alloc(0, 1 << 20, DRAM, 1)
{daemon}
"""

    def test_a_daemon_that_ends_in_time(self):
        """It begins to report only after the command has ended, which it learns from its end of a pipe."""
        code = "r, w = os.pipe()\n" + self.DAEMON.format(
            parent=CLEAN, daemon="os.close(w); os.read(r, 1); alloc(0, 1 << 20, DRAM, 2)")
        self.assertEqual(self.run_code(code, "--grace", "20"), LEAKS)
        self.assertIn("tt-smi: 2 processes reported", self.err)
        self.assertIn("tt-smi: LEAK 2 buffers, 2.0M DRAM", self.err)
        self.assertIn("coverage complete", self.err)

    def daemonise(self, *options):
        """A command whose daemon goes on until the test closes its pipe."""
        reader, writer = os.pipe()
        ready_reader, ready_writer = os.pipe()
        self.addCleanup(os.close, reader)
        code = self.DAEMON.format(
            parent=f"os.read({ready_reader}, 1)",
            daemon=f"os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2); os.close({writer}); os.write({ready_writer}, b'x'); os.read({reader}, 1)")
        try:
            return self.run_code(code, "--grace", "0.1", *options,
                                 pass_fds=(reader, writer, ready_reader, ready_writer))
        finally:
            for fd in (writer, ready_reader, ready_writer):
                os.close(fd)

    def test_a_daemon_that_goes_on(self):
        self.assertEqual(self.daemonise(), 0)
        self.assertRegex(self.err, r"coverage INCOMPLETE: 1 process goes on, such as pid \d+, python")
        self.assertNotIn("LEAK", self.err)
        self.assertEqual(self.daemonise("--strict"), INCOMPLETE)
        self.assertEqual(self.daemonise("--leaks", "any"), LEAKS)
        self.assertRegex(self.err, r"tt-smi: LEAK 1 buffer, 1\.0M DRAM, .* \(still live\)\n")

    OLD_CLIENT = """
c = raw.Raw(path)
c.send_bytes(raw.message(raw.ALLOC, size=4096, device_id=0, buffer_id=7, process_id=os.getpid()))
"""

    def test_older_clients(self):
        """They send no hello, and so no job: the command itself is known, and its orphan, which is ours to reap."""
        code = f"{self.OLD_CLIENT}\nif os.fork() == 0:\n    c = raw.Raw(path)\n    {self.OLD_CLIENT.strip().splitlines()[1]}"
        self.assertEqual(self.run_code(code), LEAKS)
        self.assertIn("tt-smi: 2 processes reported, 2 allocations, 0 frees", self.err)
        self.assertEqual(len(re.findall(r"^tt-smi: LEAK 1 buffer, 4\.0K DRAM", self.err, re.M)), 2, self.err)

    OLD_PROGRAM = program(OLD_CLIENT)

    def test_an_older_client_that_ends_at_once(self):
        """It is gone, and reaped, before the server looks who it is: only its number is known."""
        process = self.start(f"os.kill({self.server.process.pid}, signal.SIGSTOP)\n{self.OLD_CLIENT}say(1)")
        process.stdout.readline()
        wait_until(lambda: not pids_below(process.pid), "the command to be reaped")
        os.kill(self.server.process.pid, signal.SIGCONT)
        self.assertEqual(self.finish(process), LEAKS, self.err_of())
        self.assertIn("tt-smi: 1 process reported, 1 allocation, 0 frees", self.err)

    def test_older_clients_that_nobody_saw(self):
        """They came and went while nobody looked, and name no job. They may be of this run: it is not known."""
        code = f"""
import subprocess
{CLEAN}
os.kill(os.getppid(), signal.SIGSTOP)
for i in range(2):
    subprocess.run({self.OLD_PROGRAM!r}, check=True)
os.kill(os.getppid(), signal.SIGCONT)
"""
        self.assertEqual(self.run_code(code, "--strict"), INCOMPLETE, self.err_of())
        self.assertIn("tt-smi: 1 process reported, 1 allocation, 1 free", self.err)
        self.assertIn("coverage INCOMPLETE: 2 processes came and went without a job, and may be of this run\n", self.err)
        self.assertEqual(self.run_code(code.replace("range(2)", "range(0)"), "--strict"), 0, self.err_of())

    def test_runs_within_runs(self):
        code = f"import subprocess\nsys.exit(subprocess.run({self.command([], program(LEAKING))!r}).returncode)"
        self.assertEqual(self.run_code(code), LEAKS)
        self.assertEqual(self.err.count("command passed, leak gate FAILED"), 1, self.err)
        self.assertEqual(self.err.count(f"command FAILED with {LEAKS}, leak gate FAILED"), 1, self.err)


def pids_below(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def pids_of(watch):
    return {process["process_id"] for process in watch.entries(raw.LIST_PROCESSES)}


class Jobs(WithServer):
    def job_of(self, pid):
        (process,) = self.watcher().entries(raw.LIST_PROCESSES, process_id=pid)
        return process["job"]

    def test_what_variables_mean(self):
        for text, job in (("0123456789abcdef", 0x0123456789ABCDEF), ("F", 15), ("", 0), ("0x1", 0), ("-1", 0), (" 1", 0),
                          ("1 ", 0), ("11112222333344445", 0), ("g", 0), ("\u0661", 0)):
            for command in ([str(harness.BIN / "app")], program("alloc(0, 1, DRAM, 1); say(1); wait()")):
                environment = {**self.environment(), "TT_ALLOC_JOB": text, "TT_ALLOC_TRACKING_ENABLED": "1",
                               "LD_LIBRARY_PATH": str(harness.LIB)}
                with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as client:
                    client.stdin.write(b"fill 1\n" * command[0].endswith("app"))
                    client.stdin.flush()
                    client.stdout.readline()
                    watch = self.watcher()
                    wait_until(lambda: client.pid in pids_of(watch), "it to report")
                    self.assertEqual(self.job_of(client.pid), job, (text, command[0]))
                    client.stdin.close()
                    client.stdout.read()
                self.assertEqual(self.wait_for_end_of(client.pid, watch)["job"], job)

    def test_the_last_word_counts(self):
        puppet = self.puppet()
        self.assertEqual(self.job_of(puppet.pid), 0)
        puppet.do(f"c.hello(raw.REPORTER, job={2**64 - 1})")
        self.assertEqual(self.job_of(puppet.pid), 2**64 - 1)
        puppet.do("c.hello(raw.REPORTER)", "d = raw.Raw(path)", "d.hello(raw.REPORTER, job=3)", "d.fence()")
        self.assertEqual(self.job_of(puppet.pid), 3)

    def test_a_job_of_others(self):
        """A number that was there before is replaced, so that an outer run's does not stand for this one."""
        environment = {**self.environment(), "TT_ALLOC_JOB": "1"}
        self.assertEqual(self.run_code("say(os.environ['TT_ALLOC_JOB'])", env=environment), 0)
        self.assertRegex(self.out, "^[0-9a-f]{16}\n$")


class Servers(WithServer):
    def test_restarted_in_the_middle(self):
        process = self.start(CLEAN + ";" + HOLDING + "; alloc(0, 9, DRAM, 4); free(0, 4)", "--strict")
        process.stdout.readline()
        self.server.kill9()
        self.server.start()
        self.assertEqual(self.finish(process), INCOMPLETE, self.err)
        self.assertIn("the server was restarted, and forgot who had ended", self.err)

    def test_leaks_behind_a_restart(self):
        process = self.start(LEAKING + ";" + HOLDING + "; alloc(0, 9, DRAM, 4)")
        process.stdout.readline()
        self.server.kill9()
        self.server.start()
        self.assertEqual(self.finish(process), LEAKS, self.err)
        self.assertIn("tt-smi: LEAK 2 buffers, 1.0M DRAM", self.err)

    def test_stopped_while_the_command_ran(self):
        """It hears that there was somebody, when it goes on, and nothing of what he had to say."""
        for command in (program("alloc(0, 1 << 20, DRAM, 1)"), ["sh", "-c", f"echo fill 3 | {harness.BIN / 'app'}"]):
            stop = f"import subprocess\nos.kill({self.server.process.pid}, signal.{{}})\n"
            code = f"{CLEAN}\n{stop.format('SIGSTOP')}subprocess.run({command!r}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\nos.kill({self.server.process.pid}, signal.SIGCONT)"
            self.assertEqual(self.run_code(code, "--strict"), INCOMPLETE, self.err_of())
            self.assertRegex(self.err, r"tt-smi: 1 process reported, 1 allocation, 1 free, .*\n.*"
                             r"coverage INCOMPLETE: 1 process connected and was not heard of again, such as pid \d+, (python|app|\\?)")

    def test_lost_in_the_middle(self):
        process = self.start(CLEAN + ";" + HOLDING, "--strict")
        process.stdout.readline()
        self.server.kill9()
        self.assertEqual(self.finish(process), INCOMPLETE, self.err)
        self.assertIn(f"no answer from the server at {self.server.path}: nothing listens there", self.err)

    MANY = """
os.kill(os.getppid(), signal.SIGSTOP)
watch = raw.Raw(path)
watch.hello()
for i in range({}):
    c = raw.Raw(path)
    c.hello(raw.REPORTER)
    c.send_bytes(raw.message(raw.ALLOC, size=1, device_id=0, buffer_id=1) + raw.message(raw.FREE, device_id=0, buffer_id=1))
    c.close()
    while watch.entries(raw.LIST_PROCESSES):
        pass
os.kill(os.getppid(), signal.SIGCONT)
"""

    def test_many_that_end_while_it_looks(self):
        """The server's list has more that ended than it had counted a moment before: none of them is missing."""
        code = "\n".join(line for line in self.MANY.format(900).splitlines() if "os.kill" not in line)
        self.assertEqual(self.run_code(code, "--strict"), 0, self.err_of())
        self.assertIn("tt-smi: 900 processes reported, 900 allocations, 900 frees", self.err)

    def test_more_ends_than_the_server_remembers(self):
        """A thousand connections that end while nobody looks: some of them may have left something."""
        self.assertEqual(self.run_code(self.MANY.format(900), "--strict"), 0, self.err_of())
        self.assertIn("tt-smi: 900 processes reported", self.err)
        self.assertEqual(self.run_code(self.MANY.format(1100), "--strict"), INCOMPLETE)
        self.assertIn("coverage INCOMPLETE: more processes ended than the server remembers\n", self.err)


class Holders(WithServer):
    """Devices of a made host, whose lists of holders are written here."""

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-host-"))
        self.addCleanup(shutil.rmtree, self.root)
        Host([Device(number, "n150") for number in range(2)], driver="2.10.0").write(Tree(self.root), "host")

    def hold(self, number, pids):
        """Returns when somebody has read what is written."""
        path = self.root / "proc" / "driver" / "tenstorrent" / str(number) / "pids"
        fresh = path.with_name("fresh")
        fresh.write_text("".join(f"{pid}\n" for pid in pids))
        libc = ctypes.CDLL(None, use_errno=True)
        watch = libc.inotify_init1(os.O_CLOEXEC)
        try:
            self.assertGreaterEqual(libc.inotify_add_watch(watch, os.fsencode(fresh), 0x10), 0)  # IN_CLOSE_NOWRITE
            fresh.replace(path)
            self.assertTrue(select.select([watch], [], [], harness.PATIENCE)[0], "nobody read the list")
        finally:
            os.close(watch)

    def test_a_command_that_holds_and_does_not_report(self):
        for options, code in (((), 0), (("--strict",), INCOMPLETE)):
            process = self.start(HOLDING, "--root", self.root, *options)
            pid = int(process.stdout.readline())
            self.hold(1, [pid])
            self.assertEqual(self.finish(process), code, self.err)
            self.assertRegex(self.err, rf"1 process had a device open and did not report, such as pid {pid}, python\S*, device 1")
            self.hold_nothing()

    def hold_nothing(self):
        (self.root / "proc" / "driver" / "tenstorrent" / "1" / "pids").write_text("")

    def test_who_reports_may_hold(self):
        process = self.start(CLEAN + ";" + HOLDING, "--root", self.root, "--strict")
        self.hold(0, [int(process.stdout.readline()), os.getpid()])
        self.assertEqual(self.finish(process), 0, self.err)
        self.assertIn("coverage complete", self.err)

    def test_lists_that_nobody_can_read(self):
        (self.root / "proc" / "driver" / "tenstorrent" / "0" / "pids").unlink()
        self.assertEqual(self.run_code(CLEAN, "--root", self.root, "--strict"), INCOMPLETE)
        self.assertIn("it is not known who had a device open", self.err)


class Private(Base, unittest.TestCase):
    """No server is running."""

    def setUp(self):
        self.make_place()

    def socket_path(self):
        return str(self.place / "none.sock")

    def test_it_has_one_of_its_own(self):
        self.assertEqual(self.run_code(CLEAN + "; say(path)", "--strict"), 0)
        self.assertRegex(self.out, rf"^{self.place}/tt-smi-run-\w+/server\.sock\n$")
        self.assertEqual(self.run_code(LEAKING), LEAKS)
        self.assertEqual(self.run_command(["true"], "--strict"), INCOMPLETE)

    def test_nobody_else_gets_in(self):
        self.assertEqual(self.run_command(["sh", "-c", 'stat -c %a "$(dirname "$TT_ALLOC_SOCKET")"']), 0)
        self.assertEqual(self.out, "700\n")

    def test_peaks_are_exact(self):
        """The server saw both processes, and that they held memory one after the other."""
        code = f"""
r, w = os.pipe()
if os.fork() == 0:
    {CLEAN}
    os.write(w, b"x")
    os.read(0, 1)
    os._exit(0)
os.read(r, 1)
{CLEAN}
"""
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1M", "--strict", stdin=subprocess.DEVNULL), 0)
        self.assertIn("2 processes reported, 2 allocations, 2 frees, peak DRAM 1.0M (limit 1.0M)\n", self.err)

    def test_older_clients_that_nobody_saw(self):
        """All who report to it belong to the run."""
        code = f"""
import subprocess
for i in range(3):
    subprocess.run({program(Trees.OLD_CLIENT)!r}, check=True)
"""
        self.assertEqual(self.run_code(code), LEAKS)
        self.assertIn("tt-smi: 3 processes reported, 3 allocations, 0 frees", self.err)

    def test_peaks_that_were_reset(self):
        """Those of a process are not needed; those of the devices are."""
        self.assertEqual(self.run_code(Results.RESETTING, "--max-peak", "dram=1K", "--strict"), 1, self.err_of())
        self.assertIn("peak DRAM 1.0M (limit 1.0K)\n", self.err)
        code = f"import subprocess\n{CLEAN}\nsubprocess.run({[str(TT_SMI), 'reset-peaks']!r}, check=True)"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1K", "--strict"), INCOMPLETE, self.err_of())
        self.assertIn("peak DRAM at least 0 (limit 1.0K)\n", self.err)

    def test_resets_that_lose_nothing(self):
        """Before anything was held, while it is, and on a device that nobody used: the limit is known to be kept."""
        reset = [str(TT_SMI), "reset-peaks"]
        code = f"import subprocess\nsubprocess.run({reset!r}, check=True)\n{CLEAN}"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1M", "--strict"), 0, self.err_of())
        self.assertIn("peak DRAM 1.0M (limit 1.0M)\n", self.err)
        code = f"import subprocess\nalloc(0, 1 << 20, DRAM, 1)\nsubprocess.run({reset!r}, check=True)\nfree(0, 1)"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1M", "--strict"), 0, self.err_of())
        code = f"import subprocess\n{CLEAN}\nsubprocess.run({[*reset, '-d', '7']!r})"
        self.assertEqual(self.run_code(code, "--max-peak", "dram=1M", "--strict"), 0, self.err_of())

    def test_a_dead_socket(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.socket_path())
        listener.close()
        self.assertEqual(self.run_code(LEAKING), LEAKS)
        self.assertNotIn("no answer", self.err)

    def test_who_is_no_server(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.socket_path())
            listener.listen()
            process = self.start(LEAKING)
            peer = listener.accept()[0]
            peer.sendall(b"\x01" * 112)
            peer.close()
            self.assertEqual(self.finish(process), LEAKS)
            self.assertRegex(self.err, rf"^tt-smi: no answer from an allocation server at {self.socket_path()}: .*; this run has one of its own\n")

    def test_no_place_for_a_server(self):
        environment = {**self.environment(), "TMPDIR": str(self.place / "none")}
        self.assertEqual(self.run_command(["true"], "--strict", env=environment), INCOMPLETE)
        self.assertIn(f"tt-smi: no server at {self.socket_path()}, and none can be started: "
                      f"cannot make a directory in {self.place}/none: No such file or directory\n"
                      "  name another place for it: TMPDIR=DIR\n", self.err)

    def test_no_program_to_start(self):
        alone = self.place / "alone"
        alone.mkdir()
        shutil.copy(TT_SMI, alone)
        for options, code in (([], 0), (["--strict"], INCOMPLETE)):
            result = subprocess.run([alone / "tt-smi", "run", *options, "--", "/bin/echo", "x"], capture_output=True,
                                    text=True, env={**self.environment(), "PATH": str(alone)}, timeout=harness.PATIENCE)
            self.assertEqual((result.returncode, result.stdout), (code, "x\n"), result.stderr)
            self.assertIn(f"tt-smi: no server at {self.socket_path()}, and none can be started: tt-allocation-server: "
                          "No such file or directory\n  install tt-allocation-server beside tt-smi or into a directory of PATH\n",
                          result.stderr)
            self.assertIn("coverage INCOMPLETE: no answer from the server", result.stderr)

    def test_a_program_that_does_not_stay(self):
        """There is one, so to install another is no way out; what it said last is."""
        alone = self.place / "alone"
        alone.mkdir()
        shutil.copy(TT_SMI, alone)
        server = alone / "tt-allocation-server"
        server.write_text("#!/bin/sh\necho 'first words' >&2\necho 'tt-allocation-server: no luck' >&2\nexit 1\n")
        server.chmod(0o755)
        result = subprocess.run([alone / "tt-smi", "run", "--", "/bin/true"], capture_output=True, text=True,
                                env=self.environment(), timeout=harness.PATIENCE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("and none can be started: tt-allocation-server: no luck\n"
                      "  to see why, start one by hand: tt-allocation-server --socket PATH\n", result.stderr)

    def test_nothing_to_make_a_server_with(self):
        """The step that failed is told: no other directory helps where descriptors are short."""
        self.run_command(["true"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5)))
        self.assertRegex(self.err, "and none can be started: cannot make a (file in memory|socket|pipe): Too many open files\n"
                         "  to see why, start one by hand: tt-allocation-server --socket PATH\n")

    def test_a_server_that_dies(self):
        process = self.start(CLEAN + "; say(path);" + HOLDING, "--strict")
        path = process.stdout.readline().strip()
        process.stdout.readline()
        with raw.Raw(path) as client:
            os.kill(client.hello()["process_id"], signal.SIGKILL)
        self.assertEqual(self.finish(process), INCOMPLETE)
        self.assertIn("no answer from the server", self.err)

    def test_signals_are_passed_on(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            process = self.start(f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); signal.signal({int(number)}, signal.SIG_DFL); {LEAKING};" + PAUSING)
            process.stdout.readline()
            process.send_signal(number)
            self.assertEqual(self.finish(process), 128 + number)
            self.assertEqual(len(re.findall("^tt-smi: LEAK", self.err, re.M)), 2, self.err)

    def test_a_command_that_handles_a_signal(self):
        process = self.start("signal.signal(signal.SIGTERM, lambda *_: sys.exit(9));" + PAUSING)
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(process), 9)

    def test_signals_that_were_ignored_stay_so(self):
        process = self.start("say(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN);" + HOLDING,
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertEqual(process.stdout.readline(), "True\n")
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        self.assertEqual(self.finish(process), 0)

    def test_children_that_were_ignored(self):
        self.assertEqual(self.run_code("sys.exit(4)", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)), 4)

    def test_a_signal_ends_the_waiting_for_daemons(self):
        """The command is over and its daemon is not, which the daemon tells when its parent is another one."""
        code = """
parent = os.getpid()
if os.fork() > 0:
    os._exit(0)
while os.getppid() == parent:
    os.sched_yield()
say(os.getpid())
wait()
"""
        process = self.start(code, "--grace", "3600")
        process.stdout.readline()

        def interrupt():
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.05) is not None

        wait_until(interrupt, "it to give up waiting")
        self.assertEqual(self.finish(process), 0)
        self.assertIn("1 process goes on", self.err)

    def test_killed(self):
        """Not even then may a server or a directory stay."""
        process = self.start("say(path);" + HOLDING)
        path = process.stdout.readline().strip()
        pid = int(process.stdout.readline())
        process.kill()
        process.wait()
        wait_until(lambda: not os.path.exists(os.path.dirname(path)), "the directory to be gone")
        os.kill(pid, signal.SIGKILL)

    def test_descriptors(self):
        """The command has those that it would have without us; those that are handed through close with it."""
        reader, writer = os.pipe()
        try:
            process = self.start("say(sorted(os.listdir('/proc/self/fd')));" + HOLDING, pass_fds=(writer,))
            expected = sorted(["0", "1", "2", "3" if writer != 3 else "4", str(writer)])
            self.assertEqual(process.stdout.readline(), f"{expected}\n")
            process.stdout.readline()
        finally:
            os.close(writer)
        self.assertEqual(self.finish(process), 0)
        self.assertEqual(os.read(reader, 1), b"")
        os.close(reader)

    def test_process_group_and_mask(self):
        self.assertEqual(self.run_code("say((os.getpgid(0) == os.getpgid(os.getppid()), signal.pthread_sigmask(0, [])))"), 0)
        self.assertEqual(self.out, "(True, set())\n")

    def test_a_relative_socket(self):
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(harness.Server())
            self.assertEqual(self.run_code("os.chdir('/');" + LEAKING, "--socket", "s.sock", cwd=server.directory), LEAKS)
            self.assertIn("1 process reported", self.err)


class Reports(WithServer):
    """What other programs read."""

    def junit(self, code, *options):
        path = self.place / "result.xml"
        status = self.run_code(code, "--junit", path, *options)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o666 & ~_umask())
        self.assertEqual([name for name in os.listdir(self.place) if name.startswith("result")], ["result.xml"])
        suite = xml.etree.ElementTree.parse(path).getroot().find("testsuite")
        cases = {case.get("name"): [child.tag for child in case] for case in suite}
        for attribute, tag in (("failures", "failure"), ("skipped", "skipped")):
            self.assertEqual(int(suite.get(attribute)), sum(tags == [tag] for tags in cases.values()))
        self.assertEqual((int(suite.get("tests")), suite.get("errors")), (len(cases), "0"))
        self.assertGreater(float(suite.get("time")), 0)
        return status, cases, suite

    def test_junit(self):
        status, cases, _ = self.junit(CLEAN, "--max-peak", "dram=1M", "--max-peak", "host=1", "--strict")
        self.assertEqual((status, cases), (0, {"leaks": [], "max-peak.dram": [], "max-peak.host": [], "coverage": []}))
        status, cases, suite = self.junit(LEAKING, "--max-peak", "l1=1")
        self.assertEqual((status, cases), (LEAKS, {"leaks": ["failure"], "max-peak.l1": ["failure"], "coverage": []}))
        self.assertEqual(suite.find("testcase/failure").get("message"), "2 buffers left behind")
        self.assertEqual(len(suite.find("testcase/failure").text.splitlines()), 2)
        _, cases, _ = self.junit("pass", "--leaks", "none")
        self.assertEqual(cases, {"leaks": ["skipped"], "coverage": ["skipped"]})
        _, cases, _ = self.junit("pass", "--strict")
        self.assertEqual(cases, {"leaks": [], "coverage": ["failure"]})

    HOSTILE = """
import ctypes
if len(sys.argv) == 1:
    os.execv(sys.executable, [*sys.orig_argv, '<&">]]>%\\x1b[31m\\r\\n::error::x\\udcff'])
"""

    def test_hostile_names(self):
        _, _, suite = self.junit(self.HOSTILE + LEAKING, "--annotate", "github")
        self.assertIn('<&">]]>%\\x1b[31m', suite.find("testcase/failure").text)
        self.assertNotRegex(self.err, "[\x00-\x09\x0b-\x1f\x7f]")
        lines = [line for line in self.err.splitlines() if line.startswith("::")]
        self.assertEqual(len(lines), 2, self.err)
        for line in lines:
            self.assertRegex(line, "^::error title=Device memory leak::1 buffer, .*%25")

    def test_annotations(self):
        self.assertEqual(self.run_code(LEAKING, "--max-peak", "dram=1K", "--annotate", "github"), LEAKS)
        lines = [line.split("::")[1] for line in self.err.splitlines() if line.startswith("::")]
        self.assertEqual(lines, ["error title=Device memory leak"] * 2 + ["error title=Device memory limit passed"])
        for options, level in (((), "warning"), (("--strict",), "error")):
            self.run_command(["true"], "--annotate", "github", *options)
            self.assertRegex(self.err, rf"\n::{level} title=Device memory not fully known::no process reported anything\n")

    def test_results_that_are_no_files(self):
        """What is no file is written where it is: a device or a link must not become a file of ours."""
        target, link, pipe = self.place / "result.xml", self.place / "link", self.place / "pipe"
        link.symlink_to(target)
        target.write_text("old")
        self.assertEqual(self.run_code(CLEAN, "--junit", link), 0, self.err_of())
        self.assertEqual(os.readlink(link), str(target))
        self.assertEqual(xml.etree.ElementTree.parse(target).getroot().tag, "testsuites")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assertEqual(self.run_code(CLEAN, "--junit", pipe), 0, self.err_of())
        self.assertEqual(xml.etree.ElementTree.fromstring(os.read(reader, 1 << 16)).tag, "testsuites")

    def test_a_pipe_that_nobody_reads(self):
        """The command is over then, and what it came to is not held back."""
        pipe = self.place / "pipe"
        os.mkfifo(pipe)
        for code, expected in ((CLEAN, 2), (LEAKING, LEAKS)):
            self.assertEqual(self.run_code(code, "--junit", pipe), expected, self.err_of())
            self.assertIn("tt-smi: 1 process reported", self.err)
            self.assertIn(f"tt-smi: cannot write {pipe}: nobody reads it; start its reader before the command ends\n", self.err)

    def test_a_link_to_what_is_not_there_yet(self):
        target, link = self.place / "result.xml", self.place / "link"
        link.symlink_to(target)
        self.assertEqual(self.run_code(CLEAN + f"; say(os.path.exists({str(target)!r}))", "--junit", link), 0, self.err_of())
        self.assertEqual(self.out, "False\n")
        self.assertEqual(os.readlink(link), str(target))
        self.assertEqual(xml.etree.ElementTree.parse(target).getroot().tag, "testsuites")
        link.unlink()
        link.symlink_to(self.place / "none" / "result.xml")
        self.assertEqual(self.run_code("say('started')", "--junit", link), 2)
        self.assertEqual((self.out, self.err), ("", f"tt-smi: cannot write '{link}': No such file or directory\n"))

    def test_names_that_no_file_can_have(self):
        """They are refused before the command is started."""
        mark = self.place / "mark"
        for name in ("", self.place / ("x" * 252), self.place / "rules" / "x"):
            self.assertEqual(self.run_command(["touch", mark], "--junit", name), 2)
            self.assertRegex(self.err, "^tt-smi: .*\n$")
            self.assertFalse(mark.exists())

    def test_a_result_that_cannot_be_written(self):
        directory = self.place / "gone"
        directory.mkdir()
        code = f"import shutil; shutil.rmtree({str(directory)!r});"
        self.assertEqual(self.run_code(code + CLEAN, "--junit", directory / "j.xml"), 2)
        self.assertIn(f"tt-smi: cannot write {directory}/j.xml: No such file or directory\n", self.err)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


if __name__ == "__main__":
    unittest.main()
