/* SPDX-License-Identifier: Apache-2.0 */

/*
 * After an error a connection is of no further use, whatever the error was: a new one costs a fraction of a
 * millisecond.
 */

#include "smi/sample/source.h"
#include "smi/sample/details.h"

void source_init(struct source *source, const struct options *options)
{
    *source = (struct source){.path = snapshot_path(options->socket, options->root)};
}

void source_clear(struct source *source)
{
    source->connection = tt_alloc_disconnect(source->connection);
}

int source_sample(struct source *source, const struct options *options, struct snapshot *ret)
{
    bool must_connect = source->path && !source->connection;
    int error = must_connect ? tt_alloc_connect(source->path, &source->connection) : 0;
    int r = snapshot_take(source->connection, source->path, error, options->root, options_host_parts(options), ret);

    if (r == 0)
        r = details_ask(source->connection, options, ret);
    if (r == 0 && ret->error != 0)
        source->connection = tt_alloc_disconnect(source->connection);
    return r;
}
