/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the server counts about itself. Every report that arrived (`reports`) ends in exactly one of `allocations`,
 * `frees`, `unknown_free`, `overtaken` or a refused_{device,size,region,limit,memory}: nothing is dropped without a
 * number. Reports that did not arrive are in `lost_reports` or, if they were made before the server knew of it,
 * `caught_up`. What a resync tells is no report: it ends in `announced` or `refused_announced`. FIGURES names them
 * once, for the struct and for the wire.
 */

#include <stdint.h>

#define FIGURES(X)                                                                                                     \
    X(sessions) /* open now */                                                                                         \
    X(sessions_accepted)                                                                                               \
    X(sessions_refused) /* of those: */                                                                                \
    X(sessions_refused_places)                                                                                         \
    X(sessions_refused_system)                                                                                         \
    X(accept_pauses) /* times nobody was accepted for half a second */                                                 \
    X(refused_answers)                                                                                                 \
    X(stalled_peers)                                                                                                   \
    X(bad_frames)                                                                                                      \
    X(reports)                                                                                                         \
    X(allocations)                                                                                                     \
    X(frees)                                                                                                           \
    X(unknown_free)                                                                                                    \
    X(overtaken) /* frees of buffers that a running resync had not told of yet */                                      \
    X(ambiguous_free)                                                                                                  \
    X(shared)                                                                                                          \
    X(replaced)                                                                                                        \
    X(refused_device)                                                                                                  \
    X(refused_size)                                                                                                    \
    X(refused_region)                                                                                                  \
    X(refused_limit)                                                                                                   \
    X(refused_memory)                                                                                                  \
    X(out_of_memory) /* what else could not be had: answers, rings, entries of processes that ended, ... */            \
    X(refused_description)                                                                                             \
    X(pid_mismatch)                                                                                                    \
    X(device_peak_resets)                                                                                              \
    X(not_permitted)                                                                                                   \
    X(leaked_processes)                                                                                                \
    X(leaked_buffers)                                                                                                  \
    X(forgotten_leaks)                                                                                                 \
    X(rings)        /* open now */                                                                                     \
    X(ring_bytes)   /* of them */                                                                                      \
    X(wakes)        /* RING_WAKE frames */                                                                             \
    X(cut_off)      /* sessions whose ring held what no client writes */                                               \
    X(lost_reports) /* that a full ring or socket kept from the server */                                              \
    X(caught_up)    /* reports made before this server knew the reporter; a resync told their effect */                \
    X(resyncs)      /* that ended */                                                                                   \
    X(announced)                                                                                                       \
    X(refused_announced)                                                                                               \
    X(swept)           /* buffers that a resync did not tell of */                                                     \
    X(resync_mismatch) /* resyncs after which the reporter and the server disagreed on the live buffers */             \
    X(longest_turn_ns)

struct figures {
#define FIGURE_FIELD(name) uint64_t name;
    FIGURES(FIGURE_FIELD)
#undef FIGURE_FIELD
};
