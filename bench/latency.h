/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How long one who asks for a device's totals waits: while nothing else happens, while eight clients report 100,000
 * times per second in total, and while one client floods the server. The model's answer, by a thread that has nothing
 * else to do, is the floor. The asker shares the clients' core; against the flood it has to get that core first.
 */

struct bench;

void latency_measure(struct bench *bench);
void latency_print(const struct bench *bench);
