/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The thread and the loop hand each other one token, the state: whoever has it may touch the rest.
 */

#include "smi/live/sampler.h"
#include "smi/sample/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum state {
    IDLE,
    ASKED,
    DONE, /* a sample waits to be taken */
    ENDING,
};

struct sampler {
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t thread;
    enum state state;
    int event;
    struct options options;
    struct source source;
    struct sampler_wish wish;
    struct sample sample;
    bool has_history; /* all up to the last sample */
    int result;
};

#define BUFFERS_SHOWN 100
#define HISTORY_OVERLAP 5 /* seconds that are asked for again: late reports may have changed them */

void sample_clear(struct sample *sample)
{
    snapshot_clear(&sample->snapshot);
    sample->history = tt_alloc_list_free(sample->history);
}

/* A server that keeps none, or is gone by now, is no error: then there is no history. */
static void ask_history(struct sampler *sampler)
{
    struct tt_alloc_filter filter = {.limit = sampler->wish.interval / 1000000000 + HISTORY_OVERLAP};
    bool is_told = sampler->source.connection && sampler->sample.snapshot.error == 0;
    int r = -ENOTCONN;

    if (is_told)
        r = tt_alloc_list_history(sampler->source.connection, sampler->has_history ? &filter : NULL,
                                  TT_ALLOC_HISTORY_SECOND, &sampler->sample.history);
    sampler->has_history = r == 0;
    if (is_told && r < 0 && r != -EOPNOTSUPP)
        source_clear(&sampler->source);
}

static int take_sample(struct sampler *sampler)
{
    struct options *options = &sampler->options;
    struct filter filter = options->filter;
    int r;

    options->view = sampler->wish.wants_buffers ? VIEW_TOP : VIEW_TABLE;
    options->count = BUFFERS_SHOWN;
    if (sampler->wish.pid != 0)
        options->filter.pid = sampler->wish.pid;
    r = source_sample(&sampler->source, options, &sampler->sample.snapshot);
    options->filter = filter;
    if (r < 0)
        return r;
    ask_history(sampler);
    return snapshot_select(&sampler->sample.snapshot, &filter);
}

static void *work(void *userdata)
{
    struct sampler *sampler = userdata;

    pthread_mutex_lock(&sampler->lock);
    while (sampler->state != ENDING) {
        if (sampler->state != ASKED) {
            pthread_cond_wait(&sampler->change, &sampler->lock);
            continue;
        }
        pthread_mutex_unlock(&sampler->lock);
        sampler->result = take_sample(sampler);
        pthread_mutex_lock(&sampler->lock);
        if (sampler->state == ASKED)
            sampler->state = DONE;
        eventfd_write(sampler->event, 1);
    }
    pthread_mutex_unlock(&sampler->lock);
    return NULL;
}

/* The thread may outlive what it was given. */
static int copy_options(const struct options *options, struct options *ret)
{
    size_t size = options->filter.device_count * sizeof(*options->filter.devices);
    int32_t *devices = malloc(size + 1);

    if (!devices)
        return -ENOMEM;
    if (size > 0)
        memcpy(devices, options->filter.devices, size);
    *ret = *options;
    ret->filter.devices = devices;
    return 0;
}

int sampler_new(const struct options *options, struct sampler **ret)
{
    struct sampler *sampler = calloc(1, sizeof(*sampler));
    int r;

    if (!sampler || copy_options(options, &sampler->options) < 0) {
        free(sampler);
        return -ENOMEM;
    }
    source_init(&sampler->source, options);
    pthread_mutex_init(&sampler->lock, NULL);
    pthread_cond_init(&sampler->change, NULL);
    sampler->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    r = sampler->event < 0 ? errno : pthread_create(&sampler->thread, NULL, work, sampler);
    if (r == 0) {
        *ret = sampler;
        return 0;
    }
    if (sampler->event >= 0)
        close(sampler->event);
    free(sampler->options.filter.devices);
    free(sampler);
    return -r;
}

static void destroy(struct sampler *sampler)
{
    pthread_join(sampler->thread, NULL);
    sample_clear(&sampler->sample);
    source_clear(&sampler->source);
    pthread_mutex_destroy(&sampler->lock);
    pthread_cond_destroy(&sampler->change);
    close(sampler->event);
    free(sampler->options.filter.devices);
    free(sampler);
}

struct sampler *sampler_free(struct sampler *sampler)
{
    bool is_at_it;

    if (!sampler)
        return NULL;
    pthread_mutex_lock(&sampler->lock);
    is_at_it = sampler->state == ASKED;
    sampler->state = ENDING;
    pthread_cond_signal(&sampler->change);
    pthread_mutex_unlock(&sampler->lock);
    if (!is_at_it)
        destroy(sampler);
    return NULL;
}

int sampler_fd(const struct sampler *sampler)
{
    return sampler->event;
}

void sampler_ask(struct sampler *sampler, struct sampler_wish wish)
{
    pthread_mutex_lock(&sampler->lock);
    if (sampler->state == IDLE) {
        sampler->wish = wish;
        sampler->state = ASKED;
        pthread_cond_signal(&sampler->change);
    }
    pthread_mutex_unlock(&sampler->lock);
}

int sampler_take(struct sampler *sampler, struct sample *ret)
{
    eventfd_t count;
    int r = -EAGAIN;

    eventfd_read(sampler->event, &count);
    pthread_mutex_lock(&sampler->lock);
    if (sampler->state == DONE) {
        r = sampler->result;
        if (r == 0)
            *ret = sampler->sample;
        else
            sample_clear(&sampler->sample);
        sampler->sample = (struct sample){0};
        sampler->state = IDLE;
    }
    pthread_mutex_unlock(&sampler->lock);
    return r;
}
