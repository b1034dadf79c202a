/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What clients report may fill all memory but this rest of it, which is for answers and for new connections: a server
 * at its limit refuses reports, and can still be asked why.
 */

/* Before the first ledger is made. */
void reserve_init(void);
