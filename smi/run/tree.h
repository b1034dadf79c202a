/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The processes below this one, as far as they were seen. Looking again and again misses who comes and goes between two
 * looks; it is for what no better way tells: whether anything is still running, who has a device open, and which
 * clients that cannot say their job belong to the tree. Children that this process itself has to reap are never missed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree_process {
    pid_t pid;
    uint64_t start_time; /* ns since 1970 */
    bool is_there;       /* at the last look, and not a zombie */
    bool holds;          /* was seen with a device open */
    bool reports;        /* the server knows it; see account.h */
    int32_t device;      /* the first such one */
    char comm[16];
};

struct run_tree {
    struct tree_process *seen; /* by number and start */
    size_t count;
    size_t living;      /* at the last look */
    bool has_news;      /* the last look saw somebody new */
    bool is_blind;      /* it could not be seen, now or earlier, who is whose child */
    uint64_t boot_time; /* ns since 1970 */
};

void run_tree_init(struct run_tree *tree);

/* Looks; the process `except` and what is below it belongs to us and not to the tree. 0, -ENOMEM. */
int run_tree_look(struct run_tree *tree, pid_t except);

/* A child that is about to be reaped. 0, -ENOMEM. */
int run_tree_note(struct run_tree *tree, pid_t pid);

/* Who of that number was there at the last look; NULL: nobody. */
struct tree_process *run_tree_find_living(const struct run_tree *tree, pid_t pid);

/* Who was ever seen with this number and began at about this time, or, if that is not known (0), who had the number
 * last when it ended at that time (0: it has not); NULL: nobody. */
struct tree_process *run_tree_find(const struct run_tree *tree, pid_t pid, uint64_t start_time, uint64_t end_time);

/* Takes zeroed ones. */
void run_tree_clear(struct run_tree *tree);
