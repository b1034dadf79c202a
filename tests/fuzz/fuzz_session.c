/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whole sessions against the registry. An input is a sequence of steps, one byte each that says what happens to which
 * of four connections, and what that needs: bytes to be sent, cut anywhere, a hang-up, a death, time. Two of the four
 * are of one process, one is of another user, and the last one reads no answer unless told to. world_check() says what
 * must hold after each input, and what is left open or leaked is found as well.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "server/clock.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/world.h"

#define CONNECTIONS 4
#define STEPS_MAX 100 /* more teach nothing that fewer do not */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum what {
    SEND,      /* the next byte is how many bytes; they follow */
    SEND_MORE, /* the same without a turn of the loop afterwards */
    TURN,
    READ,
    HANG_UP,
    EXIT,
    PASS, /* time: a tenth of a second times the next byte */
    SETTLE,
};

static struct world world;
static int connections[CONNECTIONS];

static void make_processes(uint8_t kinds)
{
    for (size_t i = 0; i < 3; i++)
        *fake_host_get(i) = (struct fake_process){.pid = 100 + (pid_t)i,
                                                  .uid = i == 0 && (kinds & 1) ? 0 : 1000 + (uid_t)(i / 2),
                                                  .start_ticks = i == 1 && (kinds & 2) ? 0 : 7 + i,
                                                  .is_in_group = i == 1 && (kinds & 4),
                                                  .has_pidfd = true,
                                                  .life = 1,
                                                  .held = {0, 2},
                                                  .held_count = kinds >> 3 & 3};
}

static struct fake_process *process_of(size_t connection)
{
    return fake_host_get(connection < 2 ? 0 : connection - 1);
}

static void hang_up(size_t which)
{
    if (connections[which] >= 0)
        close(connections[which]);
    connections[which] = -1;
}

static void read_all(size_t which)
{
    static uint8_t answers[65536];

    while (connections[which] >= 0 && recv(connections[which], answers, sizeof(answers), MSG_DONTWAIT) > 0)
        continue;
}

static void send_some(struct input *input, size_t which)
{
    const uint8_t *bytes;
    size_t size = input_take(input, input_byte(input), &bytes);

    if (connections[which] < 0)
        connections[which] = world_connect(&world, process_of(which));
    if (connections[which] >= 0 && size > 0)
        (void)!send(connections[which], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void settle(void)
{
    for (size_t i = 0; i + 1 < CONNECTIONS; i++)
        read_all(i);
    world_settle(&world);
}

static void step(struct input *input)
{
    uint8_t byte = input_byte(input);
    size_t which = byte & 3;

    switch ((enum what)(byte >> 2 & 7)) {
    case SEND:
        send_some(input, which);
        world_turn(&world);
        break;
    case SEND_MORE:
        send_some(input, which);
        break;
    case TURN:
        world_turn(&world);
        break;
    case READ:
        read_all(which);
        break;
    case HANG_UP:
        hang_up(which);
        break;
    case EXIT:
        fake_host_exit(process_of(which));
        break;
    case PASS:
        fake_host_pass(input_byte(input) * (NSEC_PER_SEC / 10));
        break;
    case SETTLE:
        settle();
        world_check(&world);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.bytes = data, .size = size};
    uint8_t kinds = input_byte(&input);

    world_open(&world, kinds & 0x80);
    make_processes(kinds);
    for (size_t i = 0; i < CONNECTIONS; i++)
        connections[i] = -1;
    for (size_t i = 0; i < STEPS_MAX && input.size > 0; i++)
        step(&input);
    settle();
    world_check(&world);
    for (size_t i = 0; i < CONNECTIONS; i++)
        hang_up(i);
    if (kinds & 0x40) {
        world_settle(&world);
        CHECK(world.server.registry.processes.count == 0);
    }
    world_close(&world);
    return 0;
}
