/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The reporting half as the application sees it: decides once whether reporting is on, and hands each call to the
 * recorder. Where reporting is off, a call does not even come here: the header looks at a variable and branches.
 */

#include "tt_alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/recorder.h"

#define KNOWN_ALL (TT_ALLOC_KNOWN_REMOTE * 2 - 1)

enum { UNDECIDED = -1, OFF = 0, ON = 1 };

int tt_alloc_reporting = UNDECIDED;

/* The inline functions of tt_alloc.h, for who calls them by pointer, by dlsym(), or without optimising. */
extern inline void tt_alloc_report_allocation(int32_t device_id, uint64_t size, uint8_t buffer_type,
                                              uint64_t buffer_id);
extern inline void tt_alloc_report_deallocation(int32_t device_id, uint64_t buffer_id);
extern inline void tt_alloc_report_deallocation_from(int32_t device_id, uint8_t buffer_type, uint64_t buffer_id);
extern inline void tt_alloc_report_cb_allocation(int32_t device_id, uint64_t size, uint64_t cb_id);
extern inline void tt_alloc_report_cb_deallocation(int32_t device_id, uint64_t size, uint64_t cb_id);
extern inline void tt_alloc_report_kernel_load(int32_t device_id, uint64_t size, uint64_t kernel_id,
                                               uint8_t kernel_type);
extern inline void tt_alloc_report_kernel_unload(int32_t device_id, uint64_t size, uint64_t kernel_id);

/* ON becomes visible after everything that reporting needs. */
static void decide(void)
{
    const char *value = secure_getenv("TT_ALLOC_TRACKING_ENABLED");
    bool on = value != NULL && strcmp(value, "1") == 0;

    if (on)
        tt_alloc_recorder_start();
    __atomic_store_n(&tt_alloc_reporting, on ? ON : OFF, __ATOMIC_RELEASE);
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

static inline bool is_on(void)
{
    int reporting = __atomic_load_n(&tt_alloc_reporting, __ATOMIC_ACQUIRE);

    if (__builtin_expect(reporting == UNDECIDED, 0)) {
        decide_once();
        reporting = __atomic_load_n(&tt_alloc_reporting, __ATOMIC_ACQUIRE);
    }
    return reporting == ON;
}

bool tt_alloc_is_enabled(void)
{
    return is_on();
}

void tt_alloc_report(uint8_t type, int32_t device_id, uint64_t size, uint8_t buffer_type, uint64_t buffer_id)
{
    if (is_on())
        tt_alloc_recorder_report(type, device_id, size, buffer_type, buffer_id);
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
    return tt_alloc_recorder_describe(&record);
}

uint64_t tt_alloc_lost_reports(void)
{
    return is_on() ? tt_alloc_recorder_lost() : 0;
}
