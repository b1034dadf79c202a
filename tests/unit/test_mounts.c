/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core -Wl,--wrap=stat */

/*
 * Whether others see the same directory: by comparing it with that of PID 1, whose view is made up here, or where that
 * may not be looked at, by the lines that Linux writes about mounts.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/mounts.h"

#define ROOT "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
#define PRIVATE_TMP                                                                                                    \
    "90 21 254:0 /tmp/systemd-private-0123456789abcdef-app.service-Qx3abc/tmp /tmp rw,nosuid master:1 - ext4 "         \
    "/dev/vda rw\n"
#define PRIVATE_TMP_OF_TMPFS                                                                                           \
    "90 21 0:34 /systemd-private-0123456789abcdef-app.service-Qx3abc/tmp /tmp rw,nosuid master:9 - tmpfs tmpfs rw\n"
#define TMPFS "30 21 0:34 / /tmp rw,nosuid shared:9 - tmpfs tmpfs rw\n"
#define BOUND "95 90 0:35 / /tmp/shared rw - tmpfs tmpfs rw\n"

#define ROOT_OF_INIT "/proc/1/root/"

int __real_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret);

/* How PID 1 sees the directories that there are here. */
static enum { AS_IT_IS, DENIED, THE_SAME, ANOTHER, ON_ANOTHER_DEVICE, MISSING } of_init = AS_IT_IS;

int __wrap_stat(const char *path, struct stat *ret)
{
    bool is_of_init = strncmp(path, ROOT_OF_INIT, strlen(ROOT_OF_INIT)) == 0;
    bool is_root = strcmp(path, ROOT_OF_INIT) == 0;
    int result;

    if (of_init == AS_IT_IS || !is_of_init)
        return __real_stat(path, ret);
    if (of_init == DENIED || (of_init == MISSING && !is_root)) {
        errno = of_init == DENIED ? EACCES : ENOENT;
        return -1;
    }
    result = __real_stat(path + strlen(ROOT_OF_INIT) - 1, ret);
    ret->st_ino += of_init == ANOTHER;
    ret->st_dev += of_init == ON_ANOTHER_DEVICE;
    return result;
}

static bool is_private(const char *text, const char *path)
{
    FILE *mountinfo = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
    bool result;

    assert_non_null(mountinfo);
    result = mounts_are_private(mountinfo, path);
    fclose(mountinfo);
    return result;
}

static void test_what_systemd_made_private(void **state)
{
    (void)state;
    assert_true(is_private(ROOT PRIVATE_TMP, "/tmp/server.sock"));
    assert_true(is_private(ROOT PRIVATE_TMP_OF_TMPFS, "/tmp/server.sock"));
    assert_true(is_private(ROOT TMPFS PRIVATE_TMP_OF_TMPFS, "/tmp/a/b/server.sock")); /* it lies on top */
}

static void test_what_is_everybodys(void **state)
{
    (void)state;
    assert_false(is_private(ROOT, "/tmp/server.sock"));
    assert_false(is_private(ROOT TMPFS, "/tmp/server.sock"));
    assert_false(is_private(ROOT PRIVATE_TMP, "/run/server.sock"));
    assert_false(is_private(ROOT PRIVATE_TMP, "/tmpother/server.sock"));
    assert_false(is_private(ROOT PRIVATE_TMP TMPFS, "/tmp/server.sock"));
    assert_false(is_private(ROOT PRIVATE_TMP BOUND, "/tmp/shared/server.sock"));
}

static void test_lines_that_are_none(void **state)
{
    (void)state;
    assert_false(is_private("\n", "/tmp/server.sock"));
    assert_false(is_private("what is this\n90 21\n90 21 254:0 /x\n", "/tmp/server.sock"));
    assert_true(is_private("what is this\n" PRIVATE_TMP, "/tmp/server.sock"));
}

static void test_what_init_sees(void **state)
{
    static const char *const paths[] = {"/tmp/server.sock", "/server.sock"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        of_init = THE_SAME;
        assert_false(mounts_hide(paths[i]));
        of_init = ANOTHER;
        assert_true(mounts_hide(paths[i]));
        of_init = ON_ANOTHER_DEVICE;
        assert_true(mounts_hide(paths[i]));
    }
    of_init = MISSING;
    assert_true(mounts_hide("/tmp/server.sock"));
    of_init = THE_SAME;
    assert_false(mounts_hide("/no/such/directory/server.sock")); /* there is none to be hidden */
    of_init = DENIED;
    assert_false(mounts_hide("/proc/self/server.sock")); /* by the lines about mounts, then */
    of_init = AS_IT_IS;
}

/* Tests run where everybody is, or in a container that is everything there is. */
static void test_here(void **state)
{
    (void)state;
    assert_false(mounts_hide("relative"));
    assert_false(mounts_hide("/proc/self/no-socket"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_systemd_made_private, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_is_everybodys, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_lines_that_are_none, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_init_sees, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_here, fixture_begin, fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
