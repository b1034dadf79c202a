# SPDX-License-Identifier: Apache-2.0
"""The wire: three generations, frames cut and glued in every way, what is answered and what is not, bad frames, and
peers that go away or do not read. PROTOCOL.md is tested too: its tables against the header, its example against the
server."""

import itertools
import random
import re
import select
import socket
import time
import unittest

import raw
from descriptors import PREFIX_OF_OLDER
from harness import SRC, ServerTest, connect_socket, wait_until
from raw import CB, DRAM, KERNEL, L1, L1_SMALL, SYSTEM_MEMORY, TRACE

GENERATIONS = (72, 112, 144)
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Generations(ServerTest):
    def test_slow_conversation(self):
        for size in GENERATIONS:
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                client.alloc(0x1000, 3 * MIB, DRAM, device_id=size)
                client.alloc(0x2000, 2 * MIB, L1, device_id=size)
                client.alloc(0x3000, 5 * KIB, L1_SMALL, device_id=size)
                client.alloc(0x4000, 7 * KIB, TRACE, device_id=size)
                client.alloc(0x5000, 11 * KIB, SYSTEM_MEMORY, device_id=size)
                self.assertEqual(client.totals(size)[:4], (3 * MIB, 2 * MIB, 5 * KIB, 7 * KIB))
                client.free(0x1000, device_id=size)
                self.assertEqual(client.totals(size)[:4], (0, 2 * MIB, 5 * KIB, 7 * KIB))

    def test_bursts_of_thousands(self):
        count = 5000
        for size in GENERATIONS:
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                fields = [{"device_id": size, "buffer_id": 64 * n} for n in range(count)]
                client.send_bytes(b"".join(raw.message(raw.ALLOC, size, size=n + 1, **f) for n, f in enumerate(fields)))
                self.assertEqual(client.totals(size)[0], count * (count + 1) // 2)
                client.send_bytes(b"".join(raw.message(raw.FREE, size, **f) for f in fields[1:]))
                self.assertEqual(client.totals(size)[0], 1)

    def test_a_reply_has_nothing_but_its_fields(self):
        reporter = self.connect()
        reporter.hello()
        for region, size in ((DRAM, 1), (L1, 2), (SYSTEM_MEMORY, 4), (L1_SMALL, 8), (TRACE, 16)):
            reporter.alloc(0x100, size, region, device_id=3)
        reporter.send(raw.CB_ALLOC, device_id=3, size=32, buffer_id=1)
        reporter.send(raw.KERNEL_LOAD, device_id=3, size=64, buffer_id=1, buffer_type=2)
        reporter.fence()

        told = {"dram_allocated": 1, "l1_allocated": 2, "l1_small_allocated": 8, "trace_allocated": 16}
        for size in GENERATIONS:
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                if size == 144:
                    told.update(cb_allocated=32, kernel_allocated=64)
                response = client.query(3)
                self.assertEqual(
                    {name: value for name, value in response.items() if value not in (0, bytes(16))},
                    {"type": raw.RESPONSE, "device_id": 3, **told},
                )

    def test_an_unknown_device_has_zeros(self):
        for size, device in itertools.product(GENERATIONS, (-1, 0, 7, 2**31 - 1, -(2**31))):
            with self.subTest(frame_size=size, device=device), raw.Raw(self.server.path, size) as client:
                response = client.query(device)
                self.assertEqual(response["device_id"], device)
                self.assertEqual(sum(value for name, value in response.items() if name.endswith("allocated")), 0)

    def test_device_information(self):
        for size in (112, 144):
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                count = client.info(-1)
                self.assertEqual((count["num_devices"], count["is_available"]), (0, 0))
                self.assertEqual(client.info(5)["is_available"], 0)

        reporter = self.connect()
        reporter.hello(raw.REPORTER)
        facts = {"dram_size": 12 * GIB, "l1_size": 80 * MIB, "num_dram_channels": 12, "l1_size_per_core": 1 * MIB}
        known = sum(raw.KNOWN[name] for name in (*facts, "arch"))
        reporter.send_bytes(raw.own(raw.DESCRIBE_DEVICE, 5, known=known, arch=2, **facts))
        reporter.alloc(0x1000, 1, device_id=40)
        reporter.fence()

        for size in (112, 144):
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                count = client.info(-1)
                self.assertEqual((count["num_devices"], count["is_available"]), (2, 1))
                described = client.info(5)
                self.assertEqual(described["total_dram_size"], 12 * GIB)
                self.assertEqual(described["total_l1_size"], 80 * MIB)
                self.assertEqual(described["arch_type"], 2)
                self.assertEqual(described["num_dram_channels"], 12)
                self.assertEqual(described["dram_size_per_channel"], 1 * GIB)
                self.assertEqual(described["l1_size_per_core"], 1 * MIB)
                self.assertEqual((described["is_available"], described["num_devices"]), (1, 0))
                bare = client.info(40)
                self.assertEqual((bare["is_available"], bare["total_dram_size"], bare["arch_type"]), (1, 0, 0))

    def test_nothing_else_is_answered(self):
        silent = {
            72: (raw.ALLOC, raw.FREE, raw.DUMP_REMAINING),
            112: (raw.ALLOC, raw.FREE, raw.DUMP_REMAINING),
            144: (raw.ALLOC, raw.FREE, raw.DUMP_REMAINING, *range(raw.CB_ALLOC, raw.DUMP_KERNELS + 1)),
        }
        for size in GENERATIONS:
            with self.subTest(frame_size=size), raw.Raw(self.server.path, size) as client:
                for type_ in silent[size]:
                    client.send(type_, size=1, buffer_id=type_)
                    client.fence()
                client.fence()
                self.assertTrue(client.waits_for_more())

    def test_types_8_to_12_on_a_112_byte_connection(self):
        client = self.connect()
        client.hello()
        client.send(raw.CB_ALLOC, size=4096, buffer_id=0x10)
        client.send(raw.KERNEL_LOAD, size=1000, buffer_id=0x10, buffer_type=1)
        (device,) = client.entries(raw.LIST_DEVICES)
        self.assertEqual(device["usage"][0, 0, CB]["bytes"], 4096)
        self.assertEqual(device["usage"][0, 0, KERNEL]["bytes"], 1000)
        client.send(raw.CB_FREE, buffer_id=0x10)
        client.send(raw.KERNEL_UNLOAD, buffer_id=0x10)
        (device,) = client.entries(raw.LIST_DEVICES)
        self.assertEqual(device["usage"][0, 0, CB]["bytes"], 0)
        self.assertEqual(device["usage"][0, 0, KERNEL]["bytes"], 0)


class Cuts(ServerTest):
    """Every pause is real: the server has read the first piece before the second is sent."""

    TIME_LIMIT = 120

    def talk(self, size, start, buffer_id):
        """Requests and the values that the answers must show."""
        frames = {
            "alloc": raw.message(raw.ALLOC, size, size=4096, buffer_id=buffer_id, device_id=9),
            "free": raw.message(raw.FREE, size, buffer_id=buffer_id, device_id=9),
            "query": raw.message(raw.QUERY, size, device_id=9),
        }
        return b"".join(frames[name] for name in start), [4096 if "alloc" in start[:n] else 0 for n in self.asks(start)]

    @staticmethod
    def asks(start):
        return [n for n, name in enumerate(start) if name == "query"]

    def check(self, size, start, *positions):
        data, expected = self.talk(size, start, 0x1000)
        with self.subTest(frame_size=size, start=start, cut_at=positions), raw.Raw(self.server.path, size) as client:
            client.send_cut(data, *positions)
            for value in expected:
                self.assertEqual(client.read()["dram_allocated"], value)
            client.free(0x1000, device_id=9)
            self.assertEqual(client.totals(9)[0], 0)
            self.assertTrue(client.waits_for_more())

    def test_112_bytes_at_every_byte(self):
        for start in (("query", "alloc", "query"), ("alloc", "query", "query")):
            for position in range(1, 3 * 112):
                self.check(112, start, position)

    def test_112_bytes_around_the_end_of_a_72_byte_frame(self):
        for start in (("query",), ("query", "alloc", "query"), ("alloc", "query")):
            for positions in ((72, 73), (72, 111), (1, 72), (71, 72), (40, 72, 100), (72, 90, 100, 111)):
                self.check(112, start, *positions)
        for position in (112, 113, 184, 200):
            self.check(112, ("query", "alloc", "query"), 72, position)

    def test_a_device_question_first(self):
        for position in range(1, 112):
            with self.subTest(position=position), raw.Raw(self.server.path) as client:
                client.send_cut(raw.message(raw.INFO_QUERY, 112, device_id=-1), position)
                self.assertEqual(client.read()["type"], raw.INFO_RESPONSE)
                client.fence()
                self.assertTrue(client.waits_for_more())

    def test_hello_at_every_byte(self):
        for position in range(1, 112):
            with self.subTest(position=position), raw.Raw(self.server.path) as client:
                client.send_cut(raw.hello(), position)
                self.assertEqual(client.read()["type"], raw.WELCOME)

    def test_72_and_144_bytes_with_a_whole_first_frame(self):
        for size in (72, 144):
            for position in range(size + 1, 3 * size):
                self.check(size, ("query", "alloc", "query"), size, position)

    def test_a_first_frame_glued_to_a_part_of_the_next(self):
        for size in GENERATIONS:
            for position in range(size + 1, 2 * size):
                self.check(size, ("query", "alloc", "query"), position)

    def test_byte_by_byte(self):
        start = ("query", "alloc", "query", "free", "query")
        data, _ = self.talk(112, start, 0x1000)
        with raw.Raw(self.server.path) as client:
            client.send_cut(data, *range(1, len(data)))
            self.assertEqual([client.read()["dram_allocated"] for _ in range(3)], [0, 4096, 0])


class BadFrames(ServerTest):
    GOOD_TYPES = {72: {1, 2, 3, 5}, 112: {1, 2, 3, 5, 6, *range(8, 13), 32, 34, *range(40, 49), 50, 51}}
    GOOD_TYPES[144] = {1, 2, 3, 5, 6, *range(8, 13)}

    def setUp(self):
        super().setUp()
        self.innocent = self.child(
            "c = raw.Raw(path); c.hello(raw.REPORTER); c.alloc(0x77, 777, device_id=77); c.fence(); say(); wait()"
        )
        self.innocent.hear()

    def tearDown(self):
        client = self.watcher()
        (process,) = client.entries(raw.LIST_PROCESSES, process_id=self.innocent.pid)
        self.assertEqual((process["buffers"], process["usage"][77, 0, DRAM]["bytes"]), (1, 777))

    def opened(self, size):
        """A client whose frame size is known: one frame of 72 bytes could still be the head of a longer one."""
        client = self.connect(size)
        client.query()
        client.query()
        return client

    def test_every_type(self):
        for size in GENERATIONS:
            for type_ in range(256):
                if type_ in self.GOOD_TYPES[size]:
                    continue
                with self.subTest(frame_size=size, type=type_):
                    client = self.opened(size)
                    client.send_bytes(bytes([type_]) + bytes(size - 1))
                    client.fence()
                    self.assertTrue(client.waits_for_more())
                    client.close()
        expected = sum(256 - len(good) for good in self.GOOD_TYPES.values())
        self.assertEqual(self.watcher().figures()["bad_frames"], expected)

    def test_padding_that_is_not_zero(self):
        for size, offset in itertools.product(GENERATIONS, (1, 2, 3, 17, 18, 19)):
            with self.subTest(frame_size=size, offset=offset):
                client = self.opened(size)
                frame = bytearray(raw.message(raw.ALLOC, size, size=4096, buffer_id=1, device_id=8))
                frame[offset] = 1
                client.send_bytes(frame)
                self.assertEqual(client.totals(8)[0], 0)

    def test_fifteen_in_a_row_are_forgiven(self):
        for size in GENERATIONS:
            with self.subTest(frame_size=size):
                client = self.opened(size)
                for _ in range(3):
                    client.send_bytes((b"\xee" + bytes(size - 1)) * 15)
                    client.query()

    def test_sixteen_in_a_row_close_the_connection(self):
        for size in GENERATIONS:
            with self.subTest(frame_size=size):
                client = self.opened(size)
                client.send_bytes((b"\xee" + bytes(size - 1)) * 16)
                client.wait_for_close()

    def test_impossible_reports_count_too(self):
        client = self.opened(112)
        for _ in range(15):
            client.alloc(1, 1, device_id=-5)
        client.query()
        for _ in range(16):
            client.alloc(1, 1 << 63)
        client.wait_for_close()

    def test_a_first_frame_that_tells_no_length(self):
        for type_ in (0, 4, 7, 13, 31, 33, 35, 39, 49, 52, 57, 63, 64, 95, 96, 255):
            with self.subTest(type=type_):
                client = self.connect()
                client.send_bytes(bytes([type_]) + bytes(111))
                client.wait_for_close()
        for offset in (1, 3, 17, 19, 73, 100, 111):
            with self.subTest(offset=offset):
                frame = bytearray(raw.message(raw.QUERY, 144))
                frame[offset] = 3
                client = self.connect()
                client.send_bytes(frame)
                client.wait_for_close()

    def test_a_hello_without_the_magic(self):
        client = self.connect()
        client.send_bytes(raw.own(raw.HELLO, magic=raw.MAGIC + 1, version=1))
        client.wait_for_close()

    def test_garbage(self):
        dice = random.Random(20261122)
        for round_ in range(300):
            garbage = dice.randbytes(dice.randrange(1, 4000))
            if round_ % 2:  # half of it gets past the look at the first byte
                garbage = raw.message(raw.QUERY, dice.choice(GENERATIONS)) + garbage
            with connect_socket(self.server.path) as client:
                try:
                    client.sendall(garbage)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def test_bits_flipped_in_good_frames(self):
        dice = random.Random(4711)
        for _ in range(300):
            with connect_socket(self.server.path) as client:
                frames = bytearray(raw.hello(raw.QUIET) + raw.message(raw.ALLOC, size=1, device_id=1, buffer_id=1) * 4)
                for _ in range(dice.randrange(1, 8)):
                    frames[dice.randrange(len(frames))] ^= 1 << dice.randrange(8)
                try:
                    client.sendall(frames)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass


class Ends(ServerTest):
    def test_a_peer_that_hangs_up_in_the_middle_of_a_frame(self):
        watcher = self.watcher()
        for size in GENERATIONS:
            for part in (1, 40, size - 1):
                with self.subTest(frame_size=size, part=part):
                    before = watcher.figures()
                    with raw.Raw(self.server.path, size) as client:
                        client.query()
                        client.alloc(0x1000, 4096)
                        client.send_bytes(raw.message(raw.ALLOC, size, size=1, buffer_id=2)[:part])
                        client.wait_until_read()
                    wait_until(lambda: watcher.figures()["leaked_buffers"] > before["leaked_buffers"], "the leak")
                    after = watcher.figures()
                    self.assertEqual(after["reports"] - before["reports"], 1)
                    self.assertEqual(after["leaked_buffers"] - before["leaked_buffers"], 1)
                    self.assertEqual(after["bad_frames"], before["bad_frames"])

    def test_a_peer_that_says_nothing(self):
        for data in (b"", b"\x03", bytes(1)):
            with connect_socket(self.server.path) as client:
                client.sendall(data)
        self.watcher().fence()

    def test_a_half_closed_peer_gets_its_answers(self):
        for size in GENERATIONS:
            for count in (1, 2, 1000):
                with self.subTest(frame_size=size, count=count), raw.Raw(self.server.path, size) as client:
                    client.send_bytes(raw.message(raw.QUERY, size) * count)
                    client.socket.shutdown(socket.SHUT_WR)
                    answers = client.read_bytes(size * count)
                    self.assertEqual(answers, (b"\x04" + bytes(size - 1)) * count)
                    client.wait_for_close()

    def test_a_half_closed_peer_gets_its_list(self):
        client = self.connect()
        client.hello()
        for number in range(3000):
            client.alloc(64 * number, 1)
        client.send_bytes(raw.own(raw.LIST_BUFFERS, region=-1))
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(len(client.read_answer().records), 3000)
        client.wait_for_close()

    def test_a_peer_that_closes_before_its_answer(self):
        for _ in range(50):
            with raw.Raw(self.server.path) as client:
                client.send_bytes(raw.hello() + raw.own(raw.LIST_FIGURES) * 50 + raw.message(raw.QUERY) * 50)
        self.watcher().fence()


class OlderKernel(ServerTest):
    """One that cannot refuse descriptors."""

    PREFIX = PREFIX_OF_OLDER

    def test_descriptors_that_nobody_asked_for(self):
        """Attached descriptors, its own socket among them, are closed at once."""
        before = self.server.fd_count()
        client = self.connect()
        spare = self.connect()
        client.query()
        spare.query()
        with_both = self.server.fd_count()
        socket.send_fds(client.socket, [raw.message(raw.QUERY)], [client.socket.fileno(), spare.socket.fileno()] * 20)
        client.read()
        self.assertEqual(self.server.fd_count(), with_both)
        client.close()
        spare.close()
        wait_until(lambda: self.server.fd_count() == before, "the server to close both")


class OwnMessages(ServerTest):
    def test_welcome(self):
        client = self.connect()
        welcome = client.hello(features=0xFF)
        self.assertEqual(welcome["magic"], raw.MAGIC)
        self.assertEqual(welcome["version"], 1)
        self.assertEqual(welcome["features"], raw.ALL_FEATURES)
        self.assertEqual(welcome["flags"], raw.AUTHORISED)
        self.assertEqual(welcome["process_id"], self.server.process.pid)
        self.assertAlmostEqual((welcome["start_time"] + welcome["uptime"]) / 1e9, time.time(), delta=5)
        self.assertRegex(welcome["name"], r"^tt-allocation-server \d")
        self.assertEqual(self.connect().hello()["start_time"], welcome["start_time"])

    def test_welcome_to_another_version(self):
        client = self.connect()
        client.send_bytes(raw.own(raw.HELLO, magic=raw.MAGIC, version=2))
        self.assertEqual(client.read()["version"], 1)

    def test_quiet(self):
        client = self.connect()
        client.send_bytes(raw.hello(raw.QUIET))
        client.fence()
        self.assertTrue(client.waits_for_more())

    def test_only_reporters_are_listed(self):
        asker = self.watcher()
        asker.query()
        self.assertEqual(asker.entries(raw.LIST_PROCESSES), [])
        reporter = self.child("c = raw.Raw(path); c.hello(raw.REPORTER); say(); wait()")
        reporter.hear()
        self.assertEqual([p["process_id"] for p in asker.entries(raw.LIST_PROCESSES)], [reporter.pid])
        reporter.end()

    def test_reserved_bytes_are_ignored(self):
        client = self.watcher()
        request = bytearray(raw.own(raw.LIST_DEVICES))
        request[24:] = b"\xff" * 88
        client.send_bytes(request)
        self.assertEqual(client.read_answer().end["status"], 0)

    def test_lists_of_many_and_limits(self):
        client = self.connect()
        client.hello()
        sizes = {64 * number: number + 1 for number in range(10000)}
        for buffer_id, size in sizes.items():
            client.alloc(buffer_id, size, device_id=buffer_id % 3)

        records = client.records(raw.LIST_BUFFERS)
        self.assertEqual({record["buffer_id"]: record["size"] for record in records}, sizes)
        self.assertEqual(len(records), len(sizes))
        for record in records:
            self.assertEqual(record["device_id"], record["buffer_id"] % 3)
            self.assertEqual((record["region"], record["references"]), (DRAM, 1))

        self.assertEqual(len(client.records(raw.LIST_BUFFERS, limit=7)), 7)
        self.assertEqual(len(client.records(raw.LIST_BUFFERS, limit=10**6)), len(sizes))
        self.assertEqual(len(client.records(raw.LIST_BUFFERS, device_id=1)), sum(b % 3 == 1 for b in sizes))
        self.assertEqual(client.records(raw.LIST_BUFFERS, region=L1), [])
        self.assertEqual([d["device_id"] for d in client.entries(raw.LIST_DEVICES)], [0, 1, 2])
        self.assertEqual([d["device_id"] for d in client.entries(raw.LIST_DEVICES, limit=2)], [0, 1])
        self.assertEqual([d["device_id"] for d in client.entries(raw.LIST_DEVICES, device_id=2)], [2])

    def test_errors(self):
        client = self.watcher()
        for type_ in (raw.LIST_DEVICES, raw.LIST_PROCESSES, raw.LIST_BUFFERS):
            self.assertEqual(client.status(type_, device_id=5), "ENODEV")
            self.assertEqual(client.status(type_, device_id=-2), "EINVAL")
        for type_ in (raw.LIST_PROCESSES, raw.LIST_BUFFERS, raw.RESET_PEAKS):
            self.assertEqual(client.status(type_, process_id=2**30), "ESRCH")
        self.assertEqual(client.status(raw.LIST_BUFFERS, region=7), "EINVAL")
        self.assertEqual(client.records(raw.LIST_ENDED, process_id=2**30), [])
        self.assertEqual(client.records(raw.LIST_ENDED, device_id=5), [])
        client.query()

    def test_questions_are_answered_in_order(self):
        client = self.connect()
        client.hello()
        for number in range(1000):
            client.alloc(64 * number, 1)
        list_ = raw.own(raw.LIST_BUFFERS, region=-1)
        alloc = raw.message(raw.ALLOC, size=1, buffer_id=1)
        client.send_bytes((list_ + raw.message(raw.QUERY) + alloc) * 3 + raw.own(raw.LIST_FIGURES))
        for _ in range(3):
            live = len(client.read_answer().records)
            self.assertEqual(client.read()["dram_allocated"], live)
        self.assertEqual(client.read_answer().end["request"], raw.LIST_FIGURES)

    def test_every_documented_figure_is_told(self):
        document = (SRC / "protocol" / "PROTOCOL.md").read_text()
        table = document[document.index("### FIGURE") : document.index("### END")]
        documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*) \|", table, re.M))))
        figures = self.watcher().figures()
        self.assertEqual(documented - figures.keys(), set())
        self.assertEqual(figures.keys() - documented, set())


