/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts of this process and its host that no sample holds. Whether the loader finds the client library is best asked of
 * the loader: it alone knows its cache and its paths. Loading it here does nothing, since nobody reports.
 */

#include "smi/doctor/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void find_library(char *ret, size_t size)
{
    void *library = dlopen(TT_ALLOC_SONAME, RTLD_LAZY | RTLD_LOCAL);
    void *function = library ? dlsym(library, "tt_alloc_connect") : NULL;
    Dl_info place;

    if (function && dladdr(function, &place) != 0)
        snprintf(ret, size, "%s", place.dli_fname);
    if (library)
        dlclose(library);
}

static bool is_in_group(gid_t group)
{
    gid_t groups[1024];
    int count = getgroups(sizeof(groups) / sizeof(groups[0]), groups);

    for (int i = 0; i < count; i++) {
        if (groups[i] == group)
            return true;
    }
    return getegid() == group;
}

static void find_group(struct doctor_facts *facts)
{
    const struct group *group = getgrnam("tt-alloc");

    facts->has_group = group != NULL;
    facts->is_member = group && is_in_group(group->gr_gid);
}

static struct environment read_environment(void)
{
    return (struct environment){
        .tracking = secure_getenv("TT_ALLOC_TRACKING_ENABLED"),
        .socket = secure_getenv("TT_ALLOC_SOCKET"),
        .server_user = secure_getenv("TT_ALLOC_SERVER_USER"),
        .transport = secure_getenv("TT_ALLOC_TRANSPORT"),
        .full_wait = secure_getenv("TT_ALLOC_FULL_WAIT_MS"),
    };
}

/* A uid is a user even if it has no name. */
static bool is_user(const char *name)
{
    return name && ((name[0] >= '0' && name[0] <= '9') || getpwnam(name));
}

static int copy_figures(const struct tt_alloc_list *list, struct doctor_facts *facts)
{
    size_t count = list ? tt_alloc_list_count(list) : 0;
    struct tt_alloc_figure *figures = calloc(count + 1, sizeof(*figures));

    if (!figures)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        figures[i] = *tt_alloc_list_figure(list, i);
    facts->figures = figures;
    facts->figure_count = count;
    return 0;
}

int doctor_facts_collect(const struct snapshot *snapshot, const char *root, struct doctor_facts *ret)
{
    struct doctor_facts facts = {
        .snapshot = snapshot,
        .is_here = !root || strcmp(root, "/") == 0,
        .is_root = geteuid() == 0,
        .environment = read_environment(),
    };
    int r = copy_figures(snapshot->details.figures, &facts);

    if (r < 0)
        return r;
    if (facts.is_here) {
        find_group(&facts);
        find_library(facts.library, sizeof(facts.library));
        facts.has_server_user = is_user(facts.environment.server_user);
    }
    *ret = facts;
    return 0;
}

void doctor_facts_clear(struct doctor_facts *facts)
{
    free((void *)facts->figures);
    facts->figures = NULL;
}
