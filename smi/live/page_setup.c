/* SPDX-License-Identifier: Apache-2.0 */

/* The settings as they are, with a mark at the one that the keys change. */

#include "smi/live/pages.h"

static void write_item(FILE *out, const struct live_view *view, size_t index, const char *name, const char *value)
{
    fprintf(out, "%c %-15s %s\n", view->setup_index == index ? '>' : ' ', name, value);
}

int page_write_setup(FILE *out, const struct live_model *model, const struct live_view *view, const struct style *style)
{
    const struct settings *settings = &view->settings;
    char interval[32];

    (void)model;
    (void)style;
    fputs("SETUP   arrows change it   F12 saves it\n", out);
    write_item(out, view, SETUP_DEVICES, "devices", fullness_names[settings->fullness]);
    write_item(out, view, SETUP_SORT, "sorted by", fields[settings->sort].title);
    write_item(out, view, SETUP_ORDER, "reversed", settings->is_reversed ? "yes" : "no");
    write_item(out, view, SETUP_TREE, "tree", settings->is_tree ? "yes" : "no");
    snprintf(interval, sizeof(interval), "%gs", (double)settings->interval / 1e9);
    write_item(out, view, SETUP_INTERVAL, "refresh every", interval);
    for (size_t index = SETUP_COLUMNS; index < view_setup_count(); index++) {
        enum field field = (enum field)(index - SETUP_COLUMNS + 1);
        char name[32];

        snprintf(name, sizeof(name), "column %s", fields[field].title);
        write_item(out, view, index, name, settings->is_hidden[field] ? "hidden" : "shown if it fits");
    }
    return 0;
}
