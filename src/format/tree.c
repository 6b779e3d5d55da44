/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A page is in one of these states:
 *
 *   absent   not in memory; in the file at its place, or nowhere when its MAC is zero
 *   clean    in memory, verified or known to be empty
 *   dirty    in memory, differs from what its MAC says
 *
 * Invariants:
 * (1) A dirty page is never dropped, but by cutting off or punching all that it covers.
 * (2) The MAC of a page that is absent or clean stands in its parent, or in `root` for
 *     the top.  That of a dirty one is stale until mrq_tree_seal.
 * (3) A page that is absent and whose MAC is zero is empty.
 * (4) `fresh` is true only while no committed state refers to the page's place.
 * (5) Pages of segments at or past `segments`, or above `height`, are absent.
 * (6) What stands above a dirty page is dirty, so that (3) holds for it.
 */
#include "tree.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_ROOM 256

static const uint8_t zero_mac[MRQ_TREE_MAC_BYTES];

static bool
mac_is_zero(const uint8_t mac[static MRQ_TREE_MAC_BYTES])
{
	return memcmp(mac, zero_mac, sizeof(zero_mac)) == 0;
}

static void
list_init(struct mrq_tree_page *head)
{
	head->prev = head->next = head;
}

static void
list_remove(struct mrq_tree_page *p)
{
	p->prev->next = p->next;
	p->next->prev = p->prev;
}

static void
list_push(struct mrq_tree_page *head, struct mrq_tree_page *p)
{
	p->next = head->next;
	p->prev = head;
	head->next->prev = p;
	head->next = p;
}

static struct mrq_tree_page **
bucket(struct mrq_tree *t, unsigned level, uint64_t index)
{
	return &t->table[(index * 7 + level) % t->table_room];
}

static struct mrq_tree_page *
cached(struct mrq_tree *t, unsigned level, uint64_t index)
{
	if (!t->table)
		return NULL;
	struct mrq_tree_page *p = *bucket(t, level, index);
	while (p && (p->level != level || p->index != index))
		p = p->hash_next;
	return p;
}

static void
drop(struct mrq_tree *t, struct mrq_tree_page *p)
{
	struct mrq_tree_page **at = bucket(t, p->level, p->index);

	while (*at != p)
		at = &(*at)->hash_next;
	*at = p->hash_next;
	list_remove(p);
	if (p->dirty)
		t->n_dirty--;
	else
		t->n_clean--;
	free(p);
}

static void
make_dirty(struct mrq_tree *t, struct mrq_tree_page *p)
{
	if (p->dirty)
		return;
	list_remove(p);
	t->n_clean--;
	p->dirty = true;
	list_push(&t->dirty, p);
	t->n_dirty++;
}

static void
make_clean(struct mrq_tree *t, struct mrq_tree_page *p)
{
	list_remove(p);
	t->n_dirty--;
	p->dirty = false;
	p->fresh = p->fresh && mrq_tree_page_empty(p);
	list_push(&t->clean, p);
	t->n_clean++;
}

static void
evict(struct mrq_tree *t)
{
	while (t->n_clean > MRQ_TREE_CLEAN_MAX)
		drop(t, t->clean.prev);
}

void
mrq_tree_init(struct mrq_tree *t, const struct mrq_layout *layout,
	      const struct mrq_guid *file_id, mrq_tree_load load, void *load_ctx)
{
	*t = (struct mrq_tree){
		.layout = *layout,
		.file_id = *file_id,
		.load = load,
		.load_ctx = load_ctx,
	};
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->clean);
	list_init(&t->dirty);
}

static void
drop_all(struct mrq_tree *t)
{
	while (t->clean.next != &t->clean)
		drop(t, t->clean.next);
	while (t->dirty.next != &t->dirty)
		drop(t, t->dirty.next);
}

void
mrq_tree_clear(struct mrq_tree *t)
{
	if (!t->clean.next)
		return;
	drop_all(t);
	free(t->table);
	t->table = NULL;
	pthread_mutex_destroy(&t->lock);
}

void
mrq_tree_reset(struct mrq_tree *t, uint64_t blocks,
	       const uint8_t root[static MRQ_TREE_MAC_BYTES])
{
	drop_all(t);
	t->segments = mrq_layout_segments(blocks);
	t->height = mrq_layout_height(t->segments);
	memcpy(t->root, root, sizeof(t->root));
}

