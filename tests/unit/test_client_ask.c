/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_objects tt_alloc_ledger_objects -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=reallocarray */

/*
 * The asking half against a server that is a script: what it asks, byte for byte, what it makes of good answers, and
 * that of bad ones it makes nothing at all. The scripted server runs in a thread and sends what it is given.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/array.h"
#include "client/ask.h"

#define FRAME ((size_t)TT_ALLOC_FRAME_112)
#define QUESTIONS_MAX 4
#define RECORDS_MAX 64
#define FUZZ_ROUNDS 3000
#define POLL_MS 30000
#define DESCRIPTORS_MAX 100

/* ---- Memory that runs out ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

static __thread int allocations_left = -1; /* negative: no end */

static bool has_memory(void)
{
    if (allocations_left == 0)
        return false;
    allocations_left -= allocations_left > 0;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return has_memory() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return has_memory() ? __real_calloc(count, size) : NULL;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return has_memory() ? __real_reallocarray(memory, count, size) : NULL;
}

/* ---- The scripted server ---- */

struct answer {
    const void *bytes;
    size_t size;
};

struct server {
    char directory[64];
    char path[96];
    int descriptors; /* open before the test */
    int listener;
    pthread_t thread;
    bool running;
    /* the script */
    struct answer answers[QUESTIONS_MAX]; /* the first is the WELCOME */
    size_t answer_count;
    size_t piece; /* bytes per send; 0: all at once */
    bool hang_up; /* after the last answer; else when the client goes */
    bool endless; /* the last answer again and again */
    /* what it was asked */
    uint8_t questions[QUESTIONS_MAX][TT_ALLOC_FRAME_112];
};

static bool wait_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, POLL_MS) == 1;
}

static bool read_question(int fd, uint8_t *question)
{
    return wait_readable(fd) && recv(fd, question, FRAME, MSG_WAITALL) == (ssize_t)FRAME;
}

static bool send_answer(int fd, const struct answer *answer, size_t piece)
{
    const char *next = answer->bytes;

    for (size_t left = answer->size; left > 0;) {
        size_t size = piece == 0 || piece > left ? left : piece;
        ssize_t n = send(fd, next, size, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        next += n;
        left -= (size_t)n;
    }
    return true;
}

static void *run_server(void *argument)
{
    struct server *server = argument;
    char byte;

    if (!wait_readable(server->listener))
        return NULL;
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; i < server->answer_count; i++) {
        if (!read_question(fd, server->questions[i]) || !send_answer(fd, &server->answers[i], server->piece))
            break;
        while (server->endless && i + 1 == server->answer_count && send_answer(fd, &server->answers[i], 0))
            ;
    }
    if (!server->hang_up && wait_readable(fd))
        (void)!recv(fd, &byte, 1, 0);
    close(fd);
    return NULL;
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the directory itself */

    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void start_listening(struct server *server, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, server->path, strlen(server->path));
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->listener, backlog), 0);
}

static int setup(void **state)
{
    struct server *server = calloc(1, sizeof(*server));

    server->descriptors = count_descriptors();
    strcpy(server->directory, "/tmp/tt-alloc-test-XXXXXX");
    assert_non_null(mkdtemp(server->directory));
    snprintf(server->path, sizeof(server->path), "%s/socket", server->directory);
    start_listening(server, 8);
    *state = server;
    return 0;
}

/* Runs the script for one connection. */
static void server_start(struct server *server)
{
    assert_int_equal(pthread_create(&server->thread, NULL, run_server, server), 0);
    server->running = true;
}

static void server_finish(struct server *server)
{
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    server->running = false;
}

static int teardown(void **state)
{
    struct server *server = *state;

    if (server->running)
        server_finish(server);
    close(server->listener);
    unlink(server->path);
    assert_int_equal(rmdir(server->directory), 0);
    assert_int_equal(count_descriptors(), server->descriptors);
    free(server);
    return 0;
}

static const struct tt_alloc_hello welcome = {
    .type = TT_ALLOC_WELCOME,
    .device_id = -1,
    .magic = TT_ALLOC_MAGIC,
    .version = TT_ALLOC_PROTOCOL_VERSION,
    .process_id = 4711,
    .features = TT_ALLOC_FEATURE_HISTORY | TT_ALLOC_FEATURE_FORGET,
    .flags = TT_ALLOC_WELCOME_AUTHORISED,
    .start_time = 1700000000000000000,
    .uptime = 123456789,
    .name = "scripted server 1.2.3",
};

/* Plays welcome, then the answers given. */
static struct tt_alloc_connection *connect_to_script(struct server *server, const struct answer *answers, size_t count)
{
    struct tt_alloc_connection *connection = NULL;

    server->answers[0] = (struct answer){&welcome, sizeof(welcome)};
    for (size_t i = 0; i < count; i++)
        server->answers[i + 1] = answers[i];
    server->answer_count = count + 1;
    server_start(server);
    assert_int_equal(tt_alloc_connect(server->path, &connection), 0);
    return connection;
}

/* ---- Connecting ---- */

static void find_descriptors(bool *ret_open)
{
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        ret_open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static bool new_descriptors_close_on_exec(const bool *inherited)
{
    int found = 0;

    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (inherited[fd] || flags < 0)
            continue;
        if (flags != FD_CLOEXEC)
            return false;
        found++;
    }
    return found > 0;
}

static void test_connect(void **state)
{
    struct server *server = *state;
    struct tt_alloc_server about;
    uint8_t hello[TT_ALLOC_FRAME_112] = {32,  0,   0,   0,   0xff, 0xff, 0xff, 0xff, 'T',
                                         'T', 'A', 'L', 'L', 'O',  'C',  '1',  1};
    int32_t pid = getpid();
    bool inherited[DESCRIPTORS_MAX];

    find_descriptors(inherited);
    setenv("TT_ALLOC_SOCKET", server->path, 1);
    server->answers[0] = (struct answer){&welcome, sizeof(welcome)};
    server->answer_count = 1;
    server->piece = 7;
    server_start(server);
    struct tt_alloc_connection *connection;
    assert_int_equal(tt_alloc_connect(NULL, &connection), 0);
    unsetenv("TT_ALLOC_SOCKET");
    tt_alloc_get_server(connection, &about);
    assert_int_equal(about.protocol_version, 1);
    assert_true(about.authorised);
    assert_int_equal(about.process_id, 4711);
    assert_int_equal(about.start_time, 1700000000000000000);
    assert_int_equal(about.uptime, 123456789);
    assert_string_equal(about.name, "scripted server 1.2.3");
    assert_true(new_descriptors_close_on_exec(inherited));
    assert_null(tt_alloc_disconnect(connection));
    assert_null(tt_alloc_disconnect(NULL));

    server_finish(server);
    memcpy(hello + 20, &pid, 4);
    hello[24] = TT_ALLOC_FEATURE_HISTORY | TT_ALLOC_FEATURE_FORGET;
    memcpy(hello + 56, "libtt-alloc " TT_ALLOC_VERSION, strlen("libtt-alloc " TT_ALLOC_VERSION));
    assert_memory_equal(server->questions[0], hello, FRAME);
}

