/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bytes without a meaning: that there is one is all they say, so one that does not fit in behind others need not be
 * sent.
 */

#include "client/kick.h"

#include <errno.h>
#include <sys/socket.h>

int tt_alloc_kick_open(struct tt_alloc_kick *kick)
{
    int ends[2];

    *kick = TT_ALLOC_KICK_NONE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    tt_alloc_link_open(&kick->sleeper, ends[0]);
    tt_alloc_link_open(&kick->waker, ends[1]);
    return 0;
}

void tt_alloc_kick_close(struct tt_alloc_kick *kick)
{
    tt_alloc_link_close(&kick->sleeper);
    tt_alloc_link_close(&kick->waker);
}

int tt_alloc_kick_send(const struct tt_alloc_kick *kick)
{
    if (!tt_alloc_link_is_ours(&kick->waker) || !tt_alloc_link_is_ours(&kick->sleeper))
        return -EBADF;
    (void)send(kick->waker.fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return 0;
}

int tt_alloc_kick_take(const struct tt_alloc_kick *kick)
{
    char bytes[64];

    if (!tt_alloc_link_is_ours(&kick->waker) || !tt_alloc_link_is_ours(&kick->sleeper))
        return -EBADF;
    while (recv(kick->sleeper.fd, bytes, sizeof(bytes), MSG_DONTWAIT) == sizeof(bytes))
        ;
    return 0;
}
