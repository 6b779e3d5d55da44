/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"

#include "base/guid.h"
#include "crypto/secret.h"

#include <string.h>

enum mrq_status
mrq_doc_damaged(struct mrq_error *err, enum mrq_status s, const char *collection,
		const char *key, const struct mrq_error *why)
{
	if (s == MRQ_E_NOMEM)
		return mrq_json_no_memory(err);
	return mrq_fail(err, s == MRQ_E_VERSION ? s : MRQ_E_DAMAGED,
			"record '%s' of the authority's '%s' is damaged: %.300s; "
			"restore the state folder from a backup",
			key, collection, why->msg);
}

static enum mrq_status
doc_parse(const char *collection, const char *key, const void *value, size_t len,
	  json_t **ret, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status s = mrq_object_parse(value, len, "it", ret, &why);

	return s == MRQ_OK ? s : mrq_doc_damaged(err, s, collection, key, &why);
}

enum mrq_status
mrq_doc_get(struct mrq_state_txn *txn, const char *collection, const char *key,
	    json_t **ret, struct mrq_error *err)
{
	const void *value;
	size_t len;

	MRQ_TRY(mrq_state_get(txn, collection, key, &value, &len, err));
	return doc_parse(collection, key, value, len, ret, err);
}

enum mrq_status
mrq_doc_put(struct mrq_state_txn *txn, const char *collection, const char *key,
	    const json_t *doc, struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(mrq_object_dump(doc, &text, err));
	return mrq_state_put(txn, collection, key, text, strlen(text), err);
}

enum mrq_status
mrq_doc_put_guid(struct mrq_state_txn *txn, const char *collection,
		 const struct mrq_guid *id, const json_t *doc, struct mrq_error *err)
{
	char key[MRQ_GUID_TEXT];

	mrq_guid_format(id, key);
	return mrq_doc_put(txn, collection, key, doc, err);
}

bool
mrq_state_has(struct mrq_state_txn *txn, const char *collection, const char *key)
{
	const void *value;
	size_t len;

	return mrq_state_get(txn, collection, key, &value, &len, NULL) == MRQ_OK;
}

void
mrq_id_make(struct mrq_guid *ret)
{
	mrq_random(ret, sizeof(*ret));
	ret->bytes[6] = (uint8_t)((ret->bytes[6] & 0x0f) | 0x40);
	ret->bytes[8] = (uint8_t)((ret->bytes[8] & 0x3f) | 0x80);
}

struct walk {
	const char *collection;
	mrq_doc_visit visit;
	void *arg;
	enum mrq_status status;
	struct mrq_error *err;
};

static bool
walk_one(const char *key, const void *value, size_t len, void *arg)
{
	struct walk *walk = arg;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	walk->status = doc_parse(walk->collection, key, value, len, &doc, walk->err);
	if (walk->status == MRQ_OK)
		walk->status = walk->visit(key, doc, walk->arg, walk->err);
	return walk->status == MRQ_OK;
}

enum mrq_status
mrq_doc_each(struct mrq_state_txn *txn, const char *collection, mrq_doc_visit visit,
	     void *arg, struct mrq_error *err)
{
	struct walk walk = { collection, visit, arg, MRQ_OK, err };

	MRQ_TRY(mrq_state_each(txn, collection, walk_one, &walk, err));
	return walk.status;
}

static bool
key_append(const char *key, const void *value, size_t len, void *arg)
{
	(void)value;
	(void)len;
	return json_array_append_new(arg, json_string(key)) == 0;
}

enum mrq_status
mrq_doc_clear(struct mrq_state_txn *txn, const char *collection, struct mrq_error *err)
{
	json_t *keys MRQ_CLEANUP(json_decref) = json_array();

	if (!keys)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_state_each(txn, collection, key_append, keys, err));
	for (size_t i = 0; i < json_array_size(keys); i++)
		MRQ_TRY(mrq_state_delete(txn, collection,
					 json_string_value(json_array_get(keys, i)),
					 err));
	return MRQ_OK;
}

enum mrq_status
mrq_member_known(const json_t *o, const char *const *names, size_t n,
		 struct mrq_error *err)
{
	const char *member;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, member, value)
	{
		bool known = false;
		for (size_t i = 0; i < n && !known; i++)
			known = strcmp(member, names[i]) == 0;
		if (!known)
			return mrq_fail(err, MRQ_E_INVAL, "'%.64s' is no member here",
					member);
	}
	return MRQ_OK;
}
