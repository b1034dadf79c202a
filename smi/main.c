/* SPDX-License-Identifier: Apache-2.0 */

/* tt-smi: who holds how much memory of which Tenstorrent device. Options, one sample, one view, an exit code. */

#include "smi/act/act.h"
#include "smi/cli/completion.h"
#include "smi/cli/help.h"
#include "smi/cli/options.h"
#include "smi/demo/client.h"
#include "smi/demo/demo.h"
#include "smi/live/live.h"
#include "smi/query/query.h"
#include "smi/run/run.h"
#include "smi/sample/problem.h"
#include "smi/sample/users.h"
#include "smi/text/terminal.h"
#include "smi/views/show.h"
#include "smi/views/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, int error)
{
    fprintf(stderr, "tt-smi: %s: %s\n", what, strerror(-error));
    return EXIT_USAGE;
}

static int sample(const struct options *options, struct snapshot *ret)
{
    const char *path = snapshot_path(options->socket, options->root);
    struct tt_alloc_connection *connection = NULL;
    int error = path ? tt_alloc_connect(path, &connection) : 0;
    int r = snapshot_take(connection, path, error, options->root, options_host_parts(options), ret);

    if (r == 0)
        r = details_ask(connection, options, ret);
    tt_alloc_disconnect(connection);
    return r;
}

/* Data are complete without a server, saying what is not known; a table is worth showing if the host tells of devices.
 */
static int do_without_server(struct snapshot *snapshot, const struct options *options, const struct style *style)
{
    bool is_worth_it = options_want_data(options) || options->view == VIEW_TABLE;
    int r = is_worth_it ? snapshot_select(snapshot, &options->filter) : 0;

    if (is_worth_it && r == 0)
        r = show(stdout, snapshot, options, style);
    fflush(stdout);
    if (r < 0)
        return fail("cannot compose the output", r);
    problem_report(snapshot->error, snapshot->path);
    return problem_exit_code(snapshot->error);
}

static int check_process(const struct snapshot *snapshot, const struct options *options)
{
    int32_t pid = options->filter.pid;

    if (pid == 0 || snapshot_has_process(snapshot, pid))
        return EXIT_FINE;
    if (!snapshot_has_ended(snapshot, pid))
        fprintf(stderr, "tt-smi: process %d does not report   tt-smi lists those that do\n", pid);
    else if (options->view == VIEW_TABLE || options->view == VIEW_TOP)
        fprintf(stderr, "tt-smi: process %d has ended   tt-smi exited -p %d\n", pid, pid);
    else
        return EXIT_FINE;
    return EXIT_NOT_FOUND;
}

/* A device or process asked for by number should exist; the other filters may well let nothing through. */
static int check_filter(const struct snapshot *snapshot, const struct options *options)
{
    for (size_t i = 0; i < options->filter.device_count; i++) {
        if (!snapshot_has_device(snapshot, options->filter.devices[i])) {
            fprintf(stderr, "tt-smi: nothing was reported on device %s   tt-smi lists the devices\n",
                    device_label(options->filter.devices[i]).text);
            return EXIT_NOT_FOUND;
        }
    }
    return check_process(snapshot, options);
}

/* Whatever is wrong is what it is about. */
static int examine(const struct snapshot *snapshot, const struct options *options)
{
    struct style style = terminal_style(options);
    int code = EXIT_FINE, r = show_doctor(stdout, snapshot, options, &style, &code);

    return r < 0 ? fail("cannot compose the output", r) : code;
}

/* A document can say that nothing is known; an empty list cannot. */
static bool needs_server(const struct options *options)
{
    return options->view == VIEW_TOP ||
           (!options->json && (options->view == VIEW_LEAKS || options->view == VIEW_EXITED));
}

