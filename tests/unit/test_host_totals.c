/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * Totals files of hosts: which are found, which slots live, what is phantom. In trees, and at the end in a real
 * container: a child with PIDs, mounts and a /dev/shm of its own, in which processes have really died and PIDs have
 * really been used again.
 */

#include "tests/unit/process_fixture.h"

#include <dirent.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "host/process.h"
#include "host/slots.h"
#include "host/totals.h"
#include "host/totals_find.h"
#include "tests/unit/totals_fixture.h"

#define PARTS (HOST_IDENTITY | HOST_HOLDERS | HOST_TOTALS)
#define STRANGER 70001
#define AT(seconds) ((TREE_BOOT + (seconds)) * SECOND) /* since the tree's boot */

/* A host with one device that the processes hold. */
static struct tree open_host(const char *pids)
{
    struct tree tree = tree_open();

    tree_add_host(&tree);
    tree_add_device(&tree, 0);
    tree_write(&tree, "proc/driver/tenstorrent/0/pids", pids);
    tree_mkdir(&tree, "dev/shm/x"); /* so that there is a directory */
    return tree;
}

static struct host read_host(const struct tree *tree)
{
    struct host host;

    assert_int_equal(host_read(tree->path, PARTS, &host), 0);
    return host;
}

static void add_region(const struct tree *tree, const char *name, const struct region *region)
{
    tree_write_bytes(tree, name, region->bytes, sizeof(region->bytes));
}

static void add_python(const struct tree *tree, int32_t pid, const char *numbers, unsigned long mount_namespace)
{
    struct tree_process process = {
        .pid = pid, .comm = "python3", .numbers = numbers, .start_seconds = 100, .mount_namespace = mount_namespace};

    tree_add_process(tree, &process);
}

static void assert_bytes(struct host_amount amount, uint64_t bytes)
{
    assert_true(amount.known);
    assert_int_equal(amount.bytes, bytes);
}

static void test_live_and_phantom(void **state)
{
    struct tree tree = open_host("4242\n");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    add_python(&tree, 4242, NULL, 0);
    add_python(&tree, 500, NULL, 0);
    region_set_references(&region, 4);
    region_set_held(&region, 10000);
    region_set_slot(&region, 0, 4242, "python3", 4000, AT(200));
    region_set_slot(&region, 1, 600, "python3", 3000, AT(200)); /* no such process */
    region_set_slot(&region, 2, 500, "python3", 1000, AT(90));  /* began after it was written */
    add_region(&tree, "dev/shm/tt_device_65536_memory", &region);
    host = read_host(&tree);

    assert_int_equal(host.totals_error, 0);
    assert_int_equal(host.totals_count, 1);
    assert_int_equal(host.totals[0].id, 65536);
    assert_string_equal(host.totals[0].path, "/dev/shm/tt_device_65536_memory");
    assert_int_equal(host.totals[0].through_pid, 0);
    assert_int_equal(host.totals[0].state, HOST_TOTALS_OK);
    assert_int_equal(host.totals[0].slot_count, 3);
    assert_int_equal(host.totals[0].slots[0].state, HOST_SLOT_LIVE);
    assert_int_equal(host.totals[0].slots[0].pid, 4242);
    assert_int_equal(host.totals[0].slots[1].state, HOST_SLOT_GONE);
    assert_int_equal(host.totals[0].slots[1].pid, 0);
    assert_int_equal(host.totals[0].slots[2].state, HOST_SLOT_REUSED);
    assert_int_equal(host.totals[0].slots[2].pid, 500);
    assert_bytes(host.totals[0].held[HOST_DRAM], 10000);
    assert_bytes(host.totals[0].live[HOST_DRAM], 4000);
    assert_bytes(host.totals[0].phantom[HOST_DRAM], 6000);
    assert_int_equal(host.process_count, 1); /* one whose PID was used again is nobody's */
    host_clear(&host);
    tree_close(&tree);
}

