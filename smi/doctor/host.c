/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checks of the driver and its devices. What a driver does not offer is told by its version, once, so that a host with
 * 32 devices does not say so 32 times.
 */

#include "smi/doctor/doctor.h"
#include "smi/text/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UPDATE_DRIVER "update the driver tt-kmd"

struct version {
    unsigned major, minor;
};

static bool parse_version(const char *text, struct version *ret)
{
    return sscanf(text, "%u.%u", &ret->major, &ret->minor) == 2;
}

static bool is_before(struct version version, unsigned major, unsigned minor)
{
    return version.major < major || (version.major == major && version.minor < minor);
}

/* What the version lacks; NULL: nothing that we need. */
static const char *describe_lack(const char *text)
{
    struct version version;

    if (!parse_version(text, &version))
        return NULL;
    if (is_before(version, 2, 1))
        return "the ids of chips (2.1) and who has a device open (2.5)";
    return is_before(version, 2, 5) ? "who has a device open (2.5)" : NULL;
}

void check_driver(const struct doctor_facts *facts, struct report *report)
{
    const struct host *host = &facts->snapshot->host;
    const char *text = host->driver.text, *lack;

    if (host->driver.error == -ENOENT) {
        report_add(report, FINDING_FAILURE, "sudo modprobe tenstorrent", "the kernel module tenstorrent is not loaded");
        return;
    }
    if (host->driver.error != 0) {
        report_add(report, FINDING_WARNING, "cat /sys/module/tenstorrent/version", "its version cannot be read: %s",
                   strerror(-host->driver.error));
        return;
    }
    lack = describe_lack(text);
    if (lack)
        report_add(report, FINDING_WARNING, UPDATE_DRIVER, "tt-kmd %s is too old to tell %s", text, lack);
    else
        report_add(report, FINDING_OK, NULL, "tt-kmd %s", text);
}

/* ---- Devices ---- */

/* What a chip that is there can always tell; -ENOENT is a driver that does not offer it. */
static int find_error(const struct host_device *device)
{
    const int errors[] = {device->card_type.error, device->asic_id.error, device->heartbeat.error, device->aiclk.error};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i] != 0 && errors[i] != -ENOENT)
            return errors[i];
    }
    return 0;
}

static void check_device(const struct host_device *device, struct report *report)
{
    int error = find_error(device);

    if (error == -ENODATA || error == -ENODEV)
        report_add(report, FINDING_FAILURE, "wait for its reset to end, else: sudo dmesg | grep tenstorrent",
                   "device %d does not answer (%s)", device->number, strerror(-error));
    else if (error != 0)
        report_add(report, FINDING_WARNING, "sudo tt-smi doctor", "device %d cannot be read: %s", device->number,
                   strerror(-error));
    else if (device->card_type.error == 0 && !device->card)
        report_add(report, FINDING_WARNING, "update tt-alloc",
                   "device %d is a '%s', a type that is not known here: its sizes are not known", device->number,
                   device->card_type.text);
}

void check_devices(const struct doctor_facts *facts, struct report *report)
{
    const struct host *host = &facts->snapshot->host;

    if (host->device_count == 0 && host->driver.error == -ENOENT) {
        report_add(report, FINDING_SKIPPED, NULL, "none without the driver");
        return;
    }
    if (host->devices_error != 0 && host->devices_error != -ENOENT)
        report_add(report, FINDING_FAILURE, "ls -l /sys/class/tenstorrent", "the list of devices cannot be read: %s",
                   strerror(-host->devices_error));
    else if (host->device_count == 0)
        report_add(report, FINDING_FAILURE, "lspci -d 1e52:", "the driver found no Tenstorrent device");
    for (size_t i = 0; i < host->device_count; i++)
        check_device(&host->devices[i], report);
    if (!report_has_any(report))
        report_add(report, FINDING_OK, NULL, "%zu %s", host->device_count,
                   plural(host->device_count, "device, which answers", "devices, all of which answer"));
}

/* ---- Holders ---- */

struct holder_count {
    size_t offering, processes;
    unsigned hidden;
};

static void count_holders(const struct host_device *device, struct holder_count *count, struct report *report)
{
    if (device->holders_error == 0) {
        count->offering++;
        count->processes += device->holder_count;
        count->hidden += device->hidden_opens;
    } else if (device->holders_error != -ENOENT) {
        report_add(report, FINDING_WARNING, "sudo tt-smi doctor", "who has device %d open cannot be read: %s",
                   device->number, strerror(-device->holders_error));
    }
}

void check_holders(const struct doctor_facts *facts, struct report *report)
{
    const struct host *host = &facts->snapshot->host;
    struct holder_count count = {0};

    for (size_t i = 0; i < host->device_count; i++)
        count_holders(&host->devices[i], &count, report);
    if (count.hidden > 0)
        report_add(report, FINDING_WARNING, "run tt-smi on the host itself",
                   "devices are open %u %s in PID namespaces that cannot be seen from here", count.hidden,
                   plural(count.hidden, "time", "times"));
    if (report_has_any(report))
        return;
    if (count.offering == 0)
        report_add(report, FINDING_SKIPPED, NULL, "the driver does not tell who has a device open");
    else
        report_add(report, FINDING_OK, NULL, "process list readable, devices are held %zu %s", count.processes,
                   plural(count.processes, "time", "times"));
}
