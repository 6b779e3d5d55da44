/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing of ranges.  Both go group by group: the inline blocks, then each
 * segment, so that the entries of a group are one piece of memory and its blocks one
 * piece of the file.
 *
 * Where the new ciphertext of a block goes:
 *
 *   MEMORY  inline blocks before the first commit
 *   REUSE   where the open transaction has put this block before
 *   FRESH   its place, which no committed state refers to
 *   SLOT    the payload of the open transaction
 *
 * Invariants:
 * (1) The entry of a block is set only after its ciphertext was written, run by run:
 *     when a write fails, the blocks of that run keep their content.
 * (2) For REUSE, which overwrites the only copy, the old bytes are put back when the
 *     write fails; should that fail too, the block falls back to the last committed
 *     state.
 */
#include "internal.h"

#include "base/bytes.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES  (256u * 1024u)
#define CHUNK_BLOCKS 64u

size_t
mrq_group_left(uint64_t first, uint64_t max)
{
	uint64_t end = MRQ_INLINE_ENTRIES;

	if (first >= MRQ_INLINE_ENTRIES)
		end += ((first - MRQ_INLINE_ENTRIES) / MRQ_TAG_ENTRIES + 1) *
		       MRQ_TAG_ENTRIES;
	return (size_t)(end - first < max ? end - first : max);
}

enum mrq_status
mrq_entries_get(struct mrq_container *c, uint64_t first, size_t n,
		uint8_t (*ret)[MRQ_ENTRY_BYTES], struct mrq_error *err)
{
	if (first >= MRQ_INLINE_ENTRIES)
		return mrq_tree_entries(&c->tree, first, n, ret, err);
	memcpy(ret, c->hdr.entries[first], n * MRQ_ENTRY_BYTES);
	return MRQ_OK;
}

static bool
in_memory(const struct mrq_container *c, uint64_t block)
{
	return !c->image && block < MRQ_INLINE_ENTRIES;
}

/* How many of n blocks from `first` stand in one piece, and where it begins. */
static size_t
contiguous(const struct mrq_container *c, uint64_t first, size_t n, uint64_t *ret_page)
{
	uint64_t page = mrq_layout_block_page(&c->layout, first);
	uint64_t at = mrq_place_of(c, page);
	size_t run = 1;

	*ret_page = at;
	if (c->tx.map.n == 0 && c->overlay.n == 0)
		return n;
	while (run < n && mrq_place_of(c, page + run * c->layout.block_pages) ==
				  at + run * c->layout.block_pages)
		run++;
	return run;
}

enum mrq_status
mrq_blocks_load(struct mrq_container *c, uint64_t first, size_t n, uint8_t *ret,
		struct mrq_error *err)
{
	size_t size = c->layout.block_size;

	if (in_memory(c, first)) {
		memcpy(ret, c->first + first * size, n * size);
		return MRQ_OK;
	}
	for (size_t run, done = 0; done < n; done += run) {
		uint64_t page;
		run = contiguous(c, first + done, n - done, &page);
		MRQ_TRY(mrq_pages_read(c->fd, page, run * c->layout.block_pages,
				       ret + done * size, err));
	}
	return MRQ_OK;
}

static enum mrq_status
decrypt(struct mrq_cipher_use *use, uint64_t block,
	const uint8_t entry[static MRQ_ENTRY_BYTES], uint8_t *data,
	struct mrq_error *err)
{
	struct mrq_container *c = use->c;
	struct mrq_entry e = mrq_entry_decode(entry);
	struct mrq_block_cipher *cipher;

	if (e.generation == 0 || e.generation > c->hdr.generation)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"block %llu names key generation %u, which does not "
				"exist",
				(unsigned long long)block, e.generation);
	MRQ_TRY(mrq_cipher_use(use, e.generation, &cipher, err));
	return mrq_block_decrypt(cipher, block, data, data, c->layout.block_size,
				 e.nonce, e.tag, err);
}

enum mrq_status
mrq_block_load(struct mrq_cipher_use *use, uint64_t block,
	       const uint8_t entry[static MRQ_ENTRY_BYTES], uint8_t *ret,
	       struct mrq_error *err)
{
	if (mrq_entry_is_hole(entry)) {
		memset(ret, 0, use->c->layout.block_size);
		return MRQ_OK;
	}
	MRQ_TRY(mrq_blocks_load(use->c, block, 1, ret, err));
	return decrypt(use, block, entry, ret, err);
}

