/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Everything is found first, with O_PATH, which opens nothing, and opened only when it turned out to be a file or a
 * directory. Anybody may make a symbolic link in /dev/shm that points to a device, and opening a device by mistake is
 * just what must not happen.
 *
 * "/" needs the magic links of /proc (/proc/PID/root), which openat2() refuses below a root. So it is walked without.
 */

#include "host/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRIES 8 /* openat2() gives up where something above is renamed meanwhile */
#define LAST_ERRNO 4095

/* A descriptor that names something without opening it, or a negative errno. */
static int locate(const struct host_root *root, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_PATH | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = -1;

    if (root->is_live) {
        fd = openat(root->fd, path, flags | O_PATH | O_CLOEXEC);
    } else {
        for (int i = 0; i < TRIES && (i == 0 || (fd < 0 && errno == EAGAIN)); i++)
            fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
    }
    return fd < 0 ? -errno : fd;
}

/* Of the name of an errno; 0: there is none of that name. */
static int error_by_name(const char *name)
{
    for (int i = 1; i < LAST_ERRNO; i++) {
        const char *known = strerrorname_np(i);

        if (known && strcmp(known, name) == 0)
            return -i;
    }
    return 0;
}

/* What the link says, or the error that it stands for. */
static int read_link(const struct host_root *root, const char *path, char *ret, size_t size)
{
    char target[PATH_MAX];
    ssize_t length;
    int error = 0, fd = locate(root, path, O_NOFOLLOW);

    if (fd < 0)
        return fd;
    length = readlinkat(fd, "", target, sizeof(target) - 1);
    error = length < 0 ? -errno : 0;
    close(fd);
    if (length < 0)
        return error == -ENOENT ? -EINVAL : error; /* ENOENT: it is no link */

    target[length] = '\0';
    if (!root->is_live && target[0] == '!')
        error = error_by_name(target + 1);
    if (error == 0)
        snprintf(ret, size, "%s", target);
    return error;
}

/* A link that leads nowhere may stand for an error. */
static int why_not_found(const struct host_root *root, const char *path)
{
    char target[2];
    int error = root->is_live ? -ENOENT : read_link(root, path, target, sizeof(target));

    return error == 0 || error == -EINVAL ? -ENOENT : error;
}

static int open_located(int located, int *ret)
{
    char name[32];
    struct stat status;
    int fd;

    if (fstat(located, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return -EINVAL;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", located);
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    *ret = fd;
    return 0;
}

static int open_path(const struct host_root *root, const char *path, int *ret)
{
    int error, located = locate(root, path, 0);

    if (located == -ENOENT)
        return why_not_found(root, path);
    if (located < 0)
        return located;
    error = open_located(located, ret);
    close(located);
    return error;
}

int host_root_vopen_at(const struct host_root *root, int *ret, const char *path, va_list arguments)
{
    char formatted[PATH_MAX];
    int length = vsnprintf(formatted, sizeof(formatted), path, arguments);

    if (length < 0 || (size_t)length >= sizeof(formatted))
        return -ENAMETOOLONG;
    return open_path(root, formatted, ret);
}

int host_root_open_at(const struct host_root *root, int *ret, const char *path, ...)
{
    va_list arguments;
    int error;

    va_start(arguments, path);
    error = host_root_vopen_at(root, ret, path, arguments);
    va_end(arguments);
    return error;
}

int host_root_find_directory(const struct host_root *root, int *ret, const char *path)
{
    int fd = locate(root, path, O_DIRECTORY);

    if (fd == -ENOENT)
        return why_not_found(root, path);
    if (fd < 0)
        return fd;
    *ret = fd;
    return 0;
}

static bool is_root_of_all(int fd)
{
    struct stat here, top;

    return fstat(fd, &here) == 0 && stat("/", &top) == 0 && here.st_dev == top.st_dev && here.st_ino == top.st_ino;
}

int host_root_open(const char *path, struct host_root *ret)
{
    struct host_root root = {.fd = open(path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    int inside;

    if (root.fd < 0)
        return -errno;
    root.is_live = is_root_of_all(root.fd);
    inside = locate(&root, ".", 0); /* fails where nothing in it can be reached */
    if (inside < 0) {
        host_root_close(&root);
        return inside;
    }
    close(inside);
    *ret = root;
    return 0;
}

void host_root_close(struct host_root *root)
{
    if (root->fd >= 0)
        close(root->fd);
    root->fd = -1;
}

int host_root_read_link(const struct host_root *root, char *ret, size_t size, const char *path, ...)
{
    char formatted[PATH_MAX];
    va_list arguments;
    int length;

    va_start(arguments, path);
    length = vsnprintf(formatted, sizeof(formatted), path, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(formatted))
        return -ENAMETOOLONG;
    return read_link(root, formatted, ret, size);
}
