/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The help is short enough for one screen of 24 lines and 80 columns, and says what a reader of the tables has to know.
 */

#include "smi/help.h"
#include "client/tt_alloc.h"

const char help_text[] = "usage: tt-smi [leaks | exited] [options]\n"
                         "Who holds how much memory of which Tenstorrent device, as told by\n"
                         "tt-allocation-server. Never touches a device.\n"
                         "  (no verb)            devices, and processes that report, most DRAM first\n"
                         "  leaks                what ended processes left behind\n"
                         "  exited               processes that ended, newest first\n"
                         "  -w [-n SEC | -r MS]  again every second, or every SEC (at least 0.1)\n"
                         "  -d DEV[,DEV...]      only these devices        -p PID  only this process\n"
                         "  -u [USER]            only this user; without USER: you\n"
                         "  --region R           dram, l1, l1_small, trace, cb, kernel or system_memory\n"
                         "  --json               data for programs; with -w one document per line\n"
                         "  --socket PATH        or $TT_ALLOC_SOCKET, or " TT_ALLOC_SOCKET_PATH "\n"
                         "  --color auto|always|never     --ascii     -h, --help     --version\n"
                         "Sizes: powers of 1024.  Ages: 42s 5m03s 1h12m 3d04h 123d.\n"
                         "-  never used     ?  not known     ~  inexact, because reports were lost\n"
                         "PEAK  the most the dram pool (DRAM and TRACE) held, or the region of --region;\n"
                         "      of a process on several devices the sum of its peaks there\n"
                         "Totals of DRAM and L1 are without what is set aside for TRACE and L1_SMALL.\n"
                         "Exit: 0 fine   1 leaks found   2 wrong usage, or no memory, or output not\n"
                         "      written   3 no server   4 no such device or process   5 not permitted\n"
                         "      6 not our protocol\n";

const char version_text[] = "tt-smi " TT_ALLOC_VERSION " (tt-alloc)\n";
