# SPDX-License-Identifier: Apache-2.0
"""The filter of the service's unit: what the server needs is on it, and nothing else.

All integration and hostile tests run the server as it is shipped under this filter (integration/confine.py), and a call
that is not on it kills the server. Here is shown that this would be noticed, and that the list is not too long: in one
long conversation, each call on it is seen, but for those that the unit itself calls unseen. The same conversation shows
that no file is opened for writing.
"""

import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import tempfile
import unittest

from innocents import Bystander

import confine
import raw
from harness import IS_CONFINED, PATIENCE, Server, ServerTest, wait_until

# Calls of the server alone: without them it starts, and ends when somebody comes.
NEEDED = ("accept4", "getsockopt", "recvfrom", "sendto")


def unseen():
    """What the unit lists under this word."""
    text = confine.UNIT.read_text()
    return set(confine.listed(text[text.index("# Not seen in that conversation.") :]))


@unittest.skipUnless(IS_CONFINED, "sanitizers make calls of their own; the other build is tested")
class WithoutACall(unittest.TestCase):
    def test_46_a_missing_call_is_noticed(self):
        for name in NEEDED:
            with self.subTest(name):
                server = Server()
                self.addCleanup(shutil.rmtree, server.directory, ignore_errors=True)
                server.wrapper = confine.prefix(without=[name])
                with self.assertRaises((AssertionError, OSError, raw.Closed)):
                    server.start()
                self.assertEqual(server.process.wait(PATIENCE), -signal.SIGSYS)


@unittest.skipUnless(IS_CONFINED, "sanitizers make calls of their own; the other build is tested")
@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Traced(ServerTest):
    def setUp(self):
        self.require_root()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="tt-alloc-test-"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.make_host()
        super().setUp()

    def make_host(self):
        """One with a device, which nobody has open."""
        device = self.scratch / "sys" / "class" / "tenstorrent" / "tenstorrent!0"
        device.mkdir(parents=True)
        (device / "tt_card_type").write_text("n150\n")
        holders = self.scratch / "proc" / "driver" / "tenstorrent" / "0" / "pids"
        holders.parent.mkdir(parents=True)
        holders.write_text("")

    def make_server(self):
        self.trace = self.scratch / "trace"
        server = Server("--root", self.scratch)
        server.wrapper = ["strace", "-D", "-qq", "-s", "128", "-e", "signal=none", "-o", self.trace, *server.wrapper]
        return server

    def converse(self):
        """What clients do, what they do wrong, and what befalls them and the server."""
        bystander = Bystander(self.server.path)
        self.addCleanup(bystander.close)
        self.stay_busy(bystander)
        puppet = self.puppet(40001)
        for size in (72, 112, 144):
            with self.connect(size) as client:
                client.alloc(1, 4096)
                client.query()
        puppet.do("c.send_bytes(b''.join(raw.message(raw.ALLOC, size=4096, buffer_id=n << 12) for n in range(20000)))")
        watch = self.watcher()
        self.assertGreater(len(watch.entries(raw.LIST_BUFFERS, process_id=puppet.pid)), 19_999)
        for kind in (raw.LIST_DEVICES, raw.LIST_PROCESSES, raw.LIST_ENDED):
            watch.entries(kind)
        with self.connect() as wild:
            wild.send_bytes(b"\xff" * 1000)
        puppet.kill()
        self.wait_for_end_of(puppet.pid, watch)
        self.come_in_crowds()
        self.run_out_of_descriptors()
        os.unlink(self.server.path)
        wait_until(lambda: os.path.exists(self.server.path), "the socket to be made again")

    def come_in_crowds(self):
        """So many that the loop's tables grow."""
        watch = self.watcher()
        before = watch.figures()["sessions"]
        crowd = [raw.Raw(self.server.path) for _ in range(600)]
        wait_until(lambda: watch.figures()["sessions"] == before + len(crowd), "all to be accepted")
        for each in crowd:
            each.close()
        wait_until(lambda: watch.figures()["sessions"] == before, "all to be forgotten")

    def run_out_of_descriptors(self):
        pid = self.server.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.server.fd_count() + 4, limits[1]))
        watch = self.watcher()
        crowd = [raw.Raw(self.server.path) for _ in range(8)]
        wait_until(lambda: watch.figures()["sessions_refused"], "connections to be refused")
        for each in crowd:
            each.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    def stay_busy(self, bystander):
        wait_until(lambda: bystander.tell("measure")["windows"] >= 4, "the bystander to be busy")

    def calls(self):
        """(name, text) of each call since the server was executed."""
        lines = self.trace.read_text(errors="replace").splitlines()
        calls = [(match.group(1), line) for line in lines if (match := re.match(r"(\w+)\(", line))]
        first = max(at for at, (name, text) in enumerate(calls) if name == "execve" and "tt-allocation" in text)
        return calls[first:]

    def files_open_for_writing(self):
        """Those that have a name in some directory; the memory of a ring has none. What it was started with is not its
        doing."""
        found = []
        for entry in pathlib.Path(f"/proc/{self.server.process.pid}/fd").iterdir():
            if int(entry.name) <= 2:
                continue
            target = os.readlink(entry)
            if target.startswith("/") and not target.startswith("/memfd:") and os.lstat(entry).st_mode & stat.S_IWUSR:
                found.append(target)
        return found

    def test_46_the_list_is_as_long_as_it_must_be_and_no_file_is_opened_for_writing_but_the_lock(self):
        self.converse()
        open_files = self.files_open_for_writing()
        self.server.stop()

        calls = self.calls()
        seen, listed = {name for name, _ in calls}, set(confine.listed())
        self.assertEqual(seen - listed - set(confine.BY_HAND), set(), "not listed")
        self.assertEqual((listed & set(confine.numbers())) - unseen() - seen, set(), "listed, and nobody needs it")

        opened = [text for name, text in calls if name.startswith("open")]
        writing = {text for text in opened if re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", text)}
        lock = f"{self.server.path}.lock"
        self.assertGreater(len(opened), 10)
        self.assertEqual({text.split('"')[1] for text in writing}, {lock})
        self.assertEqual(open_files, [lock])


if __name__ == "__main__":
    unittest.main()
