/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The lock that Tenstorrent's user-mode driver keeps in /dev/shm for each chip in use.
 */

#include <stdint.h>

#include "host/shm.h"

/* The PID of its owner, in the owner's PID namespace; it may have died. -ENOENT: there is none, -ENODATA: nobody owns
 * it, -EINVAL: it is not as we know it, on another architecture for instance. */
int host_lock_read(const struct host_shm *shm, int32_t device, int32_t *ret_owner);
