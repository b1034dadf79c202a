/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a target says when something is not as it must be: abort() is what both fuzzers keep the input for.
 */

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)
