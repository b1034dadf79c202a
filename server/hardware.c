/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Before each look at who holds what, the names of the devices are looked at too: with a node missing in the picture,
 * all that a process holds behind it would be taken for the wrong one. If they have changed, everything is read again,
 * in slices, and until then nobody is served.
 */

#include "server/hardware.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/hardware_nodes.h"
#include "server/log.h"
#include "server/pace.h"

#define LOOK_PAUSE (NSEC_PER_SEC / 20)
#define READ_PAUSE (3 * NSEC_PER_SEC)

/* ---- Which devices there are ---- */

/* What was read of them is the picture from now on. */
static int take_over(struct hardware *hardware)
{
    struct host *fresh = &hardware->fresh;
    int32_t *held = calloc(fresh->device_count + 1, sizeof(held[0]));
    struct nodes nodes = {0};

    if (!held || hardware_nodes(fresh, &nodes) < 0) {
        free(held);
        return -ENOMEM;
    }
    registry_set_nodes(hardware->registry, &nodes);
    host_clear(&hardware->host);
    free(hardware->held);
    hardware->host = *fresh;
    hardware->held = held;
    hardware->is_wrong = false;
    *fresh = (struct host){0};
    return 0;
}

static int begin_reading(struct hardware *hardware, uint64_t now)
{
    int error = host_list_devices(hardware->root, &hardware->fresh);

    hardware->read = now;
    hardware->read_count = 0;
    hardware->is_reading = error == 0;
    return error;
}

/* Reads until `stop`, and no device at all if that has passed. */
static int go_on_reading(struct hardware *hardware, uint64_t stop)
{
    struct host *fresh = &hardware->fresh;
    int error = 0;

    while (error == 0 && hardware->read_count < fresh->device_count && clock_now() < stop)
        error = host_read_device(hardware->root, &fresh->devices[hardware->read_count++]);
    if (error == 0 && hardware->read_count < fresh->device_count)
        return 0;
    if (error == 0)
        error = take_over(hardware);
    hardware->is_reading = false;
    host_clear(fresh);
    return error;
}

/* A device that is being reset has a name and nothing else. */
static bool has_silent_device(const struct host *host)
{
    for (size_t i = 0; i < host->device_count; i++) {
        int error = host->devices[i].asic_id.error;

        if (error == -ENODATA || error == -ENODEV)
            return true;
    }
    return false;
}

/* Returns when somebody may be served: not after now, if the picture is right, or if it cannot be put right. */
static uint64_t bring_up_to_date(struct hardware *hardware, uint64_t now)
{
    bool is_due = now >= hardware->read + READ_PAUSE;

    if (!hardware->is_reading) {
        hardware->is_wrong = host_has_other_devices(hardware->root, &hardware->host);
        if (!hardware->is_wrong && !(is_due && has_silent_device(&hardware->host)))
            return now;
        if (!is_due)
            return hardware->read + READ_PAUSE;
    }
    if (!hardware->is_reading && begin_reading(hardware, now) < 0)
        return now;
    return go_on_reading(hardware, now + PACE_SLICE) < 0 ? now : now + 1;
}

/* ---- Who holds them ---- */

/* If the holders of one device are not known, nothing can be said of those behind it either. */
static bool look(struct hardware *hardware)
{
    if (hardware->is_wrong || host_read_holders(hardware->root, &hardware->host) < 0)
        return false;
    for (size_t i = 0; i < hardware->host.device_count; i++)
        if (hardware->host.devices[i].holders_error < 0)
            return false;
    return true;
}

static size_t find_held(const struct host *host, int32_t pid, int32_t *ret_held)
{
    size_t count = 0;

    for (size_t i = 0; i < host->device_count; i++)
        if (pid > 0 && host_device_is_held_by(&host->devices[i], pid))
            ret_held[count++] = host->devices[i].number;
    return count;
}

static void serve(struct hardware *hardware, bool knows_holders, uint64_t now)
{
    struct registry *registry = hardware->registry;
    uint64_t stop = clock_now() + PACE_SLICE;

    list_for_each (link, &registry->unlocated) {
        struct process *process = LIST_ENTRY(link, struct process, unlocated_link);
        size_t count = knows_holders ? find_held(&hardware->host, process->pid, hardware->held) : 0;

        registry_locate(registry, process, hardware->held, count, now);
        if (clock_now() >= stop)
            return;
    }
}

static void run_at(struct hardware *hardware, uint64_t now, uint64_t when)
{
    if (ev_is_active(&hardware->soon))
        return;
    ev_timer_set(&hardware->soon, (double)(when - now) / (double)NSEC_PER_SEC, 0.);
    ev_timer_start(hardware->loop, &hardware->soon);
}

void hardware_attend(struct hardware *hardware)
{
    const struct list *waiting = &hardware->registry->unlocated;
    uint64_t now, when;

    if (list_is_empty(waiting) || ev_is_active(&hardware->soon))
        return;
    now = clock_now();
    when = hardware->looked + LOOK_PAUSE;
    if (when <= now)
        when = bring_up_to_date(hardware, now);
    if (when <= now) {
        serve(hardware, look(hardware), now);
        hardware->looked = now;
        when = now + LOOK_PAUSE;
    }
    if (!list_is_empty(waiting))
        run_at(hardware, now, when);
}

static void on_soon(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    hardware_attend(timer->data);
}

static void tell_failure(const struct hardware *hardware, int level, int error)
{
    log_line(level, "Cannot read the devices of the host below %s: %s; %s", hardware->root, strerror(-error),
             error == -ENOSYS
                 ? "it takes openat2(), which Linux before 5.6 and RestrictSUIDSGID= of systemd do not allow"
                 : "--root takes the directory that holds sys and proc");
}

int hardware_init(struct hardware *hardware, struct ev_loop *loop, struct registry *registry, const char *root)
{
    int error;

    *hardware = (struct hardware){.loop = loop, .registry = registry, .root = root ? root : "/"};
    ev_timer_init(&hardware->soon, on_soon, 0., 0.);
    hardware->soon.data = hardware;
    error = begin_reading(hardware, clock_now());
    if (error == 0)
        error = go_on_reading(hardware, UINT64_MAX);
    if (error < 0)
        tell_failure(hardware, LOG_ERR, error);
    else if (hardware->host.devices_error < 0 && hardware->host.devices_error != -ENOENT)
        tell_failure(hardware, LOG_WARNING, hardware->host.devices_error);
    return error;
}

void hardware_done(struct hardware *hardware)
{
    if (hardware->loop)
        ev_timer_stop(hardware->loop, &hardware->soon);
    host_clear(&hardware->fresh);
    host_clear(&hardware->host);
    free(hardware->held);
}
