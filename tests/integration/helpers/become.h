/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For programs that root starts and that are to be somebody else's: they are loaded first, because that user may have
 * no access to where they lie.
 */

/* Exits with a message if it cannot be done. */
void become(const char *uid);
