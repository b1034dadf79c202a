/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What there is once per host: its name, its clock, and the driver. The clock of a tree that was copied stands still,
 * so that ages in it are as they were; the one of the host that we run on is asked for directly, because /proc/stat is
 * slow where there are many processors and knows the boot time to the second only.
 */

#include "host/driver.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define SECONDS_MAX (UINT64_MAX / SECOND / 4)
#define STAT_BYTES (4U << 20)

static uint64_t clock_now(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Nanoseconds of "1234.56"; 0 if it is nothing of the kind. Whatever follows behind a space is left alone. */
static uint64_t parse_seconds(const char *text)
{
    unsigned long long seconds;
    uint64_t fraction = 0, unit = SECOND;
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return 0;
    seconds = strtoull(text, &end, 10);
    if (*end == '.')
        for (end++; isdigit((unsigned char)*end); end++)
            fraction += (uint64_t)(*end - '0') * (unit /= 10);
    return seconds > SECONDS_MAX || (*end && !isspace((unsigned char)*end)) ? 0 : seconds * SECOND + fraction;
}

static uint64_t read_boot_time(const struct host_root *root)
{
    static const char key[] = "btime ";
    uint64_t boot_time = 0;
    char *stat;

    if (host_root_read(root, STAT_BYTES, &stat, NULL, "proc/stat") < 0)
        return 0;
    for (const char *line = stat; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            boot_time = parse_seconds(line + strlen(key));
    free(stat);
    return boot_time;
}

static uint64_t read_uptime(const struct host_root *root)
{
    char line[64];

    return host_root_read_line(root, line, sizeof(line), "proc/uptime") < 0 ? 0 : parse_seconds(line);
}

static void read_clock(const struct host_root *root, struct host *host)
{
    uint64_t uptime;

    if (root->is_live) {
        host->time = clock_now(CLOCK_REALTIME);
        host->boot_time = host->time - clock_now(CLOCK_BOOTTIME);
        return;
    }
    host->boot_time = read_boot_time(root);
    uptime = read_uptime(root);
    if (host->boot_time > 0 && uptime > 0)
        host->time = host->boot_time + uptime;
}

void driver_read_host(const struct host_root *root, struct host *host)
{
    (void)host_root_read_line(root, host->name, sizeof(host->name), "proc/sys/kernel/hostname");
    read_clock(root, host);
}

struct host_text driver_read_version(const struct host_root *root)
{
    struct host_text version = {0};

    version.error = host_root_read_line(root, version.text, sizeof(version.text), "sys/module/tenstorrent/version");
    return version;
}
