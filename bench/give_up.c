/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/give_up.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void give_up(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    fputs("tt-alloc-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", error ? strerror(error) : "unexpected");
    exit(EXIT_FAILURE);
}
