/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the header and finding the journal that counts: marque-format(5) "Recovery",
 * whose numbers are cited.  Nothing is written here, and nobody vouches for what is
 * read: commit pages are bounded by their decoder, descriptors by mrq_descriptor_valid,
 * and a chain by MRQ_JOURNAL_SCAN.
 */
#include "internal.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/guid.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCAN_PAGES   (MRQ_JOURNAL_SCAN / MRQ_PAGE)
#define PIECE_PAGES  64u /* read at once */
#define HEADER_TRIES 3   /* another process may be writing the header */

struct chain {
	struct mrq_commit_page *txs; /* oldest first */
	size_t n, room;
};

struct recovery {
	int fd;
	uint64_t file_pages;
	uint32_t pages;        /* of the header */
	uint32_t block_pages;  /* as the in-place header claims; checked at the end */
	uint8_t *in_place;     /* header pages as they stand */
	uint8_t *image;        /* header pages with those of the chain laid over */
	struct mrq_header hdr; /* in place; only when good */
	bool good;
	struct chain chain;
	uint8_t *piece;      /* PIECE_PAGES pages */
	uint8_t *descriptor; /* of one transaction */
};

static void
recovery_clear(struct recovery *r)
{
	free(r->in_place);
	free(r->image);
	free(r->chain.txs);
	free(r->piece);
	free(r->descriptor);
}
MRQ_DEFINE_CLEANUP_VALUE(recovery_clear, struct recovery)
MRQ_DEFINE_CLEANUP_VALUE(mrq_pagemap_clear, struct mrq_pagemap)

void
mrq_recovered_clear(struct mrq_recovered *r)
{
	free(r->image);
	free(r->replayed);
	mrq_pagemap_clear(&r->overlay);
	mrq_pagemap_clear(&r->in_place);
}

/* (1) The in-place header; what is wrong with it, if anything, is in *ret_why. */
static enum mrq_status
read_header(struct recovery *r, enum mrq_status *ret_why, struct mrq_error *err)
{
	uint8_t page0[MRQ_PAGE];
	size_t got;

	MRQ_TRY(mrq_pread_upto(r->fd, page0, sizeof(page0), 0, &got, "the container",
			       err));
	MRQ_TRY(mrq_header_peek(page0, got, &r->pages, err));
	memset(page0 + got, 0, sizeof(page0) - got);
	free(r->in_place);
	r->in_place = malloc((size_t)r->pages * MRQ_PAGE);
	if (!r->in_place)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a header");
	memcpy(r->in_place, page0, sizeof(page0));
	if (r->pages > 1)
		MRQ_TRY(mrq_pages_read(r->fd, 1, r->pages - 1, r->in_place + MRQ_PAGE,
				       err));
	*ret_why = mrq_header_decode(r->in_place, r->pages, &r->hdr, err);
	r->good = *ret_why == MRQ_OK;
	return MRQ_OK;
}