static int connect_with_welcome(struct server *server, const void *bytes, size_t size, bool hang_up)
{
    struct tt_alloc_connection *untouched = (void *)server, *connection = untouched;

    server->answers[0] = (struct answer){bytes, size};
    server->answer_count = 1;
    server->hang_up = hang_up;
    server_start(server);
    int r = tt_alloc_connect_within(server->path, hang_up ? 5000 : 50, &connection);
    server_finish(server);
    assert_ptr_equal(connection, untouched);
    return r;
}

static void test_bad_welcomes(void **state)
{
    struct server *server = *state;
    struct tt_alloc_hello bad = welcome;

    bad.version = 2;
    assert_int_equal(connect_with_welcome(server, &bad, FRAME, true), -EPROTONOSUPPORT);
    bad = welcome;
    bad.magic ^= 1;
    assert_int_equal(connect_with_welcome(server, &bad, FRAME, true), -EPROTO);
    bad = welcome;
    bad.type = TT_ALLOC_RESPONSE;
    assert_int_equal(connect_with_welcome(server, &bad, FRAME, true), -EPROTO);
    bad = welcome;
    memset(bad.name, 'x', sizeof(bad.name));
    assert_int_equal(connect_with_welcome(server, &bad, FRAME, true), -EPROTO);
    assert_int_equal(connect_with_welcome(server, &welcome, FRAME - 1, true), -ECONNRESET);
    assert_int_equal(connect_with_welcome(server, &welcome, 0, true), -ECONNRESET);
    assert_int_equal(connect_with_welcome(server, &welcome, FRAME - 1, false), -ETIMEDOUT);
    assert_int_equal(connect_with_welcome(server, &welcome, 0, false), -ETIMEDOUT);
}

