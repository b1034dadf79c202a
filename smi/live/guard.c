/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A handler for crashes may only write and set modes: neither ncurses nor stdio can be trusted then. The sequence it
 * writes ends what terminals that follow xterm know of our modes: mouse, colours, a hidden cursor, the other screen.
 */

#include "smi/live/guard.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static const int yielding[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
static const int crashing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

#define STACK_SIZE 65536 /* of the handler: what has crashed may have used up its own */

#define YIELDING (sizeof(yielding) / sizeof(yielding[0]))
#define CRASHING (sizeof(crashing) / sizeof(crashing[0]))

static struct {
    int tty;
    struct termios modes;
    sigset_t mask;
    stack_t stack;
    struct sigaction actions[CRASHING];
} before;

/* Behind this the fault happens again, or abort() goes on, and meets who was there before. */
static void restore_and_crash(int number)
{
    static const char sequence[] = "\033[?1000l\033[?1002l\033[?1006l\033[m\033[?25h\033[?1l\033>\033[?1049l\r\n";

    tcsetattr(before.tty, TCSANOW, &before.modes);
    (void)!write(STDOUT_FILENO, sequence, sizeof(sequence) - 1); /* a terminal that is gone needs nothing */
    for (size_t i = 0; i < CRASHING; i++) {
        if (crashing[i] == number)
            sigaction(number, &before.actions[i], NULL);
    }
    raise(number); /* comes as soon as this returns, also where nothing faulted */
}

int guard_begin(int tty)
{
    static char stack[STACK_SIZE];
    struct sigaction action = {.sa_handler = restore_and_crash, .sa_flags = SA_ONSTACK};
    stack_t handlers = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigset_t mask;
    int fd;

    before.tty = tty;
    if (tcgetattr(tty, &before.modes) < 0)
        return -errno;
    sigemptyset(&mask);
    for (size_t i = 0; i < YIELDING; i++)
        sigaddset(&mask, yielding[i]);
    fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    sigprocmask(SIG_BLOCK, &mask, &before.mask);
    sigaltstack(&handlers, &before.stack);
    for (size_t i = 0; i < CRASHING; i++)
        sigaction(crashing[i], &action, &before.actions[i]);
    return fd;
}

void guard_end(int fd)
{
    for (size_t i = 0; i < CRASHING; i++)
        sigaction(crashing[i], &before.actions[i], NULL);
    sigaltstack(&before.stack, NULL);
    sigprocmask(SIG_SETMASK, &before.mask, NULL);
    close(fd);
}

int guard_read(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

void guard_yield(int number)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t only;

    sigemptyset(&only);
    sigaddset(&only, number);
    sigaction(number, &usual, NULL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    sigprocmask(SIG_BLOCK, &only, NULL);
}
