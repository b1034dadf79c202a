/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of the host that the demo is about: nothing but its name. They stand beside the private server's socket. */

/* A negative errno; what was made so far is then still there. */
int demo_tree_make(const char *directory);

/* Takes what was half made, and directories without any of it. */
void demo_tree_remove(const char *directory);
