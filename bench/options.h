/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The command line. The benchmark also starts itself, as a client or as the model, with words of its own.
 */

#include <stdbool.h>

#define OPTIONS_PATH_SIZE 4096

struct options {
    bool json;
    bool quick;
    bool large;
    unsigned runs;
    const char *only;               /* NULL: all groups */
    char server[OPTIONS_PATH_SIZE]; /* the program to measure */
};

/* 1: go on; 0: everything asked for is done; negative: an exit status, negated. */
int options_parse(int argc, char **argv, struct options *ret);
