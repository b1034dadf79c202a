/* SPDX-License-Identifier: Apache-2.0 */

/*
 * JUnit XML as CI systems read it: a suite with a case for leaks, one for each limit, and one for coverage. What could
 * not be told is a skipped case, or, where that is to fail the run, a failed one. The file is written beside its place
 * and then renamed, so that nobody ever reads half of it.
 */

#include "smi/run/report.h"
#include "smi/run/words.h"
#include "smi/sample/model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a case comes to: nothing, or a reason to have failed or to be skipped. */
struct outcome {
    const char *element; /* "failure" or "skipped"; NULL: it passed */
    const char *message;
    const char *details; /* lines; NULL: none */
};

/* Control characters are escaped already, and would not be allowed in XML in any form. */
static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_case(FILE *out, const char *name, const struct outcome *outcome)
{
    fprintf(out, "    <testcase classname=\"tt-smi.run\" name=\"%s\" time=\"0\"", name);
    if (!outcome->element) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s message=\"", outcome->element);
    put_text(out, outcome->message);
    fputs("\">", out);
    if (outcome->details)
        put_text(out, outcome->details);
    fprintf(out, "</%s>\n    </testcase>\n", outcome->element);
}

/* One leak per line; free() it. */
static char *list_leaks(const struct run_verdict *verdict)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool is_good = out != NULL;

    for (size_t i = 0; is_good && i < verdict->leak_count; i++) {
        char *words = run_words_leak(&verdict->leaks[i], true);

        is_good = words && fprintf(out, "%s\n", words) >= 0;
        free(words);
    }
    if (!out || fclose(out) != 0 || !is_good) {
        free(text);
        return NULL;
    }
    return text;
}

static int put_leaks(FILE *out, const struct run_facts *facts, const struct run_verdict *verdict)
{
    struct outcome outcome = {0};
    char message[64], *details = list_leaks(verdict);

    if (!details)
        return -ENOMEM;
    snprintf(message, sizeof(message), "%" PRIu64 " buffers left behind", verdict->leaked_buffers);
    if (facts->options->leaks == RUN_LEAKS_NONE)
        outcome = (struct outcome){"skipped", "not asked for", NULL};
    else if (verdict->leak_count > 0)
        outcome = (struct outcome){verdict->has_leaks ? "failure" : "skipped", message, details};
    put_case(out, "leaks", &outcome);
    free(details);
    return 0;
}

static int put_limit(FILE *out, const struct run_facts *facts, const struct run_verdict *verdict, unsigned pool)
{
    struct outcome outcome = {0};
    char name[32], *words = run_words_limit(verdict, facts->options, pool);

    if (!words)
        return -ENOMEM;
    if (verdict->limits[pool] == RUN_LIMIT_PASSED)
        outcome = (struct outcome){"failure", words, NULL};
    else if (verdict->limits[pool] == RUN_LIMIT_UNCERTAIN)
        outcome = (struct outcome){facts->strict ? "failure" : "skipped", words, NULL};
    snprintf(name, sizeof(name), "max-peak.%s", pool_names[pool]);
    put_case(out, name, &outcome);
    free(words);
    return 0;
}

static int put_coverage(FILE *out, const struct run_facts *facts, const struct run_verdict *verdict)
{
    struct outcome outcome = {0};
    char *gaps = run_words_gaps(facts, verdict, true);

    if (!gaps)
        return -ENOMEM;
    if (!verdict->is_complete)
        outcome = (struct outcome){facts->strict ? "failure" : "skipped", gaps, NULL};
    put_case(out, "coverage", &outcome);
    free(gaps);
    return 0;
}

struct counts {
    unsigned tests, failures, skipped;
};

static void count(struct counts *counts, bool has_failed, bool is_skipped)
{
    counts->tests++;
    counts->failures += has_failed;
    counts->skipped += is_skipped && !has_failed;
}

static struct counts count_cases(const struct run_facts *facts, const struct run_verdict *verdict)
{
    struct counts counts = {0};

