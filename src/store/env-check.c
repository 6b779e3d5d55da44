/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The structure of an LMDB 0.9 data file, as far as a reader depends on it for its safety.
 *
 *   page   number u64, pad u16, flags u16, lower u16, upper u16 (overflow: count u32), offsets u16...
 *   meta   (behind the page's 16 bytes) magic u32, version u32, address u64, map size u64,
 *          tree of free pages, main tree, last page u64, transaction u64
 *   tree   pad u32 (of the first: page size), flags u16, depth u16, three counts of pages u64,
 *          entries u64, root u64
 *   node   low u16, high u16, flags u16, key bytes u16, key, then data or the number of an overflow page;
 *          in a branch, low, high and flags are the number of the page below
 */
#include "base/bytes.h"
#include "base/file.h"
#include "store/env.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC        0xbeefc0deu
#define DATA_VERSION 1u
#define PAGE_HEADER  16u
#define NODE_HEADER  8u
#define TREE_BYTES   48u
#define META_BYTES   136u
#define NO_PAGE      UINT64_MAX
#define DEPTH_MAX    32u
#define KEY_MAX      511u
#define UNWRITTEN_MAX                                                                  \
	(1u << 20) /* pages that were allotted but never written, at the end */

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum { NODE_BIG = 1, NODE_TREE = 2 };
enum kind { TREE_FREE, TREE_MAIN, TREE_NAMED };

struct tree {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t root;
};

struct meta {
	struct tree free, main;
	uint64_t last, txn;
};

struct check {
	int fd;
	uint64_t size;
	size_t psize;
	struct meta meta;
	uint8_t *seen; /* a bit per page */
};

static enum mrq_status
damaged(struct mrq_error *err, uint64_t page, const char *what)
{
	return mrq_fail(err, MRQ_E_DAMAGED, "page %" PRIu64 " %s", page, what);
}

static struct tree
read_tree(struct mrq_reader *r)
{
	struct tree t;

	t.pad = mrq_read_u32(r);
	t.flags = mrq_read_u16(r);
	t.depth = mrq_read_u16(r);
	mrq_read_skip(r, 4 * sizeof(uint64_t));
	t.root = mrq_read_u64(r);
	return t;
}

static enum mrq_status
read_meta(int fd, uint64_t off, uint64_t page, struct meta *ret, struct mrq_error *err)
{
	uint8_t data[PAGE_HEADER + META_BYTES];
	size_t got;

	MRQ_TRY(mrq_pread_upto(fd, data, sizeof(data), (off_t)off, &got,
			       "its beginning", err));
	struct mrq_reader r = mrq_reader_make(data, got);
	mrq_read_skip(&r, 10);
	uint16_t flags = mrq_read_u16(&r);
	mrq_read_skip(&r, 4);
	if (flags != PAGE_META || mrq_read_u32(&r) != MAGIC ||
	    mrq_read_u32(&r) != DATA_VERSION)
		return damaged(err, page, "is not the beginning of an LMDB file");
	mrq_read_skip(&r, 16);
	ret->free = read_tree(&r);
	ret->main = read_tree(&r);
	ret->last = mrq_read_u64(&r);
	ret->txn = mrq_read_u64(&r);
	return r.failed ? damaged(err, page, "ends early") : MRQ_OK;
}

/* The newer of both, as LMDB picks it. */
static enum mrq_status
newest_meta(int fd, size_t *ret_psize, struct meta *ret, struct mrq_error *err)
{
	struct meta a = { 0 }, b = { 0 };

	MRQ_TRY(read_meta(fd, 0, 0, &a, err));
	size_t psize = a.free.pad;
	if (psize < 512 || psize > 65536 || (psize & (psize - 1)) != 0)
		return damaged(err, 0, "tells an impossible size of pages");
	MRQ_TRY(read_meta(fd, psize, 1, &b, err));
	if (b.free.pad != psize)
		return damaged(err, 1, "tells another size of pages");
	*ret = a.txn < b.txn ? b : a;
	*ret_psize = psize;
	return MRQ_OK;
}

/* Each page belongs to one thing. */
static enum mrq_status
claim(struct check *c, uint64_t page, struct mrq_error *err)
{
	if (page < 2 || page > c->meta.last)
		return damaged(err, page, "is referred to and does not exist");
	uint8_t bit = (uint8_t)(1u << (page & 7));
	if (c->seen[page / 8] & bit)
		return damaged(err, page, "is used twice");
	c->seen[page / 8] |= bit;
	return MRQ_OK;
}

static enum mrq_status
load_page(struct check *c, uint64_t page, uint8_t *ret, uint16_t want,
	  struct mrq_error *err)
{
	MRQ_TRY(claim(c, page, err));
	if ((page + 1) * c->psize > c->size)
		return damaged(err, page, "lies behind the end");
	MRQ_TRY(mrq_pread_full(c->fd, ret, c->psize, (off_t)(page * c->psize), "a page",
			       err));
	struct mrq_reader r = mrq_reader_make(ret, c->psize);
	uint64_t number = mrq_read_u64(&r);
	mrq_read_skip(&r, 2);
	if (number != page || mrq_read_u16(&r) != want)
		return damaged(err, page, "is not what it should be");
	return MRQ_OK;
}

/* A node's parts, inside its page. */
struct node {
	uint32_t data_len; /* leaf */
	uint64_t below;    /* branch */
	uint16_t flags;
	uint16_t key_len;
	const uint8_t *data; /* behind the key */
	size_t room;         /* bytes from there to the end of the page */
};

static enum mrq_status
read_node(const struct check *c, const uint8_t *page, uint64_t number, unsigned index,
	  unsigned upper, struct node *ret, struct mrq_error *err)
{
	struct mrq_reader offsets =
		mrq_reader_make(page + PAGE_HEADER + 2 * (size_t)index, 2);
	uint16_t off = mrq_read_u16(&offsets);

	if (off < upper || off % 2 != 0 || off + NODE_HEADER > c->psize)
		return damaged(err, number, "has an entry outside of itself");
	struct mrq_reader r = mrq_reader_make(page + off, c->psize - off);
	uint32_t low = mrq_read_u16(&r), high = mrq_read_u16(&r);
	ret->flags = mrq_read_u16(&r);
	ret->key_len = mrq_read_u16(&r);
	ret->data_len = low | high << 16;
	ret->below = ret->data_len | (uint64_t)ret->flags << 32;
	mrq_read_skip(&r, ret->key_len);
	if (r.failed || ret->key_len > KEY_MAX)
		return damaged(err, number, "has a key that is too long");
	ret->data = r.at;
	ret->room = r.left;
	return MRQ_OK;
}

/* A list of free pages: count, numbers in descending order. */
static enum mrq_status
check_free_list(struct check *c, uint64_t at, const uint8_t *data, size_t len,
		struct mrq_error *err)
{
	struct mrq_reader r = mrq_reader_make(data, len);
	uint64_t n = mrq_read_u64(&r), before = NO_PAGE;

	if (r.failed || n > r.left / sizeof(uint64_t))
		return damaged(err, at, "has a wrong list of free pages");
	for (uint64_t i = 0; i < n; i++) {
		uint64_t page = mrq_read_u64(&r);
		if (page >= before)
			return damaged(err, at, "has a wrong list of free pages");
		MRQ_TRY(claim(c, page, err));
		before = page;
	}
	return MRQ_OK;
}

/* Data too long for its node: a run of pages, of which only the first has a header. */
static enum mrq_status
check_overflow(struct check *c, uint64_t first, uint32_t len, enum kind kind,
	       struct mrq_error *err)
{
	uint64_t need = (PAGE_HEADER - 1 + (uint64_t)len) / c->psize + 1;
	uint8_t *page MRQ_CLEANUP(free) = malloc(c->psize);

	if (!page)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to examine a page");
	MRQ_TRY(load_page(c, first, page, PAGE_OVERFLOW, err));
	struct mrq_reader r = mrq_reader_make(page + 12, 4);
	uint32_t pages = mrq_read_u32(&r);
	if (pages < need || (first + need) * c->psize > c->size)
		return damaged(err, first, "begins a run of pages that is too short");
	for (uint32_t i = 1; i < pages; i++)
		MRQ_TRY(claim(c, first + i, err));
	if (kind != TREE_FREE)
		return MRQ_OK;
	uint8_t *list MRQ_CLEANUP(free) = malloc(len ? len : 1);
	if (!list)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to examine a page");
	MRQ_TRY(mrq_pread_full(c->fd, list, len,
			       (off_t)(first * c->psize + PAGE_HEADER),
			       "a list of free pages", err));
	return check_free_list(c, first, list, len, err);
}

/* Recursion ends: by DEPTH_MAX in a tree, and only the main tree holds trees. */
/* NOLINTBEGIN(misc-no-recursion) */
static enum mrq_status check_tree(struct check *c, const struct tree *t, enum kind kind,
				  struct mrq_error *err);

static enum mrq_status
check_leaf_node(struct check *c, uint64_t number, const struct node *n, enum kind kind,
		struct mrq_error *err)
{
	if (n->key_len == 0 || (kind == TREE_FREE && n->key_len != sizeof(uint64_t)))
		return damaged(err, number, "has a key of a wrong length");
	if (n->flags != (kind == TREE_MAIN ? NODE_TREE : n->flags & NODE_BIG))
		return damaged(err, number, "has an entry of an unknown kind");
	if (n->flags == NODE_BIG) {
		struct mrq_reader r = mrq_reader_make(n->data, n->room);
		uint64_t first = mrq_read_u64(&r);
		if (r.failed)
			return damaged(err, number, "has an entry outside of itself");
		return check_overflow(c, first, n->data_len, kind, err);
	}
	if (n->data_len > n->room)
		return damaged(err, number, "has an entry outside of itself");
	if (kind == TREE_FREE)
		return check_free_list(c, number, n->data, n->data_len, err);
	if (kind == TREE_NAMED)
		return MRQ_OK;
	struct mrq_reader r = mrq_reader_make(n->data, n->data_len);
	struct tree t = read_tree(&r);
	if (r.failed || r.left != 0 || t.flags != 0)
		return damaged(err, number, "has a tree of an unknown kind");
	return check_tree(c, &t, TREE_NAMED, err);
}

static enum mrq_status
check_page(struct check *c, uint64_t number, unsigned level, enum kind kind,
	   struct mrq_error *err)
{
	uint8_t *page MRQ_CLEANUP(free) = malloc(c->psize);

	if (!page)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to examine a page");
	MRQ_TRY(load_page(c, number, page, level == 1 ? PAGE_LEAF : PAGE_BRANCH, err));
	struct mrq_reader r = mrq_reader_make(page + 12, 4);
	unsigned lower = mrq_read_u16(&r), upper = mrq_read_u16(&r);
	if (lower < PAGE_HEADER || lower % 2 != 0 || lower > upper || upper > c->psize)
		return damaged(err, number, "has wrong bounds");
	unsigned n = (lower - PAGE_HEADER) / 2;
	if (n < (level == 1 ? 1u : 2u))
		return damaged(err, number, "has too few entries");
	for (unsigned i = 0; i < n; i++) {
		struct node node = { 0 };
		MRQ_TRY(read_node(c, page, number, i, upper, &node, err));
		if (level == 1)
			MRQ_TRY(check_leaf_node(c, number, &node, kind, err));
		else
			MRQ_TRY(check_page(c, node.below, level - 1, kind, err));
	}
	return MRQ_OK;
}

static enum mrq_status
check_tree(struct check *c, const struct tree *t, enum kind kind, struct mrq_error *err)
{
	if (t->root == NO_PAGE)
		return MRQ_OK;
	if (t->depth < 1 || t->depth > DEPTH_MAX)
		return damaged(err, t->root, "begins a tree of impossible depth");
	return check_page(c, t->root, t->depth, kind, err);
}

/* NOLINTEND(misc-no-recursion) */

static enum mrq_status
check_snapshot(struct check *c, struct mrq_error *err)
{
	if (c->meta.last < 1 || c->meta.last > c->size / c->psize + UNWRITTEN_MAX)
		return damaged(err, c->meta.last, "cannot be the last");
	if (c->meta.main.flags != 0)
		return damaged(err, 0, "tells of an unknown kind of tree");
	c->seen = calloc(1, (size_t)(c->meta.last / 8 + 1));
	if (!c->seen)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to examine the pages");
	enum mrq_status s = check_tree(c, &c->meta.main, TREE_MAIN, err);
	if (s == MRQ_OK)
		s = check_tree(c, &c->meta.free, TREE_FREE, err);
	free(c->seen);
	return s;
}

enum mrq_status
mrq_env_check(int fd, uint64_t size, struct mrq_error *err)
{
	struct check c = { .fd = fd, .size = size };
	struct meta after = { 0 };

	MRQ_TRY(newest_meta(fd, &c.psize, &c.meta, err));
	enum mrq_status s = check_snapshot(&c, err);
	if (s != MRQ_E_DAMAGED && s != MRQ_E_FORMAT)
		return s;
	if (newest_meta(fd, &c.psize, &after, NULL) == MRQ_OK &&
	    after.txn != c.meta.txn)
		return mrq_fail(err, MRQ_E_BUSY, "it changed while it was examined");
	return MRQ_E_DAMAGED;
}
