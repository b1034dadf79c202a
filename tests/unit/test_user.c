/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * What one uid may have, how its limits are written, who gets the next connection, and who may look at whose buffers.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/log.h"
#include "server/places.h"
#include "server/uid_view.h"
#include "server/user.h"

#define ALICE 70001
#define HIDDEN 65534

static struct user *get(struct users *users, uid_t uid)
{
    struct user *user = NULL;

    assert_int_equal(users_get(users, uid, &user), 0);
    return user;
}

/* ---- Limits ---- */

static void test_values_of_limits(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
        bool is_count, is_size;
    } cases[] = {
        {"0", 0, true, true},
        {"4096", 4096, true, true},
        {"281474976710656", UINT64_C(1) << 48, true, true},
        {"64M", UINT64_C(64) << 20, false, true},
        {"1KiB", 1024, false, true},
        {"256T", UINT64_C(1) << 48, false, true},
        {"257T", 0, false, false},
        {"281474976710657", 0, false, false},
        {"99999999999999999999", 0, false, false},
        {"", 0, false, false},
        {"M", 0, false, false},
        {"-1", 0, false, false},
        {"+1", 0, false, false},
        {" 1", 0, false, false},
        {"1.5M", 0, false, false},
        {"1MB", 0, false, false},
        {"1m", 0, false, false},
        {"1 M", 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t count = 77, size = 77;

        assert_int_equal(limit_parse(LIMIT_BUFFERS, cases[i].text, &count), cases[i].is_count ? 0 : -EINVAL);
        assert_int_equal(limit_parse(LIMIT_RING_BYTES, cases[i].text, &size), cases[i].is_size ? 0 : -EINVAL);
        assert_true(count == (cases[i].is_count ? cases[i].value : 77));
        assert_true(size == (cases[i].is_size ? cases[i].value : 77));
    }
}

static void test_each_limit(void **state)
{
    struct users users;
    struct user *alice, *root;

    (void)state;
    users_init(&users);
    users.limits = (struct limits){{3, 5, 4096, 100, 10}};
    alice = get(&users, ALICE);
    root = get(&users, 0);
    assert_true(get(&users, ALICE) == alice);

    alice->sessions = root->sessions = 2;
    assert_true(user_may_connect(alice) && user_may_connect(root));
    alice->sessions = root->sessions = 3;
    assert_true(!user_may_connect(alice) && user_may_connect(root));

    alice->buffers = root->buffers = 4;
    assert_true(user_may_allocate(alice));
    alice->buffers = root->buffers = 5;
    assert_true(!user_may_allocate(alice) && user_may_allocate(root));
    root->buffers = 80;
    assert_false(user_may_allocate(root));

    assert_true(user_may_have_ring(alice, 4096) && !user_may_have_ring(alice, 4097));
    alice->ring_bytes = 1;
    assert_false(user_may_have_ring(alice, 4096));
    assert_true(user_may_have_ring(root, 16 * 4096) && !user_may_have_ring(root, 16 * 4096 + 1));

    alice->kept = 100;
    assert_true(user_may_keep(alice));
    alice->kept = root->kept = 101;
    assert_true(!user_may_keep(alice) && user_may_keep(root));
    users_done(&users);
}

static void test_what_was_in_the_way(void **state)
{
    struct users users;
    struct user *alice, *bob;

    (void)state;
    users_init(&users);
    users.limits.most[LIMIT_LOG_LINES] = 0;
    alice = get(&users, ALICE);
    bob = get(&users, ALICE + 1);
    assert_true(users.refused[LIMIT_BUFFERS] == 0 && users.refused_last[LIMIT_BUFFERS] == USER_NOBODY);
    user_refused(alice, LIMIT_BUFFERS);
    user_refused(bob, LIMIT_BUFFERS);
    user_refused(alice, LIMIT_SESSIONS);
    assert_true(users.refused[LIMIT_BUFFERS] == 2 && users.refused_last[LIMIT_BUFFERS] == ALICE + 1);
    assert_true(users.refused[LIMIT_SESSIONS] == 1 && users.refused_last[LIMIT_SESSIONS] == ALICE);

    assert_false(user_may_log(alice, 1, 1));
    assert_false(user_is_worth_telling(alice, LIMIT_LOG_LINES, 1)); /* not even that there are none */
    assert_true(users.refused[LIMIT_LOG_LINES] == 1);
    users_done(&users);
}

