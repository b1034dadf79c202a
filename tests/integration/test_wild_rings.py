# SPDX-License-Identifier: Apache-2.0
"""Clients that write into their rings what no client writes. Each loses its connection, is counted once and logged
once; the server lives on, and nobody else notices anything."""

import random
import unittest

from descriptors import PREFIX_OF_OLDER
from harness import wait_until
from ring_test import SUSPECT_UID, BarePuppet, RingTest

WRITE_ON = """
try:
    while True:
        r.alloc(r.made % 900 * 64, 64, device_id=5)
        if r.made % 100 == 0:
            c.wake()
except (OSError, TimeoutError):
    pass
"""
PUNCH_HOLE = "ctypes.CDLL(None, use_errno=True).fallocate"


class WildTest(RingTest):
    SUSPECT = BarePuppet
    CONNECT = """
c = raw.Raw(path)
c.hello(raw.REPORTER, features=raw.RING_FEATURES)
r = c.ring()
r.is_quiet = True
r.resync()
for n in range(20): r.alloc(64 * n, 1, device_id=5)
c.fence()
"""

    def misbehave(self, deed):
        """A new process does it behind 20 good records."""
        suspect = self.ring_puppet(SUSPECT_UID, BarePuppet)
        suspect.run(self.CONNECT)
        suspect.run(deed)
        return suspect

    def check_cut_off(self, suspect, cut_off):
        suspect.do("c.wait_for_close()")
        self.server.wait_for_line(rf"Process {suspect.pid} \(.*\) closed its connection but left (at most )?\d+ buf")
        self.assertEqual(self.watch.figures()["cut_off"], cut_off + 1)
        self.assertEqual(self.server.count_lines(rf"process {suspect.pid}\b.*ring"), 1, self.server.log())
        suspect.close()

    def check_deed(self, deed, notice="c.wake_if_open()"):
        with self.subTest(deed=deed, notice=notice):
            before = self.watch.figures()
            with self.others_are_served():
                suspect = self.misbehave(f"{deed}\n{notice}")
                if not notice:
                    self.watch.fence()
                self.check_cut_off(suspect, before["cut_off"])
            after = self.watch.figures()
            self.assertEqual(after["rings"], before["rings"])
            self.assertEqual(after["bad_frames"], before["bad_frames"])
            self.assertEqual(self.watch.totals(5)[0], 0)
            self.check_innocent()

    def check_deeds(self, *deeds):
        descriptors = self.server.fd_count()
        for deed in deeds:
            self.check_deed(deed)
        self.check_deed(deeds[0], notice="")  # somebody else's question finds it
        wait_until(lambda: self.server.fd_count() == descriptors, "the server's descriptors to go back")


class Tails(WildTest):
    def test_far_ahead(self):
        self.check_deeds(*(f"r.publish(tail=r.tail + {ahead})" for ahead in (1025, 1026, 4096, 2**32, 2**63)))

    def test_behind(self):
        self.check_deeds(*(f"r.publish(tail=r.tail - {behind})" for behind in (1, 20, 1024, 2**31)))

    def test_odd(self):
        dice = random.Random(99)
        self.check_deeds(*(f"r.publish(tail={dice.getrandbits(64)})" for _ in range(5)))

    def test_nothing_behind_it_is_believed(self):
        """Good records wait, but the tail is impossible: not even those are taken."""
        for tail in ("r.tail - 1", "r.tail + 2000"):
            before = self.watch.figures()
            self.check_deed(f"tail = {tail}\nr.put(raw.ALLOC, buffer_id=9, size=9)\nr.publish(tail=tail)", "")
            self.assertEqual(self.watch.figures()["reports"] - before["reports"], 20)

    def test_jumping(self):
        """Good, bad and good again before anybody looks is good; what was bad when it was looked at is not forgiven."""
        suspect = self.misbehave("r.publish(tail=r.tail + 5000); r.publish(); c.wake(); c.fence()")
        self.assertEqual(self.watch.totals(5)[0], 20)
        suspect.do("r.publish(tail=r.tail + 5000)")
        self.watch.fence()
        suspect.do("r.publish()", "c.wait_for_close()")
        wait_until(lambda: self.watch.totals(5)[0] == 0, "its buffers to go")

    def test_slots_that_were_not_written(self):
        self.check_deeds(*(f"r.publish(tail=r.tail + {ahead})" for ahead in (1, 2, 900)))


