/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Only the kernel's own directories are trusted to hold nothing but files. In a tree, which may be anybody's and have
 * device nodes in it, the path is walked and what is found is looked at first. Symbolic links are not followed here: to
 * one of the kernel's the path is walked as well.
 */

#include "host/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

static int open_file(const struct directory *directory, const char *file, int *ret)
{
    int fd;

    assert(!strchr(file, '/')); /* a link on the way would be followed out of the tree */
    if (directory->fd < 0)
        return directory->fd;
    if (!directory->root->is_live)
        return host_root_open_at(directory->root, ret, "%s/%s", directory->path, file);
    fd = openat(directory->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ELOOP ? host_root_open_at(directory->root, ret, "%s/%s", directory->path, file) : -errno;
    *ret = fd;
    return 0;
}

int directory_read_line(const struct directory *directory, const char *file, char *ret, size_t size)
{
    int fd, error = open_file(directory, file, &fd);

    if (error < 0)
        return error;
    error = host_root_line_of(fd, ret, size);
    if (error < 0 && !is_file(fd))
        error = -EINVAL;
    close(fd);
    return error;
}

int directory_read(const struct directory *directory, const char *file, size_t most, char **ret, size_t *ret_size)
{
    size_t length;
    char *text;
    int fd, error = open_file(directory, file, &fd);

    if (error < 0)
        return error;
    error = host_root_whole_of(fd, most, &text, &length);
    if (error == 0 && length == 0 && !is_file(fd)) {
        free(text);
        error = -EINVAL;
    }
    close(fd);
    if (error < 0)
        return error;
    *ret = text;
    if (ret_size)
        *ret_size = length;
    return 0;
}
