/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compact JWS, RFC 7515 section 7.1: header "." payload "." signature, ES256 only. */
#include "jose.h"

#include <stdio.h>
#include <string.h>

#define HEADER_TEXT_MAX 256

struct jws {
	struct mrq_part signed_part; /* header "." payload */
	uint8_t sig[MRQ_ES256_BYTES];
	json_t *header;
	uint8_t *payload;
	size_t payload_len;
};

static void
jws_clear(struct jws *jws)
{
	json_decref(jws->header);
	free(jws->payload);
}
MRQ_DEFINE_CLEANUP_VALUE(jws_clear, struct jws)

/* A typ stands in JSON as it is: the characters of a media type, RFC 6838 section 4.2. */
static bool
is_typ(const char *typ)
{
	size_t len = strspn(typ, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789!#$&^_.+-/");

	return len > 0 && len <= MRQ_JOSE_TYP_MAX && typ[len] == '\0';
}

static enum mrq_status
jws_parse(const char *text, size_t len, struct jws *ret, struct mrq_error *err)
{
	struct mrq_part parts[3];

	MRQ_TRY(mrq_crypto_init(err));
	if (len > MRQ_JWS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a JWS is over %d bytes",
				MRQ_JWS_MAX);
	MRQ_TRY(mrq_compact_split(text, len, "a JWS", parts, 3, err));
	MRQ_TRY(mrq_jose_header(parts[0], &ret->header, err));
	MRQ_TRY(mrq_b64_load(parts[1], "a JWS payload", &ret->payload,
			     &ret->payload_len, err));
	if (!mrq_b64_get(parts[2], ret->sig, sizeof(ret->sig)))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWS signature is not %d bytes in base64url",
				MRQ_ES256_BYTES);
	ret->signed_part.at = text;
	ret->signed_part.len = parts[0].len + 1 + parts[1].len;
	return MRQ_OK;
}

static enum mrq_status
check_header(const struct jws *jws, const char *typ, struct mrq_error *err)
{
	const char *alg = mrq_json_text(jws->header, "alg");
	const char *have = mrq_json_text(jws->header, "typ");

	if (!alg || strcmp(alg, "ES256") != 0)
		return mrq_fail(err, MRQ_E_FORGED,
				"a JWS is signed with '%.32s', not ES256",
				alg ? alg : "nothing");
	if (typ && (!have || strcmp(have, typ) != 0))
		return mrq_fail(err, MRQ_E_FORGED, "a JWS is of type '%.64s', not '%s'",
				have ? have : "", typ);
	return MRQ_OK;
}

enum mrq_status
mrq_jws_sign(const struct mrq_private_key *key, const char *typ, const void *payload,
	     size_t len, char **ret, struct mrq_error *err)
{
	char header[HEADER_TEXT_MAX];
	uint8_t sig[MRQ_ES256_BYTES];

	if (!is_typ(typ))
		return mrq_fail(err, MRQ_E_INVAL, "'%.64s' is not a JWS type", typ);
	int header_len = snprintf(header, sizeof(header),
				  "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"%s\"}",
				  key->kid, typ);
	size_t fixed = MRQ_B64_CHARS((size_t)header_len) + 2 +
		       MRQ_B64_CHARS((size_t)MRQ_ES256_BYTES);
	if (len > MRQ_JWS_MAX || fixed + MRQ_B64_CHARS(len) > MRQ_JWS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"a JWS payload of %zu bytes is too long", len);

	char *jws MRQ_CLEANUP(free) = malloc(fixed + MRQ_B64_CHARS(len) + 1);
	if (!jws)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a JWS");
	char *at = mrq_b64_put(jws, header, (size_t)header_len);
	*at++ = '.';
	at = mrq_b64_put(at, payload, len);

	EVP_PKEY *pkey MRQ_CLEANUP(EVP_PKEY_free) = NULL;
	MRQ_TRY(mrq_private_key_pkey(key, &pkey, err));
	MRQ_TRY(mrq_es256_sign(pkey, jws, (size_t)(at - jws), sig, err));
	*at++ = '.';
	(void)mrq_b64_put(at, sig, sizeof(sig));
	atomic_fetch_add(&mrq_pk_count.sign, 1);
	*ret = MRQ_STEAL(jws);
	return MRQ_OK;
}

enum mrq_status
mrq_jws_peek(const char *jws, size_t len, const char *typ, char kid[MRQ_KID_TEXT],
	     char **ret, size_t *ret_len, struct mrq_error *err)
{
	struct jws parsed MRQ_CLEANUP(jws_clear) = { 0 };

	MRQ_TRY(jws_parse(jws, len, &parsed, err));
	MRQ_TRY(check_header(&parsed, typ, err));
	const char *have = mrq_json_text(parsed.header, "kid");
	if (kid && (!have || strlen(have) != MRQ_KID_TEXT - 1))
		return mrq_fail(err, MRQ_E_FORMAT, "a JWS does not name its key");
	if (kid)
		memcpy(kid, have, MRQ_KID_TEXT);
	*ret = (char *)MRQ_STEAL(parsed.payload);
	*ret_len = parsed.payload_len;
	return MRQ_OK;
}

enum mrq_status
mrq_jws_verify(const char *jws, size_t len, const char *typ,
	       const struct mrq_public_key *key, char **ret, size_t *ret_len,
	       struct mrq_error *err)
{
	struct jws parsed MRQ_CLEANUP(jws_clear) = { 0 };

	MRQ_TRY(jws_parse(jws, len, &parsed, err));
	MRQ_TRY(check_header(&parsed, typ, err));
	const char *kid = mrq_json_text(parsed.header, "kid");
	if (json_object_get(parsed.header, "kid") &&
	    (!kid || strcmp(kid, key->kid) != 0))
		return mrq_fail(err, MRQ_E_FORGED,
				"a JWS is signed by another key than %s", key->kid);
	atomic_fetch_add(&mrq_pk_count.verify, 1);
	MRQ_TRY(mrq_es256_verify(key->pkey, parsed.signed_part.at,
				 parsed.signed_part.len, parsed.sig, err));
	*ret = (char *)MRQ_STEAL(parsed.payload);
	*ret_len = parsed.payload_len;
	return MRQ_OK;
}
