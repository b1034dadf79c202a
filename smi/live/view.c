/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The keys of htop, btop and nvtop, as far as they agree. There is none that ends a process: a viewer cannot harm.
 */

#include "smi/live/view.h"

#include <stdio.h>

struct live_view view_new(const struct settings *settings)
{
    return (struct live_view){.settings = *settings, .has_moved = true};
}

static void open_page(struct live_view *view, enum page page)
{
    view->page = view->page == page ? PAGE_TABLE : page;
    view->page_first = 0;
}

/* One step out of whatever one is in. */
static void go_back(struct live_view *view)
{
    if (view->page != PAGE_TABLE)
        open_page(view, PAGE_TABLE);
    else if (view->filter_text[0])
        view_clear_filter(view);
    else if (view->has_device)
        view->has_device = false;
    else if (view->back > 0)
        view->back = 0;
    else
        view->must_quit = true;
}

/* Only this one, or all again. */
static void show_device(struct live_view *view, int32_t device)
{
    view->has_device = !view->has_device;
    view->device = device;
}

static void show_nth_device(struct live_view *view, size_t place)
{
    view->page = PAGE_TABLE;
    view->has_device = place < view->shown.first_count;
    if (view->has_device)
        view->device = view->shown.first_numbers[place];
}

static void step_sort(struct live_view *view, int step)
{
    size_t count = view->shown.heading_count, at = 0;

    while (at < count && view->shown.headings[at].field != view->settings.sort)
        at++;
    if (count == 0)
        return;
    if (at == count)
        at = 0;
    view->settings.sort = view->shown.headings[(at + count + (size_t)step) % count].field;
    view->settings.is_reversed = false;
}

static void press_enter(struct live_view *view)
{
    if (view->page == PAGE_DETAIL) {
        open_page(view, PAGE_TABLE);
    } else if (view->page != PAGE_TABLE) {
        return;
    } else if (view->focus == FOCUS_DEVICES && view->shown.devices > 0) {
        show_device(view, view->shown.selected_device);
    } else if (view->focus == FOCUS_PROCESSES && view->shown.lines > 0 && view->key.kind != LINE_USER) {
        open_page(view, PAGE_DETAIL);
    }
}

/* Keys that open something. */
static bool take_page_key(struct live_view *view, uint32_t key)
{
    switch (key) {
    case '?':
    case 'h':
    case FUNCTION_KEY + 1:
        open_page(view, PAGE_HELP);
        return true;
    case 'b':
        open_page(view, PAGE_BUFFERS);
        return true;
    case 'l':
        open_page(view, PAGE_LEAKS);
        return true;
    case FUNCTION_KEY + 2:
        open_page(view, PAGE_SETUP);
        return true;
    case ENTER:
        press_enter(view);
        return true;
    case '/':
    case FUNCTION_KEY + 4:
        view_begin_typing(view);
        return true;
    default:
        return false;
    }
}

static void fold(struct live_view *view, uint32_t key)
{
    bool is_folded = folds_has(&view->folds, &view->key);

    if (view->page != PAGE_TABLE)
        return;
    if (!view->settings.is_tree)
        snprintf(view->message, sizeof(view->message), "+ - * and Space fold lines of the tree, which t shows.");
    else if (key == '*')
        folds_set_all(&view->folds, !view->folds.has_processes);
    else if (view->shown.lines > 0)
        folds_set(&view->folds, &view->key, key == '-' || (key == ' ' && !is_folded));
}

/* Keys that change how things are shown. */
static bool take_look_key(struct live_view *view, uint32_t key)
{
    switch (key) {
    case 's':
    case '>':
    case FUNCTION_KEY + 6:
        step_sort(view, 1);
        return true;
    case '<':
        step_sort(view, -1);
        return true;
    case 'r':
        view->settings.is_reversed = !view->settings.is_reversed;
        return true;
    case 't':
    case FUNCTION_KEY + 5:
        view->settings.is_tree = !view->settings.is_tree;
        return true;
    case ' ':
    case '+':
    case '-':
    case '*':
        fold(view, key);
        return true;
    case 'c':
        view->settings.fullness =
            view->settings.fullness == FULLNESS_COMPACT ? FULLNESS_AUTO : view->settings.fullness + 1;
        return true;
    case 'z':
        view->is_frozen = !view->is_frozen;
        return true;
    default:
        return false;
    }
}

static bool take_end_key(struct live_view *view, uint32_t key)
{
    switch (key) {
    case 'q':
    case FUNCTION_KEY + 10:
        view->must_quit = true;
        return true;
    case ESCAPE:
        go_back(view);
        return true;
    case CTRL_L:
        view->must_redraw = true;
        return true;
    case FUNCTION_KEY + 12:
        view->must_save = true;
        return true;
    default:
        return false;
    }
}

void view_take(struct live_view *view, const struct input *input)
{
    view->message[0] = '\0';
    if (input->key >= MOUSE_CLICK && input->key <= MOUSE_DOWN) {
        view_click(view, input);
    } else if (view->is_typing) {
        view_type(view, input);
    } else if (input->key >= '1' && input->key <= '9') {
        show_nth_device(view, input->key - '1');
    } else if (input->key == '0') {
        view->has_device = false;
    } else if (view->page == PAGE_SETUP && view_set_up(view, input->key)) {
        return;
    } else if (!take_page_key(view, input->key) && !take_look_key(view, input->key) &&
               !take_end_key(view, input->key)) {
        view_move(view, input->key);
    }
}
