# SPDX-License-Identifier: Apache-2.0
"""Clients that pack their frames by hand, written from protocol/PROTOCOL.md and nothing else.

They share no code with client/python/tt_alloc.py or the C library, so that a mistake in those cannot hide a mistake in
the server. A Raw client speaks one of the three generations; a Ring is its end of the shared memory, and does as it is
told, also where PROTOCOL.md forbids it.
"""

import collections
import contextlib
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
import termios
import time

ALLOC, FREE, QUERY, RESPONSE, DUMP_REMAINING, INFO_QUERY, INFO_RESPONSE = range(1, 8)
CB_ALLOC, CB_FREE, KERNEL_LOAD, KERNEL_UNLOAD, DUMP_KERNELS = range(8, 13)
HELLO, WELCOME, DESCRIBE_DEVICE = 32, 33, 34
LIST_DEVICES, LIST_PROCESSES, LIST_BUFFERS, LIST_ENDED, LIST_FIGURES, RESET_PEAKS, LIST_HISTORY, FORGET = range(40, 48)
DEVICE, PROCESS, TEXT, USAGE, BUFFER, ENDED, FIGURE, HISTORY = range(64, 72)
END = 95
RING_REQUEST, RING, RING_WAKE, RECORDS = range(48, 52)
RESYNC_BEGIN, RESYNC_BUFFER, RESYNC_COUNTS, RESYNC_PEAK, RESYNC_END, RING_SWITCH = range(52, 58)

DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL = range(7)
POOL_DRAM, POOL_L1, POOL_HOST = range(3)
MAGIC = 0x31434F4C4C415454
FREE_REGION, RING_FEATURE, RESYNC_FEATURE, HISTORY_FEATURE, FORGET_FEATURE = 1, 2, 4, 16, 32
RING_FEATURES = FREE_REGION | RING_FEATURE | RESYNC_FEATURE
ALL_FEATURES = RING_FEATURES | HISTORY_FEATURE | FORGET_FEATURE
REPORTER, QUIET = 1, 2
AUTHORISED = 1
INEXACT, FORGOTTEN, ACCOUNTED = 1, 2, 8
EXITED, HUNG_UP = 1, 2
KNOWN = {
    name: 1 << bit
    for bit, name in enumerate(
        "asic_id pci_address arch dram_size l1_size l1_small_size trace_size num_dram_channels l1_size_per_core"
        " board remote".split()
    )
}

NOMINAL = 1 << 11  # in `known` of what the server tells

_HEAD = struct.Struct("=B3xiQB3xiQQQQQQ")
_INFO = struct.Struct("=QQIIIIII")
_RECORD = struct.Struct("=QQiIBBHI")
_HEAD_FIELDS = (
    "type device_id size buffer_type process_id buffer_id timestamp dram_allocated l1_allocated l1_small_allocated"
    " trace_allocated"
).split()
_INFO_FIELDS = (
    "total_dram_size total_l1_size arch_type num_dram_channels dram_size_per_channel l1_size_per_core is_available"
    " num_devices"
).split()

_OWN = {  # format behind type, padding and device_id; field names
    HELLO: ("QIiQIIQQ32sQQ8x", "magic version process_id features flags tick start_time uptime name instance job"),
    DEVICE: (
        "QIIIIQQQQIIQ24sI4x",
        "asic_id known pci_address arch remote dram_size l1_size l1_small_size trace_size num_dram_channels"
        " l1_size_per_core idle board processes",
    ),
    PROCESS: (
        "iIQQQQQQIIiI16sQQ",
        "process_id uid start_time serial buffers age idle end_time flags reason label_pid sessions comm lost job",
    ),
    TEXT: ("I4x96s", "length text"),
    USAGE: ("IIQQQQQQi4xQQ24x", "kind index bytes buffers peak_bytes allocations frees idle logical_id since until"),
    BUFFER: ("QQIIQiIQ56x", "buffer_id size region references age process_id uid serial"),
    FIGURE: ("Q48s48x", "value name"),
    HISTORY: ("IIQII80s", "pool resolution time index count samples"),
    END: ("QiIQQ72x", "count status request hidden forgotten"),
    LIST_DEVICES: ("iiQI4xQ72x", "process_id region limit resolution serial"),
    RING_REQUEST: ("QQi84x", "slots size status"),
    RECORDS: ("Q96s", "count records"),
}
_OWN[RING] = _OWN[RING_WAKE] = _OWN[RING_REQUEST]
_OWN[WELCOME] = _OWN[HELLO]
_OWN[DESCRIBE_DEVICE] = _OWN[DEVICE]
_OWN[ENDED] = _OWN[PROCESS]
for _type in range(LIST_PROCESSES, FORGET + 1):
    _OWN[_type] = _OWN[LIST_DEVICES]


