/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Temperatures, firmware versions and the like. Every key is always there; those that are null have their reason in
 * "unavailable", because a chip in reset, an older driver and a file that is closed to us call for different steps.
 */

#include "smi/sample/readings.h"
#include "smi/json/rows.h"

struct pair {
    json_t *values, *reasons;
};

/* Takes over the value; error 1 stands for a chip without a node. */
static int add(struct pair *pair, const char *name, int error, json_t *value)
{
    int r = json_object_set_new(pair->values, name, value);

    if (r == 0 && error != 0)
        r = json_object_set_new(pair->reasons, name, error > 0 ? json_string("no_node") : json_reason(error));
    return r;
}

static int add_number(struct pair *pair, const struct reading *reading, const struct host_device *node)
{
    const struct host_number *number = reading_number(reading, node);
    json_t *value;

    if (!number || number->error != 0)
        value = json_null();
    else if (reading->divisor == 1)
        value = json_integer(number->value);
    else
        value = json_real((double)number->value / (double)reading->divisor);
    return add(pair, reading->name, number ? number->error : 1, value);
}

static int add_text(struct pair *pair, const struct reading *reading, const struct host_device *node)
{
    const struct host_text *text = reading_text(reading, node);
    json_t *value = json_text(text && text->error == 0 ? text->text : NULL);

    return add(pair, reading->name, text ? text->error : 1, value);
}

json_t *json_readings(const struct reading_list *list, const struct host_device *node)
{
    struct pair pair = {json_object(), json_object()};
    int r = pair.values && pair.reasons ? 0 : -1;

    for (size_t i = 0; r == 0 && i < list->number_count; i++)
        r = add_number(&pair, &list->numbers[i], node);
    for (size_t i = 0; r == 0 && i < list->text_count; i++)
        r = add_text(&pair, &list->texts[i], node);
    if (r == 0)
        return json_merge(pair.values, json_pack("{s:o}", "unavailable", pair.reasons));
    json_decref(pair.values);
    json_decref(pair.reasons);
    return NULL;
}
