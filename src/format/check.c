/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verification of a whole container.  Pages are read anew and not from the cache; what
 * is found wrong is told and counted, and the walk goes on beside it.
 */
#include "internal.h"

#include "base/bytes.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

struct walk {
	struct mrq_container *c;
	struct mrq_cipher_use use;
	uint64_t blocks; /* of the file */
	uint64_t file_pages;
	uint8_t *block; /* scratch, plaintext */
	mrq_check_report report;
	void *arg;
	struct mrq_check *found;
};

static void
walk_clear(struct walk *w)
{
	mrq_cipher_use_end(&w->use);
	if (w->block)
		mrq_wipe(w->block, w->c->layout.block_size);
	free(w->block);
}
MRQ_DEFINE_CLEANUP_VALUE(walk_clear, struct walk)

/* Blocks [from, to) cannot be vouched for. */
static void
damaged(struct walk *w, uint64_t from, uint64_t to, const char *reason)
{
	uint64_t size = w->c->layout.block_size;
	uint64_t end = to < w->blocks ? to * size : w->c->hdr.size;

	w->found->damaged++;
	if (w->report)
		w->report(from * size, end > from * size ? end - from * size : 0,
			  reason, w->arg);
}

static bool
in_file(const struct walk *w, uint64_t page, uint64_t pages)
{
	uint64_t at = mrq_place_of(w->c, page);

	return at < w->file_pages && pages <= w->file_pages - at;
}

/* Memory that is short ends the walk; all else is something wrong with the file. */
static enum mrq_status
or_damaged(struct walk *w, enum mrq_status s, uint64_t from, uint64_t to,
	   const struct mrq_error *err)
{
	if (s == MRQ_E_NOMEM)
		return s;
	if (s != MRQ_OK)
		damaged(w, from, to, err->msg);
	return MRQ_OK;
}

static enum mrq_status
check_block(struct walk *w, uint64_t block, const uint8_t entry[static MRQ_ENTRY_BYTES],
	    struct mrq_error *err)
{
	struct mrq_container *c = w->c;
	struct mrq_entry e = mrq_entry_decode(entry);

	if (mrq_entry_is_hole(entry))
		return MRQ_OK;
	w->found->blocks++;
	if (block >= w->blocks || e.generation == 0 ||
	    e.generation > c->hdr.generation) {
		damaged(w, block, block + 1, "the entry of the block is malformed");
		return MRQ_OK;
	}
	if (!in_file(w, mrq_layout_block_page(&c->layout, block),
		     c->layout.block_pages)) {
		damaged(w, block, block + 1, "the block lies past the end of the file");
		return MRQ_OK;
	}
	if (!w->found->keyed)
		return MRQ_OK;
	enum mrq_status s = mrq_block_load(&w->use, block, entry, w->block, err);
	return or_damaged(w, s, block, block + 1, err);
}

/* A block of an unsettled header that never reached storage, seen without a key. */
static enum mrq_status
check_lost(struct walk *w, uint64_t block, bool *ret_lost, struct mrq_error *err)
{
	struct mrq_container *c = w->c;

	*ret_lost = false;
	if (w->found->keyed || !c->hdr.unsettled ||
	    mrq_entry_is_hole(c->hdr.entries[block]))
		return MRQ_OK;
	MRQ_TRY(mrq_blocks_load(c, block, 1, w->block, err));
	*ret_lost = mrq_crc32c(0, w->block, c->layout.block_size) !=
		    c->hdr.inline_crc[block];
	return MRQ_OK;
}

static enum mrq_status
check_inline(struct walk *w, struct mrq_error *err)
{
	for (uint64_t i = 0; i < w->blocks && i < MRQ_INLINE_ENTRIES; i++) {
		bool lost;
		MRQ_TRY(check_lost(w, i, &lost, err));
		if (lost)
			w->found->lost++;
		else
			MRQ_TRY(check_block(w, i, w->c->hdr.entries[i], err));
	}
	return MRQ_OK;
}

static enum mrq_status
check_tags(struct walk *w, uint64_t segment, const uint8_t page[static MRQ_PAGE],
	   struct mrq_error *err)
{
	uint64_t first = MRQ_INLINE_ENTRIES + segment * MRQ_TAG_ENTRIES;