/* What a slot's process has to be. */
static void test_who_can_have_written_a_slot(void **state)
{
    static const struct {
        const char *comm;
        uint64_t last_update;
        int32_t pid;
        enum host_slot_state state;
    } cases[] = {
        {"python3", AT(100), 20, HOST_SLOT_LIVE},
        {"python3", AT(99), 20, HOST_SLOT_LIVE}, /* times are known to the second */
        {"python3", AT(99) - 1, 20, HOST_SLOT_REUSED},
        {"python3", 0, 20, HOST_SLOT_LIVE}, /* no time */
        {"", AT(100), 20, HOST_SLOT_LIVE},  /* no name */
        {"python", AT(100), 20, HOST_SLOT_REUSED},
        {"python3.11", AT(100), 20, HOST_SLOT_REUSED},
        {"a-name-of-15-cha", AT(100), 21, HOST_SLOT_LIVE}, /* longer than the kernel keeps */
        {"a-name-of-15-xha", AT(100), 21, HOST_SLOT_REUSED},
        {"python3", AT(100), 22, HOST_SLOT_LIVE}, /* renamed, and holds the device */
        {"python3", AT(98), 22, HOST_SLOT_REUSED},
        {"python3", AT(100), 23, HOST_SLOT_GONE},       /* waits to be waited for */
        {"python3", AT(100), 24, HOST_SLOT_UNVERIFIED}, /* we may not know */
    };
    struct tree tree = open_host("22\n");

    (void)state;
    add_python(&tree, 20, NULL, 0);
    tree_add_process(&tree, &(struct tree_process){.pid = 21, .comm = "a-name-of-15-ch", .start_seconds = 100});
    tree_add_process(&tree, &(struct tree_process){.pid = 22, .comm = "VLLM::Engine", .start_seconds = 100});
    tree_add_stat(&tree, &(struct tree_process){.pid = 23, .comm = "python3", .start_seconds = 100}, 'Z', 1);
    tree_link(&tree, "proc/24/stat", "!EACCES");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct region region = region_make(3);
        struct host host;

        region_set_slot(&region, 0, cases[i].pid, cases[i].comm, 4096, cases[i].last_update);
        add_region(&tree, "dev/shm/tt_device_1_memory", &region);
        host = read_host(&tree);
        assert_int_equal(host.totals_count, 1);
        if (host.totals[0].slots[0].state != cases[i].state)
            print_error("case %zu: state %d\n", i, (int)host.totals[0].slots[0].state);
        assert_int_equal(host.totals[0].slots[0].state, cases[i].state);
        host_clear(&host);
    }
    tree_close(&tree);
}

static void test_stale(void **state)
{
    struct tree tree = open_host("");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    region_set_references(&region, 1);
    region_set_held(&region, 500);
    region_set_slot(&region, 0, 77, "python3", 500, AT(200));
    add_region(&tree, "dev/shm/tt_device_1_memory", &region);
    region_set_references(&region, 0);
    add_region(&tree, "dev/shm/tt_device_2_memory", &region);
    host = read_host(&tree);
    assert_int_equal(host.totals[0].state, HOST_TOTALS_STALE);
    assert_bytes(host.totals[0].held[HOST_DRAM], 500);
    assert_bytes(host.totals[0].live[HOST_DRAM], 0);
    assert_bytes(host.totals[0].phantom[HOST_DRAM], 500);
    assert_int_equal(host.totals[1].state, HOST_TOTALS_OK);
    host_clear(&host);
    tree_close(&tree);
}

static void test_unknown_parts_make_unknown_sums(void **state)
{
    struct tree tree = open_host("4242\n");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    add_python(&tree, 4242, NULL, 0);
    region_set_held(&region, 500);
    region_put_64(&region, 48, UINT64_MAX);
    region_set_slot(&region, 0, 4242, "python3", 600, AT(200));
    region_put_64(&region, 856 + 16, UINT64_MAX);
    add_region(&tree, "dev/shm/tt_device_1_memory", &region);
    host = read_host(&tree);
    assert_bytes(host.totals[0].live[HOST_DRAM], 600);
    assert_false(host.totals[0].phantom[HOST_DRAM].known); /* held is not known */
    assert_false(host.totals[0].live[HOST_L1].known);
    assert_false(host.totals[0].phantom[HOST_L1].known);
    assert_bytes(host.totals[0].phantom[HOST_TRACE], 0); /* more live than held: nothing beyond */
    host_clear(&host);
    tree_close(&tree);
}

