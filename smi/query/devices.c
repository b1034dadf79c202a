/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The fields of a device. Sizes, used and free are those of a pool, because that is what fills up: the dram pool is
 * shared by DRAM and TRACE, the l1 pool by L1, L1_SMALL and CB. Free memory is told only where all that is used is
 * known; a number that is too high is what lets the next job run out of memory.
 */

#include "smi/query/fields.h"
#include "smi/sample/readings.h"
#include "smi/text/format.h"

#include <inttypes.h>

static struct sum used_of_pool(const struct query_row *row, uint32_t pool)
{
    return sum_pool(row->device->facts.usage, row->device->facts.usage_count, pool, row->filter);
}

static int put_label(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, device_row_label(row->device).text);
}

static int put_node(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_device *node = row->device->node;

    (void)index;
    return query_put_signed(out, node, node ? node->number : 0);
}

static int put_board(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct tt_alloc_device_description *facts = &row->device->facts.description;

    (void)index;
    return query_put_text(out, row, facts->known & TT_ALLOC_KNOWN_BOARD ? facts->board : NULL);
}

static int put_arch(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_text(out, row, arch_name(&row->device->facts.description));
}

static int put_pci(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct tt_alloc_device_description *facts = &row->device->facts.description;

    (void)index;
    return query_put_text(out, row, facts->known & TT_ALLOC_KNOWN_PCI ? format_pci(facts->pci_address).text : NULL);
}

static int put_asic_id(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct tt_alloc_device_description *facts = &row->device->facts.description;

    (void)index;
    return query_put_number(out, facts->known & TT_ALLOC_KNOWN_ASIC_ID, facts->asic_id);
}

static int put_board_id(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_device *node = row->device->node;

    (void)index;
    if (node && node->board_id.error == 0)
        fprintf(out, "%016" PRIx64, node->board_id.value);
    return 0;
}

static int put_remote(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct tt_alloc_device_description *facts = &row->device->facts.description;

    (void)index;
    return query_put_truth(out, facts->known & TT_ALLOC_KNOWN_REMOTE, facts->remote);
}

static int put_complete(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_truth(out, true, row->device->is_complete);
}

static int put_size(FILE *out, const struct query_row *row, uint32_t pool)
{
    struct capacity size = pool_capacity(&row->device->facts.description, pool);

    return query_put_number(out, size.known, size.bytes);
}

static int put_size_source(FILE *out, const struct query_row *row, uint32_t index)
{
    bool has_sizes = row->device->facts.description.known & (TT_ALLOC_KNOWN_DRAM_SIZE | TT_ALLOC_KNOWN_L1_SIZE);

    (void)index;
    return query_put_text(out, row, !has_sizes ? NULL : row->device->is_nominal ? "nominal" : "reported");
}

static int put_used(FILE *out, const struct query_row *row, uint32_t pool)
{
    struct sum sum = used_of_pool(row, pool);

    return query_put_number(out, sum.used || row->device->is_complete, sum.bytes);
}

static int put_free(FILE *out, const struct query_row *row, uint32_t pool)
{
    struct capacity size = pool_capacity(&row->device->facts.description, pool);
    uint64_t used = used_of_pool(row, pool).bytes;

    return query_put_number(out, size.known && row->device->is_complete, size.bytes > used ? size.bytes - used : 0);
}

static int put_peak(FILE *out, const struct query_row *row, uint32_t pool)
{
    struct sum sum = used_of_pool(row, pool);

    return query_put_number(out, sum.used ? row->device->has_peaks : row->device->is_complete, sum.peak);
}

static int put_region(FILE *out, const struct query_row *row, uint32_t region)
{
    const struct tt_alloc_device *facts = &row->device->facts;
    struct sum sum = sum_region(facts->usage, facts->usage_count, region, row->filter);

    return query_put_number(out, sum.used || row->device->is_complete, sum.bytes);
}

static int put_processes(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct device_row *device = row->device;
    bool is_counted = device->is_told || (device->node && device->node->holders_error == 0);

    (void)index;
    return query_put_number(out, is_counted, device->facts.processes);
}

static int put_holders(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_device *node = row->device->node;

    (void)index;
    return query_put_number(out, node && node->holders_error == 0, node ? node->holder_count : 0);
}

static int put_idle(FILE *out, const struct query_row *row, uint32_t index)
{
    (void)index;
    return query_put_seconds(out, row->device->is_told, row->device->facts.idle);
}

