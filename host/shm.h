/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Directories /dev/shm: the host's, and those of containers, which are found through a process. A container is not
 * believed: no link leads out of it, nothing but a regular file is opened, and nothing waits for a filesystem that
 * somebody in it serves.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/root.h"

struct host_shm {
    const struct host_root *root;
    int fd;
    int32_t through_pid; /* 0: the host's */
    dev_t device;
    ino_t inode;
};

/* through_pid: 0 for the host's. It may well be the host's also for a process: compare. -ENOENT: there is none (or no
 * such process), -EACCES: it is closed to us, -EINVAL: a container's that is no tmpfs. */
int host_shm_open(const struct host_root *root, int32_t through_pid, struct host_shm *ret);

/* Takes a closed one. */
void host_shm_close(struct host_shm *shm);

bool host_shm_is_same(const struct host_shm *a, const struct host_shm *b);

/* What stands before the names: "/dev/shm" or "/proc/PID/root/dev/shm", into 48 bytes. */
void host_shm_path(const struct host_shm *shm, char ret[48]);

/* A regular file in it, to read. -EINVAL: it is something else. */
int host_shm_open_file(const struct host_shm *shm, const char *name, int *ret);
