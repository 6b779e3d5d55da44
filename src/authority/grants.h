/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_GRANTS_H
#define MRQ_AUTHORITY_GRANTS_H

/* Grants as JSON: marque-authority(5), "GRANTS". */
#include "authority/documents.h"

/** *ret for mrq_grants_clear; MRQ_E_INVAL names the member. */
MRQ_MUST_CHECK enum mrq_status mrq_grants_decode(const json_t *o, const char *member,
						 enum mrq_unknown_rights unknown,
						 struct mrq_grant **ret, size_t *ret_n,
						 struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_grants_encode(const struct mrq_grant *grants,
						 size_t n, json_t **ret,
						 struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_rights_encode(mrq_rights rights, const char *unknown,
						 json_t **ret, struct mrq_error *err);

#endif
