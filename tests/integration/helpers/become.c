/* SPDX-License-Identifier: Apache-2.0 */

#include "become.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

void become(const char *uid)
{
    uid_t user = (uid_t)strtoul(uid, NULL, 10);

    if (setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0) {
        perror("cannot become another user");
        exit(2);
    }
    prctl(PR_SET_DUMPABLE, 1); /* LeakSanitizer, if it is there, looks at us from outside */
}
