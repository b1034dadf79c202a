/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Datagrams. The address goes with each, so a journal that was restarted is found again.
 */

#include "server/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define FIELDS_MAX 16

static int journal_fd = -1;
static struct sockaddr_un journal_address;
static socklen_t journal_length;

/* A leading '@' is for a name without a file. */
static int make_address(const char *path, struct sockaddr_un *ret, socklen_t *ret_length)
{
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof(ret->sun_path))
        return -EINVAL;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, length);
    if (path[0] == '@')
        ret->sun_path[0] = '\0';
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@'));
    return 0;
}

static int open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd < 0 ? -errno : fd;
}

int journal_open(const char *path)
{
    int error = make_address(path, &journal_address, &journal_length);

    if (error == 0 && journal_fd < 0)
        error = journal_fd = open_socket();
    return error < 0 ? error : 0;
}

void journal_close(void)
{
    if (journal_fd >= 0)
        close(journal_fd);
    journal_fd = -1;
}

static struct iovec part(const void *bytes, size_t size)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
}

/* The text is told with its length, so that it may hold anything. */
int journal_send(int priority, const char *text, const char *const *fields, size_t field_count)
{
    struct iovec parts[4 + 2 * FIELDS_MAX];
    uint64_t length = htole64(strlen(text));
    char head[64];
    struct msghdr message = {.msg_name = &journal_address, .msg_namelen = journal_length, .msg_iov = parts};
    size_t count = 0;

    snprintf(head, sizeof(head), "SYSLOG_IDENTIFIER=tt-allocation-server\nPRIORITY=%d\nMESSAGE\n", priority);
    parts[count++] = part(head, strlen(head));
    parts[count++] = part(&length, sizeof(length));
    parts[count++] = part(text, strlen(text));
    for (size_t i = 0; i < field_count && i < FIELDS_MAX; i++) {
        parts[count++] = part("\n", 1);
        parts[count++] = part(fields[i], strlen(fields[i]));
    }
    parts[count++] = part("\n", 1);
    message.msg_iovlen = count;
    return sendmsg(journal_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

void manager_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t length;
    int fd;

    if (!path || make_address(path, &address, &length) < 0)
        return;
    fd = open_socket();
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, length);
    close(fd);
}
