/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From a model and a view to a screen. Pure, but that the view learns what was drawn (view.h). */

#include "smi/live/bar.h"
#include "smi/live/model.h"
#include "smi/live/screen.h"
#include "smi/live/view.h"

/* The whole picture, on a blank screen. -ENOMEM. */
int draw_frame(struct screen *screen, const struct live_model *model, struct live_view *view);

/* ---- Its parts ---- */

/* What is drawn of devices. */
struct device_picture {
    const struct live_model *model;
    const struct device_row *row;
    bool is_selected;
    bool has_sensors; /* any of the devices */
};

void draw_header(const struct area *area, const struct live_model *model, const struct live_view *view);
void draw_devices(const struct area *area, const struct live_model *model, struct live_view *view);
void draw_card(const struct area *area, const struct device_picture *picture);
void draw_row_title(const struct area *area, bool has_sensors);
void draw_row(const struct area *area, const struct device_picture *picture);
void draw_mark(const struct area *area, const struct device_picture *picture);
int draw_table(const struct area *area, const struct area *status, const struct live_model *model,
               struct live_view *view);
void draw_events(const struct area *area, const struct live_model *model);
void draw_keys(const struct area *area, const struct live_view *view);
int draw_page(const struct area *area, const struct live_model *model, struct live_view *view);

/* ---- What cards and rows have in common ---- */

/* A pool as it is now, or, with a history, was. */
struct pool_picture {
    struct bar bar;
    char figure[32]; /* "8.4/11.4G" */
};

#define FIGURE_WIDTH 13

struct pool_picture picture_pool(const struct device_picture *picture, uint32_t pool);

/* The last quarter of an hour of a pool, or as much of it as has a column, with a mark where the view stands in time.
 */
void draw_pool_spark(const struct area *area, size_t x, size_t y, size_t width, const struct device_picture *picture,
                     uint32_t pool);

/* "n300 L", "blackhole R", "?" */
struct formatted board_name(const struct device_row *row);

/* "61C 23W", or "" where neither is known. */
struct formatted describe_sensors(const struct device_row *row);

/* The model of what the view has gone back to, or of now. -ENOMEM. */
struct then {
    struct live_model model;
    struct past_table table;
};

int then_make(const struct live_model *model, const struct live_view *view, struct then *ret);
void then_clear(struct then *then);

/* The filter of the command line, and the device that was chosen here. *device holds its number. */
struct filter view_filter(const struct live_model *model, const struct live_view *view, int32_t *device);
