/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_CACHE_INTERNAL_H
#define MRQ_STORE_CACHE_INTERNAL_H

/*
 * What cache.c, cache-licence.c and cache-sequence.c share.
 *
 *   licences   HMAC(principal), digest  ->  last use i64, stored i64, never after i64,
 *                                           sealed (length u16, principal, value)
 *   sequences  file id                  ->  last use i64, sealed (sequence u64)
 *   facts      "schema"                 ->  u32
 *              "index"                  ->  sealed key of that HMAC: it also tells whether the
 *                                           cache was sealed with this machine's key
 *              "clock"                  ->  sealed i64
 *              "document:NAME"          ->  sealed bytes
 *
 * Integers are little-endian.  What is sealed is bound to its tree, its key and, for licences, to
 * stored and never after.  The last use is not authenticated: it only says what to forget first.
 */
#include "store/cache.h"
#include "store/env.h"

#define CACHE_LICENCE_KEY   (MRQ_MAC_BYTES + MRQ_SHA256_BYTES)
#define CACHE_LICENCE_CLEAR 24u /* bytes before what is sealed */
#define CACHE_TOUCH_EVERY   60  /* seconds between two updates of a last use */
#define CACHE_TOUCHES       256u

enum { DB_FACTS, DB_LICENCES, DB_SEQUENCES };

struct mrq_cache_touch {
	uint8_t key[CACHE_LICENCE_KEY];
	int64_t now;
};

struct mrq_cache {
	struct mrq_env *env;
	struct mrq_seal_key *key; /* in the secret arena, with: */
	struct mrq_mac_key *index;
	uint32_t max_licences, max_sequences;

	pthread_mutex_t lock; /* guards all below; never held with a transaction open */
	int64_t latest;       /* highest `now` of any call: the time of last uses */
	int64_t clock_saved;
	struct mrq_cache_touch
		touches[CACHE_TOUCHES]; /* reads whose last use is to be written */
	size_t n_touches;
};

/** A change, inside a write transaction; may be run twice. */
typedef enum mrq_status (*mrq_cache_step)(struct mrq_cache *cache, MDB_txn *txn,
					  void *arg, struct mrq_error *err);
/** Run it and commit; when the file is full, forget something and try once more. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_change(struct mrq_cache *cache,
						mrq_cache_step step, void *arg,
						struct mrq_error *err);

/** Note the time of a call; returns the highest so far. */
int64_t mrq_cache_latest(struct mrq_cache *cache, int64_t now);

/** What a sealed value is bound to. */
struct mrq_cache_aad {
	uint8_t bytes[512];
	size_t len;
};
void mrq_cache_aad_make(const char *tree, const void *key, size_t key_len,
			const void *clear, size_t clear_len, struct mrq_cache_aad *ret);

/** Open what mrq_seal made, into an own buffer.  MRQ_E_DAMAGED names the cache. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_unseal(const struct mrq_cache *cache,
						const struct mrq_cache_aad *aad,
						const void *sealed, size_t len,
						struct mrq_secret_buf *ret,
						struct mrq_error *err);
enum mrq_status mrq_cache_damaged(const struct mrq_cache *cache, struct mrq_error *err);

/** Delete the least recently used entries above max of a tree whose values begin with the last use;
 * *ret_n is increased. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_evict(struct mrq_cache *cache, MDB_txn *txn,
					       unsigned db, size_t max, size_t *ret_n,
					       struct mrq_error *err);
/** The same once max is exceeded by a sixteenth, so that not each put pays for it. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_bound(struct mrq_cache *cache, MDB_txn *txn,
					       unsigned db, size_t max,
					       struct mrq_error *err);
/** Delete licences past never_after. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_expire(struct mrq_cache *cache, MDB_txn *txn,
						int64_t now, size_t *ret_n,
						struct mrq_error *err);
/** Write the last uses that reads left behind. */
MRQ_MUST_CHECK enum mrq_status
mrq_cache_flush_touches(struct mrq_cache *cache, MDB_txn *txn, struct mrq_error *err);

static inline MDB_val
mrq_val(const void *data, size_t len)
{
	/* LMDB's type has no const; keys and values that are put are only read. */
	union {
		const void *in;
		void *out;
	} u = { .in = data };

	return (MDB_val){ .mv_size = len, .mv_data = u.out };
}

#endif
