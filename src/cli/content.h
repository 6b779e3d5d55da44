/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_CONTENT_H
#define MRQ_CLI_CONTENT_H

/* What `revoke` and `track` speak of: a content id, "file:" and a file id, or a protected file. */
#include "base/guid.h"
#include "cli.h"

struct cli_content {
	char content_id[MRQ_GUID_TEXT], file_id[MRQ_GUID_TEXT]; /* "" when not known */
	bool file_given;                                        /* named as "file:ID" */
	const char *
		real; /* a file outside any mount: its path, owned by the struct; else NULL */
	char real_path[PATH_MAX];
};

/**
 * Find out.  MRQ_E_PLAIN for a file that is not protected; MRQ_E_SYS; MRQ_E_FORMAT for "file:"
 * without an id.
 */
MRQ_MUST_CHECK enum mrq_status cli_content_find(struct cli *cli, const char *what,
						struct cli_content *ret,
						struct mrq_error *err);

#endif
