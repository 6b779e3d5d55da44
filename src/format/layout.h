/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_LAYOUT_H
#define MRQ_FORMAT_LAYOUT_H

/*
 * Where everything stands: marque-format(5) "Addresses".  Pure arithmetic, in pages of
 * MRQ_PAGE bytes; nothing overflows for sizes up to MRQ_CONTAINER_SIZE_MAX.
 */
#include <stdint.h>

#define MRQ_INLINE_ENTRIES 32u  /* blocks whose entry is in the header */
#define MRQ_TAG_ENTRIES    128u /* entries of a tag page */
#define MRQ_TREE_FAN       256u /* MACs of a tree page */
#define MRQ_TREE_LEVELS    5u   /* levels above the tag pages, which are level 0 */

struct mrq_layout {
	uint32_t header_pages;
	uint32_t block_size;  /* bytes */
	uint32_t block_pages; /* block_size / MRQ_PAGE */
};

struct mrq_layout mrq_layout_make(uint32_t header_pages, unsigned block_shift);

/** Blocks of a file of size bytes. */
uint64_t mrq_layout_blocks(const struct mrq_layout *l, uint64_t size);
/** Segments (tag pages) of a file of so many blocks. */
uint64_t mrq_layout_segments(uint64_t blocks);
/** Height of the tree over so many segments: the level of its top page. */
unsigned mrq_layout_height(uint64_t segments);
/** Segments that one page of a level covers: 256^level. */
uint64_t mrq_layout_span(unsigned level);

/** First page of a block. */
uint64_t mrq_layout_block_page(const struct mrq_layout *l, uint64_t block);
/** Page of a tag page (level 0) or tree page. */
uint64_t mrq_layout_tree_page(const struct mrq_layout *l, unsigned level,
			      uint64_t index);
/** The data end: the page after the last block of a file of size bytes. */
uint64_t mrq_layout_end(const struct mrq_layout *l, uint64_t size);

#endif
