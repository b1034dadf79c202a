/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The list of ended processes: its two bounds, who has to give way, and what an entry keeps.
 */

#include "tests/unit/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/device.h"
#include "server/ended.h"
#include "server/process.h"
#include "server/user.h"

static struct user alice = {.uid = 70001}, bob = {.uid = 70002}, carol = {.uid = 70003};

static int begin(void **state)
{
    alice.ended = bob.ended = carol.ended = 0;
    return fixture_begin(state);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, fixture_end)

/* A process with `devices` devices, one buffer of 100 bytes on each. */
static struct process *make_process(struct user *user, pid_t pid, int32_t devices)
{
    struct process *process = calloc(1, sizeof(*process));
    struct ledger_change change;

    assert_non_null(process);
    *process = (struct process){.serial = (uint64_t)pid + 1000000, .pid = pid, .user = user, .facts = {.comm = "x"}};
    assert_int_equal(ledger_new(&process->ledger, "0123456789abcdef"), 0);
    for (int32_t id = 0; id < devices; id++)
        assert_int_equal(ledger_allocate(process->ledger, id, TT_ALLOC_DRAM, 1, 100, 5, &change), 0);
    return process;
}

static void free_process(struct process *process)
{
    ledger_free(process->ledger);
    process_facts_done(&process->facts);
    free(process);
}

static void end(struct ended_list *list, struct user *user, pid_t pid, int32_t devices)
{
    struct process *process = make_process(user, pid, devices);

    assert_int_equal(ended_add(list, process, TT_ALLOC_REASON_EXITED, clock_now()), 0);
    free_process(process);
}

/* The list agrees with its own counters and with the users'. */
static void check(const struct ended_list *list)
{
    size_t count = 0, placements = 0;
    uint64_t of[3] = {0};

    list_for_each (link, &list->entries) {
        const struct ended *entry = LIST_ENTRY(link, struct ended, link);

        count++;
        placements += entry->placement_count;
        of[entry->user == &alice ? 0 : entry->user == &bob ? 1 : 2]++;
    }
    assert_int_equal(count, list->count);
    assert_int_equal(placements, list->placements);
    assert_int_equal(of[0], alice.ended);
    assert_int_equal(of[1], bob.ended);
    assert_int_equal(of[2], carol.ended);
    assert_true(list->count <= ENDED_MAX && list->placements <= ENDED_PLACEMENTS_MAX);
}

static const struct ended *find(const struct ended_list *list, pid_t pid)
{
    list_for_each (link, &list->entries) {
        const struct ended *entry = LIST_ENTRY(link, struct ended, link);

        if (entry->pid == pid)
            return entry;
    }
    return NULL;
}

static void test_what_an_entry_keeps(void **state)
{
    struct ended_list list;
    struct device chip = {.number = 17};
    struct process *process = make_process(&alice, 42, 2);
    const struct ended *entry;
    uint64_t now = clock_now();

    (void)state;
    ended_init(&list);
    process->facts.command = strdup("python train.py");
    process->facts.start_time = clock_wall() - 90 * NSEC_PER_SEC;
    process->facts.started = now - 90 * NSEC_PER_SEC;
    strcpy(process->facts.comm, "python");
    process->label_pid = 7;
    process->job = 8;
    process->inexact = PROCESS_GAP;
    process->lost = 3;
    process->last_activity = now - 5 * NSEC_PER_SEC;
    ledger_device(process->ledger, 0)->userdata = &chip;
    assert_int_equal(ended_add(&list, process, TT_ALLOC_REASON_HUNG_UP, now), 0);
    assert_null(process->facts.command);

    entry = ended_after(&list, 0);
    assert_non_null(entry);
    assert_int_equal(entry->serial, 1);
    assert_int_equal(entry->process_serial, process->serial);
    assert_int_equal(entry->pid, 42);
    assert_int_equal(entry->label_pid, 7);
    assert_int_equal(entry->job, 8);
    assert_ptr_equal(entry->user, &alice);
    assert_string_equal(entry->comm, "python");
    assert_string_equal(entry->command, "python train.py");
    assert_int_equal(entry->reason, TT_ALLOC_REASON_HUNG_UP);
    assert_true(entry->is_inexact);
    assert_int_equal(entry->lost, 3);
    assert_int_equal(entry->buffers, 2);
    assert_int_equal(entry->idle, 5 * NSEC_PER_SEC);
    assert_int_equal(entry->lifetime, 90 * NSEC_PER_SEC);
    assert_int_equal(entry->placement_count, 2);
    assert_int_equal(entry->placements[0].number, 17); /* of the row */
    assert_int_equal(entry->placements[0].logical_id, 0);
    assert_int_equal(entry->placements[1].number, 1); /* without a row: its own */
    assert_int_equal(entry->placements[1].usage.buffers[TT_ALLOC_DRAM], 1);
    assert_true(entry->placements[1].usage.region[TT_ALLOC_DRAM].bytes == 100);
    free_process(process);
    ended_done(&list);
    assert_int_equal(alice.ended, 0);
}

