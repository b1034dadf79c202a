/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The wire between tt-allocation-server and everybody who talks to it.
 *
 * A connection is a Unix stream socket that carries fixed-size frames in host byte order, nothing else. Three
 * generations of the frame are in use: 72 bytes, 112 bytes and 144 bytes. They agree on the first 72 bytes, which are
 * all that a request of the types 1..12 needs; what a reply holds behind them differs. 112 bytes is the canonical
 * generation, and the only one in which our own messages (types from 32 up) travel.
 *
 * PROTOCOL.md beside this file says what each message means, how the server tells the generations apart and what it
 * answers; a client can be written from it alone. This header is the same thing for compilers: fixed-width fields
 * only, and an assertion for the size of every struct and the offset of every field.
 *
 * Numbers are never reused. A retired one stays here with the word "retired".
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TT_ALLOC_LAYOUT(condition) static_assert(condition, "wire layout")
extern "C" {
#else
#define TT_ALLOC_LAYOUT(condition) _Static_assert(condition, "wire layout")
#endif
#define TT_ALLOC_AT(type, field, offset, width)                                                                        \
    TT_ALLOC_LAYOUT(offsetof(struct type, field) == (offset) && sizeof(((struct type *)0)->field) == (width))

/* Where the server listens. The first is what instrumented tt-metal builds have compiled in. */
#define TT_ALLOC_SOCKET_PATH "/tmp/tt_allocation_server.sock"
#define TT_ALLOC_RUN_SOCKET_PATH "/run/tt-allocation/server.sock"

enum {
    TT_ALLOC_FRAME_72 = 72,
    TT_ALLOC_FRAME_112 = 112,
    TT_ALLOC_FRAME_144 = 144,
    TT_ALLOC_FRAME_MAX = TT_ALLOC_FRAME_144,
};

enum tt_alloc_type {
    /* The proof of concept's own messages. */
    TT_ALLOC_ALLOC = 1,
    TT_ALLOC_FREE = 2,
    TT_ALLOC_QUERY = 3,
    TT_ALLOC_RESPONSE = 4,
    TT_ALLOC_DUMP_REMAINING = 5,
    TT_ALLOC_DEVICE_INFO_QUERY = 6,    /* from the 112-byte generation on */
    TT_ALLOC_DEVICE_INFO_RESPONSE = 7, /* from the 112-byte generation on */
    TT_ALLOC_CB_ALLOC = 8,             /* 8..12: a first frame with one of these is a 144-byte one */
    TT_ALLOC_CB_FREE = 9,
    TT_ALLOC_KERNEL_LOAD = 10,
    TT_ALLOC_KERNEL_UNLOAD = 11,
    TT_ALLOC_DUMP_KERNELS = 12,

    /* Ours. Session set-up 32.., requests 40.., ring and resync 48.., records of an answer 64.., END 95. */
    TT_ALLOC_HELLO = 32,
    TT_ALLOC_WELCOME = 33,
    TT_ALLOC_DESCRIBE_DEVICE = 34,

    TT_ALLOC_LIST_DEVICES = 40,
    TT_ALLOC_LIST_PROCESSES = 41,
    TT_ALLOC_LIST_BUFFERS = 42,
    TT_ALLOC_LIST_ENDED = 43,
    TT_ALLOC_LIST_FIGURES = 44,
    TT_ALLOC_RESET_PEAKS = 45,
    TT_ALLOC_LIST_HISTORY = 46,
    TT_ALLOC_FORGET = 47,

    TT_ALLOC_RING_REQUEST = 48,
    TT_ALLOC_RING = 49, /* the answer, with the memory's descriptor */
    TT_ALLOC_RING_WAKE = 50,
    TT_ALLOC_RECORDS = 51,      /* up to three of the ring's records in a frame */
    TT_ALLOC_RESYNC_BEGIN = 52, /* 52..57 are types of records and not of frames */
    TT_ALLOC_RESYNC_BUFFER = 53,
    TT_ALLOC_RESYNC_COUNTS = 54,
    TT_ALLOC_RESYNC_PEAK = 55,
    TT_ALLOC_RESYNC_END = 56,
    TT_ALLOC_RING_SWITCH = 57,

    TT_ALLOC_DEVICE = 64,
    TT_ALLOC_PROCESS = 65,
    TT_ALLOC_TEXT = 66,
    TT_ALLOC_USAGE = 67,
    TT_ALLOC_BUFFER = 68,
    TT_ALLOC_ENDED = 69,
    TT_ALLOC_FIGURE = 70,
    TT_ALLOC_HISTORY = 71,
    TT_ALLOC_END = 95,
};

/* buffer_type of a report. 0..4 are tt-metal's BufferType; CB and KERNEL are ours and never travel in ALLOC or FREE. */
enum tt_alloc_region {
    TT_ALLOC_DRAM = 0,
    TT_ALLOC_L1 = 1,
    TT_ALLOC_SYSTEM_MEMORY = 2,
    TT_ALLOC_L1_SMALL = 3,
    TT_ALLOC_TRACE = 4,
    TT_ALLOC_CB = 5,
    TT_ALLOC_KERNEL = 6,
    TT_ALLOC_REGIONS = 7,
    TT_ALLOC_REGION_UNKNOWN = 255, /* in a FREE of a peer with TT_ALLOC_FEATURE_FREE_REGION: "I do not know" */
};

/* What physically fills up: dram = DRAM + TRACE, l1 = L1 + L1_SMALL + CB, host = SYSTEM_MEMORY. KERNEL is an estimate
 * and in no pool. Bytes of two pools are never added together. */
enum tt_alloc_pool {
    TT_ALLOC_POOL_DRAM = 0,
    TT_ALLOC_POOL_L1 = 1,
    TT_ALLOC_POOL_HOST = 2,
    TT_ALLOC_POOLS = 3,
};

/* arch_type; the numbers are those of tt-metal's device layer. */
enum tt_alloc_arch {
    TT_ALLOC_ARCH_UNKNOWN = 0,
    TT_ALLOC_ARCH_GRAYSKULL = 1,
    TT_ALLOC_ARCH_WORMHOLE_B0 = 2,
    TT_ALLOC_ARCH_BLACKHOLE = 3,
    TT_ALLOC_ARCH_QUASAR = 4,
};

#define TT_ALLOC_ALL_DEVICES (-1)
#define TT_ALLOC_SIZE_LIMIT (UINT64_C(1) << 48) /* a report of this many bytes or more is refused */

/* The 72 bytes that all three generations share; the whole frame of the first. */
struct tt_alloc_message_72 {
    uint8_t type;
    uint8_t pad1[3]; /* zero */
    int32_t device_id;
    uint64_t size;
    uint8_t buffer_type; /* enum tt_alloc_region in ALLOC; the kind of kernel in KERNEL_LOAD; else 0 */
    uint8_t pad2[3];     /* zero */
    int32_t process_id;  /* a label: the server asks the kernel who a peer is */
    uint64_t buffer_id;
    uint64_t timestamp; /* ns since 1970; the server does not use it */
    uint64_t dram_allocated;
    uint64_t l1_allocated;
    uint64_t l1_small_allocated;
    uint64_t trace_allocated;
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_message_72) == TT_ALLOC_FRAME_72);
TT_ALLOC_AT(tt_alloc_message_72, type, 0, 1);
TT_ALLOC_AT(tt_alloc_message_72, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_message_72, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_message_72, size, 8, 8);
TT_ALLOC_AT(tt_alloc_message_72, buffer_type, 16, 1);
TT_ALLOC_AT(tt_alloc_message_72, pad2, 17, 3);
TT_ALLOC_AT(tt_alloc_message_72, process_id, 20, 4);
TT_ALLOC_AT(tt_alloc_message_72, buffer_id, 24, 8);
TT_ALLOC_AT(tt_alloc_message_72, timestamp, 32, 8);
TT_ALLOC_AT(tt_alloc_message_72, dram_allocated, 40, 8);
TT_ALLOC_AT(tt_alloc_message_72, l1_allocated, 48, 8);
TT_ALLOC_AT(tt_alloc_message_72, l1_small_allocated, 56, 8);
TT_ALLOC_AT(tt_alloc_message_72, trace_allocated, 64, 8);

