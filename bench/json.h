/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Everything that was measured as one JSON document, for those who want to compare runs or draw them. A figure is named
 * as in the book; what was not measured is null.
 */

struct bench;

void json_print(const struct bench *bench);
