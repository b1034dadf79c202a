/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ways in which a client can report. Each is a function for an allocation and one for a free, and one that waits
 * until the server has taken all of it into account.
 */

#include <stdint.h>

enum way {
    WAY_NONE,   /* nothing: what the loop around the reports costs by itself */
    WAY_MODEL,  /* a send() of 112 bytes per report, to the model */
    WAY_OLDER,  /* the same, to tt-allocation-server */
    WAY_SOCKET, /* libtt-alloc told to use frames */
    WAY_RING,   /* libtt-alloc as it is */
    WAYS,
};

struct reporter {
    void (*allocate)(struct reporter *reporter, int32_t device, uint64_t size, uint8_t region, uint64_t id);
    void (*release)(struct reporter *reporter, int32_t device, uint8_t region, uint64_t id);
    void (*settle)(struct reporter *reporter, uint64_t live); /* live: what the server will say it holds */
    int fd;                                                   /* of the first two */
    struct tt_alloc_connection *connection;                   /* of the last two, to ask */
};

const char *way_name(enum way way);
enum way way_from_name(const char *name);

/* Gives up if nobody listens at the path. */
void reporter_open(struct reporter *ret, enum way way, const char *path);

/* Reports that the library says were lost. */
uint64_t reporter_lost(void);

/* A connected stream socket, or -1. */
int reporter_try_connect(const char *path);

/* The same for those who know that somebody listens. */
int reporter_connect(const char *path);

/* Sends a QUERY and waits for the answer. */
void reporter_ask(int fd);
