# SPDX-License-Identifier: Apache-2.0
"""What an administrator and his users see of the installed service.

Runs as root on a throw-away machine whose PID 1 is systemd (see boot and run). One line per check, in an order in which
each can rely on the state that the one before it leaves: the service runs. Every wait has a deadline.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

from support import (
    SOCKETS,
    UNIT,
    App,
    Failure,
    Question,
    Reporter,
    add_settings,
    ask,
    expect,
    journal,
    main_pid,
    proc_status,
    run,
    show,
    wait_for,
)

# server/report_log.h; other people's scripts rely on them.
LEAK_SUMMARY = "7e1c6b0f3a7d4a63a2f0d65c8e3b9a41"
LEAK_BUFFER = "c4a9d0b2e85f4f0c9b64a1f73d2e8056"
# systemd's own, of a process of a unit that ended otherwise than by exit(0).
PROCESS_ENDED = "98e322203f7a4ed290d09fe03c09fe15"

CHECKS = []
SIGNALS = []  # those that ended a server, as far as we are to blame


def check(title):
    def register(function):
        CHECKS.append((title, function))
        return function

    return register


def wait_for_next_instance(before):
    def probe():
        pid = int(show("MainPID"))
        return pid not in (0, before) and show("ActiveState") == "active" and pid

    return wait_for("another server process", probe, 20)


def leak_reports():
    return len(journal(f"MESSAGE_ID={LEAK_SUMMARY}"))


@contextlib.contextmanager
def no_leak_reports():
    before = leak_reports()
    yield
    expect(leak_reports() == before, "a leak was reported for a process that is alive")


@check("the unit files are sound")
def _():
    said = run("systemd-analyze", "verify", "--man=no", f"{UNIT}.service", f"{UNIT}.socket")
    expect(UNIT not in said, said)


@check("systemd-sysusers makes the group tt-alloc, with nobody in it")
def _():
    run("systemd-sysusers")
    fields = run("getent", "group", "tt-alloc").strip().split(":")
    expect(int(fields[2]) < 1000 and not fields[3], fields)
    return f"gid {fields[2]}"


@check("systemctl start tt-allocation-server starts it, and its sockets with it")
def _():
    # What the filter forbids would fail quietly; here it shall be seen.
    add_settings("filter", "SystemCallErrorNumber=kill")
    run("systemctl", "start", UNIT)
    states = run("systemctl", "is-active", f"{UNIT}.service", f"{UNIT}.socket").split()
    expect(states == ["active", "active"], states)


@check("both sockets are there, for everybody")
def _():
    for path in SOCKETS:
        status = os.lstat(path)
        expect(stat.S_ISSOCK(status.st_mode), f"{path} is no socket")
        expect(stat.S_IMODE(status.st_mode) == 0o666 and status.st_uid == 0, f"{path}: {status}")
        Question(path).expect_answer()
    directory = os.stat(os.path.dirname(SOCKETS[1]))
    expect(stat.S_IMODE(directory.st_mode) == 0o755 and directory.st_uid == 0, directory)


@check("a starting server takes less than 4 MiB")
def _():
    resident = int(proc_status(main_pid(), "VmRSS").split()[0])
    expect(resident < 4096, f"{resident} KiB resident")
    return f"{resident} KiB resident, {proc_status(main_pid(), 'RssAnon')} of its own"


@check("it is a user without name in /etc/passwd, without privileges, behind a system call filter")
def _():
    pid = main_pid()
    uid = int(proc_status(pid, "Uid").split()[0])
    expect(61184 <= uid <= 65519, f"uid {uid} is none of systemd's dynamic ones")
    for name, value in (("CapEff", "0" * 16), ("CapBnd", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2")):
        expect(proc_status(pid, name) == value, f"{name} is {proc_status(pid, name)}")
    return f"uid {uid}"


@check("systemd-analyze security gives 0.9 or better")
def _():
    last = run("systemd-analyze", "security", "--no-pager", UNIT).strip().splitlines()[-1]
    exposure = float(re.search(r"exposure level for \S+: ([\d.]+)", last).group(1))
    expect(exposure <= 0.9, last)
    return f"{exposure}"


@check("its sandbox leaves it what the driver tells")
def _():
    root = pathlib.Path(f"/proc/{main_pid()}/root")
    for directory in ("sys/class", "proc/driver"):  # in which the driver's own directories are, where it is loaded
        expect((root / directory).is_dir(), f"/{directory} is hidden")
    for directory in ("sys", "proc/sys"):
        expect(os.statvfs(root / directory).f_flag & os.ST_RDONLY, f"/{directory} can be written")


def mount_empty(place, *into):
    run(*into, "mount", "-t", "tmpfs", "-o", "mode=755", "none", place)


@contextlib.contextmanager
def driver():
    """As if a driver with two devices were loaded, and nobody had either open. Yields the second one's list of holders.
    The directories are put where the real ones would be; the service has a /proc of its own, with a /proc/driver."""
    mount_empty("/sys/class")
    try:
        for number, card in ((0, "n150"), (1, "p150a")):
            device = pathlib.Path(f"/sys/class/tenstorrent/tenstorrent!{number}")
            device.mkdir(parents=True)
            (device / "tt_card_type").write_text(f"{card}\n")
            (device / "tt_asic_id").write_text(f"{0xA51C + number:016X}\n")
        run("systemctl", "restart", UNIT)
        mount_empty("/proc/driver", "nsenter", "--mount", f"--target={main_pid()}")
        for number in (0, 1):
            holders = pathlib.Path(f"/proc/{main_pid()}/root/proc/driver/tenstorrent/{number}/pids")
            holders.parent.mkdir(parents=True)
            holders.write_text("")
        yield holders
    finally:
        run("umount", "/sys/class")
        run("systemctl", "restart", UNIT)


@check("it finds out which device an application has open")
def _():
    facts = "d = tt_alloc.devices(); print(*[(x['device'], x['board'], x['nominal']) for x in d])"
    with driver() as holders, Reporter(uid=1000) as reporter:
        holders.write_text(f"{reporter.pid}\n")

        def find():
            reporter.ask_again()  # it is looked for when it is heard of
            return (found := ask(facts, 1001)) == "(1, 'p150a', True)" and found

        return wait_for("its device 0 to be known as /dev/tenstorrent/1", find)


@check("age cleaning of /tmp leaves the socket alone, also where it cannot see that it is alive")
def _():
    pathlib.Path("/etc/tmpfiles.d/tmp.conf").write_text("d /tmp 1777 root root 1s\n")
    other = pathlib.Path("/tmp/left-behind.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(other))

    def clean():
        run("unshare", "--net", "systemd-tmpfiles", "--clean", "--prefix=/tmp")
        return not other.exists()

    wait_for("the cleaner to remove a socket that nobody cares for", clean)
    Question(SOCKETS[0]).expect_answer()


@check("an application of another user is seen, with its name, uid and buffers")
def _():
    with Reporter(uid=1000) as reporter:
        wait_for("its count in systemctl status", lambda: show("StatusText") == "1 process reporting")
        expect("1 process reporting" in run("systemctl", "status", "--no-pager", UNIT), "systemctl status is silent")
        rows = [row for row in run("tt-smi").splitlines() if row.split()[:1] == [str(reporter.pid)]]
        expect(len(rows) == 1 and "reporter.py" in rows[0] and "1000" in rows[0], f"tt-smi shows {rows}")
        (process,) = json.loads(run("tt-smi", "--json"))["processes"]
        facts = (process["pid"], process["uid"], process["comm"], process["buffers"])
        expect(facts == (reporter.pid, 1000, "python3", reporter.BUFFERS), f"tt-smi --json says {process}")
        expect("reporter.py" in process["command"], process["command"])
    return rows[0]


def expect_leak_in_journal(reporter):
    """The report of what the reporter left: one summary and a line per buffer, with their fields."""
    of_it = f"TT_PID={reporter.pid}"
    summary = wait_for("the leak report", lambda: journal(f"MESSAGE_ID={LEAK_SUMMARY}", of_it))
    expect(len(summary) == 1, f"{len(summary)} reports")
    text = (
        f"Process {reporter.pid} (python3, uid 1000) exited but left {reporter.BUFFERS} buffers allocated:"
        f" {reporter.AMOUNTS}"
    )
    expect(summary[0]["MESSAGE"] == text, f"it says: {summary[0]['MESSAGE']}")
    fields = {"TT_UID": "1000", "TT_BUFFERS": str(reporter.BUFFERS), "PRIORITY": "4", "_PID": str(main_pid())}
    found = {name: summary[0].get(name) for name in fields}
    expect(found == fields, f"fields of the summary: {found}")

    lines = wait_for(
        "a line per buffer",
        lambda: len(found := journal(f"MESSAGE_ID={LEAK_BUFFER}", of_it)) == reporter.BUFFERS and found,
    )
    found = sorted((line["TT_DEVICE"], line["TT_REGION"], int(line["TT_BYTES"])) for line in lines)
    expect(found == [("0", "DRAM", 1 << 20)] * 3 + [("0", "L1", 1 << 16)] * 2, f"fields of the buffers: {found}")
    expect(all(line["_SYSTEMD_UNIT"] == f"{UNIT}.service" for line in lines), "not all are the service's")
    return text


@check("what it leaves when it is killed is in the journal, once, with fields, and in tt-smi leaks")
def _():
    with Reporter(uid=1000) as reporter:
        reporter.kill()
    said = expect_leak_in_journal(reporter)
    wait_for("its count in systemctl status", lambda: show("StatusText") == "0 processes reporting")
    expect(str(reporter.pid) in run("tt-smi", "leaks", status=1), "tt-smi leaks does not name it")
    return said


@check("an application in a PID namespace of its own goes by its real PID")
def _():
    with Reporter(uid=1000, path=SOCKETS[1], wrapper=("unshare", "--pid", "--fork")) as reporter:
        (process,) = json.loads(run("tt-smi", "--json"))["processes"]
        expect((process["pid"], process["label_pid"]) == (reporter.pid, 1), f"tt-smi --json says {process}")
        reporter.kill()
    expect_leak_in_journal(reporter)
    return f"{reporter.pid}, which calls itself 1"


@check("single buffers of others are for the group tt-alloc, not for everybody")
def _():
    program = "found = tt_alloc.buffers(); print(len(found), found.hidden)"
    with Reporter(uid=1000) as reporter:
        stranger, member = ask(program, 1001), ask(program, 1001, "tt-alloc")
        expect(stranger == f"0 {reporter.BUFFERS}", f"a stranger is told {stranger} (shown, hidden)")
        expect(member == f"{reporter.BUFFERS} 0", f"a member is told {member} (shown, hidden)")


def kill_server(pid):
    SIGNALS.append(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


@check("after kill -9 the next instance serves who waits in the queue, and who comes later")
def _():
    with Reporter(uid=1000) as reporter, no_leak_reports():
        before = main_pid()
        os.kill(before, signal.SIGSTOP)
        wait_for("the server to stand still", lambda: proc_status(before, "State").startswith("T"))
        waiting = [Question(path) for path in SOCKETS * 3]
        kill_server(before)
        started = time.monotonic()
        at_once = [Question(path) for path in SOCKETS]
        for question in waiting + at_once:
            question.expect_answer()
        seconds = time.monotonic() - started
        after = wait_for_next_instance(before)
        for path in SOCKETS:
            Question(path).expect_answer()
        wait_for("the application to be back", lambda: is_back(reporter))
    return f"8 clients answered after {seconds * 1000:.0f} ms, PID {before} -> {after}"


def is_back(reporter):
    """The client notices the loss with its next question; the question itself may be the one that is lost."""
    with contextlib.suppress(Failure):
        reporter.ask_again()
        return True
    return False


@check("an application with the library shows up complete after kill -9 and after a restart, without a word of its own")
def _():
    with App(uid=1000) as app, no_leak_reports():
        app.do("fill 20000")
        app.wait_for_buffers(20_000)
        before = main_pid()
        kill_server(before)
        started = time.monotonic()
        wait_for_next_instance(before)
        app.wait_for_buffers(20_000)
        seconds = time.monotonic() - started
        run("systemctl", "restart", UNIT)
        app.wait_for_buffers(20_000)
    return f"20,000 buffers, {seconds * 1000:.0f} ms after the kill"


@check("ten crashes in a row close no socket")
def _():
    for _ in range(10):
        before = main_pid()
        kill_server(before)
        for path in SOCKETS:
            Question(path).expect_answer()
        wait_for_next_instance(before)


@check("case 44: a server that hangs is replaced by the watchdog, its clients are back, and none is called a leak")
def _():
    expect(show("WatchdogUSec") == "30s", "the unit sets no WatchdogSec")
    add_settings("watchdog", "WatchdogSec=2s")
    run("systemctl", "restart", UNIT)
    with App(uid=1000) as app, Reporter(uid=1001) as reporter, no_leak_reports():
        app.do("fill 20000")
        app.wait_for_buffers(20_000)
        before = main_pid()
        os.kill(before, signal.SIGSTOP)
        SIGNALS.append(signal.SIGABRT)
        started = time.monotonic()
        wait_for_next_instance(before)
        Question(SOCKETS[0]).expect_answer()
        seconds = time.monotonic() - started
        app.wait_for_buffers(20_000)
        wait_for("the application to be back", lambda: is_back(reporter))
    ended = [line["MESSAGE"] for line in journal("-u", UNIT) if "watchdog" in line["MESSAGE"].lower()]
    expect(ended, "the journal does not say that it was the watchdog")
    return f"after {seconds:.1f} s with WatchdogSec=2s"


@check("an idle server feeds the watchdog")
def _():
    pid = main_pid()
    last = int(show("WatchdogTimestampMonotonic"))
    wait_for("the third feeding", lambda: int(show("WatchdogTimestampMonotonic")) > last + 2_500_000)
    expect(main_pid() == pid, "it was replaced meanwhile")


def refusals():
    """As the journal has them: while root's connections take all that others leave, nobody else can ask for the figure."""
    lines = journal(f"_PID={main_pid()}")
    return [line for line in lines if str(line["MESSAGE"]).startswith("Refused a connection of process")]


