/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The values of run's options. A limit that was misread would be a gate that lies, so "10GB", which means different
 * things to different people, is refused.
 */

#include "smi/run/options.h"
#include "smi/cli/values.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MAX 86400.0
#define EXIT_CODE_MAX 255

static bool find_pool(const char *name, size_t length, unsigned *ret)
{
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++) {
        if (strlen(pool_names[pool]) == length && strncmp(pool_names[pool], name, length) == 0) {
            *ret = pool;
            return true;
        }
    }
    return false;
}

/* The power of 1024 that a suffix means; -1: it means nothing. */
static int find_power(const char *suffix)
{
    static const char letters[] = "KMGTkmgt";
    const char *letter;

    if (*suffix == '\0')
        return 0;
    letter = strchr(letters, *suffix);
    if (!letter || (suffix[1] != '\0' && strcmp(suffix + 1, "iB") != 0))
        return -1;
    return (int)(letter - letters) % 4 + 1;
}

static bool parse_size(const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789"), all = strspn(text, "0123456789.");
    int power = find_power(text + all);
    double size;
    char *end;

    if (digits == 0 || power < 0 || (power == 0 && all > digits))
        return false;
    errno = 0;
    size = strtod(text, &end);
    if (errno != 0 || end != text + all)
        return false;
    for (int i = 0; i < power; i++)
        size *= 1024;
    if (size >= 0x1p63)
        return false;
    *ret = (uint64_t)size;
    return true;
}

int run_value_max_peak(struct run_options *options, const char *text)
{
    size_t length = strcspn(text, "=");
    unsigned pool;
    uint64_t bytes;

    if (text[length] != '=' || !find_pool(text, length, &pool) || !parse_size(text + length + 1, &bytes))
        return refuse("--max-peak takes a pool (dram, l1 or host) and a size, such as dram=10G or l1=512K, not '%s'",
                      text);
    options->limits[pool] = (struct run_limit){true, bytes};
    return 0;
}

int run_value_leak_exit_code(struct run_options *options, const char *text)
{
    size_t length = strspn(text, "0123456789");
    long code = length > 0 && length <= 3 && text[length] == '\0' ? strtol(text, NULL, 10) : -1;

    if (code < 0 || code > EXIT_CODE_MAX)
        return refuse("--leak-exitcode takes a number from 0 to 255, not '%s'", text);
    options->leak_exit_code = (int)code;
    return 0;
}

int run_value_grace(struct run_options *options, const char *text)
{
    char *end;
    double seconds;

    errno = 0;
    seconds = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' || seconds > GRACE_MAX)
        return refuse("--grace takes seconds, from 0 to 86400, not '%s'", text);
    options->grace = (uint64_t)(seconds * 1e9);
    return 0;
}
