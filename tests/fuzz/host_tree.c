/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The list of files is what the reader asks for on a host with one card, some processes and a container: what it does
 * not ask for does not matter, and a fuzzer that finds the names itself would also find those of other directories.
 */

#include "tests/fuzz/host_tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/check.h"
#include "tests/fuzz/totals_input.h"

#define CARD "sys/class/tenstorrent/tenstorrent!0/"
#define PCI CARD "device/"
#define HWMON PCI "hwmon/hwmon3/"
#define COUNT (sizeof(files) / sizeof(files[0]))

enum kind {
    PLAIN,
    LINK,
    TOTALS,
};

static const struct {
    const char *path;
    enum kind kind;
} files[] = {
    {"proc/stat", PLAIN},
    {"proc/uptime", PLAIN},
    {"proc/sys/kernel/hostname", PLAIN},
    {"proc/driver/tenstorrent/0/pids", PLAIN},
    {"sys/module/tenstorrent/version", PLAIN},
    {CARD "tt_card_type", PLAIN},
    {CARD "tt_asic_id", PLAIN},
    {CARD "tt_serial", PLAIN},
    {CARD "tt_aiclk", PLAIN},
    {CARD "tt_heartbeat", PLAIN},
    {CARD "tt_fw_bundle_ver", PLAIN},
    {PCI "device", PLAIN},
    {PCI "uevent", PLAIN},
    {PCI "current_link_width", PLAIN},
    {PCI "current_link_speed", PLAIN},
    {HWMON "name", PLAIN},
    {HWMON "temp1_input", PLAIN},
    {HWMON "power1_input", PLAIN},
    {HWMON "fan1_input", PLAIN},
    {"proc/77/stat", PLAIN},
    {"proc/77/status", PLAIN},
    {"proc/77/ns/pid", LINK},
    {"proc/4242/stat", PLAIN},
    {"proc/4242/status", PLAIN},
    {"proc/4242/cmdline", PLAIN},
    {"proc/4242/cgroup", PLAIN},
    {"proc/4242/ns/pid", LINK},
    {"proc/4242/ns/mnt", LINK},
    {"proc/4242/root", LINK},
    {"dev/shm/tt_device_7_memory", TOTALS},
    {"dev/shm/tt_device_65536_memory", TOTALS},
    {"dev/shm/TT_UMD_LOCK.CHIP_IN_USE_0_PCIe", PLAIN},
    {"box/dev/shm/tt_device_7_memory", TOTALS},
};

struct content {
    const uint8_t *data; /* NULL: there is no such file */
    size_t size;
};

static char top[64];
static bool is_there[sizeof(files) / sizeof(files[0])];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(void)
{
    (void)nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void locate(const char *path, char ret[256])
{
    CHECK(snprintf(ret, 256, "%s/%s", top, path) < 256);
}

static void make_parents(const char *file)
{
    char path[256];

    locate(file, path);
    for (char *slash = strchr(path + strlen(top) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

const char *host_tree_path(void)
{
    const char *parent = getenv("TMPDIR");

    if (top[0])
        return top;
    if (!parent || strlen(parent) > 32)
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(top, sizeof(top), "%s/tt-alloc-fuzz-XXXXXX", parent);
    CHECK(mkdtemp(top));
    CHECK(atexit(remove_tree) == 0);
    for (size_t i = 0; i < COUNT; i++)
        make_parents(files[i].path);
    return top;
}

static void write_bytes(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* The target of a link ends with its line, and is not empty. */
static void make_link(const char *path, const uint8_t *data, size_t size)
{
    char target[256] = "";

    memcpy(target, data, size < sizeof(target) - 1 ? size : sizeof(target) - 1);
    target[strcspn(target, "\n")] = '\0';
    CHECK(symlink(target[0] ? target : ".", path) == 0);
}

static void make_totals(const char *path, const uint8_t *data, size_t size)
{
    struct totals_input input;

    totals_input_make(&input, data, size);
    write_bytes(path, input.bytes, input.size);
}

/* What was there is removed first: it may be a link. */
static void make_file(size_t index, struct content content)
{
    char path[256];

    locate(files[index].path, path);
    if (is_there[index])
        CHECK(unlink(path) == 0);
    is_there[index] = content.data != NULL;
    if (!content.data)
        return;
    if (files[index].kind == LINK || (content.size > 0 && content.data[0] == '!'))
        make_link(path, content.data, content.size);
    else if (files[index].kind == TOTALS)
        make_totals(path, content.data, content.size);
    else
        write_bytes(path, content.data, content.size);
}

/* The file that a line "=path" names, or COUNT. */
static size_t named_file(const uint8_t *line, size_t length)
{
    size_t i = 0;

    if (length == 0 || line[0] != '=')
        return COUNT;
    while (i < COUNT && (strlen(files[i].path) != length - 1 || memcmp(files[i].path, line + 1, length - 1) != 0))
        i++;
    return i;
}

static size_t line_length(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);

    return end ? (size_t)(end - data) : size;
}

void host_tree_fill(const uint8_t *data, size_t size)
{
    struct content contents[COUNT] = {0};
    size_t current = COUNT;

    host_tree_path();
    for (size_t i = 0; i < size;) {
        size_t length = line_length(data + i, size - i), next = i + length + (i + length < size);
        size_t named = named_file(data + i, length);

        if (named < COUNT)
            contents[named] = (struct content){data + next, 0};
        else if (current < COUNT)
            contents[current].size += next - i;
        current = named < COUNT ? named : current;
        i = next;
    }
    for (size_t i = 0; i < COUNT; i++)
        make_file(i, contents[i]);
}

bool host_tree_has(const char *prefix)
{
    for (size_t i = 0; i < COUNT; i++)
        if (is_there[i] && strncmp(files[i].path, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}
