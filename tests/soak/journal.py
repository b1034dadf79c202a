# SPDX-License-Identifier: Apache-2.0
"""The journals of clients, as journal.h lays them out: what a client itself says it holds and has reported."""

import collections
import mmap
import os
import struct
import time

MAGIC = 0x6C6E726A6B616F73
DEVICES, REGIONS = 4, 7
RING, SOCKET, OLD_72, OLD_112, OLD_144, PYTHON = range(6)
KINDS = ("ring", "socket", "72 bytes", "112 bytes", "144 bytes", "python")
OLDER = (OLD_72, OLD_112, OLD_144)
COMMANDS = ("run", "quiet", "burst", "flood", "fork", "exec", "hang up", "exit", "exit cleanly")
RUN, QUIET, BURST, FLOOD, FORK, EXEC, HANG_UP, EXIT, EXIT_CLEANLY = range(9)

_WORDS = "magic pid kind slot_count command argument done epoch made begun slot size references children".split()
_AT = {name: 8 * number for number, name in enumerate(_WORDS)}
_SLOTS_AT = 8 * 16
_WORD, _SLOT = struct.Struct("=Q"), struct.Struct("=QQ")

# What a process may be said to hold: {(device, region): (buffers, bytes)} without zeros, and how many reports it made.
State = collections.namedtuple("State", "held made")


def key_of(kind, slot):
    """(device, region, id) of a slot's buffer."""
    regions = 5 if kind in (OLD_72, OLD_112) else REGIONS
    id_ = 0x1000 * (slot + 1 if kind in OLDER else slot // (DEVICES * REGIONS) + 1)
    return slot % DEVICES, slot // DEVICES % regions, id_


class Journal:
    """One side's view of the shared memory."""

    def __init__(self, path):
        self.path = path
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.kind, self.pid, self.slot_count = map(self.word, ("kind", "pid", "slot_count"))

    def word(self, name):
        return _WORD.unpack_from(self._memory, _AT[name])[0]

    def set_word(self, name, value):
        _WORD.pack_into(self._memory, _AT[name], value)

    def slot(self, number):
        return _SLOT.unpack_from(self._memory, _SLOTS_AT + _SLOT.size * number)

    def key(self, slot):
        return key_of(self.kind, slot)

    # Writing, which only a client does

    def begin(self, slot, size, references):
        self.set_word("slot", slot)
        self.set_word("size", size)
        self.set_word("references", references)
        self.set_word("begun", self.word("made") + 1)

    def finish(self):
        place = _SLOTS_AT + _SLOT.size * self.word("slot")
        _SLOT.pack_into(self._memory, place, self.word("size"), self.word("references"))
        self.set_word("made", self.word("begun"))

    # Commands, which only the checker gives

    def tell(self, command, argument=0):
        """Returns a word by which is_done() knows this command."""
        word = (self.word("command") >> 8) + 1 << 8 | command
        self.set_word("argument", argument)
        self.set_word("command", word)
        return word

    def is_done(self, word):
        return self.word("done") == word

    # Reading

    def buffers(self):
        """{(device, region, id): (size, references)}"""
        words = struct.iter_unpack("=QQ", self._memory[_SLOTS_AT : _SLOTS_AT + _SLOT.size * self.slot_count])
        return {self.key(number): slot for number, slot in enumerate(words) if slot[1]}

    def states(self):
        """What the server may know at the end of the client: one State, or two if a report was under way."""
        made, begun = self.word("made"), self.word("begun")
        buffers = self.buffers()
        found = [State(add_up(buffers), made)]
        if begun != made:
            buffers[self.key(self.word("slot"))] = (self.word("size"), self.word("references"))
            found.append(State(add_up(buffers), begun))
        return found

    def close(self):
        self._memory.close()


def add_up(buffers):
    """{(device, region): (buffers, bytes)} of {(device, region, id): (size, references)}."""
    sums = collections.defaultdict(lambda: (0, 0))
    for (device, region, _), (size, references) in buffers.items():
        if references:
            count, total = sums[device, region]
            sums[device, region] = count + 1, total + size
    return dict(sums)


def create(path, kind, slots):
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as file:
        file.truncate(_SLOTS_AT + _SLOT.size * slots)
        file.seek(_AT["pid"])
        file.write(struct.pack("=QQQ", os.getpid(), kind, slots))
        file.flush()
        file.seek(0)
        file.write(_WORD.pack(MAGIC))
    return Journal(path)


def is_ready(path):
    """Whether a client has made its journal."""
    try:
        with open(path, "rb") as file:
            return file.read(8) == _WORD.pack(MAGIC)
    except FileNotFoundError:
        return False


def wait_until_ready(path, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_ready(path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no journal at {path} after {seconds} s")
        time.sleep(0.005)
    return Journal(path)
