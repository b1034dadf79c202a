/* SPDX-License-Identifier: Apache-2.0 */

#include "bench/model.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/give_up.h"
#include "bench/model_map.h"
#include "protocol/tt_alloc_protocol.h"

#define DEVICES 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct model_map buffers;
static uint64_t totals[DEVICES][TT_ALLOC_REGIONS];

static void take_allocation(const struct tt_alloc_message_72 *message)
{
    struct model_buffer *known, buffer = {.id = message->buffer_id,
                                          .device = message->device_id,
                                          .size = message->size,
                                          .region = message->buffer_type,
                                          .owner = message->process_id,
                                          .time = time(NULL),
                                          .references = 1};

    pthread_mutex_lock(&lock);
    known = model_map_find(&buffers, message->device_id, message->buffer_id);
    if (known)
        known->references++;
    else
        model_map_insert(&buffers, &buffer);
    totals[message->device_id % DEVICES][message->buffer_type % TT_ALLOC_REGIONS] += message->size;
    pthread_mutex_unlock(&lock);
}

static void take_free(const struct tt_alloc_message_72 *message)
{
    struct model_buffer *known;

    pthread_mutex_lock(&lock);
    known = model_map_find(&buffers, message->device_id, message->buffer_id);
    if (known && --known->references == 0) {
        totals[known->device % DEVICES][known->region % TT_ALLOC_REGIONS] -= known->size;
        model_map_remove(&buffers, message->device_id, message->buffer_id);
    }
    pthread_mutex_unlock(&lock);
}

static void answer(int fd, const struct tt_alloc_message_72 *question)
{
    struct tt_alloc_message response = {.head = {.type = TT_ALLOC_RESPONSE, .device_id = question->device_id}};
    const uint64_t *total = totals[question->device_id % DEVICES];

    pthread_mutex_lock(&lock);
    response.head.dram_allocated = total[TT_ALLOC_DRAM];
    response.head.l1_allocated = total[TT_ALLOC_L1];
    pthread_mutex_unlock(&lock);
    send(fd, &response, sizeof(response), MSG_NOSIGNAL);
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    struct tt_alloc_message message;

    while (recv(fd, &message, sizeof(message), MSG_WAITALL) == (ssize_t)sizeof(message)) {
        if (message.head.type == TT_ALLOC_ALLOC)
            take_allocation(&message.head);
        else if (message.head.type == TT_ALLOC_FREE)
            take_free(&message.head);
        else if (message.head.type == TT_ALLOC_QUERY)
            answer(fd, &message.head);
    }
    close(fd);
    return NULL;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
        give_up("%s", path);
    return fd;
}

void model_main(const char *path)
{
    int listener = listen_at(path);

    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;

        if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            give_up("accept");
        pthread_detach(thread);
    }
}
