# SPDX-License-Identifier: Apache-2.0
"""Clients that pack their frames by hand, written from protocol/PROTOCOL.md and nothing else.

They share no code with client/python/tt_alloc.py or the C library, so that a mistake in those cannot hide a mistake in
the server. A Raw client speaks one of the three generations.
"""

import collections
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time

ALLOC, FREE, QUERY, RESPONSE, DUMP_REMAINING, INFO_QUERY, INFO_RESPONSE = range(1, 8)
CB_ALLOC, CB_FREE, KERNEL_LOAD, KERNEL_UNLOAD, DUMP_KERNELS = range(8, 13)
HELLO, WELCOME, DESCRIBE_DEVICE = 32, 33, 34
LIST_DEVICES, LIST_PROCESSES, LIST_BUFFERS, LIST_ENDED, LIST_FIGURES, RESET_PEAKS = range(40, 46)
DEVICE, PROCESS, TEXT, USAGE, BUFFER, ENDED, FIGURE = range(64, 71)
END = 95

DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL = range(7)
POOL_DRAM, POOL_L1, POOL_HOST = range(3)
MAGIC = 0x31434F4C4C415454
FREE_REGION = 1
REPORTER, QUIET = 1, 2
AUTHORISED = 1
EXITED, HUNG_UP = 1, 2
KNOWN = {
    name: 1 << bit
    for bit, name in enumerate(
        "asic_id pci_address arch dram_size l1_size l1_small_size trace_size num_dram_channels l1_size_per_core"
        " board remote".split()
    )
}

_HEAD = struct.Struct("=B3xiQB3xiQQQQQQ")
_INFO = struct.Struct("=QQIIIIII")
_HEAD_FIELDS = (
    "type device_id size buffer_type process_id buffer_id timestamp dram_allocated l1_allocated l1_small_allocated"
    " trace_allocated"
).split()
_INFO_FIELDS = (
    "total_dram_size total_l1_size arch_type num_dram_channels dram_size_per_channel l1_size_per_core is_available"
    " num_devices"
).split()

_OWN = {  # format behind type, padding and device_id; field names
    HELLO: ("QIiQI4xQQ32s24x", "magic version process_id features flags start_time uptime name"),
    DEVICE: (
        "QIIIIQQQQIIQ24sI4x",
        "asic_id known pci_address arch remote dram_size l1_size l1_small_size trace_size num_dram_channels"
        " l1_size_per_core idle board processes",
    ),
    PROCESS: (
        "iIQQQQQQIIiI16sQ8x",
        "process_id uid start_time serial buffers age idle end_time flags reason label_pid sessions comm lost",
    ),
    TEXT: ("I4x96s", "length text"),
    USAGE: ("IIQQQQQQi44x", "kind index bytes buffers peak_bytes allocations frees idle logical_id"),
    BUFFER: ("QQIIQiIQ56x", "buffer_id size region references age process_id uid serial"),
    FIGURE: ("Q48s48x", "value name"),
    END: ("QiIQ80x", "count status request hidden"),
    LIST_DEVICES: ("iiQ88x", "process_id region limit"),
}
_OWN[WELCOME] = _OWN[HELLO]
_OWN[DESCRIBE_DEVICE] = _OWN[DEVICE]
_OWN[ENDED] = _OWN[PROCESS]
for _type in range(LIST_PROCESSES, RESET_PEAKS + 1):
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


def hello(flags=0, features=FREE_REGION, process_id=None, name=b"raw"):
    return own(
        HELLO,
        magic=MAGIC,
        version=1,
        process_id=os.getpid() if process_id is None else process_id,
        features=features,
        flags=flags,
        name=name,
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
            fields[name] = fields[name].split(b"\0")[0].decode()
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

    def list(self, type_, device_id=-1, process_id=0, region=-1, limit=0):
        self.send_bytes(own(type_, device_id, process_id=process_id, region=region, limit=limit))
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

    def fence(self):
        """Returns when everything sent so far was acted upon, and asserts that none of it was answered."""
        self.query(2**31 - 1)
