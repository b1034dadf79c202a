/* SPDX-License-Identifier: Apache-2.0 */

/* What is forgotten is gone from the findings of everybody, so nothing is forgotten by a word that was left out. */

#include "smi/act/options.h"
#include "smi/cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *text, const char *end, uint64_t highest, uint64_t *ret)
{
    uint64_t value = 0;

    if (text == end)
        return false;
    for (; text < end; text++) {
        unsigned digit = (unsigned)*text - '0';

        if (digit > 9 || value > (highest - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return value > 0;
}

static bool parse_leak(const char *word, struct leak_name *ret)
{
    const char *end = word + strlen(word), *colon = strchrnul(word, ':');
    uint64_t pid = 0, serial = 0;

    if (*colon == ':' && !parse_number(colon + 1, end, UINT64_MAX, &serial))
        return false;
    if (!(serial && strncmp(word, "?:", 2) == 0) && !parse_number(word, colon, INT32_MAX, &pid))
        return false;
    *ret = (struct leak_name){(int32_t)pid, serial};
    return true;
}

int act_take_leak(struct act_options *options, const char *word)
{
    struct leak_name leak, *leaks;

    if (!parse_leak(word, &leak))
        return refuse("forget takes PIDs as tt-smi leaks names them, 4711 or 4711:12, not '%s'", word);
    leaks = reallocarray(options->leaks, options->leak_count + 1, sizeof(*leaks));
    if (!leaks)
        return -ENOMEM;
    leaks[options->leak_count++] = leak;
    options->leaks = leaks;
    return 0;
}

int act_check_forget(const struct act_options *options)
{
    if (options->all && options->leak_count > 0)
        return refuse("either --all or PIDs: tt-smi forget --all");
    if (!options->all && options->leak_count == 0)
        return refuse("forget takes the PIDs of leaks, or --all: tt-smi forget PID...   tt-smi leaks lists them");
    return 0;
}

void act_options_clear(struct act_options *options)
{
    free(options->leaks);
    *options = (struct act_options){0};
}
