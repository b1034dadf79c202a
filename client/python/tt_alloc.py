#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Report device buffers to tt-allocation-server, and ask it who holds what.

One file, standard library only, Python 3.8 or later: copy it into any environment.

    import tt_alloc
    tt_alloc.report_allocation(0, 1 << 20, tt_alloc.L1, 0x18b00)    # for the code that allocates
    tt_alloc.memory_allocated(0, "l1")                              # for everybody else
    tt_alloc.processes()

Reporting is off, and a call returns at once, unless TT_ALLOC_TRACKING_ENABLED is exactly "1" when the process first
reports. It never raises. Where no server answers it warns once on stderr and goes on; where one stops to read, a report
now and then waits for it for up to three seconds. The module keeps what is live, so it does not matter whether the
server starts earlier or later than the application, or is restarted: with the next report or question after a pause
(10 s at most) the server is told everything that is live then. Reporting functions may be called from any thread and
from finalizers. A forked child starts with nothing and with a connection of its own; what its parent reported stays the
parent's.

Asking follows torch.cuda: memory_allocated(), max_memory_allocated(), reset_peak_memory_stats(), memory_stats() and
memory_summary() are about THIS process, whoever in it reports (this module or libtt-alloc), on a device as the process
numbers it. mem_get_info() and device_count() are about the device and the host. devices(), processes(), buffers(),
ended(), history() and server_figures() tell of everybody, by the server's device numbers. Sizes are bytes, times seconds.
What nobody knows is None, never 0. A question blocks for at most 5 s without progress and raises a TTAllocError.

Environment: TT_ALLOC_TRACKING_ENABLED; TT_ALLOC_SOCKET, another socket than /tmp/tt_allocation_server.sock;
TT_ALLOC_SERVER_USER, a user (name or uid) whose server is trusted besides root's and this user's own.

    python3 tt_alloc.py replay CAPTURE.json...    reports the buffers of ttnn graph captures: see replay --help
"""

import argparse
import atexit
import collections
import contextlib
import errno
import json
import operator
import os
import pwd
import re
import signal
import socket
import struct
import sys
import threading
import time

__version__ = "0.1.0"

SOCKET_PATH = "/tmp/tt_allocation_server.sock"

DRAM, L1, SYSTEM_MEMORY, L1_SMALL, TRACE, CB, KERNEL = range(7)
REGIONS = ("dram", "l1", "system_memory", "l1_small", "trace", "cb", "kernel")
POOLS = ("dram", "l1", "host")
ARCHITECTURES = (None, "grayskull", "wormhole_b0", "blackhole", "quasar")


# ---- Errors: one line each, with what to try next ----


class TTAllocError(Exception):
    """Base of all errors of this module. exit_code is what a command should end with."""

    exit_code = 1


class NoServerError(TTAllocError):
    """Nobody answers at the socket."""

    exit_code = 3


class UntrustedServerError(NoServerError):
    """The server belongs to a user whom this process does not trust."""


class NotFoundError(TTAllocError):
    """No such device or process."""

    exit_code = 4


class NotPermittedError(TTAllocError):
    """The server does not do this for this user."""

    exit_code = 5


class ProtocolError(TTAllocError):
    """The server speaks another protocol."""

    exit_code = 6


class CaptureError(TTAllocError):
    """A file is not a ttnn graph capture."""


# ---- The wire: PROTOCOL.md, sections 2, 6 and 12 ----

_FRAME = 112
_ALLOC, _FREE, _QUERY, _RESPONSE = 1, 2, 3, 4
_INFO_QUERY, _INFO_RESPONSE = 6, 7
_CB_ALLOC, _CB_FREE, _KERNEL_LOAD, _KERNEL_UNLOAD = 8, 9, 10, 11
_HELLO, _WELCOME, _DESCRIBE = 32, 33, 34
_LIST_DEVICES, _LIST_PROCESSES, _LIST_BUFFERS, _LIST_ENDED, _LIST_FIGURES, _RESET_PEAKS = range(40, 46)
_LIST_HISTORY, _FORGET = 46, 47
_RECORDS, _RESYNC_BEGIN, _RESYNC_BUFFER, _RESYNC_COUNTS, _RESYNC_END = 51, 52, 53, 54, 56
_DEVICE, _PROCESS, _TEXT, _USAGE, _BUFFER, _ENDED, _FIGURE, _HISTORY = range(64, 72)
_END = 95

_MAGIC = 0x31434F4C4C415454
_VERSION = 1
_FEATURE_FREE_REGION = 1
_FEATURE_RESYNC = 4
_FEATURE_HISTORY = 16
_FEATURE_FORGET = 32
_HELLO_REPORTER = 1
_REGION_UNKNOWN = 255
_SIZE_LIMIT = 1 << 48
_REFERENCES_LIMIT = 65535  # that can be told
_RECORDS_IN_FRAME = 3
_SAMPLES_IN_FRAME = 20
_SAMPLE_UNIT = 4096


class _Layout:
    """Field names beside the struct format of a frame."""

    def __init__(self, layout, names):
        self._struct = struct.Struct("=B3xi" + layout)
        names = ["type", "device_id"] + names.split()
        self._blank = dict(zip(names, self._struct.unpack(bytes(_FRAME))))

    def pack(self, **values):
        return self._struct.pack(*{**self._blank, **values}.values())

    def unpack(self, frame):
        return dict(zip(self._blank, self._struct.unpack(frame)))


_REPORT = struct.Struct("=B3xiQB3xiQQ72x")
_MESSAGE_FRAME = _Layout(
    "QB3xiQQQQQQQQIIIIII",
    "size buffer_type process_id buffer_id timestamp dram_allocated l1_allocated l1_small_allocated trace_allocated"
    " total_dram_size total_l1_size arch_type num_dram_channels dram_size_per_channel l1_size_per_core is_available"
    " num_devices",
)
_HELLO_FRAME = _Layout(
    "QIiQIIQQ32sQQ8x", "magic version process_id features flags tick start_time uptime name instance job"
)
_DEVICE_FRAME = _Layout(
    "QIIIIQQQQIIQ24sI4x",
    "asic_id known pci_address arch remote dram_size l1_size l1_small_size trace_size num_dram_channels"
    " l1_size_per_core idle board processes",
)
_RECORD = struct.Struct("=QQiIBBHI")
_RECORDS_FRAME = _Layout("Q96s", "count records")
_LIST_FRAME = _Layout("iiQI4xQ72x", "process_id region limit resolution serial")
_PROCESS_FRAME = _Layout(
    "iIQQQQQQIIiI16sQQ",
    "process_id uid start_time serial buffers age idle end_time flags reason label_pid sessions comm lost job",
)
_TEXT_FRAME = _Layout("I4x96s", "length text")
_USAGE_FRAME = _Layout(
    "IIQQQQQQi4xQQ24x", "kind index bytes buffers peak_bytes allocations frees idle logical_id since until"
)
_BUFFER_FRAME = _Layout("QQIIQiIQ56x", "buffer_id size region references age process_id uid serial")
_FIGURE_FRAME = _Layout("Q48s48x", "value name")
_HISTORY_FRAME = _Layout("IIQII80s", "pool resolution time index count samples")
_END_FRAME = _Layout("QiIQQ72x", "count status request hidden forgotten")

# The bits of `known` in a device's description.
_DEVICE_FACTS = (
    "asic_id",
    "pci_address",
    "arch",
    "dram_size",
    "l1_size",
    "l1_small_size",
    "trace_size",
    "num_dram_channels",
    "l1_size_per_core",
    "board",
    "remote",
)
_NOMINAL = 1 << len(_DEVICE_FACTS)


def _text(field):
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _seconds(nanoseconds):
    return nanoseconds / 1e9


def _moment(nanoseconds):
    """Since 1970; 0 is not known, or has not come."""
    return _seconds(nanoseconds) if nanoseconds else None


# ---- The connection ----

_SEND_PATIENCE = 1  # seconds that a report may wait for a server that does not read
_ANSWER_PATIENCE = 5
_RETRY_FIRST, _RETRY_LAST = 0.1, 10.0  # pause before the next try to connect; it doubles


def socket_path():
    return os.environ.get("TT_ALLOC_SOCKET") or SOCKET_PATH


def _job():
    """The label of whoever started this process, for tt-smi run; 0: none."""
    text = os.environ.get("TT_ALLOC_JOB", "")
    return int(text, 16) if re.fullmatch("[0-9a-fA-F]{1,16}", text) else 0


def _trusted_uids():
    trusted = {0, os.geteuid()}
    user = os.environ.get("TT_ALLOC_SERVER_USER", "")
    if user.isdigit():
        trusted.add(int(user))
    elif user:
        with contextlib.suppress(KeyError):
            trusted.add(pwd.getpwnam(user).pw_uid)
    return trusted


def _open_socket(path):
    """Connects to the server and makes sure that it is one to be trusted: anybody may create a name in /tmp."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _set_timeout(connection, socket.SO_SNDTIMEO, _SEND_PATIENCE)
        connection.connect(path)
        _, uid, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError as error:
        connection.close()
        raise NoServerError(
            f"no server at {path}: {_reason(error)}; start tt-allocation-server, or set TT_ALLOC_SOCKET"
        ) from None
    if uid not in _trusted_uids():
        connection.close()
        raise UntrustedServerError(
            f"the server at {path} belongs to uid {uid}, whom this process does not trust; "
            f"if that is right, set TT_ALLOC_SERVER_USER={uid}"
        )
    return connection


