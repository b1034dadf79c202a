/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_server_core */

/*
 * What waits for a peer: bytes in order, and a descriptor that arrives with exactly the bytes it was added with.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/output.h"

struct pair {
    int server, client;
    struct output output;
};

static int setup(void **state)
{
    static struct pair pair;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pair = (struct pair){.server = ends[0], .client = ends[1]};
    *state = &pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;

    output_done(&pair->output);
    close(pair->server);
    close(pair->client);
    return 0;
}

static int open_something(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    return ends[0];
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Receives at most `size` bytes; *ret_fd: the descriptor that came with them, or -1. */
static size_t receive(const struct pair *pair, char *bytes, size_t size, int *ret_fd)
{
    struct iovec iovec = {.iov_base = bytes, .iov_len = size};
    union {
        struct cmsghdr header;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &iovec, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(pair->client, &message, MSG_DONTWAIT);
    const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

    *ret_fd = -1;
    if (header)
        memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
    return got > 0 ? (size_t)got : 0;
}

static void flush(struct pair *pair)
{
    while (output_waiting(&pair->output) > 0)
        assert_int_equal(output_send(&pair->output, pair->server), 1);
}

static void test_bytes_in_order(void **state)
{
    struct pair *pair = *state;
    char bytes[64] = "";
    int fd;

    assert_int_equal(output_send(&pair->output, pair->server), 0);
    assert_int_equal(output_add(&pair->output, "one ", 4), 0);
    assert_int_equal(output_add(&pair->output, "two", 3), 0);
    flush(pair);
    assert_int_equal(pair->output.capacity, 0); /* it costs nothing while it is empty */
    assert_int_equal(receive(pair, bytes, sizeof(bytes), &fd), 7);
    assert_string_equal(bytes, "one two");
    assert_int_equal(fd, -1);
}

static void test_descriptor_comes_with_its_bytes(void **state)
{
    struct pair *pair = *state;
    int sent = open_something(), fd;
    char bytes[64];

    assert_int_equal(output_add(&pair->output, "before", 6), 0);
    assert_int_equal(output_add_with_fd(&pair->output, "with", 4, sent), 0);
    assert_int_equal(output_add_with_fd(&pair->output, "again", 5, sent), -EBUSY);
    assert_int_equal(output_add(&pair->output, "after", 5), 0);
    assert_int_equal(output_send(&pair->output, pair->server), 1);
    assert_int_equal(output_waiting(&pair->output), 9); /* what stands before goes alone */
    assert_true(is_open(sent));
    flush(pair);
    assert_false(is_open(sent));

    assert_int_equal(receive(pair, bytes, 6, &fd), 6);
    assert_memory_equal(bytes, "before", 6);
    assert_int_equal(fd, -1);
    assert_int_equal(receive(pair, bytes, 4, &fd), 4);
    assert_memory_equal(bytes, "with", 4);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(receive(pair, bytes, sizeof(bytes), &fd), 5);
    assert_memory_equal(bytes, "after", 5);
    assert_int_equal(fd, -1);
}

static void test_descriptor_that_never_left(void **state)
{
    struct pair *pair = *state;
    int sent = open_something();

    assert_int_equal(output_add_with_fd(&pair->output, "with", 4, sent), 0);
    output_done(&pair->output);
    assert_false(is_open(sent));

    sent = open_something();
    assert_int_equal(output_add_with_fd(&pair->output, "with", 4, sent), 0);
    shutdown(pair->client, SHUT_RD);
    assert_int_equal(output_send(&pair->output, pair->server), -EPIPE);
    assert_true(is_open(sent)); /* still the output's */
}

static void test_a_full_socket_takes_nothing(void **state)
{
    struct pair *pair = *state;
    static const char piece[65536];
    int sent = open_something(), result;

    do {
        assert_int_equal(output_add(&pair->output, piece, sizeof(piece)), 0);
        result = output_send(&pair->output, pair->server);
    } while (result == 1 && output_waiting(&pair->output) == 0);
    while (result == 1)
        result = output_send(&pair->output, pair->server);
    assert_int_equal(result, 0);
    assert_int_equal(output_add_with_fd(&pair->output, "with", 4, sent), 0);
    assert_int_equal(output_send(&pair->output, pair->server), 0);
    assert_true(is_open(sent));
}

/* A reader who is always a little behind costs what he is behind, not all he has ever read. */
static void test_what_was_sent_is_forgotten(void **state)
{
    struct pair *pair = *state;
    uint8_t bytes[4096] = {0};

    while (output_send(&pair->output, pair->server) == 1 || output_waiting(&pair->output) == 0)
        assert_int_equal(output_add(&pair->output, bytes, sizeof(bytes)), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(output_add(&pair->output, bytes, sizeof(bytes)), 0);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(read(pair->client, bytes, sizeof(bytes)), sizeof(bytes));
        output_send(&pair->output, pair->server);
        while (output_waiting(&pair->output) < OUTPUT_ENOUGH)
            assert_int_equal(output_add(&pair->output, bytes, sizeof(bytes)), 0);
        assert_true(output_waiting(&pair->output) > 0);
    }
    assert_true(pair->output.capacity <= 4 * OUTPUT_ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor_comes_with_its_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor_that_never_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_socket_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_sent_is_forgotten, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