@check("case 46: all kinds of talk, of errors, and of shortages make no call that the filter forbids")
def _():
    add_settings("few", "LimitNOFILE=48")
    run("systemctl", "restart", UNIT)
    pid = main_pid()
    with App(uid=1000) as app, Reporter(uid=1001) as reporter:
        app.do("fill 20000")
        app.wait_for_buffers(20_000)
        shown = int(ask("print(len(tt_alloc.buffers()))", 1002, "tt-alloc"))
        expect(shown == 20_000 + reporter.BUFFERS, f"{shown} buffers are shown")
        expect(int(ask("print(len(tt_alloc.history(0)))", 1002)) > 0, "no history")
        ask("tt_alloc.reset_peak_memory_stats(0)", 0)
        for verb in ("top", "leaks", "exited", "doctor"):
            subprocess.run(["tt-smi", verb], stdout=subprocess.DEVNULL, timeout=60, check=False)
        for talk in (b"\xff" * 1000, struct.pack("=B111x", 200) * 50, b"\x01" * 50):
            with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.connect(SOCKETS[1])
                client.sendall(talk)
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
        with contextlib.ExitStack() as crowd:
            for _ in range(60):
                crowd.enter_context(socket.socket(socket.AF_UNIX)).connect(SOCKETS[0])
            wait_for("connections to be refused", refusals)
        app.wait_for_buffers(20_000)
    wait_for("the leak report", lambda: journal(f"MESSAGE_ID={LEAK_SUMMARY}", f"TT_PID={app.pid}"))
    expect(main_pid() == pid, "it was replaced")
    add_settings("few")
    run("systemctl", "restart", UNIT)


