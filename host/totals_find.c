/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Processes that share a mount namespace see one /dev/shm, so it is looked into once. Who may write there may also fill
 * it, so what is looked at in one directory is bounded, and what is left out is told as -EOVERFLOW.
 */

#include "host/totals_find.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/process.h"
#include "host/totals_layout.h"
#include "host/totals_parse.h"

#define NAMES_MOST 65536 /* of a directory */
#define FILES_MOST 256   /* of a directory: more than any host has chips */
#define ALL_FILES_MOST 4096
#define READS_MOST 5

/* A process that may lead to a directory of its own. */
struct lead {
    uint64_t mount_namespace; /* 0: not known */
    int32_t pid;
};

bool host_totals_name(const char *name, uint64_t *ret_id)
{
    char again[64];
    uint64_t id;

    if (sscanf(name, "tt_device_%" SCNu64 "_memory", &id) != 1)
        return false;
    snprintf(again, sizeof(again), "tt_device_%" PRIu64 "_memory", id);
    if (strcmp(name, again) != 0)
        return false;
    *ret_id = id;
    return true;
}

/* There is no lock. What reads the same twice was not being written meanwhile; on a device that is never at rest, the
 * last reading has to do. */
static int read_at_rest(int fd, uint8_t ret[TOTALS_SIZE], size_t *ret_size)
{
    uint8_t before[TOTALS_SIZE];
    ssize_t size = -1;

    for (int i = 0; i < READS_MOST; i++) {
        ssize_t last_size = size;

        memcpy(before, ret, sizeof(before));
        size = pread(fd, ret, TOTALS_SIZE, 0);
        if (size < 0)
            return -errno;
        if (size == last_size && memcmp(ret, before, (size_t)size) == 0)
            break;
    }
    *ret_size = (size_t)size;
    return 0;
}

static bool is_known_file(const struct host_finds *finds, const struct stat *status)
{
    for (size_t i = 0; i < finds->file_count; i++)
        if (finds->files[i].device == status->st_dev && finds->files[i].inode == status->st_ino)
            return true;
    return false;
}

static int read_file(const struct host_finds *finds, int fd, struct host_found *found, bool *ret_is_known)
{
    uint8_t data[TOTALS_SIZE] = {0};
    struct stat status;
    size_t size = 0;
    int error;

    if (fstat(fd, &status) < 0)
        return -errno;
    *ret_is_known = is_known_file(finds, &status);
    if (*ret_is_known)
        return 0;
    found->device = status.st_dev;
    found->inode = status.st_ino;
    found->owner = status.st_uid;
    error = read_at_rest(fd, data, &size);
    return error < 0 ? error : host_totals_parse(data, size, &found->totals);
}

static int append(struct host_finds *finds, const struct host_found *found)
{
    struct host_found *files = finds->files;

    if ((finds->file_count & (finds->file_count - 1)) == 0) { /* room is a power of two */
        size_t room = finds->file_count ? 2 * finds->file_count : 1;

        files = reallocarray(files, room, sizeof(*files));
        if (!files)
            return -ENOMEM;
        finds->files = files;
    }
    files[finds->file_count++] = *found;
    return 0;
}

static int name_found(const struct host_shm *shm, const char *name, struct host_found *found)
{
    char directory[48], *path;

    host_shm_path(shm, directory);
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return -ENOMEM;
    found->totals.path = path;
    return 0;
}

/* What cannot be read is found all the same, but for what is there no more, or was found before. */
static int find_file(struct host_finds *finds, const struct host_shm *shm, const char *name, uint64_t id)
{
    struct host_found found = {.totals = {.id = id, .through_pid = shm->through_pid, .device = -1},
                               .shm = finds->shm_count};
    bool is_known = false;
    int fd, error = host_shm_open_file(shm, name, &fd);

    if (error == -ENOENT)
        return 0;
    if (error == 0) {
        error = read_file(finds, fd, &found, &is_known);
        close(fd);
    }
    if (is_known || error == -ENOMEM)
        return error;
    if (error < 0) {
        found.totals.state = HOST_TOTALS_UNREADABLE;
        found.totals.error = error;
    }
    error = name_found(shm, name, &found);
    if (error == 0)
        error = append(finds, &found);
    if (error < 0)
        host_totals_done(&found.totals);
    return error;
}

static void note(struct host_finds *finds, int error)
{
    if (finds->error == 0)
        finds->error = error;
}

