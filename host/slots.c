/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A slot says a number in the PID namespace of its writer, which we do not know. But who can have written it, that is a
 * process that has this number for itself and this directory as its /dev/shm, that began before the slot was written
 * last, and whose name is the slot's. In the host's own directory it need not be one of our namespace: containers often
 * share /dev/shm and nothing else.
 *
 * A program may give itself another name after it wrote the slot (servers of models do). So one that has a device open
 * is believed without the name: the times alone tell it from a later process of that number.
 *
 * None of this is proof where the file is neither root's nor of who runs the process: then the slot is not verified.
 */

#include "host/slots.h"

#include <errno.h>
#include <string.h>

#include "host/totals_parse.h"

#define TOLERANCE 1000000000ULL /* ns: the time of the boot is known to the second */
#define COMM_LENGTH 15          /* that the kernel keeps */

/* Of one number, for each slot: anybody can start very many processes that have it, and fill many files with it. */
#define LOOKED_AT_MOST 1024
#define WEIGHED_MOST 64 /* of those that may see the directory */

struct question {
    const struct host *host;
    struct host_census *census;
    const struct host_shm *shm;
    uid_t owner; /* of the file */
    const struct host_slot *slot;
};

struct evidence {
    unsigned weighed;
    unsigned writers;   /* that it may be */
    bool is_unsure;     /* somebody may be it, but we cannot tell */
    bool has_more;      /* who was not looked at */
    int32_t writer_pid; /* one of them */
    int32_t other_pid;  /* who has its number, and cannot be it */
};

static bool began_in_time(const struct host_process *process, const struct host_slot *slot)
{
    if (process->start_time == 0 || slot->last_update == 0)
        return true;
    return process->start_time <= slot->last_update || process->start_time - slot->last_update <= TOLERANCE;
}

static bool has_its_name(const struct host_process *process, const struct host_slot *slot)
{
    return slot->comm[0] == '\0' || process->comm[0] == '\0' || strncmp(process->comm, slot->comm, COMM_LENGTH) == 0;
}

static bool holds_a_device(const struct host *host, int32_t pid)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (host_device_is_held_by(&host->devices[i], pid))
            return true;
    return false;
}

static bool can_have_written(const struct question *question, const struct host_process *process)
{
    const struct host_slot *slot = question->slot;

    return began_in_time(process, slot) &&
           (has_its_name(process, slot) || holds_a_device(question->host, process->pid));
}

/* Anybody can make a file of that name and write the number of another's process into it. In a tree the owners are
 * those who copied it, and tell nothing. */
static bool owner_may_speak_for(const struct question *question, const struct host_process *process)
{
    return !question->census->root->is_live || question->owner == 0 ||
           (process->has_uid && question->owner == process->uid);
}

/* 1: it is, 0: it is not, or why that is not known. In our own namespace everybody is taken to see the host's. */
static int sees_directory(const struct question *question, struct host_resident *resident)
{
    const struct host_shm *shm;
    int error;

    if (question->shm->through_pid == 0 && resident->inner_pid == resident->pid)
        return 1;
    error = host_census_search(question->census, resident, &shm);
    return error < 0 ? error : host_shm_is_same(shm, question->shm);
}

static void weigh(const struct question *question, struct host_resident *resident, struct evidence *evidence)
{
    const struct host_process *process = host_census_read(question->census, resident);
    int sees = process->error == -ESRCH ? 0 : sees_directory(question, resident);
    bool can_be;

    if (sees == 0)
        return;
    evidence->weighed++;
    can_be = process->error == 0 && can_have_written(question, process);
    if (sees < 0 || (sees == 1 && process->error < 0)) {
        evidence->is_unsure |= can_be || process->error < 0;
    } else if (sees == 1 && can_be && !owner_may_speak_for(question, process)) {
        evidence->is_unsure = true;
    } else if (sees == 1 && can_be) {
        evidence->writers++;
        evidence->writer_pid = process->pid;
    } else if (sees == 1) {
        evidence->other_pid = process->pid;
    }
}

/* Most slots are of a process that holds a device and has its number of the host, which needs no search. */
static bool is_plainly_live(const struct question *question)
{
    const struct host_process *process = host_find_process(question->host, question->slot->inner_pid);

    return question->shm->through_pid == 0 && process && process->error == 0 && process->inner_pid == process->pid &&
           can_have_written(question, process) && owner_may_speak_for(question, process);
}

static int gather(const struct question *question, struct evidence *evidence)
{
    struct host_resident *residents;
    size_t count;
    int error = host_census_find(question->census, question->slot->inner_pid, &residents, &count);

    if (error < 0)
        return error;
    for (size_t i = 0; i < count && evidence->writers < 2; i++) {
        if (i == LOOKED_AT_MOST || evidence->weighed == WEIGHED_MOST) {
            evidence->has_more = true;
            break;
        }
        weigh(question, &residents[i], evidence);
    }
    return 0;
}

static void judge(const struct evidence *evidence, struct host_slot *slot)
{
    if (evidence->writers == 1 && !evidence->has_more) {
        slot->state = HOST_SLOT_LIVE;
        slot->pid = evidence->writer_pid;
    } else if (evidence->writers > 0 || evidence->is_unsure || evidence->has_more) {
        slot->state = HOST_SLOT_UNVERIFIED;
    } else if (evidence->other_pid > 0) {
        slot->state = HOST_SLOT_REUSED;
        slot->pid = evidence->other_pid;
    } else {
        slot->state = HOST_SLOT_GONE;
    }
}

static int check_slot(const struct question *question, struct host_slot *slot)
{
    struct evidence evidence = {0};
    int error = 0;

    if (is_plainly_live(question))
        evidence = (struct evidence){.writers = 1, .writer_pid = slot->inner_pid};
    else
        error = gather(question, &evidence);
    if (error < 0)
        evidence = (struct evidence){.is_unsure = true}; /* /proc is closed to us */
    judge(&evidence, slot);
    return error == -ENOMEM ? error : 0;
}

static struct host_amount beyond(struct host_amount held, struct host_amount live)
{
    if (!held.known || !live.known)
        return (struct host_amount){0};
    return (struct host_amount){.known = true, .bytes = held.bytes > live.bytes ? held.bytes - live.bytes : 0};
}

static void sum_up(struct host_totals *totals)
{
    bool is_live = false;

    for (int i = 0; i < HOST_MEMORIES; i++)
        totals->live[i] = (struct host_amount){.known = true};
    for (size_t i = 0; i < totals->slot_count; i++) {
        const struct host_slot *slot = &totals->slots[i];

        if (slot->state == HOST_SLOT_LIVE || slot->state == HOST_SLOT_UNVERIFIED) {
            host_amounts_add(totals->live, slot->held);
            is_live = true;
        }
    }
    for (int i = 0; i < HOST_MEMORIES; i++)
        totals->phantom[i] = beyond(totals->held[i], totals->live[i]);
    totals->state = totals->references > 0 && !is_live ? HOST_TOTALS_STALE : HOST_TOTALS_OK;
}

int host_slots_check(const struct host *host, struct host_census *census, const struct host_shm *shm, uid_t owner,
                     struct host_totals *totals)
{
    for (size_t i = 0; i < totals->slot_count; i++) {
        struct question question = {
            .host = host, .census = census, .shm = shm, .owner = owner, .slot = &totals->slots[i]};
        int error = check_slot(&question, &totals->slots[i]);

        if (error < 0)
            return error;
    }
    sum_up(totals);
    return 0;
}
