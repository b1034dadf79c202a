/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/fault.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/rig.h"

#define REPORTS 1000000
#define STOPPED (NS_PER_S / 5)

void fault_measure(struct bench *bench)
{
    static const enum way ways[] = {WAY_SOCKET, WAY_RING};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct rig_plan plan = {.way = ways[i], .live = 10000, .clients = 1, .may_lose = true};
        struct rig rig;

        rig_up(bench, &plan, &rig);
        kill(rig.target.child.pid, SIGSTOP);
        rig_tell(&rig, 0, REPORTS, PHASE_SATURATED);
        clock_sleep_until(clock_now() + STOPPED);
        kill(rig.target.child.pid, SIGCONT);
        rig_finish(&rig);
        book_add(&bench->book, (double)rig.results[0].lost, "faults.%s.lost", way_name(ways[i]));
        rig_down(bench, &rig);
    }
}

void fault_print(const struct bench *bench)
{
    printf("\nReports made by all clients of the library and the socket: %" PRIu64 "\n", bench->reports.sent);
    printf("  applied %" PRIu64 ", counted as lost %" PRIu64 ", made before their server knew them %" PRIu64
           ", astray %" PRIu64 "\n",
           bench->reports.applied, bench->reports.lost, bench->reports.caught_up, bench->reports.astray);
}
