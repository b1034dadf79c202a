/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a call costs in an application that has the library and did not turn reporting on. That is every application,
 * nearly always.
 */

struct bench;

void disabled_measure(struct bench *bench);
void disabled_print(const struct bench *bench);
