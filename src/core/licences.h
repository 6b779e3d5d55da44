/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_LICENCES_H
#define MRQ_CORE_LICENCES_H

/*
 * Use licences at hand: a bounded table in locked memory before the cache on disk, so that a
 * warm open touches neither LMDB nor a signature.  Keyed by (mail, SHA-256 of the publishing
 * licence).  Entries of another policy epoch, or made when the reader was in other groups, are not
 * given out.  Thread-safe.
 */
#include "authority/use.h"
#include "base/cleanup.h"
#include "crypto/hash.h"

#define MRQ_LICENCES_MAX 4096u

struct mrq_licences;
MRQ_MUST_CHECK enum mrq_status mrq_licences_new(struct mrq_licences **ret,
						struct mrq_error *err);
void mrq_licences_free(struct mrq_licences *licences);
MRQ_DEFINE_CLEANUP(mrq_licences_free, struct mrq_licences *)

/** What a licence must be of to be given out. */
struct mrq_licences_of {
	uint64_t epoch;
	const uint8_t *identity; /* MRQ_SHA256_BYTES: mrq_identity_digest */
	int64_t now;             /* valid then; Unix seconds */
};
/** Copy out an entry that is so; false when there is none. */
bool mrq_licences_get(struct mrq_licences *licences, const char *mail,
		      const uint8_t digest[static MRQ_SHA256_BYTES],
		      const struct mrq_licences_of *of, struct mrq_use_licence *ret);
/** Is a licence from elsewhere so? */
bool mrq_licences_fits(const struct mrq_use_licence *use,
		       const struct mrq_licences_of *of);
/** Keep a copy; one that may not be stored, or without memory, is not kept. */
void mrq_licences_put(struct mrq_licences *licences, const char *mail,
		      const uint8_t digest[static MRQ_SHA256_BYTES],
		      const struct mrq_use_licence *use);
/** Wipe entries of one mail, or all (NULL). */
void mrq_licences_drop(struct mrq_licences *licences, const char *mail);

#endif
