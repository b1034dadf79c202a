/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The thing to compare with: the public proof of concept of an allocation server, rebuilt from its description. A
 * thread per client, one blocking recv() of a whole frame per report, one mutex around one table of all buffers. It
 * prints nothing, which the original does, and so is cheaper than the original.
 */

/* Listens at the path and serves until it is killed. */
__attribute__((noreturn)) void model_main(const char *path);
