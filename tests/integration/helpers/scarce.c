/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into the server: memory runs out at chosen calls. It counts the calls that ask for memory in a page
 * that it shares with its test, which says there which of them fail. It stands before the C library and before ASan's
 * runtime, so what libev and libsystemd ask for counts as well.
 */

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "shared_page.h"

struct control {
    uint64_t calls; /* so far; the test sets it to 0 */
    uint64_t from;  /* the first call that fails */
    uint64_t until; /* the first behind it that does not */
    uint64_t failed;
    uint64_t unwatched; /* of those that failed: descriptors that the kernel did not watch */
};

static struct control nothing_fails;
static struct control *control = &nothing_fails;

#define NEXT(name) ((__typeof__(&name))next(#name, &next_##name))

static void *next(const char *name, void **slot)
{
    if (!*slot)
        *slot = dlsym(RTLD_NEXT, name);
    return *slot;
}

static void *next_malloc, *next_calloc, *next_realloc, *next_reallocarray, *next_aligned_alloc, *next_strdup,
    *next_strndup, *next_mmap, *next_mremap, *next_memfd_create, *next_epoll_ctl, *next_getgrnam;

static bool is_spared;

static bool fails(void)
{
    uint64_t call;

    if (is_spared)
        return false;
    call = control->calls++;
    if (call < control->from || call >= control->until)
        return false;
    control->failed++;
    errno = ENOMEM;
    return true;
}

static __attribute__((constructor)) void begin(void)
{
    control = shared_page();
}

void *malloc(size_t size)
{
    return fails() ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : NEXT(calloc)(count, size);
}

void *realloc(void *memory, size_t size)
{
    return size > 0 && fails() ? NULL : NEXT(realloc)(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    return fails() ? NULL : NEXT(reallocarray)(memory, count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : NEXT(aligned_alloc)(alignment, size);
}

char *strdup(const char *text)
{
    return fails() ? NULL : NEXT(strdup)(text);
}

char *strndup(const char *text, size_t size)
{
    return fails() ? NULL : NEXT(strndup)(text, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : NEXT(mmap)(address, size, protection, flags, fd, offset);
}

/* Without a new address: nobody here gives one. */
void *mremap(void *memory, size_t size, size_t new_size, int flags, ...)
{
    return fails() ? MAP_FAILED : NEXT(mremap)(memory, size, new_size, flags);
}

int memfd_create(const char *name, unsigned flags)
{
    return fails() ? -1 : NEXT(memfd_create)(name, flags);
}

/* The kernel has to find memory only for a descriptor that is not watched yet. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int result = NEXT(epoll_ctl)(epoll, operation, fd, event);

    if (result < 0 || operation != EPOLL_CTL_ADD || !fails())
        return result;
    NEXT(epoll_ctl)(epoll, EPOLL_CTL_DEL, fd, NULL);
    control->unwatched++;
    errno = ENOMEM;
    return -1;
}

/* glibc 2.36 itself crashes here without memory (nss/nss_database.c). */
struct group *getgrnam(const char *name)
{
    struct group *group;

    is_spared = true;
    group = NEXT(getgrnam)(name);
    is_spared = false;
    return group;
}
