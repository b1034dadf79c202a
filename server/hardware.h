/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the server looks up on its host, for the registry, which reads nothing itself: which devices there are, and
 * which of them a process has open that uses a device and has not said which.
 *
 * It looks at the beginning and when a process waits to be located; never by a timer, so an idle server stays asleep.
 * All who wait are served by one look. Looks keep a distance from each other, so that no crowd of processes costs the
 * loop more than a few percent, and none of them takes longer than a millisecond.
 */

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"
#include "server/registry.h"

struct hardware {
    struct registry *registry;
    struct ev_loop *loop;
    const char *root;  /* of the host's files */
    struct host host;  /* its devices, and who held them at the last look */
    int32_t *held;     /* room for the numbers of all devices */
    uint64_t read;     /* when the devices were read, monotonic */
    struct host fresh; /* the next picture, while it is being read, and how many devices of it have been */
    size_t read_count;
    bool is_reading;
    bool is_wrong;   /* there are other devices than in host */
    uint64_t looked; /* when somebody was last served */
    ev_timer soon;   /* runs only while somebody waits */
};

/* Reads what devices there are. A host without any is nothing to complain about; one whose devices cannot be read is
 * told to the log; one that is not there is -ENOENT, -ENOTDIR, -EACCES, and there is -ENOMEM. root must stay. Pair with
 * hardware_done(), also on failure. */
int hardware_init(struct hardware *hardware, struct ev_loop *loop, struct registry *registry, const char *root);
/* Takes a zeroed one. */
void hardware_done(struct hardware *hardware);

/* Sees to it that who waits to be located is, now or soon. Rows may change their numbers and go away. */
void hardware_attend(struct hardware *hardware);