/* What DEVICE_INFO_RESPONSE tells of a device; 0 where neither a client nor the host has described it. */
struct tt_alloc_device_info {
    uint64_t total_dram_size;
    uint64_t total_l1_size;
    uint32_t arch_type; /* enum tt_alloc_arch */
    uint32_t num_dram_channels;
    uint32_t dram_size_per_channel; /* the low 32 bits; total_dram_size is exact */
    uint32_t l1_size_per_core;
    uint32_t is_available;
    uint32_t num_devices; /* only in the answer for device -1 */
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_device_info) == 40);
TT_ALLOC_AT(tt_alloc_device_info, total_dram_size, 0, 8);
TT_ALLOC_AT(tt_alloc_device_info, total_l1_size, 8, 8);
TT_ALLOC_AT(tt_alloc_device_info, arch_type, 16, 4);
TT_ALLOC_AT(tt_alloc_device_info, num_dram_channels, 20, 4);
TT_ALLOC_AT(tt_alloc_device_info, dram_size_per_channel, 24, 4);
TT_ALLOC_AT(tt_alloc_device_info, l1_size_per_core, 28, 4);
TT_ALLOC_AT(tt_alloc_device_info, is_available, 32, 4);
TT_ALLOC_AT(tt_alloc_device_info, num_devices, 36, 4);

