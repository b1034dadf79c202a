/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_smi_core */

/* Each check with facts made by hand: when it is silent, what it says, and what that does to the exit code. */

#include "tests/unit/fixture.h"

#include "smi/json/doctor.h"
#include "smi/sample/users.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test_smi_sample.h"

static const struct host_card card = {.type = "n150"};

/* A host where all is well: one device, a server, a library. */
struct scene {
    struct snapshot snapshot;
    struct doctor_facts facts;
    struct host_device device;
    struct host_totals totals;
    struct tt_alloc_figure figures[5];
};

static void scene_begin(struct scene *scene)
{
    const struct filter all = {.region = -1};

    *scene = (struct scene){
        .snapshot = sample_make(&all),
        .device = {.card_type.text = "n150", .card = &card},
        .totals = {.path = (char *)"/dev/shm/tt_device_7_memory", .state = HOST_TOTALS_OK},
        .figures = {{"reports", 1234},
                    {"lost_reports", 0},
                    {"max_buffers", 0},
                    {"max_buffers_refused", 0},
                    {"max_buffers_uid", 0}},
    };
    scene->snapshot.coverage = (struct coverage){.reporting = 3};
    scene->snapshot.host = (struct host){.driver.text = "2.10.0", .devices = &scene->device, .device_count = 1};
    strcpy(scene->snapshot.details.server_name, "server 1");
    scene->facts = (struct doctor_facts){
        .snapshot = &scene->snapshot,
        .is_here = true,
        .has_group = true,
        .is_member = true,
        .figures = scene->figures,
        .figure_count = sizeof(scene->figures) / sizeof(scene->figures[0]),
        .library = "/usr/lib/libtt-alloc.so.0",
    };
    scene->snapshot.details.is_authorised = true;
}

static void scene_end(struct scene *scene)
{
    scene->snapshot.host = (struct host){0}; /* what is not of the heap */
    snapshot_clear(&scene->snapshot);
    users_clear();
}

static struct report examine(const struct scene *scene)
{
    struct report report;

    assert_int_equal(doctor_examine(&scene->facts, &report), 0);
    return report;
}

static const struct finding *find(const struct report *report, const char *name, enum finding_status status)
{
    for (size_t i = 0; i < report->count; i++) {
        if (strcmp(report->list[i].name, name) == 0 && report->list[i].status == status)
            return &report->list[i];
    }
    fail_msg("%s has no finding of that status", name);
    return NULL;
}

/* The check says so, whatever others say. Returns the exit code. */
static int expect_beside(const struct scene *scene, const char *name, enum finding_status status, const char *part,
                         const char *next)
{
    struct report report = examine(scene);
    const struct finding *finding = find(&report, name, status);
    int code = report_exit_code(&report);

    if (!strstr(finding->message, part))
        fail_msg("'%s' is not in: %s", part, finding->message);
    if (next && (!finding->next || !strstr(finding->next, next)))
        fail_msg("'%s' is not in: %s", next, finding->next ? finding->next : "nothing");
    report_clear(&report);
    return code;
}

/* The same, and nothing worse is found. */
static void expect(const struct scene *scene, const char *name, enum finding_status status, const char *part,
                   const char *next)
{
    int code = expect_beside(scene, name, status, part, next);

    assert_int_equal(code, status == FINDING_FAILURE ? 2 : status == FINDING_WARNING ? 1 : 0);
}

#define SCENE(name)                                                                                                    \
    struct scene name;                                                                                                 \
    (void)state;                                                                                                       \
    scene_begin(&name)

static void test_all_is_well(void **state)
{
    SCENE(scene);
    struct report report = examine(&scene);

    for (size_t i = 0; i < report.count; i++) {
        if (report.list[i].status > FINDING_OK)
            fail_msg("%s: %s", report.list[i].name, report.list[i].message);
    }
    assert_int_equal(report.count, 11); /* one line of each check */
    assert_int_equal(report_exit_code(&report), 0);
    report_clear(&report);
    scene_end(&scene);
}

