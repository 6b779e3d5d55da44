/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keyring.h"

#include "jose.h"
#include "seal.h"

#include <string.h>

#define JWK_INPUT_MAX 4096 /* with members that we ignore, such as certificates */

/* Sealed form: version u8 = 1, then the sealed big-endian scalar; the AAD names both. */
#define SEALED_VERSION 1
#define SEALED_BYTES   (1 + MRQ_P256_BYTES + MRQ_SEAL_OVERHEAD)
static const char sealed_aad[] = "marque-v1 private key P-256";

struct mrq_pk_count mrq_pk_count;

void
mrq_pk_counters_get(struct mrq_pk_counters *ret)
{
	ret->sign = atomic_load(&mrq_pk_count.sign);
	ret->verify = atomic_load(&mrq_pk_count.verify);
	ret->seal = atomic_load(&mrq_pk_count.seal);
	ret->open = atomic_load(&mrq_pk_count.open);
}

/* Key with an unset scalar, which is writable. */
static struct mrq_private_key *
private_key_new(void)
{
	struct mrq_private_key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	(void)pthread_mutex_init(&key->lock, NULL);
	mrq_guarded_init(&key->scalar, MRQ_P256_BYTES);
	if (!key->scalar.bytes) {
		mrq_private_key_free(key);
		return NULL;
	}
	return key;
}

void
mrq_private_key_free(struct mrq_private_key *key)
{
	if (!key)
		return;
	mrq_guarded_clear(&key->scalar);
	(void)pthread_mutex_destroy(&key->lock);
	free(key);
}

static enum mrq_status
complete(struct mrq_private_key *key, struct mrq_error *err)
{
	MRQ_TRY(mrq_p256_public_point(key->scalar.bytes, key->point, err));
	mrq_jwk_thumbprint(key->point, key->kid);
	if (!mrq_guarded_set(&key->scalar, MRQ_GUARD_CLOSED))
		return mrq_fail_sys(err, "cannot protect a private key");
	return MRQ_OK;
}

/* Several threads may use a key at once: the first one opens it, the last one closes it. */
static void
open_scalar(struct mrq_private_key *key)
{
	(void)pthread_mutex_lock(&key->lock);
	if (key->n_users++ == 0)
		mrq_must(mrq_guarded_set(&key->scalar, MRQ_GUARD_READ));
	(void)pthread_mutex_unlock(&key->lock);
}

static void
close_scalar(struct mrq_private_key *key)
{
	(void)pthread_mutex_lock(&key->lock);
	if (--key->n_users == 0)
		mrq_must(mrq_guarded_set(&key->scalar, MRQ_GUARD_CLOSED));
	(void)pthread_mutex_unlock(&key->lock);
}

/* Lock and protection are no part of the value that const promises to keep. */
static struct mrq_private_key *
mutable_key(const struct mrq_private_key *key)
{
	return (struct mrq_private_key *)(uintptr_t)key;
}

enum mrq_status
mrq_private_key_pkey(const struct mrq_private_key *key, EVP_PKEY **ret,
		     struct mrq_error *err)
{
	open_scalar(mutable_key(key));
	enum mrq_status s =
		mrq_p256_private_pkey(key->scalar.bytes, key->point, ret, err);
	close_scalar(mutable_key(key));
	return s;
}

enum mrq_status
mrq_private_key_generate(struct mrq_private_key **ret, struct mrq_error *err)
{
	MRQ_TRY(mrq_crypto_init(err));
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) =
		private_key_new();
	if (!key)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a private key");
	MRQ_TRY(mrq_p256_generate(key->scalar.bytes, err));
	MRQ_TRY(complete(key, err));
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

enum mrq_status
mrq_private_key_seal(const struct mrq_private_key *key,
		     const struct mrq_seal_key *under, uint8_t **ret, size_t *ret_len,
		     struct mrq_error *err)
{
	uint8_t *sealed MRQ_CLEANUP(free) = malloc(SEALED_BYTES);
	uint8_t be[MRQ_P256_BYTES];

	if (!sealed)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a sealed key");
	open_scalar(mutable_key(key));
	mrq_p256_export(key->scalar.bytes, be);
	close_scalar(mutable_key(key));
	sealed[0] = SEALED_VERSION;
	mrq_seal(under, be, sizeof(be), sealed_aad, sizeof(sealed_aad) - 1, sealed + 1);
	mrq_wipe(be, sizeof(be));
	*ret = MRQ_STEAL(sealed);
	*ret_len = SEALED_BYTES;
	return MRQ_OK;
}

enum mrq_status
mrq_private_key_unseal(const uint8_t *data, size_t len,
		       const struct mrq_seal_key *under, struct mrq_private_key **ret,
		       struct mrq_error *err)
{
	uint8_t be[MRQ_P256_BYTES];

	MRQ_TRY(mrq_crypto_init(err));
	if (len != SEALED_BYTES)
		return mrq_fail(err, MRQ_E_FORMAT, "a sealed key has %zu bytes, not %d",
				len, SEALED_BYTES);
	if (data[0] != SEALED_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"a sealed key of version %d is unknown", data[0]);
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) =
		private_key_new();
	if (!key)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a private key");
	MRQ_TRY(mrq_unseal(under, data + 1, len - 1, sealed_aad, sizeof(sealed_aad) - 1,
			   be, err));
	enum mrq_status s = mrq_p256_import(be, key->scalar.bytes, err);
	mrq_wipe(be, sizeof(be));
	MRQ_TRY(s);
	MRQ_TRY(complete(key, err));
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

static enum mrq_status
public_key_new(const uint8_t point[static MRQ_POINT_BYTES], struct mrq_public_key **ret,
	       struct mrq_error *err)
{
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) =
		calloc(1, sizeof(*key));

	if (!key)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a public key");
	MRQ_TRY(mrq_p256_public_pkey(point, &key->pkey, err));
	memcpy(key->point, point, sizeof(key->point));
	mrq_jwk_thumbprint(point, key->kid);
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

enum mrq_status
mrq_private_key_public(const struct mrq_private_key *key, struct mrq_public_key **ret,
		       struct mrq_error *err)
{
	return public_key_new(key->point, ret, err);
}

enum mrq_status
mrq_public_key_parse(const char *jwk, size_t len, struct mrq_public_key **ret,
		     struct mrq_error *err)
{
	uint8_t point[MRQ_POINT_BYTES];

	MRQ_TRY(mrq_crypto_init(err));
	if (len > JWK_INPUT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a JWK is over %d bytes",
				JWK_INPUT_MAX);
	json_t *object MRQ_CLEANUP(json_decref) =
		json_loadb(jwk, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWK is not a JSON object with unique names");
	MRQ_TRY(mrq_jwk_point(object, point, err));
	return public_key_new(point, ret, err);
}

void
mrq_public_key_format(const struct mrq_public_key *key, char ret[static MRQ_JWK_MAX])
{
	mrq_jwk_format(key->point, ret);
}

const char *
mrq_public_key_kid(const struct mrq_public_key *key)
{
	return key->kid;
}

void
mrq_public_key_free(struct mrq_public_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}
