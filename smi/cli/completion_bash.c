/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For bash alone, without the package bash-completion: it may be missing, and its helpers have changed their names.
 * bash takes "--region=dr" for three words, hence the look one word further back.
 */

#include "smi/cli/completion.h"

static const char head[] =
    "# bash completion for tt-smi, made by: tt-smi --completion=bash\n"
    "\n"
    "# Names of the files of a pattern, for the last of several with commas between.\n"
    "_tt_smi_names() {\n"
    "    local files begun=${2%\"${2##*,}\"}\n"
    "    files=$(compgen -G \"$1\")\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$begun\" -W \"${files//\"${1%/*}/\"/}\" -- \"${2##*,}\")\n"
    "}\n"
    "\n"
    "_tt_smi() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=none words= item\n"
    "    COMPREPLY=()\n"
    "    [[ $word != = ]] || word=\n"
    "    [[ $before != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    [[ $word != -* ]] || before=\n"
    "    case $before in\n";

static const char tail[] = "        esac\n"
                           "        ;;\n"
                           "    esac\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                           "}\n"
                           "\n"
                           "complete -F _tt_smi tt-smi\n";

static const char *value_command(enum completion completion)
{
    static const char *const commands[] = {
        [COMPLETE_NOTHING] = "return",
        [COMPLETE_DEVICES] = "_tt_smi_names '/dev/tenstorrent/[0-9]*' \"$word\"; return",
        [COMPLETE_PID] = "_tt_smi_names '/proc/[0-9]*' \"$word\"; return",
        [COMPLETE_USER] = "words=$(compgen -u)",
        [COMPLETE_FILE] = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return",
        [COMPLETE_DIRECTORY] =
            "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); return",
    };

    return commands[completion];
}

static void put_values(FILE *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];

        if (!entry->help || entry->argument == no_argument)
            continue;
        if (option_letter(entry))
            fprintf(out, "    -%c%s", option_letter(entry), entry->name ? " | " : "");
        else
            fputs("    ", out);
        if (entry->name)
            fprintf(out, "--%s", entry->name);
        if (entry->completion == COMPLETE_WORDS)
            fprintf(out, ") words='%s' ;;\n", entry->words);
        else
            fprintf(out, ") %s ;;\n", value_command(entry->completion));
    }
}

static void put_words_of_verb(FILE *out, enum view verb)
{
    const char *before = "";

    fputs("        ", out);
    completion_put_verbs(out, 1u << verb, "");
    fputs(") words='", out);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_entry *entry = &option_table[i];

        if (entry->help && entry->verbs & 1u << verb) {
            fprintf(out, "%s%s", before, option_spell(entry).text);
            before = " ";
        }
    }
    fputs("' ;;\n", out);
}

void completion_print_bash(FILE *out)
{
    fputs(head, out);
    put_values(out);
    fputs("    *)\n        for item in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n            case $item in ", out);
    completion_put_verbs(out, COMPLETION_VERBS, " | ");
    fputs(") verb=$item ;; esac\n        done\n        [[ $verb$word != none[!-]* && $verb$word != none ]] || verb=\n  "
          "      case $verb in\n        '') words='",
          out);
    completion_put_verbs(out, COMPLETION_VERBS, " ");
    fputs("' ;;\n", out);
    for (int view = VIEW_TABLE; view < VIEWS; view++)
        put_words_of_verb(out, (enum view)view);
    fputs(tail, out);
}
