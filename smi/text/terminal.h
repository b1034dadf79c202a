/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What stdout is, and hence how to write to it. */

#include "smi/cli/options.h"
#include "smi/text/style.h"

bool terminal_is_stdout(void);

/* Lines of the terminal behind stdout; 0 if it does not say. */
size_t terminal_lines(void);

/*
 * Width: $COLUMNS, else the terminal's, else 80; without a terminal as wide as the text is, because what is piped is
 * searched rather than read. Colour: as the option says; by itself on a terminal that is not dumb, unless NO_COLOR is
 * set. UTF-8: if the locale is, and --ascii is not given.
 */
struct style terminal_style(const struct options *options);
