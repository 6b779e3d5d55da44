/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Size and holes: resize, punch, reserve, seek. */
#include "internal.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

static const uint8_t zeros[MRQ_BLOCK_MAX];

/*
 * Overwrite [off, off + len), which lies within one block, with zeros unless it is a
 * hole.
 */
static enum mrq_status
zero_part(struct mrq_container *c, uint64_t off, uint64_t len, struct mrq_error *err)
{
	uint64_t block = off / c->layout.block_size;
	uint8_t entry[1][MRQ_ENTRY_BYTES];

	MRQ_TRY(mrq_entries_get(c, block, 1, entry, err));
	if (len == 0 || mrq_entry_is_hole(entry[0]))
		return MRQ_OK;
	return mrq_write_held(c, zeros, (size_t)len, off, err);
}

static void
zero_inline(struct mrq_container *c, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to && i < MRQ_INLINE_ENTRIES; i++) {
		memset(c->hdr.entries[i], 0, MRQ_ENTRY_BYTES);
		c->hdr.inline_crc[i] = 0;
	}
}

/* From now on no place below the present end is fresh. */
static void
taint(struct mrq_container *c)
{
	uint64_t end = mrq_layout_blocks(&c->layout, c->hdr.size);

	c->dirty = true;
	if (c->image && end > c->taint_end)
		c->taint_end = c->tree.taint_end = end;
}

static enum mrq_status
shrink(struct mrq_container *c, uint64_t size, struct mrq_error *err)
{
	const uint32_t block_size = c->layout.block_size;
	uint64_t blocks = mrq_layout_blocks(&c->layout, size);
	uint64_t kept = blocks * block_size; /* up to here zeros stay */

	MRQ_TRY(mrq_tree_preload(
		&c->tree, blocks > MRQ_INLINE_ENTRIES ? blocks : MRQ_INLINE_ENTRIES,
		UINT64_MAX, err));
	if (size % block_size)
		MRQ_TRY(zero_part(c, size,
				  (kept < c->hdr.size ? kept : c->hdr.size) - size,
				  err));
	MRQ_TRY(mrq_tree_resize(&c->tree, blocks, err));
	taint(c);
	zero_inline(c, blocks, MRQ_INLINE_ENTRIES);
	c->hdr.size = size;
	return MRQ_OK;
}

static enum mrq_status
resize_held(struct mrq_container *c, uint64_t size, struct mrq_error *err)
{
	MRQ_TRY(mrq_container_check_open(c, true, err));
	if (size > (uint64_t)MRQ_CONTAINER_SIZE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a file may have 2^56 bytes at most");
	if (size == c->hdr.size)
		return MRQ_OK;
	MRQ_TRY(mrq_rest_held(c, err));
	if (size < c->hdr.size)
		return shrink(c, size, err);
	MRQ_TRY(mrq_make_room_held(c, size, 0, err));
	MRQ_TRY(mrq_tree_resize(&c->tree, mrq_layout_blocks(&c->layout, size), err));
	c->hdr.size = size;
	c->dirty = true;
	return MRQ_OK;
}

enum mrq_status
mrq_container_resize(struct mrq_container *c, uint64_t size, struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, resize_held(c, size, err), err);
}

/* Whole blocks [from, to) become holes. */
static enum mrq_status
punch_blocks(struct mrq_container *c, uint64_t from, uint64_t to, struct mrq_error *err)
{
	uint64_t tree_from = from > MRQ_INLINE_ENTRIES ? from : MRQ_INLINE_ENTRIES;

	if (from >= to)
		return MRQ_OK;
	MRQ_TRY(mrq_tree_punch(&c->tree, tree_from, to, err));
	taint(c);
	zero_inline(c, from, to);
	if (c->n_punched < MRQ_PUNCHED_MAX)
		c->punched[c->n_punched++] = (struct mrq_range){ from, to };
	return MRQ_OK;
}

