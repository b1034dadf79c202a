/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Amounts are built from regions rather than from the pools' own figures, so that one way serves both with and without
 * a region in the filter.
 */

#include "smi/views/amounts.h"
#include "smi/text/format.h"

#include <stdio.h>
#include <stdlib.h>

static void add_amount(FILE *out, struct sum sum, const char *joiner, const char *title)
{
    if (sum.buffers > 0)
        fprintf(out, "%s%s%s%s", ftell(out) > 0 ? ", " : "", format_size(sum.bytes).text, joiner, title);
}

static struct sum add_sums(struct sum a, struct sum b)
{
    return (struct sum){
        .used = a.used || b.used,
        .bytes = add_saturating(a.bytes, b.bytes),
        .buffers = add_saturating(a.buffers, b.buffers),
        .peak = add_saturating(a.peak, b.peak),
    };
}

static struct sum sum_regions(const struct process_row *const *rows, size_t count, uint32_t region,
                              const struct filter *filter)
{
    struct sum sum = {0};

    for (size_t i = 0; i < count; i++)
        sum = add_sums(sum, sum_region(rows[i]->facts.usage, rows[i]->facts.usage_count, region, filter));
    return sum;
}

/* pool -1: what is in no pool. */
static struct sum sum_of_pool(const struct process_row *const *rows, size_t count, int pool,
                              const struct filter *filter)
{
    struct sum sum = {0};

    for (uint32_t region = 0; region < TT_ALLOC_REGIONS; region++) {
        if (regions[region].pool == pool)
            sum = add_sums(sum, sum_regions(rows, count, region, filter));
    }
    return sum;
}

char *amounts_describe(const struct process_row *const *rows, size_t count, const struct filter *filter,
                       const char *joiner)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (filter->region >= 0) {
        uint32_t region = (uint32_t)filter->region;

        add_amount(out, sum_regions(rows, count, region, filter), joiner, regions[region].title);
    } else {
        for (int pool = 0; pool < TT_ALLOC_POOLS; pool++)
            add_amount(out, sum_of_pool(rows, count, pool, filter), joiner, pool_titles[pool]);
        add_amount(out, sum_of_pool(rows, count, -1, filter), joiner, regions[TT_ALLOC_KERNEL].title);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
