# SPDX-License-Identifier: Apache-2.0
"""client.c once more, for tt_alloc.py: python_client.py SEED SLOTS JOURNAL, with the socket in the environment."""

import random
import sys
import time

import journal
import tt_alloc

BURST_MAX, PAUSE_MAX = 64, 0.03


class Client:
    def __init__(self, seed, slots, path):
        self._random = random.Random(seed)
        self._journal = journal.create(path, journal.PYTHON, slots)

    def _change(self, slot, size, references):
        """One report, and what the journal says of it."""
        book = self._journal
        device, region, id_ = book.key(slot)
        size_now, references_now = book.slot(slot)
        book.begin(slot, size if references else 0, references)
        if references < references_now and size == size_now:
            self._free(device, region, id_)
        elif region == tt_alloc.CB:
            tt_alloc.report_cb_allocation(device, size, id_)
        elif region == tt_alloc.KERNEL:
            tt_alloc.report_kernel_load(device, size, id_)
        else:
            tt_alloc.report_allocation(device, size, region, id_)
        book.finish()

    @staticmethod
    def _free(device, region, id_):
        if region == tt_alloc.CB:
            tt_alloc.report_cb_deallocation(device, 0, id_)
        elif region == tt_alloc.KERNEL:
            tt_alloc.report_kernel_unload(device, 0, id_)
        else:
            tt_alloc.report_deallocation(device, id_, region)

    def _report_one(self):
        slot, what = self._random.randrange(self._journal.slot_count), self._random.randrange(10)
        size, references = self._journal.slot(slot)
        if references == 0 or what == 0:
            self._change(slot, self._random.randrange(1, 1 << 20) * 2 + (size + 1) % 2, 1)
        else:
            self._change(slot, size, references + 1 if what < 3 else references - 1)

    def _report_many(self, count):
        for _ in range(count):
            self._report_one()

    def _free_all(self):
        for slot in range(self._journal.slot_count):
            size, references = self._journal.slot(slot)
            while references:
                references -= 1
                self._change(slot, size, references)

    def _fence(self):
        """A question is answered behind all reports; asking also tells a new server everything."""
        while True:
            try:
                return tt_alloc.query_device(0)
            except tt_alloc.TTAllocError:
                time.sleep(0.1)

    def _obey(self, command, argument):
        if command in (journal.EXIT, journal.EXIT_CLEANLY):
            if command == journal.EXIT_CLEANLY:
                self._free_all()
                self._fence()
            sys.exit(0)
        if command in (journal.BURST, journal.FLOOD):
            self._report_many(argument)
        if command in (journal.QUIET, journal.BURST):
            self._fence()

    def live(self):
        book = self._journal
        while True:
            word = book.word("command")
            command = word & 0xFF
            is_at_rest = command in (journal.QUIET, journal.BURST)
            if word != book.word("done"):
                self._obey(command, book.word("argument"))
                book.set_word("done", word)
            elif not is_at_rest:
                self._report_many(self._random.randrange(BURST_MAX))
            time.sleep(0.005 if is_at_rest else self._random.uniform(0, PAUSE_MAX))


Client(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).live()
