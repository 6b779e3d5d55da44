/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"

#include <string.h>

/* Super users: record "superusers" of "meta", {"until","who"}; none there, none ever were. */

void
mrq_super_users_clear(struct mrq_super_users *super)
{
	free(super->who);
	*super = (struct mrq_super_users){ 0 };
}

static enum mrq_status
who_decode(const json_t *doc, struct mrq_super_users *super, struct mrq_error *err)
{
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_member_list(doc, "who", MRQ_SUPERUSERS_MAX, &list, err));
	size_t n = json_array_size(list);
	super->who = calloc(n + 1, sizeof(*super->who));
	if (!super->who)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text)
			return mrq_member_bad(err, "who", "principals");
		MRQ_TRY(mrq_principal_parse(text, &super->who[super->n], err));
		super->n++;
	}
	return MRQ_OK;
}

enum mrq_status
mrq_super_users_load(struct mrq_state_txn *txn, struct mrq_super_users *ret,
		     struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	struct mrq_error why = { 0 };
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	enum mrq_status s = mrq_doc_get(txn, MRQ_IN_META, "superusers", &doc, err);
	if (s == MRQ_E_NOT_FOUND)
		return MRQ_OK;
	if (s != MRQ_OK)
		return s;
	s = mrq_member_time(doc, "until", 0, &super.until, &why);
	if (s == MRQ_OK)
		s = who_decode(doc, &super, &why);
	if (s != MRQ_OK)
		return mrq_doc_damaged(err, s, MRQ_IN_META, "superusers", &why);
	*ret = super;
	super = (struct mrq_super_users){ 0 };
	return MRQ_OK;
}

enum mrq_status
mrq_super_users_save(struct mrq_state_txn *txn, const struct mrq_super_users *super,
		     struct mrq_error *err)
{
	json_t *doc MRQ_CLEANUP(json_decref) = json_object();
	json_t *who MRQ_CLEANUP(json_decref) = json_array();

	if (!doc || !who)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < super->n; i++) {
		char text[MRQ_PRINCIPAL_MAX + 1];
		mrq_principal_format(&super->who[i], text);
		MRQ_TRY(mrq_array_append(who, json_string(text), err));
	}
	MRQ_TRY(mrq_member_put_time(doc, "until", super->until, err));
	MRQ_TRY(mrq_member_put(doc, "who", MRQ_STEAL(who), err));
	return mrq_doc_put(txn, MRQ_IN_META, "superusers", doc, err);
}
