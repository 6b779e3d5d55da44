/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"
#include "authority/policy-set.h"

#include <string.h>

/*
 * The starter set: marque-authority(5), "STARTER SET".  Ids are random, so that the labels of two
 * organisations never coincide.
 */
struct starter_template {
	const char *name;
	mrq_rights rights; /* of org */
	int32_t offline_days;
};

static const struct starter_template starter_templates[] = {
	{ "General", MRQ_LEVEL_COAUTHOR, MRQ_OFFLINE_ALWAYS },
	{ "Confidential All Employees", MRQ_LEVEL_COAUTHOR, 7 },
	{ "Highly Confidential All Employees",
	  MRQ_LEVEL_REVIEWER | MRQ_RIGHT_AUDITEDEXTRACT, 0 },
};
#define STARTER_TEMPLATES (sizeof(starter_templates) / sizeof(starter_templates[0]))

struct starter_label {
	const char *name;
	int parent; /* index here; -1: none */
	int32_t order;
	const char *colour, *tooltip;
	enum mrq_label_protection protection;
	int template; /* index above; -1: none */
};

static const struct starter_label starter_labels[] = {
	{ "Public", -1, 0, "#317100", "For anybody; not protected.", MRQ_LABEL_NONE,
	  -1 },
	{ "General", -1, 10, "#0078d7",
	  "Everyday business; open to the whole organisation.", MRQ_LABEL_TEMPLATE, 0 },
	{ "Confidential", -1, 20, "#ff8c00", "Would do harm in the wrong hands.",
	  MRQ_LABEL_NONE, -1 },
	{ "Confidential/All Employees", 2, 21, "",
	  "The whole organisation may read and edit.", MRQ_LABEL_TEMPLATE, 1 },
	{ "Confidential/Recipients Only", 2, 22, "", "You say who may do what.",
	  MRQ_LABEL_USER_DEFINED, -1 },
	{ "Highly Confidential", -1, 30, "#e81123",
	  "Would do great harm in the wrong hands.", MRQ_LABEL_NONE, -1 },
	{ "Highly Confidential/All Employees", 5, 31, "",
	  "The whole organisation may read and edit, online only; copies are recorded.",
	  MRQ_LABEL_TEMPLATE, 2 },
	{ "Highly Confidential/Specific People", 5, 32, "", "You say who may do what.",
	  MRQ_LABEL_USER_DEFINED, -1 },
};
#define STARTER_LABELS  (sizeof(starter_labels) / sizeof(starter_labels[0]))
#define STARTER_DEFAULT 1

static enum mrq_status
template_write(struct mrq_state_txn *txn, const struct starter_template *from,
	       struct mrq_guid *ret_id, struct mrq_error *err)
{
	struct mrq_grant org = { .who.kind = MRQ_PRINCIPAL_ORG,
				 .rights = from->rights };
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_template t;

	mrq_template_init(&t);
	mrq_id_make(&t.id);
	memcpy(t.name, from->name, strlen(from->name) + 1);
	t.grants = &org;
	t.n_grants = 1;
	t.offline_days = from->offline_days;
	MRQ_TRY(mrq_template_encode(&t, &doc, err));
	*ret_id = t.id;
	return mrq_doc_put_guid(txn, MRQ_IN_TEMPLATES, &t.id, doc, err);
}

static enum mrq_status
label_write(struct mrq_state_txn *txn, const struct starter_label *from,
	    const struct mrq_guid *ids, const struct mrq_guid *templates,
	    struct mrq_guid *ret_id, struct mrq_error *err)
{
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_label label;

	mrq_label_init(&label);
	mrq_id_make(&label.id);
	memcpy(label.name, from->name, strlen(from->name) + 1);
	memcpy(label.colour, from->colour, strlen(from->colour) + 1);
	memcpy(label.tooltip, from->tooltip, strlen(from->tooltip) + 1);
	label.order = from->order;
	label.protection = from->protection;
	if (from->parent >= 0)
		label.parent = ids[from->parent];
	if (from->template >= 0)
		label.template_id = templates[from->template];
	MRQ_TRY(mrq_label_encode(&label, &doc, err));
	*ret_id = label.id;
	return mrq_doc_put_guid(txn, MRQ_IN_LABELS, &label.id, doc, err);
}

enum mrq_status
mrq_starter_write(struct mrq_state_txn *txn, struct mrq_error *err)
{
	struct mrq_guid templates[STARTER_TEMPLATES];
	struct mrq_guid labels[STARTER_LABELS];
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_policy_set policy = {
		.justify_downgrade = true,
		.licence_days = MRQ_LICENCE_DAYS_DEFAULT,
	};

	for (size_t i = 0; i < STARTER_TEMPLATES; i++)
		MRQ_TRY(template_write(txn, &starter_templates[i], &templates[i], err));
	for (size_t i = 0; i < STARTER_LABELS; i++)
		MRQ_TRY(label_write(txn, &starter_labels[i], labels, templates,
				    &labels[i], err));
	policy.default_label = labels[STARTER_DEFAULT];
	MRQ_TRY(mrq_policy_encode(&policy, &doc, err));
	return mrq_doc_put(txn, MRQ_IN_META, "policy", doc, err);
}