class Records(WildTest):
    def test_written_by_half(self):
        half = "data = raw.record(raw.ALLOC, 1, 1, position=r.tail)\n"
        store = "r.write(r.tail, {}); r.publish(tail=r.tail + 1)"
        self.check_deeds(
            half + store.format("data[:16] + bytes(16)"),
            half + store.format("data[:28] + bytes(4)"),
            half + store.format("bytes(16) + data[:16]"),
        )

    def test_in_the_wrong_place(self):
        store = "r.write(r.tail, raw.record(raw.ALLOC, 1, 1, position=r.tail + {})); r.publish(tail=r.tail + 1)"
        self.check_deeds(*(store.format(off) for off in (1, -1, 1024, 2**31)))

    def test_of_types_that_are_none(self):
        types = (0, 3, 5, 6, 12, 32, 50, 51, 58, 64, 95, 255)
        self.check_deeds(*(f"r.put({type_})" for type_ in types))

    def test_out_of_place(self):
        self.check_deeds(
            "r.tell(1, 1)", "r.end(0)", "r.put(raw.RESYNC_COUNTS)", "r.put(raw.RESYNC_PEAK)", "r.put(raw.RING_SWITCH)"
        )

    def test_out_of_place_in_frames(self):
        """What a frame holds is judged as a frame: it is bad, and nobody's ring is at fault."""
        suspect = self.misbehave("pass")
        before = self.watch.figures()
        for type_ in ("RING_SWITCH", "RESYNC_END", "RESYNC_BUFFER"):
            suspect.do(f"c.send_records(raw.record(raw.{type_}))", "c.fence()")
        after = self.watch.figures()
        self.assertEqual(after["bad_frames"] - before["bad_frames"], 3)
        self.assertEqual(after["cut_off"], before["cut_off"])
        self.assertEqual(self.watch.totals(5)[0], 20)

    def test_a_count_that_ran_away(self):
        self.check_deeds("r.lose(2**60)", "r.lose(2**63)")


