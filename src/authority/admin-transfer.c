/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "authority/policy-set.h"
#include "base/clock.h"
#include "base/guid.h"

#include <string.h>

/*
 * The whole state as one JSON document, without private keys, and back.  An import replaces
 * policy, people and revocations; keys stay those of this authority, and super users stay
 * switched off.
 */
#define EXPORT_VERSION 1

/* ---- export ---- */

static enum mrq_status
policy_export(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	json_t *labels = NULL;
	json_t *templates = NULL;
	json_t *policy = NULL;

	MRQ_TRY(mrq_policy_read(call->txn, &box, err));
	MRQ_TRY(mrq_policy_encode(&box->set, &policy, err));
	MRQ_TRY(mrq_member_put(call->answer, "policy", policy, err));
	MRQ_TRY(mrq_templates_list(&box->set, &templates, err));
	MRQ_TRY(mrq_member_put(call->answer, "templates", templates, err));
	MRQ_TRY(mrq_labels_list(&box->set, &labels, err));
	return mrq_member_put(call->answer, "labels", labels, err);
}

static enum mrq_status
people_export(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	json_t *who MRQ_CLEANUP(json_decref) = json_array();
	json_t *users = NULL;
	json_t *groups = NULL;

	if (!who)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_users_list(call->txn, &users, err));
	MRQ_TRY(mrq_member_put(call->answer, "users", users, err));
	MRQ_TRY(mrq_groups_list(call->txn, &groups, err));
	MRQ_TRY(mrq_member_put(call->answer, "groups", groups, err));
	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	for (size_t i = 0; i < super.n; i++) {
		char text[MRQ_PRINCIPAL_MAX + 1];
		mrq_principal_format(&super.who[i], text);
		MRQ_TRY(mrq_array_append(who, json_string(text), err));
	}
	return mrq_member_put(call->answer, "superusers", MRQ_STEAL(who), err);
}

static enum mrq_status
revocations_export(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *contents = NULL;
	json_t *files = NULL;

	MRQ_TRY(mrq_revocations_list(call->txn, MRQ_REVOKE_CONTENT, &contents, err));
	MRQ_TRY(mrq_member_put(call->answer, "revoked_contents", contents, err));
	MRQ_TRY(mrq_revocations_list(call->txn, MRQ_REVOKE_FILE, &files, err));
	return mrq_member_put(call->answer, "revoked_files", files, err);
}

enum mrq_status
mrq_admin_export(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *keys = NULL;

	MRQ_TRY(mrq_member_put(call->answer, "version", json_integer(EXPORT_VERSION),
			       err));
	MRQ_TRY(mrq_member_put(call->answer, "org", json_string(call->a->org), err));
	MRQ_TRY(mrq_member_put_time(call->answer, "exported", call->now, err));
	MRQ_TRY(policy_export(call, err));
	MRQ_TRY(people_export(call, err));
	MRQ_TRY(revocations_export(call, err));
	MRQ_TRY(mrq_keys_list(call->txn, &keys, err));
	return mrq_member_put(call->answer, "keys", keys, err);
}

/* ---- import ---- */

typedef enum mrq_status (*item_import)(struct mrq_state_txn *txn, const json_t *item,
				       struct mrq_error *err);

/* Replace a collection by the items of a member. */
static enum mrq_status
items_import(struct mrq_state_txn *txn, const json_t *document, const char *member,
	     item_import import, struct mrq_error *err)
{
	const json_t *items = json_object_get(document, member);

	if (!json_is_array(items))
		return mrq_member_bad(err, member, "an array");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		if (!json_is_object(item))
			return mrq_member_bad(err, member, "an array of objects");
		enum mrq_status s = import(txn, item, err);
		if (s != MRQ_OK)
			return mrq_while(err, s, "item %zu of '%s'", i + 1, member);
	}
	return MRQ_OK;
}

static enum mrq_status
template_import(struct mrq_state_txn *txn, const json_t *item, struct mrq_error *err)
{
	struct mrq_template t MRQ_CLEANUP(mrq_template_clear) = { 0 };
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_template_decode(item, &t, err));
	MRQ_TRY(mrq_template_encode(&t, &doc, err));
	return mrq_doc_put_guid(txn, MRQ_IN_TEMPLATES, &t.id, doc, err);
}

static enum mrq_status
label_import(struct mrq_state_txn *txn, const json_t *item, struct mrq_error *err)
{
	struct mrq_label label;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_label_decode(item, &label, err));
	MRQ_TRY(mrq_label_encode(&label, &doc, err));
	return mrq_doc_put_guid(txn, MRQ_IN_LABELS, &label.id, doc, err);
}

static enum mrq_status
revoked_import(struct mrq_state_txn *txn, enum mrq_revoke kind, const json_t *item,
	       struct mrq_error *err)
{
	static const char *const members[] = { "id", "by", "when" };
	struct mrq_guid id = { 0 };
	const char *by = NULL;
	int64_t when = 0;

	MRQ_TRY(mrq_member_known(item, members, 3, err));
	MRQ_TRY(mrq_member_guid(item, "id", &id, err));
	if (mrq_guid_is_nil(&id))
		return mrq_member_bad(err, "id", "a GUID that is not all zeros");
	MRQ_TRY(mrq_member_text(item, "by", MRQ_MAIL_MAX, &by, err));
	MRQ_TRY(mrq_member_time(item, "when", 0, &when, err));
	return mrq_revoked_put(txn, kind, &id, by, when, err);
}

