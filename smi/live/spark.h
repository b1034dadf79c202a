/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A line of small columns: how something went up and down. What is not known is a gap. */

#include "smi/live/screen.h"

#define SPARK_UNKNOWN UINT64_MAX
#define SPARK_GAP (-1)
#define SPARK_LEVELS 8

/* How high a column is, from 0 (nothing) to SPARK_LEVELS; SPARK_GAP where it is not known. What is more than nothing
 * is at least 1. */
int spark_level(uint64_t value, uint64_t most);

/* The character of that height. */
uint32_t spark_shape(int level, bool utf8);

/* The largest of the known among count values; SPARK_UNKNOWN if none is. */
uint64_t spark_most(const uint64_t *values, size_t count);

/*
 * Puts count values, the oldest first, into width columns, each the highest of its share. most is what a full column
 * stands for; 0: the highest value.
 */
void spark_draw(const struct area *area, size_t x, size_t y, size_t width, const uint64_t *values, size_t count,
                uint64_t most, struct pen pen);
