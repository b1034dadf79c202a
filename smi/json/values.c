/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is not known becomes null here and nowhere else, so that no view can forget it.
 */

#include "smi/json/values.h"
#include "smi/text/format.h"
#include "smi/text/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define NANOSECONDS UINT64_C(1000000000)

json_int_t json_clamp(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

json_t *json_count_if(bool is_known, uint64_t value)
{
    return is_known ? json_integer(json_clamp(value)) : json_null();
}

json_t *json_amount(struct host_amount amount)
{
    return json_count_if(amount.known, amount.bytes);
}

json_t *json_text(const char *text)
{
    char *repaired = text ? text_repair(text) : NULL;
    json_t *value = text ? (repaired ? json_string(repaired) : NULL) : json_null();

    free(repaired);
    return value;
}

json_t *json_identifier(uint64_t value)
{
    return json_sprintf("%" PRIu64, value);
}

json_t *json_moment(uint64_t nanoseconds)
{
    return nanoseconds ? json_string(format_iso(nanoseconds).text) : json_null();
}

json_t *json_seconds_if(bool is_known, uint64_t nanoseconds)
{
    return json_count_if(is_known, nanoseconds / NANOSECONDS);
}

json_t *json_reason(int error)
{
    switch (error) {
    case 0:
        return json_null();
    case -ENOENT:
        return json_string("not_offered");
    case -ENODATA:
    case -ENODEV:
        return json_string("no_data");
    case -EACCES:
    case -EPERM:
        return json_string("not_permitted");
    case -EINVAL:
        return json_string("malformed");
    default:
        return json_string("unreadable");
    }
}

json_t *json_device_name(int32_t number)
{
    struct device_label label = device_label(number);

    if (label.text[0] == '?' && number != DEVICE_UNKNOWN)
        return json_sprintf("?%" PRId64, (int64_t)number - DEVICE_UNKNOWN);
    return json_string(label.text);
}

json_t *json_append(json_t *list, json_t *entry)
{
    if (list && json_array_append_new(list, entry) == 0)
        return list;
    if (!list)
        json_decref(entry);
    json_decref(list);
    return NULL;
}

json_t *json_merge(json_t *object, json_t *more)
{
    int r = object && more ? json_object_update(object, more) : -1;

    json_decref(more);
    if (r == 0)
        return object;
    json_decref(object);
    return NULL;
}
