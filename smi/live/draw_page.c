/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A page of text is written as a whole, and the lines that the view has scrolled to are drawn.
 */

#include "smi/live/draw.h"
#include "smi/live/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef int page_writer(FILE *out, const struct live_model *model, const struct live_view *view,
                        const struct style *style);

static page_writer *const writers[] = {
    [PAGE_DETAIL] = page_write_detail, [PAGE_BUFFERS] = page_write_buffers, [PAGE_LEAKS] = page_write_leaks,
    [PAGE_HELP] = page_write_help,     [PAGE_SETUP] = page_write_setup,
};

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void draw_text(const struct area *area, const char *text, struct live_view *view)
{
    view->shown.lines = count_lines(text);
    view->shown.lines_visible = area->height;
    if (view->page == PAGE_SETUP && area->height > 0) /* the selected line, below the title */
        view->page_first = view->setup_index + 2 > area->height ? view->setup_index + 2 - area->height : 0;
    if (view->page_first + area->height > view->shown.lines)
        view->page_first = view->shown.lines > area->height ? view->shown.lines - area->height : 0;
    for (size_t line = 0; *text && line < view->page_first + area->height; line++) {
        size_t length = strcspn(text, "\n");

        if (line >= view->page_first)
            area_print(area, 0, line - view->page_first, PLAIN, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

int draw_page(const struct area *area, const struct live_model *model, struct live_view *view)
{
    struct style style = {.width = area->width, .utf8 = area->screen->utf8};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int r = out ? writers[view->page](out, model, view, &style) : -ENOMEM;

    if (out && fclose(out) != 0)
        r = -ENOMEM;
    if (r == 0)
        draw_text(area, text, view);
    free(text);
    return r;
}
