/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One question and its answer, frame by frame: what the list calls are built on. Nothing that arrives is trusted. An
 * answer that breaks the rules ends in -EPROTO, and after any error but one that the server itself answered with, the
 * connection refuses further questions, because their answers could be the rest of this one.
 */

#include "tt_alloc.h"

/* A frame of an answer. */
union tt_alloc_answer {
    uint8_t type;
    struct tt_alloc_hello welcome;
    struct tt_alloc_message response;
    struct tt_alloc_device_record device;
    struct tt_alloc_process_record process;
    struct tt_alloc_text_record text;
    struct tt_alloc_usage_record usage;
    struct tt_alloc_buffer_record buffer;
    struct tt_alloc_figure_record figure;
    struct tt_alloc_history_record history;
    struct tt_alloc_end_record end;
};
_Static_assert(sizeof(union tt_alloc_answer) == TT_ALLOC_FRAME_112, "one frame");

/* tt_alloc_connect() with a time limit (per question, in ms) other than 5 s. */
int tt_alloc_connect_within(const char *path, unsigned limit_ms, struct tt_alloc_connection **ret);

/* Whether the server answers what needs this feature. */
bool tt_alloc_has_feature(const struct tt_alloc_connection *connection, uint64_t feature);

/* Takes one record of an answer; a negative errno ends the question. */
typedef int tt_alloc_take_record(void *userdata, const union tt_alloc_answer *record);

/*
 * Sends the request and passes every record of the answer to take (NULL: there should be none), then checks END and
 * stores it. Records of types that this version does not know are left out but counted, so that a newer server may add
 * some. A negative status of END becomes the result.
 */
int tt_alloc_ask(struct tt_alloc_connection *connection, const struct tt_alloc_list_request *request,
                 tt_alloc_take_record *take, void *userdata, struct tt_alloc_end_record *ret_end);

/* Whether a character field of a frame holds a string. */
#define TT_ALLOC_IS_TERMINATED(field) (memchr((field), '\0', sizeof(field)) != NULL)
