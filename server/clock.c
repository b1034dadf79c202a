/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moments that are compared with each other, also with those of a server that was restarted meanwhile, must not jump
 * when somebody sets the wall clock: what it said once, at the first question, is kept.
 */

#include "server/clock.h"

uint64_t clock_steady(uint64_t moment)
{
    static uint64_t ahead; /* of CLOCK_BOOTTIME */

    if (ahead == 0)
        ahead = clock_wall() - clock_now();
    return ahead + moment;
}