static void test_names(void **state)
{
    static const char *const good[] = {"tt_device_0_memory", "tt_device_18446744073709551615_memory"};
    static const char *const bad[] = {
        "tt_device__memory",
        "tt_device_01_memory",
        "tt_device_+1_memory",
        "tt_device_-1_memory",
        "tt_device_ 1_memory",
        "tt_device_1_memory2",
        "tt_device_1_memor",
        "xtt_device_1_memory",
        "tt_device_0x1_memory",
        "tt_device_1 _memory",
        "TT_device_1_memory",
        "tt_device_1_memory/",
        "tt_device_18446744073709551616_memory",
    };
    uint64_t id = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(host_totals_name(bad[i], &id));
    assert_int_equal(id, 5);
    assert_true(host_totals_name(good[0], &id));
    assert_int_equal(id, 0);
    assert_true(host_totals_name(good[1], &id));
    assert_true(id == UINT64_MAX);
}

/* Everything that can stand in the place of a file. */
static void test_states_of_files(void **state)
{
    static const struct {
        enum host_totals_state state;
        int error;
    } expected[] = {
        {HOST_TOTALS_INITIALISING, 0},     {HOST_TOTALS_TRUNCATED, 0},        {HOST_TOTALS_UNSUPPORTED, 0},
        {HOST_TOTALS_UNREADABLE, -EINVAL}, {HOST_TOTALS_UNREADABLE, -EINVAL}, {HOST_TOTALS_UNREADABLE, -EINVAL},
        {HOST_TOTALS_UNREADABLE, -EACCES},
    };
    struct tree tree = open_host("");
    struct region region = region_make(1);
    struct host host;

    (void)state;
    tree_write(&tree, "dev/shm/tt_device_10_memory", "");
    tree_write(&tree, "dev/shm/tt_device_11_memory", "\3");
    add_region(&tree, "dev/shm/tt_device_12_memory", &region);
    tree_make_fifo(&tree, "dev/shm/tt_device_13_memory");
    tree_link(&tree, "dev/shm/tt_device_14_memory", "tt_device_12_memory");
    tree_mkdir(&tree, "dev/shm/tt_device_15_memory");
    tree_link(&tree, "dev/shm/tt_device_16_memory", "!EACCES");
    tree_write(&tree, "dev/shm/tt_device_017_memory", "");
    host = read_host(&tree);
    assert_int_equal(host.totals_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(host.totals[i].id, 10 + i);
        assert_int_equal(host.totals[i].state, expected[i].state);
        assert_int_equal(host.totals[i].error, expected[i].error);
        assert_int_equal(host.totals[i].device, -1);
        assert_false(host.totals[i].held[HOST_DRAM].known);
        assert_false(host.totals[i].live[HOST_DRAM].known);
        assert_false(host.totals[i].phantom[HOST_DRAM].known);
    }
    assert_int_equal(host.totals[2].version, 1);
    host_clear(&host);
    tree_close(&tree);
}

static void test_no_shm(void **state)
{
    struct tree tree = tree_open();
    struct host host;

    (void)state;
    tree_add_host(&tree);
    host = read_host(&tree);
    assert_int_equal(host.totals_error, -ENOENT);
    assert_int_equal(host.totals_count, 0);
    host_clear(&host);
    tree_close(&tree);
}

static void test_bounds_of_a_directory(void **state)
{
    struct tree tree = open_host("");
    struct host host;

    (void)state;
    for (int i = 0; i < 257; i++) {
        char name[64];

        snprintf(name, sizeof(name), "dev/shm/tt_device_%d_memory", i);
        tree_write(&tree, name, "");
        if (i == 255) {
            host = read_host(&tree);
            assert_int_equal(host.totals_error, 0);
            host_clear(&host);
        }
    }
    host = read_host(&tree);
    assert_int_equal(host.totals_count, 256);
    assert_int_equal(host.totals_error, -EOVERFLOW);
    host_clear(&host);
    tree_close(&tree);
}

