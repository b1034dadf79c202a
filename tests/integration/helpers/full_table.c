/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into the server: accept4() answers with the error that its test says, and takes nobody out
 * of the queue then. A host's table of open files cannot be filled for one process alone, and root is let in beyond it.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shared_page.h"

static const uint32_t no_error;
static const volatile uint32_t *error = &no_error;
static int (*next_accept4)(int fd, struct sockaddr *ret, socklen_t *length, int flags);

static __attribute__((constructor)) void begin(void)
{
    error = shared_page();
}

int accept4(int fd, struct sockaddr *restrict ret, socklen_t *restrict length, int flags)
{
    if (!next_accept4)
        *(void **)&next_accept4 = dlsym(RTLD_NEXT, "accept4");
    errno = (int)*error;
    return errno ? -1 : next_accept4(fd, ret, length, flags);
}
