/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tt-alloc-bench: what reporting costs, measured beside what it replaces. This program is also its own clients and the
 * model's server, started with words that the help does not name.
 */

#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/client.h"
#include "bench/gates.h"
#include "bench/json.h"
#include "bench/model.h"

int main(int argc, char **argv)
{
    struct options options = {0};
    struct bench bench;
    int result;

    if (argc == 3 && strcmp(argv[1], "--model") == 0)
        model_main(argv[2]);
    if (argc == 6 && strcmp(argv[1], "--client") == 0)
        client_main(argv + 2);

    unsetenv("TT_ALLOC_TRACKING_ENABLED"); /* this process asks and does not report */
    result = options_parse(argc, argv, &options);
    if (result <= 0)
        return -result;
    bench_init(&bench, &options);
    bench_measure(&bench);
    if (options.json) {
        json_print(&bench);
    } else {
        bench_print(&bench);
        gates_print(&bench);
    }
    book_done(&bench.book);
    return EXIT_SUCCESS;
}