static void test_unknown_start_counts_from_the_first_report(void **state)
{
    struct ended_list list;
    struct process *process = make_process(&alice, 42, 0);
    uint64_t now = clock_now();

    (void)state;
    ended_init(&list);
    process->created = now - 3 * NSEC_PER_SEC;
    process->last_activity = now;
    assert_int_equal(ended_add(&list, process, TT_ALLOC_REASON_EXITED, now), 0);
    assert_int_equal(ended_after(&list, 0)->start_time, 0);
    assert_int_equal(ended_after(&list, 0)->lifetime, 3 * NSEC_PER_SEC);
    free_process(process);
    ended_done(&list);
}

/* The wall clock was set back below the start of the process: that is no part of its life. */
static void test_a_clock_set_back(void **state)
{
    struct ended_list list;
    struct process *process = make_process(&alice, 42, 0);
    uint64_t now = clock_now();

    (void)state;
    ended_init(&list);
    process->facts.start_time = clock_wall() + 3600 * NSEC_PER_SEC;
    process->facts.started = now - 5 * NSEC_PER_SEC;
    process->created = now - 3 * NSEC_PER_SEC;
    process->last_activity = now;
    assert_int_equal(ended_add(&list, process, TT_ALLOC_REASON_EXITED, now), 0);
    assert_int_equal(ended_after(&list, 0)->lifetime, 5 * NSEC_PER_SEC);
    free_process(process);
    ended_done(&list);
}

static void test_the_oldest_goes_when_all_are_one_users(void **state)
{
    struct ended_list list;

    (void)state;
    ended_init(&list);
    for (pid_t pid = 1; pid <= ENDED_MAX + 10; pid++) {
        end(&list, &alice, pid, 1);
        check(&list);
    }
    assert_int_equal(list.count, ENDED_MAX);
    for (pid_t pid = 1; pid <= 10; pid++)
        assert_null(find(&list, pid));
    assert_non_null(find(&list, 11));
    assert_non_null(find(&list, ENDED_MAX + 10));
    ended_done(&list);
    check(&list);
}

/* Whoever floods the list loses his own entries, whatever others had in it. */
static void test_nobody_can_flush_out_others(void **state)
{
    struct ended_list list;

    (void)state;
    ended_init(&list);
    for (pid_t pid = 1; pid <= 100; pid++)
        end(&list, &bob, pid, 1);
    for (pid_t pid = 101; pid <= 150; pid++)
        end(&list, &carol, pid, 1);
    for (pid_t pid = 1001; pid <= 1001 + 3 * ENDED_MAX; pid++)
        end(&list, &alice, pid, 1);
    check(&list);
    assert_int_equal(bob.ended, 100);
    assert_int_equal(carol.ended, 50);
    assert_int_equal(alice.ended, ENDED_MAX - 150);
    for (pid_t pid = 1; pid <= 150; pid++)
        assert_non_null(find(&list, pid));
    ended_done(&list);
}

/* Few entries with many devices take room too: it is theirs that go, not the many small ones of others. */
static void test_nobody_can_flush_out_others_with_devices(void **state)
{
    struct ended_list list;

    (void)state;
    ended_init(&list);
    for (pid_t pid = 1; pid <= 100; pid++)
        end(&list, &bob, pid, 1);
    for (pid_t pid = 1001; pid <= 1200; pid++)
        end(&list, &alice, pid, LEDGER_DEVICES_MAX);
    check(&list);
    assert_int_equal(bob.ended, 100);
    ended_done(&list);
    check(&list);
}

