/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_PERMISSIONS_H
#define MRQ_CLI_PERMISSIONS_H

/* Ad-hoc permissions from options: --user WHO=LEVEL|RIGHTS, --expires, --owner. */
#include <marque/file.h>

#include "base/cleanup.h"
#include "options.h"

#define CLI_PERMISSIONS_MAX 256 /* grants */

struct cli_permissions {
	struct mrq_permission items[CLI_PERMISSIONS_MAX];
	char who[CLI_PERMISSIONS_MAX][MRQ_PRINCIPAL_MAX + 1];
	struct mrq_permissions all; /* points into the above and into argv */
};

/**
 * One grant.  WHO is a mail, "user:", "group:" or "domain:" and a name, "org" or "authenticated";
 * RIGHTS a level or names of rights, separated by commas.  Whether WHO makes sense is the
 * authority's to say.
 *
 * Returns MRQ_OK; MRQ_E_INVAL without '=', WHO or RIGHTS, or for an unknown right; MRQ_E_LIMIT.
 */
MRQ_MUST_CHECK enum mrq_status
cli_permission_parse(const char *text, char who[static MRQ_PRINCIPAL_MAX + 1],
		     mrq_rights *ret, struct mrq_error *err);
/** All options together; MRQ_E_INVAL without --user, or for a time that has passed. */
MRQ_MUST_CHECK enum mrq_status cli_permissions(const struct cli_given *given,
					       int64_t now, struct cli_permissions *ret,
					       struct mrq_error *err);

#endif