/* Processes from 1001 on, each the first of a PID namespace of its own, that share the host's /dev/shm. */
static void add_firsts(const struct tree *tree, int32_t from, int32_t count)
{
    for (int32_t pid = from; pid < from + count; pid++) {
        char numbers[32], root[32];

        snprintf(numbers, sizeof(numbers), "%d\t1", pid);
        snprintf(root, sizeof(root), "proc/%d/root", pid);
        add_python(tree, pid, numbers, 0);
        tree_link(tree, root, "/");
    }
}

/* Whoever has made very many of one number is not followed for ever: then it is not known. */
static void test_very_many_of_one_number(void **state)
{
    struct tree tree = open_host("");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    region_set_slot(&region, 0, 1, "inner", 300, AT(200));
    add_region(&tree, "dev/shm/tt_device_5_memory", &region);
    add_firsts(&tree, 1001, 64);
    host = read_host(&tree);
    assert_int_equal(host.totals[0].slots[0].state, HOST_SLOT_REUSED);
    host_clear(&host);
    add_firsts(&tree, 1065, 1);
    host = read_host(&tree);
    assert_int_equal(host.totals[0].slots[0].state, HOST_SLOT_UNVERIFIED);
    host_clear(&host);
    tree_close(&tree);
}

static void add_full_files(const struct tree *tree, int count)
{
    struct region region = region_make(3);

    for (size_t i = 0; i < 64; i++)
        region_set_slot(&region, i, 1, "inner", 300, AT(200));
    for (int i = 0; i < count; i++) {
        char name[64];

        snprintf(name, sizeof(name), "dev/shm/tt_device_%d_memory", i);
        add_region(tree, name, &region);
    }
}

/* Slots times processes of their number would be 65 million: most of the time has to go into reading them once. */
static void test_full_files_and_very_many_of_one_number(void **state)
{
    struct tree tree = open_host("");
    uint64_t times[2];

    (void)state;
    add_firsts(&tree, 1001, 4000);
    for (int i = 0; i < 2; i++) {
        uint64_t before = clock_read(CLOCK_PROCESS_CPUTIME_ID);
        struct host host;

        add_full_files(&tree, i == 0 ? 1 : 256);
        host = read_host(&tree);
        assert_int_equal(host.totals[host.totals_count - 1].slots[63].state, HOST_SLOT_UNVERIFIED);
        times[i] = clock_read(CLOCK_PROCESS_CPUTIME_ID) - before;
        host_clear(&host);
    }
    assert_true(times[1] < 2 * times[0]);
    tree_close(&tree);
}

/* A file of another user's, as one sees it who is not root. */
static void test_denied(void **state)
{
    struct tree tree = open_host("");
    struct region region = region_make(3);
    char path[128];
    int status;
    pid_t child;

    (void)state;
    if (getuid() != 0) {
        print_message("only root can be somebody else\n");
        skip();
    }
    add_region(&tree, "dev/shm/tt_device_1_memory", &region);
    snprintf(path, sizeof(path), "%s/dev/shm/tt_device_1_memory", tree.path);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(tree.path, 0755), 0);
    child = fork();
    if (child == 0) {
        struct host host;

        if (setuid(65534) < 0 || host_read(tree.path, PARTS, &host) < 0)
            _exit(1);
        status = host.totals_count == 1 && host.totals[0].state == HOST_TOTALS_UNREADABLE &&
                         host.totals[0].error == -EACCES && host.totals_error == 0
                     ? 0
                     : 2;
        host_clear(&host);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tree_close(&tree);
}

