/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What one uid may have at most: each kind of it with its option, its figures and its default. Limits are per uid and
 * in one tier. If they were per connection or process, more of those would mean more of everything.
 */

#include <stdbool.h>
#include <stdint.h>

enum limit {
    LIMIT_SESSIONS,
    LIMIT_BUFFERS,      /* that are live */
    LIMIT_RING_BYTES,   /* memory of the rings, if its processes fill them */
    LIMIT_ANSWER_BYTES, /* kept for its sessions: answers not taken, and what arrived behind the questions */
    LIMIT_LOG_LINES,    /* about it in a burst; a hundredth of that comes back in a second */
    LIMITS,
};

struct limits {
    uint64_t most[LIMITS];
};

/* As many connections as a process for each core of a large host, many times over. */
#define LIMIT_SESSIONS_DEFAULT UINT64_C(4096)
/* About 150 MiB of the server's memory. */
#define LIMIT_BUFFERS_DEFAULT (UINT64_C(4) << 20)
#define LIMIT_RING_BYTES_DEFAULT (UINT64_C(256) << 20)
#define LIMIT_ANSWER_BYTES_DEFAULT (UINT64_C(64) << 20)
/* journald takes 10,000 lines in 30 s from a service: this is a fifth of it. */
#define LIMIT_LOG_LINES_DEFAULT UINT64_C(2000)

struct limit_kind {
    const char *option; /* without the dashes */
    const char *figure;
    uint64_t usual;
    bool is_size; /* in bytes, and may be written as 64M */
};

extern const struct limit_kind limit_kinds[LIMITS];

struct limits limits_usual(void);

/* A number or, where the limit is a size, one of bytes with K, M, G or T behind it. -EINVAL. */
int limit_parse(enum limit limit, const char *text, uint64_t *ret);
