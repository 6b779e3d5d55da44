/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_CHANGE_H
#define MRQ_CLI_CHANGE_H

/*
 * Changes of label and protection of one file: through its mount, or, outside of any, on the
 * file itself.
 */
#include <marque/file.h>

#include "walk.h"

enum cli_change_kind {
	CLI_CHANGE_LABEL,     /* to `label` */
	CLI_CHANGE_UNLABEL,   /* take the label away */
	CLI_CHANGE_PROTECT,   /* `permissions` */
	CLI_CHANGE_UNPROTECT, /* take the protection away */
	CLI_CHANGE_REWRAP,
};

struct cli_change {
	enum cli_change_kind kind;
	const char *label;
	bool label_removes; /* its action is to remove protection */
	const struct mrq_permissions *permissions;
	struct mrq_change_options options;
	bool preserve;            /* times; owner, mode and attributes always */
	const char *done, *would; /* "labelled", "would be labelled" */
};

/** Options that all changes share. */
MRQ_MUST_CHECK enum mrq_status cli_change_options(const struct cli *cli,
						  struct cli_change *ret,
						  struct mrq_error *err);
/* ---- change-mount.c ---- */

/** Value of the attribute by which a mount is told; *ret malloc'ed. */
MRQ_MUST_CHECK enum mrq_status cli_change_encode(const struct cli_change *change,
						 char **ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status cli_change_in_mount(const struct cli_target *target,
						   const struct cli_change *change,
						   struct mrq_error *err);
/** Request for the last refusal of the caller. */
#define CLI_WHY_ANY "{\"verb\":\"why\"}"
/** Request for the last refusal of a path; without the path when it is no UTF-8. */
MRQ_MUST_CHECK enum mrq_status cli_why_request(const char *real, char **ret,
					       struct mrq_error *err);
/** The sentence behind a refusal that came as errno. */
enum mrq_status cli_ask_why(const char *path, const char *real, int sys_errno,
			    struct mrq_error *err);

/* ---- change-source.c ---- */

/** MRQ_E_PLAIN when there is nothing to change. */
MRQ_MUST_CHECK enum mrq_status cli_change_in_source(struct mrq_session *session,
						    const struct cli_target *target,
						    const struct cli_change *change,
						    struct mrq_error *err);

/* ---- copy-meta.c ---- */

/** Give `to` owner, mode, ACLs and extended attributes of `from`; and its times, if `times`. */
MRQ_MUST_CHECK enum mrq_status cli_copy_meta(int from, const struct stat *st, int to,
					     bool times, const char *path,
					     struct mrq_error *err);

#endif
