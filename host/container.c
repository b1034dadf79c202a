/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Engines name a cgroup after the container, each in its own way, and with two spellings: systemd's ("docker-ID.scope")
 * and the plain one ("docker/ID"). Of a pod's container the pod is named, because that is what people there know; else
 * the innermost container is.
 */

#include "host/container.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS 12 /* of an id are shown, as engines do */

/* A name in a path: not ended by a zero. */
struct part {
    const char *text;
    size_t length;
};

static const struct {
    const char *prefix; /* before the id */
    const char *engine;
} ENGINES[] = {
    {"docker-", "docker"},
    {"cri-containerd-", "containerd"},
    {"crio-", "crio"},
    {"libpod-", "podman"},
};

static struct part cut_prefix(struct part part, const char *prefix)
{
    size_t length = strlen(prefix);

    if (part.length < length || memcmp(part.text, prefix, length) != 0)
        return (struct part){0};
    return (struct part){part.text + length, part.length - length};
}

static struct part cut_suffix(struct part part, const char *suffix)
{
    size_t length = strlen(suffix);

    if (part.length >= length && memcmp(part.text + part.length - length, suffix, length) == 0)
        part.length -= length;
    return part;
}

/* The name before it in the path; of length 0 if it is the first. */
static struct part part_before(const char *path, struct part part)
{
    const char *end = part.text, *start;

    while (end > path && end[-1] == '/')
        end--;
    for (start = end; start > path && start[-1] != '/'; start--)
        ;
    return (struct part){start, (size_t)(end - start)};
}

static struct part last_part(const char *path)
{
    return part_before(path, (struct part){path + strlen(path), 0});
}

static bool part_is(struct part part, const char *text)
{
    return part.length == strlen(text) && memcmp(part.text, text, part.length) == 0;
}

static bool is_id(struct part part)
{
    for (size_t i = 0; i < part.length; i++)
        if (!isxdigit((unsigned char)part.text[i]))
            return false;
    return part.length >= ID_DIGITS;
}

static char *name_engine(const char *path, struct part part)
{
    struct part scope = cut_suffix(part, ".scope");
    char *name = NULL;

    for (size_t i = 0; i < sizeof(ENGINES) / sizeof(ENGINES[0]); i++) {
        struct part id = cut_prefix(scope, ENGINES[i].prefix);

        if (is_id(id) && asprintf(&name, "%s %.*s", ENGINES[i].engine, ID_DIGITS, id.text) >= 0)
            return name;
    }
    if (part_is(part_before(path, part), "docker") && is_id(part) &&
        asprintf(&name, "docker %.*s", ID_DIGITS, part.text) >= 0)
        return name;
    return NULL;
}

static char *name_lxc(const char *path, struct part part)
{
    struct part payload = cut_prefix(part, "lxc.payload.");
    struct part name = payload;
    char *text = NULL;

    if (part_is(part_before(path, part), "lxc"))
        name = part;
    return name.length > 0 && asprintf(&text, "lxc %.*s", (int)name.length, name.text) >= 0 ? text : NULL;
}

/* Its uid begins behind the last "pod" of "kubepods-burstable-pod1c9d2e3f_4a5b_..." or stands alone behind "pod". */
static char *name_pod_of(struct part part)
{
    struct part slice = cut_suffix(part, ".slice");
    const char *uid = NULL;
    char text[ID_DIGITS + 2] = "", *name = NULL;
    size_t length = 0, digits = 0;

    for (size_t i = 0; i + 3 <= slice.length; i++)
        if (memcmp(slice.text + i, "pod", 3) == 0 && (i == 0 || slice.text[i - 1] == '-'))
            uid = slice.text + i + 3;
    for (; uid && uid < slice.text + slice.length && digits < ID_DIGITS && length + 1 < sizeof(text); uid++) {
        if (!isxdigit((unsigned char)*uid) && *uid != '_' && *uid != '-')
            return NULL;
        digits += isxdigit((unsigned char)*uid) != 0;
        text[length++] = *uid == '_' ? '-' : *uid;
    }
    return digits == ID_DIGITS && asprintf(&name, "pod %s", text) >= 0 ? name : NULL;
}

/* There are none elsewhere than below Kubernetes' own. */
static char *name_pod(const char *path)
{
    char *name = NULL;

    if (!strstr(path, "kubepods"))
        return NULL;
    for (struct part part = last_part(path); !name && part.length > 0; part = part_before(path, part))
        name = name_pod_of(part);
    return name;
}

/* NULL: none, or no memory to say it. */
static char *name_container(const char *path)
{
    char *(*const namers[])(const char *, struct part) = {name_engine, name_lxc};
    char *name = name_pod(path);

    for (size_t i = 0; !name && i < sizeof(namers) / sizeof(namers[0]); i++)
        for (struct part part = last_part(path); !name && part.length > 0; part = part_before(path, part))
            name = namers[i](path, part);
    return name;
}

/* The path in a line "4:memory:/path", and how much it tells; of version 2 is "0::/path". */
static const char *weigh_line(char *line, int *ret_weight, char **ret_container)
{
    char *path = strchr(line, ':');

    path = path ? strchr(path + 1, ':') : NULL;
    if (!path)
        return NULL;
    path++;
    *ret_container = name_container(path);
    if (*ret_container)
        *ret_weight = 4;
    else if (strcmp(path, "/") != 0)
        *ret_weight = strncmp(line, "0::", 3) == 0 ? 3 : 2;
    else
        *ret_weight = 1;
    return path;
}

static char *choose_line(char *text, char **ret_container)
{
    const char *best = NULL;
    char *best_container = NULL, *rest = NULL;
    int best_weight = 0;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *container = NULL;
        int weight = 0;
        const char *path = weigh_line(line, &weight, &container);

        if (weight > best_weight) {
            free(best_container);
            best_container = container;
            best_weight = weight;
            best = path;
        } else {
            free(container);
        }
    }
    *ret_container = best_container;
    return best ? strdup(best) : NULL;
}

int host_container_find(const char *text, char **ret_cgroup, char **ret_container)
{
    char *copy = strdup(text), *container = NULL, *cgroup;

    if (!copy)
        return -ENOMEM;
    cgroup = choose_line(copy, &container);
    free(copy);
    if (!cgroup) {
        free(container);
        return -ENODATA;
    }
    *ret_cgroup = cgroup;
    *ret_container = container;
    return 0;
}
