/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The open transaction and its commit: marque-format(5) "CHANGING A CONTAINER".
 *
 *   new     no image: nothing is in the file; inline blocks wait in memory
 *   clean   the open state is the last committed one
 *   open    dirty: slots and fresh places hold what is not committed
 *
 * Invariants:
 * (1) While the commit page is not written, the file reads as the last committed state.
 * (2) Slots fill the journal from journal_end on, without a gap.
 * (3) A unit is in `map` or in `fresh`, never in both.
 * (4) A commit that fails leaves the open state as it was: it can be tried again.
 */
#include "internal.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pages between the data and a journal. */
#define SLACK_MIN ((1u << 20) / MRQ_PAGE)
#define SLACK_MAX ((1u << 30) / MRQ_PAGE)

void
mrq_tx_clear(struct mrq_tx *tx)
{
	free(tx->slots);
	mrq_pagemap_clear(&tx->map);
	mrq_pagemap_clear(&tx->fresh);
	*tx = (struct mrq_tx){ 0 };
}

enum mrq_status
mrq_tx_reserve(struct mrq_container *c, size_t n, struct mrq_error *err)
{
	struct mrq_tx *tx = &c->tx;

	if (tx->n + n > tx->room) {
		size_t room = tx->room * 2 > tx->n + n ? tx->room * 2 : tx->n + n;
		struct mrq_slot *more = realloc(tx->slots, room * sizeof(*more));
		if (!more)
			return mrq_fail(err, MRQ_E_NOMEM,
					"no memory for a transaction");
		tx->slots = more;
		tx->room = room;
	}
	MRQ_TRY(mrq_pagemap_reserve(&tx->map, n, err));
	return mrq_pagemap_reserve(&tx->fresh, n, err);
}

