/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core -Wl,--wrap=getsockopt */

/*
 * Who is on the other end, with real processes: children that connect to a socket of ours and then live, exit, or are
 * waited for. Children wait for a byte on a pipe, so nothing depends on time.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "server/clock.h"
#include "server/peer.h"

#define NOBODY 65534
#define PEERPIDFD 77

int __real_getsockopt(int fd, int level, int option, void *ret, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *ret, socklen_t *length);

static int pidfd_error;        /* what the kernel says when it is asked for a peer's pidfd */
static bool is_elsewhere;      /* peers are in a PID namespace that we do not see */
static bool is_in_many_groups; /* more than there is room for */

static int fail_with(int error)
{
    errno = error;
    return -1;
}

int __wrap_getsockopt(int fd, int level, int option, void *ret, socklen_t *length)
{
    int result;

    if (option == PEERPIDFD && pidfd_error)
        return fail_with(pidfd_error);
    if (option == SO_PEERGROUPS && is_in_many_groups)
        return fail_with(ERANGE);
    result = __real_getsockopt(fd, level, option, ret, length);
    if (option == SO_PEERCRED && is_elsewhere)
        ((struct ucred *)ret)->pid = 0;
    return result;
}

/* A child process that is connected to us. */
struct child {
    pid_t pid;
    int fd;       /* our end of its connection */
    int lifeline; /* it lives until this is closed */
};

struct plan {
    const char *comm; /* NULL: the test's own */
    gid_t group;      /* to be in, beside the own; 0: none */
    uid_t uid;        /* to be; 0: the test's own */
    bool hangs_up;    /* closes its connection, then lives on */
};

/* Everybody may connect to an abstract address. */
static int listen_somewhere(struct sockaddr_un *ret, socklen_t *ret_length)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(*ret);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0); /* the kernel chooses */
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &length), 0);
    assert_int_equal(listen(fd, 10), 0);
    *ret_length = length;
    return fd;
}

__attribute__((noreturn)) static void live(const struct plan *plan, const struct sockaddr_un *address, socklen_t length,
                                           int lifeline)
{
    char byte;
    int fd;

    dup2(lifeline, STDIN_FILENO);
    close_range(3, ~0U, 0); /* the lifelines of others must end with us */
    if (plan->comm)
        prctl(PR_SET_NAME, plan->comm);
    if (plan->group && setgroups(1, &plan->group) < 0)
        _exit(90);
    if (plan->uid && (setgid(plan->uid) < 0 || setuid(plan->uid) < 0))
        _exit(91);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)address, length) < 0)
        _exit(92);
    if (plan->hangs_up)
        close(fd);
    (void)!read(STDIN_FILENO, &byte, 1);
    _exit(0);
}

static struct child start(struct plan plan)
{
    struct sockaddr_un address;
    socklen_t length;
    int listener = listen_somewhere(&address, &length), ends[2];
    struct child child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        close(ends[1]);
        live(&plan, &address, length, ends[0]);
    }
    close(ends[0]);
    child.lifeline = ends[1];
    child.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(child.fd >= 0);
    close(listener);
    return child;
}

/* It exits; it stays a zombie until reap(). */
static void let_exit(struct child *child)
{
    siginfo_t info;

    if (child->lifeline >= 0)
        close(child->lifeline);
    child->lifeline = -1;
    assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, 0);
}

static void reap(struct child *child)
{
    let_exit(child);
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
    close(child->fd);
}

static struct peer peer_of(const struct child *child)
{
    struct peer peer = {.pidfd = -1};

    assert_int_equal(peer_from_socket(child->fd, &peer), 0);
    return peer;
}

/* Field 22 of /proc/PID/stat, by another way than peer.c's. */
static unsigned long long start_of(pid_t pid)
{
    char path[64], text[1024] = {0}, *field;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0); /* the name may have newlines */
    fclose(file);
    field = strrchr(text, ')');
    for (int i = 2; i < 22; i++)
        field = strchr(field + 1, ' ');
    return strtoull(field, NULL, 10);
}

static void test_a_living_peer(void **state)
{
    struct child child = start((struct plan){.comm = "worker"});
    struct peer peer = peer_of(&child);
    struct process_facts facts;

    (void)state;
    assert_int_equal(peer.pid, child.pid);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_true(peer.pidfd >= 0);
    assert_true(fcntl(peer.pidfd, F_GETFD) & FD_CLOEXEC);
    assert_false(peer_has_exited(&peer));

    peer_read_facts(&peer, &facts);
    assert_int_equal(facts.start_ticks, start_of(child.pid));
    assert_string_equal(facts.comm, "worker");
    assert_non_null(facts.command);
    assert_non_null(strstr(facts.command, "test_peer"));
    assert_true(facts.start_time < clock_wall() + NSEC_PER_SEC);
    assert_true(facts.start_time > clock_wall() - FIXTURE_SECONDS * NSEC_PER_SEC);
    process_facts_done(&facts);
    assert_null(facts.command);

    reap(&child);
    peer_done(&peer);
    assert_int_equal(peer.pidfd, -1);
}

