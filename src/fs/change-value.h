/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CHANGE_VALUE_H
#define MRQ_FS_CHANGE_VALUE_H

/*
 * Values of the attributes by which a label or protection is changed: marquefs(8), "EXTENDED
 * ATTRIBUTES".  Hostile: any user of the mount writes them.
 *
 *   NAME[;what-if][;new-key][;justification=TEXT]	label, and "none" for protect
 *   {"grants":[{"who","rights"}],"expires","owner","justification","what_if","new_key"}
 */
#include <marque/file.h>

#include "base/cleanup.h"
#include "base/error.h"

#define MRQ_CHANGE_VALUE_MAX  65536u
#define MRQ_CHANGE_GRANTS_MAX 1024u

struct mrq_change_value {
	char *text;       /* owned copy that the rest points into */
	const char *name; /* label; "" to remove; NULL with permissions */
	struct mrq_change_options options;
	struct mrq_permissions permissions; /* n 0: none */
	struct mrq_permission *items;       /* owned */
	struct mrq_json_doc *doc;           /* owned */
};
void mrq_change_value_clear(struct mrq_change_value *v);
MRQ_DEFINE_CLEANUP_VALUE(mrq_change_value_clear, struct mrq_change_value)

/** Into a zeroed *ret.  MRQ_E_INVAL says what is wrong; MRQ_E_LIMIT; MRQ_E_FORMAT (JSON). */
MRQ_MUST_CHECK enum mrq_status mrq_change_value_parse(const char *value, size_t len,
						      int64_t now,
						      struct mrq_change_value *ret,
						      struct mrq_error *err);

#endif
