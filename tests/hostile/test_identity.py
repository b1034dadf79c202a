# SPDX-License-Identifier: Apache-2.0
"""Cases 34, 35, 36 and 48: processes that are somebody else than they seem: in containers, under a number that was
another's, with a uid that they did not have before. And those who are nobody special and ask for what is not theirs."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from oracle import ATTACKER, INNOCENT, LEFT_BEHIND, HostileTest

import raw
from harness import BIN, PATIENCE, Child, Puppet, wait_until
from ring_test import RingPuppet

REGION = 0
NEWCOMER = 40003
NOBODY = 65534

UNSHARE = """
libc = ctypes.CDLL(None, use_errno=True)
def unshare(flags):
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    say()
    wait()  # until the map is written, which needs rights out there
    if is_mapped:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
USER, PID, MOUNT = 0x10000000, 0x20000000, 0x20000
"""


def write_maps(pid, text):
    for name in ("uid_map", "gid_map"):
        pathlib.Path(f"/proc/{pid}/{name}").write_text(text)


class Container(Puppet):
    """A puppet that is PID 1 and root, in namespaces for users, PIDs and mounts. Outside it is an ordinary user."""

    MODULES = "ctypes, raw"
    CODE = (
        "is_mapped = True"
        + UNSHARE
        + """
unshare(USER | PID | MOUNT)
inside = os.fork()
if inside:
    os.waitpid(inside, 0)
    os._exit(0)
if libc.mount(b"proc", b"/proc", b"proc", 0, None) != 0:
    raise OSError(ctypes.get_errno(), "mount")
"""
        + Puppet.CODE
    )

    def __init__(self, path, uid):
        Child.__init__(self, self.CODE, path)
        self.hear()
        write_maps(self.pid, f"0 {uid} 1")
        self.tell()
        self.hear()
        (self.inside,) = map(int, pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())


class Containers(HostileTest):
    def test_34_root_in_a_container(self):
        """It is known by its PID and uid on the host, and has the rights of that uid."""
        refusal = r"Refused a dump to process \d+ \(uid {uid}\): only for root, the server's user and group tt-alloc"
        with self.attack(Container, logs=refusal) as attacker:
            attacker.do("c.alloc(0x1000, 4096, process_id=os.getpid())")
            self.assertEqual(attacker.ask("(os.getpid(), os.geteuid())"), (1, 0))
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.inside)
            self.assertEqual((process["uid"], process["label_pid"], process["buffers"]), (ATTACKER, 1, 1))

            self.assertEqual(attacker.ask("raw.Raw(path).hello()['flags']"), 0)
            named = f"process_id={self.bystander.pid}"
            self.assertEqual(attacker.ask(f"c.status(raw.LIST_BUFFERS, {named})"), "EPERM")
            self.assertEqual(attacker.ask(f"c.status(raw.RESET_PEAKS, {named})"), "EPERM")
            self.assertEqual(attacker.ask("[b['size'] for b in c.records(raw.LIST_BUFFERS)]"), [4096])
            self.repeat(lambda: attacker.do("[c.send(raw.DUMP_REMAINING) for _ in range(100)]"))
            self.server.wait_for_line(rf"Refused a dump to process {attacker.inside} ")


class Cloner(Child):
    """Makes a process with a number of our choice, which takes a uid, calls itself newcomer and reports one buffer."""

    MODULES = "ctypes, raw"
    CODE = """
import struct
libc = ctypes.CDLL(None, use_errno=True)
wanted, uid = map(int, sys.stdin.readline().split())
number = ctypes.c_int32(wanted)
arguments = struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(number), 1, 0)
child = libc.syscall(435, arguments, len(arguments))  # clone3
if child < 0:
    raise OSError(ctypes.get_errno(), "clone3")
if child == 0:
    os.setresuid(uid, uid, uid)
    libc.prctl(15, b"newcomer")  # PR_SET_NAME
    c = raw.Raw(path)
    c.hello(raw.REPORTER)
    c.alloc(0x1000, 9)
    c.fence()
    say(os.getpid())