def warnings_of_removal(path):
    text = f"The socket {path}, passed by systemd, was removed"
    return [line for line in journal("-u", UNIT) if text in line["MESSAGE"]]


@check("case 32: when a socket is removed the journal says what to do, and that helps")
def _():
    for path in SOCKETS:
        with App(uid=1000, path=path) as app, no_leak_reports():
            app.do("fill 1000")
            app.wait_for_buffers(1000)
            before = len(warnings_of_removal(path))
            os.unlink(path)
            (said,) = wait_for("a warning", lambda: warnings_of_removal(path)[before:])
            expect(said["PRIORITY"] == "4", said)
            run(*re.search(r"to make it again: (systemctl .*)$", said["MESSAGE"]).group(1).split())
            Question(path).expect_answer()
            app.wait_for_buffers(1000)
    return said["MESSAGE"]


@check("case 33: a server with PrivateTmp= and a socket of its own says that nobody can see it")
def _():
    said = {}
    for private in ("yes", "no"):
        name, path = f"by-hand-{private}", f"/tmp/by-hand-{private}.sock"
        options = [f"--unit={name}", f"--property=PrivateTmp={private}", "--property=User=daemon"]
        run("systemd-run", "--quiet", *options, "/usr/bin/tt-allocation-server", "--socket", path)

        def lines():
            return [line["MESSAGE"] for line in journal("-u", name)]

        wait_for("it to listen", lambda: any("Listening on" in line for line in lines()))
        expect(os.path.exists(path) == (private == "no"), f"{path} is there, or is not")
        run("systemctl", "stop", name)
        said[private] = [line for line in lines() if "PrivateTmp" in line]
    expect(len(said["yes"]) == 1 and not said["no"], said)
    return said["yes"][0]