/* Two containers; the first with two processes, of which one has ended. */
static void test_containers_in_a_tree(void **state)
{
    struct tree tree = open_host("100\n101\n200\n");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    add_python(&tree, 100, "100\t7", 4001);
    add_python(&tree, 101, "101\t8", 4001);
    add_python(&tree, 200, "200\t7", 4002);
    add_python(&tree, 7, NULL, 0); /* of the host, and has nothing to do with it */
    region_set_held(&region, 1000);
    region_set_references(&region, 2);
    region_set_slot(&region, 0, 8, "python3", 300, AT(200));
    region_set_slot(&region, 1, 9, "python3", 400, AT(200));
    region_set_slot(&region, 2, 7, "python3", 100, AT(50));
    add_region(&tree, "proc/100/root/dev/shm/tt_device_5_memory", &region);
    tree_link(&tree, "proc/101/root", "../100/root"); /* the same directory */
    add_region(&tree, "proc/200/root/dev/shm/tt_device_5_memory", &region);
    region = region_make(3);
    add_region(&tree, "dev/shm/tt_device_5_memory", &region);
    host = read_host(&tree);

    assert_int_equal(host.totals_error, 0);
    assert_int_equal(host.totals_count, 3);
    assert_int_equal(host.totals[0].through_pid, 0);
    assert_int_equal(host.totals[1].through_pid, 100);
    assert_string_equal(host.totals[1].path, "/proc/100/root/dev/shm/tt_device_5_memory");
    assert_int_equal(host.totals[1].slots[0].state, HOST_SLOT_LIVE);
    assert_int_equal(host.totals[1].slots[0].inner_pid, 8);
    assert_int_equal(host.totals[1].slots[1].state, HOST_SLOT_GONE);
    assert_int_equal(host.totals[1].slots[2].state, HOST_SLOT_REUSED);
    assert_int_equal(host.totals[1].slots[2].pid, 100); /* not 7, and not 200 */
    assert_bytes(host.totals[1].phantom[HOST_DRAM], 700);
    assert_int_equal(host.totals[2].through_pid, 200);
    assert_int_equal(host.totals[2].slots[2].pid, 200);
    assert_int_equal(host.totals[2].state, HOST_TOTALS_STALE);
    host_clear(&host);
    tree_close(&tree);
}

/* Containers that share nothing with the host but /dev/shm. */
static void test_a_container_writes_to_the_hosts(void **state)
{
    struct tree tree = open_host("100\n200\n300\n");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    add_python(&tree, 100, "100\t7", 4001);
    add_python(&tree, 200, "200\t8", 4002);
    add_python(&tree, 300, "300\t8", 4003);
    add_python(&tree, 400, "400\t9", 4004);
    tree_add_process(&tree, &(struct tree_process){.pid = 7, .comm = "kworker/0:1", .start_seconds = 1});
    tree_link(&tree, "proc/100/root", "/");
    tree_link(&tree, "proc/200/root", "/");
    tree_link(&tree, "proc/300/root", "/");
    tree_link(&tree, "proc/400/root", "!EACCES");
    region_set_slot(&region, 0, 7, "python3", 100, AT(200));
    region_set_slot(&region, 1, 8, "python3", 200, AT(200)); /* of which of the two? */
    region_set_slot(&region, 2, 9, "python3", 400, AT(200)); /* 400's, if that shares it */
    add_region(&tree, "dev/shm/tt_device_5_memory", &region);
    tree_make_fifo(&tree, "dev/shm/tt_device_6_memory");
    host = read_host(&tree);

    assert_int_equal(host.totals_count, 2); /* each once, though three more see them */
    assert_int_equal(host.totals[0].through_pid, 0);
    assert_int_equal(host.totals[0].slots[0].state, HOST_SLOT_LIVE);
    assert_int_equal(host.totals[0].slots[0].pid, 100);
    assert_int_equal(host.totals[0].slots[1].state, HOST_SLOT_UNVERIFIED);
    assert_int_equal(host.totals[0].slots[1].pid, 0);
    assert_int_equal(host.totals[0].slots[2].state, HOST_SLOT_UNVERIFIED);
    assert_bytes(host.totals[0].live[HOST_DRAM], 700);
    host_clear(&host);
    tree_close(&tree);
}

