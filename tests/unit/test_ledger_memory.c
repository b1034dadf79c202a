/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger -Wl,--wrap=aligned_alloc,--wrap=realloc,--wrap=mmap,--wrap=mremap */

/*
 * Pieces of memory below and above the size from which they are mapped, made, resized across it in all four ways and
 * freed; and what is left of them when there is no memory to be had.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "ledger/memory.h"

#define SMALL 1000
#define LARGE 100000

static const size_t sizes[] = {SMALL, 2 * SMALL, LARGE, 2 * LARGE};

static bool is_out_of_memory;

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mremap(void *address, size_t size, size_t new_size, int flags);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mremap(void *address, size_t size, size_t new_size, int flags);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_out_of_memory ? NULL : __real_aligned_alloc(alignment, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return is_out_of_memory ? NULL : __real_realloc(memory, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return is_out_of_memory ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

void *__wrap_mremap(void *address, size_t size, size_t new_size, int flags)
{
    return is_out_of_memory ? MAP_FAILED : __real_mremap(address, size, new_size, flags);
}

static uint8_t *new_piece(size_t *held, size_t size)
{
    uint8_t *piece = memory_new(held, size);

    assert_non_null(piece);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(piece[i], 0);
        piece[i] = (uint8_t)(i * 7);
    }
    return piece;
}

static void check_contents(const uint8_t *piece, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(piece[i], (uint8_t)(i * 7));
}

static void test_new_pieces(void **state)
{
    size_t held = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint8_t *piece = new_piece(&held, sizes[i]);

        assert_int_equal((uintptr_t)piece % 64, 0);
        assert_true(held >= sizes[i]);
        assert_null(memory_free(&held, piece, sizes[i]));
        assert_int_equal(held, 0);
    }
    assert_null(memory_free(&held, NULL, 0));
}

/* From each size to each other, with or without memory. */
static void resize(size_t size, size_t new_size, bool may_succeed)
{
    size_t held = 0, before;
    uint8_t *piece = new_piece(&held, size), *resized;

    before = held;
    is_out_of_memory = !may_succeed;
    resized = memory_resize(&held, piece, size, new_size);
    is_out_of_memory = false;
    if (may_succeed) {
        assert_non_null(resized);
        check_contents(resized, size < new_size ? size : new_size);
        assert_true(held >= new_size);
        memory_free(&held, resized, new_size);
    } else {
        assert_null(resized);
        check_contents(piece, size);
        assert_int_equal(held, before);
        memory_free(&held, piece, size);
    }
    assert_int_equal(held, 0);
}

static void resize_all(bool may_succeed)
{
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            if (i != j)
                resize(sizes[i], sizes[j], may_succeed);
}

static void test_resized_pieces_keep_their_contents(void **state)
{
    (void)state;
    resize_all(true);
}

static void test_pieces_stay_as_they_are_without_memory(void **state)
{
    size_t held = 0;

    (void)state;
    resize_all(false);
    is_out_of_memory = true;
    for (size_t i = 0; i < 4; i++)
        assert_null(memory_new(&held, sizes[i]));
    is_out_of_memory = false;
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_pieces),
        cmocka_unit_test(test_resized_pieces_keep_their_contents),
        cmocka_unit_test(test_pieces_stay_as_they_are_without_memory),
    };

    return cmocka_run_group_tests_name("ledger_memory", tests, NULL, NULL);
}
