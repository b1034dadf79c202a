/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A list with two bounds and a fair way to stay within them.
 */

#include "server/ended.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/device.h"
#include "server/process.h"
#include "server/user.h"

void ended_init(struct ended_list *list)
{
    *list = (struct ended_list){.next_serial = 1};
    list_init(&list->entries);
}

static void drop(struct ended_list *list, struct ended *entry)
{
    list_remove(&entry->link);
    list->count--;
    list->placements -= entry->placement_count;
    entry->user->ended--;
    entry->user->ended_placements -= entry->placement_count;
    free(entry->command);
    free(entry);
}

void ended_done(struct ended_list *list)
{
    list_for_each (link, &list->entries)
        drop(list, LIST_ENTRY(link, struct ended, link));
}

static uint64_t used_by(const struct user *user, bool placements)
{
    return placements ? user->ended_placements : user->ended;
}

/* Oldest first, so the first entry of the user who uses most of what is short is his oldest. */
static void make_room(struct ended_list *list, bool placements)
{
    struct ended *victim = NULL;

    list_for_each (link, &list->entries) {
        struct ended *entry = LIST_ENTRY(link, struct ended, link);

        if (!victim || used_by(entry->user, placements) > used_by(victim->user, placements))
            victim = entry;
    }
    assert(victim);
    drop(list, victim);
}

static void copy_placements(struct ended *entry, struct process *process)
{
    for (size_t i = 0; i < entry->placement_count; i++) {
        struct ledger_device *place = ledger_device(process->ledger, i);
        const struct device *device = place->userdata;

        entry->placements[i] = (struct placement){
            .number = device ? device->number : place->device_id,
            .logical_id = place->device_id,
            .usage = place->usage,
        };
    }
}

int ended_add(struct ended_list *list, struct process *process, uint32_t reason, uint64_t now)
{
    size_t placements = ledger_device_count(process->ledger);
    struct ended *entry = calloc(1, sizeof(*entry) + placements * sizeof(entry->placements[0]));

    if (!entry)
        return -ENOMEM;
    while (list->count >= ENDED_MAX)
        make_room(list, false);
    while (list->count > 0 && list->placements + placements > ENDED_PLACEMENTS_MAX)
        make_room(list, true);

    entry->serial = list->next_serial++;
    entry->process_serial = process->serial;
    entry->pid = process->pid;
    entry->label_pid = process->label_pid;
    entry->job = process->job;
    entry->user = process->user;
    memcpy(entry->comm, process->facts.comm, sizeof(entry->comm));
    entry->command = process->facts.command;
    process->facts.command = NULL;
    entry->start_time = process->facts.start_time;
    entry->end_time = clock_wall();
    entry->since = clock_steady(process->created);
    entry->until = clock_steady(now);
    entry->lifetime = now - (process->facts.started ? process->facts.started : process->created);
    entry->idle = now - process->last_activity;
    entry->reason = reason;
    entry->is_inexact = process_is_inexact(process);
    entry->has_reset_peaks = process->has_reset_peaks;
    entry->is_accounted = !process->is_unaccounted;
    entry->lost = process->lost;
    entry->buffers = ledger_count(process->ledger);
    entry->placement_count = placements;
    copy_placements(entry, process);

    process->user->ended++;
    process->user->ended_placements += placements;
    list_append(&list->entries, &entry->link);
    list->count++;
    list->placements += placements;
    return 0;
}

struct ended *ended_after(const struct ended_list *list, uint64_t serial)
{
    list_for_each (link, &list->entries) {
        struct ended *entry = LIST_ENTRY(link, struct ended, link);

        if (entry->serial > serial)
            return entry;
    }
    return NULL;
}

static bool is_meant(const struct ended *entry, pid_t pid, uint64_t serial)
{
    return entry->buffers > 0 && !entry->is_forgotten && (pid == 0 || entry->pid == pid) &&
           (serial == 0 || entry->process_serial == serial);
}

struct forgetting ended_forget(struct ended_list *list, pid_t pid, uint64_t serial, const struct user *owner)
{
    struct forgetting forgetting = {0};

    list_for_each (link, &list->entries) {
        struct ended *entry = LIST_ENTRY(link, struct ended, link);

        if (!is_meant(entry, pid, serial))
            continue;
        if (owner && !user_is(owner, entry->user)) {
            forgetting.others++;
            continue;
        }
        entry->is_forgotten = true;
        forgetting.forgotten++;
    }
    return forgetting;
}
