/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the user has chosen to look at, and how keys change it. Pure: a view and an input make a view. What a key means
 * may depend on what is on the screen (how far a page goes, which heading was clicked); the drawing leaves that in
 * struct shown.
 */

#include "smi/live/expression.h"
#include "smi/live/folds.h"
#include "smi/live/input.h"
#include "smi/live/layout.h"
#include "smi/live/settings.h"

enum page {
    PAGE_TABLE,
    PAGE_DETAIL,  /* of the selected process */
    PAGE_BUFFERS, /* the largest */
    PAGE_LEAKS,
    PAGE_HELP,
    PAGE_SETUP,
};

/* The lines of the setup page; the columns of the table that may be hidden follow. */
enum setup_item {
    SETUP_DEVICES,
    SETUP_SORT,
    SETUP_ORDER,
    SETUP_TREE,
    SETUP_INTERVAL,
    SETUP_COLUMNS,
};

enum focus {
    FOCUS_PROCESSES,
    FOCUS_DEVICES,
};

struct heading {
    enum field field;
    size_t x, width;
};

#define FIRST_DEVICES 9 /* those that the keys 1 to 9 choose */

/* What was drawn last. */
struct shown {
    struct layout layout;
    size_t lines, lines_visible; /* of processes, or of the page's text */
    size_t devices;              /* in all */
    int32_t selected_device;
    int32_t first_numbers[FIRST_DEVICES];
    size_t first_count;              /* of all there are, whether or not only one is shown */
    size_t first_line_y;             /* of the processes */
    struct heading headings[FIELDS]; /* of the table */
    size_t heading_count;
};

#define FILTER_TEXT_MAX 100

struct live_view {
    enum page page;
    enum focus focus;
    struct settings settings;
    bool is_frozen;
    bool has_device; /* only this one is shown */
    int32_t device;
    size_t back; /* seconds before now */

    size_t index, first; /* of the selected line, and of the first to be seen */
    struct line_key key; /* of the selected line */
    bool has_moved;      /* the index is newer than the key */
    struct folds folds;
    size_t page_first;       /* first line of a page of text */
    size_t device_index;     /* the selected one */
    size_t device_first_row; /* to be seen */

    bool is_typing; /* the filter */
    char filter_text[FILTER_TEXT_MAX + 1];
    char filter_before[FILTER_TEXT_MAX + 1]; /* what it goes back to */
    struct expression expression;
    const char *problem; /* with what was typed; NULL: none */

    size_t setup_index;
    bool must_quit, must_redraw, must_save;
    char message[160]; /* in the place of the keys, until the next one is pressed */
    struct shown shown;
};

/* As it is at the start. */
struct live_view view_new(const struct settings *settings);

void view_take(struct live_view *view, const struct input *input);

/* Whether what the key does depends on the line or device that is selected: view_settle() must have come since others
 * were taken. */
static inline bool view_goes_by_line(const struct input *input)
{
    return input->key == ENTER || input->key == ' ' || input->key == '+' || input->key == '-';
}

/* Brings selection and scrolling in line with the lines that there are and that fit. */
void view_settle(struct live_view *view, const struct lines *lines, size_t visible);
void view_settle_devices(struct live_view *view, size_t devices);

/* How many seconds ago what is shown was: lists of buffers and leaks, help and setup are of now. */
static inline size_t view_back(const struct live_view *view)
{
    return view->page == PAGE_TABLE || view->page == PAGE_DETAIL ? view->back : 0;
}

/* ---- Between the files of this part ---- */

/* While a filter is typed. */
void view_type(struct live_view *view, const struct input *input);
void view_begin_typing(struct live_view *view);
void view_clear_filter(struct live_view *view);

/* Keys of the setup page. Returns whether it was one. */
bool view_set_up(struct live_view *view, uint32_t key);
size_t view_setup_count(void);

/* Keys that move something. Returns whether it was one. */
bool view_move(struct live_view *view, uint32_t key);
void view_click(struct live_view *view, const struct input *input);
