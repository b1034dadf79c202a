/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cells go to ncurses as they are; it finds out what has changed, and sends that.
 */

#define NCURSES_WIDECHAR 1
#include <ncurses.h>

#include "smi/live/curses.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static SCREEN *terminal;
static FILE *keyboard;
static bool has_colors_here;

static const short colors[INKS] = {
    [INK_GREEN] = COLOR_GREEN, [INK_YELLOW] = COLOR_YELLOW, [INK_RED] = COLOR_RED,
    [INK_CYAN] = COLOR_CYAN,   [INK_BLUE] = COLOR_BLUE,     [INK_MAGENTA] = COLOR_MAGENTA,
};

/* On the terminal's own background. */
static void prepare_colors(bool wanted)
{
    has_colors_here = wanted && has_colors() && start_color() == OK;
    if (!has_colors_here)
        return;
    use_default_colors();
    for (short ink = INK_PLAIN + 1; ink < INKS; ink++)
        init_pair(ink, colors[ink], -1);
}

static void prepare_keys(bool has_mouse)
{
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    if (!has_mouse)
        return;
    mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
}

int curses_open(int input, bool has_color, bool has_mouse)
{
    int copy = dup(input);

    keyboard = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (!keyboard) {
        if (copy >= 0)
            close(copy);
        return -ENOTSUP;
    }
    terminal = newterm(NULL, stdout, keyboard);
    if (!terminal) {
        fclose(keyboard);
        return -ENOTSUP;
    }
    prepare_colors(has_color);
    prepare_keys(has_mouse);
    curses_resize(); /* $COLUMNS and $LINES do not follow the terminal */
    curs_set(0);
    return 0;
}

void curses_close(void)
{
    if (!terminal)
        return;
    endwin();
    delscreen(terminal);
    fclose(keyboard);
    terminal = NULL;
}

void curses_forget(void)
{
    clearok(curscr, TRUE);
}

void curses_resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
}

void curses_suspend(void)
{
    endwin();
}

void curses_resume(void)
{
    reset_prog_mode();
    curses_resize();
    curses_forget();
    doupdate();
    curs_set(0);
}

void curses_size(size_t *ret_width, size_t *ret_height)
{
    *ret_width = (size_t)getmaxx(stdscr);
    *ret_height = (size_t)getmaxy(stdscr);
}

static attr_t attributes_of(const struct cell *cell)
{
    attr_t attributes = A_NORMAL;

    attributes |= cell->attributes & PEN_BOLD ? A_BOLD : 0;
    attributes |= cell->attributes & PEN_DIM ? A_DIM : 0;
    return attributes | (cell->attributes & PEN_REVERSE ? A_REVERSE : 0);
}

static void show_cell(const struct cell *cell)
{
    wchar_t text[] = {(wchar_t)cell->character, L'\0'};
    cchar_t character;

    setcchar(&character, text, attributes_of(cell), has_colors_here ? (short)cell->ink : 0, NULL);
    add_wch(&character);
}

void curses_show(const struct screen *screen)
{
    for (size_t y = 0; y < screen->height; y++) {
        move((int)y, 0);
        for (size_t x = 0; x < screen->width; x++) {
            if (screen_at(screen, x, y)->character != 0)
                show_cell(screen_at(screen, x, y));
        }
    }
    refresh();
}

static const struct {
    int code;
    uint32_t key;
} special_keys[] = {
    {KEY_UP, ARROW_UP},         {KEY_DOWN, ARROW_DOWN}, {KEY_LEFT, ARROW_LEFT}, {KEY_RIGHT, ARROW_RIGHT},
    {KEY_PPAGE, PAGE_UP},       {KEY_NPAGE, PAGE_DOWN}, {KEY_HOME, GO_HOME},    {KEY_END, GO_END},
    {KEY_BACKSPACE, BACKSPACE}, {KEY_ENTER, ENTER},
};

static bool read_mouse(struct input *ret)
{
    MEVENT event;

    if (getmouse(&event) != OK || event.x < 0 || event.y < 0)
        return false;
    *ret = (struct input){MOUSE_CLICK, (size_t)event.x, (size_t)event.y};
    if (event.bstate & BUTTON4_PRESSED)
        ret->key = MOUSE_UP;
    else if (event.bstate & BUTTON5_PRESSED)
        ret->key = MOUSE_DOWN;
    return true;
}

/* 0: none that means anything here. */
static uint32_t special_key(wint_t code)
{
    if (code >= (wint_t)KEY_F(1) && code <= (wint_t)KEY_F(12))
        return FUNCTION_KEY + (code - (wint_t)KEY_F(0));
    for (size_t i = 0; i < sizeof(special_keys) / sizeof(special_keys[0]); i++) {
        if (code == (wint_t)special_keys[i].code)
            return special_keys[i].key;
    }
    return 0;
}

static void give_back(int kind, wint_t code)
{
    if (kind == OK)
        unget_wch((wchar_t)code);
    else if (kind == KEY_CODE_YES)
        ungetch((int)code);
}

/* Up to a letter or ~, with which they end; those of the Linux console have two brackets. One that is cut off ends
 * before what cannot be part of it. */
static void skip_sequence(wint_t introducer)
{
    wint_t code = 0;
    int kind = get_wch(&code);

    if (introducer == '[' && kind == OK && code == '[')
        kind = get_wch(&code);
    while (introducer == '[' && kind == OK && code >= ' ' && code <= '?')
        kind = get_wch(&code);
    if (kind != OK || code < ' ' || code > '~')
        give_back(kind, code);
}

/* What $TERM does not know as a key begins with an Escape all the same, which must not end the program. */
static bool is_unknown_sequence(void)
{
    wint_t code;
    int kind = get_wch(&code);

    if (kind == OK && (code == '[' || code == 'O')) {
        skip_sequence(code);
        return true;
    }
    give_back(kind, code);
    return false;
}

bool curses_read(struct input *ret)
{
    wint_t code;
    int kind = get_wch(&code);

    if (kind == ERR)
        return false;
    if (kind == OK && code == ESCAPE && is_unknown_sequence())
        return curses_read(ret);
    *ret = (struct input){0};
    if (kind == KEY_CODE_YES && code == KEY_MOUSE)
        return read_mouse(ret) || curses_read(ret);
    if (kind == KEY_CODE_YES)
        ret->key = special_key(code);
    else
        ret->key = code == '\r' ? ENTER : code == 127 || code == '\b' ? BACKSPACE : (uint32_t)code;
    return true;
}