os.waitpid(child, 0) if child else signal.pause()
"""

    def __init__(self, path):
        super().__init__(self.CODE, path)


class WhoeverItWas(HostileTest):
    """A process dies, and its number is another's before the server looks. Both report buffers of the same name."""

    IS_STOPPED = True  # a server that looks away for a moment has most to mix up

    def setUp(self):
        super().setUp()
        self.cloner = Cloner(self.server.path)
        self.addCleanup(self.cloner.close)

    def replace(self, former, uid):
        """The server is stopped."""
        before = self.count_sockets()
        former.kill()
        self.cloner.tell(f"{former.pid} {uid}")
        wait_until(lambda: self.count_sockets() > before, "the newcomer to connect")

    def count_sockets(self):
        """The server's ends of connections, accepted or not: they have its path."""
        return pathlib.Path("/proc/net/unix").read_text().count(self.server.path)

    def check_both(self, pid, uid, left):
        """The number is the newcomer's, of this uid, and what its former owner left is told of as that one's."""
        self.assertEqual(int(self.cloner.hear()), pid)
        ended = self.wait_for_end_of(pid, self.watch)
        self.assertEqual((ended["uid"], ended["buffers"]), (ATTACKER, left))
        (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=pid)
        self.assertEqual((process["uid"], process["buffers"], process["comm"]), (uid, 1, "newcomer"))
        self.assertEqual(process["usage"][0, REGION, raw.DRAM]["bytes"], 9)
        return ended

    def test_35_a_number_that_returns(self):
        with self.attack(besides=f"{LEFT_BEHIND}|uid {NEWCOMER}") as attacker:
            attacker.do("c.alloc(0x1000, 4096)", "c.alloc(0x2000, 4096)")
            with self.server.is_stopped():
                self.replace(attacker, NEWCOMER)
            self.check_both(attacker.pid, NEWCOMER, 2)
            self.server.wait_for_line(rf"Process {attacker.pid} \(python3, uid {ATTACKER}\) exited but left 2 buffers")
            self.stay()
            self.cloner.close()

    def test_35_while_the_former_one_is_taken_in(self):
        """Both have the same user, and there is so much in the ring of the dead that it is known beside the living."""
        with self.attack(RingPuppet) as attacker:
            attacker.do("r = r.switch_to(c.ring(65536))", "r.is_quiet = True")
            with self.server.is_stopped():
                attacker.do("[r.alloc(0x1000 + n, 64) for n in range(50000)]")
                self.replace(attacker, ATTACKER)
            self.check_both(attacker.pid, ATTACKER, 50000)
            self.stay()
            self.cloner.close()

    def test_35_before_it_was_seen_at_all(self):
        """What is read of the number then is about the newcomer, and the dead stays unknown."""
        code = "c = raw.Raw(path); c.alloc(0x1000, 4096); say(); wait()"
        with self.attack():
            with self.server.is_stopped():
                former = self.attacker(Child, code)
                former.hear()
                self.replace(former, ATTACKER)
            ended = self.check_both(former.pid, ATTACKER, 1)
            self.assertEqual((ended["comm"], ended["command"]), ("?", ""))
            self.stay()
            self.cloner.close()


class Users(HostileTest):
    def test_36_another_uid_than_at_the_beginning(self):
        """What a connection reports is charged to the uid that it began with, and shows what that may see."""
        code = f"""
os.seteuid({ATTACKER})
c = raw.Raw(path)
c.hello(raw.REPORTER)
os.seteuid(0)
os.setresuid({INNOCENT}, {INNOCENT}, {INNOCENT})
say()
for line in sys.stdin:
    exec(line)
    c.fence()
    say()
"""

        class Changeling(Puppet):
            CODE = code

            def __init__(self, path, uid):  # root at first; see the code
                super().__init__(path)

        with self.attack(Changeling) as attacker:
            attacker.do("c.alloc(0x1000, 4096)")
            (process,) = self.watch.entries(raw.LIST_PROCESSES, process_id=attacker.pid)
            self.assertEqual((process["uid"], process["buffers"]), (ATTACKER, 1))
            innocents = f"raw.LIST_BUFFERS, process_id={self.bystander.pid}"
            self.assertEqual(attacker.ask(f"c.status({innocents})"), "EPERM")
            self.assertIsNone(attacker.ask(f"raw.Raw(path).status({innocents})"))  # that is whom it has become
            self.stay()

    def test_48_what_is_not_for_everybody(self):
        refusal = r"Refused a dump to process {pid} \(uid {uid}\): only for root, the server's user and group tt-alloc"
        with self.attack(logs=refusal) as attacker:
            before = self.watch.figures()
            named = f"process_id={self.bystander.pid}"
            refused = []

            def ask():
                self.assertEqual(attacker.ask(f"c.status(raw.LIST_BUFFERS, {named})"), "EPERM")
                self.assertEqual(attacker.ask(f"c.status(raw.RESET_PEAKS, {named})"), "EPERM")
                self.assertEqual(attacker.ask("c.status(raw.RESET_PEAKS, process_id=-1)"), "EPERM")
                attacker.do("c.send(raw.DUMP_REMAINING)", "c.send(raw.DUMP_KERNELS)")
                refused.append(4)  # resets and dumps

            self.repeat(ask)
            answer = attacker.ask("c.list(raw.LIST_BUFFERS)[:]")
            self.assertEqual(answer[0], [])
            self.assertGreaterEqual(answer[1]["hidden"], 7)
            self.assertEqual(self.watch.figures()["not_permitted"] - before["not_permitted"], sum(refused))

            attacker.do("[c.send_bytes(raw.message(60 + n)) for n in range(3)]")  # there is no message that stops a server
            self.assertEqual(self.watch.figures()["bad_frames"] - before["bad_frames"], 3)


