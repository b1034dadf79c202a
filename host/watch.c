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

static bool are_the_devices(char *const *entries, const struct host *host)
{
    size_t count = 0;

    for (size_t i = 0; entries[i]; i++) {
        int32_t number = device_number(entries[i]);

        if (number < 0)
            continue;
        if (count == host->device_count || host->devices[count++].number != number)
            return false;
    }
    return count == host->device_count;
}

bool host_has_other_devices(const char *root_path, const struct host *host)
{
    struct host_root root;
    char **entries;
    bool are_others;
    int error = host_root_open(root_path, &root);

    if (error < 0)
        return host->device_count > 0;
    error = host_root_list(&root, &entries, "sys/class/tenstorrent");
    host_root_close(&root);
    if (error < 0)
        return error != -ENOMEM && host->device_count > 0;
    are_others = !are_the_devices(entries, host);
    host_root_free_names(entries);
    return are_others;
}