static void test_nobody_there(void **state)
{
    struct server *server = *state;
    struct tt_alloc_connection *connection;

    assert_int_equal(tt_alloc_connect("/nowhere/socket", &connection), -ENOENT);
    close(server->listener);
    assert_int_equal(tt_alloc_connect(server->path, &connection), -ECONNREFUSED);
    unlink(server->path);
    start_listening(server, 0);
    int queued = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* fills the queue */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, server->path, strlen(server->path));
    assert_int_equal(connect(queued, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(tt_alloc_connect_within(server->path, 50, &connection), -ETIMEDOUT);
    close(queued);
}

/* ---- Totals of a device ---- */

static void test_query(void **state)
{
    struct server *server = *state;
    struct tt_alloc_message response = {.head = {.type = TT_ALLOC_RESPONSE,
                                                 .device_id = 3,
                                                 .dram_allocated = 10,
                                                 .l1_allocated = 20,
                                                 .l1_small_allocated = 30,
                                                 .trace_allocated = 40}};
    const struct answer answers[] = {{&response, FRAME}, {&response, FRAME}};
    struct tt_alloc_device_totals totals = {0};
    uint8_t query[TT_ALLOC_FRAME_112] = {3, 0, 0, 0, 3};

    struct tt_alloc_connection *connection = connect_to_script(server, answers, 2);
    assert_int_equal(tt_alloc_query_device(connection, 3, &totals), 0);
    assert_int_equal(totals.dram, 10);
    assert_int_equal(totals.l1, 20);
    assert_int_equal(totals.l1_small, 30);
    assert_int_equal(totals.trace, 40);
    assert_memory_equal(server->questions[1], query, FRAME);
    assert_int_equal(tt_alloc_query_device(connection, 4, &totals), -EPROTO); /* answers for another device */
    assert_int_equal(tt_alloc_query_device(connection, 3, &totals), -EPROTO); /* and is not asked again */
    assert_int_equal(totals.dram, 10);
    tt_alloc_disconnect(connection);
}

/* ---- Lists ---- */

/* An answer under construction. */
struct script {
    union tt_alloc_answer records[RECORDS_MAX];
    size_t count;
};

static union tt_alloc_answer *add(struct script *script, uint8_t type)
{
    union tt_alloc_answer *record = &script->records[script->count++];

    memset(record, 0, sizeof(*record));
    record->type = type;
    return record;
}

static struct tt_alloc_end_record *add_end(struct script *script, uint8_t request)
{
    size_t count = script->count;
    struct tt_alloc_end_record *end = &add(script, TT_ALLOC_END)->end;

    end->count = count;
    end->request = request;
    return end;
}

static void add_text(struct script *script, const char *text)
{
    struct tt_alloc_text_record *record = &add(script, TT_ALLOC_TEXT)->text;

    record->length = (uint32_t)strlen(text);
    memcpy(record->text, text, strlen(text));
}

static struct tt_alloc_usage_record *add_usage(struct script *script, uint32_t kind, uint32_t index, uint64_t bytes)
{
    struct tt_alloc_usage_record *record = &add(script, TT_ALLOC_USAGE)->usage;

    record->kind = kind;
    record->index = index;
    record->bytes = bytes;
    return record;
}

static struct tt_alloc_process_record *add_process(struct script *script, uint8_t type, const char *comm)
{
    struct tt_alloc_process_record *record = &add(script, type)->process;

    memcpy(record->comm, comm, strlen(comm));
    return record;
}

static struct answer answer_of(const struct script *script)
{
    return (struct answer){script->records, script->count * FRAME};
}

static void make_devices(struct script *script)
{
    add(script, TT_ALLOC_DEVICE)->device = (struct tt_alloc_device_record){.type = TT_ALLOC_DEVICE,
                                                                           .device_id = 5,
                                                                           .asic_id = 1,
                                                                           .known = 0x7ff,
                                                                           .pci_address = 2,
                                                                           .arch = 3,
                                                                           .remote = 1,
                                                                           .dram_size = 4,
                                                                           .l1_size = 5,
                                                                           .l1_small_size = 6,
                                                                           .trace_size = 7,
                                                                           .num_dram_channels = 8,
                                                                           .l1_size_per_core = 9,
                                                                           .idle = 10,
                                                                           .board = "n300",
                                                                           .processes = 11};
    add(script, TT_ALLOC_USAGE)->usage = (struct tt_alloc_usage_record){.type = TT_ALLOC_USAGE,
                                                                        .device_id = 5,
                                                                        .kind = TT_ALLOC_USAGE_REGION,
                                                                        .index = TT_ALLOC_KERNEL,
                                                                        .bytes = 1,
                                                                        .buffers = 2,
                                                                        .peak_bytes = 3,
                                                                        .allocations = 4,
                                                                        .frees = 5,
                                                                        .idle = 6,
                                                                        .logical_id = 7};
    add_usage(script, TT_ALLOC_USAGE_POOL, TT_ALLOC_POOL_HOST, INT64_MAX);
    add(script, 94);                                               /* a record of the future */
    add_usage(script, TT_ALLOC_USAGE_REGION, TT_ALLOC_REGIONS, 1); /* a region of the future */
    add_usage(script, TT_ALLOC_USAGE_POOL, TT_ALLOC_POOLS, 1);
    add_usage(script, 2, 0, 1);
    add(script, TT_ALLOC_DEVICE)->device.device_id = 6;
    add_end(script, TT_ALLOC_LIST_DEVICES);
}

static void check_described(const struct tt_alloc_device *device)
{
    const struct tt_alloc_device_description *description = &device->description;
    assert_int_equal(device->device, 5);
    assert_int_equal(device->processes, 11);
    assert_int_equal(device->idle, 10);
    assert_int_equal(description->asic_id, 1);
    assert_int_equal(description->known, 0x7ff);
    assert_int_equal(description->pci_address, 2);
    assert_int_equal(description->arch, 3);
    assert_true(description->remote);
    assert_int_equal(description->dram_size, 4);
    assert_int_equal(description->l1_size, 5);
    assert_int_equal(description->l1_small_size, 6);
    assert_int_equal(description->trace_size, 7);
    assert_int_equal(description->num_dram_channels, 8);
    assert_int_equal(description->l1_size_per_core, 9);
    assert_string_equal(description->board, "n300");
}

static void check_used(const struct tt_alloc_device *device)
{
    const struct tt_alloc_usage *usage = device->usage;

    assert_int_equal(device->usage_count, 2);
    assert_false(usage[0].is_pool);
    assert_int_equal(usage[0].device, 5);
    assert_int_equal(usage[0].index, TT_ALLOC_KERNEL);
    assert_int_equal(usage[0].bytes, 1);
    assert_int_equal(usage[0].buffers, 2);
    assert_int_equal(usage[0].peak_bytes, 3);
    assert_int_equal(usage[0].allocations, 4);
    assert_int_equal(usage[0].frees, 5);
    assert_int_equal(usage[0].idle, 6);
    assert_int_equal(usage[0].logical_id, 7);
    assert_true(usage[1].is_pool);
    assert_int_equal(usage[1].index, TT_ALLOC_POOL_HOST);
    assert_int_equal(usage[1].bytes, INT64_MAX);
}

static void test_devices(void **state)
{
    struct server *server = *state;
    struct script script = {0};
    struct tt_alloc_list *list;

    make_devices(&script);
    const struct tt_alloc_filter filter = {.by_device = true, .device = 9, .pid = 8, .limit = 7};
    const uint8_t request[TT_ALLOC_FRAME_112] = {40, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    struct answer answer = answer_of(&script);
    server->piece = 101;
    struct tt_alloc_connection *connection = connect_to_script(server, &answer, 1);
    assert_int_equal(tt_alloc_list_devices(connection, &filter, &list), 0);
    assert_memory_equal(server->questions[1], request, FRAME);

    assert_int_equal(tt_alloc_list_count(list), 2);
    check_described(tt_alloc_list_device(list, 0));
    check_used(tt_alloc_list_device(list, 0));
    const struct tt_alloc_device *bare = tt_alloc_list_device(list, 1);
    assert_int_equal(bare->device, 6);
    assert_int_equal(bare->usage_count, 0);
    assert_string_equal(bare->description.board, "");
    assert_null(tt_alloc_list_device(list, 2));
    assert_null(tt_alloc_list_process(list, 0));
    assert_null(tt_alloc_list_buffer(list, 0));
    assert_null(tt_alloc_list_figure(list, 0));
    assert_null(tt_alloc_list_free(list));
    assert_null(tt_alloc_list_free(NULL));
    tt_alloc_disconnect(connection);
}

static void make_processes(struct script *script, uint8_t type, uint8_t request)
{
    char piece[97] = {0};

    memset(piece, 'a', 96);
    script->count = 0;
    *add_process(script, type, "first") = (struct tt_alloc_process_record){.type = type,
                                                                           .device_id = -1,
                                                                           .process_id = 1,
                                                                           .uid = 2,
                                                                           .start_time = 3,
                                                                           .serial = 4,
                                                                           .buffers = 5,
                                                                           .age = 6,
                                                                           .idle = 7,
                                                                           .end_time = 8,
                                                                           .flags = TT_ALLOC_PROCESS_INEXACT,
                                                                           .reason = TT_ALLOC_REASON_EXITED,
                                                                           .label_pid = 9,
                                                                           .sessions = 10,
                                                                           .comm = "first",
                                                                           .lost = 11,
                                                                           .job = 12};
    add_text(script, piece);
    add_usage(script, TT_ALLOC_USAGE_REGION, TT_ALLOC_L1, 100);
    add_text(script, "bc"); /* text may come behind usages */
    add_usage(script, TT_ALLOC_USAGE_POOL, TT_ALLOC_POOL_L1, 200);
    add_process(script, type, "second"); /* tells no command line and has no usages */
    add_process(script, type, "")->process_id = 3;
    add_text(script, "");
    add_usage(script, TT_ALLOC_USAGE_REGION, TT_ALLOC_DRAM, 300);
    add_end(script, request);
}

static void check_processes(const struct tt_alloc_list *list)
{
    const struct tt_alloc_process *process = tt_alloc_list_process(list, 0);

    assert_int_equal(tt_alloc_list_count(list), 3);
    assert_int_equal(process->pid, 1);
    assert_int_equal(process->uid, 2);
    assert_int_equal(process->start_time, 3);
    assert_int_equal(process->serial, 4);
    assert_int_equal(process->buffers, 5);
    assert_int_equal(process->age, 6);
    assert_int_equal(process->idle, 7);
    assert_int_equal(process->end_time, 8);
    assert_true(process->inexact);
    assert_int_equal(process->reason, TT_ALLOC_REASON_EXITED);
    assert_int_equal(process->label_pid, 9);
    assert_int_equal(process->sessions, 10);
    assert_int_equal(process->lost, 11);
    assert_int_equal(process->job, 12);
    assert_string_equal(process->comm, "first");
    assert_int_equal(strlen(process->command), 98);
    assert_string_equal(process->command + 95, "abc");
    assert_int_equal(process->usage_count, 2);
    assert_int_equal(process->usage[0].bytes, 100);
    assert_int_equal(process->usage[1].bytes, 200);

    process = tt_alloc_list_process(list, 1);
    assert_string_equal(process->comm, "second");
    assert_string_equal(process->command, "second");
    assert_int_equal(process->usage_count, 0);
    assert_false(process->inexact);

    process = tt_alloc_list_process(list, 2);
    assert_string_equal(process->command, "");
    assert_int_equal(process->usage_count, 1);
    assert_int_equal(process->usage[0].bytes, 300);
    assert_null(tt_alloc_list_process(list, 3));
    assert_null(tt_alloc_list_device(list, 0));
}

static void test_processes(void **state)
{
    struct server *server = *state;
    struct script running = {0}, ended = {0};
    struct tt_alloc_list *list;

    make_processes(&running, TT_ALLOC_PROCESS, TT_ALLOC_LIST_PROCESSES);
    make_processes(&ended, TT_ALLOC_ENDED, TT_ALLOC_LIST_ENDED);
    const struct answer answers[] = {answer_of(&running), answer_of(&ended)};
    struct tt_alloc_connection *connection = connect_to_script(server, answers, 2);
    const struct tt_alloc_filter filter = {.pid = 0x1234, .limit = 2, .by_region = true, .region = 1};

    assert_int_equal(tt_alloc_list_processes(connection, &filter, &list), 0);
    check_processes(list);
    tt_alloc_list_free(list);
    assert_int_equal(tt_alloc_list_ended(connection, NULL, &list), 0);
    check_processes(list);
    tt_alloc_list_free(list);
    tt_alloc_disconnect(connection);

    const uint8_t narrow[TT_ALLOC_FRAME_112] = {41,   0, 0, 0,    0xff, 0xff, 0xff, 0xff, 0x34,
                                                0x12, 0, 0, 0xff, 0xff, 0xff, 0xff, 2};
    const uint8_t wide[TT_ALLOC_FRAME_112] = {43, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_memory_equal(server->questions[1], narrow, FRAME);
    assert_memory_equal(server->questions[2], wide, FRAME);
}

static void test_buffers_and_figures(void **state)
{
    struct server *server = *state;
    struct script buffers = {0}, figures = {0};
    struct tt_alloc_list *list;

    add(&buffers, TT_ALLOC_BUFFER)->buffer = (struct tt_alloc_buffer_record){.type = TT_ALLOC_BUFFER,
                                                                             .device_id = 1,
                                                                             .buffer_id = 2,
                                                                             .size = 3,
                                                                             .region = TT_ALLOC_KERNEL,
                                                                             .references = 5,
                                                                             .age = 6,
                                                                             .process_id = 7,
                                                                             .uid = 8,
                                                                             .serial = 9};
    add(&buffers, TT_ALLOC_BUFFER)->buffer.region = TT_ALLOC_REGIONS; /* of the future */
    add(&buffers, TT_ALLOC_BUFFER)->buffer.size = TT_ALLOC_SIZE_LIMIT - 1;
    add_end(&buffers, TT_ALLOC_LIST_BUFFERS)->hidden = 44;
    struct tt_alloc_figure_record *figure = &add(&figures, TT_ALLOC_FIGURE)->figure;
    strcpy(figure->name, "sessions");
    figure->value = UINT64_MAX;
    strcpy(add(&figures, TT_ALLOC_FIGURE)->figure.name, "reports");
    add_end(&figures, TT_ALLOC_LIST_FIGURES);

    const struct answer answers[] = {answer_of(&buffers), answer_of(&figures)};
    struct tt_alloc_connection *connection = connect_to_script(server, answers, 2);
    const struct tt_alloc_filter filter = {.by_region = true, .region = TT_ALLOC_L1_SMALL};
    assert_int_equal(tt_alloc_list_buffers(connection, &filter, &list), 0);
    assert_int_equal(tt_alloc_list_count(list), 2);
    assert_int_equal(tt_alloc_list_hidden(list), 44);
    const struct tt_alloc_buffer *buffer = tt_alloc_list_buffer(list, 0);
    assert_int_equal(buffer->device, 1);
    assert_int_equal(buffer->buffer_id, 2);
    assert_int_equal(buffer->size, 3);
    assert_int_equal(buffer->region, TT_ALLOC_KERNEL);
    assert_int_equal(buffer->references, 5);
    assert_int_equal(buffer->age, 6);
    assert_int_equal(buffer->pid, 7);
    assert_int_equal(buffer->uid, 8);
    assert_int_equal(buffer->serial, 9);
    assert_int_equal(tt_alloc_list_buffer(list, 1)->size, TT_ALLOC_SIZE_LIMIT - 1);
    assert_null(tt_alloc_list_buffer(list, 2));
    tt_alloc_list_free(list);

    assert_int_equal(tt_alloc_list_figures(connection, &list), 0);
    assert_int_equal(tt_alloc_list_count(list), 2);
    assert_string_equal(tt_alloc_list_figure(list, 0)->name, "sessions");
    assert_int_equal(tt_alloc_list_figure(list, 0)->value, UINT64_MAX);
    assert_string_equal(tt_alloc_list_figure(list, 1)->name, "reports");
    assert_null(tt_alloc_list_figure(list, 2));
    tt_alloc_list_free(list);
    tt_alloc_disconnect(connection);

    const uint8_t request[TT_ALLOC_FRAME_112] = {42, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 3};
    assert_memory_equal(server->questions[1], request, FRAME);
}

static struct tt_alloc_history_record *add_samples(struct script *script, uint32_t pool, uint32_t index, uint32_t count)
{
    struct tt_alloc_history_record *record = &add(script, TT_ALLOC_HISTORY)->history;

    record->device_id = 3;
    record->pool = pool;
    record->resolution = 60000;
    record->time = 1700000000000000000;
    record->index = index;
    record->count = count;
    for (uint32_t i = 0; i < count && i < TT_ALLOC_HISTORY_SAMPLES; i++)
        record->samples[i] = pool * 1000 + index + i;
    return record;
}

static void check_series(const struct tt_alloc_list *list, size_t index, uint32_t pool, size_t count)
{
    const struct tt_alloc_history *series = tt_alloc_list_series(list, index);

    assert_int_equal(series->device, 3);
    assert_int_equal(series->pool, pool);
    assert_int_equal(series->resolution, 60000);
    assert_int_equal(series->time, 1700000000000000000);
    assert_int_equal(series->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(series->samples[i], 4096 * (pool * 1000 + count - 1 - i));
}

static void test_history(void **state)
{
    struct server *server = *state;
    struct script script = {0};
    struct tt_alloc_list *list;

    add_samples(&script, TT_ALLOC_POOL_DRAM, 0, 20);
    add_samples(&script, TT_ALLOC_POOL_DRAM, 20, 20);
    add_samples(&script, TT_ALLOC_POOL_DRAM, 40, 1);
    add_samples(&script, TT_ALLOC_POOLS, 0, 20); /* of the future */
    add_samples(&script, TT_ALLOC_POOLS, 20, 3);
    add_samples(&script, TT_ALLOC_POOL_HOST, 0, 1)->samples[0] = UINT32_MAX;
    add_end(&script, TT_ALLOC_LIST_HISTORY);
    const struct answer answer = answer_of(&script);
    struct tt_alloc_connection *connection = connect_to_script(server, &answer, 1);
    const struct tt_alloc_filter filter = {.by_device = true, .device = 3, .limit = 41, .pid = 5};
    assert_int_equal(tt_alloc_list_history(connection, &filter, 60, &list), -EINVAL);
    assert_int_equal(tt_alloc_list_history(connection, &filter, 60000, &list), 0);
    assert_int_equal(tt_alloc_list_count(list), 2);
    check_series(list, 0, TT_ALLOC_POOL_DRAM, 41);
    assert_int_equal(tt_alloc_list_series(list, 1)->pool, TT_ALLOC_POOL_HOST);
    assert_int_equal(tt_alloc_list_series(list, 1)->count, 1);
    assert_int_equal(tt_alloc_list_series(list, 1)->samples[0], (UINT64_C(1) << 44) - 4096);
    assert_null(tt_alloc_list_series(list, 2));
    assert_null(tt_alloc_list_figure(list, 0));
    tt_alloc_list_free(list);
    tt_alloc_disconnect(connection);

    const uint8_t request[TT_ALLOC_FRAME_112] = {46,   0,    0,    0,  3, 0, 0, 0, 0, 0, 0, 0,    0xff,
                                                 0xff, 0xff, 0xff, 41, 0, 0, 0, 0, 0, 0, 0, 0x60, 0xea};
    assert_memory_equal(server->questions[1], request, FRAME);
}

/* To an older one the request would be a bad frame. */
static void test_a_server_without_history(void **state)
{
    struct server *server = *state;
    struct tt_alloc_hello older = welcome;
    struct tt_alloc_connection *connection;
    struct tt_alloc_list *list;
    struct script script = {0};

    add_end(&script, TT_ALLOC_RESET_PEAKS);
    older.features = TT_ALLOC_FEATURE_RING;
    server->answers[0] = (struct answer){&older, sizeof(older)};
    server->answers[1] = answer_of(&script);
    server->answer_count = 2;
    server_start(server);
    assert_int_equal(tt_alloc_connect(server->path, &connection), 0);
    assert_int_equal(tt_alloc_list_history(connection, NULL, 1000, &list), -EOPNOTSUPP);
    assert_int_equal(tt_alloc_reset_peaks(connection, -1, 0), 0);
    tt_alloc_disconnect(connection);
}

static void test_forgetting(void **state)
{
    struct server *server = *state;
    struct script done = {0}, refused = {0}, nothing = {0};
    struct tt_alloc_forgotten forgotten = {77, 78};

    add_end(&done, TT_ALLOC_FORGET)->forgotten = 3;
    done.records[0].end.hidden = 2;
    add_end(&refused, TT_ALLOC_FORGET)->status = -EPERM;
    add_end(&nothing, TT_ALLOC_FORGET)->status = -ESRCH;
    const struct answer answers[] = {answer_of(&refused), answer_of(&nothing), answer_of(&done)};
    struct tt_alloc_connection *connection = connect_to_script(server, answers, 3);
    assert_int_equal(tt_alloc_forget(connection, 0, 0, &forgotten), -EPERM);
    assert_int_equal(tt_alloc_forget(connection, 1, 0, &forgotten), -ESRCH);
    assert_true(forgotten.leaks == 77 && forgotten.others == 78);
    assert_int_equal(tt_alloc_forget(connection, 258, 0x1122, &forgotten), 0);
    assert_true(forgotten.leaks == 3 && forgotten.others == 2);
    tt_alloc_disconnect(connection);

    const uint8_t request[TT_ALLOC_FRAME_112] = {47, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2, 1, [32] = 0x22, 0x11};
    assert_memory_equal(server->questions[3], request, FRAME);
}

static void test_a_server_that_cannot_forget(void **state)
{
    struct server *server = *state;
    struct tt_alloc_hello older = welcome;
    struct tt_alloc_forgotten forgotten;
    struct tt_alloc_connection *connection;
    struct script script = {0};

    add_end(&script, TT_ALLOC_RESET_PEAKS);
    older.features = TT_ALLOC_FEATURE_HISTORY;
    server->answers[0] = (struct answer){&older, sizeof(older)};
    server->answers[1] = answer_of(&script);
    server->answer_count = 2;
    server_start(server);
    assert_int_equal(tt_alloc_connect(server->path, &connection), 0);
    assert_int_equal(tt_alloc_forget(connection, 0, 0, &forgotten), -EOPNOTSUPP);
    assert_int_equal(tt_alloc_reset_peaks(connection, -1, 0), 0);
    tt_alloc_disconnect(connection);
}

static void test_filters_that_make_no_sense(void **state)
{
    struct tt_alloc_connection *connection = connect_to_script(*state, NULL, 0);
    struct tt_alloc_list *list;
    const struct tt_alloc_filter filters[] = {
        {.by_device = true, .device = -1}, {.by_region = true, .region = TT_ALLOC_REGIONS}, {.pid = -1}};

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        assert_int_equal(tt_alloc_list_buffers(connection, &filters[i], &list), -EINVAL);
    tt_alloc_disconnect(connection);
}

/* ---- Answers that say no ---- */

static void test_refusals(void **state)
{
    struct server *server = *state;
    struct script refused = {0}, reset = {0}, reset_refused = {0};
    struct tt_alloc_list *list;

    add_end(&refused, TT_ALLOC_LIST_BUFFERS)->status = -ESRCH;
    add_end(&reset, TT_ALLOC_RESET_PEAKS);
    add_end(&reset_refused, TT_ALLOC_RESET_PEAKS)->status = -EPERM;
    const struct answer answers[] = {answer_of(&refused), answer_of(&reset), answer_of(&reset_refused)};
    struct tt_alloc_connection *connection = connect_to_script(server, answers, 3);
    assert_int_equal(tt_alloc_list_buffers(connection, NULL, &list), -ESRCH);
    assert_int_equal(tt_alloc_reset_peaks(connection, 2, -1), 0); /* the connection is still good */
    assert_int_equal(tt_alloc_reset_peaks(connection, -1, 0), -EPERM);
    tt_alloc_disconnect(connection);

    const uint8_t request[TT_ALLOC_FRAME_112] = {45, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_memory_equal(server->questions[2], request, FRAME);
}

/* ---- Answers that break the rules ---- */

typedef int list_call(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                      struct tt_alloc_list **ret);

static int figures_call(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                        struct tt_alloc_list **ret)
{
    (void)filter;
    return tt_alloc_list_figures(connection, ret);
}

static int history_call(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                        struct tt_alloc_list **ret)
{
    return tt_alloc_list_history(connection, filter, TT_ALLOC_HISTORY_SECOND, ret);
}

static void check_malformed(struct server *server, list_call *call, const struct script *script)
{
    struct tt_alloc_list *list = (void *)server;
    struct answer answer = answer_of(script);
    struct tt_alloc_connection *connection = connect_to_script(server, &answer, 1);

    assert_int_equal(call(connection, NULL, &list), -EPROTO);
    assert_ptr_equal(list, server);
    assert_int_equal(call(connection, NULL, &list), -EPROTO);
    assert_int_equal(tt_alloc_reset_peaks(connection, -1, 0), -EPROTO);
    tt_alloc_disconnect(connection);
    server_finish(server);
}

/* A series with a hole, of two kinds, or of no length. */
static void test_malformed_history(void **state)
{
    struct script script;

    for (unsigned wrong = 0; wrong < 6; wrong++) {
        script.count = 0;
        struct tt_alloc_history_record *first = add_samples(&script, 0, 0, 20);
        struct tt_alloc_history_record *second = add_samples(&script, 0, 20, 20);
        first->count = wrong == 0 ? 21 : 20;
        second->count = wrong == 1 ? 0 : 20;
        second->index = wrong == 2 ? 21 : 20;
        second->device_id = wrong == 3 ? 4 : 3;
        second->time += wrong == 4;
        second->pool = wrong == 5 ? TT_ALLOC_POOL_L1 : TT_ALLOC_POOL_DRAM;
        add_end(&script, TT_ALLOC_LIST_HISTORY);
        check_malformed(*state, history_call, &script);
    }
}

/* Each of these is an otherwise complete answer with one thing wrong in it. */
static void test_malformed_records(void **state)
{
    struct script script;

    script.count = 0; /* usage of nothing */
    add_usage(&script, 0, 0, 1);
    add_end(&script, TT_ALLOC_LIST_DEVICES);
    check_malformed(*state, tt_alloc_list_devices, &script);

    script.count = 0; /* usage that no sum can be */
    add(&script, TT_ALLOC_DEVICE);
    add_usage(&script, 0, 0, (uint64_t)INT64_MAX + 1);
    add_end(&script, TT_ALLOC_LIST_DEVICES);
    check_malformed(*state, tt_alloc_list_devices, &script);

    script.count = 0; /* usage of buffers */
    add(&script, TT_ALLOC_BUFFER);
    add_usage(&script, 0, 0, 1);
    add_end(&script, TT_ALLOC_LIST_BUFFERS);
    check_malformed(*state, tt_alloc_list_buffers, &script);

    script.count = 0; /* text of a device */
    add(&script, TT_ALLOC_DEVICE);
    add_text(&script, "text");
    add_end(&script, TT_ALLOC_LIST_DEVICES);
    check_malformed(*state, tt_alloc_list_devices, &script);

    script.count = 0; /* a board without an end */
    memset(add(&script, TT_ALLOC_DEVICE)->device.board, 'x', 24);
    add_end(&script, TT_ALLOC_LIST_DEVICES);
    check_malformed(*state, tt_alloc_list_devices, &script);

    script.count = 0; /* a name without an end */
    memset(add(&script, TT_ALLOC_FIGURE)->figure.name, 'x', 48);
    add_end(&script, TT_ALLOC_LIST_FIGURES);
    check_malformed(*state, figures_call, &script);

    script.count = 0; /* a buffer larger than any */
    add(&script, TT_ALLOC_BUFFER)->buffer.size = TT_ALLOC_SIZE_LIMIT;
    add_end(&script, TT_ALLOC_LIST_BUFFERS);
    check_malformed(*state, tt_alloc_list_buffers, &script);
}

static void test_malformed_processes(void **state)
{
    struct script script;

    script.count = 0; /* text of nobody */
    add_text(&script, "text");
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);

    script.count = 0; /* text longer than its record */
    add_process(&script, TT_ALLOC_PROCESS, "comm");
    memset(add(&script, TT_ALLOC_TEXT)->text.text, 'x', 96);
    script.records[1].text.length = 97;
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);

    script.count = 0; /* text with a zero byte in it */
    add_process(&script, TT_ALLOC_PROCESS, "comm");
    add_text(&script, "text");
    script.records[1].text.length = 5;
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);

    script.count = 0; /* a name without an end */
    add_process(&script, TT_ALLOC_PROCESS, "0123456789abcdef");
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);

    script.count = 0; /* an ended process among the running ones */
    add_process(&script, TT_ALLOC_ENDED, "comm");
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);
}

