/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An intrusive doubly linked list. The link is embedded in the element; each link's comment names the list it is for.
 */

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* The element at `position` may be removed and freed inside the loop. */
#define list_for_each(position, head)                                                                                  \
    for (struct list *position = (head)->next, *position##_next = position->next; position != (head);                  \
         position = position##_next, position##_next = position->next)

static inline void list_init(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

/* A removed link may be removed again. */
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}
