/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_LABEL_H
#define MARQUE_LABEL_H

/* Labels of the organisation, as a caller sees them. */
#include <marque/session.h>

struct mrq_label_info {
	struct mrq_guid id, parent;
	char name[MRQ_NAME_MAX + 1]; /* full, "Confidential/All Employees" */
	int32_t order;
	char protection[16]; /* "none" "template" "user-defined" "removes" */
	char template_name[MRQ_NAME_MAX + 1];
	char programs[16];
	char tooltip[MRQ_TEXT_MAX + 1];
	bool is_default, applicable;
};
/** By order; *ret malloc'ed. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_labels(struct mrq_session *session,
						  struct mrq_label_info **ret,
						  size_t *ret_n, struct mrq_error *err);

#endif
