# SPDX-License-Identifier: Apache-2.0
"""Case 37: the server's memory runs out, at every single call that asks for some, and for good.

What is not to be had is refused and counted. Nobody who was there before suffers, the books stay exact, and when memory
is back everything works. What stands between the server and its allocator is integration/helpers/scarce.c, which lets
chosen calls fail, also those of libev and libsystemd.
"""

import contextlib
import itertools
import os
import shutil
import signal
import struct
import subprocess
import unittest

from memory_group import MemoryGroup
from oracle import ATTACKER, HostileTest

import raw
from harness import BIN, PATIENCE, ServerTest, client_environment, wait_until
from preload import Preloaded
from ring_test import OUTCOMES, REGION, RingTest

FOR_EVER = 2**64 - 1
SANITIZED = b"libasan" in (BIN / "tt-allocation-server").read_bytes()
SPARED_IN_A_ROW = 3  # conversations that needed no further call: how often it asks depends a little on time
GONE = (raw.Closed, BrokenPipeError, ConnectionResetError)


class Scarcity:
    """The page that is shared with scarce.c in the server."""

    def __init__(self, page):
        self.page = page

    @contextlib.contextmanager
    def fail(self, start, count):
        """Within the block the calls number start, start + 1, ... fail."""
        self.page[:40] = struct.pack("=5Q", 0, start, min(start + count, FOR_EVER), 0, 0)
        try:
            yield
        finally:
            self.page[8:24] = bytes(16)

    def failed(self):
        return struct.unpack_from("=Q", self.page, 24)[0]

    def unwatched(self):
        """How many of those were descriptors to be watched."""
        return struct.unpack_from("=Q", self.page, 32)[0]


class Conversation:
    """Everything that can be said to a server. Where it is refused or cut off, it goes on with the next thing."""

    BUFFERS = 300
    LISTS = tuple(
        raw.own(type_, process_id=0, region=-1, resolution=1000) for type_ in range(raw.LIST_DEVICES, raw.LIST_HISTORY + 1)
    )

    def __init__(self, path):
        self.path = path
        ids = range(self.BUFFERS)
        self.reports = [raw.record(raw.ALLOC, 0x1000 + n, 100, n % 7, n % 3) for n in ids]
        self.reports += [raw.record(raw.FREE, 0x1000 + n, 0, n % 7, n % 3) for n in ids if n % 2]

    def run(self, part):
        with contextlib.suppress(*GONE):
            part(self)

    def by_ring(self):
        with raw.Raw(self.path) as c, contextlib.ExitStack() as rings:
            c.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=1)
            c.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 0, asic_id=0xABC, known=raw.KNOWN["asic_id"]))
            ring = self.ring(c, rings, 1024)
            larger = self.ring(c, rings, 4096)
            if ring and larger:
                ring.resync((1, 10), (2, 20))
                ring = ring.switch_to(larger)
            if ring or larger:
                self.report(ring or larger)
            self.ask(c)

    def ring(self, c, rings, slots):
        reply, descriptors = c.request_ring(slots)
        if reply["status"]:
            return None
        ring = raw.Ring(c, reply, descriptors[0])
        rings.callback(ring.close)
        return ring

    def report(self, ring):
        for report in self.reports:
            if ring.waiting() < ring.slots:
                ring.write(ring.tail, report[:28] + struct.pack("=I", ring.tail & 0xFFFFFFFF))
                ring.tail = (ring.tail + 1) % 2**64
                ring.made += 1
        ring.publish()
        ring.resync((2, 20))

    def ask(self, c):
        """For all lists at once, and reads what comes without looking closer."""
        c.send_bytes(b"".join(self.LISTS) + raw.own(raw.RESET_PEAKS, process_id=-1))
        text, ends = b"", 0
        while ends <= len(self.LISTS):
            piece = c.socket.recv(1 << 18)
            if not piece:
                return
            whole = len(text) // 112
            text += piece
            ends += text[whole * 112 : len(text) // 112 * 112 : 112].count(bytes([raw.END]))

    def by_records(self):
        """It takes the place of a former connection of the same process, and leaves in the middle of a frame."""
        with raw.Raw(self.path) as c, raw.Raw(self.path) as d:
            for each in (c, d):
                each.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=2)
                each.send_records(
                    raw.record(raw.RESYNC_BEGIN, 1, 0),
                    raw.record(raw.RESYNC_BUFFER, 5, 50, references=1),
                    raw.record(raw.RESYNC_END, 1, 0),
                    raw.record(raw.ALLOC, 6, 60),
                )
            d.send_cut(raw.message(raw.ALLOC, size=7, buffer_id=7), 50)
            d.fence()
            d.send_bytes(raw.message(raw.ALLOC, size=8, buffer_id=8)[:70])

    def as_older_programs_do(self):
        for size in (72, 112, 144):
            with raw.Raw(self.path, size) as c:
                frames = [raw.message(raw.ALLOC, size, size=64, buffer_id=n, buffer_type=n % 5) for n in range(20)]
                frames += [raw.message(type_, size, size=5, buffer_id=1) for type_ in (raw.CB_ALLOC, raw.KERNEL_LOAD)]
                frames += [raw.message(raw.FREE, size, buffer_id=3), raw.message(raw.DUMP_REMAINING, size)]
                c.send_bytes(b"".join(frames))
                c.query()