/* The canonical AllocMessage. */
struct tt_alloc_message {
    struct tt_alloc_message_72 head;
    struct tt_alloc_device_info info;
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_message) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_message, head, 0, 72);
TT_ALLOC_AT(tt_alloc_message, info, 72, 40);

/* The 144-byte generation: two counters between head and info, and a tail that is always zero. */
struct tt_alloc_message_144 {
    struct tt_alloc_message_72 head;
    uint64_t cb_allocated;
    uint64_t kernel_allocated;
    struct tt_alloc_device_info info;
    uint32_t ringbuffer_total_size;
    uint32_t ringbuffer_used_bytes;
    uint32_t ringbuffer_num_programs;
    uint32_t pad3;
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_message_144) == TT_ALLOC_FRAME_144);
TT_ALLOC_AT(tt_alloc_message_144, head, 0, 72);
TT_ALLOC_AT(tt_alloc_message_144, cb_allocated, 72, 8);
TT_ALLOC_AT(tt_alloc_message_144, kernel_allocated, 80, 8);
TT_ALLOC_AT(tt_alloc_message_144, info, 88, 40);
TT_ALLOC_AT(tt_alloc_message_144, ringbuffer_total_size, 128, 4);
TT_ALLOC_AT(tt_alloc_message_144, ringbuffer_used_bytes, 132, 4);
TT_ALLOC_AT(tt_alloc_message_144, ringbuffer_num_programs, 136, 4);
TT_ALLOC_AT(tt_alloc_message_144, pad3, 140, 4);

/* ---- Our own messages: 112 bytes each, reserved fields zero when sent and ignored when received ---- */

#define TT_ALLOC_MAGIC UINT64_C(0x31434f4c4c415454) /* the bytes "TTALLOC1" on a little-endian host */
#define TT_ALLOC_PROTOCOL_VERSION 1

/* features: the client asks, WELCOME names those that are in force. */
#define TT_ALLOC_FEATURE_FREE_REGION (UINT64_C(1) << 0) /* buffer_type of FREE names the region, or 255 */
#define TT_ALLOC_FEATURE_RING (UINT64_C(1) << 1)        /* RING_REQUEST is answered */
#define TT_ALLOC_FEATURE_RESYNC (UINT64_C(1) << 2)      /* RESYNC_* records are understood */
/* bit 3 (subscribe) is reserved */
#define TT_ALLOC_FEATURE_HISTORY (UINT64_C(1) << 4) /* LIST_HISTORY is answered */
#define TT_ALLOC_FEATURE_FORGET (UINT64_C(1) << 5)  /* FORGET is answered */

/* flags of HELLO */
#define TT_ALLOC_HELLO_REPORTER (UINT32_C(1) << 0) /* will report buffers: list the process from now on */
#define TT_ALLOC_HELLO_QUIET (UINT32_C(1) << 1)    /* do not send WELCOME: this peer does not read */
/* flags of WELCOME */
#define TT_ALLOC_WELCOME_AUTHORISED (UINT32_C(1) << 0) /* this peer may see single buffers of others, dump, reset */

struct tt_alloc_hello { /* HELLO and WELCOME */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* -1 */
    uint64_t magic;
    uint32_t version;
    int32_t process_id; /* sender's own getpid(); a label */
    uint64_t features;
    uint32_t flags;
    uint32_t tick;       /* HELLO: the sender's clock for the ticks of its records, now */
    uint64_t start_time; /* WELCOME: when the server started, ns since 1970 */
    uint64_t uptime;     /* WELCOME: ns */
    char name[32];       /* program and version, zero-terminated */
    uint64_t instance;   /* HELLO: drawn at random once per reporter, so that its next connection is known as its; 0 */
    uint64_t job;        /* HELLO: a label that processes of one job share, $TT_ALLOC_JOB; 0: none */
    uint8_t reserved[8];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_hello) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_hello, type, 0, 1);