static void test_what_is_told(void **state)
{
    const uint64_t minute = 60 * UINT64_C(1000000000), now = 5 * minute;
    struct users users;
    struct user *alice, *bob;

    (void)state;
    users_init(&users);
    alice = get(&users, ALICE);
    bob = get(&users, ALICE + 1);
    assert_true(user_is_worth_telling(alice, LIMIT_SESSIONS, now));
    assert_false(user_is_worth_telling(alice, LIMIT_SESSIONS, now + minute - 1));
    assert_true(user_is_worth_telling(alice, LIMIT_ANSWER_BYTES, now)); /* another limit */
    assert_true(user_is_worth_telling(bob, LIMIT_SESSIONS, now));       /* another user */
    assert_true(user_is_worth_telling(alice, LIMIT_SESSIONS, now + minute));

    alice->log_tokens = 0;
    assert_false(user_is_worth_telling(alice, LIMIT_RING_BYTES, now + minute)); /* who has used up his lines */
    assert_true(user_is_worth_telling(alice, LIMIT_RING_BYTES, now + 2 * minute));
    users_done(&users);
}

/* That somebody has used up his lines is told once a minute, too, however often some come back and are used up again.
 */
static void test_silence_is_told(void **state)
{
    const uint64_t second = UINT64_C(1000000000), begin = 300 * second;
    struct users users;
    struct user *alice;
    unsigned told = 0;

    (void)state;
    users_init(&users);
    alice = get(&users, ALICE);
    alice->log_refilled = begin;
    for (uint64_t now = begin; now < begin + 120 * second; now += second)
        for (unsigned i = 0; i < 3000; i++)
            told += !user_may_log(alice, 1, now) && user_is_worth_telling(alice, LIMIT_LOG_LINES, now);
    assert_int_equal(told, 2);
    assert_true(users.refused[LIMIT_LOG_LINES] > 100 * 2000);
    users_done(&users);
}

/* ---- Places ---- */

static uint64_t take_all(struct places *places, struct user *user)
{
    uint64_t count = 0;

    for (; places_look(places, user) == PLACE_FREE; count++)
        places_take(places, user);
    return count;
}

static void test_a_greedy_uid(void **state)
{
    struct places places;
    struct users users;
    struct user *greedy, *innocent, *root;

    (void)state;
    users_init(&users);
    greedy = get(&users, ALICE);
    innocent = get(&users, ALICE + 1);
    root = get(&users, 0);
    places_init(&places, 20000);
    assert_true(places.all == (20000 - 32) / 2);
    assert_true(take_all(&places, greedy) == LIMIT_SESSIONS_DEFAULT);
    assert_int_equal(places_look(&places, greedy), PLACE_OVER_LIMIT);
    assert_int_equal(places_look(&places, innocent), PLACE_FREE);
    assert_int_equal(places_look(&places, root), PLACE_FREE);

    places_give_back(&places, greedy);
    assert_true(take_all(&places, greedy) == 1);
    users_done(&users);
}

/* Each takes what it can, none may have more than it leaves, and root finds its own. */
static void test_many_greedy_uids(void **state)
{
    struct places places;
    struct users users;
    uint64_t taken, before = UINT64_MAX, others = 0;
    struct user *root;

    (void)state;
    users_init(&users);
    users.limits.most[LIMIT_SESSIONS] = UINT64_MAX;
    places_init(&places, 2032);
    assert_true(places.all == 1000);
    for (uid_t i = 0; i < 8; i++) {
        taken = take_all(&places, get(&users, ALICE + i));
        assert_true(taken > 0 && taken < before);
        others += taken;
        assert_true(taken <= 1000 - others);
        before = taken;
    }
    for (uid_t i = 8; i < 100; i++)
        others += take_all(&places, get(&users, ALICE + i));
    assert_true(others == 1000 - 1000 / 16 - 1);
    assert_int_equal(places_look(&places, get(&users, ALICE + 200)), PLACE_SHORT);
    root = get(&users, 0);
    assert_true(take_all(&places, root) == 1000 / 16 + 1);
    assert_int_equal(places_look(&places, root), PLACE_SHORT);
    users_done(&users);
}