static void check_malformed_end(struct server *server, uint64_t count, int32_t status, uint32_t request)
{
    struct script script = {0};

    add_process(&script, TT_ALLOC_PROCESS, "comm");
    struct tt_alloc_end_record *end = add_end(&script, TT_ALLOC_LIST_PROCESSES);
    end->count = count;
    end->status = status;
    end->request = request;
    check_malformed(server, tt_alloc_list_processes, &script);
}

static void test_malformed_ends(void **state)
{
    struct script script = {0};

    check_malformed_end(*state, 0, 0, TT_ALLOC_LIST_PROCESSES);
    check_malformed_end(*state, 2, 0, TT_ALLOC_LIST_PROCESSES);
    check_malformed_end(*state, UINT64_MAX, 0, TT_ALLOC_LIST_PROCESSES);
    check_malformed_end(*state, 1, 1, TT_ALLOC_LIST_PROCESSES);
    check_malformed_end(*state, 1, -EPERM, TT_ALLOC_LIST_PROCESSES); /* a refusal has no records */
    check_malformed_end(*state, 1, 0, TT_ALLOC_LIST_ENDED);

    add_end(&script, TT_ALLOC_LIST_PROCESSES)->status = INT32_MIN;
    check_malformed(*state, tt_alloc_list_processes, &script);
    script.count = 0;
    add(&script, TT_ALLOC_RESPONSE); /* no record at all */
    add_end(&script, TT_ALLOC_LIST_PROCESSES);
    check_malformed(*state, tt_alloc_list_processes, &script);
}

