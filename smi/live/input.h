/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a user does: a key, or something with the mouse. Characters stand for themselves. */

#include <stddef.h>
#include <stdint.h>

enum key {
    KEYS_SPECIAL = 0x200000, /* beyond all characters */
    ARROW_UP,
    ARROW_DOWN,
    ARROW_LEFT,
    ARROW_RIGHT,
    PAGE_UP,
    PAGE_DOWN,
    GO_HOME,
    GO_END,
    BACKSPACE,
    FUNCTION_KEY, /* and F1 to F12 behind it: FUNCTION_KEY + 1 */
    MOUSE_CLICK = FUNCTION_KEY + 13,
    MOUSE_UP, /* the wheel */
    MOUSE_DOWN,
};

#define ESCAPE 27
#define ENTER 10
#define TAB 9
#define CTRL_L 12
#define CTRL_U 21

struct input {
    uint32_t key;
    size_t x, y; /* of the mouse */
};
