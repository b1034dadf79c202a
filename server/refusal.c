/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The log is asked per uid, so that the refusals of one do not hide another's. Where there is no memory to remember the
 * uid, nothing is said: the figures still count.
 */

#include "server/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/server.h"

static void count(struct figures *figures, int error)
{
    figures->sessions_refused++;
    if (error == -EUSERS)
        figures->sessions_refused_places++;
    else if (error != -EDQUOT) /* which the limit counts itself */
        figures->sessions_refused_system++;
}

static void tell(const struct server *server, const struct ucred *peer, const struct user *user, int error)
{
    int pid = (int)peer->pid;
    unsigned uid = (unsigned)peer->uid;

    if (error == -EDQUOT)
        log_line(LOG_WARNING,
                 "Refused a connection of process %d (uid %u): this user has %" PRIu64
                 ", as many as --max-sessions allows; more are only counted",
                 pid, uid, user->sessions);
    else if (error == -EUSERS)
        log_line(LOG_WARNING,
                 "Refused a connection of process %d (uid %u): this user has %" PRIu64 ", %" PRIu64 " of %" PRIu64
                 " places are taken and the rest is for others; LimitNOFILE= of the unit raises them",
                 pid, uid, user->sessions, server->places.privileged + server->places.others, server->places.all);
    else
        log_line(LOG_WARNING, "Refused a connection of process %d (uid %u): %s; more are only counted", pid, uid,
                 strerror(-error));
}

void refusal_note(struct server *server, int fd, int error)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    struct user *user;

    count(&server->registry.figures, error);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        users_get(&server->registry.users, peer.uid, &user) < 0)
        return;
    if (error == -EDQUOT)
        user_refused(user, LIMIT_SESSIONS);
    if (user_is_worth_telling(user, LIMIT_SESSIONS, clock_now()))
        tell(server, &peer, user, error);
}
