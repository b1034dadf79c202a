/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A client dies and leaves a million buffers: how soon the summary is on the server's stderr, how soon all of it, and
 * how long others waited meanwhile. The clock starts when the kernel says that the client is gone.
 */

struct bench;

void leaks_measure(struct bench *bench);
void leaks_print(const struct bench *bench);
