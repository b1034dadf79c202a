# SPDX-License-Identifier: Apache-2.0
"""The live view of tt-smi, in a real terminal that tmux emulates: what is on the screen after keys, clicks, a resize
and the end of the server, and that the terminal is always left as it was found."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness

TT_SMI = str(harness.BIN / "tt-smi")
MIB = 1 << 20
GIB = 1 << 30
PATIENCE = 20

REPORTER = """
client = raw.Raw(path)
client.hello(raw.REPORTER)
for device in (0, 1):
    client.send_bytes(raw.own(raw.DESCRIBE_DEVICE, device, asic_id=(1 << 60) + device, dram_size=12 << 30, l1_size=93 << 20,
        board=b"n300", known=sum(raw.KNOWN[name] for name in "asic_id dram_size l1_size board".split())))
    client.alloc(1, SIZE, raw.DRAM, device)
client.fence()
say()
wait()
os._exit(0)
"""

# What runs in the terminal. Modes are compared as stty prints them, and the status is written last.
SCRIPT = """
trap : INT QUIT
stty -g >before
sh -c 'echo $$ >pid; exec "$0" "$@" 2>errors' {command}
status=$?
stty -g >after
echo $status >status
exec sleep 1000
"""


class Terminal:
    """tt-smi -w in a terminal of its own."""

    def __init__(self, *arguments, columns=80, lines=24, script=SCRIPT, **variables):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-live-"))
        self.socket = str(self.directory / "tmux")
        command = " ".join(f"'{part}'" for part in (TT_SMI, "-w", *arguments))
        (self.directory / "script").write_text(script.format(command=command))
        keep = {name: value for name, value in os.environ.items()
                if name not in ("COLUMNS", "LINES", "NO_COLOR", "TMUX", "TT_ALLOC_SOCKET")}
        self.environment = {**keep, "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_abort=0"}
        # tmux sets TERM itself, so that it is set again inside
        settings = [f"{name}={value}" for name, value in {"TERM": "xterm-256color", "XDG_CONFIG_HOME": str(self.directory),
                                                             **variables}.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(self.directory),
                  "env", *settings, "bash", "script")

    def tmux(self, *arguments):
        result = harness.run(["tmux", "-u", "-S", self.socket, *arguments], env=self.environment)
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout

    def file(self, name):
        """What is in a file that the script writes, once it is there."""
        path = self.directory / name
        return harness.wait_until(lambda: path.exists() and path.read_text(), name).strip()

    @property
    def pid(self):
        return int(self.file("pid"))

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def wait_for(self, pattern, *options):
        """The match on the screen, when it is there."""
        expression = re.compile(pattern, re.M)
        try:
            return harness.wait_until(lambda: expression.search(self.text(*options)), pattern)
        except TimeoutError as error:
            raise AssertionError(f"{error}; on the screen:\n{self.text()}") from None

    def wait_without(self, pattern):
        harness.wait_until(lambda: not re.search(pattern, self.text(), re.M), f"{pattern} to go")

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def click(self, x, y):
        """As a terminal tells of it; from 0."""
        self.type(f"\033[<0;{x + 1};{y + 1}M")
        self.type(f"\033[<0;{x + 1};{y + 1}m")

    def row_of(self, pattern):
        rows = [number for number, line in enumerate(self.text().splitlines()) if re.search(pattern, line)]
        assert len(rows) == 1, (pattern, self.text())
        return rows[0]

    def status(self):
        return int(self.file("status"))

    def modes(self):
        """Of the emulated terminal: whether a program has taken it over."""
        return self.tmux("display-message", "-p",
                         "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag}").split()

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


@unittest.skipUnless(shutil.which("tmux"), "tmux, which emulates the terminal, is not installed")
class LiveTest(harness.ServerTest):
    TIME_LIMIT = 120

    def terminal(self, *arguments, **options):
        terminal = Terminal("--socket", self.server.path, *arguments, **options)
        self.addCleanup(terminal.close)
        return terminal

    def reporter(self, size=GIB):
        child = self.child(REPORTER.replace("SIZE", str(size)))
        child.hear()
        return child

    def check_restored(self, terminal):
        self.assertEqual(terminal.file("after"), terminal.file("before"))
        self.assertEqual(terminal.modes(), ["0", "1", "0", "0"])

    def leave(self, terminal):
        terminal.press("q")
        self.assertEqual(terminal.status(), 0, (terminal.directory / "errors").read_text())
        self.check_restored(terminal)


class Screen(LiveTest):
    def test_devices_and_processes(self):
        child = self.reporter()
        terminal = self.terminal()
        terminal.wait_for(r"^ +DRAM +\[█+─+\] 1\.0/12\.0G +")
        self.assertEqual(len(re.findall(r"^ +[01]  n300 ", terminal.text(), re.M)), 2)
        terminal.wait_for(rf"^ +{child.pid} \w+ +0,1 +2\.0G ")
        self.assertEqual(terminal.modes()[0], "1")
        self.leave(terminal)

    def test_history_is_full_at_the_start(self):
        child = self.puppet()
        child.do(f"c.alloc(1, {GIB}, raw.DRAM, 0)")
        time_of_peak = time.monotonic()
        child.do("c.free(1)", f"c.alloc(1, {MIB}, raw.DRAM, 0)")
        self.wait_past(time_of_peak + 2)
        terminal = self.terminal("-d", "0", columns=2000)  # more columns than there are seconds
        spark = terminal.wait_for(r"DRAM .*/\? +.*[█▇].*").group()
        self.assertRegex(spark, r"█+[▁_]+$")
        self.leave(terminal)

    def wait_past(self, moment):
        harness.wait_until(lambda: time.monotonic() > moment, "time to pass")

    def puppet(self):
        puppet = harness.Puppet(self.server.path)
        self.addCleanup(puppet.close)
        return puppet

    def test_sort(self):
        large, small = self.reporter(2 * GIB), self.reporter(MIB)
        terminal = self.terminal(columns=100)
        terminal.wait_for(rf"(?s){large.pid}.*{small.pid}")
        terminal.press("r")
        terminal.wait_for(rf"(?s)DRAM\^.*{small.pid}.*{large.pid}")
        y, x = terminal.row_of("PID USER"), terminal.wait_for("^.*PID USER").group().index("PID")
        terminal.click(x, y)
        terminal.wait_for(rf"(?s)PID\^.*{min(large.pid, small.pid)}.*{max(large.pid, small.pid)}")
        terminal.click(x, y)
        terminal.wait_for(rf"(?s)PIDv.*{max(large.pid, small.pid)}.*{min(large.pid, small.pid)}")
        terminal.press("s")
        terminal.wait_for(r"USER\^")
        terminal.press("F6")
        terminal.wait_for(r"DEV\^")
        self.leave(terminal)

    def test_filter(self):
        large, small = self.reporter(2 * GIB), self.reporter(MIB)
        terminal = self.terminal()
        terminal.wait_for(str(small.pid))
        terminal.type("/dram>1G")
        terminal.wait_without(str(small.pid))
        terminal.wait_for(rf"(?s){large.pid}.*^/dram>1G")
        terminal.type("x")
        terminal.wait_for("that is no number")
        terminal.press("BSpace", "Enter")
        terminal.wait_for("filter: dram>1G")
        terminal.press("Escape")
        terminal.wait_for(str(small.pid))
        self.leave(terminal)

    def test_pages(self):
        child = self.reporter()
        terminal = self.terminal(lines=40)
        terminal.wait_for(str(child.pid))
        terminal.press("Enter")
        terminal.wait_for(rf"(?s)^pid {child.pid}   user \S+   reporting.* 0  DRAM +1\.0G.*^DRAM +█+ max 2\.0G.*BYTES +BUFS.*1\.0G ")
        terminal.press("Escape", "b")
        terminal.wait_for(rf"(?s)BYTES +BUFS.*{child.pid}")
        terminal.press("l")
        terminal.wait_for("No leaks: no process has ended")
        terminal.press("?")
        terminal.wait_for("No key ends a process")
        terminal.press("Escape", "t")
        terminal.wait_for(r"(?s)^ +device 0$.*^ +2\.0G|  device 0\n.*    DRAM")
        terminal.press("*")
        terminal.wait_for(r"\[\+\] python")
        self.assertNotRegex(terminal.text(), "(?m)device 0$")
        terminal.press("Down", "Space")
        terminal.wait_for(r"^ +device 0$|  device 0\n")
        terminal.press("Down", "-")  # in one read, the line below the one that was drawn as selected
        terminal.wait_for(r"\[\+\] devi")
        terminal.press("t", "2")
        terminal.wait_for("device 1 only")
        self.assertNotRegex(terminal.text(), r"(?m)^ +0  n300")
        terminal.press("0")
        terminal.wait_for(r"^ +0  n300")
        self.leave(terminal)

    def test_end_of_a_process(self):
        child = self.reporter()
        terminal = self.terminal(columns=120)
        terminal.wait_for(str(child.pid))
        child.end()
        terminal.wait_for(rf"^[\d:]+ pid {child.pid} \(\S+, \S+\) left 2\.0G of DRAM on devices 0,1")
        terminal.wait_for(rf"^ +{child.pid} .* \d+s +LEAK python")
        terminal.press("l")
        terminal.wait_for("LEAK SUMMARY")
        self.leave(terminal)

    def test_processes_of_the_past(self):
        child = self.reporter()
        living, left = rf"^ +{child.pid} .* python", rf"^ +{child.pid} .* LEAK python"
        terminal = self.terminal("-n", "0.2", columns=120)
        terminal.wait_for(living)
        terminal.press(*["Left"] * 12)
        terminal.wait_for(r"(?s)\(-1m00s\)$.*^processes  not known at [\d:]+.*^Seen by this view only since [\d:]+\.$")
        terminal.press(*["Right"] * 11)
        terminal.wait_for(r"^1 process  at [\d:]+")  # it has been watched for more than five seconds
        child.end()
        terminal.press("Right")
        terminal.wait_for(left)
        terminal.press("z")
        terminal.wait_for("frozen")
        for back in range(5, 65, 5):
            terminal.press("Left")
            terminal.wait_for(rf"[\d:]+ \(-(1m0)?{back % 60}s\)$")
            if not re.search(left, terminal.text(), re.M):
                break
        terminal.wait_for(rf"(?s)1 process  (at|as last seen at) [\d:]+.*{living}")  # samples may have come late
        self.assertNotIn("left 2.0G", terminal.text(), "what is still to come is not told")
        terminal.press("Escape")
        terminal.wait_for(left)
        self.leave(terminal)

    def test_freeze(self):
        terminal = self.terminal()
        terminal.wait_for("No process reports buffers")
        terminal.press("z")
        terminal.wait_for("frozen")
        child = self.reporter()
        terminal.press("C-l")
        self.assertNotIn(str(child.pid), terminal.text())
        terminal.press("z")
        terminal.wait_for(str(child.pid))
        self.leave(terminal)

    def test_resize(self):
        self.reporter()
        terminal = self.terminal(columns=120, lines=40)
        terminal.wait_for("PEAK")
        for columns, lines in ((40, 10), (10, 3), (200, 60), (80, 24)):
            terminal.tmux("resize-window", "-x", str(columns), "-y", str(lines))
            if columns >= 40:  # the last line has the keys, and no line is longer
                terminal.wait_for(r"quit  \?help.*\n\Z")
                self.assertEqual(len(terminal.text().splitlines()), lines)
        terminal.wait_for(r"BUFS|IDLE")
        self.leave(terminal)

    def test_server_restart(self):
        child = self.reporter()
        terminal = self.terminal("-n", "0.2")
        terminal.wait_for(str(child.pid))
        self.server.kill9()
        terminal.wait_for(r"^.*server gone \d+s ago")
        self.assertIn("1.0/12.0G", terminal.text(), "the last picture stays")
        terminal.wait_for(r"\033\[[0-9;]*2m", "-e")  # and is dim
        terminal.wait_for("the server does not answer any more")
        self.server.start()
        terminal.wait_for("server up")
        terminal.wait_for("the server answers again")
        self.leave(terminal)

    def test_server_comes_late(self):
        self.server.kill9()
        terminal = self.terminal("-n", "0.2")
        terminal.wait_for("no server")
        self.server.start()
        terminal.wait_for("server up")
        self.leave(terminal)

    def test_server_hangs(self):
        self.reporter()
        terminal = self.terminal("-n", "0.2")
        terminal.wait_for("server up")
        with self.server.is_stopped():
            terminal.press("?")
            terminal.wait_for("No key ends a process")
            start = time.monotonic()
            terminal.press("q")
            self.assertEqual(terminal.status(), 0)
            self.assertLess(time.monotonic() - start, 4, "it does not wait for the server")
            self.check_restored(terminal)

    def test_ascii_and_colour(self):
        self.reporter()
        for arguments, variables in ((("--ascii", "--color=never"), {}), ((), {"LC_ALL": "C", "NO_COLOR": "1"})):
            terminal = self.terminal(*arguments, **variables)
            terminal.wait_for(r"\[#+-+\] 1\.0/12\.0G")
            text = terminal.text("-e")
            self.assertTrue(text.isascii(), text)
            self.assertNotRegex(text, r"\033\[[0-9;]*\b3[0-7]m")
            self.leave(terminal)
        terminal = self.terminal()
        terminal.wait_for(r"\033\[[0-9;]*3[0-7]m", "-e")
        self.leave(terminal)

    def test_setup(self):
        child = self.reporter()
        terminal = self.terminal()
        terminal.wait_for(rf"^ +{child.pid}")
        terminal.press("F2", "Down", "Right")
        terminal.wait_for("^> sorted by +TRACE")
        self.assertFalse((terminal.directory / "tt-smi").exists(), "it is written only when asked for")
        terminal.press("F12")
        terminal.wait_for("^The settings are saved in .*/tt-smi/live.ini")
        self.assertIn("sort=trace\n", (terminal.directory / "tt-smi" / "live.ini").read_text())
        self.leave(terminal)
        again = self.terminal(XDG_CONFIG_HOME=str(terminal.directory))
        again.wait_for("TRACEv")
        again.press("F2", *["Down"] * 4, "Left")
        again.wait_for("(?s)[0-9]+ 0.5s$.*^> refresh every +0.5s")
        again.press("F12")
        again.wait_for("^The settings are saved")
        self.leave(again)
        again = self.terminal(XDG_CONFIG_HOME=str(terminal.directory))
        again.wait_for("[0-9]+ 0.5s$")
        self.leave(again)
        again = self.terminal("-n", "7", XDG_CONFIG_HOME=str(terminal.directory))
        again.wait_for("[0-9]+ 7s$")
        self.leave(again)
        again = self.terminal(XDG_CONFIG_HOME="/dev/null")
        again.wait_for("DRAMv")
        again.press("F12")
        again.wait_for("^The settings are not saved in /dev/null/tt-smi/live.ini: Not a directory")
        self.leave(again)

    def test_keys_of_other_terminals(self):
        """A key of which $TERM does not know what it sends begins with an Escape, and is none."""
        terminal = self.terminal()
        terminal.wait_for("server up")
        terminal.type("\033[[B\033[99;5~\033Oz\033[1;9X")
        terminal.press("?")
        terminal.wait_for("No key ends a process")
        terminal.press("Escape", "z")  # both are meant
        terminal.wait_for("frozen")
        terminal.type("/\033[5\033[99~bc\033[\033[99~de\033[1;\rz")  # what cannot be part of one ends it
        terminal.wait_for("filter: bcde")
        terminal.wait_without("frozen")
        terminal.press("Escape")
        terminal.wait_without("filter:")
        self.leave(terminal)

    def test_mouse_is_left_alone(self):
        terminal = self.terminal()
        terminal.wait_for("server up")
        self.assertEqual(terminal.modes()[2], "1")
        self.leave(terminal)
        terminal = self.terminal("--no-mouse")
        terminal.wait_for("server up")
        self.assertEqual(terminal.modes()[2], "0")
        self.leave(terminal)

    def test_text_of_others(self):
        child = self.child("# \033[2J\033]0;evil\007 \n" + REPORTER.replace("SIZE", str(GIB)))
        child.hear()
        terminal = self.terminal(columns=1000)
        terminal.wait_for(rf"{child.pid} .*# \\x1b\[2J\\x1b\]0;evil\\x07 \\n")
        self.leave(terminal)

    def test_other_hosts(self):
        with tempfile.TemporaryDirectory() as root:
            terminal = Terminal("--root", root)
            self.addCleanup(terminal.close)
            terminal.wait_for("server not asked")
            self.leave(terminal)


class Restoring(LiveTest):
    def test_signals(self):
        self.reporter()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT,
                       signal.SIGBUS):
            with self.subTest(number):
                terminal = self.terminal()
                terminal.wait_for("server up")
                os.kill(terminal.pid, number)
                self.assertEqual(terminal.status(), 128 + number)
                self.check_restored(terminal)

    def test_keys_of_the_terminal(self):
        terminal = self.terminal()
        terminal.wait_for("server up")
        terminal.press("C-c")
        self.assertEqual(terminal.status(), 128 + signal.SIGINT)
        self.check_restored(terminal)

    def test_stop_and_go_on(self):
        script = SCRIPT.replace("sh -c", "set -m\nsh -c").replace("status=$?", "stty -g >stopped\nfg\nstatus=$?")
        terminal = self.terminal(script=script)
        terminal.wait_for("server up")
        terminal.press("C-z")
        self.assertEqual(terminal.file("stopped"), terminal.file("before"))
        terminal.wait_for("server up")
        self.assertEqual(terminal.modes()[0], "1")
        terminal.press("?")
        terminal.wait_for("No key ends a process")
        self.leave(terminal)

    def test_terminal_goes_away(self):
        terminal = self.terminal()
        terminal.wait_for("server up")
        pid = terminal.pid
        terminal.close()
        harness.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it to end with its terminal")

    def test_descriptors(self):
        self.reporter()
        terminal = self.terminal("-n", "0.1")
        terminal.wait_for("server up")
        directory = f"/proc/{terminal.pid}/fd"
        before = len(os.listdir(directory))
        for _ in range(5):
            self.server.kill9()
            terminal.wait_for("server gone")
            self.server.start()
            terminal.wait_for("server up")
            terminal.press("b")
            terminal.wait_for("No live buffer is known|BYTES +BUFS")
            terminal.press("b")
        harness.wait_until(lambda: len(os.listdir(directory)) <= before, "descriptors to be closed")
        self.leave(terminal)


class Elsewhere(LiveTest):
    """Where a full screen is not possible, it is printed again and again as ever."""

    def test_dumb_terminals(self):
        for name in ("dumb", "no-such-terminal"):
            terminal = self.terminal("-n", "0.1", TERM=name)
            terminal.wait_for("No device has been reported on yet")
            self.assertEqual(terminal.modes()[0], "0")
            os.kill(terminal.pid, signal.SIGTERM)
            self.assertEqual(terminal.status(), 128 + signal.SIGTERM)
            self.check_restored(terminal)


if __name__ == "__main__":
    unittest.main()
