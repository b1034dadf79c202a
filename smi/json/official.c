/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Scripts that read the snapshots of Tenstorrent's own tt-smi find the keys they know, with numbers as the strings that
 * they are there. Only what means the same is filled in: its fan speed is a share and ours are rounds per minute, so it
 * is null here, and what needs a device to be opened is left out.
 */

#include "smi/json/rows.h"
#include "smi/sample/readings.h"
#include "smi/text/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

/* ---- The host ---- */

static json_t *memory(void)
{
    struct sysinfo info;

    if (sysinfo(&info) != 0)
        return json_null();
    return json_sprintf("%.2f GB", (double)info.totalram * (double)info.mem_unit / (double)(UINT64_C(1) << 30));
}

/* The value of a line PRETTY_NAME="Debian GNU/Linux 12", in place; NULL: it is another line. */
static char *pretty_name(char *line)
{
    static const char key[] = "PRETTY_NAME=";
    char *value = strncmp(line, key, sizeof(key) - 1) == 0 ? line + sizeof(key) - 1 : NULL;

    if (!value)
        return NULL;
    value += strspn(value, "\"'");
    value[strcspn(value, "\"'\n")] = '\0';
    return value;
}

static json_t *distribution(void)
{
    FILE *file = fopen("/etc/os-release", "re");
    char *line = NULL, *name = NULL;
    size_t size = 0;
    json_t *value;

    while (file && !name && getline(&line, &size, file) >= 0)
        name = pretty_name(line);
    value = json_text(name);
    free(line);
    if (file)
        fclose(file);
    return value;
}

/* What the files below another root do not say is not taken from this host. */
static json_t *own_facts(bool is_own)
{
    struct utsname name = {0};

    if (!is_own || uname(&name) != 0)
        return json_pack("{s:n, s:n, s:n, s:n, s:n}", "OS", "Distro", "Kernel", "Platform", "Memory");
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "OS", json_text(name.sysname), "Distro", distribution(), "Kernel",
                     json_text(name.release), "Platform", json_text(name.machine), "Memory", memory());
}

json_t *json_host_info(const struct snapshot *snapshot)
{
    const struct host_text *driver = &snapshot->host.driver;
    char version[sizeof(driver->text) + 8];

    snprintf(version, sizeof(version), "TT-KMD %s", driver->text);
    return json_merge(own_facts(!snapshot->root), json_pack("{s:o, s:o}", "Hostname", json_text(snapshot->name),
                                                            "Driver", json_text(driver->error == 0 ? version : NULL)));
}

/* ---- Its devices ---- */

/* There the two chips of an n300 are named apart. */
static json_t *board_type(const struct device_row *row)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;
    bool has_sides;
    char name[64];

    if (!(facts->known & TT_ALLOC_KNOWN_BOARD))
        return json_null();
    has_sides = (facts->known & TT_ALLOC_KNOWN_REMOTE) && strcasecmp(facts->board, "n300") == 0;
    snprintf(name, sizeof(name), "%s%s", facts->board, !has_sides ? "" : facts->remote ? " R" : " L");
    return json_text(name);
}

/* "16.0 GT/s PCIe" is generation 4. */
static json_t *generation(const struct host_device *node)
{
    static const double rates[] = {2.5, 5, 8, 16, 32, 64};
    double rate = node && node->link_speed.error == 0 ? strtod(node->link_speed.text, NULL) : 0;

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (rate > rates[i] - 0.1 && rate < rates[i] + 0.1)
            return json_integer((json_int_t)i + 1);
    }
    return json_null();
}

static json_t *board_info(const struct device_row *row)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;
    const struct host_device *node = row->node;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "bus_id",
        facts->known & TT_ALLOC_KNOWN_PCI ? json_string(format_pci(facts->pci_address).text) : json_null(),
        "board_type", board_type(row), "board_id",
        node && node->board_id.error == 0 ? json_sprintf("%016" PRIx64, node->board_id.value) : json_null(),
        "pcie_speed", generation(node), "pcie_width",
        node && node->link_width.error == 0 ? json_sprintf("%" PRId64, node->link_width.value) : json_null());
}

/* A reading as a string with that many decimals. */
static json_t *rounded(enum reading_index index, int decimals, const struct host_device *node)
{
    const struct reading *reading = &telemetry_readings[index];
    const struct host_number *number = reading_number(reading, node);

    if (!number || number->error != 0)
        return json_null();
    return json_sprintf("%.*f", decimals, (double)number->value / (double)reading->divisor);
}

static json_t *telemetry(const struct host_device *node)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:n, s:o}", "voltage", rounded(READING_VOLTAGE, 2, node), "current",
                     rounded(READING_CURRENT, 1, node), "power", rounded(READING_POWER, 1, node), "aiclk",
                     rounded(READING_AICLK, 0, node), "asic_temperature", rounded(READING_TEMPERATURE, 1, node),
                     "fan_speed", "heartbeat", rounded(READING_HEARTBEAT, 0, node));
}

static json_t *version(const struct host_device *node, const struct host_text *text)
{
    return json_text(node && text->error == 0 ? text->text : NULL);
}

static json_t *firmwares(const struct host_device *node)
{
    static const struct host_device none;
    const struct host_device *from = node ? node : &none;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "fw_bundle_version", version(node, &from->firmware),
                     "tt_flash_version", version(node, &from->flash_version), "cm_fw",
                     version(node, &from->arc_firmware), "eth_fw", version(node, &from->eth_firmware), "dm_bl_fw",
                     version(node, &from->m3bl_firmware), "dm_app_fw", version(node, &from->m3app_firmware));
}

static json_t *limits(const struct host_device *node)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "vdd_max", rounded(READING_VOLTAGE_MAX, 2, node), "tdp_limit",
                     rounded(READING_POWER_MAX, 0, node), "tdc_limit", rounded(READING_CURRENT_MAX, 0, node),
                     "thm_limit", rounded(READING_TEMPERATURE_MAX, 0, node));
}

json_t *json_device_info(const struct device_row *row)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "board_info", board_info(row), "telemetry", telemetry(row->node),
                     "firmwares", firmwares(row->node), "limits", limits(row->node));
}
