/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For who keeps a picture of the host and brings it up to date: only what changes often, at its own small price.
 */

#include <errno.h>
#include <stdlib.h>

#include "host/device.h"
#include "host/holders.h"
#include "host/host.h"
#include "host/root.h"

#define CLASS "sys/class/tenstorrent"

static int list_names(const char *root_path, char ***ret)
{
    struct host_root root;
    int error = host_root_open(root_path, &root);

    if (error < 0)
        return error;
    error = host_root_list(&root, ret, CLASS);
    host_root_close(&root);
    return error;
}

static int take_numbers(char *const *names, struct host *host)
{
    size_t count = 0;

    while (names[count])
        count++;
    host->devices = calloc(count + 1, sizeof(host->devices[0]));
    if (!host->devices)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int32_t number = device_number(names[i]);

        if (number >= 0) /* sorted as numbers, because the names are */
            host->devices[host->device_count++].number = number;
    }
    return 0;
}

/* That there is no class is something to know of a host; that there is no root is not. */
static int read_numbers(const struct host_root *root, struct host *host)
{
    char **names;
    int error = host_root_list(root, &names, CLASS);

    host->devices_error = error;
    if (error < 0)
        return error == -ENOMEM ? error : 0;
    error = take_numbers(names, host);
    host_root_free_names(names);
    return error;
}

int host_list_devices(const char *root_path, struct host *ret)
{
    struct host host = {.driver.error = -ENOENT, .totals_error = -ENOENT};
    struct host_root root;
    int error = host_root_open(root_path, &root);

    if (error < 0)
        return error;
    error = read_numbers(&root, &host);
    host_root_close(&root);
    if (error < 0)
        return error;
    *ret = host;
    return 0;
}

int host_read_device(const char *root_path, struct host_device *device)
{
    struct host_root root;
    int error = host_root_open(root_path, &root);

    if (error < 0)
        return error;
    device_read(&root, device->number, HOST_IDENTITY, device);
    host_root_close(&root);
    return 0;
}

static void forget_holders(struct host_device *device)
{
    free(device->holders);
    device->holders = NULL;
    device->holder_count = 0;
    device->hidden_opens = 0;
}

int host_read_holders(const char *root_path, struct host *host)
{
    struct host_root root;
    int error = host_root_open(root_path, &root);

    if (error < 0)
        return error;
    for (size_t i = 0; i < host->device_count && error == 0; i++) {
        forget_holders(&host->devices[i]);
        error = holders_read(&root, &host->devices[i]);
    }
    host_root_close(&root);
    return error;
}

static bool are_the_devices(char *const *names, const struct host *host)
{
    size_t count = 0;

    for (size_t i = 0; names[i]; i++) {
        int32_t number = device_number(names[i]);

        if (number < 0)
            continue;
        if (count == host->device_count || host->devices[count++].number != number)
            return false;
    }
    return count == host->device_count;
}

bool host_has_other_devices(const char *root_path, const struct host *host)
{
    bool are_others;
    char **names;
    int error = list_names(root_path, &names);

    if (error < 0)
        return error != -ENOMEM && host->device_count > 0;
    are_others = !are_the_devices(names, host);
    host_root_free_names(names);
    return are_others;
}
