# SPDX-License-Identifier: Apache-2.0
"""The path that the server listens on lies where everybody may make names: who is first there, and what is there after.

The directory of the server is made like /tmp here: everybody's, and sticky.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import unittest

from innocents import KEPT, Bystander
from oracle import ATTACKER, HostileTest

import raw
from harness import BIN, CONFINED, ServerTest, client_environment, run, wait_until

# What somebody puts at a path {p}, or beside it, and why a server then does not start.
OBSTACLES = {
    "live socket": ("s.bind({p}); s.listen()", 3, "another server answers there"),
    "busy socket": ("s.bind({p}); s.listen(0); [knock({p}) for _ in range(3)]", 3, "another server answers there"),
    "dead socket": ("s.bind({p}); s.listen(); s.close()", 1, "a dead socket of another user"),
    "file": ("open({p}, 'w').write('mine')", 1, "is not a socket"),
    "link to nothing": ("os.symlink({p} + '.target', {p})", 1, "is not a socket"),
    "link to a file": ("open({p} + '.target', 'w'); os.symlink({p} + '.target', {p})", 1, "is not a socket"),
    "link to the server": ("os.symlink(path, {p})", 1, "is not a socket"),
    "directory": ("os.mkdir({p})", 1, "is not a socket"),
    "fifo": ("os.mkfifo({p})", 1, "is not a socket"),
    "lock file": ("lock = open({p} + '.lock', 'w'); fcntl.flock(lock, fcntl.LOCK_EX)", 1, "is not ours"),
    "lock as a fifo": ("os.mkfifo({p} + '.lock')", 1, "is not ours"),
    "lock as a directory": ("os.mkdir({p} + '.lock')", 1, "Is a directory"),
    "lock as a link": ("os.symlink({p} + '.target', {p} + '.lock')", 1, "(symbolic links|Permission denied)"),
}
MEANS = """
import fcntl, os, socket
kept = []
def knock(at):
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].setblocking(False)
    kept[-1].connect_ex(at)