def _set_timeout(connection, option, seconds):
    connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", seconds, 0))


def _reason(error):
    return "no answer in time" if isinstance(error, BlockingIOError) else error.strerror or str(error)


def _tick():
    """The clock of records: 8.4 ms, modulo 2^32."""
    return (time.monotonic_ns() >> 23) & 0xFFFFFFFF


def _record(type_, buffer_id, size, device=-1, region=0, references=0, tick=0):
    return _RECORD.pack(buffer_id, size, device, tick, type_, region, references, 0)


def _check_welcome(frame, path):
    """The features that the server grants."""
    welcome = _HELLO_FRAME.unpack(frame)
    if welcome["type"] != _WELCOME or welcome["magic"] != _MAGIC:
        raise ProtocolError(f"what listens at {path} is no tt-allocation-server; set TT_ALLOC_SOCKET")
    if welcome["version"] != _VERSION:
        raise ProtocolError(
            f"the server at {path} speaks version {welcome['version']} of the protocol, this is version {_VERSION};"
            " use the tt_alloc.py that came with it"
        )
    return welcome["features"]


class _Buffer:
    """A live buffer, as it would be reported again."""

    __slots__ = ("size", "references", "born", "tick", "frame")

    def __init__(self, size, born, frame):
        self.size, self.references, self.born, self.tick, self.frame = size, 1, born, _tick(), frame


