/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "layout.h"

#include "container.h"

struct mrq_layout
mrq_layout_make(uint32_t header_pages, unsigned block_shift)
{
	return (struct mrq_layout){
		.header_pages = header_pages,
		.block_size = 1u << block_shift,
		.block_pages = (1u << block_shift) / MRQ_PAGE,
	};
}

uint64_t
mrq_layout_blocks(const struct mrq_layout *l, uint64_t size)
{
	return size / l->block_size + (size % l->block_size != 0);
}

uint64_t
mrq_layout_segments(uint64_t blocks)
{
	if (blocks <= MRQ_INLINE_ENTRIES)
		return 0;
	return (blocks - MRQ_INLINE_ENTRIES + MRQ_TAG_ENTRIES - 1) / MRQ_TAG_ENTRIES;
}

uint64_t
mrq_layout_span(unsigned level)
{
	return UINT64_C(1) << (8 * level);
}

unsigned
mrq_layout_height(uint64_t segments)
{
	unsigned h = 0;

	while (mrq_layout_span(h) < segments)
		h++;
	return h;
}

/* T(s) of marque-format(5). */
static uint64_t
tag_page(const struct mrq_layout *l, uint64_t s)
{
	uint64_t page = l->header_pages + (uint64_t)MRQ_INLINE_ENTRIES * l->block_pages;

	page += s * (1 + (uint64_t)MRQ_TAG_ENTRIES * l->block_pages);
	for (unsigned level = 1; level <= MRQ_TREE_LEVELS; level++)
		page += s / mrq_layout_span(level) + 1;
	return page;
}

uint64_t
mrq_layout_block_page(const struct mrq_layout *l, uint64_t block)
{
	if (block < MRQ_INLINE_ENTRIES)
		return l->header_pages + block * l->block_pages;
	uint64_t j = block - MRQ_INLINE_ENTRIES;
	return tag_page(l, j / MRQ_TAG_ENTRIES) + 1 +
	       j % MRQ_TAG_ENTRIES * l->block_pages;
}

uint64_t
mrq_layout_tree_page(const struct mrq_layout *l, unsigned level, uint64_t index)
{
	return tag_page(l, index * mrq_layout_span(level)) - level;
}

uint64_t
mrq_layout_end(const struct mrq_layout *l, uint64_t size)
{
	uint64_t blocks = mrq_layout_blocks(l, size);

	if (blocks == 0)
		return l->header_pages;
	return mrq_layout_block_page(l, blocks - 1) + l->block_pages;
}
