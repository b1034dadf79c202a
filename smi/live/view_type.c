/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A filter works while it is typed. One that cannot be understood (yet) changes nothing, and the line says why.
 */

#include "smi/live/view.h"

#include <string.h>

static void parse(struct live_view *view)
{
    view->problem = NULL;
    expression_parse(view->filter_text, &view->expression, &view->problem);
}

void view_begin_typing(struct live_view *view)
{
    view->page = PAGE_TABLE;
    view->focus = FOCUS_PROCESSES;
    view->is_typing = true;
    memcpy(view->filter_before, view->filter_text, sizeof(view->filter_before));
    parse(view);
}

void view_clear_filter(struct live_view *view)
{
    view->filter_text[0] = '\0';
    parse(view);
}

static void add_character(struct live_view *view, uint32_t key)
{
    size_t length = strlen(view->filter_text);

    if (key < ' ' || key > '~' || length == FILTER_TEXT_MAX)
        return;
    view->filter_text[length] = (char)key;
    view->filter_text[length + 1] = '\0';
}

static void drop_character(struct live_view *view)
{
    size_t length = strlen(view->filter_text);

    if (length > 0)
        view->filter_text[length - 1] = '\0';
}

/* What is wrong when typing ends is let go of, rather than kept and not obeyed. */
static void end_typing(struct live_view *view, bool is_wanted)
{
    view->is_typing = false;
    if (!is_wanted || view->problem)
        memcpy(view->filter_text, view->filter_before, sizeof(view->filter_text));
}

void view_type(struct live_view *view, const struct input *input)
{
    if (input->key == ENTER && view->problem)
        return;
    if (input->key == ENTER || input->key == ESCAPE)
        end_typing(view, input->key == ENTER);
    else if (input->key == BACKSPACE)
        drop_character(view);
    else if (input->key == CTRL_U)
        view->filter_text[0] = '\0';
    else
        add_character(view, input->key);
    parse(view);
}
