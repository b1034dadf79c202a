/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_ledger */

/*
 * Pieces that come and go at random, each filled with a mark of its own: none may lie on another, and all memory goes
 * back.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "ledger/pool.h"

#define PIECES 3000

struct piece {
    unsigned char *bytes; /* NULL: none */
    size_t size;
};

static size_t random_size(void)
{
    return (size_t)(1 + rand() % POOL_UNITS_MAX) * POOL_UNIT;
}

static void assert_all(const struct piece *piece, unsigned char mark)
{
    for (size_t i = 0; i < piece->size; i++)
        assert_int_equal(piece->bytes[i], mark);
}

static void take(struct pool *pool, size_t *held, struct piece *piece, unsigned char mark)
{
    piece->size = random_size();
    piece->bytes = pool_new(pool, held, piece->size);
    assert_non_null(piece->bytes);
    assert_int_equal((uintptr_t)piece->bytes % POOL_UNIT, 0);
    assert_all(piece, 0);
    memset(piece->bytes, mark, piece->size);
}

static void drop(struct pool *pool, size_t *held, struct piece *piece, unsigned char mark)
{
    assert_all(piece, mark);
    piece->bytes = pool_free(pool, held, piece->bytes, piece->size);
    assert_null(piece->bytes);
}

static bool is_mapped(const void *address)
{
    uintptr_t page = (uintptr_t)address / 4096 * 4096;

    return msync((void *)page, 4096, MS_ASYNC) == 0 || errno != ENOMEM;
}

static void assert_is_as_new(const struct pool *pool)
{
    static const struct pool none;

    assert_memory_equal(pool, &none, sizeof(none));
}

static void test_pieces_that_come_and_go(void **state)
{
    static struct piece pieces[PIECES];
    struct pool pool = {0};
    size_t held = 0, size = 0;

    (void)state;
    srand(1);
    for (int round = 0; round < 40000; round++) {
        size_t i = (size_t)rand() % PIECES;

        if (pieces[i].bytes)
            drop(&pool, &held, &pieces[i], (unsigned char)i);
        else
            take(&pool, &held, &pieces[i], (unsigned char)i);
    }
    for (size_t i = 0; i < PIECES; i++)
        size += pieces[i].bytes ? pieces[i].size : 0;
    assert_in_range(held, size + size / (MEMORY_BLOCK / POOL_UNIT), size + size / 64);
    for (size_t i = 0; i < PIECES; i++)
        if (pieces[i].bytes)
            drop(&pool, &held, &pieces[i], (unsigned char)i);
    assert_int_equal(held, 0);
    assert_is_as_new(&pool);
}

/* As two large clients do that grow at the same time, and one of them ends. */
static void test_one_of_two_gives_all_back(void **state)
{
    static struct piece pieces[2][PIECES];
    struct pool pools[2] = {0};
    size_t held[2] = {0};

    (void)state;
    for (int i = 0; i < PIECES; i++)
        for (int p = 0; p < 2; p++)
            take(&pools[p], &held[p], &pieces[p][i], (unsigned char)i);
    for (int i = 0; i < PIECES; i++) {
        unsigned char *bytes = pieces[0][i].bytes;

        drop(&pools[0], &held[0], &pieces[0][i], (unsigned char)i);
        pieces[0][i].bytes = bytes;
    }
    for (int i = 0; i < PIECES; i++)
        assert_false(is_mapped(pieces[0][i].bytes));
    assert_is_as_new(&pools[0]);
    assert_int_equal(held[0], 0);
    for (int i = 0; i < PIECES; i++)
        drop(&pools[1], &held[1], &pieces[1][i], (unsigned char)i);
    assert_int_equal(held[1], 0);
}

/* Neighbours of any sizes leave room for any size. */
static void test_holes_are_joined(void **state)
{
    struct pool pool = {0};
    struct piece pieces[127];
    void *whole;
    size_t held = 0, full;

    (void)state;
    for (int i = 0; i < 127; i++) {
        pieces[i] = (struct piece){.bytes = pool_new(&pool, &held, POOL_UNIT), .size = POOL_UNIT};
        assert_non_null(pieces[i].bytes);
    }
    full = held;
    assert_int_equal(full, MEMORY_BLOCK);
    for (int i = 127; i-- > 127 - POOL_UNITS_MAX;)
        pool_free(&pool, &held, pieces[i].bytes, POOL_UNIT);
    whole = pool_new(&pool, &held, (size_t)POOL_UNITS_MAX * POOL_UNIT);
    assert_ptr_equal(whole, pieces[127 - POOL_UNITS_MAX].bytes);
    assert_int_equal(held, full);
    pool_free(&pool, &held, whole, (size_t)POOL_UNITS_MAX * POOL_UNIT);
    for (int i = 0; i < 127 - POOL_UNITS_MAX; i++)
        pool_free(&pool, &held, pieces[i].bytes, POOL_UNIT);
    assert_is_as_new(&pool);
}

static bool nothing_more(size_t size)
{
    (void)size;
    return false;
}

static void test_out_of_memory(void **state)
{
    struct pool pool = {0};
    size_t held = 0;

    (void)state;
    memory_hook = nothing_more;
    assert_null(pool_new(&pool, &held, POOL_UNIT));
    memory_hook = NULL;
    assert_int_equal(held, 0);
    assert_is_as_new(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_that_come_and_go),
        cmocka_unit_test(test_one_of_two_gives_all_back),
        cmocka_unit_test(test_holes_are_joined),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
