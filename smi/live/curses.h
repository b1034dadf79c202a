/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The terminal. There is one, so that this keeps its state to itself; curses.c alone includes ncurses.
 */

#include "smi/live/input.h"
#include "smi/live/screen.h"

/* Takes the terminal over; keys come from `input`, an open descriptor of it. -ENOTSUP: there is no such kind of
 * terminal; nothing has happened then. */
int curses_open(int input, bool has_color, bool has_mouse);

/* Gives it back as it was. */
void curses_close(void);

/* Gives it back for a while, and takes it again. */
void curses_suspend(void);
void curses_resume(void);

/* Somebody else wrote on it: the next picture is drawn as a whole. */
void curses_forget(void);

/* Asks the terminal for its size. */
void curses_resize(void);
void curses_size(size_t *ret_width, size_t *ret_height);

void curses_show(const struct screen *screen);

/* The next key that was pressed, if there is one. */
bool curses_read(struct input *ret);
