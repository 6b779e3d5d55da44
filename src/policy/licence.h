/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_POLICY_LICENCE_H
#define MRQ_POLICY_LICENCE_H

/*
 * Publishing licences, type jws: marque-format(5) "Licence".  JSON policy, signed by the
 * client's publishing key, which the organisation's key certified.  Immutable once parsed.
 * This file knows the JSON; signatures are the caller's (authority/, core/).
 */
#include "base/cleanup.h"
#include "policy/label.h"

#include <marque/types.h>

#define MRQ_KEY_BLOB_MAX    4096 /* bytes of the wrapped content key, JWE */
#define MRQ_CERTIFICATE_MAX 4096 /* bytes of a publishing certificate, JWS */
#define MRQ_LICENCE_JSON_MAX                                                           \
	53248u /* so that the signed form fits a container's header */
#define MRQ_LICENCE_RIGHTS_MAX 64 /* right names in one grant */
#define MRQ_RIGHT_NAME_MAX     64 /* bytes of a right's name */
#define MRQ_OFFLINE_DAYS_MAX   36500
#define MRQ_TIME_MAX           253402300799ll /* last second of the year 9999 */

/* Header member "typ" of the signed forms. */
#define MRQ_LICENCE_TYP     "marque-pl+jws"
#define MRQ_CERTIFICATE_TYP "marque-pubcert+jws"

struct mrq_licence {
	struct mrq_guid content_id;
	struct mrq_guid label_id;    /* nil: none */
	struct mrq_guid template_id; /* nil: ad hoc */
	char owner[MRQ_MAIL_MAX + 1];
	char issuer[MRQ_MAIL_MAX + 1]; /* the principal who protected */
	char org[MRQ_MAIL_MAX + 1];    /* domain of the organisation */
	int64_t created;               /* Unix seconds */
	int64_t expires;               /* MRQ_NEVER */
	int32_t offline_days;
	struct mrq_grant *grants; /* ad hoc only */
	size_t n_grants;
	char key_id[64];   /* organisation key the content key is wrapped to */
	char *wrapped_key; /* compact JWE */
	char *certificate; /* compact JWS: publishing certificate of the key that signs */
};

void mrq_licence_free(struct mrq_licence *licence);
MRQ_DEFINE_CLEANUP(mrq_licence_free, struct mrq_licence *)

/**
 * Encode as JSON without white space, members in the order of marque-licence(5); *ret
 * malloc'ed, NUL-terminated.  What mrq_licence_decode would refuse is not encoded:
 * MRQ_E_INVAL, or MRQ_E_LIMIT beyond MRQ_LICENCE_JSON_MAX bytes.
 */
MRQ_MUST_CHECK enum mrq_status mrq_licence_encode(const struct mrq_licence *licence,
						  char **ret, size_t *ret_len,
						  struct mrq_error *err);
/**
 * Decode JSON of at most MRQ_LICENCE_JSON_MAX bytes.  Strict: MRQ_E_FORMAT for duplicate
 * keys, wrong types, missing members, bad values; MRQ_E_VERSION for another version;
 * MRQ_E_LIMIT; MRQ_E_NOMEM.  Unknown members are skipped.  *ret for mrq_licence_free().
 */
MRQ_MUST_CHECK enum mrq_status mrq_licence_decode(const char *json, size_t len,
						  struct mrq_licence **ret,
						  struct mrq_error *err);

/** Union of the grants that reach this identity. */
mrq_rights mrq_grants_rights(const struct mrq_grant *grants, size_t n,
			     const struct mrq_identity *who);

#endif