def message(type_, frame_size=112, **fields):
    """A frame of the types 1..12: the rest of it is zero in every generation."""
    values = dict.fromkeys(_HEAD_FIELDS, 0)
    values.update(fields, type=type_)
    return _HEAD.pack(*(values[name] for name in _HEAD_FIELDS)).ljust(frame_size, b"\0")


def own(type_, device_id=-1, **fields):
    """A frame of the types from 32 up."""
    layout, names = _OWN[type_]
    layout = struct.Struct("=B3xi" + layout)
    blank = layout.unpack(bytes(112))[2:]
    values = dict(zip(names.split(), blank))
    assert fields.keys() <= values.keys(), fields
    values.update(fields)
    return layout.pack(type_, device_id, *values.values())


def tick(seconds_ago=0.0):
    """The clock of records, modulo 2^32."""
    return (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - round(seconds_ago * 1e9) >> 23) & 0xFFFFFFFF


def record(type_, buffer_id=0, size=0, region=0, device_id=None, references=0, when=None, position=0):
    """32 bytes of a ring or a RECORDS frame."""
    if device_id is None:
        device_id = -1 if type_ in (RESYNC_BEGIN, RESYNC_END, RING_SWITCH) else 0
    moment = tick() if when is None else when
    return _RECORD.pack(buffer_id, size, device_id, moment, type_, region, references, position & 0xFFFFFFFF)


def hello(flags=0, features=FREE_REGION, process_id=None, name=b"raw", instance=0, sent_at=None, job=0):
    return own(
        HELLO,
        magic=MAGIC,
        version=1,
        process_id=os.getpid() if process_id is None else process_id,
        features=features,
        flags=flags,
        tick=tick() if sent_at is None else sent_at,
        name=name,
        instance=instance,
        job=job,
    )


def parse(frame):
    """The fields of a frame that a server sends."""
    if frame[0] in (RESPONSE, INFO_RESPONSE):
        fields = dict(zip(_HEAD_FIELDS, _HEAD.unpack_from(frame)))
        if len(frame) == 144:
            fields["cb_allocated"], fields["kernel_allocated"] = struct.unpack_from("=QQ", frame, 72)
            fields["tail"] = frame[128:]
        if len(frame) > 72:
            fields.update(zip(_INFO_FIELDS, _INFO.unpack_from(frame, 88 if len(frame) == 144 else 72)))
        return fields
    layout, names = _OWN[frame[0]]
    values = struct.unpack("=B3xi" + layout, frame)
    fields = dict(zip(["type", "device_id"] + names.split(), values))
    for name in ("name", "board", "comm"):
        if name in fields:
            fields[name] = fields[name].split(b"\0")[0].decode(errors="backslashreplace")  # anybody may set his
    return fields


Answer = collections.namedtuple("Answer", "records end")


class Closed(Exception):
    """The server closed the connection."""