TT_ALLOC_AT(tt_alloc_hello, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_hello, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_hello, magic, 8, 8);
TT_ALLOC_AT(tt_alloc_hello, version, 16, 4);
TT_ALLOC_AT(tt_alloc_hello, process_id, 20, 4);
TT_ALLOC_AT(tt_alloc_hello, features, 24, 8);
TT_ALLOC_AT(tt_alloc_hello, flags, 32, 4);
TT_ALLOC_AT(tt_alloc_hello, tick, 36, 4);
TT_ALLOC_AT(tt_alloc_hello, start_time, 40, 8);
TT_ALLOC_AT(tt_alloc_hello, uptime, 48, 8);
TT_ALLOC_AT(tt_alloc_hello, name, 56, 32);
TT_ALLOC_AT(tt_alloc_hello, instance, 88, 8);
TT_ALLOC_AT(tt_alloc_hello, job, 96, 8);
TT_ALLOC_AT(tt_alloc_hello, reserved, 104, 8);

/* known: which fields of a device are facts. A field whose bit is clear is unknown, whatever it holds. */
#define TT_ALLOC_KNOWN_ASIC_ID (UINT32_C(1) << 0)
#define TT_ALLOC_KNOWN_PCI (UINT32_C(1) << 1)
#define TT_ALLOC_KNOWN_ARCH (UINT32_C(1) << 2)
#define TT_ALLOC_KNOWN_DRAM_SIZE (UINT32_C(1) << 3)
#define TT_ALLOC_KNOWN_L1_SIZE (UINT32_C(1) << 4)
#define TT_ALLOC_KNOWN_L1_SMALL_SIZE (UINT32_C(1) << 5)
#define TT_ALLOC_KNOWN_TRACE_SIZE (UINT32_C(1) << 6)
#define TT_ALLOC_KNOWN_DRAM_CHANNELS (UINT32_C(1) << 7)
#define TT_ALLOC_KNOWN_L1_PER_CORE (UINT32_C(1) << 8)
#define TT_ALLOC_KNOWN_BOARD (UINT32_C(1) << 9)
#define TT_ALLOC_KNOWN_REMOTE (UINT32_C(1) << 10)
/* No field: in DEVICE, dram_size or l1_size is what a card of this type has, because no client told it of this one. */
#define TT_ALLOC_KNOWN_NOMINAL (UINT32_C(1) << 11)

struct tt_alloc_device_record { /* DESCRIBE_DEVICE (client's logical id) and DEVICE (server's number) */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id;
    uint64_t asic_id;
    uint32_t known;
    uint32_t pci_address; /* domain << 16 | bus << 8 | device << 3 | function */
    uint32_t arch;
    uint32_t remote; /* 1: reached through another chip */
    uint64_t dram_size;
    uint64_t l1_size;
    uint64_t l1_small_size; /* configured carve-out per device */
    uint64_t trace_size;    /* configured carve-out per device */
    uint32_t num_dram_channels;
    uint32_t l1_size_per_core;
    uint64_t idle;      /* DEVICE: ns since the last report */
    char board[24];     /* zero-terminated */
    uint32_t processes; /* DEVICE: processes with this device in their tables */
    uint32_t reserved;
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_device_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_device_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_device_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_device_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_device_record, asic_id, 8, 8);
TT_ALLOC_AT(tt_alloc_device_record, known, 16, 4);
TT_ALLOC_AT(tt_alloc_device_record, pci_address, 20, 4);
TT_ALLOC_AT(tt_alloc_device_record, arch, 24, 4);
TT_ALLOC_AT(tt_alloc_device_record, remote, 28, 4);
TT_ALLOC_AT(tt_alloc_device_record, dram_size, 32, 8);
TT_ALLOC_AT(tt_alloc_device_record, l1_size, 40, 8);
TT_ALLOC_AT(tt_alloc_device_record, l1_small_size, 48, 8);
TT_ALLOC_AT(tt_alloc_device_record, trace_size, 56, 8);
TT_ALLOC_AT(tt_alloc_device_record, num_dram_channels, 64, 4);
TT_ALLOC_AT(tt_alloc_device_record, l1_size_per_core, 68, 4);
TT_ALLOC_AT(tt_alloc_device_record, idle, 72, 8);
TT_ALLOC_AT(tt_alloc_device_record, board, 80, 24);
TT_ALLOC_AT(tt_alloc_device_record, processes, 104, 4);
TT_ALLOC_AT(tt_alloc_device_record, reserved, 108, 4);