/* A buffer of one block for plaintext: wiped. */
struct scratch {
	uint8_t *data; /* NULL until used */
	size_t size;
};

static void
scratch_clear(struct scratch *s)
{
	if (s->data)
		mrq_wipe(s->data, s->size);
	free(s->data);
}
MRQ_DEFINE_CLEANUP_VALUE(scratch_clear, struct scratch)

static enum mrq_status
scratch_need(struct scratch *s, struct mrq_error *err)
{
	if (!s->data)
		s->data = malloc(s->size);
	if (!s->data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a block");
	return MRQ_OK;
}

/* Full blocks of one group, straight into the caller's buffer. */
static enum mrq_status
read_full(struct mrq_cipher_use *use, uint64_t first, size_t n,
	  uint8_t (*entries)[MRQ_ENTRY_BYTES], uint8_t *ret, struct mrq_error *err)
{
	size_t size = use->c->layout.block_size;

	for (size_t run, i = 0; i < n; i += run) {
		bool hole = mrq_entry_is_hole(entries[i]);
		for (run = 1; i + run < n; run++)
			if (mrq_entry_is_hole(entries[i + run]) != hole)
				break;
		if (hole) {
			memset(ret + i * size, 0, run * size);
			continue;
		}
		enum mrq_status s =
			mrq_blocks_load(use->c, first + i, run, ret + i * size, err);
		for (size_t k = i; s == MRQ_OK && k < i + run; k++)
			s = decrypt(use, first + k, entries[k], ret + k * size, err);
		if (s != MRQ_OK) {
			memset(ret + i * size, 0, run * size);
			return s;
		}
	}
	return MRQ_OK;
}

/* The part of a request within one group; *ret_done bytes are done. */
static enum mrq_status
read_group(struct mrq_cipher_use *use, struct scratch *scratch, uint8_t *buf,
	   size_t len, uint64_t off, size_t *ret_done, struct mrq_error *err)
{
	struct mrq_container *c = use->c;
	size_t size = c->layout.block_size, done = 0;
	uint64_t block = off / size;
	size_t n = mrq_group_left(block, (off % size + len + size - 1) / size);
	uint8_t entries[MRQ_TAG_ENTRIES][MRQ_ENTRY_BYTES];

	MRQ_TRY(mrq_entries_get(c, block, n, entries, err));
	for (size_t i = 0; i < n;) {
		size_t skip = (size_t)((off + done) % size), left = len - done;
		size_t full = left / size < n - i ? left / size : n - i;
		if (skip == 0 && full > 0) {
			MRQ_TRY(read_full(use, block + i, full, entries + i, buf + done,
					  err));
			i += full;
			done += full * size;
			continue;
		}
		size_t part = left < size - skip ? left : size - skip;
		MRQ_TRY(scratch_need(scratch, err));
		MRQ_TRY(mrq_block_load(use, block + i, entries[i], scratch->data, err));
		memcpy(buf + done, scratch->data + skip, part);
		i++;
		done += part;
	}
	*ret_done = done;
	return MRQ_OK;
}

static enum mrq_status
read_shared(struct mrq_container *c, uint8_t *buf, size_t len, uint64_t off,
	    size_t *ret_len, struct mrq_error *err)
{
	struct mrq_cipher_use use MRQ_CLEANUP(mrq_cipher_use_end) = { .c = c };
	struct scratch scratch MRQ_CLEANUP(scratch_clear) = { NULL,
							      c->layout.block_size };
	size_t done = 0;

	MRQ_TRY(mrq_container_check_open(c, false, err));
	if (off >= c->hdr.size)
		len = 0;
	else if (len > c->hdr.size - off)
		len = (size_t)(c->hdr.size - off);
	while (done < len) {
		size_t part;
		MRQ_TRY(read_group(&use, &scratch, buf + done, len - done, off + done,
				   &part, err));
		done += part;
	}
	*ret_len = len;
	return MRQ_OK;
}

enum mrq_status
mrq_container_read(struct mrq_container *c, void *buf, size_t len, uint64_t off,
		   size_t *ret_len, struct mrq_error *err)
{
	pthread_rwlock_rdlock(&c->state);
	enum mrq_status s = read_shared(c, buf, len, off, ret_len, err);
	pthread_rwlock_unlock(&c->state);
	return mrq_container_named(c, s, err);
}

enum where { MEMORY, REUSE, FRESH, SLOT };

/* Blocks of one group that are written together. */
struct chunk {
	uint64_t block;
	size_t n;
	uint8_t *data; /* ciphertext */
	uint8_t before[CHUNK_BLOCKS][MRQ_ENTRY_BYTES];
	uint8_t after[CHUNK_BLOCKS][MRQ_ENTRY_BYTES];
};

static enum where
where_of(struct mrq_container *c, const struct chunk *k, size_t i, uint64_t *ret_page)
{
	uint64_t block = k->block + i;
	uint64_t page = mrq_layout_block_page(&c->layout, block);

	*ret_page = page;
	if (in_memory(c, block))
		return MEMORY;
	if (mrq_pagemap_has(&c->tx.fresh, page))
		return REUSE;
	if (mrq_pagemap_has(&c->tx.map, page)) {
		*ret_page = mrq_place_of(c, page);
		return REUSE;
	}
	if (mrq_entry_is_hole(k->before[i]) && block >= c->taint_end)
		return FRESH;
	return SLOT;
}

/*
 * First block from i on that does not go to the same kind of place, next to the one
 * before.
 */
static size_t
same_where(struct mrq_container *c, const struct chunk *k, size_t i, enum where where,
	   uint64_t page)
{
	size_t end = i + 1;

	for (; end < k->n; end++) {
		uint64_t next;
		if (where_of(c, k, end, &next) != where)
			break;
		if (where != SLOT && next != page + (end - i) * c->layout.block_pages)
			break;
	}
	return end;
}

static void
entry_set(struct mrq_container *c, uint64_t block,
	  const uint8_t entry[static MRQ_ENTRY_BYTES], uint32_t crc)
{
	if (block >= MRQ_INLINE_ENTRIES) {
		mrq_tree_entry_set(&c->tree, block, entry);
		return;
	}
	memcpy(c->hdr.entries[block], entry, MRQ_ENTRY_BYTES);
	c->hdr.inline_crc[block] = crc;
}

/*
 * Blocks [i, end) of a chunk were written: let them be seen, by (1).  `at`: where slots
 * begin.
 */
static void
run_written(struct mrq_container *c, const struct chunk *k, size_t i, size_t end,
	    enum where where, uint64_t at)
{
	uint32_t pages = c->layout.block_pages;

	for (size_t b = i; b < end; b++) {
		const uint8_t *data = k->data + b * c->layout.block_size;
		uint64_t target = mrq_layout_block_page(&c->layout, k->block + b);
		uint32_t crc = mrq_crc32c(0, data, c->layout.block_size);
		struct mrq_slot *slot = mrq_tx_slot(c, target);
		if (where == SLOT) {
			struct mrq_slot made = { target, at + (b - i) * pages,
						 crc,    (uint16_t)pages,
						 { 0 },  NULL };
			memcpy(made.before, k->before[b], MRQ_ENTRY_BYTES);
			mrq_tx_add_slot(c, &made);
		} else if (where == REUSE && slot) {
			slot->crc = crc;
		} else if (where != MEMORY) {
			mrq_pagemap_put(&c->tx.fresh, target, MRQ_FRESH(pages, crc));
		}
		entry_set(c, k->block + b, k->after[b], crc);
	}
}

/* By (2): what stood there could not be put back. */
static void
fall_back(struct mrq_container *c, const struct chunk *k, size_t i)
{
	static const uint8_t hole[MRQ_ENTRY_BYTES];
	uint64_t block = k->block + i;
	uint64_t target = mrq_layout_block_page(&c->layout, block);
	struct mrq_slot *slot = mrq_tx_slot(c, target);

	mrq_pagemap_remove(&c->tx.fresh, target);
	mrq_pagemap_remove(&c->tx.map, target);
	entry_set(c, block, slot ? slot->before : hole,
		  slot && block < MRQ_INLINE_ENTRIES
			  ? mrq_header_inline_crc(c->image, (unsigned)block)
			  : 0);
	if (slot)
		slot->target = MRQ_NO_PAGE;
}

static enum mrq_status
overwrite(struct mrq_container *c, const struct chunk *k, size_t i, size_t end,
	  uint64_t page, struct mrq_error *err)
{
	size_t size = c->layout.block_size;
	uint64_t pages = (uint64_t)(end - i) * c->layout.block_pages;
	uint8_t *old MRQ_CLEANUP(free) = malloc((end - i) * size);

	if (!old)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to overwrite blocks");
	MRQ_TRY(mrq_pages_read(c->fd, page, pages, old, err));
	enum mrq_status s = mrq_pages_write(c, page, pages, k->data + i * size, err);
	if (s == MRQ_OK)
		return s;
	if (mrq_pages_write(c, page, pages, old, NULL) != MRQ_OK)
		for (size_t b = i; b < end; b++)
			fall_back(c, k, b);
	return s;
}

static enum mrq_status
write_run(struct mrq_container *c, const struct chunk *k, size_t i, size_t *ret_end,
	  struct mrq_error *err)
{
	uint64_t page, block = k->block + i;
	enum where where = where_of(c, k, i, &page);
	size_t end = same_where(c, k, i, where, page), size = c->layout.block_size;
	const uint8_t *data = k->data + i * size;
	uint64_t pages = (uint64_t)(end - i) * c->layout.block_pages;

	switch (where) {
	case MEMORY:
		memcpy(c->first + block * size, data, (end - i) * size);
		break;
	case REUSE:
		MRQ_TRY(overwrite(c, k, i, end, page, err));
		break;
	case SLOT:
		MRQ_TRY(mrq_tx_next_page(c, &page, err));
		MRQ_TRY(mrq_pages_write(c, page, pages, data, err));
		break;
	case FRESH:
		MRQ_TRY(mrq_pages_write(c, page, pages, data, err));
		break;
	}
	run_written(c, k, i, end, where, page);
	*ret_end = end;
	return MRQ_OK;
}

/* Encrypt the bytes of a request that fall into a chunk. */
static enum mrq_status
chunk_encrypt(struct mrq_container *c, struct chunk *k, const uint8_t *buf, size_t len,
	      uint64_t off, struct mrq_error *err)
{
	struct mrq_cipher_use old MRQ_CLEANUP(mrq_cipher_use_end) = { .c = c };
	struct mrq_cipher_use use MRQ_CLEANUP(mrq_cipher_use_end) = { .c = c };
	struct scratch scratch MRQ_CLEANUP(scratch_clear) = { NULL,
							      c->layout.block_size };
	size_t size = c->layout.block_size, done = 0;
	struct mrq_block_cipher *cipher;

	MRQ_TRY(mrq_cipher_use(&use, c->hdr.generation, &cipher, err));
	for (size_t i = 0; i < k->n; i++) {
		size_t skip = (size_t)((off + done) % size);
		size_t part = len - done < size - skip ? len - done : size - skip;
		const uint8_t *from = buf + done;
		struct mrq_entry e = { .generation = c->hdr.generation };
		if (part < size) {
			MRQ_TRY(scratch_need(&scratch, err));
			MRQ_TRY(mrq_block_load(&old, k->block + i, k->before[i],
					       scratch.data, err));
			memcpy(scratch.data + skip, from, part);
			from = scratch.data;
		}
		MRQ_TRY(mrq_block_encrypt(cipher, k->block + i, from,
					  k->data + i * size, size, e.nonce, e.tag,
					  err));
		mrq_entry_encode(&e, k->after[i]);
		done += part;
	}
	return MRQ_OK;
}

/* Count block writes; a generation ends before its cipher has seen too many nonces. */
static enum mrq_status
count_writes(struct mrq_container *c, size_t n, struct mrq_error *err)
{
	if (c->hdr.writes + n >= MRQ_GENERATION_WRITES) {
		if (c->hdr.generation == UINT32_MAX)
			return mrq_fail(err, MRQ_E_LIMIT,
					"all key generations are used up: the file "
					"must be written anew");
		c->hdr.generation++;
		c->hdr.writes = 0;
	}
	c->hdr.writes += n;
	return MRQ_OK;
}

static enum mrq_status
first_reserve(struct mrq_container *c, uint64_t blocks, struct mrq_error *err)
{
	if (blocks > MRQ_INLINE_ENTRIES)
		blocks = MRQ_INLINE_ENTRIES;
	if (c->image || blocks <= c->first_room)
		return MRQ_OK;
	uint64_t room = blocks < 4 ? blocks : MRQ_INLINE_ENTRIES;
	uint8_t *more = realloc(c->first, (size_t)(room * c->layout.block_size));
	if (!more)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the first blocks");
	c->first = more;
	c->first_room = (size_t)room;
	return MRQ_OK;
}

static enum mrq_status
grow(struct mrq_container *c, uint64_t size, struct mrq_error *err)
{
	if (size <= c->hdr.size)
		return MRQ_OK;
	MRQ_TRY(mrq_tree_resize(&c->tree, mrq_layout_blocks(&c->layout, size), err));
	c->hdr.size = size;
	return MRQ_OK;
}

/* Write the encrypted blocks; *ret_done of them were. */
static enum mrq_status
chunk_store(struct mrq_container *c, const struct chunk *k, size_t *ret_done,
	    struct mrq_error *err)
{
	*ret_done = 0;
	if (k->block >= MRQ_INLINE_ENTRIES)
		MRQ_TRY(mrq_tree_prepare(
			&c->tree, (k->block - MRQ_INLINE_ENTRIES) / MRQ_TAG_ENTRIES,
			err));
	MRQ_TRY(mrq_tx_reserve(c, k->n, err));
	MRQ_TRY(first_reserve(c, k->block + k->n, err));
	c->dirty = true;
	while (*ret_done < k->n)
		MRQ_TRY(write_run(c, k, *ret_done, ret_done, err));
	return MRQ_OK;
}

/* Bytes [off, off + len), of one group and at most a chunk. */
static enum mrq_status
write_chunk(struct mrq_container *c, struct chunk *k, const uint8_t *buf, size_t len,
	    uint64_t off, struct mrq_error *err)
{
	uint64_t old_size = c->hdr.size, end = off + len;
	size_t done;

	MRQ_TRY(mrq_entries_get(c, k->block, k->n, k->before, err));
	MRQ_TRY(count_writes(c, k->n, err));
	MRQ_TRY(chunk_encrypt(c, k, buf, len, off, err));
	MRQ_TRY(grow(c, end, err));
	enum mrq_status s = chunk_store(c, k, &done, err);
	if (s == MRQ_OK || c->hdr.size == old_size)
		return s;
	/* The file ends where the last block that was written does. */
	uint64_t size = (k->block + done) * c->layout.block_size;
	c->hdr.size = done == 0 || size < old_size ? old_size : size;
	mrq_tree_shrink_back(&c->tree, mrq_layout_blocks(&c->layout, c->hdr.size));
	return s;
}

enum mrq_status
mrq_write_held(struct mrq_container *c, const void *buf, size_t len, uint64_t off,
	       struct mrq_error *err)
{
	size_t size = c->layout.block_size, room = CHUNK_BYTES / size;
	struct chunk k = { 0 };

	if (room > CHUNK_BLOCKS)
		room = CHUNK_BLOCKS;
	uint64_t blocks = (off % size + len + size - 1) / size;
	uint8_t *data MRQ_CLEANUP(free) =
		malloc((blocks < room ? (size_t)blocks : room) * size);
	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to encrypt into");
	k.data = data;
	for (size_t done = 0; done < len;) {
		k.block = (off + done) / size;
		size_t skip = (size_t)((off + done) % size);
		k.n = mrq_group_left(k.block, (skip + len - done + size - 1) / size);
		k.n = k.n < room ? k.n : room;
		size_t part = k.n * size - skip;
		part = part < len - done ? part : len - done;
		MRQ_TRY(mrq_make_room_held(c, off + done + part,
					   k.n * c->layout.block_pages, err));
		MRQ_TRY(write_chunk(c, &k, (const uint8_t *)buf + done, part,
				    off + done, err));
		done += part;
	}
	return MRQ_OK;
}

static enum mrq_status
write_checked(struct mrq_container *c, const void *buf, size_t len, uint64_t off,
	      struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);
	const uint64_t max = (uint64_t)MRQ_CONTAINER_SIZE_MAX;

	MRQ_TRY(mrq_container_check_open(held.c, true, err));
	if (off > max || len > max - off)
		return mrq_fail(err, MRQ_E_LIMIT, "a file may have 2^56 bytes at most");
	MRQ_TRY(mrq_rest_held(held.c, err));
	return mrq_write_held(c, buf, len, off, err);
}

enum mrq_status
mrq_container_write(struct mrq_container *c, const void *buf, size_t len, uint64_t off,
		    struct mrq_error *err)
{
	if (len == 0)
		return MRQ_OK;
	return mrq_container_named(c, write_checked(c, buf, len, off, err), err);
}