class ServerInside(Child):
    """A server in a user namespace of its own with this map, or none."""

    MODULES = "ctypes, raw"

    def __init__(self, path, uid_map):
        code = f"is_mapped = {bool(uid_map)}{UNSHARE}" + f"""
server = os.open({str(BIN / "tt-allocation-server")!r}, os.O_RDONLY)
unshare(USER)
os.execve(server, ["tt-allocation-server", "--socket", path], os.environ)
"""
        super().__init__(code, path, stderr=subprocess.PIPE)
        self.hear()
        if uid_map:
            write_maps(self.pid, uid_map)
        self.tell()

    def said(self):
        """Of a server that does not start."""
        self.process.wait(PATIENCE)
        return self.process.stderr.read()

    def close(self):
        super().close()
        self.process.stderr.close()


class HiddenUsers(unittest.TestCase):
    """Case 34 the other way round: the server is in a namespace that hides uids."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to map uids")
        self.directory = tempfile.mkdtemp(prefix="tt-alloc-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "s.sock")

    def start(self, uid_map, mode):
        os.chmod(self.directory, mode)
        server = ServerInside(self.path, uid_map)
        self.addCleanup(server.close)
        return server

    def wait_for(self, server):
        def connect():
            self.assertIsNone(server.process.poll())
            try:
                return raw.Raw(self.path)
            except (FileNotFoundError, ConnectionRefusedError):
                return None

        client = wait_until(connect, "the server to listen")
        self.addCleanup(client.close)
        client.hello()
        return client

    def puppet(self, uid):
        puppet = Puppet(self.path, uid)
        self.addCleanup(puppet.close)
        return puppet

    def test_34_strangers_do_not_see_each_other(self):
        """Both are 65534 to the server, and neither may pass for the other, nor for himself."""
        watch = self.wait_for(self.start("0 0 65536", 0o755))
        alice, bob, known = self.puppet(70001), self.puppet(70002), self.puppet(ATTACKER)
        for number, puppet in enumerate((alice, bob, known)):
            puppet.do(f"c.alloc(0x1000, {number + 1})")
        uids = {p["process_id"]: p["uid"] for p in watch.entries(raw.LIST_PROCESSES)}
        self.assertEqual(uids, {alice.pid: NOBODY, bob.pid: NOBODY, known.pid: ATTACKER})
        for stranger, other in ((alice, bob), (bob, alice)):
            answer = stranger.ask("c.list(raw.LIST_BUFFERS)[:]")
            self.assertEqual((answer[0], answer[1]["hidden"]), ([], 3))
            for pid in (stranger.pid, other.pid):
                self.assertEqual(stranger.ask(f"c.status(raw.LIST_BUFFERS, process_id={pid})"), "EPERM")
            self.assertEqual(stranger.ask(f"c.status(raw.RESET_PEAKS, process_id={other.pid})"), "EPERM")
            self.assertEqual(stranger.ask("c.totals(0)[0]"), 6)
            (process,) = stranger.ask(f"c.entries(raw.LIST_PROCESSES, process_id={other.pid})")
            self.assertEqual(process["command"], "")
        self.assertEqual(known.ask("[b['size'] for b in c.records(raw.LIST_BUFFERS)]"), [3])
        self.assertEqual(len(watch.records(raw.LIST_BUFFERS)), 3)

    def test_34_a_server_without_a_uid(self):
        said = self.start("", 0o777).said()
        self.assertRegex(said, "Cannot start: this user namespace has no uid for the server")

    def test_34_a_server_that_knows_few_uids(self):
        """It must not be where others come, and may be where they cannot."""
        said = self.start("0 0 1", 0o755).said()
        self.assertRegex(said, f"Cannot listen on {self.path}: .* of 1 uids .* mode 0700")
        self.wait_for(self.start("0 0 1", 0o700)).fence()


if __name__ == "__main__":
    unittest.main()
