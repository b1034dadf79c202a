/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A list while it is made of the records of an answer.
 *
 * It is three arrays: the items, the usages of all of them, the strings of all of them. They move as they grow, so
 * nothing can point into them before the answer is complete. But usages and strings follow their item on the wire and
 * stand in the arrays in the same order: the pointers are set in one walk at the end.
 */

#include "client/array.h"
#include "client/ask.h"

struct tt_alloc_list {
    uint8_t kind;                /* the type of the records that are its items */
    struct tt_alloc_array items; /* struct tt_alloc_device, _process, _buffer, _figure or _history */
    struct tt_alloc_array usages;
    struct tt_alloc_array samples; /* uint64_t, of histories */
    struct tt_alloc_array text;
    uint64_t hidden;
};

/* The tt_alloc_take_record of a list, which is the userdata: adds what the record says. -EPROTO if it makes no sense
 * there, -ENOMEM. */
int tt_alloc_list_take(void *userdata, const union tt_alloc_answer *record);

/* The same for HISTORY, the first part and the last. */
int tt_alloc_list_take_history(struct tt_alloc_list *list, const struct tt_alloc_history_record *record);
void tt_alloc_list_finish_history(struct tt_alloc_list *list);

/* After the last record: lets the items point to their usages and strings. -ENOMEM. */
int tt_alloc_list_finish(struct tt_alloc_list *list);
