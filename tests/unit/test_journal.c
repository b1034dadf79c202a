/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * What journald and the service manager are told, and that nobody waits for them: the alarm of the fixture ends a test
 * in which one does.
 */

#include "tests/unit/fixture.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "server/journal.h"

struct listener {
    char directory[64], path[80];
    int fd;
};

static int listen_on(const char *path, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, path, length);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
    return fd;
}

static struct listener listener_open(void)
{
    struct listener listener = {.directory = "/tmp/tt-alloc-test-XXXXXX"};

    assert_non_null(mkdtemp(listener.directory));
    snprintf(listener.path, sizeof(listener.path), "%s/socket", listener.directory);
    listener.fd = listen_on(listener.path, strlen(listener.path) + 1);
    return listener;
}

static void listener_close(struct listener *listener)
{
    close(listener->fd);
    unlink(listener->path);
    rmdir(listener->directory);
}

/* The next datagram, or "" if there is none. */
static size_t receive(int fd, char *out, size_t size)
{
    ssize_t got = recv(fd, out, size - 1, MSG_DONTWAIT);

    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

static size_t expected_entry(const char *text, const char *fields, char *out)
{
    uint64_t length = htole64(strlen(text));
    size_t size = (size_t)sprintf(out, "SYSLOG_IDENTIFIER=tt-allocation-server\nPRIORITY=4\nMESSAGE\n");

    memcpy(out + size, &length, sizeof(length));
    size += sizeof(length);
    return size + (size_t)sprintf(out + size, "%s\n%s", text, fields);
}

/* A text that looks like fields is still the text. */
static void test_an_entry(void **state)
{
    static const char *const fields[] = {"TT_PID=1", "TT_UID=2"}, *const text = "one\nTT_PID=3";
    struct listener journal = listener_open();
    char got[1024], expected[1024];
    size_t size = expected_entry(text, "TT_PID=1\nTT_UID=2\n", expected);

    (void)state;
    assert_int_equal(journal_open(journal.path), 0);
    assert_int_equal(journal_send(LOG_WARNING, text, fields, 2), 0);
    assert_int_equal(receive(journal.fd, got, sizeof(got)), size);
    assert_memory_equal(got, expected, size);

    size = expected_entry("two", "", expected);
    assert_int_equal(journal_send(LOG_WARNING, "two", NULL, 0), 0);
    assert_int_equal(receive(journal.fd, got, sizeof(got)), size);
    assert_memory_equal(got, expected, size);
    journal_close();
    listener_close(&journal);
}

static void test_a_stuck_journal(void **state)
{
    struct listener journal = listener_open();
    char got[1024];
    size_t taken = 0;

    (void)state;
    assert_int_equal(journal_open(journal.path), 0);
    while (journal_send(LOG_INFO, "x", NULL, 0) == 0)
        taken++;
    assert_true(taken > 0);
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), -EAGAIN);
    while (receive(journal.fd, got, sizeof(got)) > 0)
        taken--;
    assert_int_equal(taken, 0);
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), 0);
    journal_close();
    listener_close(&journal);
}

static void test_a_journal_that_comes_back(void **state)
{
    struct listener journal = listener_open();
    char got[1024];

    (void)state;
    assert_int_equal(journal_open(journal.path), 0);
    close(journal.fd);
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), -ECONNREFUSED);
    unlink(journal.path);
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), -ENOENT);
    journal.fd = listen_on(journal.path, strlen(journal.path) + 1);
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), 0);
    assert_true(receive(journal.fd, got, sizeof(got)) > 0);
    journal_close();
    listener_close(&journal);
}

static void test_impossible_paths(void **state)
{
    char longer[200];

    (void)state;
    memset(longer, 'p', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(journal_open(longer), -EINVAL);
    assert_int_equal(journal_open(""), -EINVAL);
}

static void test_the_manager(void **state)
{
    struct listener manager = listener_open();
    char got[64];

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    manager_notify("WATCHDOG=1");
    setenv("NOTIFY_SOCKET", manager.path, 1);
    manager_notify("WATCHDOG=1");
    receive(manager.fd, got, sizeof(got));
    assert_string_equal(got, "WATCHDOG=1");
    for (int i = 0; i < 1000; i++)
        manager_notify("STATUS=stuck");
    receive(manager.fd, got, sizeof(got));
    assert_string_equal(got, "STATUS=stuck");
    listener_close(&manager);
    unsetenv("NOTIFY_SOCKET");
}

static void test_a_manager_without_a_file(void **state)
{
    char name[64], got[64];
    int fd;

    (void)state;
    snprintf(name, sizeof(name), "@tt-alloc-test-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    fd = listen_on(name, 1 + strlen(name + 1));
    manager_notify("READY=1");
    receive(fd, got, sizeof(got));
    assert_string_equal(got, "READY=1");
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

/* Neither can be told anything then, and neither is waited for. */
static void test_no_descriptor_left(void **state)
{
    struct listener listener = listener_open();
    struct rlimit before, none;
    char got[64];

    (void)state;
    setenv("NOTIFY_SOCKET", listener.path, 1);
    journal_close(); /* it was never opened */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(journal_open(listener.path), -EMFILE);
    manager_notify("READY=1");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(receive(listener.fd, got, sizeof(got)), 0);
    assert_int_equal(journal_open(listener.path), 0);
    assert_int_equal(journal_open(listener.path), 0); /* the descriptor stays; the fixture counts */
    assert_int_equal(journal_send(LOG_INFO, "x", NULL, 0), 0);
    assert_true(receive(listener.fd, got, sizeof(got)) > 0);
    journal_close();
    listener_close(&listener);
    unsetenv("NOTIFY_SOCKET");
}

static void test_a_manager_that_cannot_be(void **state)
{
    int before = fixture_count_fds();

    (void)state;
    setenv("NOTIFY_SOCKET", "", 1);
    manager_notify("READY=1");
    assert_int_equal(fixture_count_fds(), before);
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_an_entry),
        FIXTURE(test_a_stuck_journal),
        FIXTURE(test_a_journal_that_comes_back),
        FIXTURE(test_impossible_paths),
        FIXTURE(test_the_manager),
        FIXTURE(test_a_manager_without_a_file),
        FIXTURE(test_no_descriptor_left),
        FIXTURE(test_a_manager_that_cannot_be),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
