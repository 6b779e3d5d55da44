/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"
#include "base/clock.h"

#include <string.h>

/*
 * Keys of the organisation.  One is active: it certifies, and licences are sealed to it.  Those
 * before it are archived and go on to open and verify what they made.  None is ever deleted.
 * Private halves lie in "secrets" under the master key, which the seal key seals in turn.
 */

static const char *
use_name(enum mrq_key_use use)
{
	return use == MRQ_KEY_AUDIT ? "audit" : "organisation";
}

static bool
text_is(const json_t *doc, const char *member, const char *text)
{
	const char *value = json_string_value(json_object_get(doc, member));

	return value && strcmp(value, text) == 0;
}

/* ---- making ---- */

static enum mrq_status
record_put(struct mrq_state_txn *txn, const struct mrq_public_key *key,
	   enum mrq_key_use use, int64_t now, struct mrq_error *err)
{
	char text[MRQ_JWK_MAX];
	json_t *doc MRQ_CLEANUP(json_decref) = json_object();
	json_t *jwk = NULL;

	if (!doc)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_put(doc, "kid", json_string(mrq_public_key_kid(key)), err));
	MRQ_TRY(mrq_member_put(doc, "use", json_string(use_name(use)), err));
	MRQ_TRY(mrq_member_put(doc, "state", json_string("active"), err));
	MRQ_TRY(mrq_member_put_time(doc, "created", now, err));
	mrq_public_key_format(key, text);
	MRQ_TRY(mrq_object_parse(text, strlen(text), "a JWK", &jwk, err));
	MRQ_TRY(mrq_member_put(doc, "jwk", jwk, err));
	return mrq_doc_put(txn, MRQ_IN_KEYS, mrq_public_key_kid(key), doc, err);
}

static enum mrq_status
actives_collect(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	json_t *actives = arg;

	if (!text_is(doc, "use", use_name(MRQ_KEY_ORGANISATION)) ||
	    !text_is(doc, "state", "active"))
		return MRQ_OK;
	return mrq_member_put(actives, key, json_deep_copy(doc), err);
}

static enum mrq_status
actives_archive(struct mrq_state_txn *txn, int64_t now, struct mrq_error *err)
{
	json_t *actives MRQ_CLEANUP(json_decref) = json_object();
	const char *kid;
	json_t *doc;

	if (!actives)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_KEYS, actives_collect, actives, err));
	json_object_foreach(actives, kid, doc)
	{
		MRQ_TRY(mrq_member_put(doc, "state", json_string("archived"), err));
		MRQ_TRY(mrq_member_put_time(doc, "archived", now, err));
		MRQ_TRY(mrq_doc_put(txn, MRQ_IN_KEYS, kid, doc, err));
	}
	return MRQ_OK;
}

enum mrq_status
mrq_key_make(struct mrq_state_txn *txn, const struct mrq_seal_key *master,
	     enum mrq_key_use use, int64_t now, char ret_kid[static MRQ_KID_TEXT],
	     struct mrq_error *err)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = NULL;
	struct mrq_public_key *public MRQ_CLEANUP(mrq_public_key_free) = NULL;
	uint8_t *sealed MRQ_CLEANUP(free) = NULL;
	size_t len;

	MRQ_TRY(mrq_private_key_generate(&key, err));
	MRQ_TRY(mrq_private_key_public(key, &public, err));
	MRQ_TRY(mrq_private_key_seal(key, master, &sealed, &len, err));
	if (use == MRQ_KEY_ORGANISATION)
		MRQ_TRY(actives_archive(txn, now, err));
	MRQ_TRY(record_put(txn, public, use, now, err));
	const char *kid = mrq_public_key_kid(public);
	MRQ_TRY(mrq_state_put(txn, MRQ_IN_SECRETS, kid, sealed, len, err));
	memcpy(ret_kid, kid, strlen(kid) + 1);
	return MRQ_OK;
}

/* ---- loading ---- */

/* A secret under another's name would let its holder open what is not theirs. */
static enum mrq_status
same_key(const struct mrq_private_key *key, const char *kid, struct mrq_error *err)
{
	struct mrq_public_key *public MRQ_CLEANUP(mrq_public_key_free) = NULL;

	MRQ_TRY(mrq_private_key_public(key, &public, err));
	if (strcmp(mrq_public_key_kid(public), kid) != 0)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"private key '%s' of the authority is another key; "
				"restore the state folder from a backup",
				kid);
	return MRQ_OK;
}

static enum mrq_status
private_load(struct mrq_state_txn *txn, const struct mrq_seal_key *master,
	     const char *kid, struct mrq_private_key **ret, struct mrq_error *err)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = NULL;
	const void *sealed;
	size_t len;

	enum mrq_status s = mrq_state_get(txn, MRQ_IN_SECRETS, kid, &sealed, &len, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"private key '%s' of the authority is missing; restore "
				"the state folder from a backup",
				kid);
	if (s != MRQ_OK)
		return s;
	s = mrq_private_key_unseal(sealed, len, master, &key, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "private key '%s' of the authority", kid);
	MRQ_TRY(same_key(key, kid, err));
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

static enum mrq_status
audit_kid_find(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	(void)err;
	if (text_is(doc, "use", use_name(MRQ_KEY_AUDIT)) && strlen(key) < MRQ_KID_TEXT)
		memcpy(arg, key, strlen(key) + 1);
	return MRQ_OK;
}

