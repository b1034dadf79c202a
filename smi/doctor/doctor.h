/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * tt-smi doctor: named checks of everything that the other views rely on. Each is a pure function from facts to
 * findings; the facts are collected before, so that tests can make any host they like. Names are stable, since scripts
 * go by them.
 */

#include "smi/sample/snapshot.h"
#include "smi/text/style.h"

/* In the order of how bad they are. */
enum finding_status {
    FINDING_SKIPPED, /* does not apply here */
    FINDING_OK,
    FINDING_WARNING,
    FINDING_FAILURE,
};

struct finding {
    const char *name; /* of the check */
    enum finding_status status;
    char *message;
    char *next; /* a command, or what else to do; NULL: nothing */
};

/* A variable of the environment; NULL: not set. */
struct environment {
    const char *tracking, *socket, *server_user, *transport, *full_wait;
};

struct doctor_facts {
    const struct snapshot *snapshot;
    bool is_here; /* the host is this one, and so are user, library and environment */
    bool is_root;
    bool has_group, is_member; /* whether there is the group tt-alloc, and we are in it */
    const struct tt_alloc_figure *figures;
    size_t figure_count;
    char library[256];    /* where the loader finds libtt-alloc; "": nowhere */
    bool has_server_user; /* the user that the environment names exists */
    struct environment environment;
};

/* Findings in the order of the checks. */
struct report {
    struct finding *list;
    size_t count;
    const char *name; /* of the check that is running */
    bool failed;      /* out of memory */
};

/* The rest of the facts, of this process and this host. -ENOMEM. */
int doctor_facts_collect(const struct snapshot *snapshot, const char *root, struct doctor_facts *ret);
void doctor_facts_clear(struct doctor_facts *facts);

/* Makes all checks. -ENOMEM. */
int doctor_examine(const struct doctor_facts *facts, struct report *ret);
void report_clear(struct report *report);

/* How many findings are of that status. */
size_t report_count(const struct report *report, enum finding_status status);

/* 0 all is well, 1 a warning, 2 a failure: as the plugins of Nagios count. */
int report_exit_code(const struct report *report);

/* "ok", "warning", "failure" or "skipped". */
const char *finding_name(enum finding_status status);

/* A line for each finding, and one that sums up. -ENOMEM. */
int report_print(FILE *out, const struct report *report, const struct style *style);

/* ---- For the checks ---- */

/* Adds a finding of the running check. next may be NULL. */
void report_add(struct report *report, enum finding_status status, const char *next, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether the running check has found anything so far. */
bool report_has_any(const struct report *report);

void check_driver(const struct doctor_facts *facts, struct report *report);
void check_devices(const struct doctor_facts *facts, struct report *report);
void check_holders(const struct doctor_facts *facts, struct report *report);
void check_server(const struct doctor_facts *facts, struct report *report);
void check_protocol(const struct doctor_facts *facts, struct report *report);
void check_figures(const struct doctor_facts *facts, struct report *report);
void check_permissions(const struct doctor_facts *facts, struct report *report);
void check_client(const struct doctor_facts *facts, struct report *report);
void check_totals(const struct doctor_facts *facts, struct report *report);
void check_coverage(const struct doctor_facts *facts, struct report *report);
void check_disagreement(const struct doctor_facts *facts, struct report *report);
