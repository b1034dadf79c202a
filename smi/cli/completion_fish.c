/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One `complete` for each option and verb, under the condition that the verb on the line, if any, goes with it.
 */

#include "smi/cli/completion.h"

static const char devices[] = "\n"
                              "function __tt_smi_devices\n"
                              "    set -l names /dev/tenstorrent/*\n"
                              "    set -l begun (commandline -ct | string replace -r '^(--device=|-d)' '' | "
                              "string match -r '^.*,')\n"
                              "    string replace -rf '.*/(\\d+)$' \"$begun\\$1\" $names\n"
                              "end\n"
                              "\n"
                              "complete -c tt-smi -f\n";

static void put_condition(FILE *out)
{
    fputs("# fish completion for tt-smi, made by: tt-smi --completion=fish\n"
          "\n"
          "function __tt_smi_goes_with\n"
          "    set -l verb none\n"
          "    for word in (commandline -opc)[2..-1]\n"
          "        contains -- $word ",
          out);
    completion_put_verbs(out, COMPLETION_VERBS, " ");
    fputs("; and set verb $word\n"
          "    end\n"
          "    contains -- $verb $argv\n"
          "end\n",
          out);
}

static void put_value(FILE *out, const struct option_entry *entry)
{
    static const char *const values[] = {
        [COMPLETE_NOTHING] = "",
        [COMPLETE_DEVICES] = " -a '(__tt_smi_devices)'",
        [COMPLETE_PID] = " -a '(__fish_complete_pids)'",
        [COMPLETE_USER] = " -a '(__fish_complete_users)'",
        [COMPLETE_FILE] = " -F",
        [COMPLETE_DIRECTORY] = " -a '(__fish_complete_directories)'",
    };

    if (entry->argument == required_argument)
        fputs(entry->completion == COMPLETE_FILE ? " -r" : " -x", out);
    if (entry->completion == COMPLETE_WORDS)
        fprintf(out, " -a '%s'", entry->words);
    else
        fputs(values[entry->completion], out);
}

static void put_option(FILE *out, const struct option_entry *entry)
{
    fputs("complete -c tt-smi -n '__tt_smi_goes_with ", out);
    completion_put_verbs(out, entry->verbs, " ");
    fputs("'", out);
    if (option_letter(entry))
        fprintf(out, " -s %c", option_letter(entry));
    if (entry->name)
        fprintf(out, " -l %s", entry->name);
    put_value(out, entry);
    fprintf(out, " -d '%s'\n", entry->help);
}

void completion_print_fish(FILE *out)
{
    put_condition(out);
    fputs(devices, out);
    for (int view = VIEW_TABLE + 1; view < VIEWS; view++)
        fprintf(out, "complete -c tt-smi -n '__tt_smi_goes_with none' -a %s -d '%s'\n", verb_table[view].name,
                verb_table[view].help);
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].help)
            put_option(out, &option_table[i]);
    }
}
