/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "authority/policy-set.h"
#include "base/guid.h"

#include <string.h>

/* Settings, keys and revocations. */

/* ---- policy ---- */

static enum mrq_status
default_label_edit(const json_t *args, struct mrq_policy_set *set,
		   struct mrq_error *err)
{
	const json_t *given = json_object_get(args, "default_label");
	const char *text = NULL;

	if (!given)
		return MRQ_OK;
	if (!json_is_null(given))
		MRQ_TRY(mrq_member_text(args, "default_label", MRQ_NAME_MAX, &text,
					err));
	if (!text || !*text || strcmp(text, "none") == 0) {
		set->default_label = (struct mrq_guid){ 0 };
		return MRQ_OK;
	}
	const struct mrq_label *label =
		mrq_label_find_text(set->labels, set->n_labels, text);
	if (!label)
		return mrq_fail(err, MRQ_E_NOT_FOUND,
				"'default_label': there is no label '%s'", text);
	set->default_label = label->id;
	return MRQ_OK;
}

enum mrq_status
mrq_admin_policy_set(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_policy_box *box MRQ_CLEANUP(mrq_policy_box_free) = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_policy_load(call->txn, &box, err));
	MRQ_TRY(mrq_policy_edit(call->args, &box->set, err));
	MRQ_TRY(default_label_edit(call->args, &box->set, err));
	MRQ_TRY(mrq_policy_check(&box->set, err));
	MRQ_TRY(mrq_policy_encode(&box->set, &doc, err));
	MRQ_TRY(mrq_doc_put(call->txn, MRQ_IN_META, "policy", doc, err));
	return mrq_admin_answer(call, MRQ_STEAL(doc), err);
}

enum mrq_status
mrq_admin_policy_show(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *doc = NULL;

	MRQ_TRY(mrq_doc_get(call->txn, MRQ_IN_META, "policy", &doc, err));
	return mrq_admin_answer(call, doc, err);
}

/* ---- keys ---- */

static enum mrq_status
key_append(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	(void)key;
	return mrq_array_append(arg, json_deep_copy(doc), err);
}

enum mrq_status
mrq_keys_list(struct mrq_state_txn *txn, json_t **ret, struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_KEYS, key_append, array, err));
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_key_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *keys = NULL;

	MRQ_TRY(mrq_keys_list(call->txn, &keys, err));
	return mrq_admin_answer(call, keys, err);
}

enum mrq_status
mrq_admin_key_rotate(struct mrq_admin_call *call, struct mrq_error *err)
{
	char kid[MRQ_KID_TEXT];

	if (!call->a->master)
		return mrq_fail(err, MRQ_E_NO_KEY,
				"the authority was opened without its keys; that needs "
				"root or the passphrase");
	MRQ_TRY(mrq_key_make(call->txn, call->a->master, MRQ_KEY_ORGANISATION,
			     call->now, kid, err));
	return mrq_member_put(call->answer, "kid", json_string(kid), err);
}

static bool
text_is(const json_t *doc, const char *member, const char *text)
{
	const char *value = json_string_value(json_object_get(doc, member));

	return value && strcmp(value, text) == 0;
}

/* What outsiders need to verify what this organisation signs. */
static enum mrq_status
public_put(const json_t *keys, const char *use, json_t *answer, struct mrq_error *err)
{
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		if (!text_is(key, "use", use) || !text_is(key, "state", "active"))
			continue;
		return mrq_member_put(answer, use, json_deep_copy(key), err);
	}
	return MRQ_OK;
}

enum mrq_status
mrq_admin_cert_show(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *keys MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_keys_list(call->txn, &keys, err));
	MRQ_TRY(mrq_member_put(call->answer, "org", json_string(call->a->org), err));
	MRQ_TRY(public_put(keys, "organisation", call->answer, err));
	return public_put(keys, "audit", call->answer, err);
}

/* ---- revocations ---- */

static enum mrq_status
revoked_append(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	json_t *copy = json_deep_copy(doc);

	MRQ_TRY(mrq_array_append(arg, copy, err));
	return mrq_member_put(copy, "id", json_string(key), err);
}

enum mrq_status
mrq_revocations_list(struct mrq_state_txn *txn, enum mrq_revoke kind, json_t **ret,
		     struct mrq_error *err)
{
	const char *collection =
		kind == MRQ_REVOKE_FILE ? MRQ_IN_REV_FILE : MRQ_IN_REV_CONTENT;
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_doc_each(txn, collection, revoked_append, array, err));
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_revocation_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *contents MRQ_CLEANUP(json_decref) = NULL;
	json_t *files MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_revocations_list(call->txn, MRQ_REVOKE_CONTENT, &contents, err));
	MRQ_TRY(mrq_revocations_list(call->txn, MRQ_REVOKE_FILE, &files, err));
	MRQ_TRY(mrq_member_put(call->answer, "contents", MRQ_STEAL(contents), err));
	return mrq_member_put(call->answer, "files", MRQ_STEAL(files), err);
}

static enum mrq_status
target_get(struct mrq_admin_call *call, enum mrq_revoke *ret_kind, struct mrq_guid *ret,
	   struct mrq_error *err)
{
	bool content = mrq_member_has(call->args, "content_id");
	bool file = mrq_member_has(call->args, "file_id");
	const char *member = file ? "file_id" : "content_id";

	if (content == file)
		return mrq_fail(err, MRQ_E_INVAL,
				"give either 'content_id' or 'file_id'");
	*ret = (struct mrq_guid){ 0 };
	MRQ_TRY(mrq_member_guid(call->args, member, ret, err));
	if (mrq_guid_is_nil(ret))
		return mrq_member_bad(err, member, "a GUID that is not all zeros");
	*ret_kind = file ? MRQ_REVOKE_FILE : MRQ_REVOKE_CONTENT;
	return MRQ_OK;
}

enum mrq_status
mrq_admin_revocation_add(struct mrq_admin_call *call, struct mrq_error *err)
{
	enum mrq_revoke kind;
	struct mrq_guid id;
	const char *by = NULL;

	MRQ_TRY(target_get(call, &kind, &id, err));
	MRQ_TRY(mrq_member_text(call->args, "by", MRQ_MAIL_MAX, &by, err));
	return mrq_revoked_put(call->txn, kind, &id, by, call->now, err);
}

enum mrq_status
mrq_admin_revocation_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	enum mrq_revoke kind;
	struct mrq_guid id;

	MRQ_TRY(target_get(call, &kind, &id, err));
	return mrq_revoked_drop(call->txn, kind, &id, err);
}