static int find_files(struct host_finds *finds, const struct host_shm *shm, DIR *directory)
{
    unsigned names = 0, files = 0;
    int error = 0;

    for (struct dirent *entry; error == 0 && (entry = readdir(directory)) != NULL;) {
        uint64_t id;

        if (++names > NAMES_MOST) {
            note(finds, -EOVERFLOW);
            break;
        }
        if (!host_totals_name(entry->d_name, &id))
            continue;
        if (++files > FILES_MOST || finds->file_count >= ALL_FILES_MOST) {
            note(finds, -EOVERFLOW);
            break;
        }
        error = find_file(finds, shm, entry->d_name, id);
    }
    return error;
}

static bool is_known_directory(const struct host_finds *finds, const struct host_shm *shm)
{
    for (size_t i = 0; i < finds->shm_count; i++)
        if (host_shm_is_same(&finds->shms[i], shm))
            return true;
    return false;
}

/* There may be more directories than descriptors that we may have open, so they are closed again. */
static int search_new(struct host_finds *finds, struct host_shm *shm)
{
    DIR *directory = fdopendir(shm->fd);
    int error;

    if (!directory) {
        note(finds, -errno);
        return 0;
    }
    error = find_files(finds, shm, directory);
    closedir(directory);
    shm->fd = -1;
    finds->shms[finds->shm_count++] = *shm;
    return error;
}

/* Takes shm. */
static int search(struct host_finds *finds, struct host_shm *shm)
{
    int error = is_known_directory(finds, shm) ? 0 : search_new(finds, shm);

    host_shm_close(shm);
    return error;
}

static int search_host(const struct host_root *root, struct host_finds *finds)
{
    struct host_shm shm;
    int error = host_shm_open(root, 0, &shm);

    if (error < 0) {
        note(finds, error);
        return 0;
    }
    return search(finds, &shm);
}

static int compare_leads(const void *a, const void *b)
{
    const struct lead *left = a, *right = b;

    if (left->mount_namespace != right->mount_namespace)
        return left->mount_namespace < right->mount_namespace ? -1 : 1;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static size_t gather_leads(const struct host_root *root, const struct host *host, struct lead *ret)
{
    uint64_t ours = root->is_live ? host_process_read_namespace(root, getpid(), "mnt") : 0;
    size_t count = 0;

    for (size_t i = 0; i < host->process_count; i++) {
        const struct host_process *process = &host->processes[i];
        uint64_t namespace = host_process_read_namespace(root, process->pid, "mnt");

        if (process->error == 0 && (namespace == 0 || namespace != ours))
            ret[count++] = (struct lead){namespace, process->pid};
    }
    if (count > 1)
        qsort(ret, count, sizeof(ret[0]), compare_leads);
    return count;
}

/* Whether another process of the same namespace may get further. */
static bool is_of_the_process(int error)
{
    return error == -ENOENT || error == -ESRCH || error == -EACCES;
}

static int follow_leads(const struct host_root *root, const struct lead *leads, size_t count, struct host_finds *finds)
{
    uint64_t done = 0;

    for (size_t i = 0; i < count; i++) {
        struct host_shm shm;
        int error;

        if (leads[i].mount_namespace != 0 && leads[i].mount_namespace == done)
            continue;
        error = host_shm_open(root, leads[i].pid, &shm);
        if (error < 0 && is_of_the_process(error))
            continue;
        done = leads[i].mount_namespace;
        if (error < 0)
            note(finds, error);
        else if (search(finds, &shm) < 0)
            return -ENOMEM;
    }
    return 0;
}

int host_totals_find(const struct host_root *root, const struct host *host, struct host_finds *ret)
{
    struct host_finds finds = {.shms = calloc(host->process_count + 1, sizeof(*finds.shms))};
    struct lead *leads = calloc(host->process_count + 1, sizeof(*leads));
    int error = finds.shms && leads ? 0 : -ENOMEM;

    if (error == 0)
        error = search_host(root, &finds);
    if (error == 0)
        error = follow_leads(root, leads, gather_leads(root, host, leads), &finds);
    free(leads);
    if (error < 0) {
        host_finds_done(&finds);
        return error;
    }
    *ret = finds;
    return 0;
}

void host_finds_done(struct host_finds *finds)
{
    for (size_t i = 0; i < finds->file_count; i++)
        host_totals_done(&finds->files[i].totals);
    free(finds->files);
    free(finds->shms);
    *finds = (struct host_finds){0};
}