/* More than was asked for: what comes next would be taken for the next answer. */
static void test_surplus(void **state)
{
    struct script script = {0};
    struct tt_alloc_list *list;

    add_end(&script, TT_ALLOC_LIST_DEVICES);
    add_end(&script, TT_ALLOC_LIST_DEVICES);
    struct answer answer = answer_of(&script);
    struct tt_alloc_connection *connection = connect_to_script(*state, &answer, 1);
    assert_int_equal(tt_alloc_list_devices(connection, NULL, &list), 0);
    assert_int_equal(tt_alloc_list_count(list), 0);
    tt_alloc_list_free(list);
    assert_int_equal(tt_alloc_list_devices(connection, NULL, &list), -EPROTO);
    tt_alloc_disconnect(connection);
}

static void test_answer_breaks_off(void **state)
{
    struct server *server = *state;
    struct script script = {0};
    struct tt_alloc_list *list;

    add_process(&script, TT_ALLOC_PROCESS, "comm");
    add_text(&script, "text");
    struct answer answer = {script.records, 2 * FRAME - 1};
    server->hang_up = true;
    struct tt_alloc_connection *connection = connect_to_script(server, &answer, 1);
    assert_int_equal(tt_alloc_list_processes(connection, NULL, &list), -ECONNRESET);
    assert_int_equal(tt_alloc_list_processes(connection, NULL, &list), -ECONNRESET);
    tt_alloc_disconnect(connection);
}