@check("case 33: an application with PrivateTmp= reports through the directory in /run")
def _():
    private = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /tmp && exec "$@"', "sh"]
    with Reporter(uid=1000, path=SOCKETS[1], wrapper=private, forks=False) as reporter:
        expect(not os.listdir(f"/proc/{reporter.pid}/root/tmp"), "its /tmp is not its own")
        expect(str(reporter.pid) in run("tt-smi"), "tt-smi does not show it")


@check("a container with /run/tt-allocation bound into it reports, also after both units were restarted")
def _():
    directory = os.path.dirname(SOCKETS[1])
    container = f"""
        mkdir -p /mnt{directory} && mount --bind {directory} /mnt{directory} && mount -t tmpfs none /run &&
        mkdir {directory} && mount --bind /mnt{directory} {directory} && mount -t tmpfs none /tmp && exec "$@" """
    with App(uid=1000, path=SOCKETS[1], wrapper=["unshare", "--mount", "sh", "-c", container, "sh"]) as app:
        app.do("fill 1000")
        expect(not os.path.exists(f"/proc/{app.pid}/root/run/systemd"), "its /run is not its own")
        for unit in ("service", "service", "socket"):
            app.wait_for_buffers(1000)
            run("systemctl", "restart", f"{UNIT}.{unit}")
        app.wait_for_buffers(1000)


