/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * libtt-alloc: tell tt-allocation-server which device buffers this process holds, and ask it who holds what.
 *
 * The library has two halves that share nothing but the server.
 *
 * Reporting (tt_alloc_report_*, tt_alloc_describe_device) is for the code that allocates device memory. It is off, and
 * a call costs one load and one branch, unless the environment variable TT_ALLOC_TRACKING_ENABLED is exactly "1" when
 * the process first uses the library. It never fails towards the application: no return values, no signals, no exit,
 * no output but one warning line on stderr per process when no server answers.
 *
 * A report is written into memory shared with the server, and into a ledger of the process's own; that takes tens of
 * nanoseconds and no system call. Starting order does not matter: a server that comes later, or comes back, is told
 * from the ledger all that is still live. A server that falls behind makes a report wait for a moment
 * (TT_ALLOC_FULL_WAIT_MS), once; then reports go into the ledger only, are counted (tt_alloc_lost_reports()), and the
 * server is told all anew as soon as it has caught up. So a server's figures are right again soon after any fault.
 *
 * The library starts one thread, named "tt-alloc", at the first report or description; it has all signals blocked,
 * sleeps while the server keeps up, and does not keep a process alive whose main thread called pthread_exit(). A
 * process that calls exit() waits at most 0.2 s for what that thread is telling the server.
 *
 * Asking (tt_alloc_connect() and what takes a struct tt_alloc_connection) works whether or not reporting is on.
 *
 * Environment: TT_ALLOC_TRACKING_ENABLED=1 turns reporting on; TT_ALLOC_SOCKET=PATH names another socket than
 * TT_ALLOC_SOCKET_PATH; TT_ALLOC_SERVER_USER=NAME-or-uid names a user whose server is trusted besides root's and this
 * process's own. A server of any other user is refused, because anybody may create a name in /tmp first.
 * TT_ALLOC_TRANSPORT=socket sends each report as a frame through the socket instead, to debug and to compare ("ring" is
 * the default); TT_ALLOC_FULL_WAIT_MS=N (0..60000, default 1) is how long a report waits for a server that falls
 * behind: a batch job that must not lose one may raise it. TT_ALLOC_JOB=HEX (1 to 16 digits) is a label that the server
 * shows with the process, by which tt-smi run finds those that it started. A program that runs with more rights than
 * its caller (setuid, file capabilities) ignores these variables.
 *
 * Threads: the reporting functions may be called from any thread at any time, but not from a signal handler, from
 * inside malloc(), or from a handler that pthread_atfork() runs before fork(). One connection or list may be used by
 * one thread at a time.
 *
 * Fork: a child starts with an empty ledger, a connection and a thread of its own at its first report, and never writes
 * into what is its parent's; what the parent reported stays the parent's. A child that does not report does nothing,
 * and posix_spawn(), system() and exec pass the library by. Every descriptor is close-on-exec. A struct
 * tt_alloc_connection must not be used in a child that inherited it, other than to pass it to tt_alloc_disconnect(). A
 * child of vfork(), which shares its parent's memory, must not report. Children of raw clone() are recognised too, but
 * libc may leave them with its own locks taken if another thread was inside it.
 *
 * Unloading: dlclose() leaves the library in memory, because its fork handlers cannot be taken back.
 *
 * Errors are negative errno values; results are untouched on failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tt_alloc_protocol.h" /* enum tt_alloc_region, tt_alloc_pool, tt_alloc_arch; TT_ALLOC_KNOWN_*; socket paths */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TT_ALLOC_PUBLIC __attribute__((visibility("default")))
#else
#define TT_ALLOC_PUBLIC
#endif

#if defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus) /* -std=gnu89: "extern inline" is what "inline" means later  \
                                                           */
#define TT_ALLOC_INLINE extern inline
#else
#define TT_ALLOC_INLINE inline
#endif

/* ---- Reporting ---- */

