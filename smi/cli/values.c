/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbers are parsed strictly: the C library's functions take blanks, signs and what follows a number too readily.
 */

#include "smi/cli/values.h"
#include "smi/cli/option_table.h"
#include "smi/sample/users.h"
#include "smi/text/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_MIN 0.1
#define SECONDS_MAX 86400.0

int refuse(const char *format, ...)
{
    char *message, *shown;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    shown = message ? text_escape(message, false) : NULL;
    fprintf(stderr, "tt-smi: %s\n", shown ? shown : "out of memory");
    free(shown);
    free(message);
    return -EINVAL;
}

static bool parse_number(const char *text, long lowest, long highest, long *ret)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' || value < lowest ||
        value > highest)
        return false;
    *ret = value;
    return true;
}

bool value_interval(const char *text, double unit, uint64_t *ret)
{
    char *end;
    double seconds;

    errno = 0;
    seconds = strtod(text, &end) * unit;
    if (errno != 0 || end == text || *end != '\0' || !(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX))
        return false;
    *ret = (uint64_t)(seconds * 1e9);
    return true;
}

static int add_device(struct filter *filter, int32_t device)
{
    int32_t *devices = reallocarray(filter->devices, filter->device_count + 1, sizeof(*devices));

    if (!devices)
        return -ENOMEM;
    devices[filter->device_count++] = device;
    filter->devices = devices;
    return 0;
}

static bool parse_node(const char *text, const char *end, long *ret)
{
    char node[16];

    return snprintf(node, sizeof(node), "%.*s", (int)(end - text), text) < (int)sizeof(node) &&
           parse_number(node, 0, DEVICE_NODES_MAX - 1, ret);
}

/* As device_label() writes it: a number, or that of a node, R and, from the second far chip on, which. */
static bool parse_device(const char *text, int32_t *ret)
{
    const char *far = strpbrk(text, "rR");
    long number, which = 1;
    bool is_good;

    if (!far)
        is_good = parse_number(text, 0, INT32_MAX, &number);
    else
        is_good =
            parse_node(text, far, &number) && (far[1] == '\0' || parse_number(far + 1, 2, DEVICE_FAR_CHIPS, &which));
    if (is_good)
        *ret = far ? device_remote_number((int32_t)number, (unsigned)which - 1) : (int32_t)number;
    return is_good;
}

int value_devices(struct filter *filter, char *list)
{
    for (char *item, *rest = list; (item = strsep(&rest, ","));) {
        int32_t device;
        int r;

        if (!parse_device(item, &device))
            return refuse("-d takes devices as tt-smi writes them, such as 0, 0R or 0,2, not '%s'", item);
        r = add_device(filter, device);
        if (r < 0)
            return r;
    }
    return 0;
}

int value_user(struct filter *filter, const char *user)
{
    uint32_t uid = geteuid();
    long number;

    if (user && !user_uid(user, &uid)) {
        if (!parse_number(user, 0, UINT32_MAX, &number))
            return refuse("-u takes a user name or uid; there is no user '%s'", user);
        uid = (uint32_t)number;
    }
    filter->by_uid = true;
    filter->uid = uid;
    return 0;
}

int value_pid(struct filter *filter, const char *text)
{
    long pid;

    if (!parse_number(text, 1, INT32_MAX, &pid))
        return refuse("-p takes a process id, not '%s'", text);
    filter->pid = (int32_t)pid;
    return 0;
}

int value_region(struct filter *filter, const char *name)
{
    filter->region = region_by_name(name);
    return filter->region >= 0 ? 0
                               : refuse("--region takes one of %s, not '%s'", option_by_code(OPT_REGION)->words, name);
}

int value_count(const char *text, uint32_t *ret)
{
    long count;

    if (!parse_number(text, 1, UINT32_MAX, &count))
        return refuse("-k takes a number of lines, at least 1, not '%s'", text);
    *ret = (uint32_t)count;
    return 0;
}

int value_format(struct options *options, char *list)
{
    for (char *item, *rest = list; (item = strsep(&rest, ","));) {
        if (strcmp(item, "csv") == 0)
            options->csv = true;
        else if (strcmp(item, "noheader") == 0)
            options->noheader = true;
        else if (strcmp(item, "nounits") == 0)
            options->nounits = true;
        else
            return refuse("--format takes csv, noheader and nounits with commas between, not '%s'", item);
    }
    return options->csv ? 0 : refuse("--format begins with csv: --format=csv,noheader,nounits");
}

int value_word(int code, const char *word, unsigned *ret)
{
    const struct option_entry *entry = option_by_code(code);
    const char *next = entry->words;

    for (unsigned place = 0; *next; place++) {
        size_t length = strcspn(next, " ");

        if (strlen(word) == length && strncmp(word, next, length) == 0) {
            *ret = place;
            return 0;
        }
        next += length + strspn(next + length, " ");
    }
    return refuse("%s takes one of %s, not '%s'", option_spell(entry).text, entry->words, word);
}
