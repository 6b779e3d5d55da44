/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_POLICY_SET_H
#define MRQ_AUTHORITY_POLICY_SET_H

/* The policy as one immutable, counted value: labels, templates and settings. */
#include "authority/internal.h"
#include "authority/json.h"

void mrq_policy_box_free(struct mrq_policy_box *box);
MRQ_DEFINE_CLEANUP(mrq_policy_box_free, struct mrq_policy_box *)
/** One more reference, for mrq_policy_set_free. */
struct mrq_policy_set *mrq_policy_box_share(struct mrq_policy_box *box);

/** Apply the settings that o has, but for default_label (the caller resolves names). */
MRQ_MUST_CHECK enum mrq_status
mrq_policy_edit(const json_t *o, struct mrq_policy_set *set, struct mrq_error *err);
/** The settings alone. */
MRQ_MUST_CHECK enum mrq_status mrq_policy_encode(const struct mrq_policy_set *set,
						 json_t **ret, struct mrq_error *err);

/** By id; NULL when there is none. */
const struct mrq_template *mrq_template_find(const struct mrq_policy_set *set,
					     const struct mrq_guid *id);
/** By id or name (any case). */
const struct mrq_template *mrq_template_find_text(const struct mrq_policy_set *set,
						  const char *text);

#endif