/* Whether reporting is on. Reads the environment at the first call of any reporting function, never again. */
TT_ALLOC_PUBLIC bool tt_alloc_is_enabled(void);

/* What the functions below come down to. Not meant to be used directly: 0 in tt_alloc_reporting means that reporting is
 * off, anything else that tt_alloc_report() decides. */
TT_ALLOC_PUBLIC extern int tt_alloc_reporting;
TT_ALLOC_PUBLIC void tt_alloc_report(uint8_t type, int32_t device_id, uint64_t size, uint8_t buffer_type,
                                     uint64_t buffer_id);

#define TT_ALLOC_REPORT(type, device_id, size, buffer_type, buffer_id)                                                 \
    do {                                                                                                               \
        if (__builtin_expect(__atomic_load_n(&tt_alloc_reporting, __ATOMIC_RELAXED) != 0, 0))                          \
            tt_alloc_report((type), (device_id), (size), (buffer_type), (buffer_id));                                  \
    } while (0)

/*
 * A buffer was allocated. size is in bytes over the whole device; buffer_type is enum tt_alloc_region (tt-metal's
 * BufferType, 0..4); buffer_id is the device address. The same id in two regions, or on two devices, is two buffers.
 * The same id reported again with the same size is one more reference to it, with another size its replacement. What
 * cannot be (a negative device, a size of 2^48 and more, another buffer_type) is refused by the server.
 */
TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_allocation(int32_t device_id, uint64_t size, uint8_t buffer_type,
                                                                uint64_t buffer_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_ALLOC, device_id, size, buffer_type, buffer_id);
}

/* A buffer was freed. Where several regions of the device hold buffer_id, the youngest goes. */
TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_deallocation(int32_t device_id, uint64_t buffer_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_FREE, device_id, 0, TT_ALLOC_REGION_UNKNOWN, buffer_id);
}

/* The same for callers that know the region: exact where addresses of DRAM and L1 coincide. */
TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_deallocation_from(int32_t device_id, uint8_t buffer_type,
                                                                       uint64_t buffer_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_FREE, device_id, 0, buffer_type, buffer_id);
}

/* Circular buffers and kernels. The size of a free is informative: what was recorded is what is subtracted. */
TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_cb_allocation(int32_t device_id, uint64_t size, uint64_t cb_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_CB_ALLOC, device_id, size, 0, cb_id);
}

TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_cb_deallocation(int32_t device_id, uint64_t size, uint64_t cb_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_CB_FREE, device_id, size, 0, cb_id);
}

TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_kernel_load(int32_t device_id, uint64_t size, uint64_t kernel_id,
                                                                 uint8_t kernel_type)
{
    TT_ALLOC_REPORT(TT_ALLOC_KERNEL_LOAD, device_id, size, kernel_type, kernel_id);
}

TT_ALLOC_PUBLIC TT_ALLOC_INLINE void tt_alloc_report_kernel_unload(int32_t device_id, uint64_t size, uint64_t kernel_id)
{
    TT_ALLOC_REPORT(TT_ALLOC_KERNEL_UNLOAD, device_id, size, 0, kernel_id);
}

#undef TT_ALLOC_REPORT

/*
 * Facts about a device. Only fields whose TT_ALLOC_KNOWN_* bit is set in known are used. TT_ALLOC_KNOWN_NOMINAL is set
 * in what the server tells, and ignored in what it is told: dram_size or l1_size is then what cards of this type have,
 * and not what somebody found on this one.
 */
struct tt_alloc_device_description {
    uint32_t known;
    uint64_t asic_id;
    uint32_t pci_address; /* domain << 16 | bus << 8 | device << 3 | function */
    uint32_t arch;        /* enum tt_alloc_arch */
    bool remote;          /* reached through another chip */
    uint64_t dram_size;   /* bytes, whole device, as are the next three */
    uint64_t l1_size;
    uint64_t l1_small_size; /* configured carve-outs */
    uint64_t trace_size;
    uint32_t num_dram_channels;
    uint32_t l1_size_per_core;
    const char *board; /* "n300", at most 23 bytes are kept */
};