"""


class Paths(HostileTest):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.server.directory)
        self.directory.chmod(0o1777)
        # Others may not come where it was built.
        self.binary = shutil.copy(BIN / "tt-allocation-server", self.directory)

    def standing(self):
        """All that lies in the directory, as far as a server could change it."""
        found = {}
        for entry in os.scandir(self.directory):
            status = entry.stat(follow_symlinks=False)
            found[entry.name] = (status.st_ino, status.st_mode, status.st_uid, status.st_size, status.st_nlink)
        return found

    def assert_refused(self, path, status, words, uid=0):
        before = self.standing()
        result = run([self.binary, "--socket", path], user=uid, group=uid, extra_groups=[], cwd="/")
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertRegex(result.stderr, rf"\A[^\n]*{re.escape(str(path))}[^\n]*{words}[^\n]*\n\Z")
        self.assertEqual(self.standing(), before)

    def test_29_two_servers(self):
        """A second one refuses, root's and another user's, and the socket and the lock of the first stay."""
        self._descriptors = self.server.fd_count  # one has another name when its file is gone
        with self.attack():
            for _ in range(2):
                self.assert_refused(self.server.path, 3, "another tt-allocation-server has it")
                self.assert_refused(self.server.path, 1, "Permission denied", ATTACKER)
            os.unlink(f"{self.server.path}.lock")  # by an age cleaner: the server still answers
            self.assert_refused(self.server.path, 3, "another server answers there")
            self.stay()

    def test_31_somebody_was_first(self):
        with self.attack() as attacker:
            attacker.run(MEANS)
            for number, (what, (code, status, words)) in enumerate(OBSTACLES.items()):
                with self.subTest(what):
                    path = self.directory / f"{number}.sock"
                    attacker.run("s = socket.socket(socket.AF_UNIX)\n" + code.format(p=repr(str(path))))
                    self.assert_refused(path, status, words)
            self.stay()

    def test_31_a_server_that_is_not_trusted(self):
        """It listens where the server should be. Nobody tells it anything, unless he named its user."""
        path = str(self.directory / "false.sock")
        with self.attack() as attacker:
            attacker.run(
                f"""
                import socket, select
                s = socket.socket(socket.AF_UNIX); s.bind({path!r}); s.listen(100); os.chmod({path!r}, 0o777)
                heard = []
                def hear():
                    "How much all who came since the last time have said."
                    came = []
                    while select.select([s], [], [], 0)[0]:
                        came.append(s.accept()[0])
                        came[-1].settimeout(20)
                    heard.extend(came)
                    return len(came), sum(len(each.recv(10000)) for each in came)
                """
            )
            ask = "import tt_alloc; tt_alloc.server_figures()"
            report = "import tt_alloc; tt_alloc.report_allocation(0, 4096, tt_alloc.DRAM, 1)"
            for command, words in (
                ([BIN / "tt-smi"], "is not trusted|belongs to"),
                (["/usr/bin/env", "python3", "-c", ask], "UntrustedServerError"),
                (["/usr/bin/env", "python3", "-c", report], ""),
            ):
                with self.subTest(command=command):
                    result = run(command, env=client_environment(path))
                    self.assertTrue(re.search(words, result.stderr), result.stderr)
                    came, said = attacker.ask("hear()")
                    self.assertTrue(came > 0 and said == 0, f"{came} came and said {said} bytes")
            options = {"env": {**client_environment(path), "TT_ALLOC_SERVER_USER": str(ATTACKER)}}
            options["stderr"] = subprocess.DEVNULL
            with subprocess.Popen(["/usr/bin/env", "python3", "-c", ask], **options) as one:
                wait_until(lambda: attacker.ask("hear()")[1] >= 112, "the one that trusts it to say something")
                one.kill()
            self.stay()

    def test_32_the_socket_is_taken_away(self):
        """By an age cleaner, which takes the lock too, or by hand. It is made again, and if somebody else was faster,
        when he is gone. Who is connected notices nothing."""
        path = pathlib.Path(self.server.path)
        lock = pathlib.Path(f"{path}.lock")
        self._descriptors = self.server.fd_count  # one of them is another now
        told = rf"^(The socket|Listening on|Cannot listen on) {re.escape(str(path))}"

        def connect():
            with contextlib.suppress(ConnectionRefusedError):
                return raw.Raw(str(path))

        def expect_another(number):
            made = wait_until(lambda: path.is_socket() and path.stat().st_ino != number, "the socket to be back", 8)
            with wait_until(connect, "the server to listen there, too") as client:
                client.info(-1)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o666)
            self.assert_refused(path, 3, "another tt-allocation-server has it")
            return made

        with self.attack(besides=told) as attacker:
            before = path.stat().st_ino
            path.unlink()
            lock.unlink()
            expect_another(before)
            before = path.stat().st_ino
            path.rename(self.directory / "moved")
            attacker.do(f"os.mkdir({str(path)!r})")
            self.server.wait_for_line(f"Cannot listen on {path}: it exists and is not a socket")
            self.assertTrue(path.is_dir())
            attacker.do(f"os.rmdir({str(path)!r})")
            expect_another(before)
            self.stay()

    def test_33_in_a_private_directory(self):
        """A server in a mount namespace of its own says that nobody else may see its socket: root's can compare,
        another user's knows what systemd mounts. One whose directory is everybody's says nothing."""
        private = self.directory / "systemd-private-0-app.service-x" / "tmp"
        private.mkdir(parents=True)
        shutil.copy(self.binary, private)
        here = f"{self.directory}/here.sock"
        with self.attack():
            for source, path, uid, hidden in (
                (private, "/tmp/s.sock", 0, True),
                (private, "/tmp/s.sock", ATTACKER, True),
                (None, here, 0, False),
                (None, here, ATTACKER, False),
            ):
                with self.subTest(path=path, uid=uid):
                    private.chmod(0o1777)
                    said = self.first_words(source, path, uid)
                    self.assertEqual("Nobody else may see" in said, hidden, said)
            self.stay()

    def first_words(self, source, path, uid):
        """What a server says until it serves, in a mount namespace in which source lies on /tmp."""
        become = f"exec setpriv --reuid={uid} --regid={uid} --clear-groups"
        binary = "/tmp/tt-allocation-server" if source else self.binary
        prepare = f"mount --bind {source} /tmp && " if source else ""
        command = f"{prepare}{become} {binary} --socket {path}"
        process = subprocess.Popen(["unshare", "--mount", "sh", "-c", command], stderr=subprocess.PIPE, text=True)
        with process:
            try:
                first = process.stderr.readline()
                self.assertIn("Listening on", first)
            finally:
                process.terminate()
            return first + process.stderr.read()


class AfterACrash(ServerTest):
    def setUp(self):
        self.require_root()
        super().setUp()

    def test_30_a_dead_socket(self):
        """Of four servers that are started at once one takes the place of the dead, and who reported to that one is
        back with all he holds."""
        bystander = Bystander(self.server.path)
        self.addCleanup(bystander.close)
        self.server.kill9()
        command = [*CONFINED, BIN / "tt-allocation-server", "--socket", self.server.path]
        candidates = [
            subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True) for _ in range(4)
        ]
        for each in candidates:
            self.addCleanup(self.end, each)
        wait_until(lambda: sum(each.poll() is None for each in candidates) == 1, "all but one to give up")
        self.assertEqual(sorted(each.returncode or 0 for each in candidates), [0, 3, 3, 3])
        bystander.tell("rest")
        watch = self.watcher()

        def held():
            process = watch.process(bystander.pid)
            if not process or process["flags"]:
                return None
            return {key[2]: used["bytes"] for key, used in process["usage"].items() if key[1] == 0}

        self.assertEqual(wait_until(held, "the bystander to be back"), KEPT)

    def end(self, process):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with process:
            log = process.stderr.read()
        self.assertEqual(process.returncode, 3 if "Cannot listen" in log else 0, log)


if __name__ == "__main__":
    unittest.main()
