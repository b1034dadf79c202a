/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of limits, and how their values are written. Zero is a value: it leaves the kind to root and the server's
 * own user.
 */

#include "server/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX (UINT64_C(1) << 48) /* sixteen times as much still has room */

const struct limit_kind limit_kinds[LIMITS] = {
    [LIMIT_SESSIONS] = {"max-sessions", "max_sessions", LIMIT_SESSIONS_DEFAULT, false},
    [LIMIT_BUFFERS] = {"max-buffers", "max_buffers", LIMIT_BUFFERS_DEFAULT, false},
    [LIMIT_RING_BYTES] = {"max-ring-bytes", "max_ring_bytes", LIMIT_RING_BYTES_DEFAULT, true},
    [LIMIT_ANSWER_BYTES] = {"max-answer-bytes", "max_answer_bytes", LIMIT_ANSWER_BYTES_DEFAULT, true},
    [LIMIT_LOG_LINES] = {"max-log-lines", "max_log_lines", LIMIT_LOG_LINES_DEFAULT, false},
};

struct limits limits_usual(void)
{
    struct limits limits;

    for (size_t i = 0; i < LIMITS; i++)
        limits.most[i] = limit_kinds[i].usual;
    return limits;
}

/* How far a suffix shifts; -1: it means nothing. */
static int find_shift(const char *suffix)
{
    static const char letters[] = "KMGT";
    const char *letter;

    if (!*suffix)
        return 0;
    letter = strchr(letters, *suffix);
    if (!letter || (suffix[1] && strcmp(suffix + 1, "iB") != 0))
        return -1;
    return 10 * (int)(letter - letters + 1);
}

int limit_parse(enum limit limit, const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    int shift = find_shift(text + digits);
    unsigned long long value;

    if (digits == 0 || shift < 0 || (shift > 0 && !limit_kinds[limit].is_size))
        return -EINVAL;
    errno = 0;
    value = strtoull(text, NULL, 10);
    if (errno || value > VALUE_MAX >> shift)
        return -EINVAL;
    *ret = (uint64_t)value << shift;
    return 0;
}
