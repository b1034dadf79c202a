/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writes the seeds of the decoder's fuzzer into a directory: for each generation and each type it may begin with, a
 * stream of a few frames; the same cut short; and some that are wrong in one place. Seeds are made, not stored, so that
 * they follow the protocol header.
 *
 *   make_decoder_corpus DIRECTORY
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/tt_alloc_protocol.h"

#define FRAMES 4

static const char *directory;

struct seed {
    uint8_t bytes[4 + FRAMES * TT_ALLOC_FRAME_MAX];
    size_t size;
};

static int write_seed(const struct seed *seed, const char *kind, size_t frame_size, unsigned type)
{
    char path[4096];
    FILE *file;
    int result;

    snprintf(path, sizeof(path), "%s/%s-%zu-%u", directory, kind, frame_size, type);
    file = fopen(path, "we");
    if (!file || fwrite(seed->bytes, 1, seed->size, file) != seed->size) {
        perror(path);
        if (file)
            fclose(file);
        return -1;
    }
    result = fclose(file);
    return result;
}

static void put_records(uint8_t *frame)
{
    struct tt_alloc_records records = {.type = TT_ALLOC_RECORDS, .device_id = -1, .count = TT_ALLOC_RECORDS_MAX};

    for (size_t i = 0; i < TT_ALLOC_RECORDS_MAX; i++)
        records.record[i] = (struct tt_alloc_record){.buffer_id = 0x1000 * i,
                                                     .size = 4096,
                                                     .tick = 7,
                                                     .type = (uint8_t)(TT_ALLOC_RESYNC_BEGIN + i),
                                                     .buffer_type = TT_ALLOC_L1,
                                                     .references = 1};
    memcpy(frame, &records, sizeof(records));
}

/* Every field that a request sets is something other than 0. */
static void append(struct seed *seed, uint8_t type, size_t frame_size)
{
    struct tt_alloc_message_72 message = {.type = type,
                                          .device_id = 1,
                                          .size = 4096,
                                          .buffer_type = TT_ALLOC_TRACE,
                                          .process_id = 77,
                                          .buffer_id = 0x800000000 + seed->size,
                                          .timestamp = 1};
    uint8_t *frame = seed->bytes + seed->size;

    memset(frame, 0, frame_size);
    memcpy(frame, &message, sizeof(message));
    if (type == TT_ALLOC_HELLO) {
        struct tt_alloc_hello hello = {.type = TT_ALLOC_HELLO,
                                       .device_id = -1,
                                       .magic = TT_ALLOC_MAGIC,
                                       .version = TT_ALLOC_PROTOCOL_VERSION,
                                       .features = TT_ALLOC_FEATURE_FREE_REGION | TT_ALLOC_FEATURE_RING,
                                       .tick = 9,
                                       .name = "seed",
                                       .instance = 0x5eed};

        memcpy(frame, &hello, sizeof(hello));
    }
    if (type == TT_ALLOC_RECORDS)
        put_records(frame);
    seed->size += frame_size;
}

static int make_seeds(uint8_t type, size_t frame_size)
{
    struct seed seed = {.bytes = {type, 3, 5, 7}, .size = 4};
    int result;

    append(&seed, type, frame_size);
    append(&seed, TT_ALLOC_FREE, frame_size);
    append(&seed, TT_ALLOC_QUERY, frame_size);
    append(&seed, frame_size == TT_ALLOC_FRAME_72 ? TT_ALLOC_ALLOC : TT_ALLOC_CB_ALLOC, frame_size);
    result = write_seed(&seed, "whole", frame_size, type);
    seed.bytes[4 + frame_size] = TT_ALLOC_RESPONSE;
    result |= write_seed(&seed, "bad-type", frame_size, type);
    seed.bytes[4 + frame_size] = TT_ALLOC_FREE;
    seed.bytes[4 + 2 * frame_size + 18] = 1;
    result |= write_seed(&seed, "bad-padding", frame_size, type);
    seed.size = 4 + frame_size + 50;
    result |= write_seed(&seed, "cut", frame_size, type);
    seed.size = 4 + TT_ALLOC_FRAME_72;
    return result | write_seed(&seed, "head", frame_size, type);
}

int main(int argc, char **argv)
{
    static const uint8_t types_72[] = {1, 2, 3, 5};
    static const uint8_t types_112[] = {1, 2, 3, 5, 6, 32, 34, 40, 41, 42, 43, 44, 45, 48, 50, 51};
    static const uint8_t types_144[] = {1, 2, 3, 5, 6, 8, 9, 10, 11, 12};
    int result = 0;

    if (argc != 2) {
        fprintf(stderr, "Usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
        perror(directory);
        return 1;
    }
    for (size_t i = 0; i < sizeof(types_72); i++)
        result |= make_seeds(types_72[i], TT_ALLOC_FRAME_72);
    for (size_t i = 0; i < sizeof(types_112); i++)
        result |= make_seeds(types_112[i], TT_ALLOC_FRAME_112);
    for (size_t i = 0; i < sizeof(types_144); i++)
        result |= make_seeds(types_144[i], TT_ALLOC_FRAME_144);
    return result ? 1 : 0;
}
