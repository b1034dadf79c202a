/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The reporting half as the application sees it: turns each call into a frame and hands it to the transport. Where
 * reporting is off, a call is one load and one branch.
 */

#include "tt_alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/transport.h"

#define KNOWN_ALL (TT_ALLOC_KNOWN_REMOTE * 2 - 1)

enum { UNDECIDED = -1, OFF = 0, ON = 1 };

static atomic_int reporting = UNDECIDED;

/* ON becomes visible after everything that reporting needs. */
static void decide(void)
{
    const char *value = secure_getenv("TT_ALLOC_TRACKING_ENABLED");
    bool on = value != NULL && strcmp(value, "1") == 0;

    if (on)
        tt_alloc_transport_start();
    atomic_store_explicit(&reporting, on ? ON : OFF, memory_order_release);
}

static void decide_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int saved_errno = errno;
    int cancel_state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_once(&once, decide);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

/* All that a call costs where reporting is off. Before it is decided the answer is "no", and is_on() decides. */
static inline bool is_off(void)
{
    return __builtin_expect(atomic_load_explicit(&reporting, memory_order_relaxed) == OFF, 1);
}

static bool is_on(void)
{
    if (atomic_load_explicit(&reporting, memory_order_acquire) == UNDECIDED)
        decide_once();
    return atomic_load_explicit(&reporting, memory_order_acquire) == ON;
}

bool tt_alloc_is_enabled(void)
{
    return !is_off() && is_on();
}

/* Kept out of line, so that a disabled call saves and restores no registers. */
static __attribute__((noinline)) void report(uint8_t type, int32_t device_id, uint64_t size, uint8_t buffer_type,
                                             uint64_t buffer_id)
{
    if (!is_on())
        return;

    struct tt_alloc_message message = {
        .head = {.type = type,
                 .device_id = device_id,
                 .size = size,
                 .buffer_type = buffer_type,
                 .buffer_id = buffer_id,
                 .timestamp = tt_alloc_clock_wall()},
    };

    tt_alloc_transport_report(&message);
}

void tt_alloc_report_allocation(int32_t device_id, uint64_t size, uint8_t buffer_type, uint64_t buffer_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_ALLOC, device_id, size, buffer_type, buffer_id);
}

void tt_alloc_report_deallocation(int32_t device_id, uint64_t buffer_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_FREE, device_id, 0, TT_ALLOC_REGION_UNKNOWN, buffer_id);
}

void tt_alloc_report_deallocation_from(int32_t device_id, uint8_t buffer_type, uint64_t buffer_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_FREE, device_id, 0, buffer_type, buffer_id);
}

void tt_alloc_report_cb_allocation(int32_t device_id, uint64_t size, uint64_t cb_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_CB_ALLOC, device_id, size, 0, cb_id);
}

void tt_alloc_report_cb_deallocation(int32_t device_id, uint64_t size, uint64_t cb_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_CB_FREE, device_id, size, 0, cb_id);
}

void tt_alloc_report_kernel_load(int32_t device_id, uint64_t size, uint64_t kernel_id, uint8_t kernel_type)
{
    if (is_off())
        return;
    report(TT_ALLOC_KERNEL_LOAD, device_id, size, kernel_type, kernel_id);
}

void tt_alloc_report_kernel_unload(int32_t device_id, uint64_t size, uint64_t kernel_id)
{
    if (is_off())
        return;
    report(TT_ALLOC_KERNEL_UNLOAD, device_id, size, 0, kernel_id);
}

/* Bits without a meaning yet, and a board that is no string, are not passed on as facts. */
static struct tt_alloc_device_record make_record(int32_t device_id,
                                                 const struct tt_alloc_device_description *description)
{
    struct tt_alloc_device_record record = {
        .type = TT_ALLOC_DESCRIBE_DEVICE,
        .device_id = device_id,
        .asic_id = description->asic_id,
        .known = description->known & KNOWN_ALL,
        .pci_address = description->pci_address,
        .arch = description->arch,
        .remote = description->remote,
        .dram_size = description->dram_size,
        .l1_size = description->l1_size,
        .l1_small_size = description->l1_small_size,
        .trace_size = description->trace_size,
        .num_dram_channels = description->num_dram_channels,
        .l1_size_per_core = description->l1_size_per_core,
    };

    if (description->board == NULL)
        record.known &= ~TT_ALLOC_KNOWN_BOARD;
    if ((record.known & TT_ALLOC_KNOWN_BOARD) != 0)
        memcpy(record.board, description->board, strnlen(description->board, sizeof(record.board) - 1));
    return record;
}

int tt_alloc_describe_device(int32_t device_id, const struct tt_alloc_device_description *description)
{
    if (device_id < 0 || description == NULL)
        return -EINVAL;
    if (!is_on())
        return 0;
    struct tt_alloc_device_record record = make_record(device_id, description);
    return tt_alloc_transport_describe(&record);
}

uint64_t tt_alloc_lost_reports(void)
{
    return is_on() ? tt_alloc_transport_lost() : 0;
}
