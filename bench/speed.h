/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a report costs on both sides, by the way it goes, by the number of live buffers and by tempo. One client, then
 * eight. Also the server's memory, since all those buffers are there.
 */

struct bench;

void speed_measure(struct bench *bench);
void speed_print(const struct bench *bench);
void speed_measure_eight(struct bench *bench);
void speed_print_eight(const struct bench *bench);
