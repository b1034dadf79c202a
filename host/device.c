/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a device is. The class entry and the PCI device tell this independently of each other, and each may be silent:
 * the entry because the firmware is, the PCI device because the tree was copied without it.
 */

#include "host/device.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/attribute.h"
#include "host/sensors.h"

#define CLASS "sys/class/tenstorrent"
#define ENTRY_PREFIX "tenstorrent!"
#define PATH_SIZE 64
#define UEVENT_BYTES 4096
#define WORMHOLE_PCI_ID 0x401e
#define BLACKHOLE_PCI_ID 0xb140

int32_t device_number(const char *entry)
{
    const char *digits = entry + strlen(ENTRY_PREFIX);
    size_t length;
    long long number;

    if (strncmp(entry, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0)
        return -1;
    length = strspn(digits, "0123456789");
    if (length == 0 || digits[length] || (digits[0] == '0' && length > 1))
        return -1;
    number = strtoll(digits, NULL, 10);
    return number > INT32_MAX ? -1 : (int32_t)number;
}

/* "0000:09:00.0", where the domain may have up to eight digits. */
static int parse_pci_address(const char *text, uint64_t *ret)
{
    unsigned domain, bus, slot, function;
    int length = 0;

    if (text[strspn(text, "0123456789abcdefABCDEF:.")])
        return -EINVAL;
    if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &length) != 4 || text[length])
        return -EINVAL;
    if (slot > 31 || function > 7)
        return -EINVAL;
    *ret = (uint64_t)domain << 16 | bus << 8 | slot << 3 | function;
    return 0;
}

/* The address as the PCI device itself names it, for trees in which links were replaced by what they point to. */
static int read_uevent_address(const struct host_root *root, const char *pci_path, uint64_t *ret)
{
    static const char key[] = "PCI_SLOT_NAME=";
    char *uevent, *value;
    int error = host_root_read(root, UEVENT_BYTES, &uevent, NULL, "%s/uevent", pci_path);

    if (error < 0)
        return error;
    value = strstr(uevent, key);
    if (value) {
        value += strlen(key);
        value[strcspn(value, "\n")] = '\0';
    }
    error = value ? parse_pci_address(value, ret) : -ENOENT;
    free(uevent);
    return error;
}

static struct host_id read_pci_address(const struct host_root *root, const char *pci_path)
{
    struct host_id address = {0};
    char target[PATH_MAX];
    const char *slash;

    address.error = host_root_read_link(root, target, sizeof(target), "%s", pci_path);
    if (address.error == -EINVAL) { /* it is no link */
        address.error = read_uevent_address(root, pci_path, &address.value);
    } else if (address.error == 0) {
        slash = strrchr(target, '/');
        address.error = parse_pci_address(slash ? slash + 1 : target, &address.value);
    }
    return address;
}

static const char *arch_by_pci_id(struct host_id id)
{
    if (id.error < 0)
        return NULL;
    return id.value == WORMHOLE_PCI_ID ? "wormhole_b0" : id.value == BLACKHOLE_PCI_ID ? "blackhole" : NULL;
}

static void read_identity(const struct directory *class_entry, const struct directory *pci, struct host_device *device)
{
    device->card_type = attribute_text(class_entry, "tt_card_type");
    if (device->card_type.error == 0)
        device->card = host_card_by_type(device->card_type.text);
    device->asic_id = attribute_id(class_entry, "tt_asic_id");
    device->board_id = attribute_id(class_entry, "tt_serial");
    device->pci_address = read_pci_address(pci->root, pci->path);
    device->arch = arch_by_pci_id(attribute_id(pci, "device"));
    if (!device->arch && device->card)
        device->arch = device->card->arch;
}

void device_read(const struct host_root *root, int32_t number, unsigned parts, struct host_device *ret)
{
    struct host_device device = {.number = number, .holders_error = -ENOENT};
    char class_path[PATH_SIZE], pci_path[PATH_SIZE];
    struct directory class_entry, pci;

    snprintf(class_path, sizeof(class_path), CLASS "/" ENTRY_PREFIX "%d", number);
    snprintf(pci_path, sizeof(pci_path), CLASS "/" ENTRY_PREFIX "%d/device", number);
    class_entry = directory_open(root, class_path);
    pci = directory_open(root, pci_path);
    read_identity(&class_entry, &pci, &device);
    sensors_forget(&device);
    if (parts & HOST_SENSORS)
        sensors_read(&class_entry, &pci, parts, &device);
    directory_close(&pci);
    directory_close(&class_entry);
    *ret = device;
}
