/* SPDX-License-Identifier: Apache-2.0 */

/*
 * strtoll() and its kin take white space, signs and other bases where no driver writes any, so what they leave out is
 * checked before.
 */

#include "host/attribute.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEX_DIGITS "0123456789abcdefABCDEF"
#define ID_DIGITS 16
#define NUMBER_CHARACTERS 20 /* the longest of 64 bits; what is longer may have been cut */

struct host_text attribute_text(const struct directory *directory, const char *file)
{
    struct host_text text = {0};

    text.error = directory_read_line(directory, file, text.text, sizeof(text.text));
    return text;
}

static int parse_number(const char *text, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;
    long long value;

    if (!isdigit((unsigned char)digits[0]) || strlen(text) > NUMBER_CHARACTERS)
        return -EINVAL;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end)
        return -EINVAL;
    *ret = value;
    return 0;
}

struct host_number attribute_number(const struct directory *directory, const char *file)
{
    struct host_text text = attribute_text(directory, file);
    struct host_number number = {.error = text.error};

    if (number.error == 0)
        number.error = parse_number(text.text, &number.value);
    return number;
}

static int parse_id(const char *text, uint64_t *ret)
{
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    size_t length = strspn(digits, HEX_DIGITS);
    uint64_t value;

    if (length == 0 || length > ID_DIGITS || digits[length])
        return -EINVAL;
    value = strtoull(digits, NULL, 16);
    if (value == 0 || value == UINT64_MAX)
        return -ENODATA;
    *ret = value;
    return 0;
}

struct host_id attribute_id(const struct directory *directory, const char *file)
{
    struct host_text text = attribute_text(directory, file);
    struct host_id id = {.error = text.error};

    if (id.error == 0)
        id.error = parse_id(text.text, &id.value);
    return id;
}
