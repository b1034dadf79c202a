/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whoever is root in a container can mount a filesystem there that a program of his serves, and let us wait in it for
 * ever. So up to /dev/shm only names are followed that the kernel has at hand (RESOLVE_CACHED; those of a tmpfs always
 * are), nothing is opened on the way (O_PATH), the list of mounts tells what is there before it is opened, and a file
 * does not count if something is mounted over it.
 */

#include "host/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNTS_MAX (1U << 20)
#define TRIES 8 /* openat2() gives up when something is being renamed */

static int open_path(int directory, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_PATH | O_CLOEXEC), .resolve = resolve};
    int fd = -1;

    for (int i = 0; i < TRIES && (i == 0 || (fd < 0 && errno == EAGAIN)); i++)
        fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

/* In the host's own directory also where the kernel is too old for openat2(). */
static int open_name(const struct host_shm *shm, const char *name)
{
    int fd;

    if (shm->through_pid != 0)
        return open_path(shm->fd, name, O_NOFOLLOW, RESOLVE_NO_XDEV | RESOLVE_BENEATH);
    fd = openat(shm->fd, name, O_NOFOLLOW | O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens in earnest what is open as a path only. */
static int reopen(int fd, int flags)
{
    char path[32];
    int opened;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    opened = open(path, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return opened < 0 ? -errno : opened;
}

/* Of a line "36 35 98:0 /of /where options [more] - tmpfs source options". */
static bool line_is_tmpfs(const char *line, uint64_t mount)
{
    const char *type = strstr(line, " - ");

    return strtoull(line, NULL, 10) == mount && type && strncmp(type + 3, "tmpfs ", 6) == 0;
}

static int check_is_tmpfs(const struct host_root *root, int32_t pid, int fd)
{
    struct statx status;
    char *mounts, *rest = NULL;
    bool found = false;
    int error;

    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status) < 0)
        return -errno;
    if (!(status.stx_mask & STATX_MNT_ID))
        return -EOPNOTSUPP;
    error = host_root_read(root, MOUNTS_MAX, &mounts, NULL, "proc/%" PRId32 "/mountinfo", pid);
    if (error < 0)
        return error;
    for (char *line = strtok_r(mounts, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest))
        found = line_is_tmpfs(line, status.stx_mnt_id);
    free(mounts);
    return found ? 0 : -EINVAL;
}

/* As a path. In a tree that was made for a test there is no telling what is mounted where. */
static int find_in_container(const struct host_root *root, int32_t pid)
{
    uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    char path[32];
    int top, fd, error = 0;

    snprintf(path, sizeof(path), "proc/%" PRId32 "/root", pid);
    top = open_path(root->fd, path, O_DIRECTORY, root->is_live ? 0 : inside);
    if (top < 0)
        return top;
    fd = open_path(top, "dev/shm", O_DIRECTORY, root->is_live ? inside | RESOLVE_CACHED : inside);
    close(top);
    if (fd >= 0 && root->is_live)
        error = check_is_tmpfs(root, pid, fd);
    if (error < 0) {
        close(fd);
        return error;
    }
    return fd;
}

static int open_directory(const struct host_root *root, int32_t through_pid, int *ret)
{
    int path, fd;

    if (through_pid == 0)
        return host_root_open_at(root, ret, "dev/shm");
    path = find_in_container(root, through_pid);
    if (path < 0)
        return path;
    fd = reopen(path, O_DIRECTORY);
    close(path);
    if (fd < 0)
        return fd;
    *ret = fd;
    return 0;
}

int host_shm_open(const struct host_root *root, int32_t through_pid, struct host_shm *ret)
{
    struct stat status;
    int fd, error = open_directory(root, through_pid, &fd);

    if (error < 0)
        return error;
    if (fstat(fd, &status) < 0)
        error = -errno;
    else if (!S_ISDIR(status.st_mode))
        error = -ENOTDIR;
    if (error < 0) {
        close(fd);
        return error;
    }
    *ret = (struct host_shm){
        .root = root, .fd = fd, .through_pid = through_pid, .device = status.st_dev, .inode = status.st_ino};
    return 0;
}

void host_shm_close(struct host_shm *shm)
{
    if (shm->fd >= 0)
        close(shm->fd);
    shm->fd = -1;
}

bool host_shm_is_same(const struct host_shm *a, const struct host_shm *b)
{
    return a->device == b->device && a->inode == b->inode;
}

void host_shm_path(const struct host_shm *shm, char ret[48])
{
    if (shm->through_pid == 0)
        snprintf(ret, 48, "/dev/shm");
    else
        snprintf(ret, 48, "/proc/%" PRId32 "/root/dev/shm", shm->through_pid);
}

/* A symbolic link is no totals file, but in a tree it may stand for an error. */
static int why_not_regular(const struct host_shm *shm, const char *name)
{
    char directory[48], target[2];
    int error;

    if (shm->root->is_live)
        return -EINVAL;
    host_shm_path(shm, directory);
    error = host_root_read_link(shm->root, target, sizeof(target), "%s/%s", directory + 1, name);
    return error < 0 ? error : -EINVAL;
}

int host_shm_open_file(const struct host_shm *shm, const char *name, int *ret)
{
    struct stat status;
    int file, path = open_name(shm, name);

    if (path < 0)
        return path;
    if (fstat(path, &status) < 0)
        file = -errno;
    else if (!S_ISREG(status.st_mode))
        file = why_not_regular(shm, name);
    else
        file = reopen(path, 0);
    close(path);
    if (file < 0)
        return file;
    *ret = file;
    return 0;
}
