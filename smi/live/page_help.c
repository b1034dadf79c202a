/* SPDX-License-Identifier: Apache-2.0 */

/* All keys, and what the signs on the screen mean. */

#include "smi/live/pages.h"
#include "smi/text/style.h"

#include <string.h>

#define INDENT 6 /* of what a narrow screen breaks off */

static const char help[] = "KEYS\n"
                           "  q F10            quit\n"
                           "  Esc              one step back: page, filter, device, time; then quit\n"
                           "  ? h F1           this help\n"
                           "  arrows PgUp PgDn Home End   move or scroll\n"
                           "  Tab              move among the devices, or again among the processes\n"
                           "  Enter            processes: detail; devices: only this one, or all again\n"
                           "  1-9 0            only the first, second... device; all\n"
                           "  left right       back in time by 5 s, and forward (the last 15 minutes)\n"
                           "  / F4             filter\n"
                           "  s F6 > <         sort by the next column, by the one before\n"
                           "  r                reverse the order\n"
                           "  t F5             tree: user, process, device, region\n"
                           "  Space + -        fold and unfold a line of the tree; * all processes\n"
                           "  b                the largest buffers\n"
                           "  l                leaks\n"
                           "  c                devices as they fit, as cards, or compact\n"
                           "  z                freeze\n"
                           "  F2 F12           setup, which can be saved; save it\n"
                           "  Ctrl-L           draw everything again\n"
                           "  mouse            click a heading to sort, a line to select; wheel to scroll\n"
                           "  No key ends a process or touches a device.\n"
                           "\n"
                           "FILTER\n"
                           "  llama                      command, user, state or PID contains this\n"
                           "  user==mira & dram>1G       comparisons: == != < > <= >= and ~ for contains\n"
                           "  pid user dev state dram trace l1 l1_small bufs peak growth idle age command\n"
                           "  Sizes take K M G T, ages s m h d.\n"
                           "\n"
                           "SIGNS\n"
                           "  -  never used   ?  not known   *  nominal size   ~  inexact, reports were lost\n"
                           "  +  in a sum: at least, because some of its parts are not known\n"
                           "  Bars: # DRAM L1, = TRACE L1_SMALL, % CB (filled, hatched, dotted); | peak\n"
                           "  Sparks: the last 15 minutes up to now; a gap where nobody knows.\n"
                           "  In the past devices show the most of that second, processes what was seen.\n"
                           "  +/MIN  growth of the dram pool within the last minute\n"
                           "  IDLE   since the process allocated or freed something, or ended\n";

int page_write_help(FILE *out, const struct live_model *model, const struct live_view *view, const struct style *style)
{
    int r = 0;

    (void)model;
    (void)view;
    for (const char *line = help; r == 0 && *line;) {
        size_t length = strcspn(line, "\n");

        r = style_fold(out, style, TINT_NONE, INDENT, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    return r;
}