static void test_a_container_cannot_lead_out(void **state)
{
    struct tree tree = open_host("100\n200\n300\n");
    struct region region = region_make(3);
    struct host host;

    (void)state;
    add_region(&tree, "dev/shm/tt_device_5_memory", &region);
    add_region(&tree, "secret", &region);
    add_python(&tree, 100, "100\t1", 4001);
    tree_link(&tree, "proc/100/root/dev/shm/tt_device_6_memory", "/secret");
    tree_link(&tree, "proc/100/root/dev/shm/tt_device_7_memory", "../../../../../secret");
    tree_make_fifo(&tree, "proc/100/root/dev/shm/tt_device_8_memory");
    add_python(&tree, 200, "200\t1", 4002);
    tree_link(&tree, "proc/200/root/dev", "../../../dev");
    add_python(&tree, 300, "300\t1", 4003);
    tree_link(&tree, "proc/300/root/dev/shm", "/inside"); /* fine */
    add_region(&tree, "proc/300/root/inside/tt_device_9_memory", &region);
    host = read_host(&tree);

    assert_int_equal(host.totals_error, -ELOOP); /* of 200 */
    assert_int_equal(host.totals_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(host.totals[i].id, 5 + i);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(host.totals[i].state, HOST_TOTALS_UNREADABLE);
        assert_int_equal(host.totals[i].error, -EINVAL);
    }
    assert_int_equal(host.totals[4].state, HOST_TOTALS_OK);
    assert_int_equal(host.totals[4].through_pid, 300);
    host_clear(&host);
    tree_close(&tree);
}

/* A file that is always being written is read all the same. */
static void test_a_busy_writer(void **state)
{
    struct tree tree = open_host("");
    struct region region = region_make(3);
    char path[128];
    pid_t writer;

    (void)state;
    region_set_held(&region, 500);
    add_region(&tree, "dev/shm/tt_device_1_memory", &region);
    snprintf(path, sizeof(path), "%s/dev/shm/tt_device_1_memory", tree.path);
    writer = fork();
    if (writer == 0) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uint64_t now = 1;; now++) {
            region_put_64(&region, 8, now);
            (void)!pwrite(fd, region.bytes, sizeof(region.bytes), 0);
        }
    }
    for (int i = 0; i < 100; i++) {
        struct host host = read_host(&tree);

        assert_int_equal(host.totals[0].state, HOST_TOTALS_OK);
        assert_bytes(host.totals[0].held[HOST_DRAM], 500);
        host_clear(&host);
    }
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    tree_close(&tree);
}

/* In its PID namespace, with just that number; it lives as long as the namespace. */
static void spawn(pid_t number, uid_t uid)
{
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
    int ready[2];
    char byte;

    if (pipe(ready) < 0)
        _exit(1);
    if (syscall(SYS_clone3, &args, sizeof(args)) == 0) {
        if (setuid(uid) < 0)
            _exit(1);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    (void)!read(ready[0], &byte, 1); /* until it is who it is to be */
    close(ready[0]);
}

/* A file in which the container's first process, root's, and another of somebody else's say that they hold something.
 */
static void make_file_of(const char *path, uid_t owner)
{
    struct region region = region_make(3);
    uint64_t now = clock_read(CLOCK_REALTIME);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    region_set_slot(&region, 0, 1, "inner", 100, now + SECOND);
    region_set_slot(&region, 1, 51, "inner", 200, now + SECOND);
    if (write(fd, region.bytes, sizeof(region.bytes)) < 0 || fchown(fd, owner, owner) < 0)
        _exit(1);
    close(fd);
}

static void make_files_of_owners(void *context)
{
    (void)context;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("shm", "/dev/shm", "tmpfs", 0, NULL) < 0)
        _exit(1);
    spawn(51, STRANGER);
    make_file_of("/dev/shm/tt_device_5_memory", 0);
    make_file_of("/dev/shm/tt_device_6_memory", STRANGER);
    make_file_of("/dev/shm/tt_device_7_memory", STRANGER + 1);
}