class _Client:
    """This process's connection, and what is live.

    Reports and questions share one connection, so an answer includes every report made before the question. Reports
    pass through a queue, and whoever holds the lock sends for all: no thread waits for another, and a finalizer that
    runs, and reports, while its own thread is sending neither waits for itself nor cuts a frame in two.
    """

    def __init__(self):
        self.pid = os.getpid()
        self.lost = 0
        self._made = 0  # reports, ever
        self._instance = int.from_bytes(os.urandom(8), sys.byteorder)  # whose connections these are
        self._lock = threading.Lock()
        self._owner = None  # the thread that holds the lock
        self._queue = collections.deque()
        self._buffers = {}  # (device, region, id) -> _Buffer
        self._counts = collections.defaultdict(lambda: [0, 0])  # (device, region) -> allocations and frees
        self._born = 0
        self._descriptions = {}  # device -> frame
        self._has_reported = False
        self._features = 0  # of the server at the other end
        self._socket = None
        self._partial = b""  # of a frame that is still coming
        self._late = 0  # answers that nobody waits for any more
        self._ending = None  # the last socket, until the server has closed it too
        self._retry_at = 0.0
        self._pause = _RETRY_FIRST
        self._has_warned = False

    def abandon(self):
        """In a forked child: lets go of the parent's connection without a word on it."""
        for inherited in self._socket, self._ending:
            if inherited is not None:
                inherited.close()

    def stay_connected(self):
        """When the interpreter ends: it closes its sockets while the process is still there, which the server would
        take for a process that hung up and lives on. A descriptor that it knows nothing of is closed by the kernel."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                os.dup(self._socket.fileno())

    # Reporting

    def report(self, event, arguments):
        self._has_reported = True
        self._queue.append((event, arguments))
        self._deliver()

    def _deliver(self):
        """Looks into the queue again after letting the lock go: who came meanwhile relies on it."""
        while self._queue and self._lock.acquire(blocking=False):
            try:
                self._owner = threading.get_ident()
                self._send_queue()
            finally:
                self._owner = None
                self._lock.release()

    def _send_queue(self):
        while self._queue:
            event, arguments = self._queue.popleft()
            try:
                self._send_report(event(self, *arguments))
            except Exception:  # an application must not fail because of its book-keeping
                self.lost += 1

    def _send_report(self, frame):
        if self._socket is not None:
            try:
                with contextlib.suppress(BlockingIOError):
                    self._skip_late(socket.MSG_DONTWAIT)
                self._send(frame)
                return
            except ConnectionError:
                pass  # the server was restarted
            except OSError:
                self._back_off()  # it does not read
        self._reconnect()

    def _reconnect(self):
        """Connecting tells the server all that is live, so there is nothing to send again afterwards."""
        if time.monotonic() < self._retry_at:
            return
        try:
            self._connect(_SEND_PATIENCE)
        except TTAllocError as error:
            self._back_off()
            self._warn(error)

    def _back_off(self):
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _RETRY_LAST)

    def _warn(self, error):
        if not self._has_warned:
            self._has_warned = True
            with contextlib.suppress(Exception):
                print(f"tt_alloc: device memory of PID {self.pid} is not tracked: {error}", file=sys.stderr, flush=True)

    def _pack(self, kind_of_frame, device, size, kind, id_):
        frame = _REPORT.pack(kind_of_frame, device, size, kind, self.pid, id_, time.time_ns())
        self._made += 1
        return frame

    def allocate(self, kind_of_frame, device, region, id_, size, kind):
        device, region, id_, size = map(operator.index, (device, region, id_, size))
        frame = self._pack(kind_of_frame, device, size, kind, id_)
        if device < 0 or size >= _SIZE_LIMIT or (kind_of_frame == _ALLOC and region > TRACE):
            return frame  # the server refuses it, and counts that; it is no live buffer

        self._counts[device, region][0] += 1
        known = self._buffers.get((device, region, id_))
        if known is not None and known.size == size:
            known.references += 1
        else:
            self._born += 1
            self._buffers[device, region, id_] = _Buffer(size, self._born, frame)
        return frame

    def free(self, kind_of_frame, device, region, id_):
        if region is None:
            region = self._youngest_region(device, id_)
        known = self._buffers.get((device, region, id_))
        if known is not None:
            self._counts[device, region][1] += 1
            known.references -= 1
            if known.references == 0:
                del self._buffers[device, region, id_]
        return self._pack(kind_of_frame, device, 0, region if kind_of_frame == _FREE else 0, id_)

    def _youngest_region(self, device, id_):
        """The server's own rule for a FREE without region, so that both forget the same buffer."""
        held = [region for region in range(CB) if (device, region, id_) in self._buffers]
        return max(held, key=lambda region: self._buffers[device, region, id_].born, default=_REGION_UNKNOWN)

    def describe(self, device, facts):
        values = {"known": sum(1 << _DEVICE_FACTS.index(name) for name in facts), **facts}
        if isinstance(facts.get("pci_address"), str):
            values["pci_address"] = _parse_pci_address(facts["pci_address"])
        if isinstance(facts.get("arch"), str):
            values["arch"] = ARCHITECTURES.index(facts["arch"].lower())
        if "board" in facts:
            values["board"] = facts["board"].encode()[:23]
        frame = _DEVICE_FRAME.pack(type=_DESCRIBE, device_id=device, **values)
        self._descriptions[device] = frame
        return frame

    # Connecting

    def _connect(self, patience):
        """Connects, makes sure that a server of ours answers within so many seconds, and tells it what is live."""
        path = socket_path()
        self._await_ending(patience)
        self._socket = _open_socket(path)
        self._partial, self._late = b"", 0
        try:
            _set_timeout(self._socket, socket.SO_RCVTIMEO, patience)
            self._send(self._hello())
            self._features = _check_welcome(self._read_frame(), path)
            _set_timeout(self._socket, socket.SO_RCVTIMEO, _ANSWER_PATIENCE)
            self._send(b"".join(self._announcement()))
        except OSError as error:
            self._disconnect()
            raise NoServerError(f"the server at {path} does not answer: {_reason(error)}; is it stopped?") from None
        except BaseException:
            self._disconnect()
            raise
        self._pause = _RETRY_FIRST

    def _hello(self):
        return _HELLO_FRAME.pack(
            type=_HELLO,
            device_id=-1,
            magic=_MAGIC,
            version=_VERSION,
            process_id=self.pid,
            features=_FEATURE_FREE_REGION | _FEATURE_RESYNC | _FEATURE_HISTORY | _FEATURE_FORGET,
            flags=_HELLO_REPORTER if self._has_reported else 0,
            tick=_tick(),
            instance=self._instance,
            job=_job(),
            name=f"tt_alloc.py {__version__}".encode(),
        )

    def _announcement(self):
        yield from list(self._descriptions.values())
        if self._features & _FEATURE_RESYNC and self._has_reported:
            yield from self._resync()
        else:  # an older server: references are told one by one, and everything is new
            for buffer in list(self._buffers.values()):
                yield buffer.frame * buffer.references

    def _resync(self):
        """All that is live as it is known here. Nobody else reports meanwhile, so nothing comes between."""
        records = [_record(_RESYNC_BEGIN, len(self._buffers), self._made)]
        for (device, region, id_), buffer in list(self._buffers.items()):
            references = min(buffer.references, _REFERENCES_LIMIT)
            records.append(_record(_RESYNC_BUFFER, id_, buffer.size, device, region, references, buffer.tick))
        for (device, region), (allocations, frees) in list(self._counts.items()):
            records.append(_record(_RESYNC_COUNTS, allocations, frees, device, region))
        records.append(_record(_RESYNC_END, len(self._buffers), self._made))
        for first in range(0, len(records), _RECORDS_IN_FRAME):
            some = records[first : first + _RECORDS_IN_FRAME]
            yield _RECORDS_FRAME.pack(type=_RECORDS, device_id=-1, count=len(some), records=b"".join(some))

    def _send(self, frames):
        try:
            self._socket.sendall(frames, socket.MSG_NOSIGNAL)
        except BaseException:
            self._disconnect()  # the last frame may have been cut in two
            raise

    def _disconnect(self):
        """Says that this connection is over. The next one must not begin before the server knows: until then it takes
        both for this process's, and what is told again for further references."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            self._ending, self._socket = self._socket, None

    def _await_ending(self, patience):
        if self._ending is None:
            return
        try:
            _set_timeout(self._ending, socket.SO_RCVTIMEO, patience)
            while self._ending.recv(65536):
                pass
        except BlockingIOError:
            raise NoServerError(f"the server at {socket_path()} does not answer; is it stopped?") from None
        except OSError:
            pass  # it is gone, and the connection with it
        self._ending.close()
        self._ending = None

    # Asking

    def ask(self, request, read_answer):
        """Sends a request and returns what read_answer() makes of the frames that follow."""
        if self._owner == threading.get_ident():
            raise TTAllocError("a question cannot be asked from a finalizer that runs inside a report")
        try:
            with self._lock:
                self._owner = threading.get_ident()
                try:
                    self._send_queue()
                    return self._question(request, read_answer)
                finally:
                    self._owner = None
        finally:
            self._deliver()

    def _question(self, request, read_answer):
        if self._socket is not None:
            try:
                return self._converse(request, read_answer)
            except ConnectionError:
                pass  # it was restarted since: once more, with a new connection
        self._connect(_ANSWER_PATIENCE)
        try:
            return self._converse(request, read_answer)
        except ConnectionError as error:
            raise NoServerError(f"the server at {socket_path()} went away: {_reason(error)}") from None

    def _converse(self, request, read_answer):
        if request[0] == _LIST_HISTORY and not self._features & _FEATURE_HISTORY:
            raise TTAllocError("the server keeps no history, it is an older one: install this version's and restart it")
        if request[0] == _FORGET and not self._features & _FEATURE_FORGET:
            raise TTAllocError("the server cannot forget leaks, it is an older one: install this version's and restart it")
        try:
            self._send(request)
            self._skip_late()
            return read_answer(self._read_frame)
        except BlockingIOError:
            self._late += 1  # to hang up would look as if what is live had been left behind
            raise NoServerError(
                f"the server at {socket_path()} has not answered for {_ANSWER_PATIENCE} s; is it stopped?"
            ) from None
        except BaseException:
            self._disconnect()  # what is left of this answer must not be taken for the next one
            raise

    def _read_frame(self, flags=socket.MSG_WAITALL):
        while len(self._partial) < _FRAME:
            piece = self._socket.recv(_FRAME - len(self._partial), flags)
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "it closed the connection")
            self._partial += piece
        frame, self._partial = self._partial, b""
        return frame

    def _skip_late(self, flags=socket.MSG_WAITALL):
        while self._late:
            self._late -= self._read_frame(flags)[0] in (_END, _RESPONSE, _INFO_RESPONSE)


def _parse_pci_address(text):
    """'0000:09:00.0', or without the domain."""
    rest, function = text.split(".")
    *domain, bus, device = rest.split(":")
    return int(domain[0] if domain else "0", 16) << 16 | int(bus, 16) << 8 | int(device, 16) << 3 | int(function)


def _format_pci_address(address):
    return f"{address >> 16:04x}:{address >> 8 & 0xFF:02x}:{address >> 3 & 0x1F:02x}.{address & 7}"


_client = _Client()
_enabled = None


def _current():
    """The connection of this process. The PID is compared for forks that Python knows nothing of."""
    global _client
    if _client.pid != os.getpid():
        _start_afresh()
    return _client


def _start_afresh():
    global _client
    inherited, _client = _client, _Client()
    inherited.abandon()


os.register_at_fork(after_in_child=_start_afresh)
atexit.register(lambda: _client.stay_connected())


# ---- Reporting ----


def is_enabled():
    """Whether reporting is on. The environment is read at the first call of any function that needs to know."""
    global _enabled
    if _enabled is None:
        _enabled = os.environ.get("TT_ALLOC_TRACKING_ENABLED") == "1"
    return _enabled


def _report(event, *arguments):
    if is_enabled():
        _current().report(event, arguments)


def report_allocation(device_id, size, buffer_type, buffer_id):
    """A buffer was allocated: size in bytes over the whole device, buffer_type DRAM .. TRACE, buffer_id its address.

    The same buffer reported again is one more reference to it; with another size, its replacement.
    """
    _report(_Client.allocate, _ALLOC, device_id, buffer_type, buffer_id, size, buffer_type)


def report_deallocation(device_id, buffer_id, buffer_type=None):
    """A buffer was freed. Without buffer_type, and where DRAM and L1 both hold this address, the youngest goes."""
    _report(_Client.free, _FREE, device_id, buffer_type, buffer_id)


def report_cb_allocation(device_id, size, cb_id):
    """A circular buffer was allocated."""
    _report(_Client.allocate, _CB_ALLOC, device_id, CB, cb_id, size, 0)


def report_cb_deallocation(device_id, size, cb_id):
    """A circular buffer was freed. size is informative: what was recorded is what is subtracted."""
    _report(_Client.free, _CB_FREE, device_id, CB, cb_id)


def report_kernel_load(device_id, size, kernel_id, kernel_type=0):
    """A kernel was loaded; kernel_type 0 application, 1 fabric, 2 dispatch."""
    _report(_Client.allocate, _KERNEL_LOAD, device_id, KERNEL, kernel_id, size, kernel_type)


def report_kernel_unload(device_id, size, kernel_id):
    """A kernel was unloaded. size is informative."""
    _report(_Client.free, _KERNEL_UNLOAD, device_id, KERNEL, kernel_id)


def describe_device(
    device_id,
    *,
    asic_id=None,
    pci_address=None,
    arch=None,
    remote=None,
    dram_size=None,
    l1_size=None,
    l1_small_size=None,
    trace_size=None,
    num_dram_channels=None,
    l1_size_per_core=None,
    board=None
):
    """Says what device_id of this process is; None where it is not known. Best before the first report about it.

    pci_address is "0000:09:00.0" or a number, arch one of ARCHITECTURES or its index, sizes are bytes of the whole
    device. The server tells chips apart by asic_id, else by pci_address.
    """
    told = locals()
    facts = {name: told[name] for name in _DEVICE_FACTS if told[name] is not None}
    _report(_Client.describe, device_id, facts)


def lost_reports():
    """How many reports of this process made no sense (a negative size, text for a number) and were dropped."""
    return _current().lost


# ---- Asking: about this process, in the words of torch.cuda ----


def memory_allocated(device=0, pool="dram"):
    """Live bytes of this process on its device, in the pool "dram", "l1" or "host". None: it is not tracked."""
    return _own_pool(device, pool, "bytes")


def max_memory_allocated(device=0, pool="dram"):
    """The peak of memory_allocated() since the process began or reset_peak_memory_stats(). None as there."""
    return _own_pool(device, pool, "peak_bytes")


def reset_peak_memory_stats(device=0):
    """Sets this process's peaks on its device back to what is live."""
    with contextlib.suppress(NotFoundError):  # it reports nothing, or not on this device: no peaks
        _list(_RESET_PEAKS, device)


