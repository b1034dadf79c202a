/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Both helps begin with examples, because most readers want one of them and not a list. What is listed comes from the
 * tables of options, verbs and exit codes; only what a reader of the screens has to know is written here.
 */

#include "smi/cli/help.h"
#include "smi/cli/option_table.h"

#include <string.h>

#define WIDTH 80
#define ENTRY_COLUMN 32 /* where explanations begin */
#define VERB_COLUMN 15
#define CODE_COLUMN 7

const char version_text[] = "tt-smi " TT_ALLOC_VERSION " (tt-alloc)\n";

struct example {
    enum view verb;
    const char *command, *what;
};

static const struct example examples[] = {
    {VIEW_TABLE, "tt-smi", "who holds how much memory of which device"},
    {VIEW_TABLE, "tt-smi -w", "the same as a live view"},
    {VIEW_TABLE, "tt-smi -u -d 0,2", "only what is yours on devices 0 and 2"},
    {VIEW_LEAKS, "tt-smi leaks", "what ended processes left behind"},
    {VIEW_EXITED, "tt-smi exited -u", "your processes that ended, and their peaks"},
    {VIEW_TOP, "tt-smi top -d 0 --region dram", "what fills the DRAM of device 0"},
    {VIEW_DOCTOR, "tt-smi doctor", "what is wrong, and what to do about it"},
    {VIEW_TABLE, "tt-smi --json | jq .processes", "data for programs"},
    {VIEW_RUN, "tt-smi run -- pytest tests", "fail where tests leave buffers behind"},
    {VIEW_RESET_PEAKS, "tt-smi reset-peaks -p 4711", "measure the peak of what comes now"},
    {VIEW_FORGET, "tt-smi forget 4711", "this leak is known, and done with"},
};

#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static const char introduction[] = "Who holds how much memory of which Tenstorrent device, as told by "
                                   "tt-allocation-server. Never touches a device.";
static const char legend[] = "  -  never used   ?  not known   *  nominal   ~  inexact, reports were lost\n";
static const char reading[] = "Reading the tables:\n"
                              "  Sizes are powers of 1024.  Ages: 42s 5m03s 1h12m 3d04h 123d.\n"
                              "  PEAK  the most the dram pool (DRAM and TRACE) held, or the region of --region;\n"
                              "        of a process on several devices the sum of its peaks there\n"
                              "  Totals of DRAM and L1 are without what is set aside for TRACE and L1_SMALL.\n";

/* Where the cursor is in a paragraph whose lines begin at a column. */
struct paragraph {
    FILE *out;
    size_t column, at;
};

static void put_item(struct paragraph *paragraph, const char *item, size_t length)
{
    if (paragraph->at > paragraph->column && paragraph->at + 1 + length > WIDTH) {
        fprintf(paragraph->out, "\n%*s", (int)paragraph->column, "");
        paragraph->at = paragraph->column;
    }
    if (paragraph->at > paragraph->column)
        paragraph->at += (size_t)fprintf(paragraph->out, " ");
    paragraph->at += (size_t)fprintf(paragraph->out, "%.*s", (int)length, item);
}

/* The cursor stands at the column. */
static void put_text(FILE *out, size_t column, const char *text)
{
    struct paragraph paragraph = {out, column, column};

    while (*text) {
        size_t length = strcspn(text, " ");

        put_item(&paragraph, text, length);
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

/* A term, and its explanation in a column of its own; on a line of its own where the term is too long. */
static void put_entry(FILE *out, const char *term, size_t column, const char *text)
{
    int length = fprintf(out, "  %s", term);

    if ((size_t)length + 2 > column) {
        fputc('\n', out);
        length = 0;
    }
    fprintf(out, "%*s", (int)column - length, "");
    put_text(out, column, text);
}

/* Those that show nothing. */
static bool is_act(enum view verb)
{
    return verb == VIEW_RESET_PEAKS || verb == VIEW_FORGET;
}

/* One screen has no room for all. */
static void put_examples(FILE *out, enum view verb)
{
    for (size_t i = 0; i < EXAMPLES; i++) {
        if (examples[i].verb == verb || (verb == VIEW_TABLE && !is_act(examples[i].verb)))
            put_entry(out, examples[i].command, ENTRY_COLUMN + 2, examples[i].what);
    }
}

static void put_verbs(FILE *out)
{
    for (int view = VIEW_TABLE; view < VIEWS; view++)
        put_entry(out, verb_table[view].name ? verb_table[view].name : "(none)", VERB_COLUMN, verb_table[view].help);
}

static void put_group(FILE *out, enum option_group group, enum view verb)
{
    bool begun = false;

    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];

        if (entry->group != group || !entry->help || (verb != VIEW_TABLE && !(entry->verbs & 1u << verb)))
            continue;
        if (!begun)
            fprintf(out, "\n%s:\n", option_group_titles[group]);
        begun = true;
        put_entry(out, option_usage(entry).text, ENTRY_COLUMN, entry->help);
    }
}

