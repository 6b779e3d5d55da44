/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_SEQUENCE_H
#define MRQ_CORE_SEQUENCE_H

/*
 * The guard against rollback: the highest header sequence seen per file.  Those of this
 * session are in memory; those known to be durable on the share go to the cache on disk in
 * batches, so that a power cut never makes the guard know more than the share.  Thread-safe.
 */
#include "base/cleanup.h"
#include "store/cache.h"

#include <marque/types.h>

#include <stdbool.h>

struct mrq_sequences;
/** cache may be NULL: memory only. */
MRQ_MUST_CHECK enum mrq_status mrq_sequences_new(struct mrq_cache *cache,
						 struct mrq_sequences **ret,
						 struct mrq_error *err);
/** Stores what is durable. */
void mrq_sequences_free(struct mrq_sequences *s);
MRQ_DEFINE_CLEANUP(mrq_sequences_free, struct mrq_sequences *)

/** MRQ_E_ROLLBACK when sequence is lower than one seen before. */
MRQ_MUST_CHECK enum mrq_status mrq_sequences_check(struct mrq_sequences *s,
						   const struct mrq_guid *file_id,
						   uint64_t sequence, const char *what,
						   struct mrq_error *err);
/** A sequence was seen; no power cut takes back what is up to `durable` (0: none). */
void mrq_sequences_note(struct mrq_sequences *s, const struct mrq_guid *file_id,
			uint64_t sequence, uint64_t durable);
/** fsck --accept: this sequence is the newest, whatever was seen. */
MRQ_MUST_CHECK enum mrq_status mrq_sequences_accept(struct mrq_sequences *s,
						    const struct mrq_guid *file_id,
						    uint64_t sequence,
						    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_sequences_store(struct mrq_sequences *s,
						   struct mrq_error *err);

#endif