def memory_stats(device=0):
    """A flat dict in the manner of torch.cuda.memory_stats(). Empty if the process is not tracked.

    allocated_bytes.POOL.{current,peak} and allocation.POOL.current (buffers) for each pool; the same as
    region.REGION.allocated_bytes... for each region, there with allocation.{allocated,freed}, the counts of reports.
    """
    usage = _own_usage(device)
    stats = {}
    for pool, figures in (usage["pools"] if usage else {}).items():
        stats[f"allocated_bytes.{pool}.current"] = figures["bytes"]
        stats[f"allocated_bytes.{pool}.peak"] = figures["peak_bytes"]
        stats[f"allocation.{pool}.current"] = figures["buffers"]
    for region, figures in (usage["regions"] if usage else {}).items():
        stats[f"region.{region}.allocated_bytes.current"] = figures["bytes"]
        stats[f"region.{region}.allocated_bytes.peak"] = figures["peak_bytes"]
        stats[f"region.{region}.allocation.current"] = figures["buffers"]
        stats[f"region.{region}.allocation.allocated"] = figures["allocations"]
        stats[f"region.{region}.allocation.freed"] = figures["frees"]
    return stats


def memory_summary(device=0):
    """This process's memory on its device, as a table to print."""
    usage = _own_usage(device)
    if usage is None:
        return f"PID {os.getpid()} is not tracked: set TT_ALLOC_TRACKING_ENABLED=1 before it starts"
    lines = [f"{'device ' + str(device):<16}{'live':>12}{'peak':>12}{'buffers':>10}"]
    for kind in "pools", "regions":
        for name, figures in usage[kind].items():
            if kind == "pools" or figures["allocations"]:
                indent = "" if kind == "pools" else "  "
                lines.append(
                    f"{indent + name:<16}{_human(figures['bytes']):>12}{_human(figures['peak_bytes']):>12}"
                    f"{figures['buffers']:>10}"
                )
    return "\n".join(lines)


