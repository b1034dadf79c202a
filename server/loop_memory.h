/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The event loop's memory. libev ends the process when one of its tables cannot grow, and a server that many clients
 * have filled up must refuse, not die. So all the tables can ever need is set aside at the start: addresses, which cost
 * nothing until they are used.
 */

#include <stddef.h>

/* For a loop that watches up to so many descriptors, with a timer for each. Call before the loop is made. -ENOMEM. */
int loop_memory_init(size_t descriptors);
/* Call when the loop is destroyed, or if it was never made. */
void loop_memory_done(void);
