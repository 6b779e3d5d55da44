/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "authority/policy-set.h"
#include "base/guid.h"
#include "policy/text.h"

#include <string.h>

/*
 * Labels: the full name is the parent's, '/', and the label's own part.  Two levels; a parent
 * cannot be applied, so it is never the default.
 */

static const struct mrq_label *
find_full(const struct mrq_policy_set *set, const char *name, size_t len)
{
	for (size_t i = 0; i < set->n_labels; i++) {
		if (mrq_text_equal_n(name, len, set->labels[i].name))
			return &set->labels[i];
	}
	return NULL;
}

static enum mrq_status
label_get(struct mrq_admin_call *call, const char *member,
	  const struct mrq_policy_set *set, const struct mrq_label **ret,
	  struct mrq_error *err)
{
	const char *text = NULL;

	MRQ_TRY(mrq_member_text(call->args, member, MRQ_NAME_MAX, &text, err));
	if (!text)
		return mrq_member_bad(err, member, "the name or id of a label");
	*ret = mrq_label_find_text(set->labels, set->n_labels, text);
	if (!*ret)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s': there is no label '%s'",
				member, text);
	return MRQ_OK;
}

/* ---- rules that hold for a whole policy ---- */

static enum mrq_status
family_check(const struct mrq_policy_set *set, const struct mrq_label *label,
	     struct mrq_error *err)
{
	const char *slash = strchr(label->name, '/');

	if (mrq_guid_is_nil(&label->parent)) {
		if (slash)
			return mrq_fail(err, MRQ_E_INVAL,
					"'parent' of label '%s' is missing",
					label->name);
		return MRQ_OK;
	}
	const struct mrq_label *parent =
		mrq_label_find(set->labels, set->n_labels, &label->parent);
	if (!parent || !mrq_guid_is_nil(&parent->parent) || parent == label)
		return mrq_fail(
			err, MRQ_E_INVAL,
			"'parent' of label '%s' must be a label without a parent",
			label->name);
	if (!slash ||
	    !mrq_text_equal_n(label->name, (size_t)(slash - label->name), parent->name))
		return mrq_fail(err, MRQ_E_INVAL,
				"'name' of label '%s' must begin with '%s/'",
				label->name, parent->name);
	return MRQ_OK;
}

static enum mrq_status
label_check(const struct mrq_policy_set *set, const struct mrq_label *label,
	    struct mrq_error *err)
{
	struct mrq_guid id;

	if (mrq_guid_parse(label->name, &id))
		return mrq_member_bad(err, "name",
				      "no GUID, since it would pass for an id");
	for (size_t i = 0; i < set->n_labels; i++) {
		if (&set->labels[i] != label &&
		    mrq_text_equal(set->labels[i].name, label->name))
			return mrq_fail(err, MRQ_E_EXISTS,
					"'name': there is another label '%s'",
					label->name);
	}
	if (label->protection == MRQ_LABEL_TEMPLATE &&
	    !mrq_template_find(set, &label->template_id))
		return mrq_fail(err, MRQ_E_INVAL,
				"'template' of label '%s' does not exist", label->name);
	return family_check(set, label, err);
}

static enum mrq_status
default_check(const struct mrq_policy_set *set, struct mrq_error *err)
{
	if (mrq_guid_is_nil(&set->default_label))
		return MRQ_OK;
	const struct mrq_label *label =
		mrq_label_find(set->labels, set->n_labels, &set->default_label);
	if (!label)
		return mrq_member_bad(err, "default_label", "the id of a label");
	for (size_t i = 0; i < set->n_labels; i++) {
		if (mrq_guid_equal(&set->labels[i].parent, &label->id))
			return mrq_fail(err, MRQ_E_INVAL,
					"'default_label' '%s' has sublabels and cannot "
					"be applied",
					label->name);
	}
	if (!label->enabled)
		return mrq_fail(err, MRQ_E_INVAL, "'default_label' '%s' is not enabled",
				label->name);
	return MRQ_OK;
}

enum mrq_status
mrq_policy_check(const struct mrq_policy_set *set, struct mrq_error *err)
{
	for (size_t i = 0; i < set->n_labels; i++)
		MRQ_TRY(label_check(set, &set->labels[i], err));
	return default_check(set, err);
}

/* ---- set ---- */

/* Room for one more label at the end, so that rules can be checked over the result. */
static enum mrq_status
label_slot(struct mrq_policy_set *set, const struct mrq_label *old,
	   struct mrq_label **ret, struct mrq_error *err)
{
	size_t at = old ? (size_t)(old - set->labels) : set->n_labels;
	struct mrq_label *labels =
		reallocarray(set->labels, set->n_labels + 1, sizeof(*labels));

