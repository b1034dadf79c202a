# SPDX-License-Identifier: Apache-2.0
"""Somebody who does what no client does: rogue.py SORT SEED SECONDS SOCKET. What becomes of him does not matter.

wild     a ring whose tail, magic and records are written at random
garbage  bytes that are no frames
frames   frames of all types with random fields
storm    connections that come and go
deaf     questions whose answers are not read
"""

import contextlib
import os
import random
import sys
import time

import raw


def wild(random_, path):
    with raw.Raw(path) as client:
        client.hello(raw.REPORTER, features=raw.RING_FEATURES, instance=random_.randrange(1, 2**64))
        ring = client.ring()
        ring.resync()
        for number in range(random_.randrange(2000)):
            ring.alloc(number, 4096, region=random_.randrange(7))
        for _ in range(random_.randrange(1, 50)):
            place = random_.choice((ring.MAGIC_AT, ring.SLOTS_AT, ring.TAIL_AT, ring.MADE_AT, ring.HEAD_AT))
            place = random_.choice((place, random_.randrange(0, ring.size - 8, 8)))
            ring.memory[place : place + 8] = random_.randbytes(8)
            client.wake()
        client.fence()


def garbage(random_, path):
    with raw.Raw(path) as client:
        for _ in range(random_.randrange(1, 20)):
            client.send_bytes(random_.randbytes(random_.randrange(1, 5000)))


def frames(random_, path):
    with raw.Raw(path, random_.choice((72, 112, 144))) as client:
        for _ in range(random_.randrange(1, 2000)):
            head = bytes((random_.choice((1, 2, 3, 6, 8, 9, 10, 11, 32, 34, *range(40, 47), 48, 50, 51)), 0, 0, 0))
            body = random_.randbytes(36) if random_.random() < 0.3 else bytes(3) + random_.randbytes(2) + bytes(31)
            client.send_bytes((head + body).ljust(client.frame_size, b"\0"))


def storm(random_, path):
    for _ in range(random_.randrange(1, 300)):
        with raw.Raw(path) as client:
            if random_.random() < 0.5:
                client.send_bytes(raw.hello(raw.REPORTER)[: random_.randrange(1, 113)])


def deaf(random_, path):
    with raw.Raw(path, timeout=1) as client:
        client.hello()
        while True:
            client.send_bytes(raw.own(random_.choice((raw.LIST_PROCESSES, raw.LIST_ENDED, raw.LIST_HISTORY))))


def main():
    sort, seed, seconds, path = sys.argv[1:]
    random_ = random.Random(int(seed))
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        with contextlib.suppress(raw.Closed, OSError, AssertionError):
            globals()[sort](random_, path)
    os._exit(0)


main()