static void test_a_zombie_has_exited(void **state)
{
    struct child child = start((struct plan){.comm = "worker"});
    struct peer peer = peer_of(&child);
    struct process_facts facts;

    (void)state;
    let_exit(&child);
    assert_true(peer_has_exited(&peer));
    peer_read_facts(&peer, &facts); /* its number is still its own */
    assert_string_equal(facts.comm, "worker");
    assert_int_equal(facts.start_ticks, start_of(child.pid));
    process_facts_done(&facts);
    reap(&child);
    peer_done(&peer);
}

static void assert_unknown(const struct process_facts *facts)
{
    assert_int_equal(facts->start_ticks, 0);
    assert_int_equal(facts->start_time, 0);
    assert_string_equal(facts->comm, "?");
    assert_null(facts->command);
}

/* Its number may be another's by now. */
static void test_of_a_gone_process_nothing_is_known(void **state)
{
    struct child child = start((struct plan){0});
    struct peer peer = peer_of(&child);
    struct process_facts facts;

    (void)state;
    reap(&child);
    assert_true(peer_has_exited(&peer));
    peer_read_facts(&peer, &facts);
    assert_unknown(&facts);
    peer_done(&peer);
}

/* The number was used again: what /proc says of it is not the peer's. */
static void test_another_process_with_that_number(void **state)
{
    struct child gone = start((struct plan){0}), now = start((struct plan){.comm = "someone else"});
    struct peer peer = peer_of(&gone);
    struct process_facts facts;

    (void)state;
    reap(&gone);
    peer.pid = now.pid;
    assert_true(peer_has_exited(&peer));
    peer_read_facts(&peer, &facts);
    assert_unknown(&facts);
    reap(&now);
    peer_done(&peer);
}

static void test_a_peer_that_was_gone_before_we_asked(void **state)
{
    struct child child = start((struct plan){0});
    struct peer peer;
    struct process_facts facts;
    pid_t pid = child.pid;
    int fd = fcntl(child.fd, F_DUPFD_CLOEXEC, 3);

    (void)state;
    reap(&child);
    assert_int_equal(peer_from_socket(fd, &peer), 0);
    assert_int_equal(peer.pid, pid);
    peer_read_facts(&peer, &facts);
    assert_unknown(&facts);
    close(fd);
    peer_done(&peer);
}

/* A dying process hangs up before its pidfd tells. At that moment it must already count as dead. */
static void test_hanging_up_by_dying(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct child child = start((struct plan){0});
        struct peer peer = peer_of(&child);
        struct pollfd hangup = {.fd = child.fd, .events = POLLIN};

        assert_false(peer_has_exited(&peer));
        if (i % 2)
            kill(child.pid, SIGKILL);
        else {
            close(child.lifeline);
            child.lifeline = -1;
        }
        assert_int_equal(poll(&hangup, 1, -1), 1);
        assert_true(peer_has_exited(&peer));
        if (child.lifeline >= 0)
            close(child.lifeline);
        assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
        close(child.fd);
        peer_done(&peer);
    }
}

static void test_hanging_up_and_living_on(void **state)
{
    struct child child = start((struct plan){.hangs_up = true});
    struct peer peer = peer_of(&child);
    char byte;

    (void)state;
    assert_int_equal(read(child.fd, &byte, 1), 0);
    assert_false(peer_has_exited(&peer));
    reap(&child);
    assert_true(peer_has_exited(&peer));
    peer_done(&peer);
}

static void test_without_a_pidfd_nothing_is_claimed(void **state)
{
    struct peer peer = {.pid = getpid(), .uid = getuid(), .pidfd = -1};
    struct process_facts facts;

    (void)state;
    assert_false(peer_has_exited(&peer));
    peer_read_facts(&peer, &facts);
    assert_unknown(&facts);
    peer_done(&peer);
}

/* Whatever is in the name, the fields behind it are found, and nothing of them gets into it. */
static void test_names_that_look_like_something_else(void **state)
{
    static const char *const names[] = {"two words", ")", "(", ") Z 1 1 (", "a) b) c)", "((((", "fifteen chars!!"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct child child = start((struct plan){.comm = names[i]});
        struct peer peer = peer_of(&child);
        struct process_facts facts;

        assert_false(peer_has_exited(&peer));
        peer_read_facts(&peer, &facts);
        assert_string_equal(facts.comm, names[i]);
        assert_int_equal(facts.start_ticks, start_of(child.pid));
        process_facts_done(&facts);
        reap(&child);
        peer_done(&peer);
    }
}

