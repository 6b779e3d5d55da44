/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"
#include "base/bytes.h"
#include "base/file.h"
#include "crypto/seal.h"

#include <fcntl.h>
#include <string.h>

/*
 * "meta"/"authority" says whose authority this is and how its keys are sealed: the seal key (from
 * the passphrase or the machine) opens the master key, "secrets"/"master", and that the private
 * keys.  An authority is there when this record is; a state folder that an interrupted init left
 * without it is taken as new.
 */
#define AUTHORITY_VERSION 1
static const char master_aad[] = "marque authority master key";

struct meta {
	char org[MRQ_MAIL_MAX + 1];
	enum mrq_authority_seal seal;
	uint8_t salt[MRQ_SALT_BYTES];
	struct mrq_kdf_cost cost;
};

/* ---- the record ---- */

static enum mrq_status
meta_save(struct mrq_state_txn *txn, const struct meta *meta, int64_t now,
	  struct mrq_error *err)
{
	bool passphrase = meta->seal == MRQ_AUTHORITY_SEAL_PASSPHRASE;
	char salt[2 * MRQ_SALT_BYTES + 1];
	json_t *doc MRQ_CLEANUP(json_decref) = json_object();

	if (!doc)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_put(doc, "version", json_integer(AUTHORITY_VERSION), err));
	MRQ_TRY(mrq_member_put(doc, "org", json_string(meta->org), err));
	MRQ_TRY(mrq_member_put_time(doc, "created", now, err));
	MRQ_TRY(mrq_member_put(
		doc, "seal", json_string(passphrase ? "passphrase" : "machine"), err));
	if (passphrase) {
		mrq_hex_encode(meta->salt, sizeof(meta->salt), salt);
		MRQ_TRY(mrq_member_put(doc, "salt", json_string(salt), err));
		MRQ_TRY(mrq_member_put(doc, "passes", json_integer(meta->cost.passes),
				       err));
		MRQ_TRY(mrq_member_put(doc, "memory_kib",
				       json_integer(meta->cost.memory_kib), err));
	}
	return mrq_doc_put(txn, MRQ_IN_META, "authority", doc, err);
}

static enum mrq_status
passphrase_decode(const json_t *doc, struct meta *meta, struct mrq_error *err)
{
	const char *salt = json_string_value(json_object_get(doc, "salt"));
	int64_t passes = 0;
	int64_t memory = 0;

	if (!salt || !mrq_hex_decode(salt, meta->salt, sizeof(meta->salt)))
		return mrq_member_bad(err, "salt", "32 hex digits");
	MRQ_TRY(mrq_member_int(doc, "passes", 0, UINT32_MAX, &passes, err));
	MRQ_TRY(mrq_member_int(doc, "memory_kib", 0, UINT32_MAX, &memory, err));
	meta->cost = (struct mrq_kdf_cost){ (uint32_t)passes, (uint32_t)memory };
	return MRQ_OK;
}

static enum mrq_status
meta_decode(const json_t *doc, struct meta *meta, struct mrq_error *err)
{
	int64_t version = 0;
	const char *seal = NULL;

	MRQ_TRY(mrq_member_int(doc, "version", 1, INT32_MAX, &version, err));
	if (version != AUTHORITY_VERSION)
		return mrq_fail(err, MRQ_E_VERSION, "version %lld, this build knows %d",
				(long long)version, AUTHORITY_VERSION);
	MRQ_TRY(mrq_member_text_copy(doc, "org", MRQ_MAIL_MAX, meta->org, err));
	if (!mrq_domain_valid(meta->org))
		return mrq_member_bad(err, "org", "a domain name");
	MRQ_TRY(mrq_member_text(doc, "seal", MRQ_NAME_MAX, &seal, err));
	if (seal && strcmp(seal, "machine") == 0) {
		meta->seal = MRQ_AUTHORITY_SEAL_MACHINE;
		return MRQ_OK;
	}
	if (!seal || strcmp(seal, "passphrase") != 0)
		return mrq_member_bad(err, "seal", "passphrase or machine");
	meta->seal = MRQ_AUTHORITY_SEAL_PASSPHRASE;
	return passphrase_decode(doc, meta, err);
}