static void test_driver(void **state)
{
    SCENE(scene);

    strcpy(scene.snapshot.host.driver.text, "2.4.1");
    expect(&scene, "driver", FINDING_WARNING, "tt-kmd 2.4.1 is too old to tell who has a device open (2.5)", "update");
    strcpy(scene.snapshot.host.driver.text, "2.0");
    expect(&scene, "driver", FINDING_WARNING, "ids of chips (2.1)", "update");
    strcpy(scene.snapshot.host.driver.text, "2.5.0");
    expect(&scene, "driver", FINDING_OK, "2.5.0", NULL);
    strcpy(scene.snapshot.host.driver.text, "3.0-rc1");
    expect(&scene, "driver", FINDING_OK, "3.0-rc1", NULL);
    strcpy(scene.snapshot.host.driver.text, "main"); /* says nothing about its age */
    expect(&scene, "driver", FINDING_OK, "main", NULL);
    scene.snapshot.host.driver.error = -EACCES;
    expect(&scene, "driver", FINDING_WARNING, "cannot be read", NULL);
    scene.snapshot.host.driver.error = -ENOENT;
    scene.snapshot.host.device_count = 0;
    expect(&scene, "driver", FINDING_FAILURE, "not loaded", "modprobe tenstorrent");
    expect_beside(&scene, "devices", FINDING_SKIPPED, "none without", NULL);
    scene_end(&scene);
}

static void test_devices(void **state)
{
    SCENE(scene);

    scene.device.card = NULL;
    expect(&scene, "devices", FINDING_WARNING, "device 0 is a 'n150'", "update tt-alloc");
    scene.device.asic_id.error = -ENOENT; /* which an older driver does not offer */
    scene.device.card = &card;
    expect(&scene, "devices", FINDING_OK, "1 device", NULL);
    scene.device.heartbeat.error = -ENODATA;
    expect(&scene, "devices", FINDING_FAILURE, "device 0 does not answer", "reset");
    scene.device.heartbeat.error = -EACCES;
    expect(&scene, "devices", FINDING_WARNING, "device 0 cannot be read", "sudo");
    scene.snapshot.host.device_count = 0;
    expect(&scene, "devices", FINDING_FAILURE, "found no Tenstorrent device", "lspci");
    scene.snapshot.host.devices_error = -EACCES;
    expect(&scene, "devices", FINDING_FAILURE, "list of devices cannot be read", "ls -l");
    scene_end(&scene);
}

static void test_holders(void **state)
{
    SCENE(scene);

    scene.device.hidden_opens = 2;
    expect(&scene, "holders", FINDING_WARNING, "2 times", "on the host itself");
    scene.device.holders_error = -EACCES;
    expect(&scene, "holders", FINDING_WARNING, "who has device 0 open cannot be read", "sudo");
    scene.device.holders_error = -ENOENT;
    expect(&scene, "holders", FINDING_SKIPPED, "does not tell", NULL);
    expect(&scene, "coverage", FINDING_SKIPPED, "not known", NULL);
    scene_end(&scene);
}

static void test_server(void **state)
{
    SCENE(scene);

    expect(&scene, "server", FINDING_OK, "server 1 at /tmp/s.sock, up 3d04h", NULL);
    expect(&scene, "protocol", FINDING_OK, "version 1", NULL);
    scene.snapshot.error = -ECONNREFUSED;
    expect(&scene, "server", FINDING_FAILURE, "no answer at /tmp/s.sock: nothing listens there", "systemctl start");
    expect_beside(&scene, "server-figures", FINDING_SKIPPED, "", NULL);
    scene.snapshot.error = -EACCES;
    expect(&scene, "server", FINDING_FAILURE, "not trusted", "TT_ALLOC_SERVER_USER");
    scene.snapshot.error = -EPROTONOSUPPORT;
    expect(&scene, "protocol", FINDING_FAILURE, "another version", "tt-smi --version");
    scene.snapshot.error = 0;
    scene.snapshot.path = NULL;
    expect(&scene, "server", FINDING_SKIPPED, "not asked", NULL);
    expect(&scene, "protocol", FINDING_SKIPPED, "", NULL);
    scene_end(&scene);
}

