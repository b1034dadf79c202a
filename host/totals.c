/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Puts the steps together. Nothing is shown of a file before its slots were checked: what tt-metal keeps as the total
 * of a chip still holds what processes had that died, and only beside the living does it mean something.
 */

#include "host/totals.h"

#include <errno.h>
#include <stdlib.h>

#include "host/census.h"
#include "host/join.h"
#include "host/slots.h"
#include "host/totals_find.h"
#include "host/totals_parse.h"

static int check_all(const struct host_root *root, const struct host *host, struct host_finds *finds)
{
    struct host_census census = {.root = root, .boot_time = host->boot_time};
    int error = 0;

    for (size_t i = 0; error == 0 && i < finds->file_count; i++) {
        struct host_found *found = &finds->files[i];

        if (found->totals.state == HOST_TOTALS_OK)
            error = host_slots_check(host, &census, &finds->shms[found->shm], found->owner, &found->totals);
    }
    host_census_done(&census);
    return error;
}

static int compare_totals(const void *a, const void *b)
{
    const struct host_totals *left = a, *right = b;

    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return (left->through_pid > right->through_pid) - (left->through_pid < right->through_pid);
}

/* Moves them from finds to host. */
static int hand_over(struct host_finds *finds, struct host *host)
{
    struct host_totals *totals = calloc(finds->file_count + 1, sizeof(*totals));

    if (!totals)
        return -ENOMEM;
    for (size_t i = 0; i < finds->file_count; i++) {
        totals[i] = finds->files[i].totals;
        finds->files[i].totals = (struct host_totals){0};
    }
    if (finds->file_count > 1)
        qsort(totals, finds->file_count, sizeof(*totals), compare_totals);
    host->totals = totals;
    host->totals_count = finds->file_count;
    host->totals_error = finds->error;
    return 0;
}

int host_totals_read(const struct host_root *root, struct host *host)
{
    struct host_finds finds;
    int error = host_totals_find(root, host, &finds);

    if (error < 0)
        return error;
    error = check_all(root, host, &finds);
    if (error == 0)
        error = hand_over(&finds, host);
    host_finds_done(&finds);
    return error < 0 ? error : host_totals_join(root, host);
}
