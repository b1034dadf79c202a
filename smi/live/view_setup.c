/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The page of settings: a list, one of which is selected and changed. What is changed is seen at once, and forgotten
 * when the program ends unless it is saved.
 */

#include "smi/live/view.h"

size_t view_setup_count(void)
{
    return SETUP_COLUMNS + FIELDS - 2; /* all columns but the first and the last, which are always there */
}

static void change_columns(struct live_view *view, enum field field)
{
    view->settings.is_hidden[field] = !view->settings.is_hidden[field];
}

/* To the next one of these, and from the last to the first. */
static void change_interval(struct settings *settings, int step)
{
    static const uint64_t tenths[] = {1, 2, 5, 10, 20, 50, 100, 300, 600};
    const size_t count = sizeof(tenths) / sizeof(tenths[0]);
    uint64_t now = settings->interval / 100000000;
    size_t place = 0;

    while (place < count && (step > 0 ? tenths[place] <= now : tenths[place] < now))
        place++;
    settings->interval = tenths[(place + count - (step < 0)) % count] * 100000000;
}

static void change(struct live_view *view, int step)
{
    struct settings *settings = &view->settings;

    switch (view->setup_index) {
    case SETUP_DEVICES:
        settings->fullness = (enum fullness)((int)settings->fullness + 3 + step) % 3;
        break;
    case SETUP_SORT:
        settings->sort = (enum field)(((int)settings->sort + FIELDS + step) % FIELDS);
        break;
    case SETUP_ORDER:
        settings->is_reversed = !settings->is_reversed;
        break;
    case SETUP_TREE:
        settings->is_tree = !settings->is_tree;
        break;
    case SETUP_INTERVAL:
        change_interval(settings, step);
        break;
    default:
        change_columns(view, (enum field)(view->setup_index - SETUP_COLUMNS + 1));
    }
}

bool view_set_up(struct live_view *view, uint32_t key)
{
    switch (key) {
    case ARROW_UP:
        view->setup_index -= view->setup_index > 0;
        return true;
    case ARROW_DOWN:
        view->setup_index += view->setup_index + 1 < view_setup_count();
        return true;
    case ARROW_LEFT:
        change(view, -1);
        return true;
    case ARROW_RIGHT:
    case ENTER:
    case ' ':
        change(view, 1);
        return true;
    default:
        return false;
    }
}