/*
 * Says what device_id of this process is. The physical identity (asic id, else PCI address) is what the server keys the
 * device by, so that a remapped TT_VISIBLE_DEVICES does not put two chips into one row; the capacities are what tt-smi
 * shows as totals. Call it once per device, before its first report if possible. Returns 0 also when reporting is off;
 * -EINVAL if device_id is negative or the description NULL; -ENOMEM if it could not be kept.
 */
TT_ALLOC_PUBLIC int tt_alloc_describe_device(int32_t device_id, const struct tt_alloc_device_description *description);

/* How many reports of this process were not delivered. Its figures in the server are off by at most that many. A forked
 * child counts from 0. */
TT_ALLOC_PUBLIC uint64_t tt_alloc_lost_reports(void);

/* ---- Asking ---- */

struct tt_alloc_connection;

/*
 * Connects to the server at path, or, with NULL, at $TT_ALLOC_SOCKET, else at TT_ALLOC_SOCKET_PATH, and says hello.
 * Blocks for at most 5 s, as does each question below (-ETIMEDOUT). Errors: -ENOENT or -ECONNREFUSED no server there,
 * -ENAMETOOLONG path, -EACCES the server belongs to an untrusted user or the socket forbids it, -EPROTO it does not
 * speak this protocol, -EPROTONOSUPPORT it speaks another version of it, -ECONNRESET it went away.
 */
TT_ALLOC_PUBLIC int tt_alloc_connect(const char *path, struct tt_alloc_connection **ret);

/* Takes NULL. Returns NULL, so that a pointer can be cleared in the same line. */
TT_ALLOC_PUBLIC struct tt_alloc_connection *tt_alloc_disconnect(struct tt_alloc_connection *connection);

struct tt_alloc_server {
    uint32_t protocol_version;
    bool authorised;     /* this peer may see single buffers of other users, dump, reset */
    int32_t process_id;  /* the server's own */
    uint64_t start_time; /* ns since 1970 */
    uint64_t uptime;     /* ns, when the connection was made */
    const char *name;    /* program and version; lives as long as the connection */
};

/* What the server said of itself when the connection was made. Cannot fail. */
TT_ALLOC_PUBLIC void tt_alloc_get_server(const struct tt_alloc_connection *connection, struct tt_alloc_server *ret);

/* The totals of one device over all processes, in bytes. */
struct tt_alloc_device_totals {
    uint64_t dram;
    uint64_t l1;
    uint64_t l1_small;
    uint64_t trace;
};

/* device_id: this process's own number of a device it reported on, else the server's. Zeros for an unknown device. */
TT_ALLOC_PUBLIC int tt_alloc_query_device(struct tt_alloc_connection *connection, int32_t device_id,
                                          struct tt_alloc_device_totals *ret);

/* One region or pool of a device, or of a process on a device. */
struct tt_alloc_usage {
    int32_t device;     /* the server's number */
    int32_t logical_id; /* of a process: its own number of that device */
    bool is_pool;       /* index is an enum tt_alloc_pool, else an enum tt_alloc_region */
    uint32_t index;
    uint64_t bytes; /* live now; of an ended process: left behind */
    uint64_t buffers;
    uint64_t peak_bytes;
    uint64_t allocations; /* regions only, as are frees */
    uint64_t frees;
    uint64_t idle; /* ns since the last report */
    /* Of a process: when the server first heard of it and, if it ended, when that was noticed. ns since 1970 by a clock
     * that nobody sets while the server runs, to tell who was there at one time. 0: of a device, not ended, or not
     * told. */
    uint64_t since, until;
};

struct tt_alloc_device {
    int32_t device; /* the server's number */
    struct tt_alloc_device_description description;
    uint32_t processes;
    uint64_t idle; /* ns since the last report */
    size_t usage_count;
    const struct tt_alloc_usage *usage; /* only regions and pools that were ever used */
};

