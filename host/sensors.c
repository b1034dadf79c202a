/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a device measures and says of itself while it runs. Every value is a file of its own, which may be missing (the
 * firmware does not report it) or fail to be read (the device is being reset), so every value has its own error.
 *
 * The files stand in three directories: the class entry, the PCI device behind it, and the hwmon below that, whose
 * number is anything.
 */

#include "host/sensors.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "host/attribute.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HWMON_PATH_SIZE (2 * NAME_MAX)
#define LINK_WIDTH_MAX 32

struct field {
    const char *file;
    size_t offset;
};

#define FIELD(name, member)                                                                                            \
    {                                                                                                                  \
        (name), offsetof(struct host_device, member)                                                                   \
    }

static const struct field class_numbers[] = {
    FIELD("tt_aiclk", aiclk),
    FIELD("tt_axiclk", axiclk),
    FIELD("tt_arcclk", arcclk),
    FIELD("tt_heartbeat", heartbeat),
    FIELD("tt_therm_trip_count", thermal_trips),
};

static const struct field class_texts[] = {
    FIELD("tt_fw_bundle_ver", firmware),    FIELD("tt_m3app_fw_ver", m3app_firmware),
    FIELD("tt_arc_fw_ver", arc_firmware),   FIELD("tt_eth_fw_ver", eth_firmware),
    FIELD("tt_m3bl_fw_ver", m3bl_firmware), FIELD("tt_ttflash_ver", flash_version),
};

static const struct field link_widths[] = {
    FIELD("current_link_width", link_width),
    FIELD("max_link_width", link_width_max),
};

static const struct field link_speeds[] = {
    FIELD("current_link_speed", link_speed),
    FIELD("max_link_speed", link_speed_max),
};

static const struct field meters[] = {
    FIELD("temp1_input", temperature),
    FIELD("power1_input", power),
};

static const struct field other_meters[] = {
    FIELD("temp1_max", temperature_max),
    FIELD("power1_max", power_max),
    FIELD("curr1_input", current),
    FIELD("curr1_max", current_max),
    FIELD("in0_input", voltage),
    FIELD("in0_max", voltage_max),
    FIELD("fan1_input", fan),
};

static struct host_number *number_at(struct host_device *device, const struct field *field)
{
    return (struct host_number *)((char *)device + field->offset);
}

static struct host_text *text_at(struct host_device *device, const struct field *field)
{
    return (struct host_text *)((char *)device + field->offset);
}

static void set_numbers(struct host_device *device, const struct field *fields, size_t count, int error)
{
    for (size_t i = 0; i < count; i++)
        *number_at(device, &fields[i]) = (struct host_number){.error = error};
}

static void set_texts(struct host_device *device, const struct field *fields, size_t count, int error)
{
    for (size_t i = 0; i < count; i++)
        *text_at(device, &fields[i]) = (struct host_text){.error = error};
}

static void read_numbers(const struct directory *directory, struct host_device *device, const struct field *fields,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        *number_at(device, &fields[i]) = attribute_number(directory, fields[i].file);
}

static void read_texts(const struct directory *directory, struct host_device *device, const struct field *fields,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        *text_at(device, &fields[i]) = attribute_text(directory, fields[i].file);
}

/* The kernel says a width of 0 or 63, and "Unknown", for a link that does not answer. */
static void read_link(const struct directory *directory, struct host_device *device)
{
    read_numbers(directory, device, link_widths, COUNT(link_widths));
    read_texts(directory, device, link_speeds, COUNT(link_speeds));
    for (size_t i = 0; i < COUNT(link_widths); i++) {
        struct host_number *width = number_at(device, &link_widths[i]);

        if (width->error == 0 && (width->value <= 0 || width->value > LINK_WIDTH_MAX))
            *width = (struct host_number){.error = -ENODATA};
    }
    for (size_t i = 0; i < COUNT(link_speeds); i++) {
        struct host_text *speed = text_at(device, &link_speeds[i]);

        if (speed->error == 0 && strncmp(speed->text, "Unknown", strlen("Unknown")) == 0)
            *speed = (struct host_text){.error = -ENODATA};
    }
}

static bool is_ours(const struct directory *hwmon)
{
    struct host_text name = attribute_text(hwmon, "name");

    return name.error == 0 && (strcmp(name.text, "wormhole") == 0 || strcmp(name.text, "blackhole") == 0);
}

static void set_meters(struct host_device *device, unsigned parts, int error)
{
    if (parts & HOST_METERS)
        set_numbers(device, meters, COUNT(meters), error);
    if (parts & HOST_STATE)
        set_numbers(device, other_meters, COUNT(other_meters), error);
}

static void read_meters(const struct directory *hwmon, unsigned parts, struct host_device *device)
{
    if (parts & HOST_METERS)
        read_numbers(hwmon, device, meters, COUNT(meters));
    if (parts & HOST_STATE)
        read_numbers(hwmon, device, other_meters, COUNT(other_meters));
}

static void read_hwmon(const struct directory *pci, unsigned parts, struct host_device *device)
{
    char **names;
    bool found = false;
    int error = host_root_list(pci->root, &names, "%s/hwmon", pci->path);

    if (error < 0) {
        set_meters(device, parts, error);
        return;
    }
    for (char **name = names; *name && !found; name++) {
        char path[HWMON_PATH_SIZE];
        struct directory hwmon;

        snprintf(path, sizeof(path), "%s/hwmon/%s", pci->path, *name);
        hwmon = directory_open(pci->root, path);
        found = is_ours(&hwmon);
        if (found)
            read_meters(&hwmon, parts, device);
        directory_close(&hwmon);
    }
    host_root_free_names(names);
}

void sensors_forget(struct host_device *device)
{
    set_numbers(device, class_numbers, COUNT(class_numbers), -ENOENT);
    set_texts(device, class_texts, COUNT(class_texts), -ENOENT);
    set_numbers(device, link_widths, COUNT(link_widths), -ENOENT);
    set_texts(device, link_speeds, COUNT(link_speeds), -ENOENT);
    set_meters(device, HOST_SENSORS, -ENOENT);
}

static void read_state(const struct directory *class_entry, const struct directory *pci, struct host_device *device)
{
    read_numbers(class_entry, device, class_numbers, COUNT(class_numbers));
    read_texts(class_entry, device, class_texts, COUNT(class_texts));
    read_link(pci, device);
}

void sensors_read(const struct directory *class_entry, const struct directory *pci, unsigned parts,
                  struct host_device *device)
{
    if (parts & HOST_STATE)
        read_state(class_entry, pci, device);
    if (parts & HOST_SENSORS)
        read_hwmon(pci, parts, device);
}
