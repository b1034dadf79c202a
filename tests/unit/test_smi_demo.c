/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/*
 * The stories of tt-smi --demo promise nothing that a device could not hold: at no moment, however long one watches and
 * whatever sizes are drawn.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/tt_alloc.h"
#include "host/host.h"
#include "smi/demo/story.h"
#include "smi/sample/model.h"

static uint64_t most_of(const struct story_role *role, const struct story_part *part, bool is_habit)
{
    unsigned lifetime = part->beats ? part->beats : role->beats;

    return part->most * part->count * (is_habit ? lifetime : 1);
}

static bool is_endless(const struct story_role *role, const struct story_part *part)
{
    return part->count > 0 && part->beats == 0 && role->ending == ENDING_NONE;
}

/* What goes on for ever ends at three quarters of the device's DRAM (script.c), and is nowhere else. */
static uint64_t most_on_device(const struct story_role *role, int pool, uint64_t dram_most)
{
    uint64_t most = 0;
    bool goes_on = false;

    for (size_t i = 0; i < STORY_PARTS; i++) {
        bool is_own = regions[role->load[i].region].pool == pool,
             is_habit = regions[role->habits[i].region].pool == pool;

        most += is_own ? most_of(role, &role->load[i], false) : 0;
        most += is_habit ? most_of(role, &role->habits[i], true) : 0;
        goes_on = goes_on || (is_habit && is_endless(role, &role->habits[i]));
    }
    assert_true(!goes_on || pool == TT_ALLOC_POOL_DRAM);
    return goes_on && most < dram_most ? dram_most : most;
}

static uint64_t sum_of_roles(const struct story *story, unsigned device, int pool, uint64_t dram_most)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < story->role_count; i++) {
        const struct story_role *role = &story->roles[i];

        if (device >= role->device && device < role->device + role->devices)
            sum += most_on_device(role, pool, dram_most);
    }
    return sum;
}

static void pools_keep_within_their_devices(void **state)
{
    (void)state;
    for (size_t i = 0; i < STORIES; i++) {
        const struct host_card *card = host_card_by_type(stories[i].board);

        assert_non_null(card);
        for (unsigned device = 0; device < 32; device++) {
            assert_true(sum_of_roles(&stories[i], device, TT_ALLOC_POOL_DRAM, card->dram_size / 4 * 3) <=
                        card->dram_size);
            assert_true(sum_of_roles(&stories[i], device, TT_ALLOC_POOL_L1, 0) <= card->l1_size);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_keep_within_their_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
