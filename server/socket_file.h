/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Making a listening Unix socket at a path where others may be trying the same, or worse.
 */

#include <stdbool.h>
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

/*
 * For one that is not at its path any more: makes another, as the first was made, under a lock that is held the whole
 * time. On success fd is the new one, and ret_former_fd the old one, which is now the caller's to close.
 */
int socket_file_make_again(const char *path, struct socket_file *file, int *ret_former_fd);

/*
 * Has the kernel refuse whoever attaches descriptors to what he sends through a connection to this socket. Nobody here
 * wants any, and the last to let go of one waits for it: for a TCP socket that lingers, as long as its sender wished.
 * Kernels before 6.16 cannot, and there the descriptors are closed unseen.
 */
void socket_file_refuse_descriptors(int fd);

/* Notes which socket stands at the path, for one that somebody else made: fd and lock_fd are untouched. */
int socket_file_find(const char *path, struct socket_file *file);
/* Whether it is still that one; without a name of its own, as the source of a bind mount may be, it is not. */
bool socket_file_stands(const char *path, const struct socket_file *file);

/* Removes socket and lock file, unless somebody else's stand there now, and closes both. */
void socket_file_remove(const char *path, struct socket_file *file);