static void test_figures(void **state)
{
    SCENE(scene);

    expect(&scene, "server-figures", FINDING_OK, "1,234 reports", NULL);
    scene.figures[1].value = 5000;
    expect(&scene, "server-figures", FINDING_WARNING, "lost_reports: 5,000", "TT_ALLOC_FULL_WAIT_MS");
    scene.figures[1] = (struct tt_alloc_figure){"refused_limit", 1};
    expect(&scene, "server-figures", FINDING_WARNING, "refused_limit: 1", NULL);
    scene.figures[2] = (struct tt_alloc_figure){"max_buffers", 4000};
    scene.figures[3] = (struct tt_alloc_figure){"max_buffers_refused", 1234};
    scene.figures[4] = (struct tt_alloc_figure){"max_buffers_uid", 1001};
    expect(
        &scene, "server-figures", FINDING_WARNING,
        "max_buffers: 1,234 buffers were not taken in since its start, because a user had 4,000: uid 1001 was the last",
        "--max-buffers raises it: systemctl edit");
    scene.figures[3].value = 0;
    scene.figures[1] = (struct tt_alloc_figure){"sessions_refused_places", 3};
    expect(&scene, "server-figures", FINDING_WARNING, "sessions_refused_places: 3", "LimitNOFILE");
    scene.figures[1].value = 0;
    expect(&scene, "server-figures", FINDING_OK, "none refused", NULL);
    scene.snapshot.coverage.inexact = 2;
    expect(&scene, "server-figures", FINDING_WARNING, "2 processes", NULL);
    scene_end(&scene);
}

static void test_permissions(void **state)
{
    SCENE(scene);

    scene.snapshot.details.is_authorised = false;
    expect(&scene, "permissions", FINDING_WARNING, "in the group tt-alloc, but", "restart");
    scene.facts.is_member = false;
    expect(&scene, "permissions", FINDING_WARNING, "not in the group", "usermod -aG tt-alloc");
    scene.facts.has_group = false;
    expect(&scene, "permissions", FINDING_WARNING, "no group", "systemd-sysusers");
    scene.facts.is_root = true;
    expect(&scene, "permissions", FINDING_OK, "root", NULL);
    scene.facts.is_here = false;
    scene.snapshot.path = NULL;
    expect(&scene, "permissions", FINDING_SKIPPED, "another host", NULL);
    scene_end(&scene);
}

static void test_client(void **state)
{
    SCENE(scene);
    struct environment *environment = &scene.facts.environment;
    char path[200];

    expect(&scene, "client", FINDING_OK, "/usr/lib/libtt-alloc.so.0 found", NULL);
    *environment = (struct environment){"1", "/tmp/s.sock", "", "ring", "100"};
    expect(&scene, "client", FINDING_OK, "programs started here report", NULL);
    environment->tracking = "true";
    expect(&scene, "client", FINDING_WARNING, "TT_ALLOC_TRACKING_ENABLED is 'true'", "=1");
    *environment = (struct environment){.socket = "/tmp/other.sock"};
    expect(&scene, "client", FINDING_WARNING, "report to /tmp/other.sock, not to /tmp/s.sock", NULL);
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    *environment = (struct environment){.socket = path};
    expect(&scene, "client", FINDING_WARNING, "too long", "shorter");
    *environment = (struct environment){.server_user = "nobody-of-that-name"};
    expect(&scene, "client", FINDING_WARNING, "names no user", NULL);
    *environment = (struct environment){.transport = "rings"};
    expect(&scene, "client", FINDING_WARNING, "TT_ALLOC_TRANSPORT is 'rings'", "unset");
    *environment = (struct environment){.full_wait = "1s"};
    expect(&scene, "client", FINDING_WARNING, "TT_ALLOC_FULL_WAIT_MS is '1s'", "unset");
    *environment = (struct environment){0};
    scene.facts.library[0] = '\0';
    expect(&scene, "client", FINDING_WARNING, "does not find libtt-alloc.so.", "ldconfig");
    scene_end(&scene);
}

