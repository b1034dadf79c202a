/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A device: which chip it is, what the driver measures, who has it open, and what is held in it.
 */

#include "smi/json/rows.h"
#include "smi/sample/readings.h"
#include "smi/text/format.h"

#include <inttypes.h>

/* As the driver writes it, because that is what stands on a list of boards. */
static json_t *board_id(const struct host_device *node)
{
    return node && node->board_id.error == 0 ? json_sprintf("%016" PRIx64, node->board_id.value) : json_null();
}

static json_t *identity(const struct device_row *row)
{
    const struct tt_alloc_device_description *facts = &row->facts.description;
    const struct host_device *node = row->node;
    uint32_t known = facts->known;

    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "device", json_device_name(row->facts.device), "label",
        device_row_label(row).text, "node", node ? json_integer(node->number) : json_null(), "asic_id",
        known & TT_ALLOC_KNOWN_ASIC_ID ? json_identifier(facts->asic_id) : json_null(), "board_id", board_id(node),
        "pci_address", known & TT_ALLOC_KNOWN_PCI ? json_string(format_pci(facts->pci_address).text) : json_null(),
        "arch", json_text(arch_name(facts)), "board", json_text(known & TT_ALLOC_KNOWN_BOARD ? facts->board : NULL),
        "remote", known & TT_ALLOC_KNOWN_REMOTE ? json_boolean(facts->remote) : json_null());
}

static json_t *size_source(const struct device_row *row)
{
    bool has_sizes = row->facts.description.known & (TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE);

    return has_sizes ? json_string(row->is_nominal ? "nominal" : "reported") : json_null();
}

/* The server counts those that report, the driver those that have it open. */
static json_t *state(const struct device_row *row)
{
    bool is_counted = row->is_told || (row->node && row->node->holders_error == 0);

    return json_pack("{s:o, s:o, s:o, s:b}", "processes", json_count_if(is_counted, row->facts.processes),
                     "idle_seconds", json_seconds_if(row->is_told, row->facts.idle), "size_source", size_source(row),
                     "complete", row->is_complete);
}

static json_t *holders(const struct host_device *node)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < node->holder_count; i++)
        list = json_append(
            list, json_pack("{s:i, s:I}", "pid", node->holders[i].pid, "opens", (json_int_t)node->holders[i].opens));
    return list;
}

/* A far chip has no node that could be open. */
static json_t *openness(const struct host_device *node)
{
    if (!node || node->holders_error != 0)
        return json_pack("{s:n, s:n, s:o}", "holders", "hidden_opens", "holders_unavailable",
                         node ? json_reason(node->holders_error) : json_string("no_node"));
    return json_pack("{s:o, s:I, s:n}", "holders", holders(node), "hidden_opens", (json_int_t)node->hidden_opens,
                     "holders_unavailable");
}

json_t *json_device(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter)
{
    json_t *memory =
        json_pack("{s:o, s:o, s:o}", "pools", json_device_pools(row, snapshot, filter), "regions_in_no_pool",
                  json_device_regions(row, -1, snapshot, filter), "totals", json_totals(row, snapshot));
    json_t *hardware =
        json_pack("{s:o, s:o, s:o}", "telemetry", json_readings(&telemetry_list, row->node), "firmware",
                  json_readings(&firmware_list, row->node), "link", json_readings(&link_list, row->node));

    return json_merge(json_merge(json_merge(json_merge(identity(row), state(row)), hardware), openness(row->node)),
                      memory);
}
