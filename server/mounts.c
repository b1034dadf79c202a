/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A mount namespace has a number, but that of PID 1 is only shown to root, and that they differ says nothing about one
 * directory: most of systemd's sandboxes leave /tmp and /run as they are. So it is the directory that is looked at.
 */

#include "server/mounts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PRIVATE_DIRECTORY "/systemd-private-" /* what PrivateTmp= mounts on /tmp is /tmp/systemd-private-.../tmp */

/* 1 it is another one, 0 it is the same, -1 we may not know. */
static int differs_from_init(const char *path)
{
    char directory[PATH_MAX], of_init[PATH_MAX + 16];
    const char *slash = strrchr(path, '/');
    struct stat ours, its;

    snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    snprintf(of_init, sizeof(of_init), "/proc/1/root%s", directory);
    if (stat("/proc/1/root/", &its) < 0 || stat(directory, &ours) < 0)
        return -1;
    if (stat(of_init, &its) < 0)
        return 1;
    return ours.st_dev != its.st_dev || ours.st_ino != its.st_ino;
}

static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '/' || (length == 1 && path[0] == '/'));
}

bool mounts_are_private(FILE *mountinfo, const char *path)
{
    bool private = false;
    size_t longest = 0, size = 0;
    char *line = NULL;

    while (getline(&line, &size, mountinfo) > 0) {
        char *root = NULL, *point = NULL;

        /* Of several on the same directory the last lies on top. */
        if (sscanf(line, "%*d %*d %*s %ms %ms", &root, &point) == 2 && strlen(point) >= longest &&
            is_below(path, point)) {
            longest = strlen(point);
            private = strstr(root, PRIVATE_DIRECTORY) != NULL;
        }
        free(root);
        free(point);
    }
    free(line);
    return private;
}

bool mounts_hide(const char *path)
{
    FILE *mountinfo;
    bool private;
    int differs = path[0] == '/' ? differs_from_init(path) : 0;

    if (differs >= 0)
        return differs == 1;
    mountinfo = fopen("/proc/self/mountinfo", "re");
    if (!mountinfo)
        return false;
    private = mounts_are_private(mountinfo, path);
    fclose(mountinfo);
    return private;
}
