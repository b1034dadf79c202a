/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the server counts about itself. Every report ends in exactly one of `allocations`, `frees`, `unknown_free` or a
 * refused_*: nothing that arrived is dropped without a number. FIGURES names them once, for the struct and for the
 * wire.
 */

#include <stdint.h>

#define FIGURES(X)                                                                                                     \
    X(sessions) /* open now */                                                                                         \
    X(sessions_accepted)                                                                                               \
    X(sessions_refused)                                                                                                \
    X(refused_answers)                                                                                                 \
    X(stalled_peers)                                                                                                   \
    X(bad_frames)                                                                                                      \
    X(reports)                                                                                                         \
    X(allocations)                                                                                                     \
    X(frees)                                                                                                           \
    X(unknown_free)                                                                                                    \
    X(ambiguous_free)                                                                                                  \
    X(shared)                                                                                                          \
    X(replaced)                                                                                                        \
    X(refused_device)                                                                                                  \
    X(refused_size)                                                                                                    \
    X(refused_region)                                                                                                  \
    X(refused_limit)                                                                                                   \
    X(refused_memory)                                                                                                  \
    X(refused_description)                                                                                             \
    X(pid_mismatch)                                                                                                    \
    X(not_permitted)                                                                                                   \
    X(leaked_processes)                                                                                                \
    X(leaked_buffers)

struct figures {
#define FIGURE_FIELD(name) uint64_t name;
    FIGURES(FIGURE_FIELD)
#undef FIGURE_FIELD
};