static void expect_totals(struct scene *scene, enum host_totals_state state, int error, const char *part,
                          const char *next)
{
    scene->totals.state = state;
    scene->totals.error = error;
    expect(scene, "totals", FINDING_WARNING, part, next);
}

static void test_totals(void **state)
{
    SCENE(scene);

    expect(&scene, "totals", FINDING_OK, "none here", NULL);
    scene.snapshot.host.totals = &scene.totals;
    scene.snapshot.host.totals_count = 1;
    scene.totals.version = 9;
    expect(&scene, "totals", FINDING_OK, "1 file", NULL);
    expect_totals(&scene, HOST_TOTALS_UNREADABLE, -EACCES, "denied: /dev/shm/tt_device_7_memory", "sudo");
    expect_totals(&scene, HOST_TOTALS_UNREADABLE, -EIO, "tt_device_7_memory cannot be read", NULL);
    expect_totals(&scene, HOST_TOTALS_UNSUPPORTED, 0, "unsupported version 9 at /dev/shm/tt_device_7_memory", "update");
    expect_totals(&scene, HOST_TOTALS_INITIALISING, 0, "initialising", "rm /dev/shm/tt_device_7_memory");
    expect_totals(&scene, HOST_TOTALS_TRUNCATED, 0, "truncated", "rm /dev/shm/tt_device_7_memory");
    scene.totals.references = 2;
    expect_totals(&scene, HOST_TOTALS_STALE, 0, "stale: counts 2 references", "rm /dev/shm/tt_device_7_memory");
    scene.snapshot.host.totals_count = 0;
    scene.snapshot.host.totals_error = -EACCES;
    expect(&scene, "totals", FINDING_WARNING, "/dev/shm cannot be read", NULL);
    scene_end(&scene);
}

static void test_phantom(void **state)
{
    struct host_slot slots[64] = {{.state = HOST_SLOT_LIVE, .inner_pid = 10, .comm = "alive"}};

    SCENE(scene);
    scene.snapshot.host.totals = &scene.totals;
    scene.snapshot.host.totals_count = 1;
    scene.totals.slots = slots;
    scene.totals.phantom[HOST_CB] = (struct host_amount){true, MIB};
    expect(&scene, "totals", FINDING_OK, "read and sound", NULL); /* CB figures are no sums */
    scene.totals.phantom[HOST_DRAM] = (struct host_amount){true, 5 * GIB};
    expect(&scene, "totals", FINDING_WARNING, "phantom: counts 5.0G of DRAM for nobody", "rm /dev/shm");
    for (int i = 1; i < 7; i++) {
        slots[i] = (struct host_slot){.state = i % 2 ? HOST_SLOT_GONE : HOST_SLOT_REUSED, .inner_pid = 10 + i};
        strcpy(slots[i].comm, "python3");
    }
    scene.totals.slot_count = 2;
    expect(&scene, "totals", FINDING_WARNING, "5.0G of DRAM for pid 11 (python3), which is gone", "rm /dev/shm");
    scene.totals.slot_count = 7;
    expect(&scene, "totals", FINDING_WARNING, "pid 14 (python3) and 2 more, which are gone", "rm /dev/shm");
    memset(slots, 0, sizeof(slots));
    scene.totals.slot_count = 64; /* there was no room for others */
    expect(&scene, "totals", FINDING_OK, "read and sound", NULL);
    scene_end(&scene);
}

