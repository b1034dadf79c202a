/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a user may choose to have at every start: how devices are shown, what is sorted by, which columns there are, how
 * often it is refreshed. It is kept in an ini file, which is written only when he asks for it.
 */

#include "smi/live/fields.h"
#include "smi/live/layout.h"

#include <stdio.h>

struct settings {
    enum fullness fullness;
    enum field sort;
    bool is_reversed, is_tree;
    uint64_t interval;      /* from one sample to the next, ns */
    bool is_hidden[FIELDS]; /* columns */
};

struct settings settings_default(void);

/* What a line of the file does not say, or says in words that we do not know, stays as it was. */
void settings_parse(FILE *in, struct settings *settings);
void settings_write(FILE *out, const struct settings *settings);

/* $XDG_CONFIG_HOME/tt-smi/live.ini, else ~/.config/tt-smi/live.ini. NULL: there is no home, or no memory; free() it. */
char *settings_path(void);

/* A file that is not there changes nothing. */
void settings_load(const char *path, struct settings *settings);

/* Makes the directory if need be, and replaces the file at once or not at all. A negative errno. */
int settings_save(const char *path, const struct settings *settings);

/* The names of enum fullness. */
extern const char *const fullness_names[];