struct tt_alloc_list_request { /* LIST_*, RESET_PEAKS and FORGET */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id;   /* -1: all devices */
    int32_t process_id;  /* host PID; 0: all processes. RESET_PEAKS: 0 the asking process, -1 all and the devices */
    int32_t region;      /* LIST_BUFFERS: -1: all regions */
    uint64_t limit;      /* at most this many records of the listed kind; 0: all. LIST_HISTORY: samples of a series */
    uint32_t resolution; /* LIST_HISTORY: ms between two samples, 1000 or 60000 */
    uint32_t reserved1;
    uint64_t serial; /* FORGET: of the process; 0: any */
    uint8_t reserved2[72];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_list_request) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_list_request, type, 0, 1);
TT_ALLOC_AT(tt_alloc_list_request, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_list_request, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_list_request, process_id, 8, 4);
TT_ALLOC_AT(tt_alloc_list_request, region, 12, 4);
TT_ALLOC_AT(tt_alloc_list_request, limit, 16, 8);
TT_ALLOC_AT(tt_alloc_list_request, resolution, 24, 4);
TT_ALLOC_AT(tt_alloc_list_request, reserved1, 28, 4);
TT_ALLOC_AT(tt_alloc_list_request, serial, 32, 8);
TT_ALLOC_AT(tt_alloc_list_request, reserved2, 40, 72);

/* flags of PROCESS and ENDED */
#define TT_ALLOC_PROCESS_INEXACT (UINT32_C(1) << 0) /* reports were lost or refused: its figures may be off */
#define TT_ALLOC_PROCESS_FORGOTTEN                                                                                     \
    (UINT32_C(1) << 1) /* ENDED: what it left behind is known, and no finding any more                                 \
                        */
#define TT_ALLOC_PROCESS_PEAKS_RESET (UINT32_C(1) << 2) /* a reset lowered its peaks: it had held more */
#define TT_ALLOC_PROCESS_ACCOUNTED                                                                                     \
    (UINT32_C(1) << 3) /* ENDED: all of its reporters told how many reports they had made: what did not arrive is lost \
                          and counted */
/* how an ENDED process went */
#define TT_ALLOC_REASON_RUNNING 0
#define TT_ALLOC_REASON_EXITED 1  /* the process is gone */
#define TT_ALLOC_REASON_HUNG_UP 2 /* it closed its last connection and lived on */

struct tt_alloc_process_record { /* PROCESS and ENDED; TEXT and USAGE records of the same process follow it */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id;  /* -1 */
    int32_t process_id; /* as the server's host sees it; 0 if it cannot */
    uint32_t uid;
    uint64_t start_time; /* of the process, ns since 1970; 0 unknown */
    uint64_t serial;     /* the server's own number of this process, never reused while it runs */
    uint64_t buffers;    /* live buffers, all regions; ENDED: left behind */
    uint64_t age;        /* ns since the process started (ENDED: its lifetime) */
    uint64_t idle;       /* ns since its last report */
    uint64_t end_time;   /* ENDED: ns since 1970 */
    uint32_t flags;
    uint32_t reason;
    int32_t label_pid; /* what the process calls itself; differs in containers */
    uint32_t sessions;
    char comm[16]; /* zero-terminated */
    uint64_t lost; /* reports of it that were refused or lost */
    uint64_t job;  /* what its HELLO said; 0: none */
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_process_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_process_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_process_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_process_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_process_record, process_id, 8, 4);
TT_ALLOC_AT(tt_alloc_process_record, uid, 12, 4);
TT_ALLOC_AT(tt_alloc_process_record, start_time, 16, 8);
TT_ALLOC_AT(tt_alloc_process_record, serial, 24, 8);
TT_ALLOC_AT(tt_alloc_process_record, buffers, 32, 8);
TT_ALLOC_AT(tt_alloc_process_record, age, 40, 8);
TT_ALLOC_AT(tt_alloc_process_record, idle, 48, 8);
TT_ALLOC_AT(tt_alloc_process_record, end_time, 56, 8);
TT_ALLOC_AT(tt_alloc_process_record, flags, 64, 4);
TT_ALLOC_AT(tt_alloc_process_record, reason, 68, 4);
TT_ALLOC_AT(tt_alloc_process_record, label_pid, 72, 4);
TT_ALLOC_AT(tt_alloc_process_record, sessions, 76, 4);
TT_ALLOC_AT(tt_alloc_process_record, comm, 80, 16);
TT_ALLOC_AT(tt_alloc_process_record, lost, 96, 8);
TT_ALLOC_AT(tt_alloc_process_record, job, 104, 8);

