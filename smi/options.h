/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line. --help (help.c) is its manual. */

#include "smi/model.h"

#include <stdbool.h>
#include <stdint.h>

enum view {
    VIEW_TABLE,
    VIEW_LEAKS,
    VIEW_EXITED,
};

enum action {
    ACTION_SHOW,
    ACTION_HELP,
    ACTION_VERSION,
};

enum when {
    WHEN_AUTO,
    WHEN_ALWAYS,
    WHEN_NEVER,
};

struct options {
    enum action action;
    enum view view;
    bool watch;
    uint64_t interval; /* ns */
    bool json;
    bool ascii;
    enum when color;
    const char *socket; /* of argv; NULL: the default */
    struct filter filter;
};

/* -EINVAL after one line on stderr that says what is wrong and what was probably meant; -ENOMEM. */
int options_parse(int argc, char **argv, struct options *ret);

/* Takes half-built ones. */
void options_clear(struct options *options);