struct tt_alloc_process {
    int32_t pid; /* as the server's host sees it; 0 if it cannot */
    uint32_t uid;
    uint64_t serial;     /* the server's own number of the process */
    uint64_t start_time; /* ns since 1970; 0 unknown */
    uint64_t end_time;   /* of an ended process */
    uint64_t age;        /* ns; of an ended process its lifetime */
    uint64_t idle;       /* ns since its last report */
    uint64_t buffers;    /* live; of an ended process: left behind */
    uint64_t lost;       /* reports of it that were refused or lost */
    uint32_t sessions;
    int32_t label_pid; /* what it calls itself; differs in containers */
    uint32_t reason;   /* TT_ALLOC_REASON_* */
    bool inexact;      /* its figures may be off */
    const char *comm;
    const char *command; /* the whole command line, or comm where the server does not tell */
    size_t usage_count;
    const struct tt_alloc_usage *usage;
    uint64_t job;     /* the label of the job that it says it belongs to ($TT_ALLOC_JOB); 0: none */
    bool forgotten;   /* of an ended process: what it left is no finding any more, tt_alloc_forget() */
    bool peaks_reset; /* by tt_alloc_reset_peaks(), and it had held more before */
    bool accounted;   /* of an ended process: what is not counted as lost has arrived, also if it is nothing */
};

struct tt_alloc_buffer {
    int32_t device; /* the server's number */
    int32_t pid;
    uint32_t uid;
    uint64_t serial; /* of the process */
    uint32_t region; /* enum tt_alloc_region */
    uint32_t references;
    uint64_t buffer_id;
    uint64_t size;
    uint64_t age; /* ns */
};

struct tt_alloc_figure {
    const char *name;
    uint64_t value;
};

/* How much of a pool of a device was in use. A sample is the most that was at one time in its interval. */
struct tt_alloc_history {
    int32_t device;          /* the server's number */
    uint32_t pool;           /* enum tt_alloc_pool */
    uint32_t resolution;     /* ms from one sample to the next */
    uint64_t time;           /* when the interval of the last sample began, ns since 1970; it is not over yet */
    size_t count;            /* there is none from before the first report that the server saw */
    const uint64_t *samples; /* bytes, rounded up to TT_ALLOC_HISTORY_UNIT; the oldest first */
};

/* What to list. Zero-initialise, then narrow; NULL asks for everything. */
struct tt_alloc_filter {
    bool by_device;
    int32_t device; /* the server's number */
    bool by_region;
    uint32_t region;
    int32_t pid;    /* host PID; 0: all */
    uint64_t limit; /* at most so many; 0: all */
};

/*
 * A list is one answer of the server, held whole. The getters return NULL past the end or for another kind of list.
 * What they return lives until tt_alloc_list_free(); structs may grow at their end in later versions, so use the
 * pointers and do not copy by sizeof into your own arrays across library versions.
 *
 * Errors of the list calls besides those of the connection: -EPERM the server does not show this to you, -ENODEV no
 * such device, -ESRCH no such process, -ENOMEM, also for an answer that would take more than 1 GiB, -EPROTO the answer
 * was malformed or its count was wrong. After any error but -EPERM, -ENODEV, -ESRCH and -EINVAL the connection is of no
 * further use.
 */
struct tt_alloc_list;

/* Devices use filter's device; processes and ended processes its device, pid and limit; buffers all of it. */
TT_ALLOC_PUBLIC int tt_alloc_list_devices(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                                          struct tt_alloc_list **ret);
TT_ALLOC_PUBLIC int tt_alloc_list_processes(struct tt_alloc_connection *connection,
                                            const struct tt_alloc_filter *filter, struct tt_alloc_list **ret);
/* The newest last. */
TT_ALLOC_PUBLIC int tt_alloc_list_ended(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                                        struct tt_alloc_list **ret);
/* In no particular order. Buffers of other users are left out (tt_alloc_list_hidden()) unless the peer is authorised.
 */
