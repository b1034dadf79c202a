/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of device descriptions; descriptions.h says what it is for. It is searched from end to end, because it is
 * touched once per device and not per report.
 */

#include "client/descriptions.h"

#include <errno.h>

int tt_alloc_descriptions_keep(struct tt_alloc_descriptions *descriptions, const struct tt_alloc_device_record *record)
{
    size_t i = 0;

    while (i < descriptions->count && descriptions->record[i].device_id != record->device_id)
        i++;
    if (i == TT_ALLOC_DESCRIPTIONS_MAX)
        return -ENOMEM;
    descriptions->record[i] = *record;
    if (i == descriptions->count)
        descriptions->count++;
    return 0;
}