/* 256 devices per process: 64 entries of it are all that fit. */
static void test_placements_are_bounded_too(void **state)
{
    struct ended_list list;
    size_t fit = ENDED_PLACEMENTS_MAX / LEDGER_DEVICES_MAX;

    (void)state;
    ended_init(&list);
    end(&list, &bob, 1, 8);
    for (pid_t pid = 1001; pid <= 1200; pid++) {
        end(&list, &alice, pid, LEDGER_DEVICES_MAX);
        check(&list);
    }
    assert_int_equal(alice.ended, fit - 1);
    assert_non_null(find(&list, 1));
    assert_non_null(find(&list, 1200));
    assert_null(find(&list, 1200 - (pid_t)fit + 1));
    end(&list, &bob, 2, 0); /* without placements there is room */
    assert_int_equal(alice.ended, fit - 1);
    ended_done(&list);
}

static void test_a_walk_that_pauses(void **state)
{
    struct ended_list list;
    const struct ended *entry;

    (void)state;
    ended_init(&list);
    assert_null(ended_after(&list, 0));
    for (pid_t pid = 1; pid <= ENDED_MAX; pid++)
        end(&list, &alice, pid, 0);
    entry = ended_after(&list, 500);
    assert_int_equal(entry->serial, 501);
    for (pid_t pid = 1; pid <= 600; pid++) /* the place of the pause goes away */
        end(&list, &alice, 5000 + pid, 0);
    entry = ended_after(&list, 501);
    assert_int_equal(entry->serial, 601);
    assert_null(ended_after(&list, ENDED_MAX + 600));
    ended_done(&list);
}

static void test_random_crowds(void **state)
{
    struct user *const users[] = {&alice, &bob, &carol};
    struct fixture_random random = {1};
    struct ended_list list;

    (void)state;
    ended_init(&list);
    for (pid_t pid = 1; pid <= 4000; pid++) {
        int32_t devices = fixture_below(&random, 10) ? (int32_t)fixture_below(&random, 4)
                                                     : (int32_t)fixture_below(&random, LEDGER_DEVICES_MAX);

        end(&list, users[fixture_below(&random, 10) ? 0 : 1 + fixture_below(&random, 2)], pid, devices);
        if (pid % 16 == 0)
            check(&list);
        assert_non_null(find(&list, pid));
    }
    assert_true(alice.ended >= bob.ended && alice.ended >= carol.ended);
    ended_done(&list);
}

static void test_forgetting(void **state)
{
    struct ended_list list;
    struct forgetting forgetting;

    (void)state;
    ended_init(&list);
    end(&list, &alice, 1, 1);
    end(&list, &bob, 1, 2);   /* the number came again */
    end(&list, &alice, 2, 0); /* left nothing */
    end(&list, &alice, 3, 1);

    forgetting = ended_forget(&list, 7, 0, NULL);
    assert_true(forgetting.forgotten == 0 && forgetting.others == 0);
    forgetting = ended_forget(&list, 2, 0, NULL);
    assert_true(forgetting.forgotten == 0 && forgetting.others == 0);
    forgetting = ended_forget(&list, 1, 0, &carol);
    assert_true(forgetting.forgotten == 0 && forgetting.others == 2);
    forgetting = ended_forget(&list, 1, 0, &bob);
    assert_true(forgetting.forgotten == 1 && forgetting.others == 1);
    assert_false(ended_after(&list, 0)->is_forgotten);
    assert_true(ended_after(&list, 1)->is_forgotten);
    assert_int_equal(ended_after(&list, 1)->buffers, 2); /* it stays what it was */
    forgetting = ended_forget(&list, 0, 1000003, &bob);  /* by serial */
    assert_true(forgetting.forgotten == 0 && forgetting.others == 1);
    forgetting = ended_forget(&list, 0, 0, NULL);
    assert_true(forgetting.forgotten == 2 && forgetting.others == 0);
    forgetting = ended_forget(&list, 0, 0, NULL);
    assert_true(forgetting.forgotten == 0 && forgetting.others == 0);
    assert_false(ended_after(&list, 2)->is_forgotten);
    check(&list);
    ended_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_an_entry_keeps),
        TEST(test_unknown_start_counts_from_the_first_report),
        TEST(test_a_clock_set_back),
        TEST(test_the_oldest_goes_when_all_are_one_users),
        TEST(test_nobody_can_flush_out_others),
        TEST(test_nobody_can_flush_out_others_with_devices),
        TEST(test_placements_are_bounded_too),
        TEST(test_a_walk_that_pauses),
        TEST(test_forgetting),
        TEST(test_random_crowds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
