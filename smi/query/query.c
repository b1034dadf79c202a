/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list of fields is read anew for each sample: it is short, and nothing has to be kept between frames.
 */

#include "smi/query/query.h"
#include "smi/cli/suggest.h"
#include "smi/cli/values.h"
#include "smi/query/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 22

struct query {
    const struct query_field **fields;
    size_t count;
};

static const struct query_fields *fields_of(const struct options *options)
{
    return options->query_devices ? &query_device_fields : &query_process_fields;
}

static int refuse_field(const struct query_fields *known, const char *name)
{
    const char **names = calloc(known->count, sizeof(*names)), *near;

    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < known->count; i++)
        names[i] = known->list[i].name;
    near = suggest(name, names, known->count);
    free(names);
    if (near)
        return refuse("unknown field '%s', did you mean %s?   tt-smi --help-fields", name, near);
    return refuse("unknown field '%s'   tt-smi --help-fields lists the fields", name);
}

static int add(struct query *query, const struct query_field *field)
{
    const struct query_field **grown = reallocarray(query->fields, query->count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    grown[query->count++] = field;
    query->fields = grown;
    return 0;
}

static int add_named(struct query *query, const struct query_fields *known, const char *name)
{
    bool is_all = strcmp(name, "all") == 0, is_found = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < known->count; i++) {
        if (!is_all && strcmp(name, known->list[i].name) != 0)
            continue;
        is_found = true;
        r = add(query, &known->list[i]);
    }
    return r == 0 && !is_found ? refuse_field(known, name) : r;
}

/* Blanks around a name are those of a list that was quoted to be readable. */
static char *trim(char *name)
{
    size_t length;

    name += strspn(name, " ");
    for (length = strlen(name); length > 0 && name[length - 1] == ' '; length--)
        name[length - 1] = '\0';
    return name;
}

static int parse(const struct options *options, struct query *ret)
{
    char *list = strdup(options->query_devices ? options->query_devices : options->query_processes);
    struct query query = {0};
    int r = list ? 0 : -ENOMEM;

    for (char *item, *rest = list; r == 0 && (item = strsep(&rest, ","));)
        r = add_named(&query, fields_of(options), trim(item));
    free(list);
    if (r < 0)
        free(query.fields);
    else
        *ret = query;
    return r;
}

int query_check(const struct options *options)
{
    struct query query = {0};
    int r = options->query_devices || options->query_processes ? parse(options, &query) : 0;

    free(query.fields);
    return r;
}

/* ---- Output ---- */

static void put_header(FILE *out, const struct query *query, bool has_units)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct query_field *field = query->fields[i];

        fprintf(out, "%s%s", i ? "," : "", field->name);
        if (field->unit && has_units)
            fprintf(out, " [%s]", field->unit);
    }
    fputc('\n', out);
}

static int put_row(FILE *out, const struct query *query, const struct query_row *row)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < query->count; i++) {
        fputs(i ? "," : "", out);
        r = query->fields[i]->put(out, row, query->fields[i]->index);
    }
    fputc('\n', out);
    return r;
}

static int put_rows(FILE *out, const struct query *query, const struct snapshot *snapshot,
                    const struct options *options)
{
    struct query_row row = {.snapshot = snapshot, .filter = &options->filter, .utf8 = !options->ascii};
    int r = 0;

    for (size_t i = 0; options->query_devices && r == 0 && i < snapshot->device_count; i++) {
        row.device = snapshot->devices[i];
        r = put_row(out, query, &row);
    }
    for (size_t i = 0; options->query_processes && r == 0 && i < snapshot->process_count; i++) {
        row.process = snapshot->processes[i];
        r = put_row(out, query, &row);
    }
    return r;
}

int query_print(FILE *out, const struct snapshot *snapshot, const struct options *options)
{
    struct query query = {0};
    int r = parse(options, &query);

    if (r < 0)
        return r;
    if (!options->noheader)
        put_header(out, &query, !options->nounits);
    r = put_rows(out, &query, snapshot, options);
    free(query.fields);
    return r;
}

static void put_help(FILE *out, const struct query_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        fprintf(out, "  %-*s %s\n", NAME_WIDTH, fields->list[i].name, fields->list[i].help);
}

void query_print_help(FILE *out)
{
    fputs("Names with commas between, or all. Numbers are bare: bytes, never K or M.\n"
          "What is not known is empty.\n"
          "  --format=csv,noheader   without the line of names\n"
          "  --format=csv,nounits    names without [units] behind them\n",
          out);
    fputs("\n--query-devices=FIELDS, a row for each device:\n", out);
    put_help(out, &query_device_fields);
    fputs("\n--query-processes=FIELDS, a row for each process, summed over its devices:\n", out);
    put_help(out, &query_process_fields);
}
