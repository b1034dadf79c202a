/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_live */

/*
 * The layout, at every size from 40x10 to 300x100 and with every number of devices up to 32: nothing overlaps, nothing
 * is outside, there is always room for processes, and every device can be brought on the screen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smi/live/view.h"

#include <string.h>

#define DEVICES_MAX 32

static const struct settings usual = {.sort = FIELD_DRAM};

static size_t bottom(struct box box)
{
    return box.y + box.height;
}

static bool overlap(struct box a, struct box b)
{
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < bottom(b) && b.y < bottom(a);
}

static void check_boxes(const struct layout *layout, size_t width, size_t height)
{
    const struct box boxes[] = {layout->header, layout->devices, layout->status,
                                layout->table,  layout->events,  layout->keys};

    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
        assert_true(boxes[i].x + boxes[i].width <= width && bottom(boxes[i]) <= height);
        for (size_t j = 0; j < i; j++)
            assert_false(overlap(boxes[i], boxes[j]));
    }
    assert_int_equal(bottom(layout->keys), height);
    assert_true(layout->table.height >= 3); /* a heading and two processes */
}

static void check_items(const struct layout *layout)
{
    size_t visible = layout->visible_rows * layout->columns;

    for (size_t i = 0; i < visible; i++) {
        struct box item = layout_item(layout, i);

        assert_true(item.width >= 11 && item.height >= 1);
        assert_true(item.x + item.width <= layout->devices.width && bottom(item) <= layout->devices.height);
        for (size_t j = i >= 32 ? i - 32 : 0; j < i; j++)
            assert_false(overlap(item, layout_item(layout, j)));
    }
}

/* Walks over all devices with the key; each must be among those that are visible when it is selected. */
static void check_reach(const struct layout *layout, size_t devices)
{
    struct live_view view = view_new(&usual);

    view.shown.layout = *layout;
    view.shown.devices = devices;
    view.focus = FOCUS_DEVICES;
    for (size_t i = 0; i < devices; i++) {
        size_t first;

        view_settle_devices(&view, devices);
        first = view.device_first_row * layout->columns;
        assert_int_equal(view.device_index, i);
        assert_true(i >= first && i < first + layout->visible_rows * layout->columns);
        view_take(&view, &(struct input){.key = ARROW_RIGHT});
    }
}

static void every_size(void **state)
{
    static const enum fullness wishes[] = {FULLNESS_AUTO, FULLNESS_FULL, FULLNESS_COMPACT};

    (void)state;
    for (size_t width = 40; width <= 300; width += width < 130 ? 1 : 7) {
        for (size_t height = 10; height <= 100; height += height < 40 ? 1 : 5) {
            for (size_t devices = 0; devices <= DEVICES_MAX; devices++) {
                struct layout layout = layout_make(width, height, devices, wishes[(width + height + devices) % 3]);

                check_boxes(&layout, width, height);
                check_items(&layout);
                check_reach(&layout, devices);
            }
        }
    }
}

/* Too small for anybody, but not for us. */
static void tiny_sizes(void **state)
{
    (void)state;
    for (size_t width = 1; width < 40; width++) {
        for (size_t height = 1; height < 10; height++) {
            struct layout layout = layout_make(width, height, 4, FULLNESS_AUTO);

            assert_true(bottom(layout.keys) <= height && bottom(layout.table) <= height);
            assert_false(overlap(layout.devices, layout.table));
        }
    }
}

static void forms(void **state)
{
    struct layout layout = layout_make(80, 24, 2, FULLNESS_AUTO);

    (void)state;
    assert_true(layout.form == FORM_CARDS && layout.columns == 1 && layout.visible_rows == 2);
    assert_int_equal(layout_make(80, 24, 2, FULLNESS_COMPACT).form, FORM_ROWS);
    layout = layout_make(80, 24, 8, FULLNESS_AUTO);
    assert_true(layout.form == FORM_ROWS && layout.visible_rows == 8);
    layout = layout_make(80, 24, 8, FULLNESS_FULL);
    assert_true(layout.form == FORM_CARDS && layout.visible_rows < 8);
    layout = layout_make(80, 24, 32, FULLNESS_AUTO);
    assert_true(layout.form == FORM_GRID && layout.columns == 6 && layout.visible_rows == 6);
    layout = layout_make(200, 60, 32, FULLNESS_AUTO);
    assert_true(layout.form == FORM_ROWS && layout.columns == 2);
    layout = layout_make(300, 100, 32, FULLNESS_AUTO);
    assert_true(layout.form == FORM_CARDS && layout.visible_rows * layout.columns >= 32);
    layout = layout_make(40, 10, 32, FULLNESS_AUTO);
    assert_true(layout.form == FORM_GRID && layout.visible_rows >= 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(tiny_sizes),
        cmocka_unit_test(forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
