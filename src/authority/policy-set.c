/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/policy-set.h"
#include "authority/documents.h"
#include "base/guid.h"
#include "policy/text.h"

#include <string.h>

static struct mrq_policy_box *
box_of(struct mrq_policy_set *set)
{
	return (struct mrq_policy_box *)(void *)((char *)set -
						 offsetof(struct mrq_policy_box, set));
}

void
mrq_policy_set_free(struct mrq_policy_set *set)
{
	if (!set || __atomic_sub_fetch(&box_of(set)->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < set->n_templates; i++)
		mrq_template_clear(&set->templates[i]);
	free(set->templates);
	free(set->labels);
	free(box_of(set));
}

void
mrq_policy_box_free(struct mrq_policy_box *box)
{
	if (box)
		mrq_policy_set_free(&box->set);
}

struct mrq_policy_set *
mrq_policy_box_share(struct mrq_policy_box *box)
{
	(void)__atomic_add_fetch(&box->refs, 1, __ATOMIC_RELAXED);
	return &box->set;
}

enum mrq_status
mrq_authority_policy(struct mrq_authority *a, struct mrq_policy_set **ret,
		     struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;

	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	*ret = mrq_policy_box_share(snap->policy);
	return MRQ_OK;
}

/* ---- loading ---- */

/* Room for one more of n items; doubles. */
static enum mrq_status
grow(void **items, size_t n, size_t item, struct mrq_error *err)
{
	if ((n & (n - 1)) != 0)
		return MRQ_OK;
	void *more = reallocarray(*items, n ? 2 * n : 1, item);
	if (!more)
		return mrq_json_no_memory(err);
	*items = more;
	return MRQ_OK;
}

static enum mrq_status
label_load(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	struct mrq_policy_set *set = arg;
	struct mrq_error why = { 0 };
	struct mrq_label label;
	enum mrq_status s = mrq_label_decode(doc, &label, &why);

	if (s != MRQ_OK)
		return mrq_doc_damaged(err, s, MRQ_IN_LABELS, key, &why);
	void *labels = set->labels;
	MRQ_TRY(grow(&labels, set->n_labels, sizeof(label), err));
	set->labels = labels;
	set->labels[set->n_labels++] = label;
	return MRQ_OK;
}

static enum mrq_status
template_load(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	struct mrq_policy_set *set = arg;
	struct mrq_error why = { 0 };
	struct mrq_template t MRQ_CLEANUP(mrq_template_clear) = { 0 };
	enum mrq_status s = mrq_template_decode(doc, &t, &why);

	if (s != MRQ_OK)
		return mrq_doc_damaged(err, s, MRQ_IN_TEMPLATES, key, &why);
	void *templates = set->templates;
	MRQ_TRY(grow(&templates, set->n_templates, sizeof(t), err));
	set->templates = templates;
	set->templates[set->n_templates++] = t;
	t.grants = NULL;
	return MRQ_OK;
}

static int
label_order(const void *a, const void *b)
{
	const struct mrq_label *x = a;
	const struct mrq_label *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Sublabels take the colour of their parent, and nothing else (feature map L04). */
static void
family(struct mrq_policy_set *set)
{
	for (size_t i = 0; i < set->n_labels; i++) {
		struct mrq_label *child = &set->labels[i];
		for (size_t k = 0; k < set->n_labels; k++) {
			struct mrq_label *parent = &set->labels[k];
			if (!mrq_guid_equal(&parent->id, &child->parent))
				continue;
			parent->has_children = true;
			if (!child->colour[0])
				memcpy(child->colour, parent->colour,
				       sizeof(child->colour));
		}
	}
}

enum mrq_status
mrq_policy_edit(const json_t *o, struct mrq_policy_set *set, struct mrq_error *err)
{
	int64_t days = set->licence_days;

	MRQ_TRY(mrq_member_bool(o, "mandatory", &set->mandatory, err));
	MRQ_TRY(mrq_member_bool(o, "justify_downgrade", &set->justify_downgrade, err));
	MRQ_TRY(mrq_member_int(o, "licence_days", 0, MRQ_DAYS_MAX, &days, err));
	set->licence_days = (int32_t)days;
	return mrq_member_text_copy(o, "help_url", sizeof(set->help_url) - 1,
				    set->help_url, err);
}

enum mrq_status
mrq_policy_encode(const struct mrq_policy_set *set, json_t **ret, struct mrq_error *err)
{
	json_t *o MRQ_CLEANUP(json_decref) = json_object();

	if (!o)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_put_guid(o, "default_label", &set->default_label, err));
	MRQ_TRY(mrq_member_put(o, "mandatory", json_boolean(set->mandatory), err));
	MRQ_TRY(mrq_member_put(o, "justify_downgrade",
			       json_boolean(set->justify_downgrade), err));
	MRQ_TRY(mrq_member_put(o, "licence_days", json_integer(set->licence_days),
			       err));
	MRQ_TRY(mrq_member_put(o, "help_url", json_string(set->help_url), err));
	*ret = MRQ_STEAL(o);
	return MRQ_OK;
}

static enum mrq_status
settings_load(struct mrq_state_txn *txn, struct mrq_policy_set *set,
	      struct mrq_error *err)
{
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	json_t *meta MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_error why = { 0 };

	MRQ_TRY(mrq_doc_get(txn, MRQ_IN_META, "policy", &doc, err));
	enum mrq_status s = mrq_policy_edit(doc, set, &why);
	if (s == MRQ_OK)
		s = mrq_member_guid(doc, "default_label", &set->default_label, &why);
	if (s != MRQ_OK)
		return mrq_doc_damaged(err, s, MRQ_IN_META, "policy", &why);
	MRQ_TRY(mrq_doc_get(txn, MRQ_IN_META, "authority", &meta, err));
	return mrq_member_text_copy(meta, "org", MRQ_MAIL_MAX, set->org, err);
}

enum mrq_status
mrq_policy_read(struct mrq_state_txn *txn, struct mrq_policy_box **ret,
		struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) =
		calloc(1, sizeof(*box));

	if (!box)
		return mrq_json_no_memory(err);
	box->refs = 1;
	box->set.licence_days = MRQ_LICENCE_DAYS_DEFAULT;
	MRQ_TRY(settings_load(txn, &box->set, err));
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_LABELS, label_load, &box->set, err));
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_TEMPLATES, template_load, &box->set, err));
	if (box->set.n_labels > 0)
		qsort(box->set.labels, box->set.n_labels, sizeof(struct mrq_label),
		      label_order);
	*ret = MRQ_STEAL(box);
	return MRQ_OK;
}

enum mrq_status
mrq_policy_load(struct mrq_state_txn *txn, struct mrq_policy_box **ret,
		struct mrq_error *err)
{
	MRQ_TRY(mrq_policy_read(txn, ret, err));
	family(&(*ret)->set);
	return MRQ_OK;
}

const struct mrq_template *
mrq_template_find(const struct mrq_policy_set *set, const struct mrq_guid *id)
{
	for (size_t i = 0; i < set->n_templates; i++) {
		if (mrq_guid_equal(&set->templates[i].id, id))
			return &set->templates[i];
	}
	return NULL;
}

const struct mrq_template *
mrq_template_find_text(const struct mrq_policy_set *set, const char *text)
{
	struct mrq_guid id;

	if (mrq_guid_parse(text, &id))
		return mrq_template_find(set, &id);
	for (size_t i = 0; i < set->n_templates; i++) {
		if (mrq_text_equal(set->templates[i].name, text))
			return &set->templates[i];
	}
	return NULL;
}
