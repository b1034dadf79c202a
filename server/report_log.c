/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The wording of leak reports and dumps, and their journal fields.
 */

#include "server/report_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/tt_alloc_protocol.h"
#include "server/device.h"
#include "server/log.h"
#include "server/text.h"

#define FIELD_SIZE 64

struct fields {
    char text[8][FIELD_SIZE];
    const char *list[8];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void add_field(struct fields *fields, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fields->text[fields->count], FIELD_SIZE, format, arguments);
    va_end(arguments);
    fields->list[fields->count] = fields->text[fields->count];
    fields->count++;
}

static void subject_fields(struct fields *fields, const struct report_subject *subject, const char *leak_id,
                           const char *dump_id)
{
    *fields = (struct fields){0};
    add_field(fields, "MESSAGE_ID=%s", subject->reason == TT_ALLOC_REASON_RUNNING ? dump_id : leak_id);
    add_field(fields, "TT_PID=%d", (int)subject->pid);
    add_field(fields, "TT_UID=%u", (unsigned)subject->uid);
}

static void add_up(struct ledger *ledger, struct usage *total)
{
    *total = (struct usage){0};
    for (size_t i = 0; i < ledger_device_count(ledger); i++)
        usage_merge(total, &ledger_device(ledger, i)->usage);
}

/* "4.0 MiB dram, 768 KiB l1": only pools that hold something, and kernels apart, because they are in none. */
static void describe_amounts(const struct usage *total, char *out, size_t size)
{
    const struct {
        const char *name;
        unsigned __int128 bytes;
    } amounts[] = {{"dram", total->pool[TT_ALLOC_POOL_DRAM].bytes},
                   {"l1", total->pool[TT_ALLOC_POOL_L1].bytes},
                   {"host", total->pool[TT_ALLOC_POOL_HOST].bytes},
                   {"kernels", total->region[TT_ALLOC_KERNEL].bytes}};
    char number[TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]) && used < size; i++)
        if (amounts[i].bytes > 0)
            used += (size_t)snprintf(out + used, size - used, "%s%s %s", used ? ", " : "",
                                     text_size(usage_clamp(amounts[i].bytes), number), amounts[i].name);
    if (used == 0)
        snprintf(out, size, "0 B");
}

static const char *verb(const struct report_subject *subject)
{
    switch (subject->reason) {
    case TT_ALLOC_REASON_EXITED:
        return "exited but left";
    case TT_ALLOC_REASON_HUNG_UP:
        return "closed its connection but left";
    default:
        return "holds";
    }
}

void report_log_summary(const struct report_subject *subject, struct ledger *ledger)
{
    uint64_t buffers = ledger_count(ledger);
    bool is_leak = subject->reason != TT_ALLOC_REASON_RUNNING;
    char comm[64], amounts[160];
    struct fields fields;
    struct usage total;

    add_up(ledger, &total);
    describe_amounts(&total, amounts, sizeof(amounts));
    log_escape(subject->comm, comm, sizeof(comm));

    subject_fields(&fields, subject, REPORT_LEAK_SUMMARY_ID, REPORT_DUMP_SUMMARY_ID);
    add_field(&fields, "TT_BUFFERS=%" PRIu64, buffers);
    add_field(&fields, "TT_DRAM_BYTES=%" PRIu64, usage_clamp(total.pool[TT_ALLOC_POOL_DRAM].bytes));
    add_field(&fields, "TT_L1_BYTES=%" PRIu64, usage_clamp(total.pool[TT_ALLOC_POOL_L1].bytes));
    add_field(&fields, "TT_HOST_BYTES=%" PRIu64, usage_clamp(total.pool[TT_ALLOC_POOL_HOST].bytes));
    log_event(is_leak ? LOG_WARNING : LOG_INFO, fields.list, fields.count,
              "Process %d (%s, uid %u) %s %s%" PRIu64 " buffer%s%s: %s", (int)subject->pid, comm,
              (unsigned)subject->uid, verb(subject), subject->is_inexact ? "at most " : "", buffers,
              buffers == 1 ? "" : "s", is_leak ? " allocated" : "", amounts);
}

static void log_buffer(const struct report_subject *subject, const struct ledger_buffer *buffer, uint64_t now)
{
    const struct device *device = buffer->device->userdata;
    uint64_t age = now > buffer->born ? now - buffer->born : 0;
    struct fields fields;
    char age_text[TEXT_SIZE];

    subject_fields(&fields, subject, REPORT_LEAK_BUFFER_ID, REPORT_DUMP_BUFFER_ID);
    add_field(&fields, "TT_DEVICE=%" PRId32, device->number);
    add_field(&fields, "TT_REGION=%s", text_region(buffer->region));
    add_field(&fields, "TT_BYTES=%" PRIu64, buffer->size);
    add_field(&fields, "TT_ADDRESS=0x%" PRIx64, buffer->id);
    log_event(subject->reason == TT_ALLOC_REASON_RUNNING ? LOG_INFO : LOG_WARNING, fields.list, fields.count,
              "    [Device %" PRId32 "] Buffer 0x%" PRIx64 ": %" PRIu64 " bytes %s (age: %s)", device->number,
              buffer->id, buffer->size, text_region(buffer->region), text_age(age, age_text));
}

void report_log_buffers(const struct report_subject *subject, const struct largest *largest, uint64_t total,
                        uint64_t now)
{
    for (size_t i = 0; i < largest->count; i++)
        log_buffer(subject, &largest->heap[i], now);
    if (total > largest->count)
        log_line(subject->reason == TT_ALLOC_REASON_RUNNING ? LOG_INFO : LOG_WARNING, "    ... and %" PRIu64 " more",
                 total - largest->count);
}
