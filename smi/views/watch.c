/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The loop owns the connection and makes it anew whenever the server was lost. On a terminal a frame is written over
 * the previous one, line by line, in one go: nothing is cleared that is not written again at once, so nothing flickers.
 *
 * The program ends by a signal, as a rule. It needs no handler for that, which would have to work even while a server
 * that hangs is being waited for: each frame hides the cursor and shows it again, so that there is nothing to restore.
 */

#include "smi/views/watch.h"
#include "smi/sample/problem.h"
#include "smi/sample/source.h"
#include "smi/text/terminal.h"
#include "smi/views/show.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define FRAME_SIZE 65536 /* what is written at once; the largest screens take less */

struct watcher {
    struct options *options;
    struct source source;
    bool on_screen;
    bool began; /* something was printed already */
};

/* Cut before the last line of the terminal, which would make it scroll. A line is cleared before it is written: behind
 * one that is as wide as the terminal the cursor still stands on its last character. */
static void put_on_screen(const char *frame)
{
    size_t lines = terminal_lines();

    fputs(HIDE_CURSOR HOME, stdout);
    for (size_t line = 1; *frame && (lines == 0 || line < lines); line++) {
        size_t length = strcspn(frame, "\n");

        fprintf(stdout, CLEAR_LINE "%.*s\n", (int)length, frame);
        frame += length + (frame[length] == '\n');
    }
    fputs(CLEAR_BELOW SHOW_CURSOR, stdout);
}

static int put_frame(struct watcher *watcher, const char *frame)
{
    if (watcher->on_screen) {
        put_on_screen(frame);
    } else {
        fputs(watcher->began && !options_want_data(watcher->options) ? "\n" : "", stdout);
        fputs(frame, stdout);
    }
    watcher->began = true;
    watcher->options->noheader = true; /* of a query: one header for all frames */
    return fflush(stdout) == 0 ? 0 : -errno;
}

static int draw(struct watcher *watcher, const struct snapshot *snapshot)
{
    struct style style = terminal_style(watcher->options);
    char *frame = NULL;
    size_t size;
    FILE *out = open_memstream(&frame, &size);
    int r = out ? show(out, snapshot, watcher->options, &style) : -ENOMEM;

    if (r == 0 && snapshot->error != 0 && !options_want_data(watcher->options))
        r = style_line(out, &style, TINT_RED, "server not reachable, trying again: no answer at %s, %s",
                       watcher->source.path, problem_reason(snapshot->error));
    if (out && fclose(out) != 0)
        r = -ENOMEM;
    if (r == 0)
        r = put_frame(watcher, frame);
    free(frame);
    return r;
}

static int turn(struct watcher *watcher)
{
    struct snapshot snapshot = {0};
    int r = source_sample(&watcher->source, watcher->options, &snapshot);

    if (r == 0)
        r = snapshot_select(&snapshot, &watcher->options->filter);
    if (r == 0)
        r = draw(watcher, &snapshot);
    snapshot_clear(&snapshot);
    return r;
}

/* A change of the terminal's size ends the wait, so that the frame is drawn for the new one. */
static void pause_for(uint64_t interval, const sigset_t *resize)
{
    struct timespec length = {.tv_sec = (time_t)(interval / 1000000000), .tv_nsec = (long)(interval % 1000000000)};

    sigtimedwait(resize, NULL, &length);
}

int watch(const struct options *options)
{
    struct options changing = *options;
    struct watcher watcher = {
        .options = &changing,
        .on_screen = terminal_is_stdout() && !options_want_data(options),
    };
    sigset_t resize;
    int r;

    source_init(&watcher.source, options);
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resize, NULL); /* so that one that comes while a frame is drawn is not lost */
    setvbuf(stdout, NULL, _IOFBF, FRAME_SIZE);
    while ((r = turn(&watcher)) == 0)
        pause_for(options->interval, &resize);
    source_clear(&watcher.source);
    fprintf(stderr, "tt-smi: stopped: %s\n", strerror(-r));
    return EXIT_USAGE;
}
