/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What --help and --version print. */

extern const char help_text[];
extern const char version_text[];
