/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How often the server wakes up when nobody has anything to say: alone, with eight clients that hold buffers, and with
 * ten thousand connections. And how often those clients do.
 */

struct bench;

void idle_measure(struct bench *bench);
void idle_print(const struct bench *bench);
