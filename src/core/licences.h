/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_LICENCES_H
#define MRQ_CORE_LICENCES_H

/*
 * Use licences at hand: a bounded table in locked memory before the cache on disk, so that a
 * warm open touches neither LMDB nor a signature.  Keyed by (mail, SHA-256 of the publishing
 * licence).  Entries of another policy epoch are not given out.  Thread-safe.
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

/** Copy out an entry of this epoch that is valid at `now`; false when there is none. */
bool mrq_licences_get(struct mrq_licences *licences, const char *mail,
		      const uint8_t digest[static MRQ_SHA256_BYTES], uint64_t epoch,
		      int64_t now, struct mrq_use_licence *ret);
/** Keep a copy; one that may not be stored, or without memory, is not kept. */
void mrq_licences_put(struct mrq_licences *licences, const char *mail,
		      const uint8_t digest[static MRQ_SHA256_BYTES],
		      const struct mrq_use_licence *use);
/** Wipe entries of one mail, or all (NULL). */
void mrq_licences_drop(struct mrq_licences *licences, const char *mail);

#endif