static void test_names_with_newlines_and_backslashes(void **state)
{
    static const char *const names[] = {"new\nline", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", "back\\slash", "\\n",
                                        "\x1b[31m"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct child child = start((struct plan){.comm = names[i]});
        struct peer peer = peer_of(&child);
        struct process_facts facts;

        peer_read_facts(&peer, &facts);
        assert_string_equal(facts.comm, names[i]);
        assert_int_equal(facts.start_ticks, start_of(child.pid));
        process_facts_done(&facts);
        reap(&child);
        peer_done(&peer);
    }
}

static void test_groups(void **state)
{
    struct child child;
    struct peer peer;

    (void)state;
    if (geteuid() != 0)
        skip();
    child = start((struct plan){.group = 4242, .uid = NOBODY});
    peer = peer_of(&child);
    assert_int_equal(peer.uid, NOBODY);
    assert_int_equal(peer.gid, NOBODY);
    assert_true(peer_is_in_group(child.fd, &peer, NOBODY)); /* primary */
    assert_true(peer_is_in_group(child.fd, &peer, 4242));   /* supplementary */
    assert_false(peer_is_in_group(child.fd, &peer, 4243));
    assert_false(peer_is_in_group(child.fd, &peer, 0));
    reap(&child);
    peer_done(&peer);
}

static void test_no_descriptor_left_for_the_pidfd(void **state)
{
    struct child child = start((struct plan){0});
    struct rlimit before, none;
    struct peer peer = {.pid = 77};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(peer_from_socket(child.fd, &peer), -EMFILE);
    assert_int_equal(peer.pid, 77);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    reap(&child);
}

static void test_groups_beyond_counting(void **state)
{
    struct child child = start((struct plan){0});
    struct peer peer = peer_of(&child);

    (void)state;
    is_in_many_groups = true;
    assert_false(peer_is_in_group(child.fd, &peer, peer.gid + 1));
    assert_true(peer_is_in_group(child.fd, &peer, peer.gid));
    is_in_many_groups = false;
    reap(&child);
    peer_done(&peer);
}

/* Linux before 6.5: the PID is all there is, and it is made sure that it is still his. */
static void test_a_kernel_without_pidfds_of_peers(void **state)
{
    struct child child = start((struct plan){.comm = "worker"});
    struct process_facts facts;
    struct peer peer;

    (void)state;
    pidfd_error = ENOPROTOOPT;
    peer = peer_of(&child);
    assert_true(peer.pidfd >= 0);
    peer_read_facts(&peer, &facts);
    assert_string_equal(facts.comm, "worker");
    process_facts_done(&facts);
    assert_false(peer_has_exited(&peer));
    let_exit(&child);
    assert_true(peer_is_gone(&peer));
    peer_done(&peer);
    pidfd_error = 0;
    reap(&child);
}

/* Without a pidfd he is served all the same, and nothing is claimed of his process. */
static void assert_no_pidfd(int fd)
{
    struct peer peer;

    assert_int_equal(peer_from_socket(fd, &peer), 0);
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.pidfd, -1);
    assert_false(peer_is_gone(&peer));
}

static void test_no_pidfd_to_be_had(void **state)
{
    struct child child = start((struct plan){0});
    int fd = fcntl(child.fd, F_DUPFD_CLOEXEC, 3);

    (void)state;
    pidfd_error = ESRCH;
    assert_no_pidfd(fd);
    pidfd_error = ENOPROTOOPT;
    is_elsewhere = true;
    assert_no_pidfd(fd);
    is_elsewhere = false;
    reap(&child);
    assert_no_pidfd(fd);
    pidfd_error = ENFILE;
    assert_int_equal(peer_from_socket(fd, &(struct peer){0}), -ENFILE);
    pidfd_error = 0;
    close(fd);
}

static void test_no_socket_no_peer(void **state)
{
    struct peer peer = {.pid = 77};

    (void)state;
    assert_int_equal(peer_from_socket(-1, &peer), -EIO);
    assert_int_equal(peer.pid, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_a_living_peer),
        FIXTURE(test_a_zombie_has_exited),
        FIXTURE(test_of_a_gone_process_nothing_is_known),
        FIXTURE(test_another_process_with_that_number),
        FIXTURE(test_a_peer_that_was_gone_before_we_asked),
        FIXTURE(test_hanging_up_by_dying),
        FIXTURE(test_hanging_up_and_living_on),
        FIXTURE(test_without_a_pidfd_nothing_is_claimed),
        FIXTURE(test_names_that_look_like_something_else),
        FIXTURE(test_names_with_newlines_and_backslashes),
        FIXTURE(test_groups),
        FIXTURE(test_no_descriptor_left_for_the_pidfd),
        FIXTURE(test_groups_beyond_counting),
        FIXTURE(test_a_kernel_without_pidfds_of_peers),
        FIXTURE(test_no_pidfd_to_be_had),
        FIXTURE(test_no_socket_no_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