static enum mrq_status
meta_load(struct mrq_state_txn *txn, const char *dir, struct meta *ret,
	  struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	enum mrq_status s = mrq_doc_get(txn, MRQ_IN_META, "authority", &doc, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(err, s, "no authority in '%s'; run 'marque init'", dir);
	if (s != MRQ_OK)
		return s;
	s = meta_decode(doc, ret, &why);
	return s == MRQ_OK ? s
			   : mrq_doc_damaged(err, s, MRQ_IN_META, "authority", &why);
}

/* ---- the seal ---- */

static enum mrq_status
seal_key_get(const struct meta *meta, const struct mrq_authority_unlock *unlock,
	     struct mrq_seal_key *ret, struct mrq_error *err)
{
	if (meta->seal == MRQ_AUTHORITY_SEAL_PASSPHRASE) {
		if (unlock->seal != meta->seal || !unlock->passphrase)
			return mrq_fail(err, MRQ_E_PASSPHRASE,
					"the authority's keys are sealed with a "
					"passphrase; give it");
		return mrq_seal_key_from_passphrase(unlock->passphrase, meta->salt,
						    &meta->cost, ret, err);
	}
	if (unlock->seal != meta->seal || !unlock->machine_key)
		return mrq_fail(err, MRQ_E_INVAL,
				"the authority's keys are sealed to the machine, not "
				"with a passphrase");
	*ret = *unlock->machine_key;
	return MRQ_OK;
}

static enum mrq_status
seal_refused(const struct meta *meta, const char *dir, struct mrq_error *err)
{
	if (meta->seal == MRQ_AUTHORITY_SEAL_PASSPHRASE)
		return mrq_fail(err, MRQ_E_PASSPHRASE,
				"wrong passphrase for the authority in '%s'", dir);
	return mrq_fail(
		err, MRQ_E_DAMAGED,
		"the authority in '%s' was sealed on another machine, or its "
		"machine.key was replaced; bring back machine.key and machine id",
		dir);
}

static enum mrq_status
master_load(struct mrq_state_txn *txn, const struct meta *meta, const char *dir,
	    const struct mrq_authority_unlock *unlock, struct mrq_seal_key *ret,
	    struct mrq_error *err)
{
	struct mrq_seal_key seal MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	const void *sealed;
	size_t len;

	MRQ_TRY(seal_key_get(meta, unlock, &seal, err));
	MRQ_TRY(mrq_state_get(txn, MRQ_IN_SECRETS, "master", &sealed, &len, err));
	if (len != sizeof(*ret) + MRQ_SEAL_OVERHEAD)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the master key of the authority in '%s' is damaged; "
				"restore the state folder from a backup",
				dir);
	if (mrq_unseal(&seal, sealed, len, master_aad, sizeof(master_aad) - 1,
		       (uint8_t *)ret, NULL) != MRQ_OK)
		return seal_refused(meta, dir, err);
	return MRQ_OK;
}

static enum mrq_status
master_make(struct mrq_state_txn *txn, const struct meta *meta,
	    const struct mrq_authority_unlock *unlock, struct mrq_seal_key *ret,
	    struct mrq_error *err)
{
	struct mrq_seal_key seal MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	uint8_t sealed[sizeof(*ret) + MRQ_SEAL_OVERHEAD];

	MRQ_TRY(seal_key_get(meta, unlock, &seal, err));
	mrq_seal_key_random(ret);
	mrq_seal(&seal, ret, sizeof(*ret), master_aad, sizeof(master_aad) - 1, sealed);
	return mrq_state_put(txn, MRQ_IN_SECRETS, "master", sealed, sizeof(sealed),
			     err);
}

/* ---- init ---- */

static enum mrq_status
content_write(struct mrq_state_txn *txn, const struct meta *meta,
	      const struct mrq_authority_unlock *unlock, int64_t now,
	      struct mrq_error *err)
{
	struct mrq_seal_key master MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	char kid[MRQ_KID_TEXT];

	MRQ_TRY(meta_save(txn, meta, now, err));
	MRQ_TRY(master_make(txn, meta, unlock, &master, err));
	MRQ_TRY(mrq_key_make(txn, &master, MRQ_KEY_ORGANISATION, now, kid, err));
	MRQ_TRY(mrq_key_make(txn, &master, MRQ_KEY_AUDIT, now, kid, err));
	return mrq_starter_write(txn, err);
}

static enum mrq_status
state_make(const char *dir, struct mrq_state **ret, struct mrq_error *err)
{
	MRQ_TRY(mrq_make_dirs(dir, 0700, err));
	enum mrq_status s = mrq_state_open(dir, MRQ_STATE_NEW, ret, err);
	return s == MRQ_E_EXISTS ? mrq_state_open(dir, MRQ_STATE_EXISTING, ret, err)
				 : s;
}

enum mrq_status
mrq_authority_init(const char *dir, const char *org,
		   const struct mrq_authority_unlock *unlock, int64_t now,
		   struct mrq_error *err)
{
	struct mrq_state *state MRQ_CLEANUP(mrq_state_close) = NULL;
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	struct meta meta = { .seal = unlock->seal, .cost = MRQ_KDF_COST_DEFAULT };

