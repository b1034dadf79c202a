/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A host whose files say anything (host_tree.h), read whole and made into rows. What must hold: what is not known has
 * an error, and what is known is as host.h promises it: in order, with an end, within its limits.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "host/host.h"
#include "smi/sample/merge.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/host_tree.h"

#define DEVICE_NUMBERS(device)                                                                                         \
    {                                                                                                                  \
        (device)->aiclk, (device)->heartbeat, (device)->temperature, (device)->power, (device)->fan,                   \
            (device)->link_width                                                                                       \
    }
#define DEVICE_TEXTS(device)                                                                                           \
    {                                                                                                                  \
        (device)->card_type, (device)->firmware, (device)->link_speed                                                  \
    }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_error(int error)
{
    return error <= 0 && error > -4096;
}

static bool is_text(const struct host_text *text)
{
    bool is_known = text->error == 0 && text->text[0];

    return is_error(text->error) && strnlen(text->text, sizeof(text->text)) < sizeof(text->text) &&
           is_known == (text->error == 0);
}

static void check_values(const struct host_device *device)
{
    const struct host_number numbers[] = DEVICE_NUMBERS(device);
    const struct host_text texts[] = DEVICE_TEXTS(device);

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        CHECK(is_error(numbers[i].error) && (numbers[i].error == 0 || numbers[i].value == 0));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK(is_text(&texts[i]));
    CHECK(device->link_width.error < 0 || (device->link_width.value > 0 && device->link_width.value <= 32));
    CHECK(device->asic_id.error < 0 || (device->asic_id.value != 0 && device->asic_id.value != UINT64_MAX));
    CHECK(device->pci_address.error < 0 || device->pci_address.value >> 48 == 0);
}

static void check_holders(const struct host *host, const struct host_device *device)
{
    CHECK(is_error(device->holders_error));
    CHECK(device->holders_error == 0 || (device->holder_count == 0 && device->hidden_opens == 0));
    for (size_t i = 0; i < device->holder_count; i++) {
        CHECK(device->holders[i].pid > (i > 0 ? device->holders[i - 1].pid : 0) && device->holders[i].opens > 0);
        CHECK(host_find_process(host, device->holders[i].pid));
    }
}

static void check_processes(const struct host *host)
{
    for (size_t i = 0; i < host->process_count; i++) {
        const struct host_process *process = &host->processes[i];

        CHECK(process->pid > (i > 0 ? process[-1].pid : 0) && is_error(process->error));
        CHECK(strnlen(process->comm, sizeof(process->comm)) < sizeof(process->comm));
        CHECK(process->error < 0 || process->command);
        CHECK(!process->container || process->cgroup);
    }
}

static void check_amounts(const struct host_amount amounts[HOST_MEMORIES])
{
    for (size_t i = 0; i < HOST_MEMORIES; i++)
        CHECK(amounts[i].bytes <= INT64_MAX && (amounts[i].known || amounts[i].bytes == 0));
}

static void check_slots(const struct host_totals *totals)
{
    for (size_t i = 0; i < totals->slot_count; i++) {
        const struct host_slot *slot = &totals->slots[i];

        CHECK(slot->inner_pid > 0 && strnlen(slot->comm, sizeof(slot->comm)) < sizeof(slot->comm));
        CHECK((slot->pid > 0) == (slot->state == HOST_SLOT_LIVE || slot->state == HOST_SLOT_REUSED));
        check_amounts(slot->held);
    }
}

static void check_totals(const struct host *host)
{
    for (size_t i = 0; i < host->totals_count; i++) {
        const struct host_totals *totals = &host->totals[i];

        CHECK(i == 0 || totals[-1].id <= totals->id);
        CHECK(totals->path && is_error(totals->error));
        CHECK((totals->device == -1) == (totals->join == HOST_JOIN_NONE));
        check_amounts(totals->held);
        check_amounts(totals->live);
        check_amounts(totals->phantom);
        check_slots(totals);
    }
}

static void make_rows(const struct host *host)
{
    struct merged merged;

    CHECK(merge_rows(NULL, NULL, host, host->time, &merged) == 0);
    CHECK(merged.device_count >= host->device_count);
    merged_clear(&merged);
}

/* Every file that is sought in vain takes time that other inputs could have. */
static unsigned worthwhile_parts(void)
{
    unsigned parts = HOST_IDENTITY;

    if (host_tree_has("sys/class/"))
        parts |= HOST_SENSORS;
    if (host_tree_has("proc/driver/"))
        parts |= HOST_HOLDERS | HOST_TOTALS;
    return parts;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host;

    host_tree_fill(data, size);
    CHECK(host_read(host_tree_path(), worthwhile_parts(), &host) == 0);
    CHECK(host.device_count == 1 && is_text(&host.driver) && strnlen(host.name, sizeof(host.name)) < sizeof(host.name));
    check_values(&host.devices[0]);
    check_holders(&host, &host.devices[0]);
    check_processes(&host);
    check_totals(&host);
    make_rows(&host);
    host_clear(&host);
    return 0;
}
