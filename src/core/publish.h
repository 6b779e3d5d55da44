/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_PUBLISH_H
#define MRQ_CORE_PUBLISH_H

/* Minting publishing licences offline: no call to the authority, one signature, one key wrap. */
#include "core/provider.h"

struct mrq_mint {
	struct mrq_guid content_id;  /* nil: a fresh one */
	struct mrq_guid label_id;    /* nil: none */
	struct mrq_guid template_id; /* nil: ad hoc, by grants */
	const struct mrq_grant *grants;
	size_t n_grants;            /* 0 with a template */
	const char *owner, *issuer; /* mails */
	const char *org;
	int64_t expires;      /* Unix seconds; MRQ_NEVER */
	int32_t offline_days; /* 0: never, MRQ_OFFLINE_ALWAYS */
};

/**
 * Mint a licence with a content key of its own.
 *
 * @now		Unix seconds, becomes the licence's time
 * @ret_pl	compact JWS, malloc'ed, NUL-terminated; @ret_len without the NUL
 * @ret_key	the content key; the caller wipes it
 *
 * Returns MRQ_OK; MRQ_E_EXPIRED when the certificate has run out (or is not valid yet): fetch
 * another; MRQ_E_INVAL for what no licence may say; MRQ_E_LIMIT for too many grants; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_licence_mint(const struct mrq_publishing *publishing, const struct mrq_mint *what,
		 int64_t now, char **ret_pl, size_t *ret_len,
		 struct mrq_content_key *ret_key, struct mrq_error *err);

#endif
