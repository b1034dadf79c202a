/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The course of a run: a server is found or made, the command is started and followed until the last of its processes
 * is gone, the server is asked what became of them, and a verdict is told. The command is started in any case: that the
 * gate cannot tell is for the verdict to say.
 */

#include "smi/run/run.h"
#include "smi/cli/values.h"
#include "smi/run/report.h"
#include "smi/run/server.h"
#include "smi/sample/clock.h"
#include "smi/sample/problem.h"
#include "smi/sample/snapshot.h"
#include "smi/text/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE UINT64_C(2000000)
#define LAST_PAUSE UINT64_C(250000000)
#define ASKING_PAUSE SECOND
#define SETTLING_TIME UINT64_C(3000000000) /* for a server that has still to notice who is gone, or to come back */

struct run {
    const struct options *options;
    const char *path; /* of the server that was looked for */
    char *absolute_path;
    struct suppressions suppressions;
    struct run_server server;
    struct run_account account;
    struct run_tree tree;
    struct run_holders holders;
    struct run_command command;
    uint64_t started;
};

/* The command may go to another directory. */
static int make_absolute(struct run *run)
{
    char directory[PATH_MAX];

    if (run->path[0] == '/')
        return 0;
    if (!getcwd(directory, sizeof(directory)) || asprintf(&run->absolute_path, "%s/%s", directory, run->path) < 0) {
        run->absolute_path = NULL;
        return -ENOMEM;
    }
    run->path = run->absolute_path;
    return 0;
}

static uint64_t draw_job(void)
{
    uint64_t job = 0;

    if (getrandom(&job, sizeof(job), 0) != sizeof(job) || job == 0)
        job = clock_read(CLOCK_MONOTONIC) << 16 ^ (uint64_t)getpid();
    return job;
}

/* Only what is plainly not there is replaced without a word. */
static void say_why_private(const struct run *run, int error)
{
    if (error != -ENOENT && error != -ECONNREFUSED)
        fprintf(stderr, "tt-smi: no answer from an allocation server at %s: %s; this run has one of its own\n",
                run->path, problem_reason(error));
}

static void start_private_server(struct run *run, int error)
{
    int r = run_server_start(&run->server);

    if (r == 0)
        r = tt_alloc_connect(run->server.path, &run->account.connection);
    if (r == 0) {
        say_why_private(run, error);
        run->account.path = run->server.path;
        run->account.is_private = true;
        return;
    }
    fprintf(stderr, "tt-smi: no server at %s, and none can be started: ", run->path);
    run_server_explain(&run->server, r);
    run_server_stop(&run->server);
    run->account.error = error;
}

static void find_server(struct run *run)
{
    int error = tt_alloc_connect(run->path, &run->account.connection);

    run->account.path = run->path;
    run->account.tree = &run->tree;
    run->account.job = draw_job();
    if (error < 0)
        start_private_server(run, error);
    run_account_begin(&run->account);
}

static int prepare(struct run *run)
{
    const struct run_options *options = &run->options->run;
    int r = options->junit ? run_report_try_junit(options->junit) : 0;

    if (r < 0)
        return refuse("cannot write '%s': %s", options->junit, strerror(-r));
    if (options->suppressions)
        r = suppressions_read(options->suppressions, &run->suppressions);
    if (r == 0)
        r = make_absolute(run);
    if (r < 0)
        return r;
    r = run_holders_begin(run->options->root, &run->holders);
    if (r < 0)
        return refuse("cannot read the host's files below %s: %s", run->options->root ? run->options->root : "/",
                      strerror(-r));
    return 0;
}

static int set_environment(const struct run *run)
{
    char job[17];

    snprintf(job, sizeof(job), "%016" PRIx64, run->account.job);
    if (setenv("TT_ALLOC_TRACKING_ENABLED", "1", 1) < 0 || setenv("TT_ALLOC_JOB", job, 1) < 0 ||
        setenv("TT_ALLOC_SOCKET", run->account.path, 1) < 0)
        return -ENOMEM;
    return 0;
}

/* Before a child is reaped. */
static int note_end(void *userdata, pid_t pid)
{
    struct run *run = userdata;

    if (pid != run->server.keeper)
        return run_tree_note(&run->tree, pid);
    run_server_reap(&run->server);
    return 1;
}

static int look(struct run *run)
{
    int r = run_command_reap(&run->command, note_end, run);

    if (r == 0)
        r = run_tree_look(&run->tree, run->server.keeper);
    return r == 0 ? run_holders_look(&run->holders, &run->tree) : r;
}

