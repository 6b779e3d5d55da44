/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "authority/policy-set.h"
#include "base/guid.h"
#include "policy/text.h"

#include <string.h>

static enum mrq_status
template_get(struct mrq_admin_call *call, const struct mrq_policy_set *set,
	     const struct mrq_template **ret, struct mrq_error *err)
{
	const char *text = NULL;

	MRQ_TRY(mrq_member_text(call->args, "template", MRQ_NAME_MAX, &text, err));
	if (!text)
		return mrq_member_bad(err, "template", "the name or id of a template");
	*ret = mrq_template_find_text(set, text);
	if (!*ret)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no template '%s'",
				text);
	return MRQ_OK;
}

static enum mrq_status
name_free(const struct mrq_policy_set *set, const struct mrq_template *t,
	  struct mrq_error *err)
{
	struct mrq_guid id;

	if (mrq_guid_parse(t->name, &id))
		return mrq_member_bad(err, "name",
				      "no GUID, since it would pass for an id");
	for (size_t i = 0; i < set->n_templates; i++) {
		if (mrq_text_equal(set->templates[i].name, t->name) &&
		    !mrq_guid_equal(&set->templates[i].id, &t->id))
			return mrq_fail(err, MRQ_E_EXISTS,
					"'name': there is another template '%s'",
					t->name);
	}
	return MRQ_OK;
}

static enum mrq_status
template_put(struct mrq_state_txn *txn, const struct mrq_template *t, json_t **ret,
	     struct mrq_error *err)
{
	MRQ_TRY(mrq_template_encode(t, ret, err));
	return mrq_doc_put_guid(txn, MRQ_IN_TEMPLATES, &t->id, *ret, err);
}

/* Into t: the one to be edited, with its grants, or a new one. */
static enum mrq_status
template_start(struct mrq_admin_call *call, const struct mrq_policy_set *set,
	       struct mrq_template *t, struct mrq_error *err)
{
	const struct mrq_template *old = NULL;
	const char *name = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_member_text(call->args, "name", MRQ_NAME_MAX, &name, err));
	if (mrq_member_has(call->args, "template"))
		MRQ_TRY(template_get(call, set, &old, err));
	else if (name)
		old = mrq_template_find_text(set, name);
	else
		return mrq_fail(err, MRQ_E_INVAL,
				"'template set' needs 'template' or 'name'");
	if (!old) {
		mrq_template_init(t);
		mrq_id_make(&t->id);
		return MRQ_OK;
	}
	MRQ_TRY(mrq_template_encode(old, &doc, err));
	return mrq_template_decode(doc, t, err);
}

/* "template" that names none yet, without a "name" beside it, is the name of a new one. */
static enum mrq_status
template_is_name(const json_t *args, const struct mrq_policy_set *set, json_t **ret,
		 struct mrq_error *err)
{
	const char *text = json_string_value(json_object_get(args, "template"));
	struct mrq_guid id;

	if (!text || mrq_member_has(args, "name") || mrq_guid_parse(text, &id) ||
	    mrq_template_find_text(set, text))
		return MRQ_OK;
	*ret = json_deep_copy(args);
	if (!*ret)
		return mrq_json_no_memory(err);
	(void)json_object_del(*ret, "template");
	return mrq_member_put(*ret, "name", json_string(text), err);
}

enum mrq_status
mrq_admin_template_set(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	json_t *args MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_template t MRQ_CLEANUP(mrq_template_clear) = { 0 };
	json_t *doc = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(template_is_name(call->args, &box->set, &args, err));
	if (args)
		call->args = args;
	MRQ_TRY(template_start(call, &box->set, &t, err));
	MRQ_TRY(mrq_template_edit(call->args, call->now, MRQ_UNKNOWN_REFUSE, &t, err));
	MRQ_TRY(name_free(&box->set, &t, err));
	if (!mrq_template_find(&box->set, &t.id) &&
	    box->set.n_templates >= MRQ_TEMPLATES_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "there are %d templates already",
				MRQ_TEMPLATES_MAX);
	enum mrq_status s = template_put(call->txn, &t, &doc, err);
	if (s != MRQ_OK) {
		json_decref(doc);
		return s;
	}
	return mrq_admin_answer(call, doc, err);
}

enum mrq_status
mrq_admin_template_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	const struct mrq_template *t;
	char key[MRQ_GUID_TEXT];

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(template_get(call, &box->set, &t, err));
	for (size_t i = 0; i < box->set.n_labels; i++) {
		if (mrq_guid_equal(&box->set.labels[i].template_id, &t->id))
			return mrq_fail(
				err, MRQ_E_BUSY,
				"label '%s' protects with template '%s'; give it "
				"another first",
				box->set.labels[i].name, t->name);
	}
	mrq_guid_format(&t->id, key);
	return mrq_state_delete(call->txn, MRQ_IN_TEMPLATES, key, err);
}

enum mrq_status
mrq_admin_template_archive(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	const struct mrq_template *old;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	bool archived = true;

	MRQ_TRY(mrq_member_bool(call->args, "archived", &archived, err));
	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(template_get(call, &box->set, &old, err));
	struct mrq_template view = *old;
	view.archived = archived;
	return template_put(call->txn, &view, &doc, err);
}

enum mrq_status
mrq_templates_list(const struct mrq_policy_set *set, json_t **ret,
		   struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < set->n_templates; i++) {
		json_t *doc = NULL;
		MRQ_TRY(mrq_template_encode(&set->templates[i], &doc, err));
		MRQ_TRY(mrq_array_append(array, doc, err));
	}
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_template_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	json_t *array = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(mrq_templates_list(&box->set, &array, err));
	return mrq_admin_answer(call, array, err);
}

enum mrq_status
mrq_admin_template_show(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	const struct mrq_template *t;
	json_t *doc = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(template_get(call, &box->set, &t, err));
	MRQ_TRY(mrq_template_encode(t, &doc, err));
	return mrq_admin_answer(call, doc, err);
}

enum mrq_status
mrq_admin_template_import(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	struct mrq_template t MRQ_CLEANUP(mrq_template_clear) = { 0 };
	const json_t *document = json_object_get(call->args, "document");
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	bool replace = false;

	if (!json_is_object(document))
		return mrq_member_bad(err, "document", "an exported template");
	MRQ_TRY(mrq_member_bool(call->args, "replace", &replace, err));
	MRQ_TRY(mrq_template_decode(document, &t, err));
	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	if (!replace && mrq_template_find(&box->set, &t.id))
		return mrq_fail(err, MRQ_E_EXISTS,
				"'document': template '%s' is there already; say "
				"'replace'",
				t.name);
	MRQ_TRY(name_free(&box->set, &t, err));
	return template_put(call->txn, &t, &doc, err);
}