bool
mrq_tree_page_empty(const struct mrq_tree_page *p)
{
	return p->data[0] == 0 && memcmp(p->data, p->data + 1, MRQ_PAGE - 1) == 0;
}

/* First block that a page covers. */
static uint64_t
first_block(unsigned level, uint64_t index)
{
	return MRQ_INLINE_ENTRIES + index * mrq_layout_span(level) * MRQ_TAG_ENTRIES;
}

static uint64_t
end_block(unsigned level, uint64_t index)
{
	return first_block(level, index + 1);
}

void
mrq_tree_mac(const struct mrq_tree *t, unsigned level, uint64_t index,
	     const uint8_t data[static MRQ_PAGE],
	     uint8_t ret[static MRQ_TREE_MAC_BYTES])
{
	uint8_t place[9], mac[MRQ_MAC_BYTES];
	struct mrq_writer w = mrq_writer_make(place, sizeof(place));
	struct mrq_piece pieces[] = {
		{ t->file_id.bytes, sizeof(t->file_id.bytes) },
		{ place, sizeof(place) },
		{ data, MRQ_PAGE },
	};

	mrq_write_u8(&w, (uint8_t)level);
	mrq_write_u64(&w, index);
	mrq_hmac(t->key, pieces, 3, mac);
	memcpy(ret, mac, MRQ_TREE_MAC_BYTES);
}

static void
page_mac(const struct mrq_tree *t, const struct mrq_tree_page *p,
	 uint8_t ret[static MRQ_TREE_MAC_BYTES])
{
	mrq_tree_mac(t, p->level, p->index, p->data, ret);
}

static enum mrq_status
page_new(struct mrq_tree *t, unsigned level, uint64_t index, struct mrq_tree_page **ret,
	 struct mrq_error *err)
{
	if (!t->table) {
		t->table = calloc(TABLE_ROOM, sizeof(struct mrq_tree_page *));
		t->table_room = TABLE_ROOM;
	}
	struct mrq_tree_page *p = t->table ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a tag page");
	p->level = level;
	p->index = index;
	*ret = p;
	return MRQ_OK;
}

static void
insert(struct mrq_tree *t, struct mrq_tree_page *p)
{
	struct mrq_tree_page **at = bucket(t, p->level, p->index);

	p->hash_next = *at;
	*at = p;
	list_push(&t->clean, p);
	t->n_clean++;
	evict(t);
}

static enum mrq_status
page_load(struct mrq_tree *t, struct mrq_tree_page *p,
	  const uint8_t mac[static MRQ_TREE_MAC_BYTES], struct mrq_error *err)
{
	uint8_t found[MRQ_TREE_MAC_BYTES];

	MRQ_TRY(t->load(t->load_ctx,
			mrq_layout_tree_page(&t->layout, p->level, p->index), p->data,
			err));
	page_mac(t, p, found);
	if (!mrq_equal(found, mac, sizeof(found)))
		return mrq_fail(err, MRQ_E_DAMAGED,
				"%s page %llu of level %u fails authentication",
				p->level ? "tree" : "tag", (unsigned long long)p->index,
				p->level);
	return MRQ_OK;
}

static uint8_t *
slot_of(struct mrq_tree_page *parent, uint64_t index)
{
	return parent->data + index % MRQ_TREE_FAN * MRQ_TREE_MAC_BYTES;
}

/*
 * Find a page, loading and verifying it and those above it.  An empty one that is
 * absent is made when `make`, else *ret is NULL.  The result is valid until the next
 * call that may load.
 */
static enum mrq_status
find(struct mrq_tree *t, unsigned level, uint64_t index, bool make,
     struct mrq_tree_page **ret, struct mrq_error *err)
{
	uint8_t mac[MRQ_TREE_MAC_BYTES] = { 0 };
	struct mrq_tree_page *p = cached(t, level, index);

