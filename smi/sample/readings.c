/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fields are found by their offsets, so that one loop writes all of them.
 */

#include "smi/sample/readings.h"

#define FIELD(name, field, divisor)                                                                                    \
    {                                                                                                                  \
        name, offsetof(struct host_device, field), divisor                                                             \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct reading telemetry_readings[READINGS] = {
    [READING_TEMPERATURE] = FIELD("temperature_celsius", temperature, 1000),
    [READING_TEMPERATURE_MAX] = FIELD("temperature_limit_celsius", temperature_max, 1000),
    [READING_POWER] = FIELD("power_watts", power, 1000000),
    [READING_POWER_MAX] = FIELD("power_limit_watts", power_max, 1000000),
    [READING_CURRENT] = FIELD("current_amperes", current, 1000),
    [READING_CURRENT_MAX] = FIELD("current_limit_amperes", current_max, 1000),
    [READING_VOLTAGE] = FIELD("voltage_volts", voltage, 1000),
    [READING_VOLTAGE_MAX] = FIELD("voltage_limit_volts", voltage_max, 1000),
    [READING_FAN] = FIELD("fan_rpm", fan, 1),
    [READING_AICLK] = FIELD("aiclk_mhz", aiclk, 1),
    [READING_AXICLK] = FIELD("axiclk_mhz", axiclk, 1),
    [READING_ARCCLK] = FIELD("arcclk_mhz", arcclk, 1),
    [READING_HEARTBEAT] = FIELD("heartbeat", heartbeat, 1),
    [READING_THERMAL_TRIPS] = FIELD("thermal_trips", thermal_trips, 1),
};

static const struct reading firmware_texts[] = {
    FIELD("bundle", firmware, 1),
    FIELD("arc", arc_firmware, 1),
    FIELD("eth", eth_firmware, 1),
    FIELD("m3_app", m3app_firmware, 1),
    FIELD("m3_bootloader", m3bl_firmware, 1),
    FIELD("flash", flash_version, 1),
};

static const struct reading link_widths[] = {FIELD("width", link_width, 1), FIELD("width_max", link_width_max, 1)};
static const struct reading link_speeds[] = {FIELD("speed", link_speed, 1), FIELD("speed_max", link_speed_max, 1)};

const struct reading_list telemetry_list = {telemetry_readings, READINGS, NULL, 0};
const struct reading_list firmware_list = {NULL, 0, firmware_texts, COUNT(firmware_texts)};
const struct reading_list link_list = {link_widths, COUNT(link_widths), link_speeds, COUNT(link_speeds)};

const struct host_number *reading_number(const struct reading *reading, const struct host_device *node)
{
    return node ? (const struct host_number *)((const char *)node + reading->offset) : NULL;
}

const struct host_text *reading_text(const struct reading *reading, const struct host_device *node)
{
    return node ? (const struct host_text *)((const char *)node + reading->offset) : NULL;
}
