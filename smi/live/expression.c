/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A term whose operator is missing is a word to be searched for, so that plain text just works.
 */

#include "smi/live/expression.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum comparison comparison;
} operators[] = {
    {"==", EQUALS}, {"!=", DIFFERS}, {"<=", AT_MOST}, {">=", AT_LEAST},
    {"=", EQUALS},  {"<", BELOW},    {">", ABOVE},    {"~", CONTAINS},
};

#define OPERATORS (sizeof(operators) / sizeof(operators[0]))

static void trim(const char **begin, size_t *length)
{
    while (*length > 0 && isspace((unsigned char)**begin)) {
        ++*begin;
        --*length;
    }
    while (*length > 0 && isspace((unsigned char)(*begin)[*length - 1]))
        --*length;
}

static double unit_of(const char *unit, enum field_kind kind)
{
    static const char sizes[] = "BKMGT", ages[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    bool is_age = kind == KIND_AGE;
    const char *place;

    if (*unit == '\0')
        return is_age ? 1e9 : 1;
    place = strchr(is_age ? ages : sizes, is_age ? tolower((unsigned char)*unit) : toupper((unsigned char)*unit));
    if (!place || unit[1] != '\0' || kind == KIND_COUNT || kind == KIND_NUMBER)
        return 0;
    return is_age ? seconds[place - ages] * 1e9 : (double)(UINT64_C(1) << 10 * (place - sizes));
}

static bool parse_number(const char *text, enum field_kind kind, int64_t *ret)
{
    char *end;
    double number = strtod(text, &end), unit = unit_of(end, kind);

    if (end == text || unit == 0 || !(number * unit > -9e18 && number * unit < 9e18))
        return false;
    *ret = (int64_t)(number * unit);
    return true;
}

/* Where the first operator of a term is; its length if there is none. */
static size_t find_operator(const char *text, size_t length, size_t *ret_which)
{
    for (size_t at = 0; at < length; at++) {
        for (size_t i = 0; i < OPERATORS; i++) {
            if (strncmp(text + at, operators[i].text, strlen(operators[i].text)) == 0) {
                *ret_which = i;
                return at;
            }
        }
    }
    return length;
}

static const char *check_value(struct term *term)
{
    bool is_text = fields[term->field].kind == KIND_TEXT;

    if (term->text[0] == '\0')
        return "a value is missing";
    if (is_text && term->comparison != EQUALS && term->comparison != DIFFERS && term->comparison != CONTAINS)
        return "texts are compared with ==, != or ~";
    if (!is_text && term->comparison == CONTAINS)
        return "~ is for texts";
    if (!is_text && !parse_number(term->text, fields[term->field].kind, &term->number))
        return "that is no number; sizes: 1.5G, ages: 5m";
    return NULL;
}

/* Returns what is wrong, or NULL. */
static const char *parse_term(const char *text, size_t length, struct term *ret)
{
    size_t which = 0, at = find_operator(text, length, &which), name_length = at;
    struct term term = {.field = FIELDS, .comparison = CONTAINS};
    const char *name = text, *value = text;

    if (at < length) {
        trim(&name, &name_length);
        term.field = field_by_name(name, name_length);
        if (term.field == FIELDS)
            return "no such column";
        term.comparison = operators[which].comparison;
        value += at + strlen(operators[which].text);
        length -= (size_t)(value - text);
    }
    trim(&value, &length);
    snprintf(term.text, sizeof(term.text), "%.*s", (int)length, value);
    *ret = term;
    return term.field == FIELDS ? NULL : check_value(ret);
}

int expression_parse(const char *text, struct expression *ret, const char **ret_problem)
{
    struct expression expression = {0};
    const char *problem = NULL;

    while (*text && !problem) {
        size_t whole = strcspn(text, "&"), length = whole;
        const char *begin = text;

        trim(&begin, &length);
        if (length > 0 && expression.count == EXPRESSION_TERMS)
            problem = "too many conditions";
        else if (length > 0)
            problem = parse_term(begin, length, &expression.terms[expression.count++]);
        text += whole + (text[whole] == '&');
    }
    if (problem)
        *ret_problem = problem;
    else
        *ret = expression;
    return problem ? -EINVAL : 0;
}

static bool compare_number(struct value value, const struct term *term)
{
    if (value.knowledge == VALUE_UNKNOWN)
        return false;
    switch (term->comparison) {
    case EQUALS:
        return value.number == term->number;
    case DIFFERS:
        return value.number != term->number;
    case BELOW:
        return value.number < term->number;
    case ABOVE:
        return value.number > term->number;
    case AT_MOST:
        return value.number <= term->number;
    default:
        return value.number >= term->number;
    }
}

static bool compare_text(const char *text, const struct term *term)
{
    if (!text)
        return false;
    if (term->comparison == CONTAINS)
        return strcasestr(text, term->text) != NULL;
    return (strcasecmp(text, term->text) == 0) == (term->comparison == EQUALS);
}

static bool has_word(const struct line *line, const struct term *term)
{
    return compare_text(line->row->facts.command, term) || compare_text(line->user, term) ||
           compare_text(tracking_title(line->row->tracking), term) ||
           compare_text(field_format(line->values[FIELD_PID], KIND_NUMBER).text, term);
}

static bool holds(const struct line *line, const struct term *term)
{
    switch (term->field) {
    case FIELDS:
        return has_word(line, term);
    case FIELD_USER:
        return compare_text(line->user, term);
    case FIELD_DEVICES:
        return line_has_device(line, term->text) != (term->comparison == DIFFERS);
    case FIELD_STATE:
        return compare_text(tracking_title(line->row->tracking), term);
    case FIELD_COMMAND:
        return compare_text(line->row->facts.command, term);
    default:
        return compare_number(line->values[term->field], term);
    }
}

bool expression_matches(const struct line *line, const void *userdata)
{
    const struct expression *expression = userdata;

    for (size_t i = 0; i < expression->count; i++) {
        if (!holds(line, &expression->terms[i]))
            return false;
    }
    return true;
}