class Raw:
    """A connection of one generation. All waiting has a deadline."""

    def __init__(self, path, frame_size=112, timeout=20):
        self.frame_size = frame_size
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Sending

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, type_, **fields):
        self.send_bytes(message(type_, self.frame_size, **fields))

    def alloc(self, buffer_id, size, region=DRAM, device_id=0, **fields):
        self.send(ALLOC, device_id=device_id, size=size, buffer_type=region, buffer_id=buffer_id, **fields)

    def free(self, buffer_id, device_id=0, region=0, **fields):
        self.send(FREE, device_id=device_id, buffer_type=region, buffer_id=buffer_id, **fields)

    def wait_until_read(self):
        """Returns when the server has read everything that was sent (SIOCOUTQ: bytes the peer has not taken)."""
        deadline = time.monotonic() + 20
        while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not read")
            select.select([self.socket], [], [], 0.0005)

    def send_cut(self, data, *positions):
        """Sends data in pieces; each is read by the server before the next is sent."""
        for start, end in zip((0, *positions), (*positions, len(data))):
            self.send_bytes(data[start:end])
            self.wait_until_read()

    # Reading

    def read_bytes(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.socket.recv(size - len(data))
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(f"after {len(data)} of {size} bytes")
            data += piece
        return data

    def read(self):
        return parse(self.read_bytes(self.frame_size))

    def read_answer(self):
        """Records up to END, whose count must be right."""
        records = []
        while True:
            record = self.read()
            if record["type"] == END:
                assert record["count"] == len(records), (record, len(records))
                return Answer(records, record)
            records.append(record)

    def waits_for_more(self):
        """Whether there is nothing to read and the connection is open. Meaningful behind a fence."""
        return not select.select([self.socket], [], [], 0)[0]

    def wait_for_close(self):
        """Returns when the server has closed the connection; anything it sends before is an error."""
        try:
            data = self.socket.recv(4096)
        except ConnectionResetError:
            return
        assert data == b"", f"{len(data)} bytes where the connection should have been closed"

    # Asking

    def query(self, device_id=0):
        self.send(QUERY, device_id=device_id)
        response = self.read()
        assert response["type"] == RESPONSE, response
        return response

    def totals(self, device_id=0):
        """(dram, l1, l1_small, trace), and in the 144-byte generation (cb, kernel) too."""
        response = self.query(device_id)
        return tuple(value for name, value in response.items() if name.endswith("_allocated"))

    def info(self, device_id=0):
        self.send(INFO_QUERY, device_id=device_id)
        response = self.read()
        assert response["type"] == INFO_RESPONSE, response
        return response

    def hello(self, flags=0, **fields):
        self.send_bytes(hello(flags, **fields))
        welcome = self.read()
        assert welcome["type"] == WELCOME, welcome
        return welcome

    def list(self, type_, device_id=-1, process_id=0, region=-1, limit=0, resolution=0, serial=0):
        filters = {"process_id": process_id, "region": region, "limit": limit, "resolution": resolution,
                   "serial": serial}
        self.send_bytes(own(type_, device_id, **filters))
        answer = self.read_answer()
        assert answer.end["request"] == type_, answer.end
        return answer

    def records(self, type_, **filters):
        answer = self.list(type_, **filters)
        assert answer.end["status"] == 0, os.strerror(-answer.end["status"])
        return answer.records

    def status(self, type_, **filters):
        """The name of the error that a request ends with, or None."""
        status = self.list(type_, **filters).end["status"]
        return errno.errorcode[-status] if status else None

    def figures(self):
        return {record["name"]: record["value"] for record in self.records(LIST_FIGURES)}

    def history(self, resolution=1000, **filters):
        """{(device, pool): (time, samples)}, samples in units, the newest first."""
        found = {}
        for record in self.records(LIST_HISTORY, resolution=resolution, **filters):
            assert record["type"] == HISTORY and record["resolution"] == resolution, record
            time_, samples = found.setdefault((record["device_id"], record["pool"]), (record["time"], []))
            assert (record["time"], record["index"]) == (time_, len(samples)), record
            assert 1 <= record["count"] <= 20 and not any(record["samples"][4 * record["count"] :]), record
            samples += struct.unpack_from(f"={record['count']}I", record["samples"])
        return found

    def entries(self, type_, **filters):
        """Devices, processes or ended processes, each with "usage" {(device, kind, index): record} and "command"."""
        found = []
        for record in self.records(type_, **filters):
            if record["type"] == TEXT:
                found[-1]["command"] += record["text"][: record["length"]].decode()
            elif record["type"] == USAGE:
                found[-1]["usage"][record["device_id"], record["kind"], record["index"]] = record
            else:
                found.append({**record, "usage": {}, "command": ""})
        return found

    def process(self, pid):
        """Its entry, or None if it is not known; a question about it alone would be an error then."""
        return next((each for each in self.entries(LIST_PROCESSES) if each["process_id"] == pid), None)

    def fence(self):
        """Returns when everything sent so far was acted upon, and asserts that none of it was answered."""
        self.query(2**31 - 1)

    # Records: those that go through no ring, and the ring's set-up

    def records_frame(self, *records, count=None):
        """One RECORDS frame; `count` may lie."""
        count = len(records) if count is None else count
        self.send_bytes(own(RECORDS, count=count, records=b"".join(records)))

    def send_records(self, *records):
        """As many frames as it takes."""
        for first in range(0, len(records), 3):
            self.records_frame(*records[first : first + 3])

    def wake(self):
        self.send_bytes(own(RING_WAKE))

    def wake_if_open(self):
        """For who misbehaved: somebody else's question may have made the server look, and close, before this."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wake()

    def request_ring(self, slots):
        """(the RING frame, its descriptors)."""
        self.send_bytes(own(RING_REQUEST, slots=slots))
        frame, descriptors = b"", []
        while len(frame) < 112:
            piece, news, _, _ = socket.recv_fds(self.socket, 112 - len(frame), 4)
            if not piece:
                raise Closed(f"after {len(frame)} bytes of RING")
            frame += piece
            descriptors += news
        reply = parse(frame)
        assert reply["type"] == RING, reply
        return reply, descriptors

    def ring(self, slots=1024):
        reply, descriptors = self.request_ring(slots)
        assert reply["status"] == 0, errno.errorcode.get(-reply["status"])
        (descriptor,) = descriptors
        return Ring(self, reply, descriptor)


class Ring:
    """The client's end of a ring. `tail` and `made` are its own counts, which put(), alloc() and free() publish.

    Polite by itself: it wakes the server after each quarter and waits while there is no room. `is_quiet` turns off the
    first. Everything else is for those who know better: poke(), write(), publish().
    """

    MAGIC = 0x31474E4952415454
    START = 2**64 - 1024
    RECORDS_AT, RECORD_SIZE = 4096, 32
    MAGIC_AT, SLOTS_AT, TAIL_AT, MADE_AT, HEAD_AT = 0, 8, 128, 136, 256

    def __init__(self, client, reply, descriptor):
        self.client, self.slots, self.size = client, reply["slots"], reply["size"]
        self.descriptor = descriptor
        self.is_quiet = False
        self.made = 0
        assert os.fstat(descriptor).st_size == self.size == self.RECORDS_AT + self.RECORD_SIZE * self.slots
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
        wanted = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        assert seals & wanted == wanted, seals
        self.memory = mmap.mmap(descriptor, self.size)
        self._words = memoryview(self.memory).cast("Q")  # a store of a word is one instruction: it is never seen torn
        assert self.peek(self.MAGIC_AT) == self.MAGIC and self.peek(self.SLOTS_AT) == self.slots
        self.tail = self.peek(self.TAIL_AT)

    def close(self):
        self._words.release()
        self.memory.close()
        os.close(self.descriptor)

    # The memory

    def peek(self, offset):
        return self._words[offset // 8]

    def poke(self, offset, value):
        self._words[offset // 8] = value % 2**64

    def head(self):
        return self.peek(self.HEAD_AT)

    def waiting(self):
        return (self.tail - self.head()) % 2**64

    def publish(self, tail=None, made=None):
        self.poke(self.TAIL_AT, self.tail if tail is None else tail)
        self.poke(self.MADE_AT, self.made if made is None else made)

    def slot_at(self, number):
        return self.RECORDS_AT + self.RECORD_SIZE * (number % self.slots)

    def write(self, number, data):
        at = self.slot_at(number)
        self.memory[at : at + self.RECORD_SIZE] = data

    # Well-behaved use

    def wait_until_taken(self, waiting=0):
        """Returns when at most so many records wait. Somebody must have given the server a reason to look."""
        deadline = time.monotonic() + 20
        while self.waiting() > waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.waiting()} records wait")
            select.select([], [], [], 0.0005)

    def put(self, type_, **fields):
        if self.waiting() == self.slots:
            self.client.wake()
            self.wait_until_taken(self.slots // 2)
        self.write(self.tail, record(type_, position=self.tail, **fields))
        self.tail = (self.tail + 1) % 2**64
        self.publish()
        if self.tail % (self.slots // 4) == 0 and not self.is_quiet:
            self.client.wake()

    def report(self, type_, **fields):
        self.made += 1
        self.put(type_, **fields)

    def alloc(self, buffer_id, size, region=DRAM, **fields):
        self.report(ALLOC, buffer_id=buffer_id, size=size, region=region, **fields)

    def free(self, buffer_id, region=DRAM, **fields):
        self.report(FREE, buffer_id=buffer_id, region=region, **fields)

    def lose(self, count=1):
        """Reports that were made and found no room."""
        self.made += count
        self.publish()

    def begin(self, live=0):
        self.put(RESYNC_BEGIN, buffer_id=live, size=self.made)

    def tell(self, buffer_id, size, region=DRAM, references=1, **fields):
        self.put(RESYNC_BUFFER, buffer_id=buffer_id, size=size, region=region, references=references, **fields)

    def end(self, live=0):
        self.put(RESYNC_END, buffer_id=live, size=self.made)

    def resync(self, *buffers):
        """buffers: (id, size), and more as for tell()."""
        self.begin(len(buffers))
        for buffer in buffers:
            self.tell(*buffer)
        self.end(len(buffers))

    def switch_to(self, other):
        """The last record here; the counting of reports goes on there."""
        self.put(RING_SWITCH)
        other.made = self.made
        other.publish()
        return other
