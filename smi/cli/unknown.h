/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Refusals of words that mean nothing, with a guess at what was meant. All print one line and return -EINVAL. */

/* As typed, with its value, which is cut off; unknown, or the beginning of several options. */
int refuse_unknown_option(char *word);

int refuse_unknown_verb(const char *word);
