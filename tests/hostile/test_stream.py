# SPDX-License-Identifier: Apache-2.0
"""What a hostile peer writes into its socket: parts of frames, frames cut and glued, bytes that are no frames, and
generations mixed. The tables of what each frame means are tested in integration/test_wire.py, without the innocents."""

import os
import shutil
import socket
import tempfile
import threading
import unittest

from oracle import HostileTest

import raw
from app import SIZE, App
from harness import Child, wait_until

# Each of them closes its connection.
GARBAGE = """
import contextlib, random
dice = random.Random(20261125)
absurd = raw.message(raw.ALLOC, size=2**64 - 1, device_id=-1) * 40
unknown = (b"\\xee" + bytes(111)) * 40
others = raw.own(raw.HELLO, magic=1, version=2**31 - 1), b"GET / HTTP/1.0\\r\\n\\r\\n" * 10, b"\\xff" * 4000, unknown
say()
while True:
    question = raw.message(raw.QUERY, dice.choice((72, 112, 144)))
    for piece in (*others, question + absurd, question + unknown, question + dice.randbytes(dice.randrange(1, 4000))):
        with raw.Raw(path) as each, contextlib.suppress(OSError):
            each.send_bytes(piece)
            each.socket.shutdown(raw.socket.SHUT_WR)
            while each.socket.recv(65536):
                pass
"""

# Several connections at a time, each with a device of its own, since what others hold there would be seen.
TALK = """
def talk(size, device):
    held = dict(device_id=device, buffer_id=0x1000)
    query = raw.message(raw.QUERY, size, device_id=device)
    return query + raw.message(raw.ALLOC, size, size=4096, **held) + query + raw.message(raw.FREE, size, **held) + query

def check(each, times, about):
    told = [each.read()["dram_allocated"] for _ in range(3 * times)]
    assert told == [0, 4096, 0] * times, (about, told)

def check_cuts(size, cuts):
    for first in range(0, len(cuts), 16):
        some = [(cut, raw.Raw(path, size), talk(size, 100 + at)) for at, cut in enumerate(cuts[first : first + 16])]
        for cut, each, data in some:
            each.send_bytes(data[:cut])
        for cut, each, data in some:
            each.wait_until_read()
            each.send_bytes(data[cut:])
        for cut, each, data in some:
            check(each, 1, (size, cut))
            each.close()

def check_in_bytes(size):
    with raw.Raw(path, size) as each:
        each.send_cut(talk(size, 99), *range(1, 5 * size))
        check(each, 1, size)

def check_glued(size, times):
    with raw.Raw(path, size) as each:
        each.send_bytes(talk(size, 99) * times)  # the server reads on when answers are taken
        check(each, times, size)
"""


