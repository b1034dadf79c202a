/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the driver tells of a chip beside its identity, by the names that JSON and queries give it. The unit stands in
 * the name; the driver's own units, some of them a thousandth or a millionth, are divided away.
 */

#include "host/host.h"

enum reading_index {
    READING_TEMPERATURE,
    READING_TEMPERATURE_MAX,
    READING_POWER,
    READING_POWER_MAX,
    READING_CURRENT,
    READING_CURRENT_MAX,
    READING_VOLTAGE,
    READING_VOLTAGE_MAX,
    READING_FAN,
    READING_AICLK,
    READING_AXICLK,
    READING_ARCCLK,
    READING_HEARTBEAT,
    READING_THERMAL_TRIPS,
    READINGS,
};

struct reading {
    const char *name;
    size_t offset; /* of a struct host_number in struct host_device; of texts a struct host_text */
    int64_t divisor;
};

extern const struct reading telemetry_readings[READINGS];

struct reading_list {
    const struct reading *numbers;
    size_t number_count;
    const struct reading *texts;
    size_t text_count;
};

extern const struct reading_list telemetry_list, firmware_list, link_list;

/* NULL: the chip has no node. */
const struct host_number *reading_number(const struct reading *reading, const struct host_device *node);
const struct host_text *reading_text(const struct reading *reading, const struct host_device *node);
