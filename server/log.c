/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one way out for words. Under systemd, stderr is the journal's own stream (JOURNAL_STREAM names it), and then
 * lines go there with their fields (journal.h). Anywhere else stderr may be a pipe that nobody reads, so it is asked
 * for room first: a daemon that hangs because its terminal was scrolled back is of no use. What cannot be written is
 * counted, and told before the next line that can.
 */

#include "server/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/journal.h"

#define LINE_MAX_BYTES 2048

static int max_level = LOG_INFO;
static bool to_journal;
static uint64_t lines_lost;
static uint64_t lines_lost_told;
static int loss;     /* why the last line was lost */
static bool is_torn; /* the last line on stderr has no end */

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_open(int level)
{
    max_level = level;
    to_journal = stderr_is_journal() && journal_open(JOURNAL_PATH) == 0;
}

int log_level_from_string(const char *text)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"error", LOG_ERR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(text, levels[i].name) == 0)
            return levels[i].level;
    return -EINVAL;
}

/* A full disk takes a part of a line; what follows begins a line of its own. */
static int write_stderr(const char *line, size_t length)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t written;

    if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
        return room.revents & POLLERR ? -EPIPE : -EAGAIN;
    if (is_torn && write(STDERR_FILENO, "\n", 1) != 1)
        return -errno;
    is_torn = false;
    written = write(STDERR_FILENO, line, length);
    if (written == (ssize_t)length)
        return 0;
    is_torn = written > 0;
    return written < 0 ? -errno : -ENOSPC;
}

static int emit(int level, const char *const *fields, size_t field_count, const char *text)
{
    char line[LINE_MAX_BYTES + 1];
    int length;

    if (to_journal && journal_send(level, text, fields, field_count) == 0)
        return 0;
    length = snprintf(line, sizeof(line), "%s\n", text);
    return write_stderr(line, (size_t)length);
}

static void tell_loss(void)
{
    uint64_t lost = lines_lost - lines_lost_told;
    const char *were = lost == 1 ? " was" : "s were", *them = lost == 1 ? "it" : "them";
    bool is_unread = loss == -EAGAIN || loss == -EPIPE;
    char text[128];

    if (lost == 0)
        return;
    if (is_unread)
        snprintf(text, sizeof(text), "%" PRIu64 " log line%s lost because nobody read %s", lost, were, them);
    else
        snprintf(text, sizeof(text), "%" PRIu64 " log line%s lost: %s", lost, were, strerror(-loss));
    if (emit(LOG_WARNING, NULL, 0, text) == 0)
        lines_lost_told = lines_lost;
}

void log_event(int level, const char *const *fields, size_t field_count, const char *format, ...)
{
    int saved = errno;
    char text[LINE_MAX_BYTES];
    va_list arguments;
    int error;

    if (level > max_level)
        return;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    tell_loss();
    error = emit(level, fields, field_count, text);
    if (error < 0) {
        lines_lost++;
        loss = error;
    }
    errno = saved;
}

uint64_t log_lines_lost(void)
{
    return lines_lost;
}

/* Length of the well-formed UTF-8 sequence of more than one byte at text, or 0. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;

    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    /* U+0080..U+009F are control characters too. */
    return text[0] == 0xc2 && text[1] < 0xa0 ? 0 : length;
}

const char *log_escape(const char *text, char *out, size_t size)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t used = 0;

    while (*from) {
        size_t length = *from >= 0x80 ? utf8_length(from) : (*from < 0x20 || *from == 0x7f || *from == '\\') ? 0 : 1;

        if (used + (length ? length : 4) >= size)
            break;
        if (length)
            memcpy(out + used, from, length);
        else
            snprintf(out + used, size - used, "\\x%02x", *from);
        used += length ? length : 4;
        from += length ? length : 1;
    }
    out[used] = '\0';
    return out;
}
