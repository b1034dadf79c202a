/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server that stops reading for a while, and a client that goes on: what does not fit must be counted, on both sides
 * alike, and afterwards the figures must be exact again.
 */

struct bench;

void fault_measure(struct bench *bench);
void fault_print(const struct bench *bench);