class Memory(WildTest):
    def test_zeroed(self):
        waiting = "[r.alloc(n, 1) for n in range(200)]\n"
        self.check_deeds(
            waiting + "r.memory[4096:] = bytes(r.size - 4096)",
            waiting + "r.memory[:] = bytes(r.size)",
        )

    def test_punched(self):
        punch = f"{PUNCH_HOLE}(r.descriptor, 3, ctypes.c_long(%d), ctypes.c_long(%d))"  # punch, keep the size
        waiting = "[r.alloc(n, 1) for n in range(200)]\n"
        self.check_deeds(
            waiting + punch % (4096, 8192),
            waiting + punch % (0, 4096 + 32 * 1024),
            waiting + punch % (0, 4096),
        )

    def test_overwritten(self):
        self.check_deeds("r.memory[:4096] = b'\\xff' * 4096", "r.memory[:] = b'\\xa5' * r.size")

    def test_the_servers_own_fields(self):
        """It does not read them back."""
        suspect = self.misbehave("")
        for offset in ("SLOTS_AT", "MAGIC_AT", "HEAD_AT"):
            for value in (0, 1, 2**40, 2**64 - 1):
                suspect.do(f"r.poke(r.{offset}, {value})", "r.alloc(1000, 1, device_id=5)", "r.free(1000, device_id=5)")
                self.assertEqual(self.watch.totals(5)[0], 20)
        self.assertEqual(self.watch.figures()["cut_off"], 0)

    def test_the_size_is_sealed(self):
        suspect = self.misbehave(
            """
            def refused(attempt, *arguments):
                try:
                    attempt(*arguments)
                except PermissionError:
                    return True
            r.alloc(1000, 1, device_id=5)
            sizes = (0, 1, 4096, r.size - 1, r.size + 1, 2**30)
            verdict = [refused(os.ftruncate, r.descriptor, size) for size in sizes]
            verdict += [refused(fcntl.fcntl, r.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)]
            """
        )
        self.assertEqual(suspect.ask("verdict"), [True] * 7)
        self.assertEqual(self.watch.totals(5)[0], 21)

    def test_written_while_it_is_read(self):
        """A second process scribbles over everything while the server reads. Whatever becomes of the writer, the
        server keeps its own counts and its life."""
        for seed in range(5):
            suspect = self.ring_puppet(SUSPECT_UID, BarePuppet)
            suspect.run(
                f"""
                dice = random.Random({seed})
                c = raw.Raw(path)
                c.hello(raw.REPORTER, features=raw.RING_FEATURES)
                r = c.ring()
                heir = os.fork()
                while heir == 0:
                    at = dice.randrange(4096, r.size - 32)
                    kind = dice.choice((raw.ALLOC, raw.FREE, raw.RESYNC_BEGIN, raw.RESYNC_BUFFER, raw.RESYNC_END))
                    r.memory[at : at + 32] = raw.record(kind, dice.getrandbits(10), 64, 1, 5, 1)
                """
            )
            cut_off = self.watch.figures()["cut_off"]
            suspect.tell(f"exec({WRITE_ON!r})")
            with self.others_are_served():
                wait_until(lambda: self.watch.figures()["cut_off"] > cut_off, "the reader to see through it")
            self.check_innocent()
            suspect.close()
        wait_until(lambda: self.watch.totals(5)[0] == 0, "all to be gone")

    def test_random_words_anywhere(self):
        dice = random.Random(20261122)
        for _ in range(100):
            deed = "\n".join(
                f"r.poke({dice.choice((128, 136, 256, 8, 8 * dice.randrange(512, 2000)))}, {dice.getrandbits(64)})"
                for _ in range(dice.randrange(1, 6))
            )
            suspect = self.misbehave("[r.alloc(64 * n, 1) for n in range(100)]\n" + deed)
            suspect.do("c.wake()")
            with self.others_are_served():
                pass
            suspect.close()
        wait_until(lambda: self.watch.figures()["processes"] == 1, "them all to be gone")
        self.check_innocent()


class OlderKernel(WildTest):
    """One that cannot refuse descriptors."""

    PREFIX = PREFIX_OF_OLDER

    def test_memory_of_its_own(self):
        """Descriptors that come with a request are closed unread; the ring is the server's."""
        suspect = self.ring_puppet(SUSPECT_UID, BarePuppet)
        suspect.do("c = raw.Raw(path)", "c.hello(raw.REPORTER, features=raw.RING_FEATURES)")
        descriptors = self.server.fd_count()
        suspect.run(
            """
            own = os.memfd_create("own")
            os.ftruncate(own, 4096 + 32 * 1024)
            raw.socket.send_fds(c.socket, [raw.own(raw.RING_REQUEST, slots=1024)], [own] * 10)
            frame, fds, _, _ = raw.socket.recv_fds(c.socket, 112, 4, raw.socket.MSG_WAITALL)
            r = raw.Ring(c, raw.parse(frame), *fds)
            os.ftruncate(own, 0)
            r.alloc(1, 77, device_id=5)
            c.fence()
            """
        )
        self.assertEqual(self.watch.totals(5)[0], 77)
        self.assertEqual(self.server.fd_count(), descriptors)
        self.assertEqual(suspect.ask("os.fstat(own).st_ino != os.fstat(r.descriptor).st_ino"), True)


if __name__ == "__main__":
    unittest.main()
