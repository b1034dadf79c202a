/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What could not be asked or read, and what to do about it. Who finds a null that another source would fill finds the
 * reason here. That a host has no driver is no error as long as the server knows the devices.
 */

#include "smi/json/rows.h"
#include "smi/sample/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AS_ROOT "look as root: sudo tt-smi"
#define CLASS "/sys/class/tenstorrent"
#define MODULE "/sys/module/tenstorrent"

/* Takes over the path. */
static json_t *failure(const char *code, json_t *path, const char *reason, const char *advice)
{
    return json_pack("{s:s, s:o, s:o, s:o}", "code", code, "path", path, "reason", json_text(reason), "advice",
                     json_text(advice));
}

static json_t *add_server(json_t *list, const struct snapshot *snapshot)
{
    char *advice;

    if (snapshot->error == 0)
        return list;
    advice = problem_advice(snapshot->error, snapshot->path);
    list = json_append(list, failure(problem_name(snapshot->error), json_text(snapshot->path),
                                     problem_reason(snapshot->error), advice));
    free(advice);
    return list;
}

static const char *advice_on(int error)
{
    return error == -EACCES || error == -EPERM ? AS_ROOT : NULL;
}

static json_t *add_host(json_t *list, const struct snapshot *snapshot)
{
    const struct host *host = &snapshot->host;

    if (snapshot->host_error != 0)
        return json_append(list, failure("host_unreadable", json_text(snapshot->root ? snapshot->root : "/"),
                                         strerror(-snapshot->host_error), advice_on(snapshot->host_error)));
    if (host->driver.error == -ENOENT && !snapshot_knows_devices(snapshot))
        list = json_append(list, failure("driver_not_loaded", json_string(MODULE),
                                         "the driver of Tenstorrent devices is not loaded",
                                         "load it: sudo modprobe tenstorrent"));
    if (host->devices_error != 0 && host->devices_error != -ENOENT)
        list = json_append(list, failure("devices_unreadable", json_string(CLASS), strerror(-host->devices_error),
                                         advice_on(host->devices_error)));
    if (host->totals_error != 0 && host->totals_error != -ENOENT)
        list = json_append(list, failure("totals_unreadable", json_string("/dev/shm"), strerror(-host->totals_error),
                                         advice_on(host->totals_error)));
    return list;
}

static json_t *holders_failure(const struct host_device *node)
{
    bool is_old = node->holders_error == -ENOENT;

    return failure("holders_unreadable", json_sprintf("/proc/driver/tenstorrent/%d/pids", node->number),
                   is_old ? "a driver before 2.5 does not tell who has a device open" : strerror(-node->holders_error),
                   is_old ? "update the driver, tt-kmd" : advice_on(node->holders_error));
}

static json_t *add_holders(json_t *list, const struct host *host)
{
    for (size_t i = 0; list && i < host->device_count; i++) {
        if (host->devices[i].holders_error != 0)
            list = json_append(list, holders_failure(&host->devices[i]));
    }
    return list;
}

static json_t *totals_failure(const struct host_totals *totals)
{
    json_t *path = json_text(totals->path);

    switch (totals->state) {
    case HOST_TOTALS_INITIALISING:
        return failure("totals_initialising", path, "its writer has not finished making it", "look again");
    case HOST_TOTALS_TRUNCATED:
        return failure("totals_truncated", path, "it is shorter than its layout", NULL);
    case HOST_TOTALS_UNSUPPORTED:
        return failure("totals_unsupported", path, "its layout is none of the versions 2, 3 and 4",
                       "look for a newer tt-smi");
    default:
        return failure(totals->error == -EACCES ? "totals_denied" : "totals_unreadable", path,
                       totals->error == -EACCES ? "it belongs to another user" : strerror(-totals->error),
                       advice_on(totals->error));
    }
}

static json_t *add_totals(json_t *list, const struct host *host)
{
    for (size_t i = 0; list && i < host->totals_count; i++) {
        if (host->totals[i].state != HOST_TOTALS_OK && host->totals[i].state != HOST_TOTALS_STALE)
            list = json_append(list, totals_failure(&host->totals[i]));
    }
    return list;
}

json_t *json_errors(const struct snapshot *snapshot)
{
    json_t *list = add_host(add_server(json_array(), snapshot), snapshot);

    return add_totals(add_holders(list, &snapshot->host), &snapshot->host);
}
