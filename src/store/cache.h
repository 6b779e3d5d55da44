/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_CACHE_H
#define MRQ_STORE_CACHE_H

/*
 * The cache on disk (LMDB, one environment "cache.mdb" in the state folder, mode 0600):
 *   licences    (principal, SHA-256 of the publishing licence) -> sealed use licence
 *   sequences   file id -> highest header sequence known durable (rollback guard)
 *   facts       highest clock ever seen, schema version, policy and revocation documents
 * Values are sealed with XChaCha20-Poly1305 under a key bound to the machine; AAD is the key.
 * A copy on another machine opens as empty: MRQ_E_DAMAGED on reads of any value.  Thread-safe.
 */
#include "base/cleanup.h"
#include "crypto/hash.h"
#include "crypto/seal.h"

#include <marque/types.h>

#include <stdbool.h>

#define MRQ_CACHE_SCHEMA                1
#define MRQ_CACHE_VALUE_MAX             262144u
#define MRQ_CACHE_DOCUMENT_MAX          16777216u
#define MRQ_CACHE_DOCUMENT_NAME_MAX     128u
#define MRQ_CACHE_LICENCES_MAX_DEFAULT  100000u
#define MRQ_CACHE_SEQUENCES_MAX_DEFAULT 1000000u

struct mrq_cache_options {
	size_t map_bytes;      /* 0: 1 GiB */
	uint32_t max_licences; /* 0: default; least recently used go first */
	uint32_t max_sequences;
};

struct mrq_cache;

/** Open or make.  MRQ_E_VERSION when a newer marque wrote it; MRQ_E_DAMAGED, with what to do, when
 * it is no LMDB file or was sealed on another machine. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_open(const char *dir,
					      const struct mrq_seal_key *key,
					      const struct mrq_cache_options *options,
					      struct mrq_cache **ret,
					      struct mrq_error *err);
void mrq_cache_close(struct mrq_cache *cache);
MRQ_DEFINE_CLEANUP(mrq_cache_close, struct mrq_cache *)

/**
 * Keep a licence, in place of an older one.  MRQ_E_LIMIT above MRQ_CACHE_VALUE_MAX, or when the
 * file is full although it was swept.
 *
 * @never_after  Unix seconds after which it is not given out and sweep deletes it
 * @now          Unix seconds
 */
MRQ_MUST_CHECK enum mrq_status
mrq_cache_licence_put(struct mrq_cache *cache, const char *principal,
		      const uint8_t digest[static MRQ_SHA256_BYTES], const void *value,
		      size_t len, int64_t never_after, int64_t now,
		      struct mrq_error *err);
/** MRQ_E_NOT_FOUND, also when past never_after; MRQ_E_DAMAGED.  *ret fits mrq_secret_buf_clear. */
MRQ_MUST_CHECK enum mrq_status
mrq_cache_licence_get(struct mrq_cache *cache, const char *principal,
		      const uint8_t digest[static MRQ_SHA256_BYTES], int64_t now,
		      struct mrq_secret_buf *ret, struct mrq_error *err);
/** Forget those of one principal, or all (NULL); *ret_n tells how many. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_licence_clear(struct mrq_cache *cache,
						       const char *principal,
						       size_t *ret_n,
						       struct mrq_error *err);
/** Return false to stop.  The visitor must not change the cache. */
typedef bool (*mrq_cache_visit)(const char *principal,
				const uint8_t digest[static MRQ_SHA256_BYTES],
				const void *value, size_t len, int64_t stored,
				int64_t never_after, void *arg);
MRQ_MUST_CHECK enum mrq_status mrq_cache_licence_each(struct mrq_cache *cache,
						      mrq_cache_visit visit, void *arg,
						      struct mrq_error *err);
/** Delete what is past never_after, and the least recently used above the bounds. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_sweep(struct mrq_cache *cache, int64_t now,
					       size_t *ret_n, struct mrq_error *err);

/** Raise the highest clock seen to now; *ret_highest is the highest before or now.  Written to disk
 * when it grew by 60 seconds or more. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_clock_note(struct mrq_cache *cache,
						    int64_t now, int64_t *ret_highest,
						    struct mrq_error *err);

/** Highest durable sequence of a file, 0 when unknown. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_sequence_get(struct mrq_cache *cache,
						      const struct mrq_guid *file_id,
						      uint64_t *ret,
						      struct mrq_error *err);
/** Record sequences of n files in one transaction; `set` may also lower (fsck --accept). */
struct mrq_cache_sequence {
	struct mrq_guid file_id;
	uint64_t sequence;
};
enum mrq_sequence_put { MRQ_SEQUENCE_RAISE, MRQ_SEQUENCE_SET };
MRQ_MUST_CHECK enum mrq_status
mrq_cache_sequence_put(struct mrq_cache *cache, const struct mrq_cache_sequence *items,
		       size_t n, enum mrq_sequence_put how, struct mrq_error *err);

/** Small named documents ("policy", "revocations", ...), sealed.  MRQ_E_LIMIT above
 * MRQ_CACHE_DOCUMENT_MAX or for a long name; MRQ_E_NOT_FOUND; MRQ_E_DAMAGED. */
MRQ_MUST_CHECK enum mrq_status mrq_cache_document_put(struct mrq_cache *cache,
						      const char *name,
						      const void *data, size_t len,
						      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_cache_document_get(struct mrq_cache *cache,
						      const char *name,
						      struct mrq_secret_buf *ret,
						      struct mrq_error *err);

#endif