/* A server that never stops sending does not keep anybody for ever either. */
static void test_endless_answer(void **state)
{
    struct server *server = *state;
    struct script script = {0};
    struct tt_alloc_list *list;
    struct tt_alloc_connection *connection;

    for (int i = 0; i < RECORDS_MAX; i++)
        add(&script, 80);
    server->endless = true;
    server->answers[0] = (struct answer){&welcome, sizeof(welcome)};
    server->answers[1] = answer_of(&script);
    server->answer_count = 2;
    server_start(server);
    assert_int_equal(tt_alloc_connect_within(server->path, 200, &connection), 0);
    assert_int_equal(tt_alloc_list_processes(connection, NULL, &list), -ETIMEDOUT);
    tt_alloc_disconnect(connection);
}

/* ---- Every allocation fails once ---- */

static void test_out_of_memory(void **state)
{
    struct server *server = *state;
    struct script script = {0};
    struct tt_alloc_connection *connection = NULL;
    struct tt_alloc_list *list = NULL;
    int r = -ENOMEM, allowed;

    make_processes(&script, TT_ALLOC_PROCESS, TT_ALLOC_LIST_PROCESSES);
    server->answers[0] = (struct answer){&welcome, sizeof(welcome)};
    server->answers[1] = answer_of(&script);
    server->answer_count = 2;
    allocations_left = 0;
    assert_int_equal(tt_alloc_connect(server->path, &connection), -ENOMEM);
    for (allowed = 0; r == -ENOMEM; allowed++) {
        allocations_left = -1;
        server_start(server);
        assert_int_equal(tt_alloc_connect(server->path, &connection), 0);
        allocations_left = allowed;
        r = tt_alloc_list_processes(connection, NULL, &list);
        allocations_left = -1;
        if (r == 0)
            check_processes(list);
        tt_alloc_disconnect(connection);
        server_finish(server);
    }
    assert_int_equal(r, 0);
    assert_true(allowed > 5);
    tt_alloc_list_free(list);
}

