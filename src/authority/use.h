/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_USE_H
#define MRQ_AUTHORITY_USE_H

/*
 * Use licences: the authority's answer for one principal and one publishing licence.
 */
#include "base/cleanup.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#include <marque/rights.h>
#include <marque/types.h>

#include <stdbool.h>

/** Plain value; holds a key, so it lives in mrq_secret_alloc memory or is wiped by scope. */
struct mrq_use_licence {
	struct mrq_guid content_id, label_id, template_id;
	mrq_rights rights; /* 0: no grant (key is then absent) */
	bool owner, issuer;
	bool super_user; /* void after valid_until: never stored, ends with the time box */
	bool has_key;
	bool list_rights; /* grants of others may be shown */
	enum mrq_programs_switch programs;
	int64_t issued;      /* Unix seconds */
	int64_t expires;     /* of the content; MRQ_NEVER */
	int64_t valid_until; /* offline use ends; issued when offline is never */
	bool never_store;    /* offline never: not written to disk */
	uint64_t epoch;      /* of the authority's policy when issued */
	/* Whom it was issued to, groups of the host included: a digest that the client makes. */
	uint8_t identity[MRQ_SHA256_BYTES];
	struct mrq_content_key key;
};

#define MRQ_USE_LICENCE_BYTES 256 /* upper bound of the encoded form */

void mrq_use_licence_wipe(struct mrq_use_licence *use);
MRQ_DEFINE_CLEANUP_VALUE(mrq_use_licence_wipe, struct mrq_use_licence)

/** Encode for the cache (which seals it); returns the length. */
size_t mrq_use_licence_encode(const struct mrq_use_licence *use,
			      uint8_t ret[static MRQ_USE_LICENCE_BYTES]);
MRQ_MUST_CHECK enum mrq_status mrq_use_licence_decode(const uint8_t *data, size_t len,
						      struct mrq_use_licence *ret,
						      struct mrq_error *err);

#endif
