/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * Facts of processes: in trees that look like /proc, and of real children, one of them in a PID namespace of its own.
 */

#include "tests/unit/process_fixture.h"

#include "host/container.h"
#include "host/process.h"

static struct host_root open_tree(const struct tree *tree)
{
    struct host_root root;

    assert_int_equal(host_root_open(tree->path, &root), 0);
    return root;
}

static struct host_process read_process(const struct tree *tree, int32_t pid)
{
    struct host_root root = open_tree(tree);
    struct host_process process;

    assert_int_equal(host_process_read(&root, TREE_BOOT * SECOND, pid, &process), 0);
    host_root_close(&root);
    return process;
}

static void test_facts_in_a_tree(void **state)
{
    struct tree tree = tree_open();
    struct tree_process plan = {.pid = 4242,
                                .comm = "python3",
                                .numbers = "4242\t77\t9",
                                .uid = 1000,
                                .start_seconds = 60,
                                .pid_namespace = 4026532177};
    struct host_process process;

    (void)state;
    tree_add_process(&tree, &plan);
    tree_write_bytes(&tree, "proc/4242/cmdline", "python3\0-m\0vllm serve\0\0\0", 24);
    tree_write(&tree, "proc/4242/cgroup", "0::/system.slice/docker-3f2a90b1c2d4e5f6a7b8.scope\n");
    process = read_process(&tree, 4242);

    assert_int_equal(process.error, 0);
    assert_int_equal(process.pid, 4242);
    assert_int_equal(process.inner_pid, 9);
    assert_int_equal(process.uid, 1000);
    assert_int_equal(process.start_time, (TREE_BOOT + 60) * SECOND);
    assert_int_equal(process.pid_namespace, 4026532177);
    assert_string_equal(process.comm, "python3");
    assert_string_equal(process.command, "python3 -m vllm serve");
    assert_string_equal(process.cgroup, "/system.slice/docker-3f2a90b1c2d4e5f6a7b8.scope");
    assert_string_equal(process.container, "docker 3f2a90b1c2d4");
    host_process_done(&process);
    tree_close(&tree);
}

static void test_hostile_names(void **state)
{
    static const char *const names[] = {") R 1 2 3 (", "a) S 1 (b", "line\nbreak", "((((", "))))", "a b c d", ""};
    struct tree tree = tree_open();

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct tree_process plan = {.pid = 5, .comm = names[i], .start_seconds = 9};
        struct host_process process;

        tree_add_process(&tree, &plan);
        process = read_process(&tree, 5);
        assert_int_equal(process.error, 0);
        assert_string_equal(process.comm, names[i]);
        assert_string_equal(process.command, names[i]); /* it has no arguments */
        assert_int_equal(process.start_time, (TREE_BOOT + 9) * SECOND);
        assert_null(process.cgroup);
        assert_null(process.container);
        host_process_done(&process);
    }
    tree_close(&tree);
}

static void test_what_is_missing(void **state)
{
    struct tree tree = tree_open();
    struct host_root root;
    struct host_process process;

    (void)state;
    tree_mkdir(&tree, "proc");
    process = read_process(&tree, 6);
    assert_int_equal(process.error, -ESRCH);
    assert_int_equal(process.pid, 6);

    tree_write(&tree, "proc/6/stat", "6 (x) S 1 1 1\n");
    assert_int_equal(read_process(&tree, 6).error, -EINVAL);
    tree_link(&tree, "proc/6/stat", "!EACCES");
    assert_int_equal(read_process(&tree, 6).error, -EACCES);

    tree_add_stat(&tree, &(struct tree_process){.pid = 6, .comm = "x", .start_seconds = 1}, 'S', 1);
    root = open_tree(&tree);
    assert_int_equal(host_process_read(&root, 0, 6, &process), 0); /* the time of the boot is not known */
    host_root_close(&root);
    assert_int_equal(process.error, 0);
    assert_int_equal(process.start_time, 0);
    assert_int_equal(process.inner_pid, 6);
    assert_int_equal(process.pid_namespace, 0);
    assert_string_equal(process.command, "x");
    host_process_done(&process);
    tree_close(&tree);
}

