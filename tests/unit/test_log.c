/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * The log: what goes out, what happens when nobody takes it, and how foreign text is written. stderr is a pipe of ours
 * in most tests.
 */

#include "tests/unit/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "server/log.h"

/* stderr, while it is ours. One for all, so that a test which fails gives it back too. */
struct capture {
    bool is_active;
    int saved;
    int read_fd;
    char text[1 << 17];
};

static struct capture capture;

static void capture_begin(void)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    capture.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.read_fd = ends[0];
    fcntl(capture.read_fd, F_SETFL, O_NONBLOCK);
    capture.is_active = true;
}

/* What has come since the last time. */
static const char *capture_text(void)
{
    size_t length = 0;
    ssize_t got;

    while ((got = read(capture.read_fd, capture.text + length, sizeof(capture.text) - 1 - length)) > 0)
        length += (size_t)got;
    capture.text[length] = '\0';
    return capture.text;
}

static void capture_end(void)
{
    capture.is_active = false;
    dup2(capture.saved, STDERR_FILENO);
    close(capture.saved);
    close(capture.read_fd);
}

static int end_of_test(void **state)
{
    if (capture.is_active)
        capture_end();
    log_open(LOG_INFO);
    return fixture_end(state);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_begin, end_of_test)

/* Fills the pipe up to its last byte. stderr shares the flags, so they are taken back. */
static void fill_stderr(void)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    char junk[4096];

    memset(junk, 'j', sizeof(junk));
    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    for (size_t size = sizeof(junk); size > 0;)
        if (write(STDERR_FILENO, junk, size) < 0)
            size /= 2;
    fcntl(STDERR_FILENO, F_SETFL, flags);
}

static void test_one_line_per_event(void **state)
{
    static const char *const fields[] = {"TT_PID=1"};

    (void)state;
    capture_begin();
    log_open(LOG_INFO);
    log_line(LOG_INFO, "one %d", 1);
    assert_string_equal(capture_text(), "one 1\n");
    log_event(LOG_WARNING, fields, 1, "with %s", "fields");
    assert_string_equal(capture_text(), "with fields\n");
    capture_end();
}

static void test_levels(void **state)
{
    static const int levels[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

    (void)state;
    capture_begin();
    for (size_t max = 0; max < 4; max++)
        for (size_t level = 0; level < 4; level++) {
            log_open(levels[max]);
            log_line(levels[level], "x");
            assert_string_equal(capture_text(), level <= max ? "x\n" : "");
        }
    log_open(LOG_INFO);
    capture_end();
}

static void test_names_of_levels(void **state)
{
    static const char *const wrong[] = {"", "Error", "errors", "err", "7", "info "};

    (void)state;
    assert_int_equal(log_level_from_string("error"), LOG_ERR);
    assert_int_equal(log_level_from_string("warning"), LOG_WARNING);
    assert_int_equal(log_level_from_string("info"), LOG_INFO);
    assert_int_equal(log_level_from_string("debug"), LOG_DEBUG);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(log_level_from_string(wrong[i]), -EINVAL);
}

static void test_a_long_line_is_cut_and_ends(void **state)
{
    char longer[5000];
    const char *text;

    (void)state;
    memset(longer, 'y', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    capture_begin();
    log_open(LOG_INFO);
    log_line(LOG_INFO, "%s", longer);
    text = capture_text();
    assert_true(strlen(text) > 2000 && strlen(text) < 2100);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    capture_end();
}

/* JOURNAL_STREAM is inherited by whatever the service starts: it counts only if it names our stderr. */
static void test_another_stream_is_not_the_journal(void **state)
{
    static const char *const others[] = {"", "0:0", "nonsense", "8:1 "};

    (void)state;
    capture_begin();
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        setenv("JOURNAL_STREAM", others[i], 1);
        log_open(LOG_INFO);
        log_line(LOG_INFO, "plain");
        assert_string_equal(capture_text(), "plain\n");
    }
    unsetenv("JOURNAL_STREAM");
    log_open(LOG_INFO);
    capture_end();
}

/* The alarm of the fixture ends this test if a line blocks. */
static void test_a_full_pipe_does_not_block(void **state)
{
    uint64_t before = log_lines_lost();

    (void)state;
    capture_begin();
    log_open(LOG_INFO);
    fill_stderr();
    for (int i = 0; i < 5; i++)
        log_line(LOG_INFO, "lost %d", i);
    assert_int_equal(log_lines_lost() - before, 5);

    capture_text();
    log_line(LOG_INFO, "back again");
    assert_string_equal(capture_text(), "5 log lines were lost because nobody read them\nback again\n");
    log_line(LOG_INFO, "and on");
    assert_string_equal(capture_text(), "and on\n");
    assert_int_equal(log_lines_lost() - before, 5);

    fill_stderr();
    log_line(LOG_INFO, "lost");
    capture_text();
    log_line(LOG_INFO, "back");
    assert_string_equal(capture_text(), "1 log line was lost because nobody read it\nback\n");
    capture_end();
}

static void test_nobody_there_at_all(void **state)
{
    uint64_t before = log_lines_lost();

    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    capture_begin();
    log_open(LOG_INFO);
    close(capture.read_fd);
    capture.read_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_line(LOG_INFO, "nobody");
    capture_end();
    assert_int_equal(log_lines_lost() - before, 1);

    capture_begin();
    log_line(LOG_INFO, "somebody");
    assert_string_equal(capture_text(), "1 log line was lost because nobody read it\nsomebody\n");
    capture_end();
    signal(SIGPIPE, SIG_DFL);
}

/* A file that may not grow takes a part of a line, and then nothing. */
static void test_a_full_disk(void **state)
{
    struct rlimit before, limit;
    FILE *file = tmpfile();
    char text[64] = "";

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    capture_begin();
    log_open(LOG_INFO);
    dup2(fileno(file), STDERR_FILENO);
    log_line(LOG_INFO, "first");
    limit = (struct rlimit){.rlim_cur = 10, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 3; i++)
        log_line(LOG_INFO, "second");
    setrlimit(RLIMIT_FSIZE, &before);
    log_line(LOG_INFO, "third");
    assert_true(pread(fileno(file), text, sizeof(text) - 1, 0) > 0);
    capture_end();
    fclose(file);
    signal(SIGXFSZ, SIG_DFL);
    assert_string_equal(text, "first\nseco\n3 log lines were lost: File too large\nthird\n");
}

static void test_errno_is_left_alone(void **state)
{
    (void)state;
    capture_begin();
    log_open(LOG_INFO);
    for (int full = 0; full < 2; full++) {
        if (full)
            fill_stderr();
        errno = ENOTTY;
        log_line(LOG_INFO, "x");
        assert_int_equal(errno, ENOTTY);
        errno = 0;
        log_line(LOG_DEBUG, "x");
        assert_int_equal(errno, 0);
    }
    capture_text();
    log_line(LOG_INFO, "tells what was lost here");
    capture_end();
}

/* ---- Foreign text ---- */

static void test_escaping(void **state)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"", ""},
        {"python3", "python3"},
        {"two words (and more)", "two words (and more)"},
        {"a\nb", "a\\x0ab"},
        {"\t\r\x1b[31m", "\\x09\\x0d\\x1b[31m"},
        {"\x01\x1f\x7f", "\\x01\\x1f\\x7f"},
        {"back\\slash", "back\\x5cslash"},
        {"\\x0a", "\\x5cx0a"}, /* nobody can forge an escape */
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x85", "\\xc2\\x85"}, /* NEL, a control character */
        {"\xc2\xa0", "\xc2\xa0"},   /* the first that is none */
        {"\xff\xfe", "\\xff\\xfe"}, /* no UTF-8 at all */
        {"\xc0\xaf", "\\xc0\\xaf"}, /* too long a form of '/' */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
        {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xc3", "\\xc3"},                            /* cut off */
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xe2\x82x", "\\xe2\\x82x"},
        {"\x80", "\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];

        assert_ptr_equal(log_escape(cases[i].text, out, sizeof(out)), out);
        assert_string_equal(out, cases[i].escaped);
    }
}

