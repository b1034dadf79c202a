/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the machine itself charges for the smallest things: the yardsticks that a report is compared with. Absolute
 * nanoseconds say little about a virtual machine on a busy host; how often a report fits into a system call of the same
 * run says much.
 */

struct bench;

void floors_measure(struct bench *bench);
void floors_print(const struct bench *bench);
