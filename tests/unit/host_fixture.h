/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small trees in a temporary directory that look like the files of a host. Paths in a tree begin without a slash;
 * directories above them are made as needed.
 */

#include "tests/unit/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tree {
    char path[64];
};

static inline struct tree tree_open(void)
{
    struct tree tree = {"/tmp/tt-alloc-host-XXXXXX"};

    assert_non_null(mkdtemp(tree.path));
    return tree;
}

static inline int tree_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void tree_close(struct tree *tree)
{
    assert_int_equal(nftw(tree->path, tree_remove_one, 32, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of something in the tree, whose parents exist from now on. */
static inline void tree_prepare(const struct tree *tree, const char *name, char *ret, size_t size)
{
    snprintf(ret, size, "%s/%s", tree->path, name);
    for (char *slash = strchr(ret + strlen(tree->path) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(ret, 0755);
        *slash = '/';
    }
}

static inline void tree_mkdir(const struct tree *tree, const char *name)
{
    char path[1024];

    tree_prepare(tree, name, path, sizeof(path));
    assert_int_equal(mkdir(path, 0755), 0);
}

/* What stood there is replaced. */
static inline void tree_write_bytes(const struct tree *tree, const char *name, const void *bytes, size_t size)
{
    char path[1024];
    int fd;

    tree_prepare(tree, name, path, sizeof(path));
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static inline void tree_write(const struct tree *tree, const char *name, const char *text)
{
    tree_write_bytes(tree, name, text, strlen(text));
}

/* To "!ENODATA": reading fails so. */
static inline void tree_link(const struct tree *tree, const char *name, const char *target)
{
    char path[1024];

    tree_prepare(tree, name, path, sizeof(path));
    (void)unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

static inline void tree_make_fifo(const struct tree *tree, const char *name)
{
    char path[1024];

    tree_prepare(tree, name, path, sizeof(path));
    assert_int_equal(mkfifo(path, 0644), 0);
}

/* A file, a link, or a directory with all that is in it. */
static inline void tree_remove(const struct tree *tree, const char *name)
{
    char path[1024];

    tree_prepare(tree, name, path, sizeof(path));
    assert_int_equal(nftw(path, tree_remove_one, 32, FTW_DEPTH | FTW_PHYS), 0);
}

struct tree_file {
    const char *name, *text;
};

static inline void tree_write_files(const struct tree *tree, const char *directory, const struct tree_file *files,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[512];

        snprintf(name, sizeof(name), "%s/%s", directory, files[i].name);
        tree_write(tree, name, files[i].text);
    }
}

/* Host name, clock, and a loaded driver without devices. */
static inline void tree_add_host(const struct tree *tree)
{
    static const struct tree_file files[] = {
        {"proc/sys/kernel/hostname", "quietbox\n"},
        {"proc/stat", "cpu  1 2 3 4\nintr 5 6 7\nctxt 8\nbtime 1700000000\nprocesses 9\n"},
        {"proc/uptime", "86400.25 1234567.89\n"},
        {"sys/module/tenstorrent/version", "2.7.0\n"},
    };

    tree_write_files(tree, ".", files, sizeof(files) / sizeof(files[0]));
    tree_mkdir(tree, "sys/class/tenstorrent");
}

/* Writes one file of a directory, by printf() rules. */
static inline void tree_printf(const struct tree *tree, const char *directory, const char *file, const char *format,
                               ...) __attribute__((format(printf, 4, 5)));

static inline void tree_printf(const struct tree *tree, const char *directory, const char *file, const char *format,
                               ...)
{
    char name[512], text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(name, sizeof(name), "%s/%s", directory, file);
    tree_write(tree, name, text);
}

static inline void tree_add_pci_device(const struct tree *tree, const char *directory)
{
    static const struct tree_file files[] = {
        {"vendor", "0x1e52\n"},
        {"device", "0x401e\n"},
        {"current_link_speed", "16.0 GT/s PCIe\n"},
        {"max_link_speed", "16.0 GT/s PCIe\n"},
        {"current_link_width", "8\n"},
        {"max_link_width", "16\n"},
        {"hwmon/hwmon3/name", "wormhole\n"},
        {"hwmon/hwmon3/temp1_input", "42500\n"},
        {"hwmon/hwmon3/temp1_max", "75000\n"},
        {"hwmon/hwmon3/in0_input", "720\n"},
        {"hwmon/hwmon3/in0_max", "950\n"},
        {"hwmon/hwmon3/curr1_input", "18000\n"},
        {"hwmon/hwmon3/curr1_max", "160000\n"},
        {"hwmon/hwmon3/power1_input", "13000000\n"},
        {"hwmon/hwmon3/power1_max", "85000000\n"},
    };

    tree_write_files(tree, directory, files, sizeof(files) / sizeof(files[0]));
}

static inline void tree_add_class_device(const struct tree *tree, const char *directory, int number)
{
    static const struct tree_file files[] = {
        {"tt_card_type", "n300\n"},
        {"tt_aiclk", "500\n"},
        {"tt_axiclk", "900\n"},
        {"tt_arcclk", "540\n"},
        {"tt_heartbeat", "77\n"},
        {"tt_fw_bundle_ver", "18.5.0.0\n"},
        {"tt_m3app_fw_ver", "5.12.0.0\n"},
        {"tt_arc_fw_ver", "2.31.0.0\n"},
        {"tt_eth_fw_ver", "6.14.0\n"},
        {"tt_m3bl_fw_ver", "129.2.0.0\n"},
        {"tt_ttflash_ver", "3.4.0.0\n"},
    };

    tree_write_files(tree, directory, files, sizeof(files) / sizeof(files[0]));
    tree_printf(tree, directory, "tt_asic_id", "%016x\n", 0x10000U + (unsigned)number);
    tree_printf(tree, directory, "tt_serial", "%016x\n", 0x20000U + (unsigned)number);
}

/* An n300 that is idle and that nobody has open, laid out as sysfs does it. Its PCI address is 0000:BUS:00.0 with bus
 * 1 + number, its ids are 0x10000 + number (asic) and 0x20000 + number (board). */
static inline void tree_add_device(const struct tree *tree, int number)
{
    char pci[64], real[128], name[192], target[160];

    snprintf(pci, sizeof(pci), "sys/devices/pci0000:00/0000:%02x:00.0", 1U + (unsigned)number);
    snprintf(real, sizeof(real), "%s/tenstorrent/tenstorrent!%d", pci, number);
    tree_add_pci_device(tree, pci);
    tree_add_class_device(tree, real, number);

    snprintf(name, sizeof(name), "%s/device", real);
    snprintf(target, sizeof(target), "../../../%s", strrchr(pci, '/') + 1);
    tree_link(tree, name, target);
    snprintf(name, sizeof(name), "sys/class/tenstorrent/tenstorrent!%d", number);
    snprintf(target, sizeof(target), "../../%s", real + strlen("sys/"));
    tree_link(tree, name, target);
    snprintf(name, sizeof(name), "proc/driver/tenstorrent/%d", number);
    tree_printf(tree, name, "pids", "%s", "");
}
