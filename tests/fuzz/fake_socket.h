/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Pairs of stream sockets that are memory, and descriptors by which a process's death is noticed: most of what an input
 * costs would be system calls otherwise. recv(), send(), sendmsg(), recvmsg(), poll(), ioctl() and close() of these
 * descriptors, by whomever they are called, end up here; those of others go to the kernel. A descriptor may be passed
 * along with bytes. The memory of a socket is small, so that answers that nobody takes are soon felt.
 */

#include <stdbool.h>
#include <stdint.h>

#define FAKE_SOCKET_BYTES 16384

/* Two ends that do not block. */
void fake_socket_pair(int ret[2]);
/* Readable once *gone has come to `life`. */
int fake_socket_pidfd(const unsigned *gone, unsigned life);
/* How many of either are open. */
unsigned fake_socket_count(void);