static void make_container(void *context)
{
    struct region region = region_make(3);
    uint64_t now = clock_read(CLOCK_REALTIME);
    int fd, status;
    pid_t dead;

    (void)context;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("shm", "/dev/shm", "tmpfs", 0, NULL) < 0)
        _exit(1);
    dead = fork();
    if (dead == 0)
        _exit(0);
    waitpid(dead, &status, 0);
    spawn(50, 0);
    region_set_held(&region, 1000);
    region_set_slot(&region, 0, getpid(), "inner", 100, now + SECOND);
    region_set_slot(&region, 1, dead, "inner", 200, now + SECOND);
    region_set_slot(&region, 2, 50, "inner", 300, now - 5 * SECOND); /* another had the number then */
    fd = open("/dev/shm/tt_device_5_memory", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    (void)!write(fd, region.bytes, sizeof(region.bytes));
    close(fd);
    mknod("/dev/shm/tt_device_6_memory", S_IFCHR | 0600, makedev(1, 3));
    close(open("/dev/shm/tt_device_7_memory", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (mount("/dev/null", "/dev/shm/tt_device_7_memory", NULL, MS_BIND, NULL) < 0)
        _exit(1);
}

static void make_odd_shm(void *context)
{
    (void)context;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("p", "/dev/shm", "proc", 0, NULL) < 0)
        _exit(1);
}

/* The real host, where the child alone holds a device that does not exist. */
static struct host read_real_host(pid_t pid)
{
    struct host host = {.devices = calloc(1, sizeof(struct host_device)), .device_count = 1};
    struct host_root root;

    host.boot_time = clock_read(CLOCK_REALTIME) - clock_read(CLOCK_BOOTTIME);
    host.devices[0].holders = calloc(1, sizeof(struct host_holder));
    host.devices[0].holders[0] = (struct host_holder){.pid = pid, .opens = 1};
    host.devices[0].holder_count = 1;
    assert_int_equal(host_root_open(NULL, &root), 0);
    assert_int_equal(host_processes_read(&root, &host), 0);
    assert_int_equal(host_totals_read(&root, &host), 0);
    host_root_close(&root);
    return host;
}

static struct alive start_container(void (*prepare)(void *context))
{
    struct alive_plan plan = {.comm = "inner", .namespaces = CLONE_NEWPID | CLONE_NEWNS, .prepare = prepare};
    struct alive child = alive_start(&plan);

    if (child.pid < 0) {
        close(child.lifeline);
        print_message("namespaces are not permitted here\n");
        skip();
    }
    return child;
}

static const struct host_totals *find_totals(const struct host *host, uint64_t id, pid_t pid)
{
    for (size_t i = 0; i < host->totals_count; i++)
        if (host->totals[i].id == id && host->totals[i].through_pid == pid)
            return &host->totals[i];
    fail_msg("no totals %lu through %d", (unsigned long)id, pid);
    return NULL;
}

static void test_a_real_container(void **state)
{
    struct alive child = start_container(make_container);
    struct host host = read_real_host(child.pid);
    const struct host_totals *totals = find_totals(&host, 5, child.pid);

    (void)state;
    assert_int_equal(totals->state, HOST_TOTALS_OK);
    assert_int_equal(totals->slots[0].state, HOST_SLOT_LIVE);
    assert_int_equal(totals->slots[0].inner_pid, 1);
    assert_int_equal(totals->slots[0].pid, child.pid);
    assert_int_equal(totals->slots[1].state, HOST_SLOT_GONE);
    assert_int_equal(totals->slots[2].state, HOST_SLOT_REUSED);
    assert_int_equal(totals->slots[2].inner_pid, 50);
    assert_true(totals->slots[2].pid > 0 && totals->slots[2].pid != child.pid);
    assert_bytes(totals->live[HOST_DRAM], 100);
    assert_bytes(totals->phantom[HOST_DRAM], 900);
    assert_int_equal(totals->join, HOST_JOIN_PROCESS);
    assert_int_equal(totals->device, 0);
    assert_int_equal(find_totals(&host, 6, child.pid)->error, -EINVAL); /* a device is not opened */
    assert_int_equal(find_totals(&host, 7, child.pid)->error, -EXDEV);  /* nor what is mounted there */
    host_clear(&host);
    alive_stop(&child);
}

/* Anybody may make a file and write another's number into it, but root's word counts, and that of the process itself.
 */
static void test_whose_word_counts(void **state)
{
    static const enum host_slot_state expected[3][2] = {
        {HOST_SLOT_LIVE, HOST_SLOT_LIVE},             /* the file is root's */
        {HOST_SLOT_UNVERIFIED, HOST_SLOT_LIVE},       /* the second's */
        {HOST_SLOT_UNVERIFIED, HOST_SLOT_UNVERIFIED}, /* somebody else's */
    };
    struct alive child = start_container(make_files_of_owners);
    struct host host = read_real_host(child.pid);

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        const struct host_totals *totals = find_totals(&host, 5 + i, child.pid);

        for (size_t j = 0; j < 2; j++)
            assert_int_equal(totals->slots[j].state, expected[i][j]);
        assert_bytes(totals->live[HOST_DRAM], 300); /* it may be true */
    }
    host_clear(&host);
    alive_stop(&child);
}