class Scarce(Preloaded, RingTest):
    """The innocent of another uid is there before, and says nothing meanwhile."""

    OPTIONS = ("--leak-lines", "3")
    PARTS = Conversation.by_ring, Conversation.by_records, Conversation.as_older_programs_do
    COUNTED = "refused_memory", "refused_announced", "refused_description", "sessions_refused", "out_of_memory"
    # What is done without, and not counted: the command line of each process that begins to report. strndup() counts,
    # and without ASan its malloc() as well.
    UNCOUNTED_MAX = 6

    LIBRARY = "scarce"

    def setUp(self):
        super().setUp()
        self.scarcity = Scarcity(self.page)
        self.a.leave()
        self.conversation = Conversation(self.server.path)
        for part in self.PARTS:
            self.conversation.run(part)
        self.settle()
        self.descriptors = self.server.fd_count()

    def settle(self):
        def is_over():
            figures = self.watch.figures()
            return figures["sessions"] == 2 and figures["processes"] == 1 and figures

        return wait_until(is_over, "the conversation to be forgotten")

    def check(self):
        figures = self.settle()
        self.check_innocent()
        self.assertEqual(self.server.fd_count(), self.descriptors)
        self.assertEqual(figures["reports"], sum(figures[name] for name in OUTCOMES), figures)
        held = {key[2]: row["usage"][key]["bytes"] for row in self.rows() for key in row["usage"] if key[1] == REGION}
        self.assertEqual({region: held[region] for region in self.INNOCENT}, self.INNOCENT)

    def rows(self):
        return [row for row in self.watch.entries(raw.LIST_DEVICES) if row["device_id"] == 0]

    def refusals(self):
        figures = self.watch.figures()
        return sum(figures[name] for name in self.COUNTED)

    def sweep(self, part):
        """Every call in turn, until there are no more. How many of those that failed were not counted. (A
        process that is not watched may have ended before that matters.)"""
        call = spared = uncounted = unwatched = 0
        before = self.refusals()
        while spared < SPARED_IN_A_ROW:
            with self.scarcity.fail(call, 1):
                self.conversation.run(part)
            self.settle()
            spared = 0 if self.scarcity.failed() else spared + 1
            after = self.refusals()
            uncounted += spared == 0 and after == before and not self.scarcity.unwatched()
            unwatched += after > before and self.scarcity.unwatched()
            before, call = after, call + 1
            if call % 16 == 0:
                self.check()
        self.assertGreater(call, 10, "calls that ask for memory")
        self.assertGreater(unwatched, 0, "connections")
        return uncounted

    def test_37_at_every_single_call(self):
        for part in self.PARTS:
            with self.subTest(part=part.__name__):
                self.assertLessEqual(self.sweep(part), self.UNCOUNTED_MAX)
                self.check()
        self.server.wait_for_line(r"process \d+ \(uid 0\): out of memory")
        ends = [each for each in self.watch.entries(raw.LIST_ENDED) if each["process_id"] == os.getpid()]
        self.assertEqual({each["reason"] for each in ends}, {raw.HUNG_UP}, "we are alive")

    def test_37_from_a_call_on(self):
        """Nothing is to be had any more, and the innocent still is what it was when it is over."""
        for call in (0, 1, 2, 4, 8, 16, 32, 64, 128):
            with self.scarcity.fail(call, FOR_EVER):
                for part in self.PARTS:
                    self.conversation.run(part)
            self.check()


