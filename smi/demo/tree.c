/* SPDX-License-Identifier: Apache-2.0 */

/* One list for making and removing, so that nothing stays behind. */

#include "smi/demo/tree.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const directories[] = {"proc", "proc/sys", "proc/sys/kernel"};
static const char hostname[] = "proc/sys/kernel/hostname";

#define DIRECTORIES (sizeof(directories) / sizeof(directories[0]))

static const char *compose(char path[PATH_MAX], const char *directory, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return path;
}

int demo_tree_make(const char *directory)
{
    char path[PATH_MAX];
    FILE *file;

    for (size_t i = 0; i < DIRECTORIES; i++) {
        if (mkdir(compose(path, directory, directories[i]), 0700) < 0)
            return -errno;
    }
    file = fopen(compose(path, directory, hostname), "we");
    if (!file)
        return -errno;
    fputs("demo\n", file);
    return fclose(file) == 0 ? 0 : -errno;
}

void demo_tree_remove(const char *directory)
{
    char path[PATH_MAX];

    remove(compose(path, directory, hostname));
    for (size_t i = DIRECTORIES; i-- > 0;)
        remove(compose(path, directory, directories[i]));
}
