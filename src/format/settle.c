/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commit levels and settling: marque-format(5) "CHANGING A CONTAINER", rule 6. */
#include "internal.h"

#include "base/file.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_PAGES     64u   /* read and written at once */
#define RELEASE_GROUPS 4096u /* groups of blocks looked at for one range */

static enum mrq_status
sync_file(const struct mrq_container *c, struct mrq_error *err)
{
	return mrq_fdatasync(c->fd) < 0 ? mrq_fail_sys(err, "cannot sync the container")
					: MRQ_OK;
}

enum mrq_status
mrq_sync(struct mrq_container *c, struct mrq_error *err)
{
	if (c->synced)
		return MRQ_OK;
	/* After a failure the kernel forgets which pages it could not write. */
	if (c->sync_failed)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"storage failed before; what was written since is not "
				"safe: copy the file elsewhere");
	uint64_t sequence = c->hdr.sequence;
	enum mrq_status s = sync_file(c, err);
	c->synced = s == MRQ_OK;
	c->sync_failed = s != MRQ_OK;
	if (s == MRQ_OK)
		__atomic_store_n(&c->durable, sequence, __ATOMIC_RELAXED);
	return s;
}

/*
 * How many units from items[i] on stand side by side, in the journal and at their
 * targets.
 */
static size_t
copy_run(const struct mrq_pagemap_item *items, size_t n, size_t i, uint32_t *ret_pages)
{
	uint32_t pages = MRQ_AT_PAGES(items[i].value);
	size_t end = i + 1;

	for (; end < n; end++) {
		uint32_t more = MRQ_AT_PAGES(items[end].value);
		if (items[end].page != items[i].page + pages ||
		    MRQ_AT_PAGE(items[end].value) !=
			    MRQ_AT_PAGE(items[i].value) + pages ||
		    pages + more > COPY_PAGES)
			break;
		pages += more;
	}
	*ret_pages = pages;
	return end;
}

/* Copy units [from, to) of the sorted overlay to their places. */
static enum mrq_status
copy_units(struct mrq_container *c, const struct mrq_pagemap_item *items, size_t from,
	   size_t to, uint8_t *buf, struct mrq_error *err)
{
	for (size_t i = from; i < to;) {
		uint32_t pages;
		size_t end = copy_run(items, to, i, &pages);
		MRQ_TRY(mrq_pages_read(c->fd, MRQ_AT_PAGE(items[i].value), pages, buf,
				       err));
		MRQ_TRY(mrq_pages_write(c, items[i].page, pages, buf, err));
		i = end;
	}
	return MRQ_OK;
}

/* Pages of the file, as they are read, a buffer at a time; what is zeros may be a hole. */
static enum mrq_status
write_again(const struct mrq_container *c, uint64_t page, uint64_t n, uint8_t *buf,
	    struct mrq_error *err)
{
	for (uint64_t done = 0, part; done < n; done += part) {
		part = n - done < COPY_PAGES ? n - done : COPY_PAGES;
		MRQ_TRY(mrq_pages_read(c->fd, page + done, part, buf, err));
		if (buf[0] || memcmp(buf, buf + 1, (size_t)part * MRQ_PAGE - 1) != 0)
			MRQ_TRY(mrq_pages_write(c, page + done, part, buf, err));
	}
	return MRQ_OK;
}

/*
 * A journal that was found, and the units in place that it vouches for: a sync that failed
 * may have been told to somebody else, and the kernel then has what storage has not.
 */
static enum mrq_status
write_journal_again(struct mrq_container *c, struct mrq_error *err)
{
	const struct mrq_pagemap *in_place = &c->in_place;
	struct mrq_pagemap_item *items MRQ_CLEANUP(free) = NULL;
	uint8_t *buf MRQ_CLEANUP(free) = malloc((size_t)COPY_PAGES * MRQ_PAGE);

	if (!buf)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to settle the journal");
	MRQ_TRY(mrq_pagemap_sorted(in_place, &items, err));
	for (size_t i = 0; i < in_place->n; i++)
		MRQ_TRY(write_again(c, items[i].page, items[i].value, buf, err));
	return write_again(c, c->journal_start, c->last_commit + 1 - c->journal_start,
			   buf, err);
}

enum mrq_status
mrq_settle_copy(struct mrq_container *c, struct mrq_error *err)
{
	struct mrq_pagemap_item *items MRQ_CLEANUP(free) = NULL;
	uint8_t *buf MRQ_CLEANUP(free) = malloc((size_t)COPY_PAGES * MRQ_PAGE);
	size_t header = 0, n = c->overlay.n;

	if (!buf)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to settle the journal");
	MRQ_TRY(mrq_pagemap_sorted(&c->overlay, &items, err));
	while (header < n && items[header].page < c->layout.header_pages)
		header++;
	MRQ_TRY(copy_units(c, items, header, n, buf, err));
	MRQ_TRY(copy_units(c, items, 0, header, buf, err));
	return sync_file(c, err);
}