/* When to look again, and when it is over. */
struct course {
    uint64_t deadline; /* for who outlives the command; 0: it has not ended */
    uint64_t asking;
    uint64_t pause;
    unsigned quiet; /* looks in a row that found nobody: one alone may have come while somebody changed his parent */
};

static bool is_over(const struct run *run, struct course *course)
{
    course->quiet = run->tree.living == 0 ? course->quiet + 1 : 0;
    if (!run->command.has_ended)
        return false;
    if (course->deadline == 0)
        course->deadline = clock_read(CLOCK_MONOTONIC) + run->options->run.grace;
    return course->quiet >= 2 || clock_read(CLOCK_MONOTONIC) >= course->deadline || run_command_is_interrupted();
}

static void pause_for_a_while(const struct run *run, struct course *course)
{
    if (run->tree.has_news || course->quiet > 0)
        course->pause = FIRST_PAUSE;
    run_command_wait(course->pause);
    course->pause = 2 * course->pause < LAST_PAUSE ? 2 * course->pause : LAST_PAUSE;
}

static int follow(struct run *run)
{
    struct course course = {.asking = clock_read(CLOCK_MONOTONIC) + ASKING_PAUSE, .pause = FIRST_PAUSE};
    int r;

    while ((r = look(run)) == 0 && !is_over(run, &course)) {
        if (clock_read(CLOCK_MONOTONIC) >= course.asking) {
            r = run_account_collect(&run->account);
            course.asking = clock_read(CLOCK_MONOTONIC) + ASKING_PAUSE;
        }
        if (r < 0)
            break;
        pause_for_a_while(run, &course);
    }
    if (r == 0)
        r = run_account_finish(&run->account, run->account.was_answered ? SETTLING_TIME : 0);
    return r;
}

static int write_junit(const struct run *run, const struct run_facts *facts, const struct run_verdict *verdict)
{
    const char *path = run->options->run.junit;
    int r = path ? run_report_junit(path, facts, verdict, clock_read(CLOCK_MONOTONIC) - run->started) : 0;

    if (r == -ENXIO)
        return refuse("cannot write %s: nobody reads it; start its reader before the command ends", path);
    return r == 0 ? 0 : refuse("cannot write %s: %s", path, strerror(-r));
}

/* The command's failure stands, also where ours comes on top. */
static int tell(const struct run *run, const struct run_facts *facts, const struct run_verdict *verdict)
{
    bool utf8 = terminal_style(run->options).utf8;
    int r = run_report(facts, verdict, utf8);

    if (r == 0 && run->options->run.annotates)
        r = run_report_github(facts, verdict);
    if (write_junit(run, facts, verdict) < 0 || r < 0)
        return verdict->code != 0 ? verdict->code : EXIT_USAGE;
    return verdict->code;
}

static int conclude(const struct run *run)
{
    struct run_facts facts = {
        .options = &run->options->run,
        .strict = run->options->strict,
        .suppressions = &run->suppressions,
        .account = &run->account,
        .tree = &run->tree,
        .holders = &run->holders,
        .command = &run->command,
    };
    struct run_verdict verdict;
    int code;

    if (run_judge(&facts, &verdict) < 0)
        return EXIT_USAGE;
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
    code = tell(run, &facts, &verdict);
    run_verdict_clear(&verdict);
    return code;
}

/* As env(1) does it. */
static int refuse_command(const struct run *run, int error)
{
    refuse("cannot run %s: %s", run->options->run.command[0], strerror(-error));
    return error == -ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}

static int execute(struct run *run)
{
    int r = set_environment(run);

    if (r < 0)
        return EXIT_USAGE;
    run->started = clock_read(CLOCK_MONOTONIC);
    r = run_command_start(run->options->run.command, &run->command);
    if (r < 0)
        return refuse_command(run, r);
    r = follow(run);
    if (r == 0)
        return conclude(run);
    fprintf(stderr, "tt-smi: cannot follow the command: %s\n", strerror(-r));
    return run->command.has_ended && run_command_code(&run->command) != 0 ? run_command_code(&run->command)
                                                                          : EXIT_USAGE;
}

int run_gate(const struct options *options)
{
    struct run run = {.options = options, .path = snapshot_path(options->socket, NULL)};
    int code = EXIT_USAGE;

    run_tree_init(&run.tree);
    if (prepare(&run) == 0) {
        find_server(&run);
        code = execute(&run);
    }
    run_account_clear(&run.account);
    run_server_stop(&run.server);
    run_holders_clear(&run.holders);
    run_tree_clear(&run.tree);
    suppressions_clear(&run.suppressions);
    free(run.absolute_path);
    return code;
}