struct tt_alloc_text_record { /* TEXT: a piece of the command line of the process before it, arguments apart by spaces
                               */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* -1 */
    uint32_t length;   /* bytes used in text */
    uint32_t reserved;
    char text[96];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_text_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_text_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_text_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_text_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_text_record, length, 8, 4);
TT_ALLOC_AT(tt_alloc_text_record, reserved, 12, 4);
TT_ALLOC_AT(tt_alloc_text_record, text, 16, 96);

/* kind of USAGE */
#define TT_ALLOC_USAGE_REGION 0
#define TT_ALLOC_USAGE_POOL 1

struct tt_alloc_usage_record { /* USAGE: one region or pool of the device or process before it */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* the server's device number */
    uint32_t kind;
    uint32_t index; /* enum tt_alloc_region or enum tt_alloc_pool */
    uint64_t bytes; /* live; ENDED: left behind */
    uint64_t buffers;
    uint64_t peak_bytes;
    uint64_t allocations; /* regions only, as are frees */
    uint64_t frees;
    uint64_t idle;      /* ns since the last report on this device */
    int32_t logical_id; /* the process's own number of the device */
    uint32_t reserved1;
    uint64_t since; /* when the server first heard of the process; of a device 0 */
    uint64_t until; /* ENDED: when it noticed the end, by the same clock */
    uint8_t reserved2[24];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_usage_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_usage_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_usage_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_usage_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_usage_record, kind, 8, 4);
TT_ALLOC_AT(tt_alloc_usage_record, index, 12, 4);
TT_ALLOC_AT(tt_alloc_usage_record, bytes, 16, 8);
TT_ALLOC_AT(tt_alloc_usage_record, buffers, 24, 8);
TT_ALLOC_AT(tt_alloc_usage_record, peak_bytes, 32, 8);
TT_ALLOC_AT(tt_alloc_usage_record, allocations, 40, 8);
TT_ALLOC_AT(tt_alloc_usage_record, frees, 48, 8);
TT_ALLOC_AT(tt_alloc_usage_record, idle, 56, 8);
TT_ALLOC_AT(tt_alloc_usage_record, logical_id, 64, 4);
TT_ALLOC_AT(tt_alloc_usage_record, reserved1, 68, 4);
TT_ALLOC_AT(tt_alloc_usage_record, since, 72, 8);
TT_ALLOC_AT(tt_alloc_usage_record, until, 80, 8);
TT_ALLOC_AT(tt_alloc_usage_record, reserved2, 88, 24);

struct tt_alloc_buffer_record { /* BUFFER */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* the server's device number */
    uint64_t buffer_id;
    uint64_t size;
    uint32_t region;
    uint32_t references;
    uint64_t age; /* ns since it was allocated */
    int32_t process_id;
    uint32_t uid;
    uint64_t serial; /* of the process */
    uint8_t reserved[56];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_buffer_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_buffer_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_buffer_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_buffer_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_buffer_record, buffer_id, 8, 8);
TT_ALLOC_AT(tt_alloc_buffer_record, size, 16, 8);
TT_ALLOC_AT(tt_alloc_buffer_record, region, 24, 4);
TT_ALLOC_AT(tt_alloc_buffer_record, references, 28, 4);
TT_ALLOC_AT(tt_alloc_buffer_record, age, 32, 8);
TT_ALLOC_AT(tt_alloc_buffer_record, process_id, 40, 4);
TT_ALLOC_AT(tt_alloc_buffer_record, uid, 44, 4);
TT_ALLOC_AT(tt_alloc_buffer_record, serial, 48, 8);
TT_ALLOC_AT(tt_alloc_buffer_record, reserved, 56, 56);

struct tt_alloc_figure_record { /* FIGURE: one of the server's own counters */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* -1 */
    uint64_t value;
    char name[48]; /* zero-terminated; names stay, new ones may come */
    uint8_t reserved[48];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_figure_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_figure_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_figure_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_figure_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_figure_record, value, 8, 8);
