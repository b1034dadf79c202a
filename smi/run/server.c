/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The socket is made here and passed on as systemd would (LISTEN_FDS), so that there is no moment at which a client
 * finds nobody there.
 */

#include "smi/run/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smi/run/keeper.h"
#include "smi/sample/problem.h"

#define BACKLOG 512
#define WORDS_MAX 200
#define DIRECTORY_NAME "/tt-smi-run-XXXXXX" /* mkdtemp() puts letters where the X are */
#define BY_HAND "  to see why, start one by hand: tt-allocation-server --socket PATH\n"

/* Where the directory is made. */
static const char *base_directory(void)
{
    const char *base = secure_getenv("TMPDIR");
    size_t room = sizeof(((struct run_server *)NULL)->directory) - sizeof(DIRECTORY_NAME);

    return base && base[0] == '/' && strlen(base) <= room ? base : "/tmp";
}

static int make_directory(struct run_server *server)
{
    server->failed = RUN_SERVER_DIRECTORY;
    snprintf(server->directory, sizeof(server->directory), "%s" DIRECTORY_NAME, base_directory());
    if (!mkdtemp(server->directory))
        return -errno;
    snprintf(server->path, sizeof(server->path), "%s/server.sock", server->directory);
    return 0;
}

/* Whoever calls listen() is who the server is taken for: this user. */
static int make_socket(struct run_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : 0;

    server->failed = RUN_SERVER_SOCKET;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
    if (r == 0 && (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0))
        r = -errno;
    if (r < 0 && fd >= 0)
        close(fd);
    return r < 0 ? r : fd;
}

static int fork_keeper(struct run_server *server, int listener, const int *pipe)
{
    struct keeper keeper = {
        .listener = listener,
        .life = pipe[0],
        .log = server->log,
        .directory = server->directory,
        .path = server->path,
    };

    sigset_t all, former;
    int r;

    server->failed = RUN_SERVER_PROCESS;
    fflush(NULL); /* what is buffered must not be written twice */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &former); /* one that ends us must not end the keeper before it keeps */
    server->keeper = fork();
    if (server->keeper == 0)
        keeper_run(&keeper);
    r = server->keeper < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &former, NULL);
    return r;
}

static int start_keeper(struct run_server *server)
{
    int pipe[2] = {-1, -1}, listener = make_socket(server);
    int r = listener < 0 ? listener : 0;

    if (r == 0 && pipe2(pipe, O_CLOEXEC) < 0) {
        server->failed = RUN_SERVER_PIPE;
        r = -errno;
    }
    if (r == 0)
        r = fork_keeper(server, listener, pipe);
    if (listener >= 0)
        close(listener);
    if (pipe[0] >= 0)
        close(pipe[0]);
    server->life = pipe[1];
    return r;
}

int run_server_start(struct run_server *ret)
{
    struct run_server server = {
        .failed = RUN_SERVER_LOG,
        .life = -1,
        .log = memfd_create("tt-smi-run", MFD_CLOEXEC),
    };
    int r = server.log < 0 ? -errno : make_directory(&server);

    if (r == 0) {
        r = start_keeper(&server);
        if (r < 0) {
            unlink(server.path);
            rmdir(server.directory);
        }
    }
    if (r < 0) {
        ret->failed = server.failed;
        server.keeper = 0;
        run_server_stop(&server);
        return r;
    }
    server.failed = RUN_SERVER_NOTHING;
    *ret = server;
    return 0;
}

/* The last line that it said, why it did not start as a rule; "" if there is none. Lives until the next call. */
static const char *last_words(const struct run_server *server)
{
    static char text[WORDS_MAX];
    off_t end = lseek(server->log, 0, SEEK_END);
    off_t begin = end > WORDS_MAX - 1 ? end - (WORDS_MAX - 1) : 0;
    ssize_t length = pread(server->log, text, WORDS_MAX - 1, begin);
    char *line;

    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length > 0 ? length : 0] = '\0';
    line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static const char *const steps[] = {
    [RUN_SERVER_LOG] = "make a file in memory", [RUN_SERVER_DIRECTORY] = "make a directory",
    [RUN_SERVER_SOCKET] = "make a socket",      [RUN_SERVER_PIPE] = "make a pipe",
    [RUN_SERVER_PROCESS] = "start a process",   [RUN_SERVER_FILES] = "make files",
};

/* Else there is too little of something, wherever it is made. */
static bool is_about_the_place(enum run_server_step failed, int error)
{
    bool has_place = failed == RUN_SERVER_DIRECTORY || failed == RUN_SERVER_SOCKET || failed == RUN_SERVER_FILES;

    return has_place && error != -EMFILE && error != -ENFILE && error != -ENOMEM;
}

static void explain_step(enum run_server_step failed, int error)
{
    if (is_about_the_place(failed, error))
        fprintf(stderr, "cannot %s in %s: %s\n  name another place for it: TMPDIR=DIR\n", steps[failed],
                base_directory(), strerror(-error));
    else
        fprintf(stderr, "cannot %s: %s\n" BY_HAND, steps[failed], strerror(-error));
}

void run_server_explain(const struct run_server *server, int error)
{
    const char *words = server->failed ? "" : last_words(server);

    if (server->failed)
        explain_step(server->failed, error);
    else if (keeper_found_no_program(words))
        fprintf(stderr, "%s\n  install tt-allocation-server beside tt-smi or into a directory of PATH\n", words);
    else
        fprintf(stderr, "%s\n" BY_HAND, *words ? words : problem_reason(error));
}

void run_server_reap(struct run_server *server)
{
    if (server->keeper > 0)
        waitpid(server->keeper, NULL, 0);
    server->keeper = 0;
}

void run_server_stop(struct run_server *server)
{
    if (server->path[0] == '\0' && server->log <= 0)
        return;
    if (server->life >= 0)
        close(server->life);
    run_server_reap(server);
    if (server->log >= 0)
        close(server->log);
    *server = (struct run_server){.life = -1, .log = -1};
}