static enum mrq_status
file_length(struct recovery *r, struct mrq_error *err)
{
	struct stat st;

	if (fstat(r->fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the container");
	r->file_pages = ((uint64_t)st.st_size + MRQ_PAGE - 1) / MRQ_PAGE;
	return MRQ_OK;
}

static uint64_t
end_in_place(const struct recovery *r)
{
	struct mrq_layout l = mrq_layout_make(r->hdr.pages, r->hdr.block_shift);

	return mrq_layout_end(&l, r->hdr.size);
}

static bool
is_candidate(const struct recovery *r, const uint8_t *page, uint64_t at,
	     struct mrq_commit_page *ret)
{
	return mrq_commit_page_decode(page, at, ret) && ret->start >= r->pages &&
	       (!r->good || mrq_guid_equal(&ret->file_id, &r->hdr.file_id));
}

static bool
is_hole(const struct recovery *r, uint64_t page, uint64_t n)
{
	off_t data = lseek(r->fd, (off_t)(page * MRQ_PAGE), SEEK_DATA);

	return data < 0 ? errno == ENXIO : (uint64_t)data >= (page + n) * MRQ_PAGE;
}

/* (3) The last commit page before `end` and not before `from`; *ret_found tells. */
static enum mrq_status
scan_back(struct recovery *r, uint64_t from, uint64_t end, struct mrq_commit_page *ret,
	  bool *ret_found, struct mrq_error *err)
{
	*ret_found = false;
	/* Nearly always the very last page. */
	for (uint64_t n = 1; end > from && !*ret_found; end -= n, n = PIECE_PAGES) {
		n = n < end - from ? n : end - from;
		if (is_hole(r, end - n, n))
			continue;
		MRQ_TRY(mrq_pages_read(r->fd, end - n, n, r->piece, err));
		for (uint64_t i = n; i-- > 0 && !*ret_found;)
			*ret_found = is_candidate(r, r->piece + i * MRQ_PAGE,
						  end - n + i, ret);
	}
	return MRQ_OK;
}

static enum mrq_status
chain_push(struct chain *chain, const struct mrq_commit_page *p, struct mrq_error *err)
{
	if (chain->n == chain->room) {
		size_t room = chain->room ? chain->room * 2 : 16;
		struct mrq_commit_page *more =
			realloc(chain->txs, room * sizeof(*more));
		if (!more)
			return mrq_fail(err, MRQ_E_NOMEM, "no memory for a journal");
		chain->txs = more;
		chain->room = room;
	}
	chain->txs[chain->n++] = *p;
	return MRQ_OK;
}

static void
chain_reverse(struct chain *chain)
{
	for (size_t i = 0; i < chain->n / 2; i++) {
		struct mrq_commit_page t = chain->txs[i];
		chain->txs[i] = chain->txs[chain->n - 1 - i];
		chain->txs[chain->n - 1 - i] = t;
	}
}

/*
 * (4) Follow `previous`.  When that fails, *ret_end is the page after the one where it did,
 * which may end another chain; 0 when it does not.
 */
static enum mrq_status
walk_back(struct recovery *r, const struct mrq_commit_page *last, uint64_t *ret_end,
	  struct mrq_error *err)
{
	struct mrq_commit_page p = *last;

	r->chain.n = 0;
	MRQ_TRY(chain_push(&r->chain, &p, err));
	while (p.previous != 0) {
		struct mrq_commit_page before;
		uint64_t at = p.previous;
		*ret_end = at + 1;
		MRQ_TRY(mrq_pages_read(r->fd, at, 1, r->piece, err));
		if (!is_candidate(r, r->piece, at, &before) ||
		    !mrq_guid_equal(&before.file_id, &p.file_id) ||
		    before.after != p.before ||
		    last->page + 1 - before.start > SCAN_PAGES)
			return MRQ_OK;
		p = before;
		MRQ_TRY(chain_push(&r->chain, &p, err));
	}
	chain_reverse(&r->chain);
	*ret_end = 0;
	return MRQ_OK;
}

/* The descriptor of a transaction; *ret_ok is false when it breaks a rule. */
static enum mrq_status
load_descriptor(struct recovery *r, const struct mrq_commit_page *p, bool *ret_ok,
		struct mrq_error *err)
{
	uint64_t len = mrq_descriptor_len(p->records, p->units);
	uint64_t pages = p->descriptor_pages ? p->descriptor_pages : 1;
	struct mrq_record_rules rules = { r->chain.txs[0].start, r->pages,
					  r->block_pages };
	uint8_t digest[MRQ_SHA256_BYTES];

	free(r->descriptor);
	r->descriptor = malloc((size_t)pages * MRQ_PAGE);
	if (!r->descriptor)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a descriptor");
	MRQ_TRY(mrq_pages_read(
		r->fd, p->descriptor_pages ? p->start + p->payload_pages : p->page,
		pages, r->descriptor, err));
	if (p->descriptor_pages == 0)
		memmove(r->descriptor, r->descriptor + MRQ_PAGE - MRQ_DESCRIPTOR_INLINE,
			MRQ_DESCRIPTOR_INLINE);
	mrq_sha256(r->descriptor, (size_t)len, digest);
	*ret_ok = memcmp(digest, p->digest, sizeof(digest)) == 0 &&
		  mrq_descriptor_valid(p, r->descriptor, &rules);
	return MRQ_OK;
}

/* One unit of a descriptor, as an iterator over all of them yields it. */
struct unit {
	enum mrq_record_kind kind;
	uint64_t target; /* page */
	uint64_t at;     /* page in the journal; 0 for one in place */
	uint32_t pages, crc;
};

struct units {
	const struct mrq_commit_page *tx;
	const uint8_t *descriptor;
	uint32_t record, in_record, unit; /* next */
	uint64_t at;                      /* next payload page */
};

static bool
units_next(struct units *u, struct unit *ret)
{
	if (u->record == u->tx->records)
		return false;
	struct mrq_record rec =
		mrq_record_decode(u->descriptor + (size_t)u->record * MRQ_RECORD_BYTES);
	*ret = (struct unit){
		.kind = rec.kind,
		.target = rec.target + (uint64_t)u->in_record * rec.unit_pages,
		.pages = rec.unit_pages,
		.crc = mrq_descriptor_crc(u->tx, u->descriptor, u->unit++),
	};
	if (rec.kind != MRQ_RECORD_IN_PLACE) {
		ret->at = u->at;
		u->at += rec.unit_pages;
	}
	if (++u->in_record == rec.units) {
		u->in_record = 0;
		u->record++;
	}
	return true;
}

static struct units
units_of(const struct recovery *r, size_t tx)
{
	return (struct units){ .tx = &r->chain.txs[tx],
			       .descriptor = r->descriptor,
			       .at = r->chain.txs[tx].start };
}

/* Reads units that mostly follow each other, a piece at a time. */
struct window {
	uint64_t page, n; /* what the piece holds */
};

static enum mrq_status
window_get(struct recovery *r, struct window *w, uint64_t page, uint32_t pages,
	   const uint8_t **ret, struct mrq_error *err)
{
	if (page < w->page || page + pages > w->page + w->n) {
		uint64_t n = PIECE_PAGES;
		if (page + n > r->file_pages)
			n = page + pages > r->file_pages ? pages : r->file_pages - page;
		w->n = 0;
		MRQ_TRY(mrq_pages_read(r->fd, page, n, r->piece, err));
		*w = (struct window){ page, n };
	}
	*ret = r->piece + (page - w->page) * MRQ_PAGE;
	return MRQ_OK;
}

/* True when the image is the header that the transaction promises. */
static bool
image_sound(const struct recovery *r, const struct mrq_commit_page *p,
	    struct mrq_header *ret)
{
	return mrq_header_decode(r->image, r->pages, ret, NULL) == MRQ_OK &&
	       mrq_guid_equal(&ret->file_id, &p->file_id) &&
	       ret->sequence == p->after &&
	       (1u << ret->block_shift) == r->block_pages * MRQ_PAGE;
}

/* (5) Is one transaction sound?  Its header pages go over the image. */
static enum mrq_status
check_sound(struct recovery *r, size_t tx, bool *ret_sound, struct mrq_error *err)
{
	const struct mrq_commit_page *p = &r->chain.txs[tx];
	struct window w = { 0, 0 };
	struct mrq_header hdr;
	struct unit u;

	MRQ_TRY(load_descriptor(r, p, ret_sound, err));
	if (*ret_sound)
		MRQ_TRY(mrq_descriptor_disjoint(p, r->descriptor, ret_sound, err));
	if (!*ret_sound)
		return MRQ_OK;
	for (struct units all = units_of(r, tx); units_next(&all, &u);) {
		const uint8_t *data;
		bool header = u.target < r->pages;
		if (u.kind != MRQ_RECORD_PAYLOAD)
			continue;
		MRQ_TRY(window_get(r, &w, u.at, u.pages, &data, err));
		*ret_sound = mrq_crc32c(0, data, (size_t)u.pages * MRQ_PAGE) == u.crc;
		if (!*ret_sound)
			return MRQ_OK;
		if (header)
			memcpy(r->image + u.target * MRQ_PAGE, data, MRQ_PAGE);
	}
	*ret_sound = image_sound(r, p, &hdr);
	return MRQ_OK;
}

/* (5) Number of sound transactions in front. */
static enum mrq_status
count_sound(struct recovery *r, size_t *ret, struct mrq_error *err)
{
	memcpy(r->image, r->in_place, (size_t)r->pages * MRQ_PAGE);
	for (*ret = 0; *ret < r->chain.n; ++*ret) {
		bool sound;
		MRQ_TRY(check_sound(r, *ret, &sound, err));
		if (!sound)
			break;
	}
	return MRQ_OK;
}

/* Map each target of the first n transactions to the last one that has it. */
static enum mrq_status
map_targets(struct recovery *r, size_t n, struct mrq_pagemap *ret,
	    struct mrq_error *err)
{
	struct unit u;
	bool ok;

	for (size_t tx = 0; tx < n; tx++) {
		MRQ_TRY(load_descriptor(r, &r->chain.txs[tx], &ok, err));
		MRQ_TRY(mrq_pagemap_reserve(ret, r->chain.txs[tx].payload_pages, err));
		for (struct units all = units_of(r, tx); ok && units_next(&all, &u);)
			if (u.kind == MRQ_RECORD_PAYLOAD)
				mrq_pagemap_put(ret, u.target, tx);
	}
	return MRQ_OK;
}

/*
 * (6) What transaction tx asks of L: itself when all its in-place units are there, the
 *     last
 * transaction that replaces one that is not, SIZE_MAX when nothing does.
 */
static enum mrq_status
check_in_place(struct recovery *r, size_t tx, const struct mrq_pagemap *targets,
	       size_t *ret_needs, struct mrq_error *err)
{
	struct window w = { 0, 0 };
	struct unit u;
	bool ok;

	*ret_needs = tx;
	MRQ_TRY(load_descriptor(r, &r->chain.txs[tx], &ok, err));
	for (struct units all = units_of(r, tx); ok && units_next(&all, &u);) {
		const uint8_t *data;
		uint64_t later;
		if (u.kind != MRQ_RECORD_IN_PLACE)
			continue;
		MRQ_TRY(window_get(r, &w, u.target, u.pages, &data, err));
		if (mrq_crc32c(0, data, (size_t)u.pages * MRQ_PAGE) == u.crc)
			continue;
		if (!mrq_pagemap_get(targets, u.target, &later) || later <= tx) {
			*ret_needs = SIZE_MAX;
			return MRQ_OK;
		}
		*ret_needs = later > *ret_needs ? (size_t)later : *ret_needs;
	}
	if (!ok)
		*ret_needs = SIZE_MAX;
	return MRQ_OK;
}

/* (6) The largest L <= sound. */
static enum mrq_status
count_usable(struct recovery *r, size_t sound, size_t *ret, struct mrq_error *err)
{
	struct mrq_pagemap targets MRQ_CLEANUP(mrq_pagemap_clear) = { 0 };
	size_t *needs MRQ_CLEANUP(free) = calloc(sound + 1, sizeof(*needs));

	if (!needs)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a journal");
	MRQ_TRY(map_targets(r, sound, &targets, err));
	for (size_t tx = 0; tx < sound; tx++)
		MRQ_TRY(check_in_place(r, tx, &targets, &needs[tx], err));
	/* To leave one out may break one before it, which needed it. */
	size_t usable = sound;
	for (size_t tx = 0; tx < usable; tx++) {
		if (needs[tx] < usable)
			continue;
		usable = tx;
		tx = (size_t)-1;
	}
	*ret = usable;
	return MRQ_OK;
}

/* (8) The overlay and header of the first n transactions. */
static enum mrq_status
lay_over(struct recovery *r, size_t n, struct mrq_recovered *ret, struct mrq_error *err)
{
	bool ok;
	struct unit u;

	for (size_t tx = 0; tx < n; tx++) {
		MRQ_TRY(load_descriptor(r, &r->chain.txs[tx], &ok, err));
		MRQ_TRY(mrq_pagemap_reserve(&ret->overlay,
					    r->chain.txs[tx].payload_pages, err));
		MRQ_TRY(mrq_pagemap_reserve(&ret->in_place, r->chain.txs[tx].units,
					    err));
		for (struct units all = units_of(r, tx); ok && units_next(&all, &u);) {
			if (u.kind == MRQ_RECORD_PAYLOAD)
				mrq_pagemap_put(&ret->overlay, u.target,
						MRQ_AT(u.pages, u.at));
			else if (u.kind == MRQ_RECORD_IN_PLACE)
				mrq_pagemap_put(&ret->in_place, u.target, u.pages);
		}
	}
	memcpy(r->image, r->in_place, (size_t)r->pages * MRQ_PAGE);
	for (uint32_t i = 0; i < r->pages; i++) {
		uint64_t at;
		if (mrq_pagemap_get(&ret->overlay, i, &at))
			MRQ_TRY(mrq_pages_read(r->fd, MRQ_AT_PAGE(at), 1,
					       r->image + (size_t)i * MRQ_PAGE, err));
	}
	if (!image_sound(r, &r->chain.txs[n - 1], &ret->hdr))
		return mrq_fail(err, MRQ_E_BUSY,
				"the journal changed while it was read; try again");
	ret->journal_start = r->chain.txs[0].start;
	ret->last_commit = r->chain.txs[n - 1].page;
	ret->image = MRQ_STEAL(r->image);
	ret->n_replayed = n;
	ret->replayed = MRQ_STEAL(r->chain.txs);
	return MRQ_OK;
}

/* (7) Does a chain of n usable transactions belong to the in-place header? */
static bool
chain_counts(const struct recovery *r, size_t n)
{
	return n > 0 && (!r->good || (r->hdr.sequence >= r->chain.txs[0].before &&
				      r->hdr.sequence <= r->chain.txs[n - 1].after));
}

/* (3) to (7): *ret_n transactions of the chain count; 0 when no journal does. */
static enum mrq_status
find_journal(struct recovery *r, size_t *ret_n, struct mrq_error *err)
{
	uint64_t end = r->file_pages;
	uint64_t from = end > SCAN_PAGES ? end - SCAN_PAGES : 0;

	*ret_n = 0;
	if (r->good && from < end_in_place(r))
		from = end_in_place(r);
	from = from > r->pages ? from : r->pages;
	for (;;) {
		struct mrq_commit_page last;
		uint64_t chain_end;
		size_t sound;
		bool found;
		MRQ_TRY(scan_back(r, from, end, &last, &found, err));
		if (!found)
			return MRQ_OK;
		MRQ_TRY(walk_back(r, &last, &chain_end, err));
		end = chain_end;
		if (chain_end)
			continue;
		MRQ_TRY(count_sound(r, &sound, err));
		MRQ_TRY(count_usable(r, sound, ret_n, err));
		if (chain_counts(r, *ret_n))
			return MRQ_OK;
		*ret_n = 0;
		if (r->good)
			return MRQ_OK;
		end = r->chain.txs[0].start;
	}
}

static enum mrq_status
prepare(struct recovery *r, struct mrq_error *err)
{
	/*
	 * Byte 12, block_shift, is in the first sector: one header's or another's,
	 * never torn.
	 */
	unsigned shift = r->in_place[12];

	if (shift < MRQ_BLOCK_SHIFT_MIN || shift > MRQ_BLOCK_SHIFT_MAX)
		shift = MRQ_BLOCK_SHIFT_MIN;
	r->block_pages = (1u << shift) / MRQ_PAGE;
	r->piece = malloc((size_t)PIECE_PAGES * MRQ_PAGE);
	r->image = malloc((size_t)r->pages * MRQ_PAGE);
	if (!r->piece || !r->image)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a journal");
	return MRQ_OK;
}

static enum mrq_status
recover_once(struct recovery *r, struct mrq_recovered *ret, struct mrq_error *err)
{
	struct mrq_error journal = { .status = MRQ_OK };
	enum mrq_status why = MRQ_OK, s = MRQ_OK;
	size_t n = 0;

	MRQ_TRY(read_header(r, &why, err));
	MRQ_TRY(file_length(r, err));
	if (!r->good || r->file_pages > end_in_place(r)) {
		s = prepare(r, &journal);
		if (s == MRQ_OK)
			s = find_journal(r, &n, &journal);
	}
	if (s != MRQ_OK && err)
		*err = journal; /* it may only now replace what is said of the header */
	if (s != MRQ_OK)
		return s;
	ret->file_pages = r->file_pages;
	if (n > 0)
		return lay_over(r, n, ret, err);
	if (!r->good)
		return why;
	ret->hdr = r->hdr;
	ret->image = MRQ_STEAL(r->in_place);
	return MRQ_OK;
}

/*
 * A header that reads the same again, in a file as long as it was, is not one that somebody is
 * writing: whoever moved a journal in place in between has changed both.
 */
static bool
stands_still(struct recovery *r)
{
	uint64_t pages = r->file_pages;

	return r->in_place && r->image &&
	       mrq_pages_read(r->fd, 0, r->pages, r->image, NULL) == MRQ_OK &&
	       memcmp(r->image, r->in_place, (size_t)r->pages * MRQ_PAGE) == 0 &&
	       file_length(r, NULL) == MRQ_OK && r->file_pages == pages;
}

enum mrq_status
mrq_recover(int fd, struct mrq_recovered *ret, struct mrq_error *err)
{
	enum mrq_status s = MRQ_OK;

	for (int i = 0; i < HEADER_TRIES; i++) {
		struct recovery r MRQ_CLEANUP(recovery_clear) = { .fd = fd };
		struct mrq_recovered found MRQ_CLEANUP(
			mrq_recovered_clear) = { .image = NULL };
		s = recover_once(&r, &found, err);
		if (s == MRQ_OK) {
			*ret = found;
			found = (struct mrq_recovered){ .image = NULL };
		}
		if (s != MRQ_E_DAMAGED && s != MRQ_E_BUSY)
			return s;
		if (s == MRQ_E_DAMAGED && stands_still(&r))
			return s;
	}
	return s;
}
