/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/leaks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/give_up.h"
#include "bench/rig.h"
#include "bench/table.h"

#define BUFFERS 1000000
#define BUFFERS_QUICK 100000
#define PATIENCE_MS 10000
#define TEXT_SIZE 16384

struct story {
    uint64_t gone, summary, all;
    char text[TEXT_SIZE]; /* what the server has written so far */
    size_t length;
};

static void read_log(struct story *story, int fd)
{
    ssize_t got = read(fd, story->text + story->length, TEXT_SIZE - 1 - story->length);

    errno = 0;
    if (got <= 0)
        give_up("the server's log");
    story->length += (size_t)got;
    story->text[story->length] = '\0';
    if (!story->summary && strstr(story->text, " left "))
        story->summary = clock_now();
    if (!story->all && strstr(story->text, "... and "))
        story->all = clock_now();
}

/* Two things may come in either order: the client's end, and what the server says of it. */
static void watch(struct story *story, int client, int log)
{
    struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = log, .events = POLLIN}};

    while (!story->gone || !story->all) {
        if (poll(fds, 2, PATIENCE_MS) <= 0)
            give_up("no leak report");
        if (fds[0].revents) {
            story->gone = clock_now();
            fds[0].fd = -1;
            fds[0].revents = 0;
        }
        if (fds[1].revents)
            read_log(story, log);
    }
}

static double ms_between(uint64_t begin, uint64_t end)
{
    return end > begin ? (double)(end - begin) / 1e6 : 0;
}

void leaks_measure(struct bench *bench)
{
    struct rig_plan plan = {.way = WAY_RING, .live = bench->options.quick ? BUFFERS_QUICK : BUFFERS, .clients = 1};
    struct story *story = calloc(1, sizeof(*story));
    uint64_t killed;
    struct rig rig;
    int client;

    rig_up(bench, &plan, &rig);
    client = (int)syscall(SYS_pidfd_open, rig.clients[0].pid, 0);
    if (!story || client < 0)
        give_up("leaks");
    killed = clock_now();
    kill(rig.clients[0].pid, SIGKILL);
    watch(story, client, fileno(rig.target.child.out));
    book_add(&bench->book, ms_between(killed, story->gone), "leaks.end.ms");
    book_add(&bench->book, ms_between(story->gone, story->summary), "leaks.summary.ms");
    book_add(&bench->book, ms_between(story->gone, story->all), "leaks.all.ms");
    close(client);
    free(story);
    rig_down(bench, &rig);
}

void leaks_print(const struct bench *bench)
{
    static const struct table_column columns[] = {
        {"ms", ".ms", TABLE_PLAIN, 1}, {"least", ".ms", TABLE_LEAST, 1}, {"most", ".ms", TABLE_MOST, 1}};
    static const struct table_column turns[] = {{"ms", "_ns", TABLE_PLAIN, 1e6}, {"most", "_ns", TABLE_MOST, 1e6}};
    struct table table = {&bench->book, columns, sizeof(columns) / sizeof(columns[0])};
    struct table turn = {&bench->book, turns, sizeof(turns) / sizeof(turns[0])};

    table_title(&table, bench->options.quick ? "100,000 buffers left behind" : "1,000,000 buffers left behind");
    table_row(&table, "the kernel ends the client", "leaks.end", NULL);
    table_row(&table, "then until the summary", "leaks.summary", NULL);
    table_row(&table, "then until the last line", "leaks.all", NULL);
    table_title(&turn, "Longest turn of the server's loop, over all of this run's servers");
    table_row(&turn, "one turn", "server.longest_turn", NULL);
}
