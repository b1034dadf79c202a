/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Finding, reaching, trusting and greeting a server; connect.h says who is trusted and why.
 */

#include "client/connect.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/clock.h"

#define NAME "libtt-alloc " TT_ALLOC_VERSION

static bool parse_uid(const char *text, uid_t *ret)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value >= TT_ALLOC_OWNER_UNKNOWN)
        return false;
    *ret = (uid_t)value;
    return true;
}

/* A name that nobody has adds nobody: root is trusted anyway. */
static uid_t trusted_user(void)
{
    const char *name = secure_getenv("TT_ALLOC_SERVER_USER");
    char buffer[4096];
    struct passwd entry, *found = NULL;
    uid_t uid;

    if (name == NULL || name[0] == '\0')
        return 0;
    if (parse_uid(name, &uid))
        return uid;
    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL)
        return 0;
    return entry.pw_uid;
}

void tt_alloc_target_resolve(const char *path, struct tt_alloc_target *ret)
{
    struct tt_alloc_target target = {.address.sun_family = AF_UNIX, .trusted = trusted_user()};

    if (path == NULL)
        path = secure_getenv("TT_ALLOC_SOCKET");
    if (path == NULL || path[0] == '\0')
        path = TT_ALLOC_SOCKET_PATH;

    size_t length = strlen(path);
    if (length >= sizeof(target.address.sun_path)) {
        target.error = -ENAMETOOLONG;
        length = sizeof(target.address.sun_path) - 1;
    }
    memcpy(target.address.sun_path, path, length);
    *ret = target;
}

/* Makes a blocking connect() give up at the deadline. */
static int limit_connect(int fd, uint64_t deadline)
{
    uint64_t now = tt_alloc_clock_now();
    if (now >= deadline)
        return -ETIMEDOUT;

    uint64_t us = (deadline - now + 999) / 1000;
    struct timeval limit = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ? -errno : 0;
}

static int reach(int fd, const struct sockaddr_un *address, uint64_t deadline)
{
    do {
        int r = deadline == 0 ? 0 : limit_connect(fd, deadline);
        if (r < 0)
            return r;
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
            return 0;
    } while (errno == EINTR);
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* The kernel tells who called listen(). */
static int check_owner(int fd, uid_t trusted, uid_t *ret_owner)
{
    struct ucred owner;
    socklen_t size = sizeof(owner);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &size) < 0)
        return -errno;
    *ret_owner = owner.uid;
    return owner.uid == 0 || owner.uid == geteuid() || owner.uid == trusted ? 0 : -EACCES;
}

int tt_alloc_target_connect(const struct tt_alloc_target *target, uint64_t deadline, uid_t *ret_owner)
{
    uid_t owner = TT_ALLOC_OWNER_UNKNOWN;
    int r = target->error;
    int fd = -1;

    if (r == 0) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (deadline == 0 ? SOCK_NONBLOCK : 0), 0);
        r = fd < 0 ? -errno : reach(fd, &target->address, deadline);
    }
    if (r == 0)
        r = check_owner(fd, target->trusted, &owner);
    if (r < 0 && fd >= 0)
        close(fd);
    if (ret_owner != NULL)
        *ret_owner = owner;
    return r < 0 ? r : fd;
}

struct tt_alloc_hello tt_alloc_make_hello(uint64_t features, uint32_t flags)
{
    _Static_assert(sizeof(NAME) <= sizeof(((struct tt_alloc_hello *)0)->name), "the name fits");

    return (struct tt_alloc_hello){
        .type = TT_ALLOC_HELLO,
        .device_id = TT_ALLOC_ALL_DEVICES,
        .magic = TT_ALLOC_MAGIC,
        .version = TT_ALLOC_PROTOCOL_VERSION,
        .process_id = getpid(),
        .features = features,
        .flags = flags,
        .name = NAME,
    };
}
