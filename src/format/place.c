/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages in the file: reading past the end, the overlay of the journal. */
#include "internal.h"

#include "base/file.h"

#include <string.h>

uint64_t
mrq_place_of(const struct mrq_container *c, uint64_t page)
{
	uint64_t value;

	if (mrq_pagemap_get(&c->tx.map, page, &value))
		return c->tx.slots[value].at;
	if (mrq_pagemap_get(&c->overlay, page, &value))
		return MRQ_AT_PAGE(value);
	return page;
}

enum mrq_status
mrq_pages_read(int fd, uint64_t page, uint64_t n, uint8_t *ret, struct mrq_error *err)
{
	size_t len = (size_t)n * MRQ_PAGE, got;

	MRQ_TRY(mrq_pread_upto(fd, ret, len, (off_t)(page * MRQ_PAGE), &got,
			       "the container", err));
	memset(ret + got, 0, len - got);
	return MRQ_OK;
}

enum mrq_status
mrq_pages_write(const struct mrq_container *c, uint64_t page, uint64_t n,
		const uint8_t *data, struct mrq_error *err)
{
	return mrq_pwrite_full(c->fd, data, (size_t)n * MRQ_PAGE,
			       (off_t)(page * MRQ_PAGE), "the container", err);
}

enum mrq_status
mrq_container_load_page(void *ctx, uint64_t page, uint8_t ret[static MRQ_PAGE],
			struct mrq_error *err)
{
	struct mrq_container *c = ctx;

	return mrq_pages_read(c->fd, mrq_place_of(c, page), 1, ret, err);
}
