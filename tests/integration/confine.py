# SPDX-License-Identifier: Apache-2.0
"""Runs a command under the system call filter of the service's unit: any other call kills it.

The list is read from the unit itself. systemd adds a group of harmless calls to every such list (@default); here there
is none, so that the unit names all that the server needs. A server that makes its sockets itself, as tests mostly have
it, needs some calls more, in BY_HAND; execve is what the command begins with.

Usage: confine.py PROGRAM COMMAND [ARG...], with the filter as prefix() makes it.
"""

import ctypes
import functools
import os
import pathlib
import platform
import re
import struct
import subprocess
import sys

UNIT = pathlib.Path(__file__).resolve().parents[2] / "systemd" / "tt-allocation-server.service.in"
# Lock, look, remove what is dead, bind.
BY_HAND = ["bind", "flock", "listen", "umask", "unlink"]

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KILL_PROCESS, ALLOW, FAIL = 0x80000000, 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ARCHITECTURE = 0, 4  # where they stand in struct seccomp_data


def is_possible():
    return sys.platform == "linux" and platform.machine() in AUDIT_ARCH


def listed(text=None):
    """The names in the unit, or in a part of it."""
    lines = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text() if text is None else text, re.M)
    return [name for line in lines for name in line.split()]


@functools.lru_cache
def numbers():
    """What the system calls of this machine are called, and their numbers."""
    command = ["cc", "-E", "-dM", "-include", "asm/unistd.h", "-x", "c", "/dev/null"]
    header = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", header, re.M)}


def program(names):
    """For the kernel: one comparison per name. Names that this architecture does not have are those of another."""
    wanted = sorted({numbers()[name] for name in names if name in numbers()})
    steps = [
        (LOAD_WORD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 1, 0, AUDIT_ARCH[platform.machine()]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD_WORD, 0, 0, NUMBER),
    ]
    steps += [(JUMP_IF_EQUAL, len(wanted) - at, 0, number) for at, number in enumerate(wanted)]
    steps += [(RETURN, 0, 0, KILL_PROCESS), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def prefix(without=()):
    """What to put in front of a command."""
    names = [name for name in listed() + BY_HAND + ["execve"] if name not in without]
    return _prefix(program(names))


def _prefix(text):
    return [sys.executable, "-E", "-S", __file__, text.hex()]


def prefix_failing(name, error):
    """What to put in front of a command that is to find a kernel in which a call fails. It makes all others."""
    steps = (
        (LOAD_WORD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 1, numbers()[name]),
        (RETURN, 0, 0, FAIL | error),
        (RETURN, 0, 0, ALLOW),
    )
    return _prefix(b"".join(struct.pack("=HBBI", *step) for step in steps))


def confine(text):
    """From here on this process, and what becomes of it, makes these calls and no others."""
    libc = ctypes.CDLL(None, use_errno=True)
    kept = ctypes.create_string_buffer(text, len(text))
    filter_program = struct.pack("@HP", len(text) // 8, ctypes.addressof(kept))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_program):
        raise OSError(ctypes.get_errno(), "this kernel takes no filter")


def main():
    command = [os.fsencode(word) for word in sys.argv[2:]]
    confine(bytes.fromhex(sys.argv[1]))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