	if (p && !p->dirty) {
		list_remove(p);
		list_push(&t->clean, p);
	}
	*ret = p;
	if (p)
		return MRQ_OK;
	if (level == t->height) {
		memcpy(mac, t->root, sizeof(mac));
	} else {
		struct mrq_tree_page *parent;
		MRQ_TRY(find(t, level + 1, index / MRQ_TREE_FAN, make, &parent, err));
		if (parent)
			memcpy(mac, slot_of(parent, index), sizeof(mac));
	}
	if (mac_is_zero(mac) && !make)
		return MRQ_OK;
	struct mrq_tree_page *fresh MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(page_new(t, level, index, &fresh, err));
	if (mac_is_zero(mac))
		fresh->fresh = first_block(level, index) >= t->taint_end;
	else
		MRQ_TRY(page_load(t, fresh, mac, err));
	*ret = fresh;
	insert(t, MRQ_STEAL(fresh));
	return MRQ_OK;
}

static enum mrq_status
entries_locked(struct mrq_tree *t, uint64_t first, size_t n,
	       uint8_t (*ret)[MRQ_ENTRY_BYTES], struct mrq_error *err)
{
	uint64_t j = first - MRQ_INLINE_ENTRIES;
	struct mrq_tree_page *p;

	MRQ_TRY(find(t, 0, j / MRQ_TAG_ENTRIES, false, &p, err));
	if (p)
		memcpy(ret, p->data + j % MRQ_TAG_ENTRIES * MRQ_ENTRY_BYTES,
		       n * MRQ_ENTRY_BYTES);
	else
		memset(ret, 0, n * MRQ_ENTRY_BYTES);
	return MRQ_OK;
}

enum mrq_status
mrq_tree_entries(struct mrq_tree *t, uint64_t first, size_t n,
		 uint8_t (*ret)[MRQ_ENTRY_BYTES], struct mrq_error *err)
{
	assert(first >= MRQ_INLINE_ENTRIES &&
	       (first - MRQ_INLINE_ENTRIES) % MRQ_TAG_ENTRIES + n <= MRQ_TAG_ENTRIES);
	if ((first - MRQ_INLINE_ENTRIES) / MRQ_TAG_ENTRIES >= t->segments) {
		memset(ret, 0, n * MRQ_ENTRY_BYTES);
		return MRQ_OK;
	}
	pthread_mutex_lock(&t->lock);
	enum mrq_status s = entries_locked(t, first, n, ret, err);
	pthread_mutex_unlock(&t->lock);
	return s;
}

enum mrq_status
mrq_tree_prepare(struct mrq_tree *t, uint64_t segment, struct mrq_error *err)
{
	struct mrq_tree_page *p;

	assert(segment < t->segments);
	for (unsigned up = 0; up <= t->height; up++) {
		unsigned level = t->height - up;
		MRQ_TRY(find(t, level, segment / mrq_layout_span(level), true, &p,
			     err));
		make_dirty(t, p);
	}
	return MRQ_OK;
}

void
mrq_tree_entry_set(struct mrq_tree *t, uint64_t block,
		   const uint8_t entry[static MRQ_ENTRY_BYTES])
{
	uint64_t j = block - MRQ_INLINE_ENTRIES;
	struct mrq_tree_page *p = cached(t, 0, j / MRQ_TAG_ENTRIES);

	assert(p && p->dirty);
	memcpy(p->data + j % MRQ_TAG_ENTRIES * MRQ_ENTRY_BYTES, entry, MRQ_ENTRY_BYTES);
}

/*
 * Drop the pages of a list that cover only blocks of [from, to), or stand above the
 * height.
 */
static void
drop_covered(struct mrq_tree *t, struct mrq_tree_page *head, uint64_t from, uint64_t to)
{
	struct mrq_tree_page *next;

	for (struct mrq_tree_page *p = head->next; p != head; p = next) {
		next = p->next;
		if (p->level > t->height || (first_block(p->level, p->index) >= from &&
					     end_block(p->level, p->index) <= to))
			drop(t, p);
	}
}

static void
drop_range(struct mrq_tree *t, uint64_t from, uint64_t to)
{
	drop_covered(t, &t->clean, from, to);
	drop_covered(t, &t->dirty, from, to);
}

/*
 * Put empty pages on top until the height is right.  What is below keeps its MACs by
 * (2).
 */