# ---- Asking: about a device and the host ----


def device_count():
    """How many devices the server knows."""
    return _exchange(_INFO_QUERY, -1, _INFO_RESPONSE)["num_devices"]


def mem_get_info(device=0):
    """(free, total) bytes of the pool dram of a device, over all processes that report. None where it is not known."""
    total = _exchange(_INFO_QUERY, device, _INFO_RESPONSE)["total_dram_size"]
    if total == 0:
        return None, None
    live = query_device(device)
    return max(total - live["dram_allocated"] - live["trace_allocated"], 0), total


def query_device(device=0):
    """Live bytes on a device over all processes: dram_allocated, l1_allocated, l1_small_allocated, trace_allocated.

    The device is this process's own number if it has reported on it, else the server's. Zeros for an unknown device.
    """
    response = _exchange(_QUERY, device, _RESPONSE)
    return {name: value for name, value in response.items() if name.endswith("_allocated")}


def devices(device=None):
    """All devices, or one by the server's number: what they are, and the use of each pool and region.

    nominal: dram_size or l1_size is what cards of this type have; no client has told what this one has.
    """
    found = []
    for entry, usages, _ in _entries(*_list(_LIST_DEVICES, device)):
        known = {name for bit, name in enumerate(_DEVICE_FACTS) if entry["known"] >> bit & 1}
        facts = {name: entry[name] if name in known else None for name in _DEVICE_FACTS}
        if "pci_address" in known:
            facts["pci_address"] = _format_pci_address(entry["pci_address"])
        if "arch" in known:
            facts["arch"] = _named(ARCHITECTURES, entry["arch"])
        if "remote" in known:
            facts["remote"] = bool(entry["remote"])
        if "board" in known:
            facts["board"] = _text(entry["board"])
        found.append(
            {
                "device": entry["device_id"],
                **facts,
                "nominal": bool(entry["known"] & _NOMINAL),
                "processes": entry["processes"],
                "idle_seconds": _seconds(entry["idle"]),
                **_usage(usages),
            }
        )
    return found


def processes(device=None, pid=None):
    """The processes that report, with their use of each device. device is the server's number, pid the host's PID.

    Those whose peaks somebody let start again say "peaks_reset". A device's "since" is when the server first heard of the
    process, and "until", of one that ended, when it noticed the end: by a clock that nobody sets, to tell who was there
    at one time.
    """
    return [_process(*entry) for entry in _entries(*_list(_LIST_PROCESSES, device, pid))]


def ended(device=None, pid=None, limit=None):
    """Processes that ended, the newest last: the figures in bytes and buffers are what each left behind.

    Unless it is "forgotten", that is a leak.
    """
    found = []
    for entry, usages, command in _entries(*_list(_LIST_ENDED, device, pid, limit=limit)):
        process = _process(entry, usages, command)
        process["end_time"] = _seconds(entry["end_time"])
        process["reason"] = _named((None, "exited", "hung up"), entry["reason"])
        process["forgotten"] = bool(entry["flags"] & 2)
        process["accounted"] = bool(entry["flags"] & 8)
        found.append(process)
    return found


def forget(pid=None, serial=None):
    """Has leaks forgotten: of ended processes with this pid and serial, of all without. How many there were.

    They stay in ended() and are marked there. Others' leaks are left alone, but for root, the server's own user and the
    group tt-alloc. NotPermittedError: all that were meant are others'. NotFoundError: no leak of this process is known.
    """
    _, end = _ask(_FORGET, pid=pid, serial=serial)
    return end["forgotten"]


class BufferList(list):
    """A list of buffers; hidden is how many were left out because this user may not see them."""

    hidden = 0