static void test_a_greedy_root(void **state)
{
    struct places places;
    struct users users;

    (void)state;
    users_init(&users);
    places_init(&places, 2032);
    assert_true(take_all(&places, get(&users, 0)) == 1000 - 1000 / 16 - 1);
    assert_true(take_all(&places, get(&users, ALICE)) == (1000 / 16 + 1 + 1) / 2);
    users_done(&users);
}

static void test_few_descriptors(void **state)
{
    struct places places;
    struct users users;

    (void)state;
    users_init(&users);
    for (size_t descriptors = 0; descriptors < 8; descriptors++) {
        places_init(&places, descriptors);
        take_all(&places, get(&users, 0)); /* no sum below zero */
        assert_true(places.privileged <= places.all);
    }
    places_init(&places, 32);
    assert_true(places.all == 12);
    users_done(&users);
}

/* ---- Who is who ---- */

static void test_a_hidden_user(void **state)
{
    struct users users;
    struct user *alice, *hidden, *root;

    (void)state;
    users_init(&users);
    assert_false(get(&users, HIDDEN)->is_hidden);
    assert_true(user_is(get(&users, HIDDEN), get(&users, HIDDEN))); /* where nobody is hidden it is a user like any */
    users_done(&users);

    users_init(&users);
    users.hidden = HIDDEN;
    alice = get(&users, ALICE);
    hidden = get(&users, HIDDEN);
    root = get(&users, 0);
    assert_true(user_is(alice, alice) && !user_is(alice, root) && user_is(root, root));
    assert_false(user_is(hidden, hidden));
    assert_true(!hidden->is_privileged && !alice->is_privileged && root->is_privileged);
    users_done(&users);

    users_init(&users);
    users.hidden = geteuid(); /* also if the server's own uid is the one */
    assert_false(get(&users, geteuid())->is_privileged);
    users_done(&users);
}

static void test_maps_of_uids(void **state)
{
    static const struct {
        const char *text;
        uint64_t mapped;
    } cases[] = {
        {"         0          0 4294967295\n", UID_VIEW_ALL},
        {"         0          0       1000\n      1000       2000 4294965295\n", UINT64_C(4294966295)},
        {"         0       1000          1\n", 1},
        {"         0       1000          1\n         1     100000      65536\n", 65537},
        {"", 0},
        {"nonsense", 0},
        {"0 0 5\n1", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(uid_view_count(cases[i].text) == cases[i].mapped);
}

static void test_where_the_server_may_start(void **state)
{
    struct uid_view all = {.mapped = UID_VIEW_ALL, .overflow = geteuid()};
    struct uid_view nobody = {.mapped = 0, .overflow = geteuid()};
    struct uid_view few = {.mapped = 1, .overflow = geteuid() + 1};
    struct uid_view container = {.mapped = UID_VIEW_ACCOUNTS, .overflow = geteuid() + 1};
    char directory[] = "/tmp/test-user-XXXXXX", path[64];

    (void)state;
    log_open(LOG_EMERG);
    assert_int_equal(uid_view_check(&all), 0);
    assert_int_equal(uid_view_check(&nobody), -EPERM);
    assert_int_equal(uid_view_check(&few), 0);

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s.sock", directory);
    assert_int_equal(uid_view_check_socket(&few, path), 0);
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(uid_view_check_socket(&few, path), -EPERM);
    assert_int_equal(uid_view_check_socket(&container, path), 0);
    assert_int_equal(uid_view_check_socket(&all, path), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(uid_view_check_socket(&few, path), -EPERM);
    assert_int_equal(uid_view_check_socket(&few, NULL), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_values_of_limits), FIXTURE(test_each_limit),      FIXTURE(test_what_was_in_the_way),
        FIXTURE(test_what_is_told),     FIXTURE(test_silence_is_told), FIXTURE(test_a_greedy_uid),
        FIXTURE(test_many_greedy_uids), FIXTURE(test_a_greedy_root),   FIXTURE(test_few_descriptors),
        FIXTURE(test_a_hidden_user),    FIXTURE(test_maps_of_uids),    FIXTURE(test_where_the_server_may_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
