/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_POLICY_LABEL_H
#define MRQ_POLICY_LABEL_H

/*
 * Labels, templates, and the rules between them.  Pure values; the authority stores them,
 * core caches them as one signed policy document.
 */
#include "policy/principal.h"

#include <marque/rights.h>

#include <stdint.h>

#define MRQ_LABELS_MAX     4096
#define MRQ_TEMPLATES_MAX  4096
#define MRQ_GRANTS_MAX     1024
#define MRQ_OFFLINE_ALWAYS (-1)

struct mrq_grant {
	struct mrq_principal who;
	mrq_rights rights;
	char *unknown; /* further right names, comma separated; NULL when none */
};

enum mrq_label_protection {
	MRQ_LABEL_NONE, /* metadata only: contents still stored encrypted, open to org */
	MRQ_LABEL_TEMPLATE,     /* a template's rights */
	MRQ_LABEL_USER_DEFINED, /* whoever labels says who may what */
	MRQ_LABEL_REMOVES,      /* takes protection away */
};

struct mrq_template {
	struct mrq_guid id;
	char name[MRQ_NAME_MAX + 1];
	struct mrq_grant *grants;
	size_t n_grants;
	int64_t expires;      /* Unix seconds, MRQ_NEVER */
	int32_t expires_days; /* after publishing; 0: none */
	int32_t offline_days; /* 0: never, MRQ_OFFLINE_ALWAYS */
	bool archived;
};

struct mrq_label {
	struct mrq_guid id;
	char name[MRQ_NAME_MAX + 1]; /* full: "Confidential/All Employees" */
	struct mrq_guid parent;      /* nil: none */
	int32_t order;               /* sensitivity, ascending */
	char colour[8];
	char tooltip[MRQ_TEXT_MAX + 1];
	enum mrq_label_protection protection;
	struct mrq_guid template_id;
	enum mrq_programs_switch programs;
	bool has_children; /* such a label cannot be applied */
	bool enabled;
};

/** Order for comparisons: sublabels of one parent rank alike (feature map L03). */
int mrq_label_rank(const struct mrq_label *labels, size_t n,
		   const struct mrq_label *label);

enum mrq_change {
	MRQ_CHANGE_SAME,
	MRQ_CHANGE_RAISE,
	MRQ_CHANGE_SIDEWAYS, /* within one parent: no justification */
	MRQ_CHANGE_LOWER,    /* needs a justification when the policy says so */
	MRQ_CHANGE_REMOVE,
};
/** from or to may be NULL (no label). */
enum mrq_change mrq_label_change(const struct mrq_label *labels, size_t n,
				 const struct mrq_label *from,
				 const struct mrq_label *to);
const char *mrq_change_name(enum mrq_change change);

/** What becomes of protection when a label is set: feature map L40 to L42. */
enum mrq_effect { MRQ_EFFECT_KEEP, MRQ_EFFECT_REPLACE, MRQ_EFFECT_REMOVE };
enum mrq_protected_by {
	MRQ_BY_USER_DEFINED, /* ad-hoc permissions */
	MRQ_BY_TEMPLATE,     /* a template, no label */
	MRQ_BY_LABEL,        /* a label with admin-defined rights */
};
enum mrq_effect mrq_label_effect(enum mrq_protected_by now,
				 enum mrq_label_protection to);

/** Find by id, or by full name or unique last part (any case); NULL when absent. */
const struct mrq_label *mrq_label_find(const struct mrq_label *labels, size_t n,
				       const struct mrq_guid *id);
const struct mrq_label *mrq_label_find_text(const struct mrq_label *labels, size_t n,
					    const char *text);

void mrq_grants_clear(struct mrq_grant *grants, size_t n); /* frees the array too */
void mrq_template_clear(struct mrq_template *t);

#endif
