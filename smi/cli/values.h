/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The values of options. What a user typed is either understood completely or refused: half a number is not a number.
 * Unless said otherwise the functions return 0, -ENOMEM, or -EINVAL after one line on stderr.
 */

#include "smi/cli/options.h"

/* Says so on stderr and returns -EINVAL. What the user typed is escaped. */
int refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A length of time in units of `unit` seconds, from 0.1 s to a day; false, silently, for anything else. */
bool value_interval(const char *text, double unit, uint64_t *ret);

/* Adds the numbers of a comma list, which is cut up. */
int value_devices(struct filter *filter, char *list);

/* A name or uid; NULL: whoever asks. After users_set_root(). */
int value_user(struct filter *filter, const char *user);

int value_pid(struct filter *filter, const char *text);
int value_region(struct filter *filter, const char *name);

/* At least 1. */
int value_count(const char *text, uint32_t *ret);

/* csv, and what comes behind commas; the list is cut up. */
int value_format(struct options *options, char *list);

/* The place of the word among those of the option of that code. */
int value_word(int code, const char *word, unsigned *ret);