class Stream(HostileTest):
    def test_01_a_part_of_a_frame_and_silence(self):
        """Each of 111 connections stops at another byte. The parts wait for the rest, cost nobody anything, and go with
        their connections: no report comes of them, and none is a bad frame."""
        before = self.watch.figures()
        with self.attack() as attacker:
            attacker.run(
                """
                kept = [raw.Raw(path) for _ in range(111)]
                for size, each in enumerate(kept, 1):
                    each.query()
                    each.query()
                    each.send_bytes(raw.message(raw.ALLOC, size=4096, buffer_id=1, process_id=1)[:size])
                    each.wait_until_read()
                """
            )
            self.stay()
            self.assertEqual(self.watch.figures()["sessions"] - before["sessions"], 112)
        after = self.watch.figures()
        self.assertEqual(after["bad_frames"], before["bad_frames"])
        self.assertEqual(after["leaked_buffers"], before["leaked_buffers"])

    def test_02_frames_cut_at_every_byte_and_glued(self):
        """However they are cut, and a thousand in one piece: the answers are those of whole frames."""
        with self.attack() as attacker:
            attacker.run(TALK)
            for size in (72, 112, 144):
                # From the second byte of a first frame of 72 on, and of the others behind 72, the length is known.
                cuts = range(1 if size == 112 else size + 1, 5 * size)
                for first in cuts[::size]:
                    attacker.do(f"check_cuts({size}, {cuts}[{first - cuts[0]} :][:{size}])")
                attacker.do(f"check_glued({size}, 200)")
            attacker.do("check_in_bytes(112)")

    def test_03_what_is_no_frame(self):
        """Random bytes, unknown types, another version, absurd numbers, again and again over new connections: refused
        and counted, the connection closed, and said once and not each time."""
        before = self.watch.figures()
        logs = r"Closed a connection of process {pid} \(uid {uid}\): it sends what no client sends"
        absurd = r"^Refused a report of process \d+ \(uid 40001\): "
        with self.attack(Child, GARBAGE, logs=logs, besides=absurd) as attacker:
            attacker.hear()
            self.stay()
        after = self.watch.figures()
        self.assertGreater(after["bad_frames"] - before["bad_frames"], 100)

    def test_28_three_generations_and_features_of_the_future(self):
        """Each connection is spoken to as its first frame asks, whoever else is there; what a HELLO asks for that this
        server does not know is left out of the answer."""
        with self.attack() as attacker:
            attacker.run(
                """
                older = [raw.Raw(path, size) for size in (72, 112, 144)]
                newer = raw.Raw(path)
                welcome = newer.hello(raw.REPORTER, features=2**32 - 1)
                ring = newer.ring()
                ring.resync()
                def turn(number):
                    for at, each in enumerate(older):
                        each.alloc(at, 1 << at, device_id=3)
                    ring.alloc(64 + number, 8, device_id=3)
                    newer.fence()
                    totals = [each.totals(3)[0] for each in (*older, newer)]
                    for at, each in enumerate(older):
                        each.free(at, device_id=3)
                    ring.free(64 + number, device_id=3)
                    assert totals == [15] * 4, totals
                """
            )
            self.assertEqual(attacker.ask("(welcome['version'], welcome['features'])"), (1, raw.ALL_FEATURES))
            self.repeat(lambda: attacker.do("[turn(n) for n in range(20)]"))


class OldServer(threading.Thread):
    """One from before HELLO: it knows the types up to 12, and passes over others or closes the connection."""

    FRAME = 112

    def __init__(self, closes):
        super().__init__(daemon=True)
        self.closes = closes
        self.directory = tempfile.mkdtemp(prefix="tt-alloc-test-")
        self.path = os.path.join(self.directory, "s.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.connections, self.live = 0, {}
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rb") as stream:
                while len(frame := stream.read(self.FRAME)) == self.FRAME and self.act(frame):
                    pass

    def act(self, frame):
        """Whether to go on with the connection."""
        report = raw.parse(bytes([raw.RESPONSE]) + frame[1:])  # which has the same fields
        if frame[0] == raw.ALLOC:
            self.live[report["buffer_id"]] = self.live.get(report["buffer_id"], 0) + report["size"]
        elif frame[0] == raw.FREE:
            del self.live[report["buffer_id"]]
        return frame[0] <= raw.DUMP_KERNELS or not self.closes

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.listener.close()
        shutil.rmtree(self.directory)


class OlderServers(unittest.TestCase):
    """A new client among them says HELLO too, and does its application no harm with that."""

    def begin(self, closes):
        server = OldServer(closes)
        self.addCleanup(server.close)
        app = App(server.path)
        self.addCleanup(app.close)
        app.do("fill 10")
        return server, app

    def test_28_a_server_that_passes_over_hello(self):
        """It is told what is live and then each report, in frames that it knows, through the same connection."""
        server, app = self.begin(closes=False)
        wait_until(lambda: len(server.live) == 10, "what is live to be told")
        app.do("churn 4")
        expected = {number * SIZE: SIZE for number in range(2, 12)}
        wait_until(lambda: server.live == expected, "the reports to be told")
        self.assertEqual((server.connections, app.do("lost"), app.leave()), (1, 0, ""))

    def test_28_a_server_that_closes_at_hello(self):
        """It is tried again with pauses that grow, and said once; no report waits for it."""
        server, app = self.begin(closes=True)
        wait_until(lambda: server.connections >= 4, "the client to try again")
        self.assertLess(app.do("churn 100000")["total_ns"], 1e9)
        self.assertEqual((server.live, app.do("lost")), ({}, 0))
        self.assertRegex(app.leave(), r"^tt-alloc: the server at [^\n]* closed the connection: [^\n]*\n$")
        self.assertLess(server.connections, 8)


if __name__ == "__main__":
    unittest.main()