class SlowReaders(ServerTest):
    OPTIONS = ("--max-answer-bytes", "16M")  # users take turns, so it takes some time until so much waits

    def test_ten_thousand_questions_read_late(self):
        """Nothing is read until the socket takes no more; every question is answered all the same."""
        client = self.connect()
        waiting = memoryview(raw.message(raw.QUERY) * 10000)
        wanted = len(waiting)
        client.socket.setblocking(False)
        is_late, answers = False, bytearray()
        while len(answers) < wanted:
            readable, writable, _ = select.select(
                [client.socket] if is_late else [], [client.socket] if waiting else [], [], 0 if not is_late else 20
            )
            if writable:
                waiting = waiting[client.socket.send(waiting) :]
            else:
                is_late = True
            if readable:
                answers += client.socket.recv(1 << 16)
        self.assertEqual(bytes(answers), (b"\x04" + bytes(111)) * 10000)

    def test_many_peers_of_one_uid_that_do_not_read(self):
        """What waits for them is bounded in all, not for each: 400 of them kept 200 MiB once."""
        self.require_root()
        deaf = self.child(
            """
c = raw.Raw(path)
c.hello(raw.REPORTER)
for device in range(250):
    for region in range(5):
        c.alloc(64 * device, 1, region, device_id=device)
c.fence()
many = []
for _ in range(400):
    many.append(raw.Raw(path))
    many[-1].send_bytes(raw.own(raw.LIST_PROCESSES, region=-1) * 4)
say()
wait()
""",
            uid=12345,
        )
        innocent = self.watcher()
        innocent.alloc(0x1, 4096)
        deaf.hear()
        wait_until(lambda: innocent.figures()["refused_answers"] > 0, "the uid to reach its limit")
        self.assertEqual(innocent.totals(0)[0], 4096 + 1)
        wait_until(lambda: innocent.figures()["sessions"] <= 3, "the deaf ones to be dropped")
        self.assertEqual(innocent.totals(0)[0], 4096 + 1)
        for why in ("its user leaves more unread than", "it asked and did not read the answer"):
            self.server.wait_for_line(rf"Dropped process {deaf.pid} \(uid 12345\): {why}")
            self.assertEqual(self.server.count_lines(why), 1)
        deaf.end()

    def test_a_peer_that_does_not_read_is_dropped(self):
        deaf = self.child(
            """
c = raw.Raw(path)
c.hello(raw.REPORTER)
for number in range(20000):
    c.alloc(64 * number, 1, device_id=5)
c.fence()
c.send_bytes(raw.own(raw.LIST_BUFFERS, region=-1) * 10)
say()
wait()
"""
        )
        innocent = self.watcher()
        innocent.alloc(0x1, 4096)
        deaf.hear()
        began, slowest = time.monotonic(), 0.0
        while innocent.figures()["stalled_peers"] == 0:
            asked = time.monotonic()
            self.assertEqual(innocent.totals(0)[0], 4096)
            slowest = max(slowest, time.monotonic() - asked)
            self.assertLess(time.monotonic() - began, 15)
            select.select([], [], [], 0.01)
        self.assertGreater(time.monotonic() - began, 3)
        self.assertLess(slowest, 1)
        self.server.wait_for_line(rf"{deaf.pid}.*did not read")
        self.server.wait_for_line(rf"Process {deaf.pid} \(.*\) closed its connection but left 20000 buffers allocated")
        self.assertEqual(innocent.totals(5)[0], 0)
        self.assertEqual(innocent.totals(0)[0], 4096)
        deaf.end()