	if (!mrq_domain_valid(org))
		return mrq_fail(err, MRQ_E_INVAL, "'%.200s' is no domain name", org);
	MRQ_TRY(mrq_crypto_init(err));
	memcpy(meta.org, org, strlen(org) + 1);
	mrq_random(meta.salt, sizeof(meta.salt));
	MRQ_TRY(state_make(dir, &state, err));
	MRQ_TRY(mrq_state_begin(state, MRQ_STATE_WRITE, &txn, err));
	if (mrq_state_has(txn, MRQ_IN_META, "authority"))
		return mrq_fail(err, MRQ_E_EXISTS,
				"there is an authority in '%s' already; it is left as "
				"it is",
				dir);
	MRQ_TRY(content_write(txn, &meta, unlock, now, err));
	return mrq_state_commit(MRQ_STEAL(txn), err);
}

/* ---- open ---- */

static enum mrq_status
state_find(const char *dir, struct mrq_state **ret, struct mrq_error *err)
{
	enum mrq_status s = mrq_state_open(dir, MRQ_STATE_EXISTING, ret, err);

	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(err, s, "no authority in '%s'; run 'marque init'", dir);
	return s;
}

enum mrq_status
mrq_authority_seal_load(const char *dir, enum mrq_authority_seal *ret,
			struct mrq_error *err)
{
	struct mrq_state *state MRQ_CLEANUP(mrq_state_close) = NULL;
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	struct meta meta = { 0 };

	MRQ_TRY(state_find(dir, &state, err));
	MRQ_TRY(mrq_state_begin(state, MRQ_STATE_READ, &txn, err));
	MRQ_TRY(meta_load(txn, dir, &meta, err));
	*ret = meta.seal;
	return MRQ_OK;
}

static enum mrq_status
org_key_lookup(void *arg, const char *kid, struct mrq_public_key **ret,
	       struct mrq_error *err)
{
	return mrq_authority_public_key(arg, kid, ret, err);
}

static enum mrq_status
content_read(struct mrq_authority *a, const char *dir,
	     const struct mrq_authority_unlock *unlock, struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	struct meta meta = { 0 };

	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_READ, &txn, err));
	MRQ_TRY(meta_load(txn, dir, &meta, err));
	memcpy(a->org, meta.org, sizeof(a->org));
	if (!unlock)
		return MRQ_OK;
	a->master = mrq_secret_alloc(sizeof(*a->master));
	if (!a->master)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no locked memory for the master key");
	MRQ_TRY(master_load(txn, &meta, dir, unlock, a->master, err));
	return mrq_audit_key_load(txn, a->master, &a->audit, err);
}

enum mrq_status
mrq_authority_open(const char *dir, const struct mrq_authority_unlock *unlock,
		   struct mrq_authority **ret, struct mrq_error *err)
{
	struct mrq_authority *a MRQ_CLEANUP(mrq_authority_free) = calloc(1, sizeof(*a));
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;

	if (!a)
		return mrq_json_no_memory(err);
	(void)pthread_mutex_init(&a->lock, NULL);
	MRQ_TRY(mrq_crypto_init(err));
	MRQ_TRY(mrq_verifier_new(org_key_lookup, a, &a->verifier, err));
	MRQ_TRY(state_find(dir, &a->state, err));
	MRQ_TRY(content_read(a, dir, unlock, err));
	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	*ret = MRQ_STEAL(a);
	return MRQ_OK;
}

void
mrq_authority_free(struct mrq_authority *a)
{
	if (!a)
		return;
	mrq_snapshot_put(a->cached);
	mrq_verifier_free(a->verifier);
	mrq_org_keys_free(a->keys);
	mrq_private_key_free(a->audit);
	mrq_secret_free(a->master);
	mrq_state_close(a->state);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- small answers ---- */

const char *
mrq_authority_org(const struct mrq_authority *a)
{
	return a->org;
}

enum mrq_status
mrq_authority_epoch(struct mrq_authority *a, uint64_t *ret, struct mrq_error *err)
{
	return mrq_state_epoch(a->state, ret, err);
}

enum mrq_status
mrq_authority_public_key(struct mrq_authority *a, const char *kid,
			 struct mrq_public_key **ret, struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;
	char jwk[MRQ_JWK_MAX];

	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	const struct mrq_org_key *key =
		kid ? mrq_snapshot_key(snap, kid) : snap->current;
	if (!key)
		return mrq_fail(err, MRQ_E_NOT_FOUND,
				"key '%.64s' is none of this organisation's", kid);
	mrq_public_key_format(key->public, jwk);
	return mrq_public_key_parse(jwk, strlen(jwk), ret, err);
}

const struct mrq_private_key *
mrq_authority_audit_key(struct mrq_authority *a)
{
	return a->audit;
}

enum mrq_status
mrq_authority_audit_public(struct mrq_authority *a, struct mrq_public_key **ret,
			   struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;

	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_READ, &txn, err));
	return mrq_audit_public_load(txn, ret, err);
}
