/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a picture of the past is made of: devices have the server's history, processes what the view saw itself. Where
 * it saw nothing there are no processes; those of now would pass for those of then.
 */

#include "smi/live/draw.h"
#include "smi/sample/clock.h"

#include <errno.h>

static void see_nothing(const struct live_model *model, uint64_t moment, struct then *then)
{
    struct snapshot *snapshot = &then->table.snapshot;

    *snapshot = *model->snapshot;
    snapshot->time = moment;
    snapshot->process_count = snapshot->leak_count = 0;
    snapshot->coverage = (struct coverage){.devices = snapshot->coverage.devices};
}

static void go_back(struct then *then, uint64_t back)
{
    struct snapshot *snapshot = &then->table.snapshot;

    snapshot->uptime = snapshot->uptime > back ? snapshot->uptime - back : 0;
    then->model.snapshot = snapshot;
    then->model.growth = &then->table.growth;
    then->model.moment -= back;
    then->model.is_past = true;
}

int then_make(const struct live_model *model, const struct live_view *view, struct then *ret)
{
    uint64_t back = view_back(view) * SECOND;
    int r = 0;

    *ret = (struct then){.model = *model};
    ret->model.knows_processes = true;
    ret->model.moment = model->snapshot->time;
    if (back == 0)
        return 0;
    r = past_read(model->past, model->snapshot, model->filter, model->snapshot->time - back, &ret->table);
    if (r == -ENOENT)
        see_nothing(model, model->snapshot->time - back, ret);
    else if (r < 0)
        return r;
    ret->model.knows_processes = r == 0;
    ret->model.known_since = past_since(model->past, model->snapshot);
    go_back(ret, back);
    return 0;
}

void then_clear(struct then *then)
{
    past_table_clear(&then->table);
}