/* Nor in the host's own directory, where most have the number that we know. */
static void test_whose_word_counts_on_the_host(void **state)
{
    struct alive child = alive_start(&(struct alive_plan){.comm = "inner"});
    struct host_process process = {
        .pid = child.pid, .inner_pid = child.pid, .has_uid = true, .uid = getuid(), .comm = "inner"};
    struct host host = {.processes = &process, .process_count = 1};
    struct host_slot slot = {.inner_pid = child.pid, .comm = "inner"};
    struct host_totals totals = {.slots = &slot, .slot_count = 1};
    struct host_root root;
    struct host_census census = {.root = &root};
    struct host_shm shm = {.root = &root};

    (void)state;
    assert_int_equal(host_root_open(NULL, &root), 0);
    assert_int_equal(host_slots_check(&host, &census, &shm, STRANGER, &totals), 0);
    assert_int_equal(slot.state, HOST_SLOT_UNVERIFIED);
    assert_int_equal(host_slots_check(&host, &census, &shm, 0, &totals), 0);
    assert_int_equal(slot.state, HOST_SLOT_LIVE);
    assert_int_equal(host_slots_check(&host, &census, &shm, getuid(), &totals), 0);
    assert_int_equal(slot.state, HOST_SLOT_LIVE);
    host_census_done(&census);
    host_root_close(&root);
    alive_stop(&child);
}

/* It might be one whose files never answer. */
static void test_only_a_tmpfs_is_looked_into(void **state)
{
    struct alive child = start_container(make_odd_shm);
    struct host host = read_real_host(child.pid);

    (void)state;
    assert_int_equal(host.totals_error, -EINVAL);
    for (size_t i = 0; i < host.totals_count; i++)
        assert_int_equal(host.totals[i].through_pid, 0);
    host_clear(&host);
    alive_stop(&child);
}

static void make_flood(void *context)
{
    (void)context;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("shm", "/dev/shm", "tmpfs", 0, NULL) < 0)
        _exit(1);
    for (int i = 0; i < 66000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "/dev/shm/%d", i);
        if (mknod(name, S_IFREG | 0600, 0) < 0)
            _exit(1);
    }
}

static void test_a_flooded_container(void **state)
{
    struct alive child = start_container(make_flood);
    struct host host = read_real_host(child.pid);

    (void)state;
    assert_int_equal(host.totals_error, -EOVERFLOW);
    host_clear(&host);
    alive_stop(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_live_and_phantom),
        FIXTURE(test_who_can_have_written_a_slot),
        FIXTURE(test_stale),
        FIXTURE(test_unknown_parts_make_unknown_sums),
        FIXTURE(test_names),
        FIXTURE(test_states_of_files),
        FIXTURE(test_no_shm),
        FIXTURE(test_bounds_of_a_directory),
        FIXTURE(test_very_many_of_one_number),
        FIXTURE(test_full_files_and_very_many_of_one_number),
        FIXTURE(test_denied),
        FIXTURE(test_containers_in_a_tree),
        FIXTURE(test_a_container_writes_to_the_hosts),
        FIXTURE(test_a_container_cannot_lead_out),
        FIXTURE(test_a_busy_writer),
        FIXTURE(test_a_real_container),
        FIXTURE(test_whose_word_counts),
        FIXTURE(test_whose_word_counts_on_the_host),
        FIXTURE(test_only_a_tmpfs_is_looked_into),
        FIXTURE(test_a_flooded_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
