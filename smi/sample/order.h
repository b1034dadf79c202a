/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What qsort() and bsearch() want of two numbers of one type: below 0, 0, or above 0. */

#define COMPARE(left, right) (((left) > (right)) - ((left) < (right)))
