/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Making a listening Unix socket at a path where others may be trying the same, or worse.
 */

#include <sys/types.h>

struct socket_file {
    int fd;
    int lock_fd;
    dev_t device;
    ino_t inode;
};

/*
 * Makes the socket, mode 0666, listening, non-blocking, close-on-exec. Failures are logged in one line that says what
 * to do: -EADDRINUSE another server answers there or holds the lock; -EEXIST the path is something that is not ours to
 * remove; -ENAMETOOLONG; else what the system said.
 */
int socket_file_make(const char *path, struct socket_file *ret);

/* Removes socket and lock file, unless somebody else's stand there now, and closes both. */
void socket_file_remove(const char *path, struct socket_file *file);
