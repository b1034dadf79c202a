/* SPDX-License-Identifier: Apache-2.0 */

/*
 *     [live]
 *     devices=auto
 *     sort=dram
 *     reverse=no
 *     tree=no
 *     interval=1
 *     hide=l1_small,age
 */

#include "smi/live/settings.h"
#include "smi/cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fullness_names[] = {
    [FULLNESS_AUTO] = "auto", [FULLNESS_FULL] = "full", [FULLNESS_COMPACT] = "compact"};

struct settings settings_default(void)
{
    return (struct settings){.sort = FIELD_DRAM, .interval = 1000000000};
}

static void take_fullness(const char *value, enum fullness *ret)
{
    for (size_t i = 0; i < sizeof(fullness_names) / sizeof(fullness_names[0]); i++) {
        if (strcasecmp(value, fullness_names[i]) == 0)
            *ret = (enum fullness)i;
    }
}

static void take_switch(const char *value, bool *ret)
{
    if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "no") == 0)
        *ret = strcasecmp(value, "yes") == 0;
}

/* Processes without a name or a number would be none. */
static bool may_be_hidden(enum field field)
{
    return field < FIELDS && field != FIELD_PID && field != FIELD_COMMAND;
}

static void take_hidden(const char *value, bool is_hidden[FIELDS])
{
    memset(is_hidden, false, FIELDS * sizeof(*is_hidden));
    while (*value) {
        size_t length = strcspn(value, ",");
        enum field field = field_by_name(value, length);

        if (may_be_hidden(field))
            is_hidden[field] = true;
        value += length + (value[length] == ',');
    }
}

static void take(struct settings *settings, const char *name, const char *value)
{
    enum field field = field_by_name(value, strlen(value));

    if (strcmp(name, "devices") == 0)
        take_fullness(value, &settings->fullness);
    else if (strcmp(name, "sort") == 0 && field < FIELDS)
        settings->sort = field;
    else if (strcmp(name, "reverse") == 0)
        take_switch(value, &settings->is_reversed);
    else if (strcmp(name, "tree") == 0)
        take_switch(value, &settings->is_tree);
    else if (strcmp(name, "interval") == 0)
        value_interval(value, 1, &settings->interval);
    else if (strcmp(name, "hide") == 0)
        take_hidden(value, settings->is_hidden);
}

void settings_parse(FILE *in, struct settings *settings)
{
    char line[512];

    while (fgets(line, sizeof(line), in)) {
        char *value = strchr(line, '=');

        line[strcspn(line, "\r\n")] = '\0';
        if (!value || line[0] == '#' || line[0] == ';')
            continue;
        *value++ = '\0';
        take(settings, line, value);
    }
}

void settings_write(FILE *out, const struct settings *settings)
{
    const char *comma = "";

    fprintf(out,
            "[live]\ndevices=%s\nsort=%s\nreverse=%s\ntree=%s\ninterval=%g\nhide=", fullness_names[settings->fullness],
            fields[settings->sort].name, settings->is_reversed ? "yes" : "no", settings->is_tree ? "yes" : "no",
            (double)settings->interval / 1e9);
    for (enum field field = 0; field < FIELDS; field++) {
        if (!settings->is_hidden[field])
            continue;
        fprintf(out, "%s%s", comma, fields[field].name);
        comma = ",";
    }
    fputc('\n', out);
}

char *settings_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path;
    int length;

    if (config && config[0] == '/')
        length = asprintf(&path, "%s/tt-smi/live.ini", config);
    else if (home && home[0] == '/')
        length = asprintf(&path, "%s/.config/tt-smi/live.ini", home);
    else
        return NULL;
    return length < 0 ? NULL : path;
}

void settings_load(const char *path, struct settings *settings)
{
    FILE *file = fopen(path, "re");

    if (!file)
        return;
    settings_parse(file, settings);
    fclose(file);
}

/* Those that the path goes through. */
static int make_directories(const char *path)
{
    char *part = strdup(path);
    int r = part ? 0 : -ENOMEM;

    for (char *slash = part ? strchr(part + 1, '/') : NULL; slash && r == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            r = -errno;
        *slash = '/';
    }
    free(part);
    return r;
}

static int write_file(const char *path, const struct settings *settings)
{
    FILE *file = fopen(path, "we");
    bool has_failed;

    if (!file)
        return -errno;
    settings_write(file, settings);
    has_failed = ferror(file);
    return fclose(file) != 0 || has_failed ? -EIO : 0;
}

int settings_save(const char *path, const struct settings *settings)
{
    char *fresh;
    int r = make_directories(path);

    if (r < 0)
        return r;
    if (asprintf(&fresh, "%s.new", path) < 0)
        return -ENOMEM;
    r = write_file(fresh, settings);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh);
    free(fresh);
    return r;
}
