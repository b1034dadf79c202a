#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The four totals of a device, over all processes that report: the shortest question one can ask the server.

    from query_stats import query_device_stats
    query_device_stats(0)["dram_allocated"]

    python3 query_stats.py 0

Stands beside tt_alloc.py, which can tell much more. Exit status: 0 done, 2 wrong usage, 3 no server.
"""

import argparse
import sys

import tt_alloc


def query_device_stats(device_id=0):
    """dram_allocated, l1_allocated, l1_small_allocated and trace_allocated in bytes; zeros for an unknown device.

    Raises tt_alloc.NoServerError, or another tt_alloc.TTAllocError, with a one-line message.
    """
    return tt_alloc.query_device(device_id)


def _device(text):
    value = int(text)
    if not 0 <= value < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text} is no device number")
    return value


def main():
    parser = argparse.ArgumentParser(description="Prints the live bytes on a device, over all processes that report.")
    parser.add_argument("device", nargs="?", type=_device, default=0, help="its number (default: 0)")
    arguments = parser.parse_args()
    try:
        stats = query_device_stats(arguments.device)
    except tt_alloc.TTAllocError as error:
        print(f"query_stats.py: {error}", file=sys.stderr)
        return error.exit_code
    for name, value in stats.items():
        print(f"{name} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