static enum mrq_status
audit_kid_get(struct mrq_state_txn *txn, char ret[static MRQ_KID_TEXT],
	      struct mrq_error *err)
{
	ret[0] = '\0';
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_KEYS, audit_kid_find, ret, err));
	if (!ret[0])
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the authority has no audit key; restore the state "
				"folder from a backup");
	return MRQ_OK;
}

enum mrq_status
mrq_audit_key_load(struct mrq_state_txn *txn, const struct mrq_seal_key *master,
		   struct mrq_private_key **ret, struct mrq_error *err)
{
	char kid[MRQ_KID_TEXT];

	MRQ_TRY(audit_kid_get(txn, kid, err));
	return private_load(txn, master, kid, ret, err);
}

void
mrq_org_keys_free(struct mrq_org_key *first)
{
	while (first) {
		struct mrq_org_key *next = first->next;
		mrq_public_key_free(first->public);
		mrq_private_key_free(first->private);
		free(first);
		first = next;
	}
}

static const struct mrq_org_key *
known(const struct mrq_org_key *first, const char *kid)
{
	for (; first; first = first->next) {
		if (strcmp(first->kid, kid) == 0)
			return first;
	}
	return NULL;
}

static enum mrq_status
jwk_load(const char *kid, const json_t *doc, struct mrq_public_key **ret,
	 struct mrq_error *err)
{
	const json_t *jwk = json_object_get(doc, "jwk");
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = NULL;
	char *text MRQ_CLEANUP(free) = NULL;

	if (!json_is_object(jwk))
		return mrq_member_bad(err, "jwk", "an object");
	MRQ_TRY(mrq_object_dump(jwk, &text, err));
	MRQ_TRY(mrq_public_key_parse(text, strlen(text), &key, err));
	if (strcmp(mrq_public_key_kid(key), kid) != 0)
		return mrq_member_bad(err, "jwk", "the key of that id");
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

static enum mrq_status
public_load(const char *kid, const json_t *doc, struct mrq_public_key **ret,
	    struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status s = jwk_load(kid, doc, ret, &why);

	return s == MRQ_OK ? s : mrq_doc_damaged(err, s, MRQ_IN_KEYS, kid, &why);
}

enum mrq_status
mrq_audit_public_load(struct mrq_state_txn *txn, struct mrq_public_key **ret,
		      struct mrq_error *err)
{
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;
	char kid[MRQ_KID_TEXT];

	MRQ_TRY(audit_kid_get(txn, kid, err));
	MRQ_TRY(mrq_doc_get(txn, MRQ_IN_KEYS, kid, &doc, err));
	return public_load(kid, doc, ret, err);
}

struct sync {
	struct mrq_authority *a;
	struct mrq_state_txn *txn;
	struct mrq_snapshot *snap;
};

static enum mrq_status
key_add(const struct sync *sync, const char *kid, const json_t *doc,
	struct mrq_error *err)
{
	struct mrq_authority *a = sync->a;
	struct mrq_public_key *public MRQ_CLEANUP(mrq_public_key_free) = NULL;
	struct mrq_private_key *private MRQ_CLEANUP(mrq_private_key_free) = NULL;

	MRQ_TRY(public_load(kid, doc, &public, err));
	if (a->master)
		MRQ_TRY(private_load(sync->txn, a->master, kid, &private, err));
	struct mrq_org_key *key = calloc(1, sizeof(*key));
	if (!key)
		return mrq_json_no_memory(err);
	memcpy(key->kid, mrq_public_key_kid(public), sizeof(key->kid));
	key->public = MRQ_STEAL(public);
	key->private = MRQ_STEAL(private);
	key->next = a->keys;
	a->keys = key;
	return MRQ_OK;
}

static enum mrq_status
snapshot_add(struct mrq_snapshot *snap, const struct mrq_org_key *key,
	     struct mrq_error *err)
{
	const struct mrq_org_key **keys = reallocarray(snap->keys, snap->n_keys + 1,
						       sizeof(struct mrq_org_key *));

	if (!keys)
		return mrq_json_no_memory(err);
	snap->keys = keys;
	snap->keys[snap->n_keys++] = key;
	return MRQ_OK;
}

static enum mrq_status
key_sync(const char *kid, const json_t *doc, void *arg, struct mrq_error *err)
{
	struct sync *sync = arg;

	if (!text_is(doc, "use", use_name(MRQ_KEY_ORGANISATION)))
		return MRQ_OK;
	if (!known(sync->a->keys, kid))
		MRQ_TRY(key_add(sync, kid, doc, err));
	const struct mrq_org_key *key = known(sync->a->keys, kid);
	if (text_is(doc, "state", "active"))
		sync->snap->current = key;
	return snapshot_add(sync->snap, key, err);
}

enum mrq_status
mrq_keys_sync(struct mrq_authority *a, struct mrq_state_txn *txn,
	      struct mrq_snapshot *snap, struct mrq_error *err)
{
	struct sync sync = { a, txn, snap };

	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_KEYS, key_sync, &sync, err));
	if (!snap->current)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the authority has no active key; restore the state "
				"folder from a backup");
	return MRQ_OK;
}
