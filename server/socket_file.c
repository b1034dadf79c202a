/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lock, look, remove what is dead, bind. The lock is what makes the look worth something: two servers that start at
 * once would both find the same dead socket and one would remove the other's new one.
 */

#include "server/socket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/log.h"

#define BACKLOG 4096

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

static int fail(const char *path, int error, const char *what)
{
    log_line(LOG_ERR, "Cannot listen on %s: %s", path, what ? what : strerror(-error));
    return error;
}

static int make_address(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path)) {
        char what[96];

        snprintf(what, sizeof(what), "the path is %zu bytes long, at most %zu are possible; choose a shorter --socket",
                 strlen(path), sizeof(ret->sun_path) - 1);
        return fail(path, -ENAMETOOLONG, what);
    }
    strcpy(ret->sun_path, path);
    return 0;
}

static void lock_path(const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s.lock", path);
}

static bool is_same_file(int fd, const char *path)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* In /tmp somebody else may have made it first, and could hold it for ever. */
static int open_lock(const char *name, int *ret)
{
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat status;

    if (fd < 0)
        return fail(name, -errno, NULL);
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
        close(fd);
        return fail(name, -EEXIST, "the lock file is not ours; remove it, or choose another path with --socket");
    }
    *ret = fd;
    return 0;
}

/* The lock file goes away with its server, so after locking it must be checked that it is still the one with that name.
 */
static int take_lock(const char *path, int *ret)
{
    char name[sizeof(struct sockaddr_un) + 8];

    lock_path(path, name, sizeof(name));
    for (;;) {
        int fd = -1;
        int error = open_lock(name, &fd);

        if (error < 0)
            return error;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            error = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
            close(fd);
            return fail(path, error,
                        error == -EADDRINUSE ? "another tt-allocation-server has it; stop that one, or "
                                               "choose another path with --socket"
                                             : NULL);
        }
        if (is_same_file(fd, name)) {
            *ret = fd;
            return 0;
        }
        close(fd);
    }
}

static void drop_lock(const char *path, int lock_fd)
{
    char name[sizeof(struct sockaddr_un) + 8];

    lock_path(path, name, sizeof(name));
    if (is_same_file(lock_fd, name))
        unlink(name);
    close(lock_fd);
}

/* Whether anybody answers: 0 nobody does, -EADDRINUSE somebody does, else why it cannot be told. */
static int try_to_reach(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -errno;
    error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    close(fd);
    if (error == ECONNREFUSED || error == ENOENT)
        return 0;
    return error == 0 || error == EAGAIN ? -EADDRINUSE : -error;
}

/* Makes sure that nothing stands at the path; only a dead socket of our own is removed for that. */
static int clear_path(const struct sockaddr_un *address)
{
    const char *path = address->sun_path;
    struct stat status;
    int error;

    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : fail(path, -errno, NULL);
    if (!S_ISSOCK(status.st_mode))
        return fail(path, -EEXIST, "it exists and is not a socket; remove it or choose another path with --socket");
    error = try_to_reach(address);
    if (error == -EADDRINUSE)
        return fail(path, error, "another server answers there; stop it or choose another path with --socket");
    if (error < 0)
        return fail(path, error, NULL);
    if (status.st_uid != geteuid())
        return fail(path, -EEXIST, "a dead socket of another user is in the way; its owner or root must remove it");
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(path, -errno, NULL);
    return 0;
}

/* The mode is set by bind itself, so there is no moment at which the socket has another. */
static int bind_open(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0111);
    int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int error = errno;

    umask(before);
    return result < 0 ? -error : 0;
}

void socket_file_refuse_descriptors(int fd)
{
    const int no = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

static int bind_and_listen(const struct sockaddr_un *address, struct socket_file *file)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return fail(address->sun_path, -errno, NULL);
    socket_file_refuse_descriptors(fd);
    error = bind_open(fd, address);
    if (error == 0 && (listen(fd, BACKLOG) < 0 || lstat(address->sun_path, &status) < 0)) {
        error = -errno;
        unlink(address->sun_path);
    }
    if (error < 0) {
        close(fd);
        return fail(address->sun_path, error, NULL);
    }
    file->fd = fd;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

int socket_file_make(const char *path, struct socket_file *ret)
{
    struct socket_file file;
    struct sockaddr_un address;
    int error = make_address(path, &address);

    if (error < 0)
        return error;
    error = take_lock(path, &file.lock_fd);
    if (error < 0)
        return error;
    error = clear_path(&address);
    if (error == 0)
        error = bind_and_listen(&address, &file);
    if (error < 0) {
        drop_lock(path, file.lock_fd);
        return error;
    }
    *ret = file;
    return 0;
}

/* An age cleaner that took the socket may have taken the lock file too. */
static int keep_lock(const char *path, int *lock_fd)
{
    char name[sizeof(struct sockaddr_un) + 8];
    int fd, error;

    lock_path(path, name, sizeof(name));
    if (is_same_file(*lock_fd, name))
        return 0;
    error = take_lock(path, &fd);
    if (error < 0)
        return error;
    close(*lock_fd);
    *lock_fd = fd;
    return 0;
}

int socket_file_make_again(const char *path, struct socket_file *file, int *ret_former_fd)
{
    int former_fd = file->fd;
    struct sockaddr_un address;
    int error = make_address(path, &address);

    if (error == 0)
        error = keep_lock(path, &file->lock_fd);
    if (error == 0)
        error = clear_path(&address);
    if (error == 0)
        error = bind_and_listen(&address, file);
    if (error == 0)
        *ret_former_fd = former_fd;
    return error;
}

int socket_file_find(const char *path, struct socket_file *file)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        return -errno;
    if (!S_ISSOCK(status.st_mode))
        return -ENOTSOCK;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

bool socket_file_stands(const char *path, const struct socket_file *file)
{
    struct stat status;

    return lstat(path, &status) == 0 && status.st_nlink > 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}

void socket_file_remove(const char *path, struct socket_file *file)
{
    if (socket_file_stands(path, file))
        unlink(path);
    close(file->fd);
    drop_lock(path, file->lock_fd);
}
