/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Symbolic links are not followed here: a tree has them in the place of files that cannot be read, and then the path is
 * walked after all.
 */

#include "host/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory directory_open(const struct host_root *root, const char *path)
{
    struct directory directory = {.root = root, .path = path};
    int error = host_root_find_directory(root, &directory.fd, path);

    if (error < 0)
        directory.fd = error;
    return directory;
}

void directory_close(struct directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    directory->fd = -EBADF;
}

/* What is empty need not be a file. */
static bool is_file(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

int directory_read_line(const struct directory *directory, const char *file, char *ret, size_t size)
{
    int error, fd;

    assert(!strchr(file, '/')); /* a link on the way would be followed out of the tree */
    if (directory->fd < 0)
        return directory->fd;
    fd = openat(directory->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ELOOP ? host_root_read_line(directory->root, ret, size, "%s/%s", directory->path, file)
                              : -errno;
    error = host_root_line_of(fd, ret, size);
    if (error < 0 && !is_file(fd))
        error = -EINVAL;
    close(fd);
    return error;
}
