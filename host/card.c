/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the cards have. The number of cores is what is left of a chip after harvesting, which differs by card, and the
 * DRAM of Blackhole is what tt-metal sees of it, 16 MiB less per channel than is soldered on.
 */

#include "host/host.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define WORMHOLE_L1 UINT64_C(1499136)
#define WORMHOLE_CHANNELS 12 /* tt-metal's views of a GiB each */
#define WORMHOLE_CHANNEL (UINT64_C(1) << 30)
#define BLACKHOLE_L1 UINT64_C(1572864)
#define BLACKHOLE_CHANNEL ((UINT64_C(4) << 30) - (UINT64_C(16) << 20))

#define WORMHOLE(name, chip_count, core_count)                                                                         \
    {                                                                                                                  \
        .type = (name), .arch = "wormhole_b0", .chips = (chip_count), .cores = (core_count),                           \
        .l1_per_core = WORMHOLE_L1, .l1_size = (core_count)*WORMHOLE_L1, .dram_channels = WORMHOLE_CHANNELS,           \
        .dram_size = WORMHOLE_CHANNELS * WORMHOLE_CHANNEL,                                                             \
    }
#define BLACKHOLE(name, chip_count, core_count, channels)                                                              \
    {                                                                                                                  \
        .type = (name), .arch = "blackhole", .chips = (chip_count), .cores = (core_count),                             \
        .l1_per_core = BLACKHOLE_L1, .l1_size = (core_count)*BLACKHOLE_L1, .dram_channels = (channels),                \
        .dram_size = (channels)*BLACKHOLE_CHANNEL,                                                                     \
    }

static const struct host_card cards[] = {
    WORMHOLE("n150", 1, 72),
    WORMHOLE("n300", 2, 64),
    WORMHOLE("galaxy-wormhole", 32, 80),
    BLACKHOLE("p100", 1, 120, 7),
    BLACKHOLE("p150", 1, 120, 8),
    BLACKHOLE("p300", 2, 120, 8),
    BLACKHOLE("galaxy-blackhole", 32, 130, 8),
};

static const struct {
    const char *name, *type;
} other_names[] = {
    {"galaxy-wh", "galaxy-wormhole"},
    {"galaxy-bh", "galaxy-blackhole"},
};

/* "a" of "p150a", "L" of "n300 L", or both. */
static bool is_suffix(const char *text)
{
    if (isalpha((unsigned char)text[0]))
        text++;
    if (text[0] && strchr(" -_", text[0]) && isalpha((unsigned char)text[1]))
        text += 2;
    return !text[0];
}

static bool is_name(const char *text, const char *name)
{
    size_t length = strlen(name);

    return strncasecmp(text, name, length) == 0 && is_suffix(text + length);
}

const struct host_card *host_card_by_type(const char *type)
{
    if (strncasecmp(type, "tt-", 3) == 0)
        type += 3;
    for (size_t i = 0; i < COUNT(other_names); i++)
        if (is_name(type, other_names[i].name))
            type = other_names[i].type;
    for (size_t i = 0; i < COUNT(cards); i++)
        if (is_name(type, cards[i].type))
            return &cards[i];
    return NULL;
}
