/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_TREE_H
#define MRQ_FORMAT_TREE_H

/*
 * The tree of MACs over the tag pages and a cache of its pages: marque-format(5)
 * "Tree".
 *
 * Every page is verified against its parent when it is loaded.  Reading functions may
 * run at once
 * (an internal lock); changing ones need the container's exclusive lock.
 */
#include "header.h"
#include "layout.h"

#include <pthread.h>

#define MRQ_TREE_CLEAN_MAX 256u /* clean pages kept: 1 MiB */
#define MRQ_TREE_DIRTY_MAX 256u /* dirty pages before the owner must write some */

/** Reads the page of a file into ret; what lies past the end is zeros. */
typedef enum mrq_status (*mrq_tree_load)(void *ctx, uint64_t page,
					 uint8_t ret[static MRQ_PAGE],
					 struct mrq_error *err);

struct mrq_tree_page {
	unsigned level;
	uint64_t index;
	bool dirty;
	bool fresh;                        /* no committed state has it in its place */
	struct mrq_tree_page *hash_next;   /* chain of the hash table */
	struct mrq_tree_page *prev, *next; /* list of clean or dirty ones */
	uint8_t data[MRQ_PAGE];
};

struct mrq_tree {
	struct mrq_layout layout;
	struct mrq_guid file_id;
	const struct mrq_mac_key *key; /* borrowed; NULL while locked */
	mrq_tree_load load;
	void *load_ctx;
	uint64_t segments;
	unsigned height;
	uint8_t root[MRQ_TREE_MAC_BYTES]; /* true once sealed */
	uint64_t taint_end; /* pages that cover a block below it are never fresh */

	pthread_mutex_t lock; /* of all below, among readers */
	struct mrq_tree_page **table;
	size_t table_room;
	struct mrq_tree_page clean, dirty; /* list heads; clean: newest first */
	size_t n_clean, n_dirty;
};

void mrq_tree_init(struct mrq_tree *t, const struct mrq_layout *layout,
		   const struct mrq_guid *file_id, mrq_tree_load load, void *load_ctx);
void mrq_tree_clear(struct mrq_tree *t);
/** Forget all pages and begin at the tree of a header. */
void mrq_tree_reset(struct mrq_tree *t, uint64_t blocks,
		    const uint8_t root[static MRQ_TREE_MAC_BYTES]);

/** Copy the entries of blocks [first, first + n), n > 0, all of one segment. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_entries(struct mrq_tree *t, uint64_t first,
						size_t n,
						uint8_t (*ret)[MRQ_ENTRY_BYTES],
						struct mrq_error *err);
/** Make sure that entries of a segment can be set: its page is in memory and dirty. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_prepare(struct mrq_tree *t, uint64_t segment,
						struct mrq_error *err);
/** Set an entry of a prepared segment. */
void mrq_tree_entry_set(struct mrq_tree *t, uint64_t block,
			const uint8_t entry[static MRQ_ENTRY_BYTES]);
/** Follow the size: more blocks add top pages, fewer zero what is cut off. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_resize(struct mrq_tree *t, uint64_t blocks,
					       struct mrq_error *err);
/** Undo growth since the entries of the new blocks were never set.  Cannot fail. */
void mrq_tree_shrink_back(struct mrq_tree *t, uint64_t blocks);
/**
 * Load what punching [from, to), or cutting off from `from`, needs: it then cannot
 * fail.
 */
MRQ_MUST_CHECK enum mrq_status mrq_tree_preload(struct mrq_tree *t, uint64_t from,
						uint64_t to, struct mrq_error *err);
/** Make holes of blocks [from, to). */
MRQ_MUST_CHECK enum mrq_status mrq_tree_punch(struct mrq_tree *t, uint64_t from,
					      uint64_t to, struct mrq_error *err);
/** First block of [from, to) that is data or hole; *ret = to when there is none. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_seek(struct mrq_tree *t, uint64_t from,
					     uint64_t to, enum mrq_seek whence,
					     uint64_t *ret, struct mrq_error *err);

/** Bring the MACs of all dirty pages up to the root. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_seal(struct mrq_tree *t, struct mrq_error *err);
/** The MAC of a page's bytes. */
void mrq_tree_mac(const struct mrq_tree *t, unsigned level, uint64_t index,
		  const uint8_t data[static MRQ_PAGE],
		  uint8_t ret[static MRQ_TREE_MAC_BYTES]);
/** True when a page is all zeros: it has no place in the file. */
bool mrq_tree_page_empty(const struct mrq_tree_page *p);
/** A dirty tag page was written to its fresh place: put its MAC into its parent. */
MRQ_MUST_CHECK enum mrq_status mrq_tree_page_written(struct mrq_tree *t,
						     struct mrq_tree_page *p,
						     struct mrq_error *err);
/** All dirty pages are part of a committed state. */
void mrq_tree_committed(struct mrq_tree *t);
/** First dirty page, or the one after p; NULL at the end. */
struct mrq_tree_page *mrq_tree_next_dirty(struct mrq_tree *t, struct mrq_tree_page *p);

#endif