static enum mrq_status
grow(struct mrq_tree *t, uint64_t segments, struct mrq_error *err)
{
	unsigned height = mrq_layout_height(segments);

	for (unsigned level = t->height + 1; level <= height; level++) {
		struct mrq_tree_page *p;
		enum mrq_status s = page_new(t, level, 0, &p, err);
		if (s != MRQ_OK) {
			drop_range(t, UINT64_MAX, 0); /* by (5) */
			return s;
		}
		p->fresh = first_block(level, 0) >= t->taint_end;
		memcpy(p->data, level == t->height + 1 ? t->root : zero_mac,
		       MRQ_TREE_MAC_BYTES);
		insert(t, p);
		make_dirty(t, p);
	}
	t->height = height;
	t->segments = segments;
	return MRQ_OK;
}

void
mrq_tree_shrink_back(struct mrq_tree *t, uint64_t blocks)
{
	t->segments = mrq_layout_segments(blocks);
	t->height = mrq_layout_height(t->segments);
	drop_range(t, first_block(0, t->segments), UINT64_MAX);
}

static void
zero_entries(struct mrq_tree_page *p, uint64_t from, uint64_t to)
{
	uint64_t lo = first_block(0, p->index), hi = end_block(0, p->index);

	from = from > lo ? from : lo;
	to = to < hi ? to : hi;
	memset(p->data + (from - lo) * MRQ_ENTRY_BYTES, 0,
	       (to - from) * MRQ_ENTRY_BYTES);
}

/*
 * Zero the entries of [from, to) below one page.  Without `apply` it only loads what
 * must change, so that the second round finds all in memory and cannot fail: at most
 * two pages a level.
 */
static enum mrq_status
punch(struct mrq_tree *t, unsigned level, uint64_t index, uint64_t from, uint64_t to,
      bool apply, struct mrq_error *err)
{
	struct mrq_tree_page *p;

	MRQ_TRY(find(t, level, index, false, &p, err));
	if (!p)
		return MRQ_OK;
	if (apply)
		make_dirty(t, p);
	if (level == 0) {
		if (apply)
			zero_entries(p, from, to);
		return MRQ_OK;
	}
	for (unsigned i = 0; i < MRQ_TREE_FAN; i++) {
		uint64_t child = index * MRQ_TREE_FAN + i;
		uint64_t lo = first_block(level - 1, child);
		uint64_t hi = end_block(level - 1, child);
		if (hi <= from || lo >= to)
			continue;
		if (from > lo || to < hi) {
			MRQ_TRY(punch(t, level - 1, child, from, to, apply, err));
		} else if (apply) {
			p = cached(t, level, index);
			memset(slot_of(p, i), 0, MRQ_TREE_MAC_BYTES);
		}
	}
	return MRQ_OK;
}

enum mrq_status
mrq_tree_preload(struct mrq_tree *t, uint64_t from, uint64_t to, struct mrq_error *err)
{
	if (t->segments == 0 || from >= to)
		return MRQ_OK;
	return punch(t, t->height, 0, from, to, false, err);
}

enum mrq_status
mrq_tree_punch(struct mrq_tree *t, uint64_t from, uint64_t to, struct mrq_error *err)
{
	if (t->segments == 0 || from >= to)
		return MRQ_OK;
	if (from <= MRQ_INLINE_ENTRIES && to >= end_block(t->height, 0)) {
		drop_range(t, 0, UINT64_MAX);
		memset(t->root, 0, sizeof(t->root));
		return MRQ_OK;
	}
	MRQ_TRY(mrq_tree_preload(t, from, to, err));
	drop_range(t, from, to);
	return punch(t, t->height, 0, from, to, true, err);
}

static enum mrq_status
shrink(struct mrq_tree *t, uint64_t blocks, struct mrq_error *err)
{
	uint64_t segments = mrq_layout_segments(blocks);
	unsigned height = mrq_layout_height(segments);

	if (segments == 0)
		blocks = MRQ_INLINE_ENTRIES;
	MRQ_TRY(mrq_tree_punch(t, blocks, UINT64_MAX, err));
	if (height < t->height) {
		/* The way down was just walked: what is absent is empty, by (3). */
		struct mrq_tree_page *p = cached(t, height + 1, 0);
		memcpy(t->root, p ? slot_of(p, 0) : zero_mac, sizeof(t->root));
	}
	mrq_tree_shrink_back(t, blocks);
	return MRQ_OK;
}

