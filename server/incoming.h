/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From the bytes that a session received to requests.
 */

#include <stddef.h>

#include "server/session.h"

/* Handles what was kept back and the `size` new bytes that stand behind its place in the server's scratch space. Sets
 * is_interrupted if whole frames are left. */
enum verdict incoming_handle(struct session *session, size_t size);

/* To the end, however dear it is: there is no later turn. The session must be ending. */
enum verdict incoming_handle_all(struct session *session, size_t size);
