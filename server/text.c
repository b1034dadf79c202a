/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Short forms for people. Powers of 1024 throughout; one decimal below ten, none above.
 */

#include "server/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/clock.h"

const char *text_size(uint64_t bytes, char out[static TEXT_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out, TEXT_SIZE, "%.*f %s", unit > 0 && value < 9.95, value, units[unit]);
    return out;
}

const char *text_age(uint64_t ns, char out[static TEXT_SIZE])
{
    uint64_t seconds = ns / NSEC_PER_SEC;

    if (seconds < 60)
        snprintf(out, TEXT_SIZE, "%" PRIu64 "s", seconds);
    else if (seconds < 3600)
        snprintf(out, TEXT_SIZE, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(out, TEXT_SIZE, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, TEXT_SIZE, "%" PRIu64 "d%02" PRIu64 "h", seconds / 86400, seconds / 3600 % 24);
    return out;
}

const char *text_region(uint8_t region)
{
    static const char *const names[] = {"DRAM", "L1", "SYSTEM_MEMORY", "L1_SMALL", "TRACE", "CB", "KERNEL"};

    assert(region < sizeof(names) / sizeof(names[0]));
    return names[region];
}