/* Nobody is root because we could not read who he is. A tree need not have the file; in /proc it goes with its process.
 */
static void test_a_status_that_is_not_to_be_had(void **state)
{
    struct tree tree = tree_open();
    struct host_root root = open_tree(&tree);
    struct host_process process;

    (void)state;
    tree_add_process(&tree, &(struct tree_process){.pid = 5, .comm = "x", .uid = 0});
    process = read_process(&tree, 5);
    assert_true(process.has_uid);
    host_process_done(&process);
    tree_write(&tree, "proc/5/status", "Name:\tx\n");
    process = read_process(&tree, 5);
    assert_false(process.has_uid);
    host_process_done(&process);
    tree_link(&tree, "proc/5/status", "!EACCES");
    process = read_process(&tree, 5);
    assert_int_equal(process.error, 0);
    assert_false(process.has_uid);
    host_process_done(&process);
    tree_link(&tree, "proc/5/status", "!ESRCH");
    assert_int_equal(read_process(&tree, 5).error, -ESRCH);

    tree_remove(&tree, "proc/5/status");
    process = read_process(&tree, 5);
    assert_int_equal(process.error, 0);
    assert_false(process.has_uid);
    host_process_done(&process);
    root.is_live = true;
    host_process_read_identity(&root, 0, 5, &process);
    assert_int_equal(process.error, -ESRCH);
    host_root_close(&root);
    tree_close(&tree);
}

/* Nothing that waits for somebody is read, no link leads out, and a link may stand for an error. */
static void test_what_stands_in_the_place_of_files(void **state)
{
    struct tree_process plan = {.pid = 5, .comm = "x", .uid = 1000};
    struct tree tree = tree_open();
    struct host_process process;

    (void)state;
    tree_add_process(&tree, &plan);
    tree_make_fifo(&tree, "proc/5/cmdline");
    tree_link(&tree, "proc/5/status", "/proc/self/status");
    process = read_process(&tree, 5);
    assert_int_equal(process.error, 0);
    assert_string_equal(process.command, "x");
    assert_int_equal(process.uid, 0);
    host_process_done(&process);

    tree_remove(&tree, "proc/5/stat");
    tree_make_fifo(&tree, "proc/5/stat");
    assert_int_equal(read_process(&tree, 5).error, -EINVAL);
    tree_link(&tree, "proc/5/stat", "!EACCES");
    assert_int_equal(read_process(&tree, 5).error, -EACCES);
    tree_remove(&tree, "proc/5/stat");
    tree_mkdir(&tree, "proc/5/stat");
    assert_int_equal(read_process(&tree, 5).error, -EINVAL);
    tree_close(&tree);
}

static void test_who_has_ended_is_gone(void **state)
{
    struct tree tree = tree_open();
    struct tree_process plan = {.pid = 8, .comm = "x", .start_seconds = 1};
    struct host_process process;

    (void)state;
    tree_add_stat(&tree, &plan, 'Z', 1);
    assert_int_equal(read_process(&tree, 8).error, -ESRCH);
    tree_add_stat(&tree, &plan, 'Z', 2); /* just the main thread has */
    process = read_process(&tree, 8);
    assert_int_equal(process.error, 0);
    host_process_done(&process);
    tree_close(&tree);
}

