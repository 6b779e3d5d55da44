/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_INTERNAL_H
#define MRQ_FORMAT_INTERNAL_H

/*
 * The container from inside.  Locks, in order: writer, state, then those inside tree
 * and ciphers.
 *
 *   writer  a mutex: held by whoever changes anything, also while waiting for storage
 *   state   a read-write lock: what readers look at; held exclusively only while that
 *           changes, so that readers go on during an fdatasync.  (Range locks would take
 *           its place.)
 *
 * A function whose name ends in _held needs both, state exclusively, unless it says
 * otherwise.
 */
#include "container.h"
#include "header.h"
#include "journal.h"
#include "layout.h"
#include "pagemap.h"
#include "tree.h"

#include <pthread.h>

/* Keys of one file; in the secret arena. */
struct mrq_file_keys {
	struct mrq_data_key data;
	struct mrq_mac_key header, tree;
};

struct mrq_cipher; /* cipher.c: one generation's cipher, counted */
struct mrq_ciphers {
	pthread_mutex_t lock;
	struct mrq_cipher *first;
	unsigned n;
};

/*
 * A unit (block, tag page, tree page) that the open transaction puts into the journal.
 */
struct mrq_slot {
	uint64_t target, at; /* pages; target MRQ_NO_PAGE: of no use */
	uint32_t crc;
	uint16_t pages;
	uint8_t before
		[MRQ_ENTRY_BYTES]; /* entry of a block in the last committed state */
	const uint8_t *data;       /* while a commit runs: of what is not yet written */
};

/* The open transaction. */
struct mrq_tx {
	struct mrq_slot *slots;
	size_t n, room;
	uint64_t pages;           /* of all slots: the payload so far */
	struct mrq_pagemap map;   /* target -> index of slots */
	struct mrq_pagemap fresh; /* place -> MRQ_FRESH(pages, crc): written in place */
};
#define MRQ_FRESH(pages, crc) ((uint64_t)(pages) << 32 | (crc))
#define MRQ_FRESH_PAGES(v)    ((uint32_t)((v) >> 32))
#define MRQ_FRESH_CRC(v)      ((uint32_t)(v))
/* A unit of so many pages that stands at a page of the journal. */
#define MRQ_AT(pages, page) ((uint64_t)(pages) << 56 | (page))
#define MRQ_AT_PAGES(v)     ((uint32_t)((v) >> 56))
#define MRQ_AT_PAGE(v)      ((v) & (UINT64_MAX >> 8))
#define MRQ_TX_FRESH_MAX    262144u /* units written in place by one transaction */

/*
 * Blocks that became holes since the last settle: their space can be given back then.
 */
struct mrq_range {
	uint64_t from, to;
};
#define MRQ_PUNCHED_MAX 64u

struct mrq_container {
	int fd; /* the caller's */
	char *what;
	bool writable;
	pthread_mutex_t writer;
	pthread_rwlock_t state;

	struct mrq_layout layout;
	struct mrq_header hdr; /* open state; sequence: that of the last commit */
	uint8_t *licence;      /* open state; hdr.licence_len bytes */
	uint8_t *image; /* header of the last commit, all pages; NULL: none yet */
	bool image_unsettled;
	bool licence_changed; /* header pages past the first must be written */
	struct mrq_tree tree;

	uint8_t *first; /* before the first commit: ciphertext of the inline blocks */
	size_t first_room; /* blocks */

	struct mrq_file_keys *keys; /* NULL: locked */
	struct mrq_ciphers ciphers;

	bool dirty; /* open state differs from the last committed one */
	struct mrq_tx tx;
	uint64_t taint_end; /* blocks below it are never fresh until settled */
	uint64_t high_end;  /* page past the data of all states since the last settle */

	uint64_t journal_start; /* first page; 0: no place chosen */
	uint64_t journal_end;   /* page after the last commit page, or journal_start */
	uint64_t last_commit;   /* page of the last commit page; 0: nothing committed */
	struct mrq_pagemap
		overlay; /* target -> MRQ_AT(pages, place), newest committed */

	bool synced;      /* all that is committed is durable; guarded by writer */
	uint64_t durable; /* highest sequence known to be so; atomic */
	bool frozen;      /* another object writes the file: never change it */
	bool sync_failed; /* storage lost something: nothing can be called durable */
	struct mrq_range punched[MRQ_PUNCHED_MAX];
	size_t n_punched;