/* ---- Many ---- */

/* Else a server that sends as fast as it can would have some gigabytes of us before the time is up. */
static void test_an_array_has_a_limit(void **state)
{
    static const size_t sizes[] = {1, sizeof(struct tt_alloc_buffer)};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t most = TT_ALLOC_ARRAY_MOST / sizes[i];
        struct tt_alloc_array array = {0};

        assert_null(tt_alloc_array_extend(&array, sizes[i], most + 1));
        assert_null(array.items);
        assert_non_null(tt_alloc_array_extend(&array, sizes[i], 3));
        assert_null(tt_alloc_array_extend(&array, sizes[i], most - 2));
        assert_null(tt_alloc_array_extend(&array, sizes[i], SIZE_MAX));
        assert_int_equal(array.count, 3);
        free(array.items);
    }
}

static void test_many(void **state)
{
    const size_t many = 200000;
    union tt_alloc_answer *records = calloc(many + 1, sizeof(*records));
    struct tt_alloc_list *list;

    for (size_t i = 0; i < many; i++)
        records[i].buffer = (struct tt_alloc_buffer_record){.type = TT_ALLOC_BUFFER, .buffer_id = i};
    records[many].end =
        (struct tt_alloc_end_record){.type = TT_ALLOC_END, .count = many, .request = TT_ALLOC_LIST_BUFFERS};
    struct answer answer = {records, (many + 1) * FRAME};
    struct tt_alloc_connection *connection = connect_to_script(*state, &answer, 1);
    assert_int_equal(tt_alloc_list_buffers(connection, NULL, &list), 0);
    assert_int_equal(tt_alloc_list_count(list), many);
    for (size_t i = 0; i < many; i++)
        assert_int_equal(tt_alloc_list_buffer(list, i)->buffer_id, i);
    tt_alloc_list_free(list);
    tt_alloc_disconnect(connection);
    free(records);
}

