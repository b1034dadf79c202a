/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The numbers to hold: for each a gate that must be passed, an aim, and what this run found.
 */

#include <stddef.h>

struct bench;

enum verdict { VERDICT_UNKNOWN, VERDICT_MISS, VERDICT_OK, VERDICT_AIM };

struct gate_result {
    const char *name;
    double value;
    double gate, aim;
    enum verdict verdict;
};

size_t gates_count(void);
struct gate_result gates_result(const struct bench *bench, size_t index);
const char *gates_verdict(enum verdict verdict);
void gates_print(const struct bench *bench);
