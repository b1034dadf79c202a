/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A picture of a Tenstorrent host, made of what every host offers without our server: the driver's class in sysfs with
 * its hwmon sensors, the driver's list of processes that have a device open, /proc, and the totals that tt-metal keeps
 * in /dev/shm. It is only read, and nothing below /dev/tenstorrent is ever opened: an open can raise a device's power
 * state, and would put us into the list of those who hold it.
 *
 * All paths hang below one root directory: "/", or a tree that was made for a test or copied from another host. In such
 * a tree a dangling symbolic link to "!ENODATA" (or another errno's name) stands for a file whose reading fails so.
 *
 * What cannot be read is no failure of host_read(). Each part says for itself why it is not known, as a negative errno:
 * -ENOENT the host does not offer it (an older driver, another architecture), -ENODATA or -ENODEV the device does not
 * answer (a reset, as a rule), -EACCES it is closed to us, -EINVAL it is there and makes no sense. Nothing unknown is
 * 0 by convention only: look at the error first.
 *
 * Texts come from files that others may write; they are copied as they are, cut at the first zero, and must be escaped
 * before they are shown.
 *
 * Functions return 0 or a negative errno and leave results untouched on failure. One struct host may be used by one
 * thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_number {
    int error;
    int64_t value;
};

/* An identity of 64 bits. */
struct host_id {
    int error;
    uint64_t value;
};

struct host_text {
    int error;
    char text[48];
};

/* What a card of a type has by its data sheet and tt-metal's own view of it. Neither DRAM size nor harvesting can be
 * read without opening the device, so these are nominal: say so where they are shown. */
struct host_card {
    const char *type; /* as in tt_card_type, in lower case: "n300" */
    const char *arch; /* "wormhole_b0", "blackhole" */
    unsigned chips;   /* on the board */
    unsigned cores;   /* Tensix cores of a chip */
    uint64_t l1_per_core;
    uint64_t l1_size; /* bytes of a chip */
    unsigned dram_channels;
    uint64_t dram_size; /* bytes of a chip */
};

/* NULL: a type that we do not know. Any case; a trailing revision or side letter that the driver adds is ignored. */
const struct host_card *host_card_by_type(const char *type);

struct host_holder {
    int32_t pid;
    unsigned opens; /* open descriptors */
};

struct host_device {
    int32_t number; /* of /dev/tenstorrent/N */
    struct host_text card_type;
    const struct host_card *card; /* NULL: not known */
    const char *arch;             /* by PCI device id, else by card; NULL: not known */
    struct host_id pci_address;   /* domain << 16 | bus << 8 | device << 3 | function */
    struct host_id asic_id;
    struct host_id board_id; /* tt_serial */
    struct host_number link_width, link_width_max;
    struct host_text link_speed, link_speed_max; /* "16.0 GT/s PCIe" */

    struct host_number aiclk, axiclk, arcclk; /* MHz */
    struct host_number heartbeat, thermal_trips;
    struct host_text firmware, m3app_firmware; /* tt_fw_bundle_ver, tt_m3app_fw_ver */
    struct host_text arc_firmware, eth_firmware, m3bl_firmware, flash_version;

    struct host_number temperature, temperature_max; /* millidegrees Celsius */
    struct host_number power, power_max;             /* microwatts */
    struct host_number current, current_max;         /* mA */
    struct host_number voltage, voltage_max;         /* mV */
    struct host_number fan;                          /* rounds per minute */

    int holders_error;           /* -ENOENT: a driver before 2.5 */
    struct host_holder *holders; /* each process once, ascending */
    size_t holder_count;
    unsigned hidden_opens; /* by processes in PID namespaces that cannot be seen from ours */
};

struct host_process {
    int32_t pid;
    int error;    /* -ESRCH: it is gone, and only pid means something */
    bool has_uid; /* else uid tells nothing */
    uint32_t uid;
    uint64_t start_time;    /* ns since 1970; 0 not known */
    int32_t inner_pid;      /* its number in its own PID namespace; pid where that is ours */
    uint64_t pid_namespace; /* 0 not known */
    char comm[16];
    char *command;   /* arguments apart by spaces; comm where there are none */
    char *cgroup;    /* the path; NULL not known */
    char *container; /* of the cgroup: "docker 3f2a90b1c2d4", "pod 1c9d...", "lxc NAME"; NULL: in none */
};

/* What tt-metal counts. */
enum host_memory {
    HOST_DRAM,
    HOST_L1,
    HOST_L1_SMALL,
    HOST_TRACE,
    HOST_CB, /* a hint: the high-water mark of the program cache, of whoever wrote last */
    HOST_MEMORIES,
};

#define HOST_SLOTS_MAX 64 /* in a file of totals; who comes later has none */

/* Bytes, or not known: a counter of tt-metal's that ran below zero stands near 2^64 and tells nothing. */
struct host_amount {
    bool known;
    uint64_t bytes;
};

enum host_slot_state {
    HOST_SLOT_LIVE,       /* its process exists, and is the one that wrote it */
    HOST_SLOT_GONE,       /* no such process: what it says is phantom */
    HOST_SLOT_REUSED,     /* another process has its PID now: phantom as well */
    HOST_SLOT_UNVERIFIED, /* it may live: where we cannot look, or two may be it, or it is not for the file to say */
};

struct host_slot {
    int32_t inner_pid; /* as the file says it: in the writer's PID namespace */
    int32_t pid;       /* as we see it; 0 unless the state is LIVE or REUSED */
    enum host_slot_state state;
    struct host_amount held[HOST_MEMORIES];
    uint64_t last_update; /* ns since 1970 */
    char comm[64];
};

struct host_chip {
    uint32_t chip;
    bool remote;
    struct host_amount held[HOST_MEMORIES];
};

enum host_totals_state {
    HOST_TOTALS_OK,
    HOST_TOTALS_STALE,        /* references are counted, but no slot is live */
    HOST_TOTALS_INITIALISING, /* its writer has not finished making it */
    HOST_TOTALS_TRUNCATED,    /* shorter than its layout */
    HOST_TOTALS_UNSUPPORTED,  /* a version other than 2, 3 and 4 */
    HOST_TOTALS_UNREADABLE,   /* error says why: -EACCES is another user's file, mode 0600 */
};

enum host_join {
    HOST_JOIN_NONE,    /* a remote chip, or ambiguous: a chip of its own */
    HOST_JOIN_ID,      /* by asic id or board id */
    HOST_JOIN_PROCESS, /* its process has just this device open */
    HOST_JOIN_LOCK,    /* its process holds the lock that the user-mode driver keeps of the chip in use */
};

/* One file /dev/shm/tt_device_ID_memory, the host's or that of a container with a /dev/shm of its own. Figures are set
 * in the states OK and STALE; version in these and UNSUPPORTED. */
struct host_totals {
    uint64_t id;
    char *path;          /* below the root, "/dev/shm/..." or "/proc/PID/root/dev/shm/..." */
    int32_t through_pid; /* of a container's file: the process that led to it; else 0 */
    enum host_totals_state state;
    int error;
    uint32_t version;
    uint32_t references;
    uint64_t last_update;                      /* ns since 1970 */
    struct host_amount held[HOST_MEMORIES];    /* as the file says it */
    struct host_amount live[HOST_MEMORIES];    /* the sum over slots that are LIVE or UNVERIFIED */
    struct host_amount phantom[HOST_MEMORIES]; /* what is held beyond that: of dead processes, or past the 64th */
    struct host_slot *slots;                   /* those in use */
    size_t slot_count;
    struct host_chip *chips; /* those in use */
    size_t chip_count;
    enum host_join join;
    int32_t device; /* its number; -1 unless joined */
};

/* Parts to read. Each costs only what it says. What was not asked for is empty, and its error is -ENOENT. */
#define HOST_IDENTITY (1U << 0) /* the driver; devices with card, PCI address, ids */
#define HOST_METERS (1U << 1)   /* temperature and power; needs IDENTITY */
#define HOST_HOLDERS (1U << 2)  /* who has a device open, and these processes; needs IDENTITY */
#define HOST_TOTALS (1U << 3)   /* tt-metal's totals, and the processes in them; needs HOLDERS */
#define HOST_STATE (1U << 4)    /* what else a device measures and says of itself; needs IDENTITY */
#define HOST_SENSORS (HOST_METERS | HOST_STATE)
#define HOST_ALL (HOST_IDENTITY | HOST_SENSORS | HOST_HOLDERS | HOST_TOTALS)

struct host {
    char name[65];
    uint64_t time;      /* ns since 1970; a tree's own, by its /proc/stat and /proc/uptime; 0 not known */
    uint64_t boot_time; /* the same */

    struct host_text driver;     /* version of the kernel module; -ENOENT: it is not loaded */
    int devices_error;           /* of the class directory */
    struct host_device *devices; /* ascending */
    size_t device_count;

    int totals_error; /* of a /dev/shm, the host's or a container's: there may be more files. -EOVERFLOW: too many */
    struct host_totals *totals; /* by id, the host's own first */
    size_t totals_count;

    struct host_process *processes; /* holders, and those whose slots are live; ascending, each once */
    size_t process_count;
};

/* root: NULL is "/". -ENOENT, -ENOTDIR, -EACCES: there is no such directory; -EINVAL: parts without what they need;
 * -ENOMEM. */
int host_read(const char *root, unsigned parts, struct host *ret);

/* Takes NULL, zeroed and half-read ones. */
void host_clear(struct host *host);

/* NULL if there is none. */
const struct host_device *host_find_device(const struct host *host, int32_t number);
const struct host_process *host_find_process(const struct host *host, int32_t pid);

/* Whether a chip that something calls by this id is on the board: the id is the board's, or that with the place of the
 * chip on it in the low 5 bits. False for a board of 0. */
bool host_id_is_of_board(uint64_t id, uint64_t board);

/* Whether the process has the device open. */
bool host_device_is_held_by(const struct host_device *device, int32_t pid);

/*
 * For who keeps a picture of the host, brings it up to date, and may not stand still meanwhile. First a host whose
 * devices have numbers and nothing else, then each of them in its own time: together that is HOST_IDENTITY. Errors as
 * for host_read().
 */
int host_list_devices(const char *root, struct host *ret);
int host_read_device(const char *root, struct host_device *device);

/* Reads anew who has the devices open, and nothing about these processes. Errors as for host_read(); the holders are
 * then not to be used. */
int host_read_holders(const char *root, struct host *host);
/* Whether there are other devices than those in *host by now. Looks at their names only. */
bool host_has_other_devices(const char *root, const struct host *host);
