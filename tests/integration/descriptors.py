# SPDX-License-Identifier: Apache-2.0
"""Whether this kernel can refuse descriptors that are sent to the server, and a server that finds one that cannot."""

import errno
import socket

import confine

SO_PASSRIGHTS = 83  # since Linux 6.16
PREFIX_OF_OLDER = confine.prefix_failing("setsockopt", errno.ENOPROTOOPT)


def _can_refuse():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as each:
        try:
            return bool(each.getsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS))
        except OSError:
            return False


CAN_REFUSE = _can_refuse()