static enum mrq_status
revoked_content_import(struct mrq_state_txn *txn, const json_t *item,
		       struct mrq_error *err)
{
	return revoked_import(txn, MRQ_REVOKE_CONTENT, item, err);
}

static enum mrq_status
revoked_file_import(struct mrq_state_txn *txn, const json_t *item,
		    struct mrq_error *err)
{
	return revoked_import(txn, MRQ_REVOKE_FILE, item, err);
}

static enum mrq_status
superusers_import(struct mrq_state_txn *txn, const json_t *document,
		  struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_member_list(document, "superusers", MRQ_SUPERUSERS_MAX, &list,
				err));
	super.who = calloc(json_array_size(list) + 1, sizeof(*super.who));
	if (!super.who)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct mrq_principal *who = &super.who[super.n];
		if (!text || mrq_principal_parse(text, who, NULL) != MRQ_OK ||
		    (who->kind != MRQ_PRINCIPAL_USER &&
		     who->kind != MRQ_PRINCIPAL_GROUP))
			return mrq_member_bad(err, "superusers",
					      "user:MAIL or group:MAIL");
		super.n++;
	}
	return mrq_super_users_save(txn, &super, err);
}

static enum mrq_status
settings_import(struct mrq_state_txn *txn, const json_t *document,
		struct mrq_error *err)
{
	static const char *const members[] = { "default_label", "mandatory",
					       "justify_downgrade", "licence_days",
					       "help_url" };
	const json_t *policy = json_object_get(document, "policy");
	struct mrq_policy_set set = { .licence_days = MRQ_LICENCE_DAYS_DEFAULT };
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	if (!json_is_object(policy))
		return mrq_member_bad(err, "policy", "an object");
	MRQ_TRY(mrq_member_known(policy, members, 5, err));
	MRQ_TRY(mrq_policy_edit(policy, &set, err));
	MRQ_TRY(mrq_member_guid(policy, "default_label", &set.default_label, err));
	MRQ_TRY(mrq_policy_encode(&set, &doc, err));
	return mrq_doc_put(txn, MRQ_IN_META, "policy", doc, err);
}

static enum mrq_status
document_check(const struct mrq_admin_call *call, const json_t *document,
	       struct mrq_error *err)
{
	static const char *const members[] = {
		"version",          "org",           "exported", "policy", "labels",
		"templates",        "users",         "groups",   "keys",   "superusers",
		"revoked_contents", "revoked_files",
	};
	int64_t version = 0;
	const char *org = NULL;

	if (!json_is_object(document))
		return mrq_member_bad(err, "document", "an exported authority");
	MRQ_TRY(mrq_member_known(document, members,
				 sizeof(members) / sizeof(members[0]), err));
	MRQ_TRY(mrq_member_int(document, "version", 0, INT32_MAX, &version, err));
	if (version != EXPORT_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"'version' %lld of the document is not %d, which this "
				"build knows",
				(long long)version, EXPORT_VERSION);
	MRQ_TRY(mrq_member_text(document, "org", MRQ_MAIL_MAX, &org, err));
	if (!org || !mrq_mail_equal(org, call->a->org))
		return mrq_fail(err, MRQ_E_INVAL,
				"'org' of the document must be '%s', whose authority "
				"this is",
				call->a->org);
	return MRQ_OK;
}

static enum mrq_status
state_clear(struct mrq_state_txn *txn, struct mrq_error *err)
{
	static const char *const collections[] = {
		MRQ_IN_USERS,     MRQ_IN_ALIASES, MRQ_IN_GROUPS,      MRQ_IN_MEMBERS,
		MRQ_IN_TEMPLATES, MRQ_IN_LABELS,  MRQ_IN_REV_CONTENT, MRQ_IN_REV_FILE,
	};

	for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]); i++)
		MRQ_TRY(mrq_doc_clear(txn, collections[i], err));
	return MRQ_OK;
}

/* After all, the same rules as if each had been made by its command. */
static enum mrq_status
result_check(struct mrq_state_txn *txn, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;

	MRQ_TRY(mrq_policy_read(txn, &box, err));
	if (box->set.n_labels > MRQ_LABELS_MAX ||
	    box->set.n_templates > MRQ_TEMPLATES_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %d labels or %d templates",
				MRQ_LABELS_MAX, MRQ_TEMPLATES_MAX);
	return mrq_policy_check(&box->set, err);
}

enum mrq_status
mrq_admin_import(struct mrq_admin_call *call, struct mrq_error *err)
{
	const json_t *document = json_object_get(call->args, "document");
	struct mrq_state_txn *txn = call->txn;

	MRQ_TRY(document_check(call, document, err));
	MRQ_TRY(state_clear(txn, err));
	MRQ_TRY(settings_import(txn, document, err));
	MRQ_TRY(items_import(txn, document, "templates", template_import, err));
	MRQ_TRY(items_import(txn, document, "labels", label_import, err));
	MRQ_TRY(items_import(txn, document, "users", mrq_user_write, err));
	MRQ_TRY(items_import(txn, document, "groups", mrq_group_write, err));
	MRQ_TRY(items_import(txn, document, "revoked_contents", revoked_content_import,
			     err));
	MRQ_TRY(items_import(txn, document, "revoked_files", revoked_file_import, err));
	MRQ_TRY(superusers_import(txn, document, err));
	return result_check(txn, err);
}