static enum mrq_status
punch_held(struct mrq_container *c, uint64_t off, uint64_t len, struct mrq_error *err)
{
	const uint32_t size = c->layout.block_size;

	MRQ_TRY(mrq_container_check_open(c, true, err));
	if (off >= c->hdr.size || len == 0)
		return MRQ_OK;
	MRQ_TRY(mrq_rest_held(c, err));
	uint64_t end = len < c->hdr.size - off ? off + len : c->hdr.size;
	uint64_t first = off / size + (off % size != 0);
	/* What follows the end in its block is zero already. */
	uint64_t last =
		end == c->hdr.size ? mrq_layout_blocks(&c->layout, end) : end / size;

	if (first > last) /* within one block */
		return zero_part(c, off, end - off, err);
	if (off % size)
		MRQ_TRY(zero_part(c, off,
				  first * size < end ? first * size - off : end - off,
				  err));
	if (last * size < end)
		MRQ_TRY(zero_part(c, last * size, end - last * size, err));
	return punch_blocks(c, first, last, err);
}

enum mrq_status
mrq_container_punch(struct mrq_container *c, uint64_t off, uint64_t len,
		    struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, punch_held(c, off, len, err), err);
}

static enum mrq_status
reserve_held(struct mrq_container *c, uint64_t off, uint64_t len, struct mrq_error *err)
{
	const uint64_t max = (uint64_t)MRQ_CONTAINER_SIZE_MAX;

	MRQ_TRY(mrq_container_check_open(c, true, err));
	if (off > max || len > max - off)
		return mrq_fail(err, MRQ_E_LIMIT, "a file may have 2^56 bytes at most");
	if (len == 0)
		return MRQ_OK;
	MRQ_TRY(mrq_rest_held(c, err));
	uint64_t from = mrq_layout_block_page(&c->layout, off / c->layout.block_size);
	uint64_t to = mrq_layout_end(&c->layout, off + len);
	if (mrq_fallocate(c->fd, FALLOC_FL_KEEP_SIZE, (off_t)(from * MRQ_PAGE),
			  (off_t)((to - from) * MRQ_PAGE)) < 0)
		return mrq_fail_sys(err, "cannot reserve space");
	return MRQ_OK;
}

enum mrq_status
mrq_container_reserve(struct mrq_container *c, uint64_t off, uint64_t len,
		      struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, reserve_held(c, off, len, err), err);
}

/* First block at or after `block` of the kind, at most the number of blocks. */
static enum mrq_status
seek_block(struct mrq_container *c, uint64_t block, enum mrq_seek whence, uint64_t *ret,
	   struct mrq_error *err)
{
	uint64_t end = mrq_layout_blocks(&c->layout, c->hdr.size);

	for (; block < end && block < MRQ_INLINE_ENTRIES; block++) {
		bool hole = mrq_entry_is_hole(c->hdr.entries[block]);
		if (hole == (whence == MRQ_SEEK_HOLE)) {
			*ret = block;
			return MRQ_OK;
		}
	}
	return mrq_tree_seek(&c->tree, block, end, whence, ret, err);
}

static enum mrq_status
seek_shared(struct mrq_container *c, uint64_t off, enum mrq_seek whence, uint64_t *ret,
	    struct mrq_error *err)
{
	uint64_t block, size = c->layout.block_size;

	MRQ_TRY(mrq_container_check_open(c, false, err));
	if (off >= c->hdr.size)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "nothing at or after offset %llu",
				(unsigned long long)off);
	MRQ_TRY(seek_block(c, off / size, whence, &block, err));
	uint64_t found = block * size > off ? block * size : off;
	if (found >= c->hdr.size && whence == MRQ_SEEK_DATA)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "no data at or after offset %llu",
				(unsigned long long)off);
	*ret = found < c->hdr.size ? found : c->hdr.size;
	return MRQ_OK;
}

enum mrq_status
mrq_container_seek(struct mrq_container *c, uint64_t off, enum mrq_seek whence,
		   uint64_t *ret, struct mrq_error *err)
{
	pthread_rwlock_rdlock(&c->state);
	enum mrq_status s = seek_shared(c, off, whence, ret, err);
	pthread_rwlock_unlock(&c->state);
	return mrq_container_named(c, s, err);
}