TT_ALLOC_PUBLIC int tt_alloc_list_buffers(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                                          struct tt_alloc_list **ret);
/* The server's own counters. */
TT_ALLOC_PUBLIC int tt_alloc_list_figures(struct tt_alloc_connection *connection, struct tt_alloc_list **ret);
/*
 * The history of each pool that was used, of the filter's device or of all; its limit is that of each series, and the
 * newest samples are told. resolution: TT_ALLOC_HISTORY_SECOND (the last 15 minutes are kept) or
 * TT_ALLOC_HISTORY_MINUTE (the last day). A server that was restarted begins anew. -EOPNOTSUPP: it is an older one and
 * keeps none; the connection is good for other questions.
 */
TT_ALLOC_PUBLIC int tt_alloc_list_history(struct tt_alloc_connection *connection, const struct tt_alloc_filter *filter,
                                          uint32_t resolution, struct tt_alloc_list **ret);

TT_ALLOC_PUBLIC size_t tt_alloc_list_count(const struct tt_alloc_list *list);
TT_ALLOC_PUBLIC uint64_t tt_alloc_list_hidden(const struct tt_alloc_list *list);
TT_ALLOC_PUBLIC const struct tt_alloc_device *tt_alloc_list_device(const struct tt_alloc_list *list, size_t index);
TT_ALLOC_PUBLIC const struct tt_alloc_process *tt_alloc_list_process(const struct tt_alloc_list *list, size_t index);
TT_ALLOC_PUBLIC const struct tt_alloc_buffer *tt_alloc_list_buffer(const struct tt_alloc_list *list, size_t index);
TT_ALLOC_PUBLIC const struct tt_alloc_figure *tt_alloc_list_figure(const struct tt_alloc_list *list, size_t index);
TT_ALLOC_PUBLIC const struct tt_alloc_history *tt_alloc_list_series(const struct tt_alloc_list *list, size_t index);
/* Takes NULL, returns NULL. */
TT_ALLOC_PUBLIC struct tt_alloc_list *tt_alloc_list_free(struct tt_alloc_list *list);

/*
 * Sets peaks back to what is live now. pid 0 means the asking process, whose own number device then is; another pid, or
 * -1 for all processes and the devices' own peaks, goes with the server's numbers. device -1: all. Anybody may for
 * processes of his own user, authorised peers for all (-EPERM). -ESRCH no such process, -ENODEV nothing was reported on
 * this device, or not by this process.
 */
TT_ALLOC_PUBLIC int tt_alloc_reset_peaks(struct tt_alloc_connection *connection, int32_t device, int32_t pid);

struct tt_alloc_forgotten {
    uint64_t leaks;  /* that were forgotten now */
    uint64_t others; /* that were meant as well, but stand because they are another user's */
};

/*
 * Has leaks forgotten, once it is known where they come from: of the ended processes with this pid (0: any) and this
 * serial (0: any) that left something behind, each is `forgotten` from now on. tt-smi leaks then no longer finds it;
 * tt_alloc_list_ended() goes on listing it, with what it left. The server counts and logs who did this, and remembers
 * it as long as the entry itself. Anybody may for processes of his own user, authorised peers for all.
 *
 * 0, with *ret filled: also if all leaks were meant and there was none. -EPERM all that were meant are another user's.
 * -ESRCH a process was named and none is meant. -EOPNOTSUPP the server is an older one. After these the connection is
 * good for other questions; further errors are those of the list calls. *ret is untouched on failure, and holds nothing
 * that must be freed. As with all calls, one thread at a time may use a connection.
 */
TT_ALLOC_PUBLIC int tt_alloc_forget(struct tt_alloc_connection *connection, int32_t pid, uint64_t serial,
                                    struct tt_alloc_forgotten *ret);

#ifdef __cplusplus
}
#endif