def buffers(device=None, pid=None, region=None, limit=None):
    """Single live buffers, in no particular order. region is a name from REGIONS or its number."""
    if isinstance(region, str):
        region = REGIONS.index(region)
    records, hidden = _list(_LIST_BUFFERS, device, pid, region, limit)
    found = BufferList()
    found.hidden = hidden
    for frame in records:
        if frame[0] == _BUFFER:
            record = _BUFFER_FRAME.unpack(frame)
            found.append(
                {
                    "device": record["device_id"],
                    "pid": record["process_id"] or None,
                    "uid": record["uid"],
                    "serial": record["serial"],
                    "region": _named(REGIONS, record["region"]),
                    "buffer_id": record["buffer_id"],
                    "size": record["size"],
                    "references": record["references"],
                    "age_seconds": _seconds(record["age"]),
                }
            )
    return found


def history(device=None, resolution=1, limit=None):
    """How much of each pool of the devices was in use: a list of series, one for each pool that was ever used.

    resolution is the seconds from one sample to the next: 1, kept for 15 minutes, or 60, kept for a day. limit is how
    many samples, the newest. A sample is the most bytes that were in use at one time in its interval, rounded up to
    4096; the oldest is the first. "time" is when the interval of the last one began; it is not over yet. There are no
    samples from before the first report that the server saw: it starts with none.
    """
    if resolution not in (1, 60):
        raise ValueError(f"resolution is 1 or 60 seconds, not {resolution!r}")
    records, _ = _list(_LIST_HISTORY, device, limit=limit, resolution=resolution * 1000)
    found = {}
    for frame in records:
        if frame[0] != _HISTORY:
            continue
        record = _HISTORY_FRAME.unpack(frame)
        samples = found.setdefault((record["device_id"], record["pool"]), (record["time"], []))[1]
        if record["index"] != len(samples) or not 0 < record["count"] <= _SAMPLES_IN_FRAME:
            raise ProtocolError("the server sent a history with gaps")
        samples += struct.unpack_from(f"={record['count']}I", record["samples"])
    return [
        {
            "device": device,
            "pool": POOLS[pool],
            "resolution": resolution,
            "time": _seconds(time_),
            "samples": [sample * _SAMPLE_UNIT for sample in reversed(samples)],
        }
        for (device, pool), (time_, samples) in found.items()
        if pool < len(POOLS)
    ]


def server_figures():
    """The server's own counters, by name."""
    records, _ = _list(_LIST_FIGURES)
    figures = (_FIGURE_FRAME.unpack(frame) for frame in records if frame[0] == _FIGURE)
    return {_text(figure["name"]): figure["value"] for figure in figures}


# ---- How questions are asked, and answers taken apart ----


def _exchange(request, device, expected):
    def read_answer(read_frame):
        answer = _MESSAGE_FRAME.unpack(read_frame())
        if answer["type"] != expected:
            raise ProtocolError(f"the server answered with type {answer['type']} where {expected} was due")
        return answer

    return _current().ask(_MESSAGE_FRAME.pack(type=request, device_id=device), read_answer)


def _list(request, device=None, pid=None, region=None, limit=None, resolution=0):
    """The records of an answer, and how many more it left out."""
    records, end = _ask(request, device, pid, region, limit, resolution)
    return records, end["hidden"]


def _ask(request, device=None, pid=None, region=None, limit=None, resolution=0, serial=None):
    """The records of an answer, and its END."""

    def read_answer(read_frame):
        records = []
        frame = read_frame()
        while frame[0] != _END:
            if not _DEVICE <= frame[0] < _END:
                raise ProtocolError(f"the server sent type {frame[0]} inside a list")
            records.append(frame)
            frame = read_frame()
        end = _END_FRAME.unpack(frame)
        if end["request"] != request or end["count"] != len(records):
            raise ProtocolError(f"the server announced {end['count']} records and sent {len(records)}")
        return records, end

    frame = _LIST_FRAME.pack(
        type=request,
        device_id=-1 if device is None else device,
        process_id=pid or 0,
        region=-1 if region is None else region,
        limit=limit or 0,
        resolution=resolution,
        serial=serial or 0,
    )
    records, end = _current().ask(frame, read_answer)
    if request == _FORGET and end["status"] == -errno.ESRCH:
        raise NotFoundError("the server knows no such leak; list ended processes with ended()")
    _raise_status(end["status"], device, pid)
    return records, end


def _raise_status(status, device, pid):
    if status == 0:
        return
    if status == -errno.ENODEV:
        raise NotFoundError(f"the server knows no device {device}; list them with devices()")
    if status == -errno.ESRCH:
        raise NotFoundError(f"the server knows no process {pid}; list them with processes()")
    if status == -errno.EPERM:
        raise NotPermittedError("the server does this only for root, its own user and the group tt-alloc")
    raise TTAllocError(f"the server refused the question: {os.strerror(-status)}")


def _entries(records, _hidden):
    """Groups records: (the device or process, its USAGE records, its command line or None). Skips unknown types."""
    layouts = {_DEVICE: _DEVICE_FRAME, _PROCESS: _PROCESS_FRAME, _ENDED: _PROCESS_FRAME}
    found = []
    for frame in records:
        if frame[0] in layouts:
            found.append((layouts[frame[0]].unpack(frame), [], []))
        elif frame[0] == _USAGE:
            found[-1][1].append(_USAGE_FRAME.unpack(frame))
        elif frame[0] == _TEXT:
            record = _TEXT_FRAME.unpack(frame)
            found[-1][2].append(record["text"][: record["length"]])
    return [
        (entry, usages, b"".join(pieces).decode("utf-8", "replace") if pieces else None)
        for entry, usages, pieces in found
    ]


def _usage(usages):
    """Pools and regions by name. What has no record was never used, which is a fact: 0."""
    pools = {name: {"bytes": 0, "peak_bytes": 0, "buffers": 0} for name in POOLS}
    regions = {
        name: {"bytes": 0, "peak_bytes": 0, "buffers": 0, "allocations": 0, "frees": 0} for name in REGIONS
    }
    for record in usages:
        names, tables = ((REGIONS, regions), (POOLS, pools))[record["kind"] == 1]
        name = _named(names, record["index"])
        if record["kind"] <= 1 and name is not None:
            tables[name] = {figure: record[figure] for figure in tables[name]}
    return {"pools": pools, "regions": regions}


