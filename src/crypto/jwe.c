/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compact JWE, RFC 7516 section 7.1: header "." wrapped key "." IV "." ciphertext "." tag.
 * ECDH-ES+A256KW (RFC 7518 section 4.6, without apu and apv), A256GCM; the plaintext is one
 * content key.
 */
#include <openssl/err.h>

#include "block.h"
#include "jose.h"

#include <stdio.h>
#include <string.h>

#define ALG             "ECDH-ES+A256KW"
#define ENC             "A256GCM"
#define HEADER_TEXT_MAX 512
#define WRAPPED_BYTES   (MRQ_KEY_BYTES + 8)

struct jwe {
	struct mrq_part header; /* as it stands: the AAD */
	uint8_t wrapped[WRAPPED_BYTES];
	uint8_t iv[MRQ_NONCE_BYTES];
	uint8_t text[MRQ_KEY_BYTES];
	uint8_t tag[MRQ_TAG_BYTES];
};

/* The key that wraps, and the one that is wrapped. */
struct keys {
	struct mrq_wrap_key kek;
	struct mrq_content_key cek;
};

static void
keys_wipe(struct keys *keys)
{
	mrq_wipe(keys, sizeof(*keys));
}
MRQ_DEFINE_CLEANUP_VALUE(keys_wipe, struct keys)

