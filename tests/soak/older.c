/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every call blocks as long as it takes: that is what such programs do while the server is stopped.
 */

#include "older.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int older_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timespec pause = {.tv_nsec = 20000000};

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0) {
            perror("soak client: socket");
            exit(1);
        }
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        close(fd);
        nanosleep(&pause, NULL);
    }
}

static int send_frame(int fd, size_t frame_size, const struct tt_alloc_message_72 *message)
{
    union {
        struct tt_alloc_message_72 head;
        uint8_t bytes[TT_ALLOC_FRAME_MAX];
    } frame = {.bytes = {0}};

    frame.head = *message;
    return send(fd, &frame, frame_size, MSG_NOSIGNAL) == (ssize_t)frame_size ? 0 : -1;
}

static uint8_t type_for(uint8_t region, uint8_t type)
{
    bool is_free = type == TT_ALLOC_FREE;

    if (region == TT_ALLOC_CB)
        return is_free ? TT_ALLOC_CB_FREE : TT_ALLOC_CB_ALLOC;
    if (region == TT_ALLOC_KERNEL)
        return is_free ? TT_ALLOC_KERNEL_UNLOAD : TT_ALLOC_KERNEL_LOAD;
    return type;
}

int older_report(int fd, size_t frame_size, uint8_t region, const struct tt_alloc_message_72 *message)
{
    struct tt_alloc_message_72 frame = *message;

    frame.type = type_for(region, message->type);
    frame.buffer_type = frame.type == TT_ALLOC_ALLOC ? region : 0;
    frame.process_id = getpid();
    return send_frame(fd, frame_size, &frame);
}

int older_fence(int fd, size_t frame_size)
{
    const struct tt_alloc_message_72 question = {.type = TT_ALLOC_QUERY};
    uint8_t answer[TT_ALLOC_FRAME_MAX];

    if (send_frame(fd, frame_size, &question) < 0)
        return -1;
    return recv(fd, answer, frame_size, MSG_WAITALL) == (ssize_t)frame_size ? 0 : -1;
}
