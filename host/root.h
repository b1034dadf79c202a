/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The directory below which a host's files are found. "/" is opened as it is; in any other tree a path never leads out
 * of it, wherever its symbolic links point, and a dangling link to "!ENODATA" is a file whose reading fails with that
 * error.
 *
 * Paths begin without a slash ("proc/stat") and are made by printf() rules. What is neither a regular file
 * nor a directory, a device or a FIFO in the place of one, is -EINVAL and never opened.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct host_root {
    int fd;
    bool is_live; /* it is "/" */
};

/* NULL is "/". -ENOENT, -ENOTDIR, -EACCES and so on. */
int host_root_open(const char *path, struct host_root *ret);

/* Takes a closed one. */
void host_root_close(struct host_root *root);

/* A whole file, with a zero behind it; of one that is longer than most bytes, the first most. free(*ret). ret_size may
 * be NULL. */
int host_root_read(const struct host_root *root, size_t most, char **ret, size_t *ret_size, const char *path, ...)
    __attribute__((format(printf, 5, 6)));

/* The same of a file that is open. */
int host_root_whole_of(int fd, size_t most, char **ret, size_t *ret_size);

/* Its first line, without the white space around it, cut to size - 1 bytes. An empty one is -ENODATA. */
int host_root_read_line(const struct host_root *root, char *ret, size_t size, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* The same of a file that is open. */
int host_root_line_of(int fd, char *ret, size_t size);

/* Where a symbolic link points, cut to size - 1 bytes. */
int host_root_read_link(const struct host_root *root, char *ret, size_t size, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* The names in a directory, without those that begin with a dot, sorted by strverscmp(); NULL ends them.
 * host_root_free_names(*ret). */
int host_root_list(const struct host_root *root, char ***ret, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes NULL, returns NULL. */
char **host_root_free_names(char **names);

/* A descriptor of a regular file or a directory, to read. */
int host_root_open_at(const struct host_root *root, int *ret, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
int host_root_vopen_at(const struct host_root *root, int *ret, const char *path, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* A descriptor that names a directory, to open what is in it. */
int host_root_find_directory(const struct host_root *root, int *ret, const char *path);
