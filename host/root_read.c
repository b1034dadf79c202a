/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files and directories of a host's tree, whole or by the line. Files of sysfs and /proc do not know their size, so
 * they are read until they end; and whoever made the tree may have put anything into them, so there is always a limit.
 */

#include "host/root.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FIRST_BYTES 4096 /* what a file of sysfs has at most */
#define LINE_BYTES 512
#define SPACE " \t\r\v\f"

/* At most size bytes. Their number, or a negative errno. */
static ssize_t read_some(int fd, char *bytes, size_t size)
{
    ssize_t length = read(fd, bytes, size);

    if (length < 0)
        return errno == EISDIR ? -EINVAL : -errno;
    return length;
}

/* Makes room for more, up to most. */
static int grow(char **text, size_t *room, size_t most)
{
    size_t more = *room > most / 2 ? most : *room * 2;
    char *larger;

    if (*room == 0)
        more = most < FIRST_BYTES ? most : FIRST_BYTES;
    larger = realloc(*text, more + 1);
    if (!larger)
        return -ENOMEM;
    *text = larger;
    *room = more;
    return 0;
}

int host_root_whole_of(int fd, size_t most, char **ret, size_t *ret_size)
{
    size_t length = 0, room = 0;
    char *text = NULL;
    ssize_t got;

    do {
        got = length == room ? grow(&text, &room, most) : 0;
        if (got == 0)
            got = read_some(fd, text + length, room - length);
        if (got < 0) {
            free(text);
            return (int)got;
        }
        length += (size_t)got;
    } while (got > 0 && length < most);

    text[length] = '\0';
    *ret = text;
    if (ret_size)
        *ret_size = length;
    return 0;
}

int host_root_read(const struct host_root *root, size_t most, char **ret, size_t *ret_size, const char *path, ...)
{
    va_list arguments;
    int error, fd;

    va_start(arguments, path);
    error = host_root_vopen_at(root, &fd, path, arguments);
    va_end(arguments);
    if (error < 0)
        return error;
    error = host_root_whole_of(fd, most, ret, ret_size);
    close(fd);
    return error;
}

/* Reads until there is a line, the end, or no room. */
static int read_line(int fd, char *line, size_t size)
{
    size_t length = 0;
    ssize_t got;

    do {
        got = read_some(fd, line + length, size - 1 - length);
        if (got < 0)
            return (int)got;
        length += (size_t)got;
        line[length] = '\0';
    } while (got > 0 && length < size - 1 && !strchr(line, '\n'));
    return 0;
}

/* Cuts a text down to its first line without the white space around it. */
static char *trim(char *text)
{
    char *end;

    text[strcspn(text, "\n")] = '\0';
    text += strspn(text, SPACE);
    for (end = text + strlen(text); end > text && strchr(SPACE, end[-1]); end--)
        ;
    *end = '\0';
    return text;
}

int host_root_line_of(int fd, char *ret, size_t size)
{
    char buffer[LINE_BYTES], *line;
    int error = read_line(fd, buffer, sizeof(buffer));

    if (error < 0)
        return error;
    line = trim(buffer);
    if (!line[0])
        return -ENODATA;
    snprintf(ret, size, "%s", line);
    return 0;
}

int host_root_read_line(const struct host_root *root, char *ret, size_t size, const char *path, ...)
{
    va_list arguments;
    int error, fd;

    va_start(arguments, path);
    error = host_root_vopen_at(root, &fd, path, arguments);
    va_end(arguments);
    if (error < 0)
        return error;
    error = host_root_line_of(fd, ret, size);
    close(fd);
    return error;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(char ***names, size_t count, size_t *room, const char *name)
{
    if (count + 1 >= *room) {
        size_t more = *room ? *room * 2 : 16;
        char **larger = reallocarray(*names, more, sizeof(larger[0]));

        if (!larger)
            return -ENOMEM;
        *names = larger;
        *room = more;
    }
    (*names)[count] = strdup(name);
    (*names)[count + 1] = NULL;
    return (*names)[count] ? 0 : -ENOMEM;
}

static int list_names(DIR *directory, char ***ret)
{
    char **names = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;
    int error = 0;

    for (errno = 0; error == 0 && (entry = readdir(directory)); errno = 0)
        if (entry->d_name[0] != '.')
            error = add_name(&names, count++, &room, entry->d_name);
    if (error == 0)
        error = -errno;
    if (error == 0 && !names)
        error = (names = calloc(1, sizeof(names[0]))) ? 0 : -ENOMEM;
    if (error < 0) {
        host_root_free_names(names);
        return error;
    }
    qsort(names, count, sizeof(names[0]), compare_names);
    *ret = names;
    return 0;
}

int host_root_list(const struct host_root *root, char ***ret, const char *path, ...)
{
    va_list arguments;
    DIR *directory;
    int error, fd;

    va_start(arguments, path);
    error = host_root_vopen_at(root, &fd, path, arguments);
    va_end(arguments);
    if (error < 0)
        return error;
    directory = fdopendir(fd);
    if (!directory) {
        error = -errno;
        close(fd);
        return error;
    }
    error = list_names(directory, ret);
    closedir(directory);
    return error;
}

char **host_root_free_names(char **names)
{
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
    return NULL;
}