class ScarceAtStart(Preloaded, ServerTest):
    """Whatever its start does not get, it does without, or it says so and leaves."""

    LIBRARY = "scarce"
    TIME_LIMIT = 120  # for a hundred servers

    def begin(self, call):
        """Whether the start of a server comes to this call, which fails."""
        server = self.make_server()
        server.wrapper = []  # it would not get the call either
        self.addCleanup(shutil.rmtree, server.directory)
        scarcity = Scarcity(self.page)
        with scarcity.fail(call, 1):
            with contextlib.suppress(AssertionError, *GONE):  # it has left, or our connection did not come about
                server.start()
            with contextlib.suppress(AssertionError):  # it had left
                server.stop()
        server.kill9()
        self.assertIn(server.process.returncode, (0, 1))
        self.assertRegex(server.log(), "memory" if server.process.returncode else "Listening")
        return scarcity.failed() > 0

    def test_37_at_its_start(self):
        for call in itertools.count():
            with self.subTest(call=call):
                if not self.begin(call):
                    break
        self.assertGreater(call, 50)


def app(path, uid=-1):
    """A user of libtt-alloc (integration/helpers/app.c), of another uid if asked for."""
    identity = {"user": uid, "group": uid, "extra_groups": []} if uid >= 0 else {}
    return subprocess.Popen(
        [BIN / "app"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**client_environment(path), "TT_ALLOC_FULL_WAIT_MS": "10000"},  # nothing is lost on the way
        **identity,
    )


