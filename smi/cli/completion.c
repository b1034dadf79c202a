/* SPDX-License-Identifier: Apache-2.0 */

/* What the scripts of all shells have in common. */

#include "smi/cli/completion.h"

void completion_print(FILE *out, enum shell shell)
{
    switch (shell) {
    case SHELL_BASH:
        completion_print_bash(out);
        return;
    case SHELL_ZSH:
        completion_print_zsh(out);
        return;
    case SHELL_FISH:
        completion_print_fish(out);
        return;
    }
}

void completion_put_verbs(FILE *out, unsigned verbs, const char *separator)
{
    const char *before = "";

    for (int view = VIEW_TABLE; view < VIEWS; view++) {
        if (!(verbs & 1u << view))
            continue;
        fprintf(out, "%s%s", before, verb_table[view].name ? verb_table[view].name : "none");
        before = separator;
    }
}