    count(&counts, verdict->has_leaks, verdict->leak_count > 0 || facts->options->leaks == RUN_LEAKS_NONE);
    for (unsigned pool = 0; pool < TT_ALLOC_POOLS; pool++) {
        enum run_limit_state state = verdict->limits[pool];

        if (state != RUN_LIMIT_NONE)
            count(&counts, state == RUN_LIMIT_PASSED || (state == RUN_LIMIT_UNCERTAIN && facts->strict),
                  state == RUN_LIMIT_UNCERTAIN);
    }
    count(&counts, facts->strict && !verdict->is_complete, !verdict->is_complete);
    return counts;
}

static int put_document(FILE *out, const struct run_facts *facts, const struct run_verdict *verdict, uint64_t duration)
{
    struct counts counts = count_cases(facts, verdict);
    int r;

    fprintf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        "  <testsuite name=\"tt-smi run\" tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.3f\">\n",
        counts.tests, counts.failures, counts.skipped, (double)duration / 1e9);
    r = put_leaks(out, facts, verdict);
    for (unsigned pool = 0; r == 0 && pool < TT_ALLOC_POOLS; pool++) {
        if (verdict->limits[pool] != RUN_LIMIT_NONE)
            r = put_limit(out, facts, verdict, pool);
    }
    if (r == 0)
        r = put_coverage(out, facts, verdict);
    fputs("  </testsuite>\n</testsuites>\n", out);
    return r;
}

static int open_beside(const char *path, char **ret_name, FILE **ret)
{
    mode_t mask = umask(0);
    int fd, length = asprintf(ret_name, "%s.XXXXXX", path);

    umask(mask);
    if (length < 0) {
        *ret_name = NULL;
        return -ENOMEM;
    }
    fd = mkostemp(*ret_name, 0);
    if (fd < 0)
        return -errno;
    fchmod(fd, 0666 & ~mask);
    *ret = fdopen(fd, "w");
    if (!*ret) {
        int error = -errno;

        close(fd);
        unlink(*ret_name);
        return error;
    }
    return 0;
}

/* A device, a pipe or a link: what stands there is not ours to replace. */
static bool is_special(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* A pipe that nobody reads must not hold us up: the command is over, and its exit code is waited for. */
static int open_special(const char *path, FILE **ret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    int r = fd < 0 || fcntl(fd, F_SETFL, O_WRONLY) < 0 ? -errno : 0;

    *ret = r == 0 ? fdopen(fd, "w") : NULL;
    if (r == 0 && !*ret)
        r = -errno;
    if (r < 0 && fd >= 0)
        close(fd);
    return r;
}

/* A link to what is not there yet: the file is made there, and taken away again. */
static int try_target(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    char *target = fd >= 0 ? realpath(path, NULL) : NULL;

    if (fd < 0)
        return -errno;
    close(fd);
    if (target)
        unlink(target);
    free(target);
    return 0;
}

static int try_special(const char *path)
{
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return try_target(path);
    return access(path, W_OK) < 0 ? -errno : 0;
}

int run_report_try_junit(const char *path)
{
    FILE *out = NULL;
    char *name = NULL;
    struct stat status;
    int r = path[0] == '\0' ? -ENOENT : 0;

    if (r == 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return -EISDIR;
    if (r == 0 && is_special(path))
        return try_special(path);
    if (r == 0)
        r = open_beside(path, &name, &out);
    if (r == 0) {
        fclose(out);
        unlink(name);
    }
    free(name);
    return r;
}

/* 0 if all of it was written. */
static int finish(FILE *out)
{
    bool has_failed = ferror(out);

    return fclose(out) != 0 || has_failed ? -EIO : 0;
}

int run_report_junit(const char *path, const struct run_facts *facts, const struct run_verdict *verdict,
                     uint64_t duration)
{
    FILE *out = NULL;
    char *name = NULL;
    int finished, r = is_special(path) ? open_special(path, &out) : open_beside(path, &name, &out);

    if (r == 0)
        r = put_document(out, facts, verdict, duration);
    finished = out ? finish(out) : 0;
    if (r == 0)
        r = finished;
    if (r == 0 && name && rename(name, path) < 0)
        r = -errno;
    if (r < 0 && out && name)
        unlink(name);
    free(name);
    return r;
}
