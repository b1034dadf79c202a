/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Pages of text: what a view shows instead of the tables. They are written with the views of the one-shot program. */

#include "smi/live/model.h"
#include "smi/live/view.h"
#include "smi/text/style.h"

#include <stdio.h>

/* 0 or -ENOMEM. */
int page_write_detail(FILE *out, const struct live_model *model, const struct live_view *view,
                      const struct style *style);
int page_write_buffers(FILE *out, const struct live_model *model, const struct live_view *view,
                       const struct style *style);
int page_write_leaks(FILE *out, const struct live_model *model, const struct live_view *view,
                     const struct style *style);
int page_write_help(FILE *out, const struct live_model *model, const struct live_view *view, const struct style *style);
int page_write_setup(FILE *out, const struct live_model *model, const struct live_view *view,
                     const struct style *style);

/* Whether the page needs the buffers of all processes, or of *ret_pid. Where there are very many, none are asked for.
 */
bool page_wants_buffers(const struct live_model *model, const struct live_view *view, int32_t *ret_pid);

/* What single buffers there are, as far as they may be seen; the sample has them if its details were asked for. */
int page_write_top(FILE *out, const struct live_model *model, const struct filter *filter, const struct style *style);
