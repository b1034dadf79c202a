/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * journald and the service manager, told without waiting for them. libsystemd's own calls send with a socket that
 * blocks, so a journal that is stuck would stop the loop, and with it every client. Both protocols are public and stay:
 * systemd.io/JOURNAL_NATIVE_PROTOCOL, and sd_notify(3).
 */

#include <stddef.h>

#define JOURNAL_PATH "/run/systemd/journal/socket"

/* From here on lines can go to the journal that listens at `path`, which must stay valid. -errno. */
int journal_open(const char *path);
void journal_close(void);

/* One entry: its text, and fields as "NAME=value" without newlines. -EAGAIN: the journal is stuck; another -errno. */
int journal_send(int priority, const char *text, const char *const *fields, size_t field_count);

/* A state of sd_notify(3) for whom $NOTIFY_SOCKET names. Lost if he is stuck; nothing happens where there is none. */
void manager_notify(const char *state);