class Document(ServerTest):
    document = (SRC / "protocol" / "PROTOCOL.md").read_text()

    def test_its_tables_are_those_of_the_header(self):
        header = (SRC / "protocol" / "tt_alloc_protocol.h").read_text()
        asserted = {}
        for struct, field, offset, width in re.findall(r"TT_ALLOC_AT\((\w+), (\w+), (\d+), (\d+)\)", header):
            asserted.setdefault(struct, {})[field] = (int(offset), int(width))
        sections = re.split(r"`struct (tt_alloc_\w+)`", self.document)
        checked = set()
        for struct, text in zip(sections[1::2], sections[2::2]):
            table = re.search(r"\n\| offset .*?\n\n", text, re.S).group()
            rows = re.findall(r"^\| (\d+) \| (\d+) \|[^|]*\| `(\w+)` \|", table, re.M)
            documented = {field: (int(offset), int(width)) for offset, width, field in rows}
            for field, place in documented.items():
                if struct == "tt_alloc_message":  # of which only the second half is in that table
                    offset, width = asserted["tt_alloc_device_info"][field]
                    self.assertEqual(place, (72 + offset, width), field)
                else:
                    self.assertEqual(place, asserted[struct][field], f"{struct}.{field}")
            if struct not in ("tt_alloc_message", "tt_alloc_message_144"):
                self.assertEqual(documented.keys(), asserted[struct].keys(), struct)
            checked.add(struct)
        self.assertEqual(asserted.keys() - checked, {"tt_alloc_device_info"})

    def test_its_numbers_are_those_of_the_header(self):
        """Types of messages and records, where a table or a heading gives name and number."""
        header = (SRC / "protocol" / "tt_alloc_protocol.h").read_text()
        enum = re.search(r"enum tt_alloc_type \{(.*?)\n\};", header, re.S).group(1)
        numbers = {name: int(number) for name, number in re.findall(r"TT_ALLOC_(\w+) = (\d+)", enum)}
        sections = re.split(r"^## \d+\. ", self.document, flags=re.M)
        rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", sections[4] + sections[7], re.M)
        headings = "".join(re.findall(r"^### .*", self.document, re.M))
        documented = {name: int(number) for number, name in rows}
        documented.update((name, int(number)) for name, number in re.findall(r"([A-Z_]+) \((\d+)\)", headings))
        self.assertEqual(documented, numbers)

    def test_its_conversation(self):
        frames = {
            name: bytes.fromhex(text) for name, text in re.findall(r"```hex (\w+)\n(.*?)```", self.document, re.S)
        }
        self.assertEqual({len(frame) for frame in frames.values()}, {112})
        client = self.connect()
        client.send_bytes(frames["hello"] + frames["alloc"] + frames["query"])
        self.assertEqual(client.read()["type"], raw.WELCOME)
        self.assertEqual(client.read_bytes(112), frames["response"])
        client.send_bytes(frames["free"] + frames["query"])
        self.assertEqual(client.read_bytes(112), b"\x04" + bytes(111))
        client.send_bytes(frames["records"] + frames["query"])
        self.assertEqual(client.read_bytes(112), frames["response"])
        (buffer,) = client.records(raw.LIST_BUFFERS)
        self.assertAlmostEqual(buffer["age"] / 1e9, 2.1, delta=1)


if __name__ == "__main__":
    unittest.main()
