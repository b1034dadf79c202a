/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Puts the parts together. A part that cannot be read says so in what it fills, and the others are read all the same;
 * only a lack of memory ends everything.
 */

#include "host/host.h"

#include <errno.h>
#include <stdlib.h>

#include "host/device.h"
#include "host/driver.h"
#include "host/holders.h"
#include "host/process.h"
#include "host/root.h"
#include "host/totals.h"
#include "host/totals_parse.h"

#define CLASS "sys/class/tenstorrent"

/* What a part needs. */
static const struct {
    unsigned part, needs;
} dependencies[] = {
    {HOST_SENSORS, HOST_IDENTITY},
    {HOST_HOLDERS, HOST_IDENTITY},
    {HOST_TOTALS, HOST_HOLDERS},
};

static bool parts_make_sense(unsigned parts)
{
    if (parts & ~HOST_ALL)
        return false;
    for (size_t i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++)
        if ((parts & dependencies[i].part) && !(parts & dependencies[i].needs))
            return false;
    return true;
}

static int add_devices(const struct host_root *root, unsigned parts, char *const *entries, struct host *host)
{
    size_t count = 0;

    for (char *const *entry = entries; *entry; entry++)
        count += device_number(*entry) >= 0;
    host->devices = calloc(count + 1, sizeof(host->devices[0]));
    if (!host->devices)
        return -ENOMEM;
    for (char *const *entry = entries; *entry; entry++) { /* sorted as the numbers are */
        int32_t number = device_number(*entry);

        if (number >= 0)
            device_read(root, number, parts, &host->devices[host->device_count++]);
    }
    return 0;
}

static int read_devices(const struct host_root *root, unsigned parts, struct host *host)
{
    char **entries;
    int error = host_root_list(root, &entries, CLASS);

    host->devices_error = error;
    if (error < 0)
        return error == -ENOMEM ? error : 0;
    error = add_devices(root, parts, entries, host);
    host_root_free_names(entries);
    return error;
}

static int read_holders(const struct host_root *root, struct host *host)
{
    int error = 0;

    for (size_t i = 0; i < host->device_count && error == 0; i++)
        error = holders_read(root, &host->devices[i]);
    return error;
}

static int read_totals(const struct host_root *root, struct host *host)
{
    int error = host_totals_read(root, host);

    return error < 0 ? error : host_processes_read(root, host); /* those of the slots as well */
}

static int read_parts(const struct host_root *root, unsigned parts, struct host *host)
{
    int error = 0;

    driver_read_host(root, host);
    if (parts & HOST_IDENTITY) {
        host->driver = driver_read_version(root);
        error = read_devices(root, parts, host);
    }
    if (error == 0 && (parts & HOST_HOLDERS))
        error = read_holders(root, host);
    if (error == 0 && (parts & HOST_HOLDERS))
        error = host_processes_read(root, host);
    if (error == 0 && (parts & HOST_TOTALS))
        error = read_totals(root, host);
    return error;
}

int host_read(const char *root_path, unsigned parts, struct host *ret)
{
    struct host host = {.driver.error = -ENOENT, .devices_error = -ENOENT, .totals_error = -ENOENT};
    struct host_root root;
    int error;

    if (!parts_make_sense(parts))
        return -EINVAL;
    error = host_root_open(root_path, &root);
    if (error < 0)
        return error;
    error = read_parts(&root, parts, &host);
    host_root_close(&root);
    if (error < 0) {
        host_clear(&host);
        return error;
    }
    *ret = host;
    return 0;
}

void host_clear(struct host *host)
{
    if (!host)
        return;
    for (size_t i = 0; i < host->device_count; i++)
        free(host->devices[i].holders);
    free(host->devices);
    for (size_t i = 0; i < host->totals_count; i++)
        host_totals_done(&host->totals[i]);
    free(host->totals);
    for (size_t i = 0; i < host->process_count; i++)
        host_process_done(&host->processes[i]);
    free(host->processes);
    *host = (struct host){0};
}

/* Devices, processes and holders all stand in ascending order of the number with which they begin. */
static int compare_numbers(const void *key, const void *element)
{
    int32_t wanted = *(const int32_t *)key, number = *(const int32_t *)element;

    return wanted < number ? -1 : wanted > number;
}

/* bsearch() must not be given NULL. */
static const void *find(int32_t number, const void *elements, size_t count, size_t size)
{
    return count > 0 ? bsearch(&number, elements, count, size, compare_numbers) : NULL;
}

_Static_assert(offsetof(struct host_device, number) == 0, "compare_numbers() reads it");
_Static_assert(offsetof(struct host_process, pid) == 0, "compare_numbers() reads it");
_Static_assert(offsetof(struct host_holder, pid) == 0, "compare_numbers() reads it");

const struct host_device *host_find_device(const struct host *host, int32_t number)
{
    return find(number, host->devices, host->device_count, sizeof(host->devices[0]));
}

const struct host_process *host_find_process(const struct host *host, int32_t pid)
{
    return find(pid, host->processes, host->process_count, sizeof(host->processes[0]));
}

bool host_device_is_held_by(const struct host_device *device, int32_t pid)
{
    return find(pid, device->holders, device->holder_count, sizeof(device->holders[0]));
}
