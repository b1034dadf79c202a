/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One line for each option, which tells the verbs that it goes with; the rest is zsh's own _arguments. Works as a file
 * in $fpath, and when it is sourced.
 */

#include "smi/cli/completion.h"

static const char head[] = "#compdef tt-smi\n"
                           "# zsh completion for tt-smi, made by: tt-smi --completion=zsh\n"
                           "\n"
                           "_tt_smi_devices() {\n"
                           "    _sequence compadd - /dev/tenstorrent/<->(N:t)\n"
                           "}\n"
                           "\n"
                           "_tt_smi_verbs() {\n"
                           "    local -a verbs=(\n";

static const char middle[] = "    )\n"
                             "    _describe verb verbs\n"
                             "}\n"
                             "\n"
                             "_tt_smi() {\n"
                             "    local verb=none word\n"
                             "    local -a options\n"
                             "    for word in $words[2,CURRENT-1]; do\n"
                             "        [[ $word == (";

static const char tail[] = "    _arguments -s $options '::verb:_tt_smi_verbs'\n"
                           "}\n"
                           "\n"
                           "if [[ $funcstack[1] == _tt-smi ]]; then\n"
                           "    _tt_smi \"$@\"\n"
                           "else\n"
                           "    compdef _tt_smi tt-smi\n"
                           "fi\n";

static void put_action(FILE *out, const struct option_entry *entry)
{
    static const char *const actions[] = {
        [COMPLETE_NOTHING] = " ",   [COMPLETE_DEVICES] = "_tt_smi_devices",
        [COMPLETE_PID] = "_pids",   [COMPLETE_USER] = "_users",
        [COMPLETE_FILE] = "_files", [COMPLETE_DIRECTORY] = "_files -/",
    };

    if (entry->argument == no_argument)
        return;
    fprintf(out, "%s%s:", entry->argument == optional_argument ? "::" : ":", entry->value);
    if (entry->completion == COMPLETE_WORDS)
        fprintf(out, "(%s)", entry->words);
    else
        fputs(actions[entry->completion], out);
}

/* '(-d --device)'{-d+,--device=}'[help]:value:action' */
static void put_option(FILE *out, const struct option_entry *entry)
{
    bool needs = entry->argument == required_argument;
    char letter = option_letter(entry);

    fputs("    [[ $verb == (", out);
    completion_put_verbs(out, entry->verbs, "|");
    fputs(") ]] && options+=(", out);
    if (letter && entry->name)
        fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}", letter, entry->name, letter, needs ? "+" : "", entry->name,
                needs ? "=" : "");
    else if (letter)
        fprintf(out, "-%c%s", letter, needs ? "+" : "");
    else
        fprintf(out, "--%s%s", entry->name, needs ? "=" : "");
    fprintf(out, "'[%s]", entry->help);
    put_action(out, entry);
    fputs("')\n", out);
}

void completion_print_zsh(FILE *out)
{
    fputs(head, out);
    for (int view = VIEW_TABLE + 1; view < VIEWS; view++)
        fprintf(out, "        '%s:%s'\n", verb_table[view].name, verb_table[view].help);
    fputs(middle, out);
    completion_put_verbs(out, COMPLETION_VERBS, "|");
    fputs(") ]] && verb=$word\n    done\n", out);
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].help)
            put_option(out, &option_table[i]);
    }
    fputs(tail, out);
}
