/* SPDX-License-Identifier: Apache-2.0 */

/* Devices are listed once, because a run is short and they do not come and go; their holders again and again. */

#include "smi/run/holders.h"

#include <errno.h>

int run_holders_begin(const char *root, struct run_holders *ret)
{
    struct run_holders holders = {.root = root};
    int r = host_list_devices(root, &holders.host);

    if (r < 0)
        return r;
    holders.is_unknown = holders.host.devices_error != 0 && holders.host.devices_error != -ENOENT;
    *ret = holders;
    return 0;
}

static void mark(const struct host_device *device, struct run_tree *tree)
{
    for (size_t i = 0; i < device->holder_count; i++) {
        struct tree_process *process = run_tree_find_living(tree, device->holders[i].pid);

        if (!process || process->holds)
            continue;
        process->holds = true;
        process->device = device->number;
    }
}

int run_holders_look(struct run_holders *holders, struct run_tree *tree)
{
    int r;

    if (holders->host.device_count == 0)
        return 0;
    r = host_read_holders(holders->root, &holders->host);
    if (r < 0) {
        holders->is_unknown = true;
        return r == -ENOMEM ? r : 0;
    }
    for (size_t i = 0; i < holders->host.device_count; i++) {
        if (holders->host.devices[i].holders_error != 0)
            holders->is_unknown = true;
        else
            mark(&holders->host.devices[i], tree);
    }
    return 0;
}

void run_holders_clear(struct run_holders *holders)
{
    host_clear(&holders->host);
}