/* Past all data of any state, and with room for these to grow. */
static enum mrq_status
journal_place(struct mrq_container *c, struct mrq_error *err)
{
	uint64_t end = mrq_layout_end(&c->layout, c->hdr.size);
	struct stat st;

	if (fstat(c->fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the container");
	uint64_t file = ((uint64_t)st.st_size + MRQ_PAGE - 1) / MRQ_PAGE;
	end = end > file ? end : file;
	end = end > c->high_end ? end : c->high_end;
	uint64_t slack = end < SLACK_MIN ? SLACK_MIN : end;
	c->journal_start = end + (slack < SLACK_MAX ? slack : SLACK_MAX);
	c->journal_end = c->journal_start;
	return MRQ_OK;
}

enum mrq_status
mrq_tx_next_page(struct mrq_container *c, uint64_t *ret, struct mrq_error *err)
{
	if (c->journal_start == 0)
		MRQ_TRY(journal_place(c, err));
	*ret = c->journal_end + c->tx.pages;
	return MRQ_OK;
}

void
mrq_tx_add_slot(struct mrq_container *c, const struct mrq_slot *slot)
{
	struct mrq_tx *tx = &c->tx;

	assert(tx->n < tx->room && slot->at == c->journal_end + tx->pages);
	tx->slots[tx->n] = *slot;
	mrq_pagemap_put(&tx->map, slot->target, tx->n);
	tx->n++;
	tx->pages += slot->pages;
}

struct mrq_slot *
mrq_tx_slot(struct mrq_container *c, uint64_t target)
{
	uint64_t i;

	return mrq_pagemap_get(&c->tx.map, target, &i) ? &c->tx.slots[i] : NULL;
}

/* Take back the newest slots, by (4). */
static void
slots_pop(struct mrq_container *c, size_t n)
{
	struct mrq_tx *tx = &c->tx;

	while (tx->n > n) {
		struct mrq_slot *slot = &tx->slots[--tx->n];
		tx->pages -= slot->pages;
		mrq_pagemap_remove(&tx->map, slot->target);
	}
}

static bool
tree_page_is_fresh(struct mrq_container *c, const struct mrq_tree_page *p,
		   uint64_t *ret_page)
{
	*ret_page = mrq_layout_tree_page(&c->layout, p->level, p->index);
	return p->fresh || mrq_pagemap_has(&c->tx.fresh, *ret_page);
}

static enum mrq_status
write_fresh_page(struct mrq_container *c, const struct mrq_tree_page *p, uint64_t page,
		 struct mrq_error *err)
{
	MRQ_TRY(mrq_tx_reserve(c, 1, err));
	MRQ_TRY(mrq_pages_write(c, page, 1, p->data, err));
	mrq_pagemap_put(&c->tx.fresh, page,
			MRQ_FRESH(1, mrq_crc32c(0, p->data, MRQ_PAGE)));
	return MRQ_OK;
}

/* Write tag pages that have a fresh place, so that they need not stay in memory. */
static enum mrq_status
flush_fresh_tags(struct mrq_container *c, struct mrq_error *err)
{
	struct mrq_tree_page *next;

	for (struct mrq_tree_page *p = mrq_tree_next_dirty(&c->tree, NULL); p;
	     p = next) {
		uint64_t page;
		next = mrq_tree_next_dirty(&c->tree, p);
		if (p->level > 0 || mrq_tree_page_empty(p) ||
		    !tree_page_is_fresh(c, p, &page))
			continue;
		MRQ_TRY(write_fresh_page(c, p, page, err));
		MRQ_TRY(mrq_tree_page_written(&c->tree, p, err));
	}
	return MRQ_OK;
}

enum mrq_status
mrq_make_room_held(struct mrq_container *c, uint64_t size, uint64_t pages,
		   struct mrq_error *err)
{
	if (!c->image) {
		uint64_t inline_end =
			(uint64_t)MRQ_INLINE_ENTRIES * c->layout.block_size;
		return pages > 0 && size > inline_end ? mrq_commit_held(c, err)
						      : MRQ_OK;
	}
	if (c->journal_start) {
		uint64_t used = c->journal_end - c->journal_start + c->tx.pages +
				pages + c->tree.n_dirty + c->layout.header_pages;
		if (mrq_layout_end(&c->layout, size) > c->journal_start ||
		    used > MRQ_JOURNAL_MAX / MRQ_PAGE)
			return mrq_settle_held(c, err);
	}
	if (c->tree.n_dirty > MRQ_TREE_DIRTY_MAX)
		MRQ_TRY(flush_fresh_tags(c, err));
	if (c->tree.n_dirty > MRQ_TREE_DIRTY_MAX / 2 ||
	    c->tx.fresh.n > MRQ_TX_FRESH_MAX)
		return mrq_commit_held(c, err);
	return MRQ_OK;
}

static enum mrq_status
write_vector(struct mrq_container *c, struct iovec *iov, int n, struct mrq_error *err)
{
	off_t off = 0;

	while (n > 0) {
		ssize_t done = pwritev(c->fd, iov, n, off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done == 0)
			errno = EIO;
		if (done <= 0)
			return mrq_fail_sys(err, "cannot write the container");
		off += done;
		for (; n > 0 && (size_t)done >= iov->iov_len; n--)
			done -= (ssize_t)iov++->iov_len;
		if (n > 0) {
			iov->iov_base = (uint8_t *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return MRQ_OK;
}

/* Inline blocks from `from` on that are all data. */
static uint64_t
data_run(const struct mrq_container *c, uint64_t from)
{
	while (from < MRQ_INLINE_ENTRIES && !mrq_entry_is_hole(c->hdr.entries[from]))
		from++;
	return from;
}

/*
 * Pages of a header up to the last that is not zeros.  Those behind it are room for another
 * licence, and stay holes of a new file.
 */
static uint32_t
pages_used(const uint8_t *image, uint32_t pages)
{
	static const uint8_t zeros[MRQ_PAGE];

	while (memcmp(image + (size_t)(pages - 1) * MRQ_PAGE, zeros, MRQ_PAGE) == 0)
		pages--;
	return pages;
}

static enum mrq_status
write_first(struct mrq_container *c, uint8_t *image, struct mrq_error *err)
{
	size_t size = c->layout.block_size;
	uint32_t pages = pages_used(image, c->layout.header_pages);
	uint64_t i = pages == c->layout.header_pages ? data_run(c, 0) : 0;
	struct iovec iov[2] = {
		{ image, (size_t)pages * MRQ_PAGE },
		{ c->first, (size_t)i * size },
	};

	MRQ_TRY(write_vector(c, iov, i > 0 ? 2 : 1, err));
	for (uint64_t end; i<MRQ_INLINE_ENTRIES; i = end> i ? end : i + 1) {
		end = data_run(c, i);
		if (end > i)
			MRQ_TRY(mrq_pages_write(c, mrq_layout_block_page(&c->layout, i),
						(end - i) * c->layout.block_pages,
						c->first + i * size, err));
	}
	return MRQ_OK;
}

/* The header that the next commit brings; *ret malloc'ed. */
static enum mrq_status
next_image(struct mrq_container *c, uint8_t **ret, struct mrq_error *err)
{
	struct mrq_header next = c->hdr;

	MRQ_TRY(mrq_tree_seal(&c->tree, err));
	uint8_t *image = malloc((size_t)c->layout.header_pages * MRQ_PAGE);
	if (!image)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a header");
	next.sequence++;
	next.tree_height = (uint8_t)c->tree.height;
	memcpy(next.root, c->tree.root, sizeof(next.root));
	mrq_header_encode(&next, c->licence, image);
	mrq_header_seal(image, next.pages, &c->keys->header);
	*ret = image;
	return MRQ_OK;
}

/* The state with this header is committed. */
static void
now_committed(struct mrq_container *c, uint8_t *image)
{
	uint64_t end = mrq_layout_end(&c->layout, c->hdr.size);

	free(c->image);
	c->image = image;
	c->image_unsettled = c->hdr.unsettled;
	c->hdr.sequence++;
	c->licence_changed = false;
	c->dirty = false;
	c->synced = false;
	c->high_end = end > c->high_end ? end : c->high_end;
	mrq_tx_clear(&c->tx);
	mrq_tree_committed(&c->tree);
}

/*
 * By (1) nothing of a commit that failed may look like one.  (What cannot be cut is
 * overwritten.)
 */
static void
cut_back(struct mrq_container *c, uint64_t page)
{
	off_t len = (off_t)(page * MRQ_PAGE);
	struct stat st;

	if (fstat(c->fd, &st) == 0 && st.st_size > len && mrq_ftruncate(c->fd, len) < 0)
		mrq_log(MRQ_LOG_WARNING, "cannot cut back the journal of %s", c->what);
}

static enum mrq_status
commit_first(struct mrq_container *c, struct mrq_error *err)
{
	uint8_t *image MRQ_CLEANUP(free) = NULL;

	c->hdr.unsettled = true;
	MRQ_TRY(next_image(c, &image, err));
	enum mrq_status s = write_first(c, image, err);
	if (s != MRQ_OK) {
		cut_back(c, 0);
		return s;
	}
	free(c->first);
	c->first = NULL;
	c->first_room = 0;
	now_committed(c, MRQ_STEAL(image));
	return MRQ_OK;
}

/*
 * Tree pages without a fresh place, and the header, become slots behind those of
 * blocks.
 */
static enum mrq_status
tail_slots(struct mrq_container *c, const uint8_t *image, uint32_t header_pages,
	   struct mrq_error *err)
{
	struct mrq_tree_page *p = NULL;
	struct mrq_slot slot = { .pages = 1 };
	uint64_t page;

	MRQ_TRY(mrq_tx_reserve(c, c->tree.n_dirty + header_pages, err));
	MRQ_TRY(mrq_tx_next_page(c, &slot.at, err));
	while ((p = mrq_tree_next_dirty(&c->tree, p))) {
		bool fresh = tree_page_is_fresh(c, p, &page);
		if (mrq_tree_page_empty(p))
			mrq_pagemap_remove(&c->tx.fresh, page);
		else if (fresh)
			MRQ_TRY(write_fresh_page(c, p, page, err));
		if (mrq_tree_page_empty(p) || fresh)
			continue;
		slot.target = page;
		slot.data = p->data;
		slot.crc = mrq_crc32c(0, slot.data, MRQ_PAGE);
		mrq_tx_add_slot(c, &slot);
		slot.at++;
	}
	for (uint32_t i = 0; i < header_pages; i++, slot.at++) {
		slot.target = i;
		slot.data = image + (size_t)i * MRQ_PAGE;
		slot.crc = mrq_crc32c(0, slot.data, MRQ_PAGE);
		mrq_tx_add_slot(c, &slot);
	}
	return MRQ_OK;
}

/* A descriptor that is being made. */
struct descriptor {
	struct mrq_record *records;
	uint32_t *crcs;
	uint32_t n_records, n_units;
	uint8_t *bytes; /* encoded, in whole pages when it has its own */
	uint64_t len;
};

static void
descriptor_clear(struct descriptor *d)
{
	free(d->records);
	free(d->crcs);
	free(d->bytes);
}
MRQ_DEFINE_CLEANUP_VALUE(descriptor_clear, struct descriptor)

static void
descriptor_add(struct descriptor *d, enum mrq_record_kind kind, uint64_t target,
	       uint32_t pages, uint32_t crc)
{
	struct mrq_record *last = d->n_records ? &d->records[d->n_records - 1] : NULL;

	d->crcs[d->n_units++] = crc;
	if (last && last->kind == kind && last->unit_pages == pages &&
	    (kind == MRQ_RECORD_UNUSED ||
	     last->target + (uint64_t)last->units * pages == target)) {
		last->units++;
		return;
	}
	d->records[d->n_records++] =
		(struct mrq_record){ target, 1, (uint16_t)pages, kind };
}

static void
descriptor_fill(const struct mrq_container *c, const struct mrq_pagemap_item *fresh,
		struct descriptor *d)
{
	for (size_t i = 0; i < c->tx.n; i++) {
		const struct mrq_slot *slot = &c->tx.slots[i];
		if (slot->target == MRQ_NO_PAGE)
			descriptor_add(d, MRQ_RECORD_UNUSED, 0, slot->pages, 0);
		else
			descriptor_add(d, MRQ_RECORD_PAYLOAD, slot->target, slot->pages,
				       slot->crc);
	}
	for (size_t i = 0; i < c->tx.fresh.n; i++)
		descriptor_add(d, MRQ_RECORD_IN_PLACE, fresh[i].page,
			       MRQ_FRESH_PAGES(fresh[i].value),
			       MRQ_FRESH_CRC(fresh[i].value));
}

static enum mrq_status
descriptor_encode(struct descriptor *d, struct mrq_error *err)
{
	d->len = mrq_descriptor_len(d->n_records, d->n_units);
	if (d->len > MRQ_DESCRIPTOR_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"a transaction of %u units is too long", d->n_units);
	d->bytes = malloc((size_t)d->len);
	if (!d->bytes)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a descriptor");
	for (uint32_t i = 0; i < d->n_records; i++)
		mrq_record_encode(&d->records[i],
				  d->bytes + (size_t)i * MRQ_RECORD_BYTES);
	struct mrq_writer w =
		mrq_writer_make(d->bytes + (size_t)d->n_records * MRQ_RECORD_BYTES,
				(size_t)d->n_units * 4);
	for (uint32_t i = 0; i < d->n_units; i++)
		mrq_write_u32(&w, d->crcs[i]);
	return MRQ_OK;
}

static enum mrq_status
descriptor_make(const struct mrq_container *c, struct descriptor *d,
		struct mrq_error *err)
{
	struct mrq_pagemap_item *fresh MRQ_CLEANUP(free) = NULL;
	size_t n = c->tx.n + c->tx.fresh.n;

	MRQ_TRY(mrq_pagemap_sorted(&c->tx.fresh, &fresh, err));
	d->records = malloc(n * sizeof(*d->records));
	d->crcs = malloc(n * sizeof(*d->crcs));
	if (!d->records || !d->crcs)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a descriptor");
	descriptor_fill(c, fresh, d);
	return descriptor_encode(d, err);
}

/* Fill in the commit page's struct for the open transaction and its descriptor. */
static struct mrq_commit_page
commit_page_make(const struct mrq_container *c, const struct descriptor *d)
{
	struct mrq_commit_page p = {
		.file_id = c->hdr.file_id,
		.before = c->hdr.sequence,
		.after = c->hdr.sequence + 1,
		.start = c->journal_end,
		.previous = c->last_commit,
		.payload_pages = (uint32_t)c->tx.pages,
		.descriptor_pages = mrq_descriptor_pages(d->len),
		.records = d->n_records,
		.units = d->n_units,
	};

	p.page = p.start + p.payload_pages + p.descriptor_pages;
	mrq_sha256(d->bytes, (size_t)d->len, p.digest);
	mrq_commit_page_mac(&p, &c->keys->header, p.mac);
	return p;
}

/*
 * Write what follows the slots of blocks, in one piece: tail slots, descriptor, commit
 * page.
 */
static enum mrq_status
write_tail(struct mrq_container *c, size_t first, const struct descriptor *d,
	   const struct mrq_commit_page *p, struct mrq_error *err)
{
	uint64_t start = c->tx.slots[first].at;
	uint64_t pages = p->page + 1 - start;
	uint8_t *tail MRQ_CLEANUP(free) = calloc((size_t)pages, MRQ_PAGE);
	uint8_t *at = tail;

	if (!tail)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a transaction");
	for (size_t i = first; i < c->tx.n; i++, at += MRQ_PAGE)
		memcpy(at, c->tx.slots[i].data, MRQ_PAGE);
	if (p->descriptor_pages) {
		memcpy(at, d->bytes, (size_t)d->len);
		at += (size_t)p->descriptor_pages * MRQ_PAGE;
	}
	mrq_commit_page_encode(p, d->bytes, d->len, at);
	enum mrq_status s = mrq_pages_write(c, start, pages, tail, err);
	if (s != MRQ_OK)
		cut_back(c, start);
	return s;
}

static enum mrq_status
commit_slots(struct mrq_container *c, size_t first, const uint8_t *image,
	     uint32_t header_pages, struct mrq_error *err)
{
	struct descriptor d MRQ_CLEANUP(descriptor_clear) = { 0 };

	MRQ_TRY(tail_slots(c, image, header_pages, err));
	MRQ_TRY(descriptor_make(c, &d, err));
	MRQ_TRY(mrq_pagemap_reserve(&c->overlay, c->tx.n, err));
	struct mrq_commit_page p = commit_page_make(c, &d);
	MRQ_TRY(write_tail(c, first, &d, &p, err));
	for (size_t i = 0; i < c->tx.n; i++) {
		const struct mrq_slot *slot = &c->tx.slots[i];
		if (slot->target != MRQ_NO_PAGE)
			mrq_pagemap_put(&c->overlay, slot->target,
					MRQ_AT(slot->pages, slot->at));
	}
	c->last_commit = p.page;
	c->journal_end = p.page + 1;
	return MRQ_OK;
}

static enum mrq_status
commit_next(struct mrq_container *c, struct mrq_error *err)
{
	uint8_t *image MRQ_CLEANUP(free) = NULL;
	size_t first = c->tx.n;

	MRQ_TRY(next_image(c, &image, err));
	enum mrq_status s = commit_slots(
		c, first, image, c->licence_changed ? c->layout.header_pages : 1, err);
	if (s != MRQ_OK) {
		slots_pop(c, first);
		return s;
	}
	now_committed(c, MRQ_STEAL(image));
	return MRQ_OK;
}

enum mrq_status
mrq_commit_held(struct mrq_container *c, struct mrq_error *err)
{
	if (!c->dirty)
		return MRQ_OK;
	return c->image ? commit_next(c, err) : commit_first(c, err);
}
