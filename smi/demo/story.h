/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The stories of tt-smi --demo: who appears in them, what each allocates and how it ends. They are data; script.h plays
 * them.
 *
 * An application first loads, then lives in beats: a tenth of a second each on a live screen. All beats before the
 * story's point are played at once, so that there is something to be seen from the start.
 */

#include <stddef.h>
#include <stdint.h>

enum story_number {
    STORY_LEAK,
    STORY_CRASH,
    STORY_MULTI,
    STORY_GALAXY,
    STORIES,
};

/* Buffers on every device of the role, each of a size between two, which may be the same. */
struct story_part {
    uint8_t region; /* enum tt_alloc_region */
    unsigned count; /* when loading; of a habit: in every beat */
    uint64_t least, most;
    unsigned beats; /* of a habit: how long each lives; 0: it is never freed */
};

#define STORY_PARTS 6
#define STORY_WORDS 8

enum story_ending {
    ENDING_NONE,
    ENDING_EXIT, /* without freeing anything */
    ENDING_KILL, /* by SIGKILL */
};

struct story_role {
    const char *words[STORY_WORDS]; /* the command line, up to a NULL */
    unsigned device, devices;       /* the first of the host's, and how many */
    struct story_part load[STORY_PARTS], habits[STORY_PARTS];
    unsigned beats; /* up to the story's point, which is where it ends if it does */
    enum story_ending ending;
};

struct story {
    const char *board; /* of all devices */
    const struct story_role *roles;
    size_t role_count;
};

extern const struct story stories[STORIES];