	if (!labels)
		return mrq_json_no_memory(err);
	set->labels = labels;
	if (!old && set->n_labels >= MRQ_LABELS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "there are %d labels already",
				MRQ_LABELS_MAX);
	if (!old) {
		mrq_label_init(&labels[at]);
		mrq_id_make(&labels[at].id);
		set->n_labels++;
	}
	*ret = &labels[at];
	return MRQ_OK;
}

static enum mrq_status
label_start(struct mrq_admin_call *call, struct mrq_policy_set *set,
	    struct mrq_label **ret, struct mrq_error *err)
{
	const struct mrq_label *old = NULL;
	const char *name = NULL;

	MRQ_TRY(mrq_member_text(call->args, "name", MRQ_NAME_MAX, &name, err));
	if (mrq_member_has(call->args, "label"))
		MRQ_TRY(label_get(call, "label", set, &old, err));
	else if (name)
		old = find_full(set, name, strlen(name));
	else
		return mrq_fail(err, MRQ_E_INVAL,
				"'label set' needs 'label' or 'name'");
	return label_slot(set, old, ret, err);
}

/* By "parent", else by the part before the slash of a new name, else as it was. */
static enum mrq_status
parent_edit(struct mrq_admin_call *call, const struct mrq_policy_set *set,
	    struct mrq_label *label, struct mrq_error *err)
{
	const json_t *given = json_object_get(call->args, "parent");
	const char *name = json_string_value(json_object_get(call->args, "name"));
	const char *slash = name ? strchr(name, '/') : NULL;
	const struct mrq_label *parent = NULL;

	if (given && !json_is_null(given)) {
		MRQ_TRY(label_get(call, "parent", set, &parent, err));
	} else if (!given && slash) {
		parent = find_full(set, name, (size_t)(slash - name));
		if (!parent)
			return mrq_fail(err, MRQ_E_NOT_FOUND,
					"'parent': there is no label '%.*s'",
					(int)(slash - name), name);
	} else if (!given) {
		return MRQ_OK;
	}
	label->parent = parent ? parent->id : (struct mrq_guid){ 0 };
	return MRQ_OK;
}

/* Full name from the parent's and the label's own part. */
static enum mrq_status
name_compose(const struct mrq_policy_set *set, struct mrq_label *label,
	     struct mrq_error *err)
{
	const struct mrq_label *parent = NULL;
	const char *slash = strrchr(label->name, '/');
	char part[MRQ_NAME_MAX + 1];

	memcpy(part, label->name, sizeof(part));
	if (slash)
		memmove(part, part + (slash - label->name) + 1, strlen(slash + 1) + 1);
	if (!mrq_guid_is_nil(&label->parent))
		parent = mrq_label_find(set->labels, set->n_labels, &label->parent);
	if (!parent || parent == label) {
		memcpy(label->name, part, sizeof(part));
		return MRQ_OK;
	}
	size_t front = strlen(parent->name);
	if (front + 1 + strlen(part) > MRQ_NAME_MAX)
		return mrq_fail(err, MRQ_E_INVAL,
				"'name' with the parent's is longer than %d bytes",
				MRQ_NAME_MAX);
	memcpy(label->name, parent->name, front);
	label->name[front] = '/';
	memcpy(label->name + front + 1, part, strlen(part) + 1);
	return MRQ_OK;
}

static enum mrq_status
protection_edit(struct mrq_admin_call *call, const struct mrq_policy_set *set,
		struct mrq_label *label, struct mrq_error *err)
{
	const char *text = NULL;

	if (!json_is_null(json_object_get(call->args, "template")))
		MRQ_TRY(mrq_member_text(call->args, "template", MRQ_NAME_MAX, &text,
					err));
	if (text) {
		const struct mrq_template *t = mrq_template_find_text(set, text);
		if (!t)
			return mrq_fail(err, MRQ_E_NOT_FOUND,
					"'template': there is no template '%s'", text);
		label->template_id = t->id;
		if (!mrq_member_has(call->args, "protection"))
			label->protection = MRQ_LABEL_TEMPLATE;
		else if (label->protection != MRQ_LABEL_TEMPLATE)
			return mrq_member_bad(err, "protection",
					      "template when there is one");
	}
	if (label->protection != MRQ_LABEL_TEMPLATE)
		label->template_id = (struct mrq_guid){ 0 };
	else if (mrq_guid_is_nil(&label->template_id))
		return mrq_member_bad(err, "template",
				      "there when 'protection' is template");
	return MRQ_OK;
}

