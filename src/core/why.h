/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_WHY_H
#define MRQ_CORE_WHY_H

/*
 * The last refusals, by uid and path, for `marque why`: the sentence that errno cannot carry.
 * Bounded; thread-safe.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <sys/types.h>

#define MRQ_REFUSALS_MAX 1024u

struct mrq_refusals;
MRQ_MUST_CHECK enum mrq_status mrq_refusals_new(struct mrq_refusals **ret,
						struct mrq_error *err);
void mrq_refusals_free(struct mrq_refusals *r);
MRQ_DEFINE_CLEANUP(mrq_refusals_free, struct mrq_refusals *)

void mrq_refusals_note(struct mrq_refusals *r, uid_t uid, const char *path,
		       const struct mrq_error *why);
/** The newest of a uid, for a path or any (NULL); MRQ_E_NOT_FOUND. */
MRQ_MUST_CHECK enum mrq_status mrq_refusals_find(struct mrq_refusals *r, uid_t uid,
						 const char *path, char *ret,
						 size_t len, struct mrq_error *err);

#endif
