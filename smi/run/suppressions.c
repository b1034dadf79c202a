/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The colon before a region is the last one of the line, and is one only if a region's name follows: command lines have
 * colons of their own. A pattern that ends so by chance can be written with ":*" behind it.
 */

#include "smi/run/suppressions.h"
#include "smi/cli/values.h"
#include "smi/sample/model.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND "leak:"

/* Cuts white space off both ends. */
static char *strip(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Cuts the region off a pattern. */
static int take_region(char *pattern)
{
    char *colon = strrchr(pattern, ':');
    int region = colon ? region_by_name(colon + 1) : -1;

    if (region >= 0 || (colon && strcmp(colon, ":*") == 0))
        *colon = '\0';
    return region;
}

static int add_rule(struct suppressions *suppressions, const char *pattern, int region)
{
    struct suppression *rules = reallocarray(suppressions->rules, suppressions->count + 1, sizeof(rules[0]));

    if (!rules)
        return -ENOMEM;
    suppressions->rules = rules;
    rules[suppressions->count] = (struct suppression){strdup(pattern), region};
    if (!rules[suppressions->count].pattern)
        return -ENOMEM;
    suppressions->count++;
    return 0;
}

static int take_line(struct suppressions *suppressions, char *line, const char *path, unsigned number)
{
    char *text = strip(line), *pattern = text + strlen(KIND);
    int region;

    if (*text == '\0' || *text == '#')
        return 0;
    if (strncmp(text, KIND, strlen(KIND)) != 0)
        return refuse("%s:%u: a rule is leak:COMMAND or leak:COMMAND:REGION, not '%s'", path, number, text);
    region = take_region(pattern);
    if (*pattern == '\0')
        return refuse("%s:%u: there is no pattern for the command behind leak: (* is any command)", path, number);
    return add_rule(suppressions, pattern, region);
}

static int read_lines(FILE *file, const char *path, struct suppressions *suppressions)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int r = 0;

    for (unsigned number = 1; r == 0 && (length = getline(&line, &size, file)) >= 0; number++) {
        if (strlen(line) == (size_t)length)
            r = take_line(suppressions, line, path, number);
        else
            r = refuse("%s:%u: a rule has no NUL characters", path, number);
    }
    if (r == 0 && ferror(file))
        r = refuse("cannot read the suppressions in %s: %s", path, strerror(errno));
    free(line);
    return r;
}

int suppressions_read(const char *path, struct suppressions *ret)
{
    struct suppressions suppressions = {0};
    FILE *file = fopen(path, "re");
    int r;

    if (!file)
        return refuse("cannot read the suppressions in %s: %s", path, strerror(errno));
    r = read_lines(file, path, &suppressions);
    fclose(file);
    if (r < 0)
        suppressions_clear(&suppressions);
    else
        *ret = suppressions;
    return r;
}

void suppressions_clear(struct suppressions *suppressions)
{
    for (size_t i = 0; i < suppressions->count; i++)
        free(suppressions->rules[i].pattern);
    free(suppressions->rules);
    *suppressions = (struct suppressions){0};
}

bool suppressions_match(const struct suppressions *suppressions, const char *command, const char *comm, uint32_t region)
{
    for (size_t i = 0; i < suppressions->count; i++) {
        const struct suppression *rule = &suppressions->rules[i];

        if (rule->region >= 0 && (uint32_t)rule->region != region)
            continue;
        if (fnmatch(rule->pattern, command, 0) == 0 || fnmatch(rule->pattern, comm, 0) == 0)
            return true;
    }
    return false;
}