static int show_once(struct snapshot *snapshot, const struct options *options)
{
    struct style style = terminal_style(options);
    int r;

    if (snapshot->host_error != 0 && options->root)
        return fail(options->root, snapshot->host_error);
    if (options->view == VIEW_DOCTOR)
        return examine(snapshot, options);
    if (!snapshot->path && needs_server(options)) {
        fprintf(stderr, "tt-smi: only a server knows %s   beside --root name one: --socket PATH\n",
                options->view == VIEW_TOP ? "single buffers" : "which processes ended, and what they left");
        return EXIT_NO_SERVER;
    }
    if (snapshot->error != 0)
        return do_without_server(snapshot, options, &style);
    r = check_filter(snapshot, options);
    if (r != EXIT_FINE)
        return r;
    r = snapshot_select(snapshot, &options->filter);
    if (r == 0)
        r = show(stdout, snapshot, options, &style);
    if (r < 0)
        return fail("cannot compose the output", r);
    if (options->view == VIEW_LEAKS && snapshot->leak_count > 0)
        return EXIT_FINDING;
    if (snapshot->details.top.is_denied)
        return EXIT_NOT_PERMITTED;
    return options->strict && snapshot_is_incomplete(snapshot) ? EXIT_INCOMPLETE : EXIT_FINE;
}

/* What tells about the program itself. */
static int explain(const struct options *options)
{
    if (options->action == ACTION_HELP)
        help_print(stdout, options->view);
    else if (options->action == ACTION_SHORT_HELP && options->view == VIEW_TABLE)
        help_print_short(stdout);
    else if (options->action == ACTION_SHORT_HELP)
        help_print(stdout, options->view);
    else if (options->action == ACTION_COMPLETION)
        completion_print(stdout, options->shell);
    else if (options->action == ACTION_FIELDS)
        query_print_help(stdout);
    else
        fputs(version_text, stdout);
    return EXIT_FINE;
}

static int watch_or_live(const struct options *options)
{
    int r = live_is_wanted(options) ? live(options) : -ENOTSUP;

    return r == -ENOTSUP ? watch(options) : r;
}

static int show_view(const struct options *options)
{
    struct snapshot snapshot = {0};
    int r;

    if (options->watch)
        return watch_or_live(options);
    r = sample(options, &snapshot);
    if (r < 0)
        return fail("cannot ask the server", r);
    r = show_once(&snapshot, options);
    snapshot_clear(&snapshot);
    return r;
}

/* What the story is about comes behind the table, and is no failure. */
static int show_demo(const struct options *options)
{
    struct demo demo;
    struct options shown;
    int code;

    if (demo_start(options, &demo) < 0)
        return EXIT_USAGE;
    shown = demo_options(options, &demo);
    code = show_view(&shown);
    for (const enum view *more = demo_more_views(options); code == EXIT_FINE && *more != VIEW_TABLE; more++) {
        shown.view = *more;
        putchar('\n');
        show_view(&shown);
    }
    demo_stop(&demo);
    return code;
}

static int run(const struct options *options)
{
    if (options->action != ACTION_SHOW)
        return explain(options);
    if (query_check(options) < 0)
        return EXIT_USAGE;
    if (options->view == VIEW_RUN)
        return run_gate(options);
    if (options->view == VIEW_RESET_PEAKS || options->view == VIEW_FORGET)
        return act_run(options);
    return options->is_demo ? show_demo(options) : show_view(options);
}

/* Where one of the standard streams is closed, its number must not become that of a connection, which would then get
 * what we say. Still nothing can be written there, and the command of `run` finds it closed. */
static void keep_standard_streams_apart(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    struct options options;
    int code;

    keep_standard_streams_apart();
    if (client_is_wanted())
        return client_run();
    setlocale(LC_CTYPE, "");
    if (options_parse(argc, argv, &options) < 0)
        return EXIT_USAGE;
    code = run(&options);
    options_clear(&options);
    users_clear();
    errno = 0;
    if (fclose(stdout) != 0)
        code = fail("cannot write the output", errno ? -errno : -EIO);
    return code;
}