static void test_coverage(void **state)
{
    SCENE(scene);

    expect(&scene, "coverage", FINDING_OK, "3 processes report", NULL);
    for (size_t i = 0; i < scene.snapshot.process_count; i++)
        sample_process_rows[i].tracking = TRACKING_UNTRACKED;
    scene.snapshot.coverage.untracked = 3;
    expect(&scene, "coverage", FINDING_WARNING, "pid 51203 (pytest, root)", "TT_ALLOC_TRACKING_ENABLED=1");
    scene_end(&scene);
}

static void test_disagreement(void **state)
{
    SCENE(scene);
    struct process_row *serve = &sample_process_rows[1];

    expect(&scene, "disagreement", FINDING_SKIPPED, "", NULL);
    serve->shm[HOST_DRAM] = (struct host_amount){true, 8701 * MIB};
    expect(&scene, "disagreement", FINDING_OK, "agree on 1 process", NULL);
    serve->shm[HOST_DRAM].bytes += 12 * MIB;
    expect(&scene, "disagreement", FINDING_WARNING, "pid 41772 (python): tt-metal counts 12.0M more", NULL);
    serve->shm[HOST_DRAM].bytes -= 20 * MIB;
    expect(&scene, "disagreement", FINDING_WARNING, "8.0M less", NULL);
    scene_end(&scene);
}

/* ---- What is written ---- */

/* free() it. */
static char *print(const struct report *report, size_t width)
{
    const struct style style = {.width = width};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(report_print(out, report, &style), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void check_end(const struct scene *scene, size_t width, const char *expected)
{
    struct report report = examine(scene);
    char *text = print(&report, width);
    size_t length = strlen(text), least = strlen(expected);

    assert_true(length >= least);
    assert_string_equal(text + length - least, expected);
    free(text);
    report_clear(&report);
}

static void test_text(void **state)
{
    SCENE(scene);
    struct report report = examine(&scene);
    char *text = print(&report, 0);

    assert_int_equal(strncmp(text, "ok    driver          tt-kmd 2.10.0\nok    devices         1 device", 66), 0);
    free(text);
    report_clear(&report);
    check_end(&scene, 0, "\nall is well\n");
    scene.device.card = NULL;
    check_end(&scene, 0, "\n1 warning, 0 failures     next: update tt-alloc\n");
    scene.snapshot.error = -ENOENT; /* a failure is more urgent, wherever it stands */
    scene.snapshot.path = "/x";
    check_end(&scene, 0,
              "\n1 warning, 1 failure     next: start it: sudo systemctl start tt-allocation-server.socket   for you "
              "alone: tt-allocation-server --socket /x\n");
    scene_end(&scene);
}

/* What to do moves to a line of its own. */
static void test_narrow(void **state)
{
    SCENE(scene);
    struct report report;
    char *text;

    scene.snapshot.host.driver.error = -ENOENT;
    report = examine(&scene);
    text = print(&report, 80);
    assert_non_null(strstr(text, "FAIL  driver          the kernel module tenstorrent is not loaded\n"
                                 "                      sudo modprobe tenstorrent\n"));
    free(text);
    report_clear(&report);
    scene_end(&scene);
}

static void test_json(void **state)
{
    SCENE(scene);
    struct report report;
    json_t *list, *first;

    scene.snapshot.host.driver.error = -ENOENT;
    report = examine(&scene);
    list = json_findings(&report);
    first = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "driver");
    assert_string_equal(json_string_value(json_object_get(first, "status")), "failure");
    assert_string_equal(json_string_value(json_object_get(first, "next")), "sudo modprobe tenstorrent");
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "next")));
    json_decref(list);
    report_clear(&report);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_all_is_well), FIXTURE(test_driver),  FIXTURE(test_devices),     FIXTURE(test_holders),
        FIXTURE(test_server),      FIXTURE(test_figures), FIXTURE(test_permissions), FIXTURE(test_client),
        FIXTURE(test_totals),      FIXTURE(test_phantom), FIXTURE(test_coverage),    FIXTURE(test_disagreement),
        FIXTURE(test_text),        FIXTURE(test_narrow),  FIXTURE(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