	struct mrq_commit_page *replayed; /* transactions whose MAC is to be checked */
	size_t n_replayed;
	uint64_t lost; /* inline blocks that never reached storage */
	/*
	 * A stopped writer left a journal, pages past the data end, or entries of lost blocks,
	 * which are still in the file: mrq_rest_held.
	 */
	bool rest_due;
	struct mrq_pagemap in_place; /* until then: what the journal vouches for */
};

/* Tell of which container an error is. */
enum mrq_status mrq_container_named(struct mrq_container *c, enum mrq_status s,
				    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_container_check_open(const struct mrq_container *c,
							bool for_writing,
							struct mrq_error *err);

/** Is it open for writing?  Then bring it to rest, before anything of the file is changed. */
MRQ_MUST_CHECK enum mrq_status mrq_container_change_held(struct mrq_container *c,
							 struct mrq_error *err);

/* Scoped locks. */
struct mrq_writing {
	struct mrq_container *c; /* NULL: nothing held */
};
static inline void
mrq_writing_end(struct mrq_writing *w)
{
	if (!w->c)
		return;
	pthread_rwlock_unlock(&w->c->state);
	pthread_mutex_unlock(&w->c->writer);
}
static inline struct mrq_writing
mrq_writing_begin(struct mrq_container *c)
{
	pthread_mutex_lock(&c->writer);
	pthread_rwlock_wrlock(&c->state);
	return (struct mrq_writing){ c };
}
MRQ_DEFINE_CLEANUP_VALUE(mrq_writing_end, struct mrq_writing)

/* cipher.c */
void mrq_ciphers_init(struct mrq_ciphers *cs);
void mrq_ciphers_clear(struct mrq_ciphers *cs);
/** The cipher of a generation, until mrq_cipher_put. */
MRQ_MUST_CHECK enum mrq_status mrq_cipher_get(struct mrq_container *c,
					      uint32_t generation,
					      struct mrq_cipher **ret,
					      struct mrq_error *err);
void mrq_cipher_put(struct mrq_ciphers *cs, struct mrq_cipher *cipher);
struct mrq_block_cipher *mrq_cipher_block(struct mrq_cipher *cipher);

/** A cipher that a loop over blocks holds as long as the generation stays the same. */
struct mrq_cipher_use {
	struct mrq_container *c;
	struct mrq_cipher *cipher; /* NULL: none yet */
	uint32_t generation;
};
void mrq_cipher_use_end(struct mrq_cipher_use *use);
MRQ_DEFINE_CLEANUP_VALUE(mrq_cipher_use_end, struct mrq_cipher_use)
MRQ_MUST_CHECK enum mrq_status mrq_cipher_use(struct mrq_cipher_use *use,
					      uint32_t generation,
					      struct mrq_block_cipher **ret,
					      struct mrq_error *err);

/* place.c: where units stand */

/**
 * Page where the newest version of a unit stands (its own place, or in the journal).
 */
uint64_t mrq_place_of(const struct mrq_container *c, uint64_t page);
/** Read pages as they stand in the file; what lies past the end is zeros. */
MRQ_MUST_CHECK enum mrq_status mrq_pages_read(int fd, uint64_t page, uint64_t n,
					      uint8_t *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_pages_write(const struct mrq_container *c,
					       uint64_t page, uint64_t n,
					       const uint8_t *data,
					       struct mrq_error *err);
/** mrq_tree_load of a container. */
enum mrq_status mrq_container_load_page(void *ctx, uint64_t page,
					uint8_t ret[static MRQ_PAGE],
					struct mrq_error *err);

/* container-io.c; state at least shared */

/** Entries of blocks [first, first + n), all inline or all of one segment. */
MRQ_MUST_CHECK enum mrq_status mrq_entries_get(struct mrq_container *c, uint64_t first,
					       size_t n,
					       uint8_t (*ret)[MRQ_ENTRY_BYTES],
					       struct mrq_error *err);
/** Blocks from `first` to the end of its group (inline, or segment), at most max. */
size_t mrq_group_left(uint64_t first, uint64_t max);
/** Read ciphertext of n blocks from where each stands. */
MRQ_MUST_CHECK enum mrq_status mrq_blocks_load(struct mrq_container *c, uint64_t first,
					       size_t n, uint8_t *ret,
					       struct mrq_error *err);
/** Read and decrypt one block into a buffer of a block; a hole is zeros. */
MRQ_MUST_CHECK enum mrq_status
mrq_block_load(struct mrq_cipher_use *use, uint64_t block,
	       const uint8_t entry[static MRQ_ENTRY_BYTES], uint8_t *ret,
	       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_write_held(struct mrq_container *c, const void *buf,
					      size_t len, uint64_t off,
					      struct mrq_error *err);

/* transaction.c */
void mrq_tx_clear(struct mrq_tx *tx);
/** Make room in memory for n more slots or fresh units. */
MRQ_MUST_CHECK enum mrq_status mrq_tx_reserve(struct mrq_container *c, size_t n,
					      struct mrq_error *err);
/** Choose the journal's place if there is none, and tell where the next slot goes. */
MRQ_MUST_CHECK enum mrq_status mrq_tx_next_page(struct mrq_container *c, uint64_t *ret,
						struct mrq_error *err);
/** Add a slot that was written at the next page; room was reserved. */
void mrq_tx_add_slot(struct mrq_container *c, const struct mrq_slot *slot);
struct mrq_slot *mrq_tx_slot(struct mrq_container *c, uint64_t target);
/** Commit, level KERNEL, if there is anything to commit. */
MRQ_MUST_CHECK enum mrq_status mrq_commit_held(struct mrq_container *c,
					       struct mrq_error *err);
/**
 * Commit or settle first, or write some tag pages, so that a change of blocks up to new
 * size `size` can be taken up whose payload is at most `pages` long.
 */
MRQ_MUST_CHECK enum mrq_status mrq_make_room_held(struct mrq_container *c,
						  uint64_t size, uint64_t pages,
						  struct mrq_error *err);

/* settle.c; these need the writer lock, and `state` only where they say so */
MRQ_MUST_CHECK enum mrq_status mrq_sync(struct mrq_container *c, struct mrq_error *err);
/**
 * Bring into the file what was found at attach: the journal goes in place, what a stopped
 * writer left past the data end goes away, lost blocks become holes of the open state.
 * Only with keys, which unlock gives only when the MACs of header and journal are right:
 * what nobody vouches for must never lead to a write.  Else, or when it was done, nothing.
 * Both locks held.
 */
MRQ_MUST_CHECK enum mrq_status mrq_rest_held(struct mrq_container *c,
					     struct mrq_error *err);
/** Copy the journal in place and sync.  Nothing may be open. */
MRQ_MUST_CHECK enum mrq_status mrq_settle_copy(struct mrq_container *c,
					       struct mrq_error *err);
/** Drop the journal after mrq_settle_copy; state held. */
MRQ_MUST_CHECK enum mrq_status mrq_settle_finish_held(struct mrq_container *c,
						      struct mrq_error *err);
/**
 * Write that the header is settled, when it is and that is not yet said; state held.
 */
MRQ_MUST_CHECK enum mrq_status mrq_mark_settled_held(struct mrq_container *c,
						     struct mrq_error *err);
/** Commit, sync, copy, finish and mark; state held all the time. */
MRQ_MUST_CHECK enum mrq_status mrq_settle_held(struct mrq_container *c,
					       struct mrq_error *err);

/* recover.c */
struct mrq_recovered {
	struct mrq_header hdr;
	uint8_t *image; /* malloc'ed */
	uint64_t file_pages;
	struct mrq_pagemap overlay; /* as in a container; empty: no journal counts */
	struct mrq_pagemap
		in_place; /* first page of a unit in its place -> its pages */
	uint64_t journal_start, last_commit;
	struct mrq_commit_page *replayed;
	size_t n_replayed;
};
/** Read header and journal; statuses as mrq_container_attach.  Writes nothing. */
MRQ_MUST_CHECK enum mrq_status mrq_recover(int fd, struct mrq_recovered *ret,
					   struct mrq_error *err);
void mrq_recovered_clear(struct mrq_recovered *r);
MRQ_DEFINE_CLEANUP_VALUE(mrq_recovered_clear, struct mrq_recovered)

#endif
