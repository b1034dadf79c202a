/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A directory in which many small files are read. A file is opened by its name in it, and not found and looked at
 * first as everything else is: a path that is walked for every value would make up most of what a picture of a large
 * host costs. So it is only for directories in which nobody but the kernel makes files, those of sysfs and of
 * processes. In a tree anybody may have made them, and there it is done as everywhere.
 */

#include "host/root.h"

struct directory {
    const struct host_root *root;
    const char *path;
    int fd; /* or a negative errno: why none of the files can be read */
};

/* Keeps path. */
struct directory directory_open(const struct host_root *root, const char *path);
void directory_close(struct directory *directory);

/* As host_root_read() and host_root_read_line() do it. */
int directory_read(const struct directory *directory, const char *file, size_t most, char **ret, size_t *ret_size);
int directory_read_line(const struct directory *directory, const char *file, char *ret, size_t size);
