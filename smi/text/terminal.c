/* SPDX-License-Identifier: Apache-2.0 */

/*
 * All questions about stdout and the environment are asked here, so that the views need neither.
 */

#include "smi/text/terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MAX 10000

bool terminal_is_stdout(void)
{
    return isatty(STDOUT_FILENO);
}

size_t terminal_lines(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

static size_t find_width(void)
{
    const char *columns = getenv("COLUMNS");
    long wanted = columns ? strtol(columns, NULL, 10) : 0;
    struct winsize size;

    if (wanted > 0 && wanted <= WIDTH_MAX)
        return (size_t)wanted;
    if (!terminal_is_stdout())
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
}

static bool wants_color(enum when when)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if (when != WHEN_AUTO)
        return when == WHEN_ALWAYS;
    return terminal_is_stdout() && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

struct style terminal_style(const struct options *options)
{
    return (struct style){
        .width = find_width(),
        .utf8 = !options->ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .color = wants_color(options->color),
    };
}
