/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_ADMIN_H
#define MRQ_AUTHORITY_ADMIN_H

/* Administrative commands: a table of verb, members and handler.  JSON: marque-authority(5). */
#include "authority/authority.h"

/** As mrq_admin of <marque/authority.h>, without the audit record; args of at most
 * MRQ_JSON_TEXT_MAX bytes. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_admin(struct mrq_authority *a,
						   const char *verb, const char *args,
						   int64_t now, char **ret,
						   struct mrq_error *err);
/** The verbs, for help and completions: NULL-terminated array of "user add" ... */
const char *const *mrq_authority_verbs(void);

#endif