/* Concat KDF, RFC 7518 section 4.6.2: one round, all numbers big-endian. */
static void
concat_kdf(const uint8_t z[static MRQ_P256_BYTES], struct mrq_wrap_key *ret)
{
	static const uint8_t round[] = { 0, 0, 0, 1 };
	static const uint8_t alg_len[] = { 0, 0, 0, sizeof(ALG) - 1 };
	/* apu and apv are empty, and 256 bits are wanted. */
	static const uint8_t rest[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
	uint8_t input[sizeof(round) + MRQ_P256_BYTES + sizeof(alg_len) + sizeof(ALG) -
		      1 + sizeof(rest)];
	uint8_t *at = input;

	at = mempcpy(at, round, sizeof(round));
	at = mempcpy(at, z, MRQ_P256_BYTES);
	at = mempcpy(at, alg_len, sizeof(alg_len));
	at = mempcpy(at, ALG, sizeof(ALG) - 1);
	(void)memcpy(at, rest, sizeof(rest));
	mrq_sha256(input, sizeof(input), ret->bytes);
	mrq_wipe(input, sizeof(input));
}

static enum mrq_status
agree(EVP_PKEY *mine, EVP_PKEY *peer, struct mrq_wrap_key *ret, struct mrq_error *err)
{
	uint8_t z[MRQ_P256_BYTES];
	enum mrq_status s = mrq_p256_ecdh(mine, peer, z, err);

	if (s == MRQ_OK)
		concat_kdf(z, ret);
	mrq_wipe(z, sizeof(z));
	return s;
}

/* RFC 3394, either way: in_len bytes become eight more or eight fewer. */
static bool
key_wrap(const struct mrq_wrap_key *kek, bool wrap, const uint8_t *in, size_t in_len,
	 uint8_t *out, size_t out_len)
{
	EVP_CIPHER_CTX *ctx MRQ_CLEANUP(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();
	int n = 0;

	if (!ctx)
		return false;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	return EVP_CipherInit_ex2(ctx, mrq_algorithms_get()->kw, kek->bytes, NULL, wrap,
				  NULL) == 1 &&
	       EVP_CipherUpdate(ctx, out, &n, in, (int)in_len) == 1 &&
	       n == (int)out_len;
}

/* A256GCM over one key; the tag is written or checked. */
static bool
gcm(const struct mrq_content_key *cek, bool encrypt, struct jwe *jwe, const uint8_t *in,
    uint8_t *out)
{
	EVP_CIPHER_CTX *ctx MRQ_CLEANUP(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();
	const uint8_t *aad = (const uint8_t *)jwe->header.at;
	uint8_t rest[MRQ_TAG_BYTES];
	int n;

	if (!ctx || EVP_CipherInit_ex2(ctx, mrq_algorithms_get()->gcm, cek->bytes,
				       jwe->iv, encrypt, NULL) != 1)
		return false;
	if (!encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MRQ_TAG_BYTES,
					    jwe->tag) != 1)
		return false;
	if (EVP_CipherUpdate(ctx, NULL, &n, aad, (int)jwe->header.len) != 1 ||
	    EVP_CipherUpdate(ctx, out, &n, in, MRQ_KEY_BYTES) != 1 ||
	    EVP_CipherFinal_ex(ctx, rest, &n) != 1)
		return false;
	return !encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
					       MRQ_TAG_BYTES, jwe->tag) == 1;
}

/* An ephemeral pair, agreed with `to`; its public half goes into the header. */
static enum mrq_status
agree_ephemeral(const struct mrq_public_key *to, struct mrq_wrap_key *kek,
		char epk[static MRQ_JWK_MAX], struct mrq_error *err)
{
	EVP_PKEY *mine MRQ_CLEANUP(EVP_PKEY_free) = NULL;
	uint8_t scalar[MRQ_P256_BYTES], point[MRQ_POINT_BYTES];

	MRQ_TRY(mrq_p256_generate(scalar, err));
	enum mrq_status s = mrq_p256_public_point(scalar, point, err);
	if (s == MRQ_OK)
		s = mrq_p256_private_pkey(scalar, point, &mine, err);
	mrq_wipe(scalar, sizeof(scalar));
	MRQ_TRY(s);
	mrq_jwk_format(point, epk);
	return agree(mine, to->pkey, kek, err);
}

static char *
put_part(char *at, const void *data, size_t len)
{
	*at++ = '.';
	return mrq_b64_put(at, data, len);
}

enum mrq_status
mrq_jwe_seal_content_key(const struct mrq_public_key *to,
			 const struct mrq_content_key *ck, char **ret,
			 struct mrq_error *err)
{
	struct keys keys MRQ_CLEANUP(keys_wipe) = { 0 };
	struct jwe jwe = { 0 };
	char epk[MRQ_JWK_MAX], header[HEADER_TEXT_MAX];

	MRQ_TRY(agree_ephemeral(to, &keys.kek, epk, err));
	int n = snprintf(header, sizeof(header),
			 "{\"alg\":\"" ALG "\",\"enc\":\"" ENC
			 "\",\"epk\":%s,\"kid\":\"%s\"}",
			 epk, to->kid);
	mrq_must(n > 0 && n < (int)sizeof(header));

	char *text MRQ_CLEANUP(free) = malloc(MRQ_JWE_MAX);
	if (!text)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a JWE");
	char *at = mrq_b64_put(text, header, (size_t)n);
	jwe.header = (struct mrq_part){ text, (size_t)(at - text) };
	mrq_content_key_random(&keys.cek);
	mrq_random(jwe.iv, sizeof(jwe.iv));
	if (!key_wrap(&keys.kek, true, keys.cek.bytes, MRQ_KEY_BYTES, jwe.wrapped,
		      WRAPPED_BYTES) ||
	    !gcm(&keys.cek, true, &jwe, ck->bytes, jwe.text))
		return mrq_fail(err, MRQ_E_NOMEM, "OpenSSL cannot seal a content key");
	at = put_part(at, jwe.wrapped, sizeof(jwe.wrapped));
	at = put_part(at, jwe.iv, sizeof(jwe.iv));
	at = put_part(at, jwe.text, sizeof(jwe.text));
	(void)put_part(at, jwe.tag, sizeof(jwe.tag));
	atomic_fetch_add(&mrq_pk_count.seal, 1);
	*ret = MRQ_STEAL(text);
	return MRQ_OK;
}

static enum mrq_status
jwe_parse(const char *text, size_t len, struct jwe *ret, struct mrq_error *err)
{
	struct mrq_part parts[5];

	if (len > MRQ_JWE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a JWE is over %d bytes",
				MRQ_JWE_MAX);
	MRQ_TRY(mrq_compact_split(text, len, "a JWE", parts, 5, err));
	ret->header = parts[0];
	if (!mrq_b64_get(parts[1], ret->wrapped, sizeof(ret->wrapped)) ||
	    !mrq_b64_get(parts[2], ret->iv, sizeof(ret->iv)) ||
	    !mrq_b64_get(parts[3], ret->text, sizeof(ret->text)) ||
	    !mrq_b64_get(parts[4], ret->tag, sizeof(ret->tag)))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWE does not hold one wrapped content key");
	return MRQ_OK;
}

static bool
names(const json_t *header, const char *name, const char *wanted)
{
	const char *have = mrq_json_text(header, name);

	return have && strcmp(have, wanted) == 0;
}

static enum mrq_status
check_header(const json_t *header, const char *kid, struct mrq_error *err)
{
	if (!names(header, "alg", ALG) || !names(header, "enc", ENC))
		return mrq_fail(err, MRQ_E_VERSION,
				"a JWE uses other algorithms than " ALG " and " ENC);
	if (json_object_get(header, "apu") || json_object_get(header, "apv") ||
	    json_object_get(header, "zip"))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWE uses apu, apv or zip, which we do not");
	if (json_object_get(header, "kid") && !names(header, "kid", kid))
		return mrq_fail(err, MRQ_E_DAMAGED, "a JWE is for another key than %s",
				kid);
	return MRQ_OK;
}

/* The ephemeral public key of a header. */
static enum mrq_status
load_epk(const json_t *header, EVP_PKEY **ret, struct mrq_error *err)
{
	uint8_t point[MRQ_POINT_BYTES];

	MRQ_TRY(mrq_jwk_point(json_object_get(header, "epk"), point, err));
	return mrq_p256_public_pkey(point, ret, err);
}

static enum mrq_status
open_keys(const struct mrq_private_key *key, const struct jwe *jwe, struct keys *ret,
	  struct mrq_error *err)
{
	json_t *header MRQ_CLEANUP(json_decref) = NULL;
	EVP_PKEY *mine MRQ_CLEANUP(EVP_PKEY_free) = NULL;
	EVP_PKEY *epk MRQ_CLEANUP(EVP_PKEY_free) = NULL;

	MRQ_TRY(mrq_jose_header(jwe->header, &header, err));
	MRQ_TRY(check_header(header, key->kid, err));
	MRQ_TRY(load_epk(header, &epk, err));
	MRQ_TRY(mrq_private_key_pkey(key, &mine, err));
	atomic_fetch_add(&mrq_pk_count.open, 1);
	MRQ_TRY(agree(mine, epk, &ret->kek, err));
	if (!key_wrap(&ret->kek, false, jwe->wrapped, WRAPPED_BYTES, ret->cek.bytes,
		      MRQ_KEY_BYTES)) {
		ERR_clear_error();
		return mrq_fail(err, MRQ_E_DAMAGED,
				"a JWE is damaged or sealed to another key");
	}
	return MRQ_OK;
}

enum mrq_status
mrq_jwe_open_content_key(const struct mrq_private_key *key, const char *jwe, size_t len,
			 struct mrq_content_key *ret, struct mrq_error *err)
{
	struct keys keys MRQ_CLEANUP(keys_wipe) = { 0 };
	struct mrq_content_key ck MRQ_CLEANUP(mrq_content_key_wipe) = { 0 };
	struct jwe parsed = { 0 };

	MRQ_TRY(jwe_parse(jwe, len, &parsed, err));
	MRQ_TRY(open_keys(key, &parsed, &keys, err));
	if (!gcm(&keys.cek, false, &parsed, parsed.text, ck.bytes)) {
		ERR_clear_error();
		return mrq_fail(err, MRQ_E_DAMAGED, "a JWE is damaged");
	}
	*ret = ck;
	return MRQ_OK;
}