/* Give back the space of blocks [from, to) of one group, where they are holes. */
static enum mrq_status
release_group(struct mrq_container *c, uint64_t from, uint64_t to)
{
	uint8_t entries[MRQ_TAG_ENTRIES][MRQ_ENTRY_BYTES];
	uint32_t size = c->layout.block_size;

	MRQ_TRY(mrq_entries_get(c, from, (size_t)(to - from), entries, NULL));
	for (uint64_t end, b = from; b < to; b = end) {
		bool hole = mrq_entry_is_hole(entries[b - from]);
		for (end = b + 1; end < to; end++)
			if (mrq_entry_is_hole(entries[end - from]) != hole)
				break;
		uint64_t at = mrq_layout_block_page(&c->layout, b) * MRQ_PAGE;
		if (hole &&
		    mrq_fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)at, (off_t)((end - b) * size)) < 0)
			return MRQ_E_SYS;
	}
	return MRQ_OK;
}

/* Space only: what fails here fails silently. */
static void
release_punched(struct mrq_container *c)
{
	uint64_t end = mrq_layout_blocks(&c->layout, c->hdr.size);

	for (size_t i = 0; i < c->n_punched && c->keys; i++) {
		uint64_t to = c->punched[i].to < end ? c->punched[i].to : end;
		uint64_t b = c->punched[i].from;
		for (unsigned groups = 0; b < to && groups < RELEASE_GROUPS; groups++) {
			size_t n = mrq_group_left(b, to - b);
			if (release_group(c, b, b + n) != MRQ_OK)
				break;
			b += n;
		}
	}
	c->n_punched = 0;
}

enum mrq_status
mrq_settle_finish_held(struct mrq_container *c, struct mrq_error *err)
{
	uint64_t end = mrq_layout_end(&c->layout, c->hdr.size);

	if (mrq_ftruncate(c->fd, (off_t)(end * MRQ_PAGE)) < 0)
		return mrq_fail_sys(err, "cannot cut off the journal");
	mrq_pagemap_clear(&c->overlay);
	c->journal_start = c->journal_end = c->last_commit = 0;
	c->taint_end = c->tree.taint_end = 0;
	c->high_end = end;
	c->synced = true;
	release_punched(c);
	return MRQ_OK;
}

static enum mrq_status
settle_found_held(struct mrq_container *c, struct mrq_error *err)
{
	/* Nothing was called durable here, and all is written once more. */
	c->sync_failed = false;
	MRQ_TRY(write_journal_again(c, err));
	MRQ_TRY(mrq_sync(c, err));
	MRQ_TRY(mrq_settle_copy(c, err));
	return mrq_settle_finish_held(c, err);
}

