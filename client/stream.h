/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Moves bytes through a connected stream socket, waiting no longer than a deadline. Whatever state the descriptor is
 * in, no call here blocks past its deadline or raises SIGPIPE, and interruptions by signals are not seen outside.
 *
 * A deadline is a time of tt_alloc_clock_now().
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sends all of it: 0, or a negative errno: -ETIMEDOUT, -EPIPE, -ECONNRESET... After an error nobody knows how much the
 * peer will get, so the only thing left to do with the stream is to close it. */
int tt_alloc_stream_send(int fd, const void *bytes, size_t size, uint64_t deadline);

/* Receives at least one byte and at most size: the number of bytes, or a negative errno; -ECONNRESET at the end of the
 * stream. Times out also if the peer never stops sending. */
ssize_t tt_alloc_stream_receive(int fd, void *ret_bytes, size_t size, uint64_t deadline);

/* Waits until one of the events of poll() has come: 0, or -ETIMEDOUT. */
int tt_alloc_stream_wait(int fd, short events, uint64_t deadline);
