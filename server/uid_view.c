/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The map is a file of the process itself. It cannot change once the process could read it.
 */

#include "server/uid_view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/log.h"

#define OVERFLOW_USUAL 65534
#define LINES_MAX 340 /* of the kernel */

uint64_t uid_view_count(const char *map)
{
    uint64_t sum = 0;
    uint32_t first, parent, count;
    int length;

    while (sscanf(map, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%n", &first, &parent, &count, &length) == 3) {
        sum += count;
        map += length;
    }
    return sum;
}

static bool read_file(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length;

    if (!file)
        return false;
    length = fread(out, 1, size - 1, file);
    out[length] = '\0';
    fclose(file);
    return true; /* also if it is empty: nothing is mapped yet */
}

struct uid_view uid_view_read(void)
{
    struct uid_view view = {.mapped = UID_VIEW_ALL, .overflow = OVERFLOW_USUAL};
    char text[LINES_MAX * 36];

    if (read_file("/proc/self/uid_map", text, sizeof(text)))
        view.mapped = uid_view_count(text);
    if (read_file("/proc/sys/kernel/overflowuid", text, sizeof(text)))
        view.overflow = (uid_t)strtoul(text, NULL, 10);
    return view;
}

bool uid_view_hides(const struct uid_view *view)
{
    return view->mapped < UID_VIEW_ALL;
}

int uid_view_check(const struct uid_view *view)
{
    if (!uid_view_hides(view))
        return 0;
    if (geteuid() == view->overflow) {
        log_line(LOG_ERR,
                 "Cannot start: this user namespace has no uid for the server, so that every other user would pass for "
                 "its own; start it outside, or in one that maps it (unshare -r)");
        return -EPERM;
    }
    log_line(LOG_NOTICE,
             "This user namespace knows %" PRIu64 " uids only; all other users are taken for one (uid %u) that has no "
             "privileges and sees no single buffers",
             view->mapped, (unsigned)view->overflow);
    return 0;
}

/* Whether nobody but our user comes to what is in the directory of the path. */
static bool is_private(const char *path)
{
    char copy[PATH_MAX];
    struct stat status;

    if (!path || snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return false;
    return stat(dirname(copy), &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

int uid_view_check_socket(const struct uid_view *view, const char *path)
{
    if (view->mapped >= UID_VIEW_ACCOUNTS || is_private(path))
        return 0;
    log_line(LOG_ERR,
             "Cannot listen on %s: other users come there, and in this user namespace of %" PRIu64
             " uids they could not "
             "be told apart; start the server outside (without PrivateUsers=), or use a directory of mode 0700",
             path ? path : "an abstract socket", view->mapped);
    return -EPERM;
}