def tell(process, command):
    process.stdin.write(command + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def leave(process):
    process.stdin.close()
    process.wait(PATIENCE)
    process.stdout.close()


@unittest.skipIf(SANITIZED, "ASan keeps terabytes of addresses, which count towards the limit")
class AtTheLimit(HostileTest):
    """RLIMIT_DATA, as the unit has it."""

    DATA = 24 << 20
    PREFIX = ("prlimit", f"--data={DATA}")
    MORE_THAN_FIT = 500_000

    def fill(self, process, count):
        """The process, when the server knows what became of all its buffers."""
        tell(process, f"fill {count}")

        def find():
            found = self.watch.process(process.pid)
            return found if found and found["buffers"] + found["lost"] == count else None

        return wait_until(find, f"{count} buffers to be held or refused")

    def test_37_filled_to_the_limit(self):
        with self.attack(logs=r"^Refused a report of process \d+ \(uid {uid}\): out of memory") as attacker:
            greedy = app(self.server.path, ATTACKER)
            held = self.fill(greedy, self.MORE_THAN_FIT)
            figures = self.watch.figures()
            self.assertEqual(figures["refused_memory"], held["lost"])
            self.assertEqual(held["flags"], raw.INEXACT)
            self.assertGreater(figures["refused_memory"], 0)
            for _ in range(20):  # there is room for who only comes to ask
                with raw.Raw(self.server.path) as late:
                    late.entries(raw.LIST_PROCESSES)
            self.stay()
            leave(greedy)
            wait_until(lambda: self.watch.figures()["buffers"] < 100, "the memory to be given back")
            refused = self.watch.figures()["refused_memory"]
            again = app(self.server.path, ATTACKER)
            self.assertEqual(self.fill(again, held["buffers"] // 2)["lost"], 0)
            self.assertEqual(self.watch.figures()["refused_memory"], refused)
            leave(again)
            attacker.do("c.alloc(1, 1)")


class InAGroup(AtTheLimit):
    """And the cgroup's limit a quarter above it, as in the unit: the server refuses before the kernel kills it."""

    def make_server(self):
        group = MemoryGroup(AtTheLimit.DATA * 5 // 4)
        self.addCleanup(group.remove)
        self.PREFIX = (*group.prefix, *AtTheLimit.PREFIX)
        return super().make_server()


@unittest.skipIf(SANITIZED, "ASan's own memory counts towards the limit")
class KilledByAGroup(HostileTest):
    """A cgroup with less room than the server is told it has."""

    IS_STOPPED = True
    ROOM = 4 << 20
    COUNT = 500_000

    def make_server(self):
        self.group = MemoryGroup(-1)
        self.addCleanup(self.group.remove)
        self.PREFIX = self.group.prefix
        return super().make_server()

    def test_37_killed_at_the_limit_of_a_cgroup(self):
        """The kernel ends it, no client notices, and the next one is told all that is live."""
        with self.attack():
            greedy = app(self.server.path, ATTACKER)
            self.asker.close()
            self.group.limit(self.group.usage() + self.ROOM)
            tell(greedy, f"fill {self.COUNT}")
            self.assertEqual(self.server.process.wait(PATIENCE), -signal.SIGKILL)
            self.group.limit(-1)
            self.restart_server()
            self.wait_for_buffers(greedy.pid, self.COUNT)
            leave(greedy)


@unittest.skipIf(SANITIZED, "ASan keeps freed memory back")
class GivenBack(ServerTest):
    COUNT = 1_000_000
    LEFT = 2048  # KiB

    def come_and_go(self, watch, count):
        """What the server had meanwhile."""
        large = app(self.server.path)
        tell(large, f"fill {count}")
        wait_until(lambda: watch.figures()["buffers"] == count, "all to be told")
        rss = self.server.rss_kib()
        leave(large)
        wait_until(lambda: watch.figures()["processes"] == 0, "the client to be gone")
        return rss

    def test_37_memory_of_a_large_client_is_given_back(self):
        watch = self.watcher()
        self.come_and_go(watch, 1000)
        before = self.server.rss_kib()
        for _ in range(2):
            during = self.come_and_go(watch, self.COUNT)
            self.assertGreater(during - before, 24 * self.COUNT >> 10)
            wait_until(lambda: self.server.rss_kib() - before < self.LEFT, f"{during} KiB to go back to {before}")

    def test_37_memory_of_one_of_two_large_clients_is_given_back(self):
        """What they hold was taken in turns, so that it stands side by side wherever both take it from."""
        watch = self.watcher()
        self.come_and_go(watch, 1000)
        before = self.server.rss_kib()
        both = [app(self.server.path) for _ in range(2)]
        for each in both:
            tell(each, f"fill {self.COUNT // 2}")
        wait_until(lambda: watch.figures()["buffers"] == self.COUNT // 2 * 2, "all to be told")
        during = self.server.rss_kib() - before
        leave(both[0])
        limit = before + during // 2 + self.LEFT
        wait_until(lambda: self.server.rss_kib() < limit, f"{during} KiB over {before} to become half of them")
        leave(both[1])
        wait_until(lambda: self.server.rss_kib() - before < self.LEFT, f"{during} KiB to go back to {before}")


if __name__ == "__main__":
    unittest.main()
