# SPDX-License-Identifier: Apache-2.0
"""An application: reports five buffers, then tells what the server counts for it, now and for every line of input."""

import sys

import tt_alloc

BUFFERS = [(tt_alloc.DRAM, 0x800000000 + (n << 20), 1 << 20) for n in range(3)]
BUFFERS += [(tt_alloc.L1, 0x20000 + (n << 16), 1 << 16) for n in range(2)]

for region, address, size in BUFFERS:
    tt_alloc.report_allocation(0, size, region, address)
while True:
    try:
        print(tt_alloc.memory_allocated(0, "dram"), tt_alloc.memory_allocated(0, "l1"), flush=True)
    except tt_alloc.TTAllocError as error:
        print(error, flush=True)
    if not sys.stdin.readline():
        break
