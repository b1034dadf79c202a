/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The page by which a test tells a preloaded library what to do (../preload.py): the file $TT_SHARED_PAGE, mapped.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHARED_PAGE_SIZE 4096

/* Never NULL: a server that cannot be told is of no use. */
static inline void *shared_page(void)
{
    const char *path = getenv("TT_SHARED_PAGE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, SHARED_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED)
        _exit(99);
    close(fd);
    return page;
}