@check("at its memory limit it refuses and counts, and lives on")
def _():
    add_settings("limit", "LimitDATA=8M")
    run("systemctl", "restart", UNIT)
    pid = main_pid()
    sent = 400_000
    report = struct.Struct("=B3xiQB3xiQQ72x")  # protocol/PROTOCOL.md, section 2
    reports = b"".join(report.pack(1, 0, 4096, 0, 0, n << 12, 0) for n in range(sent))
    live = Question(SOCKETS[0], before=reports).expect_answer() // 4096
    # That connection is closed now, and there is memory again.
    figures = "n = tt_alloc.server_figures(); print(n['allocations'], n['refused_memory'])"
    wait_for("the buffers to be forgotten", lambda: Question(SOCKETS[0]).expect_answer() == 0)
    taken, refused = map(int, ask(figures, 1001).split())
    expect(taken == live and refused == sent - live > 0, f"{live} live, {taken} taken and {refused} refused of {sent}")
    expect(main_pid() == pid, "it was replaced")
    add_settings("limit")
    run("systemctl", "restart", UNIT)
    return f"of {sent} reports with LimitDATA=8M it took {taken} and refused {refused}"


@check("stopping it while applications live reports no leak and takes less than a second")
def _():
    with Reporter(uid=1000), Reporter(uid=1001), no_leak_reports():
        started = time.monotonic()
        run("systemctl", "stop", UNIT)
        seconds = time.monotonic() - started
        state = (show("ActiveState"), show("Result"), show("ExecMainStatus"))
        expect(state == ("inactive", "success", "0"), f"it ended as {state}")
        expect(seconds < 1, f"it took {seconds:.2f} s")
    return f"{seconds * 1000:.0f} ms"