TT_ALLOC_AT(tt_alloc_figure_record, name, 16, 48);
TT_ALLOC_AT(tt_alloc_figure_record, reserved, 64, 48);

#define TT_ALLOC_HISTORY_SAMPLES 20
#define TT_ALLOC_HISTORY_UNIT 4096    /* bytes */
#define TT_ALLOC_HISTORY_SECOND 1000  /* resolutions: the last 900 seconds, */
#define TT_ALLOC_HISTORY_MINUTE 60000 /* and the last 1440 minutes */

struct tt_alloc_history_record { /* HISTORY: a piece of the series of one pool of a device */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id;   /* the server's device number */
    uint32_t pool;       /* enum tt_alloc_pool */
    uint32_t resolution; /* ms */
    uint64_t time;       /* when the interval of the newest sample of the series began, ns since 1970 */
    uint32_t index;      /* samples of the series before these, which are newer */
    uint32_t count;      /* samples here, the newest first */
    uint32_t samples[TT_ALLOC_HISTORY_SAMPLES]; /* the most in use in each interval, in units, rounded up */
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_history_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_history_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_history_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_history_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_history_record, pool, 8, 4);
TT_ALLOC_AT(tt_alloc_history_record, resolution, 12, 4);
TT_ALLOC_AT(tt_alloc_history_record, time, 16, 8);
TT_ALLOC_AT(tt_alloc_history_record, index, 24, 4);
TT_ALLOC_AT(tt_alloc_history_record, count, 28, 4);
TT_ALLOC_AT(tt_alloc_history_record, samples, 32, 80);

struct tt_alloc_end_record { /* END: closes the answer to every LIST_*, RESET_PEAKS and FORGET */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id;  /* -1 */
    uint64_t count;     /* frames of this answer before END: a reader checks it */
    int32_t status;     /* 0, or a negative errno: -EPERM, -ENODEV, -ESRCH, -EINVAL */
    uint32_t request;   /* type of the request answered */
    uint64_t hidden;    /* left out because they are others': LIST_BUFFERS: buffers. FORGET: leaks */
    uint64_t forgotten; /* FORGET: leaks */
    uint8_t reserved[72];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_end_record) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_end_record, type, 0, 1);
TT_ALLOC_AT(tt_alloc_end_record, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_end_record, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_end_record, count, 8, 8);
TT_ALLOC_AT(tt_alloc_end_record, status, 16, 4);
TT_ALLOC_AT(tt_alloc_end_record, request, 20, 4);
TT_ALLOC_AT(tt_alloc_end_record, hidden, 24, 8);
TT_ALLOC_AT(tt_alloc_end_record, forgotten, 32, 8);
TT_ALLOC_AT(tt_alloc_end_record, reserved, 40, 72);

/* ---- The ring: reports through shared memory ---- */

/*
 * A ring is memory that the server makes, seals against shrinking and growing, and passes with the RING frame
 * (SCM_RIGHTS): one page of struct tt_alloc_ring, then `slots` records. The client writes record number n (counted from
 * the tail it found) to slot n % slots, then n + 1 to tail, with release order; the server copies records up to tail,
 * then writes to head how far it came. Counters are of 64 bits and begin shortly before they wrap, so that wrapping is
 * nothing special. After each slots / 4 records, and when it finds the ring full, the client sends RING_WAKE.
 */
#define TT_ALLOC_RING_MAGIC UINT64_C(0x31474e4952415454) /* the bytes "TTARING1" on a little-endian host */
#define TT_ALLOC_RING_RECORDS 4096                       /* offset of the records in the memory */
#define TT_ALLOC_RING_START (UINT64_MAX - 1023)          /* first value of head and tail */
#define TT_ALLOC_RING_SLOTS_MIN 1024
#define TT_ALLOC_RING_SLOTS_MAX 65536

/* tick of a record: ns of the sender's CLOCK_MONOTONIC >> 23 (8.4 ms), the low 32 bits. HELLO tells the same clock. */
#define TT_ALLOC_TICK_SHIFT 23

