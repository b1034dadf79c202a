/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sizes and ages are short because eight of them share a line of 80 columns. The rules are few so that --help can state
 * them: units of 1024, one decimal below 100, two units of time.
 */

#include "smi/text/format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NANOSECONDS UINT64_C(1000000000)

struct size_parts {
    double value;
    char unit;
    int decimals;
};

/* Moves to the next unit where rounding would otherwise need a fourth digit. */
static struct size_parts split_size(uint64_t bytes)
{
    static const char units[] = "BKMGTPE";
    struct size_parts parts = {.value = (double)bytes, .unit = units[0]};

    for (size_t i = 1; parts.value >= (i == 1 ? 1024.0 : 1023.5) && units[i]; i++) {
        parts.value /= 1024.0;
        parts.unit = units[i];
    }
    parts.decimals = parts.unit != units[0] && parts.value < 99.95;
    return parts;
}

struct formatted format_size(uint64_t bytes)
{
    struct size_parts parts = split_size(bytes);
    struct formatted result;

    if (bytes == 0)
        snprintf(result.text, sizeof(result.text), "0");
    else
        snprintf(result.text, sizeof(result.text), "%.*f%c", parts.decimals, parts.value, parts.unit);
    return result;
}

struct formatted format_share(uint64_t used, uint64_t size)
{
    struct size_parts parts = split_size(used);
    struct formatted result, total = format_size(size);

    if (used > 0 && size > 0 && parts.unit == split_size(size).unit)
        snprintf(result.text, sizeof(result.text), "%.*f/%.8s", parts.decimals, parts.value, total.text);
    else
        snprintf(result.text, sizeof(result.text), "%.8s/%.8s", format_size(used).text, total.text);
    return result;
}

struct formatted format_count(uint64_t count)
{
    struct formatted result;
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *end = result.text;

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return result;
}

struct formatted format_age(uint64_t nanoseconds)
{
    uint64_t seconds = nanoseconds / NANOSECONDS, minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    struct formatted result;
    size_t size = sizeof(result.text);

    if (seconds < 60)
        snprintf(result.text, size, "%" PRIu64 "s", seconds);
    else if (minutes < 60)
        snprintf(result.text, size, "%" PRIu64 "m%02" PRIu64 "s", minutes, seconds % 60);
    else if (hours < 24)
        snprintf(result.text, size, "%" PRIu64 "h%02" PRIu64 "m", hours, minutes % 60);
    else if (days < 100)
        snprintf(result.text, size, "%" PRIu64 "d%02" PRIu64 "h", days, hours % 24);
    else
        snprintf(result.text, size, "%" PRIu64 "d", days);
    return result;
}

struct formatted format_clock(uint64_t moment, uint64_t now)
{
    time_t then_seconds = (time_t)(moment / NANOSECONDS), now_seconds = (time_t)(now / NANOSECONDS);
    struct tm then = {0}, today = {0};
    struct formatted result;
    bool same_day;

    localtime_r(&then_seconds, &then);
    localtime_r(&now_seconds, &today);
    same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    strftime(result.text, sizeof(result.text), same_day ? "%H:%M:%S" : "%m-%d %H:%M", &then);
    return result;
}

struct formatted format_iso(uint64_t moment)
{
    time_t seconds = (time_t)(moment / NANOSECONDS);
    struct tm utc = {0};
    struct formatted result;
    size_t length;

    gmtime_r(&seconds, &utc);
    length = strftime(result.text, sizeof(result.text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(result.text + length, sizeof(result.text) - length, ".%03" PRIu64 "Z", moment / 1000000 % 1000);
    return result;
}

struct formatted format_pci(uint32_t address)
{
    struct formatted result;

    snprintf(result.text, sizeof(result.text), "%04x:%02x:%02x.%x", address >> 16, address >> 8 & 0xff,
             address >> 3 & 0x1f, address & 7);
    return result;
}

struct formatted format_bar(uint64_t used, uint64_t size, size_t cells, bool utf8)
{
    const char *full = utf8 ? "\u2588" : "#", *empty = utf8 ? "\u2591" : "-";
    double share = size == 0 ? 0 : (double)used / (double)size;
    size_t filled = share >= 1 ? cells : (size_t)(share * (double)cells + 0.5);
    struct formatted result = {0};

    assert(cells <= BAR_CELLS_MAX);
    for (size_t i = 0; i < cells; i++)
        strcat(result.text, i < filled ? full : empty);
    return result;
}