/* Every byte by itself comes out as printable ASCII. */
static void test_escaping_every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 1; byte < 256; byte++) {
        char text[] = {(char)byte, '\0'}, out[16], expected[16];
        bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '\\';

        snprintf(expected, sizeof(expected), is_plain ? "%c" : "\\x%02x", byte);
        assert_string_equal(log_escape(text, out, sizeof(out)), expected);
    }
}

/* What does not fit is cut, but neither an escape nor a character is cut in two. */
static void test_escaping_into_too_little_room(void **state)
{
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char out[24];
        size_t length;

        memset(out, 'z', sizeof(out));
        log_escape("a\n\xe2\x82\xac\xff", out, size);
        length = strlen(out);
        assert_true(length < size);
        assert_memory_equal(out, "a\\x0a\xe2\x82\xac\\xff", length);
        assert_true(length == 0 || length == 1 || length == 5 || length == 8 || length == 12);
        for (size_t i = size; i < sizeof(out); i++)
            assert_int_equal(out[i], 'z');
    }
}

static void test_escaping_random_bytes(void **state)
{
    struct fixture_random random = {1};

    (void)state;
    for (size_t round = 0; round < 50000; round++) {
        char text[32], out[40];
        size_t length = fixture_below(&random, sizeof(text));
        size_t size = 1 + fixture_below(&random, sizeof(out));

        for (size_t i = 0; i < length; i++)
            text[i] = (char)(1 + fixture_below(&random, 255));
        text[length] = '\0';
        log_escape(text, out, size);
        assert_true(strlen(out) < size);
        for (size_t i = 0; out[i]; i++)
            assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_line_per_event),
        TEST(test_levels),
        TEST(test_names_of_levels),
        TEST(test_a_long_line_is_cut_and_ends),
        TEST(test_another_stream_is_not_the_journal),
        TEST(test_a_full_pipe_does_not_block),
        TEST(test_nobody_there_at_all),
        TEST(test_a_full_disk),
        TEST(test_errno_is_left_alone),
        TEST(test_escaping),
        TEST(test_escaping_every_byte),
        TEST(test_escaping_into_too_little_room),
        TEST(test_escaping_random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
