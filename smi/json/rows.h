/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the JSON document, for json.c. Each returns NULL when out of memory, and the caller owns it. */

#include "smi/json/values.h"
#include "smi/sample/snapshot.h"

struct reading_list;

/* Who was asked, and what of it could be had; and what there is in all. */
json_t *json_server(const struct snapshot *snapshot);
json_t *json_sources(const struct snapshot *snapshot);
json_t *json_coverage(const struct snapshot *snapshot);
json_t *json_errors(const struct snapshot *snapshot);

json_t *json_device(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter);
json_t *json_device_pools(const struct device_row *row, const struct snapshot *snapshot, const struct filter *filter);
json_t *json_device_regions(const struct device_row *row, int pool, const struct snapshot *snapshot,
                            const struct filter *filter);
json_t *json_readings(const struct reading_list *list, const struct host_device *node);

/* tt-metal's totals of that row; of NULL, those that belong to none. */
json_t *json_totals(const struct device_row *row, const struct snapshot *snapshot);

/* A process that lives. */
json_t *json_process(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter);

/* A process that ended: the same keys and how it ended. As a leak it has a reason, and only what was left is listed. */
json_t *json_ended(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter);
json_t *json_leak(const struct process_row *row, const struct snapshot *snapshot, const struct filter *filter);

/* The regions a process used, or its pools; with holding only those with live buffers. */
json_t *json_usage_list(const struct process_row *row, const struct filter *filter, bool pools, bool holding);

/* The keys of the snapshots of Tenstorrent's own tt-smi. */
json_t *json_host_info(const struct snapshot *snapshot);
json_t *json_device_info(const struct device_row *row);