def _process(entry, usages, command):
    by_device = {}  # two of a process's own numbers may name one chip
    for record in usages:
        by_device.setdefault((record["device_id"], record["logical_id"]), []).append(record)
    return {
        "pid": entry["process_id"] or None,
        "uid": entry["uid"],
        "comm": _text(entry["comm"]),
        "command": command,
        "serial": entry["serial"],
        "start_time": _moment(entry["start_time"]),
        "age_seconds": _seconds(entry["age"]) if entry["start_time"] else None,
        "idle_seconds": _seconds(entry["idle"]),
        "buffers": entry["buffers"],
        "sessions": entry["sessions"],
        "label_pid": entry["label_pid"],
        "lost": entry["lost"],
        "job": f"{entry['job']:016x}" if entry["job"] else None,
        "inexact": bool(entry["flags"] & 1),
        "peaks_reset": bool(entry["flags"] & 4),
        "devices": [
            {
                "device": device,
                "logical_id": logical_id,
                "idle_seconds": _seconds(records[0]["idle"]),
                "since": _moment(records[0]["since"]),
                "until": _moment(records[0]["until"]),
                **_usage(records),
            }
            for (device, logical_id), records in by_device.items()
        ],
    }


def _own_processes():
    """This process as the server lists it: at most one, unless it cannot be told from others in other containers.

    In a container a process's own PID is not the host's; the server lists it as a label.
    """
    own = [process for process in processes() if process["label_pid"] == os.getpid()]
    exact = [process for process in own if process["pid"] == os.getpid()]
    return exact or [process for process in own if process["uid"] == os.geteuid()]


def _own_usage(device):
    """This process's pools and regions on its own device number; None if the server cannot know them."""
    own = _own_processes()
    if len(own) > 1 or (not own and not is_enabled()):
        return None
    for usage in own[0]["devices"] if own else []:
        if usage["logical_id"] == device:
            return usage
    return _usage([])


def _own_pool(device, pool, figure):
    if pool not in POOLS:
        raise ValueError(f"{pool!r} is none of the pools {', '.join(POOLS)}")
    usage = _own_usage(device)
    return None if usage is None else usage["pools"][pool][figure]


def _named(names, number):
    return names[number] if number < len(names) else None


def _human(size):
    for unit in "B", "KiB", "MiB", "GiB":
        if size < 1024:
            break
        size /= 1024
    else:
        unit = "TiB"
    return f"{size} B" if unit == "B" else f"{size:.1f} {unit}"