static enum mrq_status
label_put(struct mrq_state_txn *txn, const struct mrq_label *label, json_t **ret,
	  struct mrq_error *err)
{
	MRQ_TRY(mrq_label_encode(label, ret, err));
	return mrq_doc_put_guid(txn, MRQ_IN_LABELS, &label->id, *ret, err);
}

/* A parent's new name is its children's as well. */
static enum mrq_status
children_put(struct mrq_state_txn *txn, struct mrq_policy_set *set,
	     const struct mrq_label *parent, struct mrq_error *err)
{
	for (size_t i = 0; i < set->n_labels; i++) {
		struct mrq_label *child = &set->labels[i];
		json_t *doc MRQ_CLEANUP(json_decref) = NULL;
		if (!mrq_guid_equal(&child->parent, &parent->id))
			continue;
		MRQ_TRY(name_compose(set, child, err));
		MRQ_TRY(label_put(txn, child, &doc, err));
	}
	return MRQ_OK;
}

static bool
ambiguous(const struct mrq_policy_set *set, const char *text)
{
	for (size_t i = 0; i < set->n_labels; i++) {
		const char *slash = strrchr(set->labels[i].name, '/');
		if (slash && mrq_text_equal(slash + 1, text))
			return true;
	}
	return false;
}

/* "label" that names none yet, without a "name" beside it, is the name of a new one. */
static enum mrq_status
label_is_name(const json_t *args, const struct mrq_policy_set *set, json_t **ret,
	      struct mrq_error *err)
{
	const char *text = json_string_value(json_object_get(args, "label"));
	struct mrq_guid id;

	if (!text || mrq_member_has(args, "name") || mrq_guid_parse(text, &id) ||
	    mrq_label_find_text(set->labels, set->n_labels, text))
		return MRQ_OK;
	if (ambiguous(set, text))
		return mrq_fail(err, MRQ_E_INVAL,
				"'label': there are several labels '%.100s'; say "
				"PARENT/NAME",
				text);
	*ret = json_deep_copy(args);
	if (!*ret)
		return mrq_json_no_memory(err);
	(void)json_object_del(*ret, "label");
	return mrq_member_put(*ret, "name", json_string(text), err);
}

enum mrq_status
mrq_admin_label_set(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	struct mrq_label *label = NULL;
	json_t *args MRQ_CLEANUP(json_decref) = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_policy_read(call->txn, &box, err));
	MRQ_TRY(label_is_name(call->args, &box->set, &args, err));
	if (args)
		call->args = args;
	MRQ_TRY(label_start(call, &box->set, &label, err));
	MRQ_TRY(mrq_label_edit(call->args, label, err));
	MRQ_TRY(parent_edit(call, &box->set, label, err));
	MRQ_TRY(name_compose(&box->set, label, err));
	MRQ_TRY(protection_edit(call, &box->set, label, err));
	MRQ_TRY(children_put(call->txn, &box->set, label, err));
	MRQ_TRY(mrq_policy_check(&box->set, err));
	MRQ_TRY(label_put(call->txn, label, &doc, err));
	return mrq_admin_answer(call, MRQ_STEAL(doc), err);
}

/* ---- the others ---- */

enum mrq_status
mrq_admin_label_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	const struct mrq_label *label;
	char key[MRQ_GUID_TEXT];

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(label_get(call, "label", &box->set, &label, err));
	if (label->has_children)
		return mrq_fail(err, MRQ_E_BUSY,
				"label '%s' has sublabels; remove them first",
				label->name);
	if (mrq_guid_equal(&label->id, &box->set.default_label))
		return mrq_fail(err, MRQ_E_BUSY,
				"label '%s' is the default; choose another first",
				label->name);
	mrq_guid_format(&label->id, key);
	return mrq_state_delete(call->txn, MRQ_IN_LABELS, key, err);
}

enum mrq_status
mrq_labels_list(const struct mrq_policy_set *set, json_t **ret, struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < set->n_labels; i++) {
		json_t *doc = NULL;
		MRQ_TRY(mrq_label_encode(&set->labels[i], &doc, err));
		MRQ_TRY(mrq_array_append(array, doc, err));
	}
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_label_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	json_t *array = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(mrq_labels_list(&box->set, &array, err));
	return mrq_admin_answer(call, array, err);
}

enum mrq_status
mrq_admin_label_show(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	const struct mrq_label *label;
	json_t *doc = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(label_get(call, "label", &box->set, &label, err));
	MRQ_TRY(mrq_label_encode(label, &doc, err));
	return mrq_admin_answer(call, doc, err);
}
