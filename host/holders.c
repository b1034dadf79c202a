/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The driver's list of who has a device open: a line for every open descriptor, so a process may stand in it many
 * times. 0 is a process that cannot be seen from our PID namespace. A list that makes no sense in one line is not
 * believed in any: half of it would look like all of it.
 */

#include "host/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES (4U << 20)

static int compare_pids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

    return left < right ? -1 : left > right;
}

/* Reads the number at the beginning of a line, and steps behind it. Negative: there is none. */
static int32_t take_pid(const char **text)
{
    size_t length = strspn(*text, "0123456789");
    unsigned long long pid = strtoull(*text, NULL, 10);

    if (length == 0 || pid > INT32_MAX || ((*text)[length] && (*text)[length] != '\n'))
        return -1;
    *text += length + ((*text)[length] == '\n');
    return (int32_t)pid;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;

    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

static int parse_pids(const char *text, int32_t **ret, size_t *ret_count)
{
    int32_t *pids = calloc(count_lines(text), sizeof(pids[0]));
    size_t count = 0;

    if (!pids)
        return -ENOMEM;
    while (*text) {
        pids[count] = take_pid(&text);
        if (pids[count++] < 0) {
            free(pids);
            return -EINVAL;
        }
    }
    qsort(pids, count, sizeof(pids[0]), compare_pids);
    *ret = pids;
    *ret_count = count;
    return 0;
}

static int set_holders(struct host_device *device, const int32_t *pids, size_t count)
{
    struct host_holder *holders = calloc(count + 1, sizeof(holders[0]));
    size_t used = 0;

    if (!holders)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == 0)
            device->hidden_opens++;
        else if (used > 0 && holders[used - 1].pid == pids[i])
            holders[used - 1].opens++;
        else
            holders[used++] = (struct host_holder){.pid = pids[i], .opens = 1};
    }
    device->holders = holders;
    device->holder_count = used;
    return 0;
}

static int read_pids(const struct host_root *root, int32_t number, int32_t **ret, size_t *ret_count)
{
    char *text;
    size_t size;
    int error = host_root_read(root, LIST_BYTES, &text, &size, "proc/driver/tenstorrent/%d/pids", number);

    if (error < 0)
        return error;
    if (size >= LIST_BYTES)
        error = -EFBIG;
    else if (strlen(text) != size)
        error = -EINVAL;
    else
        error = parse_pids(text, ret, ret_count);
    free(text);
    return error;
}

int holders_read(const struct host_root *root, struct host_device *device)
{
    int32_t *pids;
    size_t count;
    int error = read_pids(root, device->number, &pids, &count);

    device->holders_error = error;
    if (error < 0)
        return error == -ENOMEM ? error : 0;
    error = set_holders(device, pids, count);
    free(pids);
    return error;
}
