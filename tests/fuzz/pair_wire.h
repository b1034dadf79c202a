/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One client of the pair, at the level of the wire: frames of its generation, records through its ring or in RECORDS
 * frames, answers. It knows nothing of what they mean.
 */

#include "tests/fuzz/world.h"

struct client {
    struct world *world;
    struct fake_process *process;
    int fd; /* -1: not connected */
    size_t frame_size;
    struct tt_alloc_ring *ring; /* NULL: it has none */
    struct tt_alloc_record *records;
    uint64_t tail;
};

/* Connects. Clients of 112 bytes say HELLO. */
void client_open(struct client *client, size_t frame_size, bool is_reporter);
/* Ends, by the process's death or by a hang-up, and lets the server notice. */
void client_close(struct client *client, bool exits);

/* Sends a frame and has it handled. */
void client_send(struct client *client, const void *frame, size_t size);
void client_send_message(struct client *client, struct tt_alloc_message_72 message);
/* Through the ring if there is one. */
void client_send_record(struct client *client, struct tt_alloc_record record, uint64_t made);
/* What is in the ring has been taken in afterwards. */
void client_flush(struct client *client);
/* A first ring, or another one instead. */
void client_change_rings(struct client *client, uint64_t slots);

/* Reads an answer of just that many bytes. */
void client_receive(struct client *client, void *ret, size_t size);
/* Asks for a list and reads it with its END: how many frames, without END. */
size_t client_list(struct client *client, const struct tt_alloc_list_request *request, uint8_t *ret, size_t max_frames,
                   struct tt_alloc_end_record *ret_end);
