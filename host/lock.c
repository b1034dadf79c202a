/* SPDX-License-Identifier: Apache-2.0 */

/*
 * It begins with a mutex of the C library, whose size depends on the architecture: 40 bytes on x86-64. A tag follows
 * that says whether we are right. It is only read, as bytes; nobody waits for it here.
 */

#include "host/lock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define LOCK_TAG 0x5454554d444d5458ULL

struct lock_file {
    uint8_t mutex[40];
    uint64_t tag;
    int32_t owner_thread;
    int32_t owner_pid;
};

_Static_assert(offsetof(struct lock_file, tag) == 40, "layout");
_Static_assert(offsetof(struct lock_file, owner_pid) == 52, "layout");
_Static_assert(sizeof(struct lock_file) == 56, "layout");

int host_lock_read(const struct host_shm *shm, int32_t device, int32_t *ret_owner)
{
    char name[64];
    struct lock_file lock;
    int fd, error;
    ssize_t size;

    snprintf(name, sizeof(name), "TT_UMD_LOCK.CHIP_IN_USE_%" PRId32 "_PCIe", device);
    error = host_shm_open_file(shm, name, &fd);
    if (error < 0)
        return error;
    size = pread(fd, &lock, sizeof(lock), 0);
    close(fd);
    if (size != (ssize_t)sizeof(lock) || lock.tag != LOCK_TAG)
        return -EINVAL;
    if (lock.owner_pid <= 0)
        return -ENODATA;
    *ret_owner = lock.owner_pid;
    return 0;
}
