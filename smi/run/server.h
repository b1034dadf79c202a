/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server for one run, where none is running: on a socket in a directory of its own that nobody else can enter.
 *
 * Whatever happens to us, nothing of it may stay behind. So a keeper stands between: a child that holds the reading end
 * of a pipe, ends the server when the pipe closes, which it does even if we are killed, and removes socket and
 * directory. Both are in a session of their own, so that the terminal's Ctrl-C does not end the server before the
 * command's last words.
 */

#include <limits.h>
#include <sys/types.h>

/* What could not be made. */
enum run_server_step {
    RUN_SERVER_NOTHING, /* it was started; whatever is wrong now is the server's to say */
    RUN_SERVER_LOG,
    RUN_SERVER_DIRECTORY,
    RUN_SERVER_SOCKET,
    RUN_SERVER_PIPE,
    RUN_SERVER_PROCESS,
    RUN_SERVER_FILES, /* of the demo, in its directory */
};

struct run_server {
    enum run_server_step failed;
    pid_t keeper; /* 0: none */
    int life;     /* the writing end */
    int log;      /* what the server says */
    char directory[64];
    char path[96]; /* of the socket */
};

/* The socket is there, and clients may connect, when this returns; whether a server answers is seen by asking. A
 * negative errno: ret then says only what failed. */
int run_server_start(struct run_server *ret);

/* Says on stderr why it did not start, behind what stands there already, and what to do about it. */
void run_server_explain(const struct run_server *server, int error);

/* Ends it and waits for that. Takes zeroed ones. */
void run_server_stop(struct run_server *server);

/* The keeper has ended before its time: the server is gone. */
void run_server_reap(struct run_server *server);