static enum mrq_status
cut_left_over(const struct mrq_container *c, struct mrq_error *err)
{
	off_t end = (off_t)(c->high_end * MRQ_PAGE);
	struct stat st;

	if (fstat(c->fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the container");
	if (st.st_size > end && mrq_ftruncate(c->fd, end) < 0)
		return mrq_fail_sys(err, "cannot cut off what a stopped writer left");
	return MRQ_OK;
}

enum mrq_status
mrq_rest_held(struct mrq_container *c, struct mrq_error *err)
{
	if (!c->rest_due || !c->writable || !c->keys)
		return MRQ_OK;
	uint64_t taint_end = c->lost ? c->taint_end : 0;
	if (c->last_commit)
		MRQ_TRY(settle_found_held(c, err));
	else
		MRQ_TRY(cut_left_over(c, err));
	mrq_pagemap_clear(&c->in_place);
	c->taint_end = c->tree.taint_end = taint_end;
	c->dirty = c->lost > 0;
	c->rest_due = false;
	return MRQ_OK;
}

enum mrq_status
mrq_mark_settled_held(struct mrq_container *c, struct mrq_error *err)
{
	size_t len = (size_t)c->layout.header_pages * MRQ_PAGE;

	if (!c->synced)
		return MRQ_OK;
	c->hdr.unsettled = false;
	if (!c->image || !c->image_unsettled || c->last_commit || c->dirty || !c->keys)
		return MRQ_OK;
	uint8_t *image MRQ_CLEANUP(free) = malloc(len);
	if (!image)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a header");
	memcpy(image, c->image, len);
	mrq_header_mark_settled(image, c->layout.header_pages, &c->keys->header);
	MRQ_TRY(mrq_pwrite_full(c->fd, image, MRQ_SECTOR, 0, "the container", err));
	memcpy(c->image, image, MRQ_SECTOR);
	c->image_unsettled = false;
	c->hdr.sequence++;
	return MRQ_OK;
}

enum mrq_status
mrq_settle_held(struct mrq_container *c, struct mrq_error *err)
{
	MRQ_TRY(mrq_commit_held(c, err));
	MRQ_TRY(mrq_sync(c, err));
	if (c->last_commit) {
		MRQ_TRY(mrq_settle_copy(c, err));
		MRQ_TRY(mrq_settle_finish_held(c, err));
	}
	return mrq_mark_settled_held(c, err);
}

/* The writer lock, held beyond the state lock. */
static enum mrq_status
rest_stateful(struct mrq_container *c, struct mrq_error *err)
{
	pthread_rwlock_wrlock(&c->state);
	enum mrq_status s = mrq_rest_held(c, err);
	pthread_rwlock_unlock(&c->state);
	return s;
}

static enum mrq_status
commit_stateful(struct mrq_container *c, struct mrq_error *err)
{
	pthread_rwlock_wrlock(&c->state);
	enum mrq_status s = mrq_commit_held(c, err);
	pthread_rwlock_unlock(&c->state);
	return s;
}

static enum mrq_status
mark_stateful(struct mrq_container *c, struct mrq_error *err)
{
	pthread_rwlock_wrlock(&c->state);
	enum mrq_status s = mrq_mark_settled_held(c, err);
	pthread_rwlock_unlock(&c->state);
	return s;
}

static enum mrq_status
commit_writer(struct mrq_container *c, enum mrq_commit level, struct mrq_error *err)
{
	enum mrq_status s =
		level == MRQ_COMMIT_DURABLE ? rest_stateful(c, err) : MRQ_OK;
	/* A durable journal need not be in its place: the disk may be full. */
	if (s != MRQ_OK && !c->synced)
		return s;
	MRQ_TRY(commit_stateful(c, err));
	if (level == MRQ_COMMIT_KERNEL || !c->writable)
		return MRQ_OK;
	/* Locked, it cannot be told what of the file counts. */
	if (c->rest_due)
		return sync_file(c, err);
	MRQ_TRY(mrq_sync(c, err));
	/* That it is so need not be written for it to be so. */
	(void)mark_stateful(c, NULL);
	return MRQ_OK;
}

enum mrq_status
mrq_container_commit(struct mrq_container *c, enum mrq_commit level,
		     struct mrq_error *err)
{
	pthread_mutex_lock(&c->writer);
	enum mrq_status s = commit_writer(c, level, err);
	pthread_mutex_unlock(&c->writer);
	return mrq_container_named(c, s, err);
}

static enum mrq_status
settle_writer(struct mrq_container *c, enum mrq_settle how, struct mrq_error *err)
{
	if (!c->writable)
		return MRQ_OK;
	MRQ_TRY(rest_stateful(c, err));
	if (c->rest_due)
		return MRQ_OK;
	if (how == MRQ_SETTLE_DURABLE_ALREADY && !c->dirty && !c->sync_failed &&
	    !c->synced) {
		c->synced = true;
		__atomic_store_n(&c->durable, c->hdr.sequence, __ATOMIC_RELAXED);
	}
	MRQ_TRY(commit_stateful(c, err));
	MRQ_TRY(mrq_sync(c, err));
	if (c->last_commit) {
		MRQ_TRY(mrq_settle_copy(c, err));
		pthread_rwlock_wrlock(&c->state);
		enum mrq_status s = mrq_settle_finish_held(c, err);
		pthread_rwlock_unlock(&c->state);
		MRQ_TRY(s);
	}
	return mark_stateful(c, err);
}

enum mrq_status
mrq_container_settle(struct mrq_container *c, enum mrq_settle how,
		     struct mrq_error *err)
{
	pthread_mutex_lock(&c->writer);
	enum mrq_status s = settle_writer(c, how, err);
	pthread_mutex_unlock(&c->writer);
	return mrq_container_named(c, s, err);
}

bool
mrq_container_settled(struct mrq_container *c)
{
	pthread_rwlock_rdlock(&c->state);
	bool settled = c->frozen ||
		       (c->image && !c->dirty &&
			(c->rest_due || (!c->last_commit && !c->image_unsettled)));
	pthread_rwlock_unlock(&c->state);
	return settled;
}

bool
mrq_container_dirty(struct mrq_container *c)
{
	pthread_rwlock_rdlock(&c->state);
	bool dirty = c->dirty;
	pthread_rwlock_unlock(&c->state);
	return dirty;
}