static void put_exit_codes(FILE *out, enum view verb)
{
    for (size_t i = 0; i < exit_count; i++) {
        char code[12];

        if (verb != VIEW_TABLE && !(exit_table[i].verbs & 1u << verb))
            continue;
        snprintf(code, sizeof(code), "%d", exit_table[i].code);
        put_entry(out, code, CODE_COLUMN, exit_table[i].meaning);
    }
}

static const char *words_of(enum view verb)
{
    if (verb == VIEW_FORGET)
        return " PID[:SERIAL]...";
    return verb == VIEW_RUN ? " -- CMD [ARGUMENT...]" : "";
}

void help_print(FILE *out, enum view verb)
{
    const char *name = verb_table[verb].name;

    fprintf(out, "usage: tt-smi %s [OPTION...]%s\n\n", name ? name : "[VERB]", words_of(verb));
    if (is_act(verb))
        fprintf(out, "tt-smi %s %s.\n", name, verb_table[verb].help);
    else if (name)
        fprintf(out, "Shows %s.\n", verb_table[verb].help);
    else
        put_text(out, 0, introduction);
    fputs("\nExamples:\n", out);
    put_examples(out, verb);
    if (!name) {
        fputs("\nVerbs:\n", out);
        put_verbs(out);
    }
    for (int group = 0; group < OPTION_GROUPS; group++)
        put_group(out, (enum option_group)group, verb);
    if (verb != VIEW_DOCTOR && verb != VIEW_RUN && !is_act(verb))
        fprintf(out, "\n%s%s", reading, legend);
    fputs("\nExit status:\n", out);
    put_exit_codes(out, verb);
}

/* What they are called is often all that was forgotten. */
static void put_option_names(FILE *out)
{
    struct paragraph paragraph = {out, 2, (size_t)fprintf(out, "Options (more: tt-smi --help):")};

    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];
        char name[64];

        if (!entry->help)
            continue;
        if (option_letter(entry))
            snprintf(name, sizeof(name), "-%c %s", option_letter(entry), entry->value ? entry->value : "");
        else
            snprintf(name, sizeof(name), "--%s %s", entry->name, entry->value ? entry->value : "");
        put_item(&paragraph, name, strlen(name) - !entry->value);
    }
    fputc('\n', out);
}

/* Verbs with codes of their own explain them in their own help. */
static const struct exit_entry *next_common_exit(const struct exit_entry *entry)
{
    while (entry < exit_table + exit_count && (entry->verbs == 1u << VIEW_DOCTOR || entry->verbs == 1u << VIEW_RUN))
        entry++;
    return entry;
}

static void put_exit_names(FILE *out)
{
    const struct exit_entry *end = exit_table + exit_count, *next;
    struct paragraph paragraph = {out, 6, 6};

    fputs("Exit: ", out);
    for (const struct exit_entry *entry = next_common_exit(exit_table); entry < end; entry = next) {
        char item[80];

        next = next_common_exit(entry + 1);
        snprintf(item, sizeof(item), "%d %s%s", entry->code, entry->meaning, next < end ? ";" : "");
        put_item(&paragraph, item, strlen(item));
    }
    fputc('\n', out);
}

void help_print_short(FILE *out)
{
    fputs("usage: tt-smi [VERB] [OPTION...]\n\n", out);
    put_examples(out, VIEW_TABLE);
    fputs("Verbs (--help VERB tells more):", out);
    for (int view = VIEW_TABLE + 1; view < VIEWS; view++)
        fprintf(out, " %s", verb_table[view].name);
    fputc('\n', out);
    put_option_names(out);
    fputs(legend, out);
    put_exit_names(out);
}
