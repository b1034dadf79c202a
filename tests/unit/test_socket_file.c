/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core -Wl,--wrap=flock,--wrap=socket,--wrap=bind,--wrap=listen */

/*
 * Making a listening socket in a directory of our own, where everything that can be in the way is put in the way. Each
 * refusal must be one line that names the path, and must leave what is there as it was.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "server/log.h"
#include "server/socket_file.h"

#define NOBODY 65534

int __real_flock(int fd, int operation);
int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __real_listen(int fd, int backlog);
int __wrap_flock(int fd, int operation);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_listen(int fd, int backlog);

static char directory[64], path[96], lock[104];
static char said[4096]; /* what the last try wrote to stderr */

/* ---- Calls that fail ---- */

static enum call { NONE, FLOCK, SOCKET, BIND, LISTEN } failing;
static bool takes_lock_away; /* at the next flock() */

static int fail_with(int error)
{
    errno = error;
    return -1;
}

int __wrap_flock(int fd, int operation)
{
    if (takes_lock_away)
        unlink(lock);
    takes_lock_away = false;
    return failing == FLOCK ? fail_with(ENOLCK) : __real_flock(fd, operation);
}

int __wrap_socket(int domain, int type, int protocol)
{
    return failing == SOCKET ? fail_with(ENOBUFS) : __real_socket(domain, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return failing == BIND ? fail_with(EROFS) : __real_bind(fd, address, length);
}

int __wrap_listen(int fd, int backlog)
{
    return failing == LISTEN ? fail_with(EADDRINUSE) : __real_listen(fd, backlog);
}

static int begin(void **state)
{
    strcpy(directory, "/tmp/tt-alloc-test-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    log_open(LOG_INFO);
    return fixture_begin(state);
}

/* The test must have put away what it made, and nothing else may be there. */
static int end(void **state)
{
    int result = fixture_end(state);

    if (rmdir(directory) < 0) {
        print_error("%s is not empty\n", directory);
        return -1;
    }
    return result;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

/* Runs make() with stderr in our hands. */
static int try_to_make(const char *at, struct socket_file *ret)
{
    int memory = memfd_create("stderr", MFD_CLOEXEC), saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), result;
    ssize_t length;

    dup2(memory, STDERR_FILENO);
    result = socket_file_make(at, ret);
    dup2(saved, STDERR_FILENO);
    length = pread(memory, said, sizeof(said) - 1, 0);
    said[length > 0 ? length : 0] = '\0';
    close(saved);
    close(memory);
    return result;
}

static struct socket_file make(void)
{
    struct socket_file file;

    assert_int_equal(try_to_make(path, &file), 0);
    assert_string_equal(said, "");
    return file;
}

/* It is refused with this error, in one line with the path and these words. */
static void assert_refused(const char *at, int error, const char *words)
{
    struct socket_file file, untouched;

    memset(&file, 0xa5, sizeof(file));
    untouched = file;
    assert_int_equal(try_to_make(at, &file), error);
    assert_memory_equal(&file, &untouched, sizeof(file));
    assert_non_null(strstr(said, at));
    assert_non_null(strstr(said, words));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static bool exists(const char *name)
{
    struct stat status;

    return lstat(name, &status) == 0;
}

static void assert_nothing_left(void)
{
    assert_false(exists(path));
    assert_false(exists(lock));
}

/* A socket at the path, bound and perhaps listening. */
static int put_socket(int type, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int reach(int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Runs body() as nobody in a process of its own; its assertions fail there, its status tells us. */
static void as_nobody(void (*body)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(90);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* In such a process. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "%s:%d: not so: %s (said: %s)\n", __FILE__, __LINE__, #condition, said);            \
            _exit(91);                                                                                                 \
        }                                                                                                              \
    } while (0)

static void expect_refused(int error, const char *words)
{
    struct socket_file file;

    EXPECT(try_to_make(path, &file) == error);
    EXPECT(strstr(said, path) && strstr(said, words));
    EXPECT(strchr(said, '\n') == said + strlen(said) - 1);
}

/* ---- What works ---- */

static void test_making_and_removing(void **state)
{
    struct socket_file file = make();
    struct stat status;
    int fd;

    (void)state;
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_ino, file.inode);
    assert_int_equal(status.st_dev, file.device);
    assert_true(fcntl(file.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(file.fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(file.lock_fd, F_GETFD) & FD_CLOEXEC);
    fd = reach(0);
    assert_true(fd >= 0);
    close(fd);
    socket_file_remove(path, &file);
    assert_nothing_left();
}

/* Everybody may connect, whatever umask the server was started with, and the umask stays. */
static void test_modes(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0777};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        mode_t before = umask(masks[i]);
        struct socket_file file = make();
        struct stat status;

        assert_int_equal(lstat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0666);
        assert_int_equal(lstat(lock, &status), 0);
        assert_int_equal(status.st_mode & 077, 0);
        assert_int_equal(umask(before), masks[i]);
        socket_file_remove(path, &file);
    }
}

static void test_a_dead_socket_of_our_own_is_replaced(void **state)
{
    struct socket_file file;
    int fd;

    (void)state;
    close(put_socket(SOCK_STREAM, 5));
    assert_true(exists(path));
    file = make();
    fd = reach(0);
    assert_true(fd >= 0);
    close(fd);
    socket_file_remove(path, &file);
    assert_nothing_left();
}

/* Bound but not listening, as if a server had died in between. */
static void test_a_socket_that_never_listened_is_replaced(void **state)
{
    struct socket_file file;
    int fd = put_socket(SOCK_STREAM, -1);

    (void)state;
    file = make();
    close(fd);
    socket_file_remove(path, &file);
}

/* What a killed server leaves. */
static void test_a_lock_file_that_nobody_holds_is_no_obstacle(void **state)
{
    struct socket_file file;

    (void)state;
    close(open(lock, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    close(put_socket(SOCK_STREAM, 5));
    file = make();
    socket_file_remove(path, &file);
    assert_nothing_left();
}

static void test_the_longest_path(void **state)
{
    char longest[sizeof(((struct sockaddr_un *)0)->sun_path)], longest_lock[128];
    struct socket_file file;

    (void)state;
    memset(longest, 'p', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest, directory, strlen(directory));
    longest[strlen(directory)] = '/';
    assert_int_equal(try_to_make(longest, &file), 0);
    assert_true(exists(longest));
    socket_file_remove(longest, &file);
    assert_false(exists(longest));
    snprintf(longest_lock, sizeof(longest_lock), "%s.lock", longest);
    assert_false(exists(longest_lock));
}

/* ---- What is refused ---- */

static void test_a_path_that_is_too_long(void **state)
{
    char longer[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

    (void)state;
    memset(longer, 'p', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    memcpy(longer, directory, strlen(directory));
    longer[strlen(directory)] = '/';
    assert_refused(longer, -ENAMETOOLONG, "108 bytes long, at most 107");
}

static void test_a_live_server(void **state)
{
    int fd = put_socket(SOCK_STREAM, 5), client;

    (void)state;
    assert_refused(path, -EADDRINUSE, "another server answers there");
    client = reach(0);
    assert_true(client >= 0); /* it is still the one that answers */
    assert_false(exists(lock));
    close(client);
    close(fd);
    unlink(path);
}

/* Its queue is full, so it does not answer at once; it lives all the same. */
static void test_a_live_server_that_is_busy(void **state)
{
    int fd = put_socket(SOCK_STREAM, 0), clients[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        clients[i] = reach(SOCK_NONBLOCK);
    assert_int_equal(clients[3], -1);
    assert_refused(path, -EADDRINUSE, "another server answers there");
    assert_true(exists(path));
    for (size_t i = 0; i < 4; i++)
        if (clients[i] >= 0)
            close(clients[i]);
    close(fd);
    unlink(path);
}

static void test_two_of_us(void **state)
{
    struct socket_file file = make();
    int fd;

    (void)state;
    assert_refused(path, -EADDRINUSE, "another tt-allocation-server has it");
    assert_true(exists(lock));
    fd = reach(0);
    assert_true(fd >= 0);
    close(fd);
    socket_file_remove(path, &file);
}

/* Another server is just starting: it has the lock, and no socket yet. */
static void test_the_lock_is_held(void **state)
{
    int fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(put_socket(SOCK_STREAM, 5));
    assert_refused(path, -EADDRINUSE, "--socket");
    assert_true(exists(lock));
    assert_true(exists(path)); /* even a dead socket is not ours to remove without the lock */
    close(fd);
    unlink(lock);
    unlink(path);
}

static void test_a_regular_file(void **state)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char content[8] = "";

    (void)state;
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    assert_refused(path, -EEXIST, "is not a socket");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, content, sizeof(content)), 4);
    assert_string_equal(content, "mine");
    close(fd);
    assert_false(exists(lock));
    unlink(path);
}

static void test_a_fifo_and_a_directory(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, -EEXIST, "is not a socket");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(path, -EEXIST, "is not a socket");
    rmdir(path);
    assert_false(exists(lock));
}

static void test_symlinks(void **state)
{
    char target[128];

    (void)state;
    snprintf(target, sizeof(target), "%s/target", directory);
    assert_int_equal(symlink(target, path), 0);
    assert_refused(path, -EEXIST, "is not a socket"); /* dangling */
    assert_false(exists(target));

    close(open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_refused(path, -EEXIST, "is not a socket");
    assert_true(exists(target) && exists(path));
    unlink(target);
    unlink(path);

    close(put_socket(SOCK_STREAM, 5)); /* even to a dead socket */
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_refused(path, -EEXIST, "is not a socket");
    assert_true(exists(target) && exists(path));
    unlink(target);
    unlink(path);
}

/* A lock file that leads elsewhere is not followed, and nothing is made or locked there. */
static void test_a_symlink_for_a_lock(void **state)
{
    char target[128];

    (void)state;
    snprintf(target, sizeof(target), "%s/target", directory);
    assert_int_equal(symlink(target, lock), 0);
    assert_refused(path, -ELOOP, path);
    assert_false(exists(target));
    assert_true(exists(lock));
    unlink(lock);
}

/* Somebody was faster in /tmp, and might hold it for ever. */
static void test_a_lock_file_of_another_user(void **state)
{
    int fd = open(lock, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(fchown(fd, NOBODY, NOBODY), 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_refused(path, -EEXIST, "is not ours");
    assert_true(exists(lock));
    close(fd);
    unlink(lock);
}

static void test_a_fifo_for_a_lock(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(lock, 0600), 0);
    assert_refused(path, -EEXIST, "is not ours");
    assert_true(exists(lock));
    unlink(lock);
}

static void test_a_socket_of_another_kind(void **state)
{
    int fd = put_socket(SOCK_DGRAM, -1);

    (void)state;
    assert_refused(path, -EPROTOTYPE, "Cannot listen on");
    assert_true(exists(path));
    close(fd);
    unlink(path);
}

static void test_a_missing_directory(void **state)
{
    char missing[128];

    (void)state;
    snprintf(missing, sizeof(missing), "%s/none/socket", directory);
    assert_refused(missing, -ENOENT, "No such file or directory");
}

static void test_a_dead_socket_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    close(put_socket(SOCK_STREAM, 5));
    assert_int_equal(lchown(path, NOBODY, NOBODY), 0);
    assert_refused(path, -EEXIST, "a dead socket of another user");
    assert_true(exists(path));
    assert_false(exists(lock));
    unlink(path);
}

static void try_in_a_closed_directory(void)
{
    expect_refused(-EACCES, "Permission denied");
}

static void test_a_directory_without_permission(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(directory, 0755), 0); /* it may be looked at, and nothing may be made */
    as_nobody(try_in_a_closed_directory);
    assert_int_equal(chmod(directory, 0700), 0); /* not even that */
    as_nobody(try_in_a_closed_directory);
    assert_nothing_left();
}

static void try_beside_roots_socket(void)
{
    expect_refused(-EACCES, "Permission denied");
}

/* A directory like /tmp: root's server answers, an ordinary user tries. */
static void test_an_ordinary_user_beside_a_server_of_root(void **state)
{
    struct socket_file file;
    int fd;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(directory, 01777), 0);
    file = make();
    as_nobody(try_beside_roots_socket); /* the lock file is root's */
    fd = reach(0);
    assert_true(fd >= 0);
    close(fd);
    socket_file_remove(path, &file);
    assert_nothing_left();
}

static void try_beside_a_dead_socket(void)
{
    expect_refused(-EEXIST, "a dead socket of another user");
    EXPECT(exists(path));
    EXPECT(!exists(lock));
}

static void test_an_ordinary_user_beside_a_dead_socket_of_root(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(directory, 01777), 0);
    close(put_socket(SOCK_STREAM, 5));
    assert_int_equal(chmod(path, 0666), 0);
    as_nobody(try_beside_a_dead_socket);
    unlink(path);
}

/* ---- Removing ---- */

static void test_what_somebody_else_put_there_stays(void **state)
{
    struct socket_file file = make();
    int other;

    (void)state;
    unlink(path);
    other = put_socket(SOCK_STREAM, 5);
    unlink(lock);
    close(open(lock, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    socket_file_remove(path, &file);
    assert_true(exists(path));
    assert_true(exists(lock));
    close(other);
    unlink(path);
    unlink(lock);
}

static void test_removing_what_is_gone(void **state)
{
    struct socket_file file = make();

    (void)state;
    unlink(path);
    unlink(lock);
    socket_file_remove(path, &file);
    assert_nothing_left();
}

/* ---- Making it again ---- */

static void assert_made_again(struct socket_file *file)
{
    int former_fd = -1, before = file->fd, fd;

    assert_false(socket_file_stands(path, file));
    assert_int_equal(socket_file_make_again(path, file, &former_fd), 0);
    assert_int_equal(former_fd, before);
    close(former_fd);
    assert_true(socket_file_stands(path, file));
    fd = reach(0);
    assert_true(fd >= 0);
    close(fd);
    assert_refused(path, -EADDRINUSE, "another tt-allocation-server has it"); /* the lock is held */
}

static void test_what_a_cleaner_took_is_made_again(void **state)
{
    struct socket_file file = make();

    (void)state;
    assert_true(socket_file_stands(path, &file));
    unlink(path);
    assert_made_again(&file);
    unlink(path);
    unlink(lock);
    assert_made_again(&file);
    socket_file_remove(path, &file);
    assert_nothing_left();
}

static void test_what_stands_there_instead_stays(void **state)
{
    struct socket_file file = make(), other = {.fd = -1}, unchanged = file;
    int former_fd = -1;

    (void)state;
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(socket_file_find(path, &other), -ENOTSOCK);
    assert_int_equal(socket_file_make_again(path, &file, &former_fd), -EEXIST);
    assert_memory_equal(&file, &unchanged, sizeof(file));
    assert_int_equal(former_fd, -1);
    rmdir(path);
    assert_int_equal(socket_file_find(path, &other), -ENOENT);
    assert_made_again(&file);
    assert_int_equal(socket_file_find(path, &other), 0);
    assert_true(socket_file_stands(path, &other));
    socket_file_remove(path, &file);
}

/* Many try at once; one gets it, and when it is done, all is as before. */
static void test_calls_that_fail(void **state)
{
    static const struct {
        enum call call;
        int error;
    } cases[] = {{FLOCK, ENOLCK}, {SOCKET, ENOBUFS}, {BIND, EROFS}, {LISTEN, EADDRINUSE}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        failing = cases[i].call;
        assert_refused(path, -cases[i].error, strerror(cases[i].error));
        failing = NONE;
        if (cases[i].call == FLOCK)
            assert_int_equal(unlink(lock), 0); /* whose it is is not known */
        assert_nothing_left();
    }
}

/* Nobody is kept out by a lock on a file that has no name any more: who comes later would make another one. */
static void test_a_lock_file_that_goes_away_is_made_again(void **state)
{
    struct socket_file file;

    (void)state;
    takes_lock_away = true;
    file = make();
    assert_true(exists(lock));
    assert_refused(path, -EADDRINUSE, "another tt-allocation-server has it");
    socket_file_remove(path, &file);
    assert_nothing_left();
}

static void test_a_race_has_one_winner(void **state)
{
    enum { TRIES = 12 };
    pid_t pids[TRIES];
    int winners = 0, results[2], gate[2];

    (void)state;
    close(put_socket(SOCK_STREAM, 5)); /* all of them see a dead socket first */
    assert_int_equal(pipe2(results, O_CLOEXEC), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    for (size_t i = 0; i < TRIES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct socket_file file;
            char result, byte;
            int fd;

            alarm(FIXTURE_SECONDS);
            close(gate[1]);
            (void)!read(gate[0], &byte, 1); /* until it closes: start */
            result = try_to_make(path, &file) == 0 ? 'w' : 'l';
            (void)!write(results[1], &result, 1);
            if (result == 'l')
                _exit(0);
            /* The winner stays until it is reached. */
            fcntl(file.fd, F_SETFL, 0);
            fd = accept(file.fd, NULL, NULL);
            while (read(fd, &byte, 1) != 1 && fd >= 0) {
                close(fd);
                fd = accept(file.fd, NULL, NULL); /* a loser that looked whether we live */
            }
            socket_file_remove(path, &file);
            _exit(0);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (size_t i = 0; i < TRIES; i++) {
        char result;

        assert_int_equal(read(results[0], &result, 1), 1);
        winners += result == 'w';
    }
    assert_int_equal(winners, 1);
    {
        int fd = reach(0);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
    for (size_t i = 0; i < TRIES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    close(results[0]);
    close(results[1]);
    assert_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_making_and_removing),
        TEST(test_modes),
        TEST(test_a_dead_socket_of_our_own_is_replaced),
        TEST(test_a_socket_that_never_listened_is_replaced),
        TEST(test_a_lock_file_that_nobody_holds_is_no_obstacle),
        TEST(test_the_longest_path),
        TEST(test_a_path_that_is_too_long),
        TEST(test_a_live_server),
        TEST(test_a_live_server_that_is_busy),
        TEST(test_two_of_us),
        TEST(test_the_lock_is_held),
        TEST(test_a_regular_file),
        TEST(test_a_fifo_and_a_directory),
        TEST(test_symlinks),
        TEST(test_a_symlink_for_a_lock),
        TEST(test_a_lock_file_of_another_user),
        TEST(test_a_fifo_for_a_lock),
        TEST(test_a_socket_of_another_kind),
        TEST(test_a_missing_directory),
        TEST(test_a_dead_socket_of_another_user),
        TEST(test_a_directory_without_permission),
        TEST(test_an_ordinary_user_beside_a_server_of_root),
        TEST(test_an_ordinary_user_beside_a_dead_socket_of_root),
        TEST(test_what_somebody_else_put_there_stays),
        TEST(test_removing_what_is_gone),
        TEST(test_what_a_cleaner_took_is_made_again),
        TEST(test_what_stands_there_instead_stays),
        TEST(test_calls_that_fail),
        TEST(test_a_lock_file_that_goes_away_is_made_again),
        TEST(test_a_race_has_one_winner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