static int put_reading(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct reading *reading = &telemetry_readings[index];
    const struct host_number *number = reading_number(reading, row->device->node);

    if (number && number->error == 0 && reading->divisor == 1)
        fprintf(out, "%" PRId64, number->value);
    else if (number && number->error == 0)
        fprintf(out, "%.3f", (double)number->value / (double)reading->divisor);
    return 0;
}

static int put_firmware(FILE *out, const struct query_row *row, uint32_t index)
{
    const struct host_device *node = row->device->node;

    (void)index;
    return query_put_text(out, row, node && node->firmware.error == 0 ? node->firmware.text : NULL);
}

/* clang-format off */
static const struct query_field fields[] = {
    {"time", NULL, "when the sample was taken, UTC", query_put_time, 0},
    {"host", NULL, "name of the host", query_put_host, 0},
    {"index", NULL, "the same as device", put_label, 0},
    {"device", NULL, "as tables name it: 0, 0R for the far chip of a board", put_label, 0},
    {"node", NULL, "N of /dev/tenstorrent/N", put_node, 0},
    {"board", NULL, "type of the board: n300", put_board, 0},
    {"arch", NULL, "wormhole_b0, blackhole", put_arch, 0},
    {"pci_address", NULL, "0000:09:00.0", put_pci, 0},
    {"asic_id", NULL, "unique number of the chip", put_asic_id, 0},
    {"board_id", NULL, "serial number of the board, hexadecimal", put_board_id, 0},
    {"remote", NULL, "whether it is reached through another chip", put_remote, 0},
    {"complete", NULL, "whether all that is held in it is known", put_complete, 0},
    {"size_source", NULL, "reported, or nominal: by the type of the board", put_size_source, 0},
    {"dram_size_bytes", "B", "of the dram pool: DRAM and TRACE", put_size, TT_ALLOC_POOL_DRAM},
    {"dram_used_bytes", "B", "of the dram pool: DRAM and TRACE", put_used, TT_ALLOC_POOL_DRAM},
    {"dram_free_bytes", "B", "of the dram pool, if size and all uses are known", put_free, TT_ALLOC_POOL_DRAM},
    {"dram_peak_bytes", "B", "the most that the dram pool held", put_peak, TT_ALLOC_POOL_DRAM},
    {"trace_used_bytes", "B", "the part of dram_used_bytes that is TRACE", put_region, TT_ALLOC_TRACE},
    {"l1_size_bytes", "B", "of the l1 pool: L1, L1_SMALL and CB of all cores", put_size, TT_ALLOC_POOL_L1},
    {"l1_used_bytes", "B", "of the l1 pool", put_used, TT_ALLOC_POOL_L1},
    {"l1_free_bytes", "B", "of the l1 pool, if size and all uses are known", put_free, TT_ALLOC_POOL_L1},
    {"l1_peak_bytes", "B", "the most that the l1 pool held", put_peak, TT_ALLOC_POOL_L1},
    {"l1_small_used_bytes", "B", "the part of l1_used_bytes that is L1_SMALL", put_region, TT_ALLOC_L1_SMALL},
    {"cb_used_bytes", "B", "the part of l1_used_bytes that is circular buffers", put_region, TT_ALLOC_CB},
    {"processes", NULL, "that report on it; without reports: that have it open", put_processes, 0},
    {"holders", NULL, "processes that have it open", put_holders, 0},
    {"idle_seconds", "s", "since the last report on it", put_idle, 0},
    {"temperature_celsius", "C", "of the chip", put_reading, READING_TEMPERATURE},
    {"power_watts", "W", "of the chip", put_reading, READING_POWER},
    {"power_limit_watts", "W", "the most it may take", put_reading, READING_POWER_MAX},
    {"current_amperes", "A", "of the chip", put_reading, READING_CURRENT},
    {"voltage_volts", "V", "of the core", put_reading, READING_VOLTAGE},
    {"fan_rpm", "rpm", "of the fan", put_reading, READING_FAN},
    {"aiclk_mhz", "MHz", "clock of the cores", put_reading, READING_AICLK},
    {"heartbeat", NULL, "count of the firmware; stands still where that hangs", put_reading, READING_HEARTBEAT},
    {"firmware", NULL, "version of the firmware bundle", put_firmware, 0},
};
/* clang-format on */

const struct query_fields query_device_fields = {fields, sizeof(fields) / sizeof(fields[0])};