struct tt_alloc_record {
    uint64_t buffer_id; /* BEGIN, END: live buffers of the sender. COUNTS: allocations. PEAK: bytes */
    uint64_t size;      /* BEGIN, END: reports the sender has made so far. COUNTS: frees */
    int32_t device_id;  /* BEGIN, END, SWITCH: -1 */
    uint32_t tick;      /* of the report; BUFFER: when it was allocated */
    uint8_t type;
    uint8_t buffer_type; /* enum tt_alloc_region, 255 in a FREE: unknown. PEAK: that, or 16 + enum tt_alloc_pool */
    uint16_t references; /* BUFFER: how many, at least 1 */
    uint32_t position;   /* in a ring the low 32 bits of the record's number; in a RECORDS frame 0 */
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_record) == 32);
TT_ALLOC_AT(tt_alloc_record, buffer_id, 0, 8);
TT_ALLOC_AT(tt_alloc_record, size, 8, 8);
TT_ALLOC_AT(tt_alloc_record, device_id, 16, 4);
TT_ALLOC_AT(tt_alloc_record, tick, 20, 4);
TT_ALLOC_AT(tt_alloc_record, type, 24, 1);
TT_ALLOC_AT(tt_alloc_record, buffer_type, 25, 1);
TT_ALLOC_AT(tt_alloc_record, references, 26, 2);
TT_ALLOC_AT(tt_alloc_record, position, 28, 4);
#define TT_ALLOC_RECORD_POOL 16 /* buffer_type of PEAK from here up: a pool */

struct tt_alloc_ring { /* the first page of the memory; what is written by different sides lies in different lines */
    uint64_t magic;
    uint64_t slots; /* a power of two */
    uint8_t pad1[112];
    uint64_t tail; /* the client's: records written */
    uint64_t
        made; /* the client's: reports made, those included that did not go through this ring. Written after tail */
    uint8_t pad2[112];
    uint64_t head; /* the server's: records taken */
    uint8_t pad3[120];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_ring) == 384);
TT_ALLOC_AT(tt_alloc_ring, magic, 0, 8);
TT_ALLOC_AT(tt_alloc_ring, slots, 8, 8);
TT_ALLOC_AT(tt_alloc_ring, pad1, 16, 112);
TT_ALLOC_AT(tt_alloc_ring, tail, 128, 8);
TT_ALLOC_AT(tt_alloc_ring, made, 136, 8);
TT_ALLOC_AT(tt_alloc_ring, pad2, 144, 112);
TT_ALLOC_AT(tt_alloc_ring, head, 256, 8);
TT_ALLOC_AT(tt_alloc_ring, pad3, 264, 120);

struct tt_alloc_ring_message { /* RING_REQUEST, RING and RING_WAKE */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* -1 */
    uint64_t slots;    /* REQUEST: wanted, a power of two. RING: granted, which may be fewer */
    uint64_t size;     /* RING: bytes of the memory */
    int32_t status;    /* RING: 0, or a negative errno and no descriptor: -EDQUOT, -EBUSY, -ENOMEM, -EMFILE, -EINVAL */
    uint32_t reserved1;
    uint8_t reserved2[80];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_ring_message) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_ring_message, type, 0, 1);
TT_ALLOC_AT(tt_alloc_ring_message, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_ring_message, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_ring_message, slots, 8, 8);
TT_ALLOC_AT(tt_alloc_ring_message, size, 16, 8);
TT_ALLOC_AT(tt_alloc_ring_message, status, 24, 4);
TT_ALLOC_AT(tt_alloc_ring_message, reserved1, 28, 4);
TT_ALLOC_AT(tt_alloc_ring_message, reserved2, 32, 80);

#define TT_ALLOC_RECORDS_MAX 3

struct tt_alloc_records { /* RECORDS */
    uint8_t type;
    uint8_t pad1[3];
    int32_t device_id; /* -1 */
    uint64_t count;    /* 1..3 */
    struct tt_alloc_record record[TT_ALLOC_RECORDS_MAX];
};
TT_ALLOC_LAYOUT(sizeof(struct tt_alloc_records) == TT_ALLOC_FRAME_112);
TT_ALLOC_AT(tt_alloc_records, type, 0, 1);
TT_ALLOC_AT(tt_alloc_records, pad1, 1, 3);
TT_ALLOC_AT(tt_alloc_records, device_id, 4, 4);
TT_ALLOC_AT(tt_alloc_records, count, 8, 8);
TT_ALLOC_AT(tt_alloc_records, record, 16, 96);

#undef TT_ALLOC_AT
#undef TT_ALLOC_LAYOUT
#ifdef __cplusplus
}
#endif