static void test_long_and_odd_commands(void **state)
{
    static char text[100000];
    struct tree tree = tree_open();
    struct tree_process plan = {.pid = 7, .comm = "title", .start_seconds = 1};
    struct host_process process;

    (void)state;
    tree_add_process(&tree, &plan);
    memset(text, 'a', sizeof(text));
    tree_write_bytes(&tree, "proc/7/cmdline", text, sizeof(text));
    process = read_process(&tree, 7);
    assert_int_equal(strlen(process.command), 4096);
    host_process_done(&process);

    tree_write_bytes(&tree, "proc/7/cmdline", "\0\0 x\0\0 \n\0", 9);
    process = read_process(&tree, 7);
    assert_string_equal(process.command, "x");
    host_process_done(&process);

    tree_write_bytes(&tree, "proc/7/cmdline", "\0\0\0", 3);
    process = read_process(&tree, 7);
    assert_string_equal(process.command, "title");
    host_process_done(&process);
    tree_close(&tree);
}

#define HEX64 "3f2a90b1c2d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e"

static void test_containers(void **state)
{
    static const struct {
        const char *text, *cgroup, *container;
    } cases[] = {
        {"0::/", "/", NULL},
        {"0::/user.slice/user-1000.slice\n", "/user.slice/user-1000.slice", NULL},
        {"0::/docker/" HEX64, "/docker/" HEX64, "docker 3f2a90b1c2d4"},
        {"0::/docker/" HEX64 "/init\n", "/docker/" HEX64 "/init", "docker 3f2a90b1c2d4"},
        {"0::/docker/buildkit\n", "/docker/buildkit", NULL},
        {"0::/x/docker-" HEX64 ".scope", "/x/docker-" HEX64 ".scope", "docker 3f2a90b1c2d4"},
        {"0::/x/libpod-" HEX64 ".scope", "/x/libpod-" HEX64 ".scope", "podman 3f2a90b1c2d4"},
        {"0::/x/libpod-conmon-" HEX64 ".scope", "/x/libpod-conmon-" HEX64 ".scope", NULL},
        {"0::/x/crio-" HEX64 ".scope", "/x/crio-" HEX64 ".scope", "crio 3f2a90b1c2d4"},
        {"0::/x/cri-containerd-" HEX64 ".scope", "/x/cri-containerd-" HEX64 ".scope", "containerd 3f2a90b1c2d4"},
        {"0::/kubepods/burstable/pod1c9d2e3f-4a5b-6c7d-8e9f-001122334455/" HEX64,
         "/kubepods/burstable/pod1c9d2e3f-4a5b-6c7d-8e9f-001122334455/" HEX64, "pod 1c9d2e3f-4a5b"},
        {"0::/kubepods.slice/kubepods-pod1c9d2e3f_4a5b_6c7d_8e9f_001122334455.slice/cri-containerd-" HEX64 ".scope",
         "/kubepods.slice/kubepods-pod1c9d2e3f_4a5b_6c7d_8e9f_001122334455.slice/cri-containerd-" HEX64 ".scope",
         "pod 1c9d2e3f-4a5b"},
        {"0::/kubepods/podgy/x", "/kubepods/podgy/x", NULL},
        {"0::/lxc/web/init.scope", "/lxc/web/init.scope", "lxc web"},
        {"0::/lxc.payload.web/user.slice", "/lxc.payload.web/user.slice", "lxc web"},
        {"12:pids:/a\n11:memory:/docker/" HEX64 "\n0::/system.slice/containerd.service\n", "/docker/" HEX64,
         "docker 3f2a90b1c2d4"},
        {"12:pids:/a\n0::/b\n", "/b", NULL},
        {"12:pids:/a\n11:cpu:/\n0::/\n", "/a", NULL},
        {"1:name=systemd:/a:b\n", "/a:b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *cgroup = NULL, *container = NULL;

        assert_int_equal(host_container_find(cases[i].text, &cgroup, &container), 0);
        assert_string_equal(cgroup, cases[i].cgroup);
        if (cases[i].container)
            assert_string_equal(container, cases[i].container);
        else
            assert_null(container);
        free(cgroup);
        free(container);
    }
}

/* Were it looked over once for each of its parts, this would take many seconds. */
static void test_a_cgroup_of_many_parts(void **state)
{
    enum { PARTS = 1 << 17 };
    char *text = malloc(2 * PARTS + 4), *cgroup, *container;
    uint64_t before = clock_read(CLOCK_PROCESS_CPUTIME_ID);

    (void)state;
    assert_non_null(text);
    memcpy(text, "0::", 3);
    for (size_t i = 0; i < PARTS; i++)
        memcpy(text + 3 + 2 * i, "/a", 2);
    text[2 * PARTS + 3] = '\0';
    assert_int_equal(host_container_find(text, &cgroup, &container), 0);
    assert_string_equal(cgroup, text + 3);
    assert_null(container);
    assert_true(clock_read(CLOCK_PROCESS_CPUTIME_ID) - before < SECOND);
    free(cgroup);
    free(text);
}

static void test_no_cgroup_in_it(void **state)
{
    static const char *const texts[] = {"", "\n\n", "x", "4:memory", "garbage\n"};
    char *cgroup = NULL, *container = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(host_container_find(texts[i], &cgroup, &container), -ENODATA);
    assert_null(cgroup);
    assert_null(container);
}

/* Two devices, whose holders overlap, and a slot; then more of them, when some are known already. */
static void test_each_process_once(void **state)
{
    struct tree tree = tree_open();
    struct host_root root;
    struct host_holder first[] = {{0, 1}, {3, 1}, {9, 2}}, second[] = {{1, 1}, {3, 4}};
    struct host_device devices[] = {{.number = 0, .holders = first, .holder_count = 3},
                                    {.number = 1, .holders = second, .holder_count = 2}};
    struct host_slot slots[] = {{.inner_pid = 1, .pid = 5, .state = HOST_SLOT_LIVE},
                                {.inner_pid = 2, .pid = 6, .state = HOST_SLOT_REUSED},
                                {.inner_pid = 3, .pid = 9, .state = HOST_SLOT_LIVE}};
    struct host_totals totals = {.slots = slots, .slot_count = 3};
    struct host host = {.boot_time = SECOND, .devices = devices, .device_count = 2};
    const char *kept;

    (void)state;
    for (int32_t pid = 1; pid < 10; pid++)
        if (pid != 3)
            tree_add_process(&tree, &(struct tree_process){.pid = pid, .comm = "x"});
    root = open_tree(&tree);
    assert_int_equal(host_processes_read(&root, &host), 0);
    assert_int_equal(host.process_count, 3);
    assert_int_equal(host.processes[0].pid, 1);
    assert_int_equal(host.processes[1].pid, 3);
    assert_int_equal(host.processes[1].error, -ESRCH);
    assert_int_equal(host.processes[2].pid, 9);
    kept = host.processes[2].command;

    host.totals = &totals;
    host.totals_count = 1;
    assert_int_equal(host_processes_read(&root, &host), 0);
    assert_int_equal(host.process_count, 4);
    assert_int_equal(host.processes[2].pid, 5);
    assert_int_equal(host.processes[2].error, 0);
    assert_ptr_equal(host.processes[3].command, kept); /* not read again */

    for (size_t i = 0; i < host.process_count; i++)
        host_process_done(&host.processes[i]);
    free(host.processes);
    host_root_close(&root);
    tree_close(&tree);
}

static void test_ten_thousand_holders(void **state)
{
    enum { COUNT = 10000 };
    struct tree tree = tree_open();
    struct host_holder *holders = calloc(COUNT, sizeof(*holders));
    struct host_device devices[32];
    struct host host = {.devices = devices, .device_count = 32};
    struct host_root root;

    (void)state;
    assert_non_null(holders);
    for (int32_t i = 0; i < COUNT; i++)
        holders[i] = (struct host_holder){i + 1, 1};
    for (int32_t i = 0; i < 32; i++)
        devices[i] = (struct host_device){.number = i, .holders = holders, .holder_count = COUNT};
    tree_mkdir(&tree, "proc");
    root = open_tree(&tree);
    assert_int_equal(host_processes_read(&root, &host), 0);
    assert_int_equal(host.process_count, COUNT);
    for (int32_t i = 0; i < COUNT; i++)
        assert_int_equal(host.processes[i].pid, i + 1);
    free(host.processes); /* none of them exists, so none holds anything */
    free(holders);
    host_root_close(&root);
    tree_close(&tree);
}

static uint64_t boot_time(void)
{
    return clock_read(CLOCK_REALTIME) - clock_read(CLOCK_BOOTTIME);
}

static void test_a_real_child(void **state)
{
    uint64_t before = clock_read(CLOCK_REALTIME), after;
    struct alive child = alive_start(&(struct alive_plan){.comm = "a) (b\nc"});
    struct host_root root;
    struct host_process process;

    (void)state;
    after = clock_read(CLOCK_REALTIME);
    assert_true(child.pid > 0);
    assert_int_equal(host_root_open(NULL, &root), 0);
    assert_int_equal(host_process_read(&root, boot_time(), child.pid, &process), 0);
    assert_int_equal(process.error, 0);
    assert_string_equal(process.comm, "a) (b\nc");
    assert_int_equal(process.uid, getuid());
    assert_int_equal(process.inner_pid, child.pid);
    assert_int_equal(process.pid_namespace, host_process_read_namespace(&root, getpid(), "pid"));
    assert_true(process.pid_namespace > 0);
    assert_true(process.start_time + SECOND / 10 >= before && process.start_time <= after + SECOND / 10);
    assert_non_null(strstr(process.command, "test_host_process"));
    assert_non_null(process.cgroup);
    host_process_done(&process);

    alive_end(&child); /* a zombie */
    assert_int_equal(host_process_read(&root, boot_time(), child.pid, &process), 0);
    assert_int_equal(process.error, -ESRCH);
    alive_reap(&child);
    assert_int_equal(host_process_read(&root, boot_time(), child.pid, &process), 0);
    assert_int_equal(process.error, -ESRCH);
    host_root_close(&root);
}

static void test_a_real_pid_namespace(void **state)
{
    int namespaces = getuid() == 0 ? CLONE_NEWPID : CLONE_NEWPID | CLONE_NEWUSER;
    struct alive child = alive_start(&(struct alive_plan){.comm = "inner", .namespaces = namespaces});
    struct host_root root;
    struct host_process process;

    (void)state;
    if (child.pid < 0) {
        close(child.lifeline);
        print_message("namespaces are not permitted here\n");
        skip();
    }
    assert_int_equal(host_root_open(NULL, &root), 0);
    assert_int_equal(host_process_read(&root, boot_time(), child.pid, &process), 0);
    assert_int_equal(process.error, 0);
    assert_string_equal(process.comm, "inner");
    assert_int_equal(process.pid, child.pid);
    assert_int_equal(process.inner_pid, 1);
    assert_true(process.pid_namespace > 0);
    assert_int_not_equal(process.pid_namespace, host_process_read_namespace(&root, getpid(), "pid"));
    host_process_done(&process);
    host_root_close(&root);
    alive_stop(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_facts_in_a_tree),        FIXTURE(test_hostile_names),
        FIXTURE(test_what_is_missing),        FIXTURE(test_long_and_odd_commands),
        FIXTURE(test_who_has_ended_is_gone),  FIXTURE(test_containers),
        FIXTURE(test_no_cgroup_in_it),        FIXTURE(test_each_process_once),
        FIXTURE(test_ten_thousand_holders),   FIXTURE(test_a_real_child),
        FIXTURE(test_a_real_pid_namespace),   FIXTURE(test_what_stands_in_the_place_of_files),
        FIXTURE(test_a_cgroup_of_many_parts), FIXTURE(test_a_status_that_is_not_to_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