	for (uint64_t i = 0; i < MRQ_TAG_ENTRIES; i++)
		MRQ_TRY(check_block(w, first + i, page + i * MRQ_ENTRY_BYTES, err));
	return MRQ_OK;
}

static enum mrq_status
load_page(struct walk *w, unsigned level, uint64_t index,
	  const uint8_t mac[static MRQ_TREE_MAC_BYTES], uint8_t ret[static MRQ_PAGE],
	  struct mrq_error *err)
{
	struct mrq_container *c = w->c;
	uint64_t page = mrq_layout_tree_page(&c->layout, level, index);
	uint8_t found[MRQ_TREE_MAC_BYTES];

	if (!in_file(w, page, 1))
		return mrq_fail(err, MRQ_E_DAMAGED,
				"a tag page lies past the end of the file");
	MRQ_TRY(mrq_container_load_page(c, page, ret, err));
	if (!w->found->keyed)
		return MRQ_OK;
	mrq_tree_mac(&c->tree, level, index, ret, found);
	if (!mrq_equal(found, mac, sizeof(found)))
		return mrq_fail(err, MRQ_E_DAMAGED, "a tag page fails authentication");
	return MRQ_OK;
}

static enum mrq_status
check_page(struct walk *w, unsigned level, uint64_t index,
	   const uint8_t mac[static MRQ_TREE_MAC_BYTES], struct mrq_error *err)
{
	static const uint8_t zero_mac[MRQ_TREE_MAC_BYTES];
	uint64_t span = mrq_layout_span(level);
	uint64_t first = MRQ_INLINE_ENTRIES + index * span * MRQ_TAG_ENTRIES;
	uint8_t page[MRQ_PAGE];

	if (memcmp(mac, zero_mac, sizeof(zero_mac)) == 0)
		return MRQ_OK;
	enum mrq_status s = first < w->blocks
				    ? load_page(w, level, index, mac, page, err)
				    : mrq_fail(err, MRQ_E_DAMAGED,
					       "the tree names pages past the end");
	if (s != MRQ_OK)
		return or_damaged(w, s, first, first + span * MRQ_TAG_ENTRIES, err);
	if (level == 0)
		return check_tags(w, index, page, err);
	for (uint64_t i = 0; i < MRQ_TREE_FAN; i++)
		MRQ_TRY(check_page(w, level - 1, index * MRQ_TREE_FAN + i,
				   page + i * MRQ_TREE_MAC_BYTES, err));
	return MRQ_OK;
}

static enum mrq_status
check_held(struct mrq_container *c, mrq_check_report report, void *arg,
	   struct mrq_check *ret, struct mrq_error *err)
{
	struct mrq_error own = { .status = MRQ_OK };
	struct stat st;
	struct walk w MRQ_CLEANUP(walk_clear) = {
		.c = c,
		.use = { .c = c },
		.blocks = mrq_layout_blocks(&c->layout, c->hdr.size),
		.block = malloc(c->layout.block_size),
		.report = report,
		.arg = arg,
		.found = ret,
	};

	err = err ? err : &own;
	if (!w.block)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a block");
	MRQ_TRY(mrq_commit_held(c, err));
	if (fstat(c->fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the container");
	w.file_pages = ((uint64_t)st.st_size + MRQ_PAGE - 1) / MRQ_PAGE;
	*ret = (struct mrq_check){ .keyed = c->keys != NULL,
				   .journal_replayed = c->n_replayed > 0,
				   .unfinished = c->rest_due || c->last_commit ||
						 c->image_unsettled,
				   .lost = c->keys ? c->lost : 0 };
	MRQ_TRY(check_inline(&w, err));
	MRQ_TRY(check_page(&w, c->tree.height, 0, c->tree.root, err));
	ret->holes = w.blocks > ret->blocks ? w.blocks - ret->blocks : 0;
	if (ret->damaged)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"%llu blocks or tag pages are damaged",
				(unsigned long long)ret->damaged);
	return MRQ_OK;
}

enum mrq_status
mrq_container_check(struct mrq_container *c, mrq_check_report report, void *arg,
		    struct mrq_check *ret, struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, check_held(c, report, arg, ret, err), err);
}