def _counted(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# ---- Replaying ttnn graph captures ----

_REPLAY_HELP = """\
Reports the buffers of ttnn graph captures (ttnn.graph.end_graph_capture(), or a report file made from one) to
tt-allocation-server, as the application would have done it. Needs no device, and turns tracking on by itself.

  buffer_allocate, buffer_deallocate    a buffer of the given size, type and device, named by its address
  circular_buffer_allocate              a circular buffer of the size in the capture (which is per core). Those that are
                                        globally allocated live inside a buffer and are left out, as are dataflow
                                        buffers that borrow memory; other dataflow buffers and scratchpads count as
                                        circular buffers
  circular_buffer_deallocate_all        frees all circular buffers, whatever its device_id says: captures name the mesh
                                        there and the chip in the allocation, and the numbers have nothing in common

An address that is 0 (captures without dispatch) or still in use gets a made-up one, so no two buffers become one. Frees
of buffers from before the capture are left out. Several files are replayed one after another, in one process. With
--times, what the files left live is freed before the next round: N rounds leave behind what one leaves.

Exit status: 0 done, 1 a file is no capture (then nothing was reported), 2 wrong usage, 3 no server.
"""

_PROGRAM_MEMORY = {
    "circular_buffer_allocate": "globally_allocated",
    "dataflow_buffer_allocate": "borrows_memory",
    "scratchpad_allocate": None,
}


def _load_captures(path):
    """The captures in a file, each a list of nodes."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise CaptureError(f"{path}: no JSON: {error.msg}: line {error.lineno} column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise CaptureError(f"{path}: no JSON: byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise CaptureError(f"{path}: no JSON that can be read: {error}") from None
    return _split_captures(path, document)


def _split_captures(path, document):
    """A capture is a list of nodes, or an object with one as "graph"; a file holds one, or a list of them."""

    def nodes_of(part):
        return part.get("graph") if isinstance(part, dict) else part

    def is_capture(part):
        return isinstance(part, list) or (isinstance(part, dict) and "graph" in part)

    nodes = nodes_of(document)
    has_many = isinstance(nodes, list) and nodes and is_capture(nodes[0])
    captures = [nodes_of(part) for part in nodes] if has_many else [nodes]
    for capture in captures:
        if not isinstance(capture, list) or not capture:
            raise CaptureError(f'{path}: no graph capture: neither a list of nodes nor an object with one as "graph"')
    return captures


class _Node:
    """A node of a capture. Its getters say where the file is wrong."""

    def __init__(self, path, position, node):
        self._where = f"{path}: node {position}"
        if not isinstance(node, dict):
            raise CaptureError(f"{self._where}: not an object")
        self.type = node.get("node_type")
        if not isinstance(self.type, str):
            raise CaptureError(f'{self._where}: no "node_type"')
        self._where += f" ({self.type})"
        self._params = node.get("params") or {}
        self._connections = node.get("connections") or []

    def _fail(self, name, why):
        raise CaptureError(f"{self._where}: {name} {why}")

    def number(self, name, limit, default=None):
        """A whole number below limit; older captures write numbers as text."""
        if not isinstance(self._params, dict):
            self._fail('"params"', "is not an object")
        value = self._params.get(name, default)
        if value is None:
            self._fail(f'"{name}"', "is missing")
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
            self._fail(f'"{name}"', f"is {json.dumps(value)[:40]}, not a whole number from 0 to {limit - 1}")
        return value

    def size(self):
        return self.number("size", _SIZE_LIMIT)

    def address(self):
        return self.number("address", 1 << 64, 0)

    def device(self):
        return self.number("device_id", 1 << 31, 0)

    def region(self):
        """buffer_type is the exact number; type, in older captures the only one, calls it DRAM or L1."""
        if isinstance(self._params, dict) and "buffer_type" not in self._params:
            name = self._params.get("type")
            if not isinstance(name, str) or name.lower() not in REGIONS[:CB]:
                self._fail('"type"', f"is {json.dumps(name)[:40]}, no memory of a device")
            return REGIONS.index(name.lower())
        return self.number("buffer_type", CB)

    def is_set(self, name):
        if not isinstance(self._params, dict):
            self._fail('"params"', "is not an object")
        return name is not None and self._params.get(name, False) in (True, "1", "true", "True")

    def buffer_node(self):
        """The node that stands for the buffer itself: the same in its allocation and its free."""
        if not isinstance(self._connections, list):
            self._fail('"connections"', "is not a list")
        return json.dumps(self._connections[0]) if self._connections else None


class _Replay:
    """The reports that captures amount to, made before the first one is sent: a bad file must not be half reported."""

    def __init__(self):
        self.events = []  # (is an allocation, device, region, id, size)
        self.live = {}  # (device, region, id) -> size
        self.counts = collections.Counter()
        self._program_memory = []  # keys
        self._next_made_up = 1 << 63

    def add(self, path, nodes):
        buffers_of_nodes = {}
        for position, node in enumerate(nodes):
            node = _Node(path, position, node)
            if node.type == "buffer_allocate":
                key = self._allocate(node, node.region(), "buffers")
                buffers_of_nodes.setdefault(node.buffer_node(), []).append(key)
            elif node.type == "buffer_deallocate":
                self._deallocate(node, buffers_of_nodes.get(node.buffer_node(), []))
            elif node.type in _PROGRAM_MEMORY:
                if node.is_set(_PROGRAM_MEMORY[node.type]):
                    self.counts["inside buffers"] += 1
                else:
                    self._program_memory.append(self._allocate(node, CB, "circular buffers"))
            elif node.type == "circular_buffer_deallocate_all":
                for key in self._program_memory:
                    self._free(key)
                self._program_memory = []

    def _allocate(self, node, region, counted_as):
        key = (node.device(), region, node.address())
        if key[2] == 0 or key in self.live:
            key = (*key[:2], self._next_made_up)
            self._next_made_up += 1
        self.live[key] = node.size()
        self.events.append((True, *key, self.live[key]))
        self.counts[counted_as] += 1
        return key

    def _deallocate(self, node, buffers_of_node):
        if buffers_of_node:
            key = buffers_of_node.pop()
        else:
            key = (node.device(), node.region(), node.address())
        if key in self.live:
            self._free(key)
            self.counts["frees"] += 1
        else:
            self.counts["from before"] += 1

    def _free(self, key):
        del self.live[key]
        self.events.append((False, *key, 0))

    def run(self, times):
        for round_ in range(times):
            if round_ > 0:
                for key in self.live:
                    _send_event(False, *key, 0)
            for event in self.events:
                _send_event(*event)


def _send_event(is_allocation, device, region, id_, size):
    if region == CB:
        if is_allocation:
            report_cb_allocation(device, size, id_)
        else:
            report_cb_deallocation(device, size, id_)
    elif is_allocation:
        report_allocation(device, size, region, id_)
    else:
        report_deallocation(device, id_, region)


def _print_replay(counts, times):
    print(
        f"reported {_counted(counts['buffers'], 'buffer')}, {counts['frees']} of them freed, and"
        f" {_counted(counts['circular buffers'], 'circular buffer')}" + (f", {times} times" if times > 1 else "")
    )
    if counts["inside buffers"]:
        print(f"left out {_counted(counts['inside buffers'], 'circular buffer')} inside buffers")
    if counts["from before"]:
        print(f"left out {_counted(counts['from before'], 'free')} of buffers from before the capture")
    usages = [usage for process in _own_processes() for usage in process["devices"]]
    for usage in sorted(usages, key=lambda usage: usage["logical_id"]):
        for pool, figures in usage["pools"].items():
            if figures["peak_bytes"]:
                print(
                    f"device {usage['logical_id']} {pool + ':':<5} peak {_human(figures['peak_bytes'])},"
                    f" live at the end {_human(figures['bytes'])} in {_counted(figures['buffers'], 'buffer')}"
                )


def _hold(count):
    """Waits for the signal that ends the process. It is blocked first, so that it cannot come between."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    print(f"PID {os.getpid()} holds {_counted(count, 'buffer')}; look with tt-smi, end with Ctrl-C", flush=True)
    signal.sigwait(signals)


def _run_replay(arguments):
    global _enabled
    replay = _Replay()
    for path in arguments.files:
        for nodes in _load_captures(path):
            replay.add(path, nodes)
    if arguments.socket:
        os.environ["TT_ALLOC_SOCKET"] = arguments.socket
    _enabled = True
    device_count()  # no server: say so before, not after
    for device, asic_id in arguments.chip:
        describe_device(device, asic_id=asic_id)
    replay.run(arguments.times)
    _print_replay(replay.counts, arguments.times)
    if arguments.hold:
        _hold(len(replay.live))


def _count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _chip(text):
    device, _, asic_id = text.partition("=")
    try:
        chip = int(device), int(asic_id, 0)
    except ValueError:
        chip = -1, -1
    if not (0 <= chip[0] < 2**31 and 0 <= chip[1] < 2**64):
        raise argparse.ArgumentTypeError(f"must be DEVICE=ASIC_ID, not {text!r}")
    return chip


def main():
    parser = argparse.ArgumentParser(prog="tt_alloc.py", description="Commands of the Python client of tt-alloc.")
    parser.add_argument("--version", action="version", version=f"tt_alloc.py {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    replay = commands.add_parser(
        "replay",
        help="report the buffers of ttnn graph captures",
        description=_REPLAY_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("files", nargs="+", metavar="FILE", help="a graph capture (JSON)")
    replay.add_argument("--times", type=_count, default=1, metavar="N", help="replay N times, one after another")
    replay.add_argument("--hold", action="store_true", help="keep what is left live until SIGINT or SIGTERM")
    replay.add_argument(
        "--chip",
        type=_chip,
        action="append",
        default=[],
        metavar="DEVICE=ASIC_ID",
        help="the captures' device DEVICE is the chip with this asic id, and stands in its row of tt-smi; may be repeated",
    )
    replay.add_argument("--socket", metavar="PATH", help=f"the server's socket (default: {SOCKET_PATH})")
    arguments = parser.parse_args()

    try:
        _run_replay(arguments)
    except TTAllocError as error:
        print(f"tt_alloc.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
