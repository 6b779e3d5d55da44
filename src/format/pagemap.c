/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pagemap.h"

#include "base/cleanup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 16

static size_t
home_of(const struct mrq_pagemap *map, uint64_t page)
{
	uint64_t h = page * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h >> 32) & (map->room - 1);
}

/* Slot of the page, or the free slot where it would go. */
static size_t
find(const struct mrq_pagemap *map, uint64_t page)
{
	size_t i = home_of(map, page);

	while (map->items[i].page != MRQ_NO_PAGE && map->items[i].page != page)
		i = (i + 1) & (map->room - 1);
	return i;
}

void
mrq_pagemap_clear(struct mrq_pagemap *map)
{
	free(map->items);
	*map = (struct mrq_pagemap){ 0 };
}

enum mrq_status
mrq_pagemap_reserve(struct mrq_pagemap *map, size_t more, struct mrq_error *err)
{
	size_t room = map->room ? map->room : ROOM_MIN;

	while (room / 4 * 3 < map->n + more)
		room *= 2;
	if (room == map->room)
		return MRQ_OK;
	struct mrq_pagemap bigger = { malloc(room * sizeof(*map->items)), room, 0 };
	if (!bigger.items)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a map of %zu pages",
				room);
	memset(bigger.items, 0xff, room * sizeof(*bigger.items));
	for (size_t i = 0; i < map->room; i++)
		if (map->items[i].page != MRQ_NO_PAGE)
			mrq_pagemap_put(&bigger, map->items[i].page,
					map->items[i].value);
	free(map->items);
	*map = bigger;
	return MRQ_OK;
}

void
mrq_pagemap_put(struct mrq_pagemap *map, uint64_t page, uint64_t value)
{
	assert(page != MRQ_NO_PAGE && map->room > map->n);
	size_t i = find(map, page);

	if (map->items[i].page == MRQ_NO_PAGE)
		map->n++;
	map->items[i] = (struct mrq_pagemap_item){ page, value };
}

bool
mrq_pagemap_get(const struct mrq_pagemap *map, uint64_t page, uint64_t *ret)
{
	if (map->n == 0)
		return false;
	size_t i = find(map, page);
	if (map->items[i].page == MRQ_NO_PAGE)
		return false;
	*ret = map->items[i].value;
	return true;
}

bool
mrq_pagemap_has(const struct mrq_pagemap *map, uint64_t page)
{
	uint64_t value;

	return mrq_pagemap_get(map, page, &value);
}

void
mrq_pagemap_remove(struct mrq_pagemap *map, uint64_t page)
{
	if (map->n == 0)
		return;
	size_t mask = map->room - 1, gap = find(map, page);
	if (map->items[gap].page == MRQ_NO_PAGE)
		return;
	/* Close the gap with what stands behind it and may stand there. */
	for (size_t i = (gap + 1) & mask; map->items[i].page != MRQ_NO_PAGE;
	     i = (i + 1) & mask) {
		size_t home = home_of(map, map->items[i].page);
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		map->items[gap] = map->items[i];
		gap = i;
	}
	map->items[gap].page = MRQ_NO_PAGE;
	map->n--;
}

static int
compare(const void *a, const void *b)
{
	const struct mrq_pagemap_item *x = a, *y = b;

	return (x->page > y->page) - (x->page < y->page);
}

enum mrq_status
mrq_pagemap_sorted(const struct mrq_pagemap *map, struct mrq_pagemap_item **ret,
		   struct mrq_error *err)
{
	struct mrq_pagemap_item *items = NULL;
	size_t n = 0;

	if (map->n) {
		items = malloc(map->n * sizeof(*items));
		if (!items)
			return mrq_fail(err, MRQ_E_NOMEM, "no memory to sort %zu pages",
					map->n);
		for (size_t i = 0; i < map->room; i++)
			if (map->items[i].page != MRQ_NO_PAGE)
				items[n++] = map->items[i];
		qsort(items, n, sizeof(*items), compare);
	}
	*ret = items;
	return MRQ_OK;
}