enum mrq_status
mrq_tree_resize(struct mrq_tree *t, uint64_t blocks, struct mrq_error *err)
{
	uint64_t segments = mrq_layout_segments(blocks);

	if (segments > t->segments)
		return grow(t, segments, err);
	return shrink(t, blocks, err);
}

static uint64_t
seek_entry(const struct mrq_tree_page *p, uint64_t from, uint64_t to,
	   enum mrq_seek whence)
{
	uint64_t lo = first_block(0, p->index);

	for (; from < to; from++) {
		bool hole = mrq_entry_is_hole(p->data + (from - lo) * MRQ_ENTRY_BYTES);
		if (hole == (whence == MRQ_SEEK_HOLE))
			break;
	}
	return from;
}

/* *ret = to when there is none below this page. */
static enum mrq_status
seek(struct mrq_tree *t, unsigned level, uint64_t index, uint64_t from, uint64_t to,
     enum mrq_seek whence, uint64_t *ret, struct mrq_error *err)
{
	struct mrq_tree_page *p;
	uint64_t end = end_block(level, index);

	to = to < end ? to : end;
	MRQ_TRY(find(t, level, index, false, &p, err));
	if (!p || level == 0) {
		if (p)
			*ret = seek_entry(p, from, to, whence);
		else
			*ret = whence == MRQ_SEEK_HOLE ? from : to;
		return MRQ_OK;
	}
	uint64_t below = mrq_layout_span(level - 1) * MRQ_TAG_ENTRIES;
	while (from < to) {
		uint64_t child = (from - MRQ_INLINE_ENTRIES) / below;
		uint64_t child_end = end_block(level - 1, child);
		child_end = child_end < to ? child_end : to;
		MRQ_TRY(seek(t, level - 1, child, from, child_end, whence, ret, err));
		if (*ret < child_end)
			return MRQ_OK;
		from = child_end;
	}
	*ret = to;
	return MRQ_OK;
}

enum mrq_status
mrq_tree_seek(struct mrq_tree *t, uint64_t from, uint64_t to, enum mrq_seek whence,
	      uint64_t *ret, struct mrq_error *err)
{
	if (from >= to || t->segments == 0) {
		*ret = to;
		return MRQ_OK;
	}
	pthread_mutex_lock(&t->lock);
	enum mrq_status s = seek(t, t->height, 0, from, to, whence, ret, err);
	pthread_mutex_unlock(&t->lock);
	return s;
}

static enum mrq_status
put_mac(struct mrq_tree *t, const struct mrq_tree_page *p, struct mrq_error *err)
{
	uint8_t mac[MRQ_TREE_MAC_BYTES] = { 0 };
	struct mrq_tree_page *parent;

	if (!mrq_tree_page_empty(p))
		page_mac(t, p, mac);
	if (p->level == t->height) {
		memcpy(t->root, mac, sizeof(mac));
		return MRQ_OK;
	}
	MRQ_TRY(find(t, p->level + 1, p->index / MRQ_TREE_FAN, true, &parent, err));
	make_dirty(t, parent);
	memcpy(slot_of(parent, p->index), mac, sizeof(mac));
	return MRQ_OK;
}

enum mrq_status
mrq_tree_seal(struct mrq_tree *t, struct mrq_error *err)
{
	for (unsigned level = 0; level <= t->height; level++)
		for (struct mrq_tree_page *p = t->dirty.next; p != &t->dirty;
		     p = p->next)
			if (p->level == level)
				MRQ_TRY(put_mac(t, p, err));
	return MRQ_OK;
}

enum mrq_status
mrq_tree_page_written(struct mrq_tree *t, struct mrq_tree_page *p,
		      struct mrq_error *err)
{
	MRQ_TRY(put_mac(t, p, err));
	make_clean(t, p);
	evict(t);
	return MRQ_OK;
}

void
mrq_tree_committed(struct mrq_tree *t)
{
	while (t->dirty.next != &t->dirty)
		make_clean(t, t->dirty.next);
	evict(t);
}

struct mrq_tree_page *
mrq_tree_next_dirty(struct mrq_tree *t, struct mrq_tree_page *p)
{
	p = p ? p->next : t->dirty.next;
	return p == &t->dirty ? NULL : p;
}
