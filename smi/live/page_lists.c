/* SPDX-License-Identifier: Apache-2.0 */

/* Buffers and leaks, as tt-smi top and tt-smi leaks write them. */

#include "smi/live/draw.h"
#include "smi/live/pages.h"
#include "smi/text/format.h"
#include "smi/views/views.h"

#define BUFFERS_MOST 50000 /* some 6 MB an answer; more every second would burden the server */

static uint64_t count_all(const struct live_model *model, int32_t pid)
{
    uint64_t count = 0;

    for (size_t i = 0; i < model->snapshot->process_count; i++) {
        const struct tt_alloc_process *facts = &model->snapshot->processes[i]->facts;

        if (pid == 0 || facts->pid == pid)
            count = add_saturating(count, facts->buffers);
    }
    return count;
}

bool page_wants_buffers(const struct live_model *model, const struct live_view *view, int32_t *ret_pid)
{
    *ret_pid = view->page == PAGE_DETAIL ? view->key.pid : model->filter->pid;
    return (view->page == PAGE_BUFFERS || (view->page == PAGE_DETAIL && *ret_pid > 0 && view->back == 0)) &&
           count_all(model, *ret_pid) <= BUFFERS_MOST;
}

int page_write_top(FILE *out, const struct live_model *model, const struct filter *filter, const struct style *style)
{
    if (!snapshot_is_told(model->snapshot))
        return style_line(out, style, TINT_NONE, "Single buffers are known to the server only.");
    if (count_all(model, filter->pid) > BUFFERS_MOST)
        return style_line(out, style, TINT_NONE, "%s buffers are too many to list again and again.   tt-smi top",
                          format_count(count_all(model, filter->pid)).text);
    if (!model->snapshot->details.top.answer && !model->snapshot->details.top.is_denied)
        return style_line(out, style, TINT_NONE, "Asking for the buffers.");
    return print_top(out, model->snapshot, filter, style);
}

int page_write_buffers(FILE *out, const struct live_model *model, const struct live_view *view,
                       const struct style *style)
{
    int32_t device;
    struct filter filter = view_filter(model, view, &device);

    return page_write_top(out, model, &filter, style);
}

int page_write_leaks(FILE *out, const struct live_model *model, const struct live_view *view, const struct style *style)
{
    (void)view;
    if (!snapshot_is_told(model->snapshot))
        return style_line(out, style, TINT_NONE, "Leaks are known to the server only.");
    return print_leaks(out, model->snapshot, model->filter, style);
}