@check("a client that connects while it is stopped starts it, on either socket")
def _():
    for path in SOCKETS:
        expect(show("ActiveState") == "inactive", "it runs")
        Question(path).expect_answer()
        wait_for("the service to be active", lambda: show("ActiveState") == "active")
        run("systemctl", "stop", UNIT)


@check("stopping the socket unit stops everything and frees both names")
def _():
    run("systemctl", "start", UNIT)
    run("systemctl", "stop", f"{UNIT}.socket")
    expect(show("ActiveState") == "inactive", "the service still runs")
    expect(not any(os.path.lexists(path) for path in SOCKETS), "a socket is still there")
    run("systemctl", "start", UNIT)
    for path in SOCKETS:
        Question(path).expect_answer()


@check("a boot removes what else stands where it wants to listen, and nothing but a boot does")
def _():
    def remove(*options):
        run("systemd-tmpfiles", "--remove", f"--prefix={SOCKETS[0]}", *options)
        return not os.path.lexists(SOCKETS[0])

    expect(not remove(), "the socket of a running server was removed")
    run("systemctl", "stop", f"{UNIT}.socket")
    os.makedirs(f"{SOCKETS[0]}/in-the-way")
    expect(remove("--boot"), "it is still there")
    run("systemctl", "start", UNIT)
    Question(SOCKETS[0]).expect_answer()


@check("whatever happened, nothing else ended a server: no crash, no forbidden system call")
def _():
    lines = journal(f"MESSAGE_ID={PROCESS_ENDED}", f"UNIT={UNIT}.service")
    ended = [(line["EXIT_CODE"], signal.Signals(int(line["EXIT_STATUS"]))) for line in lines]
    expect([number for _, number in ended] == SIGNALS, f"it ended by {ended}, and our doing was {SIGNALS}")
    expect(show("ActiveState") == "active", "it does not run now")


def perform(title, function):
    try:
        detail = function()
    except Exception as error:  # whatever it is, the other checks are worth making
        print(f"FAIL  {title}: {type(error).__name__}: {error}", flush=True)
        return False
    print(f"ok    {title}" + (f": {detail}" if detail else ""), flush=True)
    return True


def main():
    passed = sum([perform(title, function) for title, function in CHECKS])
    if passed < len(CHECKS):
        subprocess.run(["journalctl", "--no-pager", "-n", "40", "-u", UNIT], check=False)
    print(f"{passed} of {len(CHECKS)} checks passed")
    return 0 if passed == len(CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
