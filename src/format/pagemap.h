/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_PAGEMAP_H
#define MRQ_FORMAT_PAGEMAP_H

/* A map from page numbers to 64-bit values: open addressing, no deletion marks. */
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mrq_pagemap {
	struct mrq_pagemap_item *items; /* NULL while empty */
	size_t room;                    /* a power of two, 0 while empty */
	size_t n;
};

struct mrq_pagemap_item {
	uint64_t page; /* MRQ_NO_PAGE: free */
	uint64_t value;
};

#define MRQ_NO_PAGE UINT64_MAX

void mrq_pagemap_clear(struct mrq_pagemap *map);
/** Make sure that so many more pages can be put without failing. */
MRQ_MUST_CHECK enum mrq_status mrq_pagemap_reserve(struct mrq_pagemap *map, size_t more,
						   struct mrq_error *err);
/** Put or replace; room must have been reserved. */
void mrq_pagemap_put(struct mrq_pagemap *map, uint64_t page, uint64_t value);
bool mrq_pagemap_get(const struct mrq_pagemap *map, uint64_t page, uint64_t *ret);
bool mrq_pagemap_has(const struct mrq_pagemap *map, uint64_t page);
void mrq_pagemap_remove(struct mrq_pagemap *map, uint64_t page);
/** All items in ascending order of pages; *ret malloc'ed (NULL when empty). */
MRQ_MUST_CHECK enum mrq_status mrq_pagemap_sorted(const struct mrq_pagemap *map,
						  struct mrq_pagemap_item **ret,
						  struct mrq_error *err);

#endif
