/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finds tt-metal's totals files in the /dev/shm of the host and of the containers that have a device open, and reads
 * them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/host.h"
#include "host/root.h"
#include "host/shm.h"

/* A file that was found, and where. */
struct host_found {
    struct host_totals totals;
    size_t shm; /* the index of its directory */
    uid_t owner;
    dev_t device;
    ino_t inode;
};

struct host_finds {
    struct host_found *files;
    size_t file_count;
    struct host_shm *shms; /* the host's first, if it has one; each once */
    size_t shm_count;
    int error; /* the first thing for which the list may be incomplete; 0: nothing */
};

/* The id in a file name "tt_device_ID_memory", which is just that. */
bool host_totals_name(const char *name, uint64_t *ret_id);

/* Fills slots as the files say them, with no word on who lives. -ENOMEM; else 0, and ret is to be given back. */
int host_totals_find(const struct host_root *root, const struct host *host, struct host_finds *ret);

/* Takes half-built ones. */
void host_finds_done(struct host_finds *finds);
