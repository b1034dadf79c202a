/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Checks of who asks, and of what programs started from here would do: whether the loader finds the client library, and
 * how it reads its environment. With another host's tree none of it means anything.
 */

#include "smi/doctor/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define JOIN_GROUP "sudo usermod -aG tt-alloc $USER   and log in again"

void check_permissions(const struct doctor_facts *facts, struct report *report)
{
    const struct snapshot *snapshot = facts->snapshot;

    if (!facts->is_here && !snapshot_is_told(snapshot))
        report_add(report, FINDING_SKIPPED, NULL, "--root is another host");
    else if (facts->is_root)
        report_add(report, FINDING_OK, NULL, "root, who sees everything");
    else if (snapshot_is_told(snapshot) && snapshot->details.is_authorised)
        report_add(report, FINDING_OK, NULL, "the server shows this user the buffers of others");
    else if (!facts->has_group)
        report_add(report, FINDING_WARNING, "sudo systemd-sysusers",
                   "there is no group tt-alloc: only root sees buffers and command lines of others");
    else if (!facts->is_member)
        report_add(report, FINDING_WARNING, JOIN_GROUP,
                   "not in the group tt-alloc: buffers and command lines of others are hidden");
    else if (snapshot_is_told(snapshot))
        report_add(report, FINDING_WARNING, "sudo systemctl restart tt-allocation-server",
                   "in the group tt-alloc, but the server does not know it: buffers of others are hidden");
    else
        report_add(report, FINDING_OK, NULL, "in the group tt-alloc");
}

/* ---- The client library ---- */

static void check_tracking(const struct environment *environment, struct report *report)
{
    if (environment->tracking && strcmp(environment->tracking, "1") != 0)
        report_add(report, FINDING_WARNING, "export TT_ALLOC_TRACKING_ENABLED=1",
                   "TT_ALLOC_TRACKING_ENABLED is '%s': programs started here do not report, only 1 turns it on",
                   environment->tracking);
}

static void check_socket(const struct doctor_facts *facts, struct report *report)
{
    const char *path = facts->environment.socket, *asked = facts->snapshot->path;

    if (!path || !path[0])
        return;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        report_add(report, FINDING_WARNING, "name a shorter one", "TT_ALLOC_SOCKET is too long for a socket: %s", path);
    else if (asked && strcmp(path, asked) != 0)
        report_add(report, FINDING_WARNING, "leave out --socket", "programs started here report to %s, not to %s", path,
                   asked);
}

/* As client/start.c reads it: anything but digits is as if it were not set. */
static bool is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

static void check_rest(const struct doctor_facts *facts, struct report *report)
{
    const struct environment *environment = &facts->environment;
    const char *transport = environment->transport;

    if (environment->server_user && environment->server_user[0] && !facts->has_server_user)
        report_add(report, FINDING_WARNING, "id NAME", "TT_ALLOC_SERVER_USER names no user: '%s'",
                   environment->server_user);
    if (transport && strcmp(transport, "ring") != 0 && strcmp(transport, "socket") != 0)
        report_add(report, FINDING_WARNING, "unset TT_ALLOC_TRANSPORT",
                   "TT_ALLOC_TRANSPORT is '%s', which means ring; it may be ring or socket", transport);
    if (environment->full_wait && !is_number(environment->full_wait))
        report_add(report, FINDING_WARNING, "unset TT_ALLOC_FULL_WAIT_MS",
                   "TT_ALLOC_FULL_WAIT_MS is '%s', no number of milliseconds", environment->full_wait);
}

void check_client(const struct doctor_facts *facts, struct report *report)
{
    bool is_on = facts->environment.tracking && strcmp(facts->environment.tracking, "1") == 0;

    if (!facts->is_here) {
        report_add(report, FINDING_SKIPPED, NULL, "--root is another host");
        return;
    }
    if (!facts->library[0])
        report_add(report, FINDING_WARNING, "sudo ldconfig, or set LD_LIBRARY_PATH",
                   "the loader does not find " TT_ALLOC_SONAME ": programs that load it do not report");
    check_tracking(&facts->environment, report);
    check_socket(facts, report);
    check_rest(facts, report);
    if (!report_has_any(report))
        report_add(report, FINDING_OK, NULL, "%s found; programs started here %s", facts->library,
                   is_on ? "report" : "report if TT_ALLOC_TRACKING_ENABLED=1 is set, which it is not");
}