/* ---- Noise ---- */

static uint64_t noise = 20250101;

static uint32_t random_below(uint32_t limit)
{
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return (uint32_t)(noise >> 32) % limit;
}

/* Mostly plausible: the types that belong there, with short random contents. */
static void add_noise(struct script *script, uint8_t kind)
{
    const uint8_t plain[] = {kind, 81}, with_usages[] = {kind, 81, TT_ALLOC_USAGE, TT_ALLOC_USAGE, TT_ALLOC_TEXT};
    bool is_plain = kind == TT_ALLOC_BUFFER || kind == TT_ALLOC_FIGURE || kind == TT_ALLOC_HISTORY;
    bool is_device = kind == TT_ALLOC_DEVICE && random_below(50) > 0;
    uint8_t type = is_plain ? plain[random_below(2)] : with_usages[random_below(is_device ? 4 : 5)];
    union tt_alloc_answer *record = add(script, script->count == 0 ? kind : type);

    if (record->type == TT_ALLOC_USAGE)
        record->usage.index = random_below(9);
    if (record->type == TT_ALLOC_TEXT)
        record->text.length = random_below(100);
    if (record->type == TT_ALLOC_HISTORY)
        record->history.count = 1 + random_below(20) + random_below(100) / 99;
    if (random_below(40) == 0)
        for (uint32_t i = random_below(16); i > 0; i--)
            ((uint8_t *)record)[random_below(FRAME)] = (uint8_t)random_below(256);
}

static void make_noise(struct script *script, uint8_t kind, uint8_t request)
{
    script->count = 0;
    for (uint32_t i = random_below(RECORDS_MAX - 2); i > 0; i--)
        add_noise(script, kind);
    add_end(script, random_below(10) == 0 ? (uint8_t)random_below(256) : request);
    if (random_below(4) == 0) /* single bits, anywhere */
        ((uint8_t *)script->records)[random_below((uint32_t)(script->count * FRAME))] ^=
            (uint8_t)(1 << random_below(8));
}

static size_t touch_usages(const struct tt_alloc_usage *usage, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        assert_true(usage[i].index < (usage[i].is_pool ? TT_ALLOC_POOLS : TT_ALLOC_REGIONS));
        sum += usage[i].bytes;
    }
    return sum;
}

/* Reads every byte that the list offers. */
static size_t touch(const struct tt_alloc_list *list)
{
    size_t sum = tt_alloc_list_hidden(list);

    for (size_t i = 0; i < tt_alloc_list_count(list); i++) {
        const struct tt_alloc_device *device = tt_alloc_list_device(list, i);
        const struct tt_alloc_process *process = tt_alloc_list_process(list, i);
        const struct tt_alloc_buffer *buffer = tt_alloc_list_buffer(list, i);
        const struct tt_alloc_figure *figure = tt_alloc_list_figure(list, i);
        const struct tt_alloc_history *series = tt_alloc_list_series(list, i);
        assert_int_equal((device != NULL) + (process != NULL) + (buffer != NULL) + (figure != NULL) + (series != NULL),
                         1);
        if (device != NULL)
            sum += strlen(device->description.board) + touch_usages(device->usage, device->usage_count);
        if (process != NULL)
            sum +=
                strlen(process->comm) + strlen(process->command) + touch_usages(process->usage, process->usage_count);
        if (buffer != NULL)
            assert_true(buffer->region < TT_ALLOC_REGIONS);
        if (figure != NULL)
            sum += strlen(figure->name);
        for (size_t k = 0; series != NULL && k < series->count; k++)
            sum += series->samples[k];
    }
    return sum;
}

static void test_noise(void **state)
{
    static const struct {
        list_call *call;
        uint8_t kind, request;
    } lists[] = {
        {tt_alloc_list_devices, TT_ALLOC_DEVICE, TT_ALLOC_LIST_DEVICES},
        {tt_alloc_list_processes, TT_ALLOC_PROCESS, TT_ALLOC_LIST_PROCESSES},
        {tt_alloc_list_ended, TT_ALLOC_ENDED, TT_ALLOC_LIST_ENDED},
        {tt_alloc_list_buffers, TT_ALLOC_BUFFER, TT_ALLOC_LIST_BUFFERS},
        {figures_call, TT_ALLOC_FIGURE, TT_ALLOC_LIST_FIGURES},
        {history_call, TT_ALLOC_HISTORY, TT_ALLOC_LIST_HISTORY},
    };
    struct server *server = *state;
    size_t good = 0, bad = 0, sum = 0;

    server->hang_up = true;
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
        struct script script;
        struct tt_alloc_list *list;
        uint32_t which = random_below(6);
        make_noise(&script, lists[which].kind, lists[which].request);
        struct answer answer = answer_of(&script);
        server->piece = random_below(2) * (1 + random_below(500));
        struct tt_alloc_connection *connection = connect_to_script(server, &answer, 1);
        int r = lists[which].call(connection, NULL, &list);
        if (r == 0) {
            sum += touch(list);
            tt_alloc_list_free(list);
        }
        good += r == 0;
        bad += r == -EPROTO || r == -ECONNRESET;
        tt_alloc_disconnect(connection);
        server_finish(server);
    }
    print_message("%zu answers accepted, %zu refused (%zu)\n", good, bad, sum);
    assert_int_equal(good + bad, FUZZ_ROUNDS);
    assert_in_range(good, FUZZ_ROUNDS / 20, FUZZ_ROUNDS - FUZZ_ROUNDS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_connect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_welcomes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffers_and_figures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_server_without_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgetting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_server_that_cannot_forget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters_that_make_no_sense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_surplus, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer_breaks_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
        cmocka_unit_test(test_an_array_has_a_limit),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
    };

    return cmocka_run_group_tests_name("client_ask", tests, NULL, NULL);
}
